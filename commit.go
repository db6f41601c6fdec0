package cookiesession

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/purpose"
)

// This file is the way out: what was decided about each compartment is carried
// out, in one loop over all of them.

// testMaxAge is how long the browser keeps the test cookie, in seconds.
const testMaxAge = 600

// commit writes into h what the response has to carry.
func (s *Session) commit(h http.Header, status int, panicked bool) error {
	s.mu.Lock()
	defer s.exit()
	if s.m.always && s.stage == writable && s.phase == unseen {
		s.phase = seen
	}
	if s.phase != unseen {
		s.open()
	}
	if s.stage != writable {
		return ErrCommitted
	}
	s.stage = committed
	if s.phase != unseen {
		return s.respond(h, status, panicked)
	}
	if s.answer == purpose.Page && status == http.StatusOK {
		s.dropFlashUnopened(h)
	}
	return nil
}

// dropFlashUnopened deletes a flash cookie that a page did not look at: its
// turn is over. This is the one automatic write that does not ask who wrote
// the cookie, and it costs no cryptography. What comes after the header may
// still read it.
func (s *Session) dropFlashUnopened(h http.Header) {
	c := &s.m.users[flashAt]
	if r := (response{s: s, lines: h["Set-Cookie"], before: len(h["Set-Cookie"])}); r.sets(flashAt) {
		return
	}
	s.begin()
	h["Set-Cookie"] = c.AppendDeletions(h["Set-Cookie"], &s.in[flashAt], 0, new(int))
	s.note(Event{Kind: EventDeleted, CookieName: c.Name, Bytes: s.in[flashAt].Size})
	s.fields.ForbidSharing(h)
}

// response is what one response carries, while it is put together.
type response struct {
	s         *Session
	lines     []string // Set-Cookie
	before    int      // of them: how many others have set
	leftovers int      // continuation cookies that were deleted
	err       error
}

// respond writes every compartment of a session that was looked at. It stands
// apart from commit, because a large stack frame costs every request 10 to 30 ns.
func (s *Session) respond(h http.Header, status int, panicked bool) error {
	e := &s.ending
	e.status, e.panicked, e.elapsed, e.left = status, panicked, time.Since(s.at), int32(s.m.maxBytes)
	now := s.now()
	e.key = s.m.ring.Current(now).Sealing(now)
	r := response{s: s, lines: h["Set-Cookie"]}
	if r.before = len(r.lines); r.before == 0 {
		r.lines = s.cookies[:0]
	}
	var o outcome
	for i := range s.m.users {
		if idle := s.m.users[i].idle; s.in[i].Size == 0 && idle != nil && idle(s) {
			continue
		}
		done := r.carryOut(i, s.m.users[i].plan(s, o))
		if i == dataAt {
			o = outcome{done, r.err != nil}
		}
	}
	r.test()
	if len(r.lines) > r.before {
		s.fields.ForbidSharing(h) // first: it walks over the fields that are there
		h["Set-Cookie"] = r.lines
	} else if s.permitted && (s.live() && !s.destroyed || s.flash != nil && s.flash.shown()) {
		s.fields.DefaultPrivate(h)
	}
	s.fields.VaryByCookie(h)
	if r.err != nil {
		s.note(Event{Kind: EventWriteRefused, CookieName: s.m.base, Err: r.err})
	}
	return r.err
}

// carryOut does to one compartment what was decided, and tells what was done
// in the end.
func (r *response) carryOut(at int, do step) decide.Action {
	if !do.own && r.sets(at) {
		do.action = decide.Leave
	}
	switch do.action {
	case decide.Issue, decide.Renew, decide.Rekey:
		if r.issue(at, &do) {
			return do.action
		}
		do.action = do.otherwise
	}
	if do.action == decide.Remove {
		r.remove(at)
		return decide.Remove
	}
	if stays := r.s.m.users[at].stays; stays != nil {
		r.s.ending.left -= int32(stays(r.s))
	}
	return decide.Leave
}

// sets reports whether the response set cookies of this name before us. A
// gateway and a service behind it may share the ring and the Name. Then both
// work on one response, and the gateway must leave alone what the service has
// just set.
func (r *response) sets(at int) bool {
	name := r.s.m.users[at].Name
	return slices.ContainsFunc(r.lines[:r.before], func(line string) bool {
		rest, ours := strings.CutPrefix(line, name)
		return ours && strings.HasPrefix(rest, "=")
	})
}

var issueEvents = [...]EventKind{decide.Issue: EventIssued, decide.Renew: EventRenewed, decide.Rekey: EventRekeyed}

// issue seals one payload and appends its cookies, unless they do not fit.
func (r *response) issue(at int, do *step) bool {
	c, in, e := &r.s.m.users[at].Cookie, &r.s.in[at], &r.s.ending
	lines, size, err := r.lines, sealed{}, errNoKey
	if e.key != nil {
		lines, size, err = seal(r.lines, c, do.payload, e.key, do.maxAge)
	}
	if err == nil && (size.bytes > int(e.left) && size.plainLen > do.cameLen || size.cookies > cookie.MaxChunks) {
		err = r.s.tooLarge(r.s.m.maxBytes-int(e.left)+size.bytes, do.payload.Entries())
	}
	if err != nil {
		r.err = errors.Join(r.err, err)
		return false
	}
	if r.s.gone() {
		lines = c.AppendVariantDeletions(lines, in, size.cookies)
	}
	r.lines = c.AppendDeletions(lines, in, size.cookies, &r.leftovers)
	e.left -= int32(size.bytes)
	r.s.note(Event{Kind: issueEvents[do.action], CookieName: c.Name, KeyID: e.key.ID(), Bytes: size.bytes})
	return true
}

var errNoKey = errors.New("cookiesession: no key of the ring seals at this time")

// remove deletes what came of one compartment.
func (r *response) remove(at int) {
	c, in, before := &r.s.m.users[at].Cookie, &r.s.in[at], len(r.lines)
	r.lines = c.AppendDeletions(r.lines, in, 0, &r.leftovers)
	if len(r.lines) > before {
		r.s.note(Event{Kind: EventDeleted, CookieName: c.Name, Bytes: in.Size})
	}
}

// test treats the test cookie, which is not sealed.
func (r *response) test() {
	s := r.s
	if s.content.test == decide.TestUntouched && s.permitted && !s.destroyed { // nothing to set or to delete
		return
	}
	facts := decide.Test{
		Came: s.testCame(), Denied: !s.permitted, Destroyed: s.destroyed, Asked: s.content.test, Failed: s.ending.failed()}
	switch facts.Decide() {
	case decide.Issue:
		r.lines = s.m.test.AppendPlain(r.lines, "1", testMaxAge)
	case decide.Remove:
		r.lines = s.m.test.AppendPlain(r.lines, "", 0)
	}
}
