package cookiesession

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession/internal/firstbyte"
	"github.com/cookiesession/cookiesession/internal/keys"
)

// This file is the way out: what a response does to each compartment.

// exchange is what one request through Handler needs, in one object: context,
// session and writer apart cost 270 ns and 5 allocations more.
type exchange struct {
	context.Context
	s      *Session // own, or one that NewContext put there
	own    Session
	writer firstbyte.Writer
	inner  http.Request // what next gets: in here, WithContext's copy is no allocation of its own
}

// Value finds the session.
func (x *exchange) Value(key any) any {
	if k, ok := key.(contextKey); ok && k.m == x.s.m {
		return x.s
	}
	return x.Context.Value(key)
}

// serve runs next and commits on every road out. A panic goes on as it came:
// it is not recovered, so that its trace stays whole.
func (x *exchange) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if !returned && !x.writer.Sent() {
			x.s.commit(w.Header(), http.StatusInternalServerError, true)
		}
	}()
	if x.s == &x.own {
		x.inner = *r.WithContext(x)
		defer x.handBack(r)
		r = &x.inner
	}
	next.ServeHTTP(x.writer.Wrap(w, x), r)
	returned = true
	x.writer.Finish()
}

// handBack gives the request that came what next has put into its copy:
// net/http removes the uploaded files of the request that it made itself, and
// middleware outside reads the pattern that a mux inside has matched.
func (x *exchange) handBack(r *http.Request) {
	if r.MultipartForm == nil {
		r.MultipartForm = x.inner.MultipartForm
	}
	r.Pattern = x.inner.Pattern
}

// BeforeHeader commits when the header is about to leave.
func (x *exchange) BeforeHeader(h http.Header, status int) {
	x.s.commit(h, status, false) // what cannot be written has been reported
}

var errOtherManager = errors.New("cookiesession: Commit: the session is another manager's")

// Commit writes into h what the response has to carry: Set-Cookie and what
// caches must know. status is that of the response; 0 is 200. On a 5xx changes
// are not saved, removals are. It works once, then returns [ErrCommitted];
// other errors say that a change could not be saved (a [TooLargeError] when
// keys changed under way), and the browser keeps its last good cookie.
//
// Whoever looked at the session made the response vary: Vary gains Cookie, and
// where there is a session to show and no Cache-Control it becomes private. A
// response that sets a cookie is never left to shared caches (RFC 9111; see
// CVE-2023-30861): public and s-maxage leave its Cache-Control, private is in
// it, and Surrogate-Control and CDN-Cache-Control (RFC 9213) are removed.
func (m *Manager) Commit(h http.Header, s *Session, status int) error {
	if s.m != m {
		return errOtherManager
	}
	if status == 0 {
		status = http.StatusOK
	}
	return s.commit(h, status, false)
}

// outcome is how the request ended.
type outcome struct {
	status   int
	panicked bool
	failed   bool // changes are not saved
	now      time.Time
}

func (s *Session) commit(h http.Header, status int, panicked bool) error {
	s.mu.Lock()
	defer s.exit()
	if s.m.always && !s.committed {
		s.accessed = true
	}
	if s.accessed {
		s.open()
	}
	if s.committed {
		return ErrCommitted
	}
	s.committed = true
	if s.accessed {
		return s.answer(h, status, panicked)
	}
	if s.flashCame && status == http.StatusOK && s.document() {
		s.dropFlashUnopened(h)
	}
	return nil
}

// answer writes what the response to a request that looked at its session has
// to carry. It is apart from commit so that others do not pay for its frame,
// 10 to 30 ns.
func (s *Session) answer(h http.Header, status int, panicked bool) error {
	p := plan{s: s, lines: h["Set-Cookie"], outcome: outcome{
		status: status, panicked: panicked, failed: panicked || status >= 500,
		now: s.at.Add(time.Since(s.at)), // half the price of time.Now; a clock set meanwhile is seen by the next request
	}}
	before := len(p.lines)
	if before == 0 {
		p.lines = s.field.cookie[:0]
	}
	p.run()
	if len(p.lines) > before {
		s.field.forbidSharing(h) // first: it walks over what is there
		h["Set-Cookie"] = p.lines
	} else if s.permitted() && (s.live && !s.destroyed || s.flashes != nil && s.flashes.shown()) {
		s.field.keepPrivate(h)
	}
	s.field.vary(h)
	if p.err != nil {
		s.note(Event{Kind: EventWriteRefused, CookieName: s.m.data.name, Err: p.err})
	}
	return p.err
}

// dropFlashUnopened deletes a flash cookie that a page did not look at: its
// turn is over. This is the one automatic write that does not ask who wrote
// it, and costs no cryptography. What comes after the header may still read it.
func (s *Session) dropFlashUnopened(h http.Header) {
	s.begin()
	h["Set-Cookie"] = s.m.flash.appendDeletions(h["Set-Cookie"], &s.in.flash, 0, new(int))
	s.note(Event{Kind: EventDeleted, CookieName: s.m.flash.name})
	s.field.forbidSharing(h)
}

// plan works out the Set-Cookie lines of one response.
type plan struct {
	outcome
	s         *Session
	lines     []string
	left      int // of MaxBytes
	leftovers int // continuation cookies deleted
	err       error
}

func (p *plan) run() {
	s := p.s
	if !s.permitted() {
		p.remove(&s.m.data, &s.in.data)
		p.remove(&s.m.flash, &s.in.flash)
		p.remove(&s.m.views, &s.in.views)
		if s.in.test {
			p.setTest(0)
		}
		return
	}
	p.left = s.m.cfg.MaxBytes
	replaced := p.data()
	if s.flashes != nil || s.in.flash.size > 0 { // what most requests have nothing of costs them nothing: 60 ns
		p.flash()
	}
	if s.m.cfg.TrackViews || s.in.views.size > 0 {
		p.viewed(replaced)
	}
	p.test()
}

// data treats the data compartment, and tells whether the handler's own write
// has replaced what came.
func (p *plan) data() (replaced bool) {
	s := p.s
	gone := s.gone()
	write := s.dirty && !p.failed
	shown := s.live && !gone
	key := s.m.ring.current(p.now).Sealing(p.now)
	keep := write && s.worthKeeping(p.now)
	if keep {
		s.id()
		s.work.modified = p.now.Unix()
		if p.issueData(key, EventIssued) {
			return true
		}
	}
	switch {
	case gone, write && !keep && (s.live || s.cleared):
		// Gone also where what came after it does not fit. What was not shown
		// has not been emptied by marking it or changing its id.
		p.remove(&s.m.data, &s.in.data)
		return write
	case keep:
	case shown && !p.failed && s.renews(p.now):
		s.work.modified = p.now.Unix()
		p.issueData(key, EventRenewed)
	case shown && !p.failed && key != nil && s.data.key.OlderThan(key):
		p.issueData(key, EventRekeyed)
	default:
		p.left -= s.dataLeft()
	}
	return false
}

// browserID is the id of the session that the browser has after the response.
func (p *plan) browserID(replaced bool) sessionID {
	s := p.s
	switch {
	case replaced:
	case s.live && !s.gone():
		return s.data.came.id
	case p.failed && s.cycled && s.continuesViews(): // dropped with the rest of a failed request
		return s.views.came.id
	}
	return s.id()
}

// gone reports whether what came has ended: it is removed at any status.
func (s *Session) gone() bool {
	return s.destroyed || s.verdict == expired || s.verdict == revoked
}

// dataLeft is what the data cookie that came takes if it stays as it is. One
// that opens nowhere takes nothing: a planted one would leave no room.
func (s *Session) dataLeft() int {
	if s.live && !s.gone() || s.verdict == foreign || s.verdict == withheld {
		return s.in.data.size
	}
	return 0
}

// worthKeeping reports whether there is anything to remember, and for any
// time at all.
func (s *Session) worthKeeping(now time.Time) bool {
	if s.work.values.Len() == 0 && s.work.expiry == (Expiry{}) {
		return false
	}
	return now.Before(s.m.deadline(s.work.expiry, s.created(), now))
}

// renews reports whether reading has become activity.
func (s *Session) renews(now time.Time) bool {
	after := s.m.cfg.RenewAfter
	return s.m.cfg.SaveEveryRequest || after > 0 && now.Sub(time.Unix(s.data.came.modified, 0)) >= after
}

func (p *plan) issueData(key *keys.Key, kind EventKind) bool {
	s := p.s
	age := s.m.cookieAge(s.work.expiry, s.created(), time.Unix(s.work.modified, 0), p.now)
	if !p.issue(&s.m.data, &s.in.data, &s.work, key, age, s.data.plainLen, kind) {
		p.left -= s.dataLeft()
		return false
	}
	return true
}

// issue seals one payload and appends its cookies, unless they do not fit. One
// that is not longer than the plaintext that came, cameLen, may exceed MaxBytes.
func (p *plan) issue(c *compartment, came *received, load payload, key *keys.Key, age, cameLen int, kind EventKind) bool {
	if key == nil {
		p.err = errors.Join(p.err, errNoKey)
		return false
	}
	lines, sealed, err := c.seal(p.lines, load, key, age)
	if err == nil && sealed.bytes > p.left && sealed.plainLen > cameLen || sealed.cookies > maxPieces {
		err = p.s.tooLarge(p.s.m.cfg.MaxBytes-p.left+sealed.bytes, load.entries())
	}
	if err != nil {
		p.err = errors.Join(p.err, err)
		return false
	}
	if p.s.gone() {
		lines = c.appendCopyDeletions(lines, came, sealed.cookies)
	}
	p.lines = c.appendDeletions(lines, came, sealed.cookies, &p.leftovers)
	p.left -= sealed.bytes
	p.s.note(Event{Kind: kind, CookieName: c.name, KeyID: key.ID(), Bytes: sealed.bytes})
	return true
}

var errNoKey = errors.New("cookiesession: no key of the ring seals at this time")

// remove deletes what came of a compartment.
func (p *plan) remove(c *compartment, came *received) {
	before := len(p.lines)
	p.lines = c.appendDeletions(p.lines, came, 0, &p.leftovers)
	if len(p.lines) > before {
		p.s.note(Event{Kind: EventDeleted, CookieName: c.name, Bytes: came.size})
	}
}

func (p *plan) flash() {
	s := p.s
	remove, next := s.planFlash(p.outcome)
	switch {
	case remove:
		p.remove(&s.m.flash, &s.in.flash)
	case next.values.Len() > 0:
		p.issueFlash(next)
	default:
		p.left -= s.flashBytes()
	}
}

func (p *plan) issueFlash(next flashRecord) {
	s := p.s
	left := time.Unix(next.expires, 0).Sub(p.now)
	age := int(roundUp(max(0, min(left, s.m.cfg.FlashLifetime, maxCookieAge))))
	if s.m.cfg.BrowserSession {
		age = noMaxAge
	}
	key := s.m.ring.current(p.now).Sealing(p.now)
	p.issue(&s.m.flash, &s.in.flash, &next, key, age, s.flash().plainLen, EventIssued)
}

// viewed treats the views compartment: its history gets the room that is left.
func (p *plan) viewed(replaced bool) {
	s := p.s
	remove, next := s.planViews(p.outcome, p.browserID(replaced), replaced)
	key := s.m.ring.current(p.now).Sealing(p.now)
	if next == nil || key == nil {
		if remove {
			p.remove(&s.m.views, &s.in.views)
		}
		return
	}
	if !next.shrink(func(n int) bool { return s.m.views.sealedSize(key, n) <= p.left }) {
		p.remove(&s.m.views, &s.in.views)
		return
	}
	age := s.m.cookieAge(s.work.expiry, s.created(), p.now, p.now)
	p.issue(&s.m.views, &s.in.views, next, key, age, 0, EventIssued)
}

// test treats the test cookie.
func (p *plan) test() {
	s := p.s
	switch {
	case s.testCookie == testSet && !p.failed:
		p.setTest(testMaxAge)
	case s.in.test && (s.destroyed || s.testCookie == testDeleted && !p.failed):
		p.setTest(0)
	}
}

func (p *plan) setTest(age int) {
	c := p.s.m.data
	b := append(append([]byte(nil), c.name...), testSuffix...)
	if b = append(b, '='); age > 0 {
		b = append(b, '1')
	}
	p.lines = append(p.lines, string(c.appendAttributes(b, c.before, age)))
}
