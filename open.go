package cookiesession

import (
	"errors"
	"fmt"
	"time"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// This file is the way in: from the cookies that came to the facts about them,
// one standing for each compartment.

// enter locks the session and makes sure that it has been looked at.
func (s *Session) enter() {
	s.mu.Lock()
	if s.phase == unseen {
		s.phase = seen
		if s.stage == committed {
			s.note(Event{Kind: EventLateLook, CookieName: s.m.base})
		}
	}
	if s.phase != shown {
		s.openOrUnlock()
	}
}

// openOrUnlock unlocks where Validate ends the goroutine, as t.FailNow does in a
// test. enter does not return then, so nobody would call exit.
func (s *Session) openOrUnlock() {
	ended := true
	defer func() {
		if ended {
			s.mu.Unlock()
		}
	}()
	s.open()
	ended = false
}

// exit unlocks the session, then reports what happened.
func (s *Session) exit() {
	if s.events == nil && (s.content == nil || s.repair == nil) { // mostly: it saves 5 ns of each call
		s.mu.Unlock()
		s.m.ring.Notify()
		return
	}
	events := s.events
	s.events = nil
	var repair func(*Session)
	if s.content != nil && s.stage == writable {
		repair, s.repair = s.repair, nil
	}
	s.mu.Unlock()
	for _, e := range events {
		s.m.emit(s.ctx, e)
	}
	s.m.ring.Notify()
	if repair != nil {
		repair(s)
	}
}

// open makes sure that what came has been opened, where that is permitted. It
// needs the lock, and gives it back while Validate runs. Others then wait for the
// answer.
func (s *Session) open() {
	for s.phase == validating {
		answer := s.validated
		s.mu.Unlock()
		<-answer
		s.mu.Lock()
	}
	s.begin()
	if s.phase == shown || !s.permitted {
		return
	}
	s.openData()
	if s.live() && (s.m.validate != nil || s.check != nil) {
		s.askValidate()
	}
	s.phase = shown
	s.merge()
}

// openData opens the data, and the views if they are counted, and judges both
// by their deadlines. A view is activity, so the views have a say in the
// deadline of the data.
func (s *Session) openData() {
	d := &s.data
	openAt(s, dataAt, d, (*payload.Data).Unpack)
	if s.m.policy.TrackViews {
		s.openViews()
	}
	if s.live() && !s.at.Before(s.m.policy.Deadline(d.payload.Expiry, time.Unix(d.payload.Created, 0), s.storedActivity())) {
		d.end(decide.Expired, ErrExpired)
		s.note(d.refusal(s.m.base, 0))
	}
}

// openViews opens the views. Whether they belong to the data is a question of
// their id, which is asked where they are used.
func (s *Session) openViews() {
	v := new(opened[payload.Views])
	openAt(s, viewsAt, v, (*payload.Views).Unpack)
	s.views = v
	if v.standing == decide.Alive && !s.live() { // without data they have a deadline of their own
		end := s.m.policy.Deadline(payload.Expiry{}, time.Unix(v.payload.Created, 0), time.Unix(v.payload.Last, 0))
		if !s.at.Before(end) {
			v.end(decide.Expired, ErrExpired)
		}
	}
}

// openAt opens one compartment. It reports where several cookies of one name
// came, and why a cookie was refused.
func openAt[P any](s *Session, at int, o *opened[P], unpack unpack[P]) {
	in, name := &s.in[at], s.m.users[at].Name
	o.open(s.m.ring, payload.Limits{Now: s.at, FlashLifetime: s.m.policy.FlashSeconds()}, name, in, unpack)
	if len(in.Others()) > 0 {
		s.note(Event{Kind: EventDoubled, CookieName: name, Bytes: in.Size})
	}
	if o.err != nil {
		s.note(o.refusal(name, in.Size))
	}
}

// storedActivity is when the session that came was active last.
func (s *Session) storedActivity() time.Time {
	last := s.data.payload.Modified
	if v := s.views; v != nil && v.standing == decide.Alive && v.payload.ID == s.data.payload.ID {
		last = max(last, v.payload.Last)
	}
	return time.Unix(last, 0)
}

// merge shows what came, with what this request has written on top. It is
// called when the session has been opened, and whenever permission comes later.
func (s *Session) merge() {
	if s.destroyed {
		return
	}
	if s.pending != nil { // all of it is written again: what is refused now must not stay from before
		id := s.work.ID // somebody may have asked for it
		s.work = s.blank()
		s.work.ID = id
	}
	switch {
	case s.live():
		s.work = s.data.payload
	case s.extent == decide.Untouched && s.remembered(): // a visitor without data is the one that the views remember
		s.work.ID, s.work.Created = s.views.payload.ID, s.views.payload.Created
	}
	s.replay()
}

// apply makes c of next, a copy of the data, and keeps the result where it fits.
func (s *Session) apply(c *change, next *payload.Data) error {
	c.apply(next)
	switch c.kind {
	case changeSet, changeUpdate, changeExpire, changeMetadata:
		if err := s.fits(dataAt, next.PackedLen(), s.cameLen(), next.Values); err != nil {
			return err
		}
	}
	s.track(c, next)
	s.work = *next
	return nil
}

// replay makes the pending changes again, on top of what came. One that does not
// fit beside that is refused by itself, and reported.
func (s *Session) replay() {
	for _, c := range s.pending {
		if c.kind == changeSet {
			c.at = s.work.Values.Find(c.key)
		}
		next := s.work
		if err := s.apply(&c, &next); err != nil {
			s.note(Event{Kind: EventWriteRefused, CookieName: s.m.base, Err: err})
		}
	}
	s.pending = nil
}

// track keeps in mind how far the handler has written. c has made next of the data.
func (s *Session) track(c *change, next *payload.Data) {
	switch {
	case c.kind == changeClear:
		s.extent = decide.Cleared
	case c.kind == changeDelete && next.Values.Len() == s.work.Values.Len(): // it was not there
	case s.extent == decide.Untouched:
		s.extent = decide.Written
	}
}

// askValidate asks Validate about the session that came, without the lock.
func (s *Session) askValidate() {
	s.phase, s.validated = validating, make(chan struct{})
	c := s.candidate()
	err := errNoAnswer // stands where Validate ends the goroutine, as a test's Fatal does
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.phase = shown
		s.judge(err)
		close(s.validated)
	}()
	err = s.ask(c)
}

var errNoAnswer = errors.New("cookiesession: Validate gave no answer")

// candidate is the read-only session that Validate sees.
func (s *Session) candidate() *Session {
	c := &Session{
		m: s.m, lines: s.lines, path: s.path, answer: s.answer, crossSite: s.crossSite,
		phase: shown, stage: candidate, permitted: true,
		content: &content{at: s.at, in: s.in, data: s.data, views: s.views},
	}
	c.ctx = s.m.newContext(s.ctx, c)
	c.merge()
	return c
}

// ask calls Validate and the checks. A panic is an error: the session stays
// hidden, and the request goes on.
func (s *Session) ask(c *Session) (err error) {
	answered := false
	defer func() {
		s.repair = c.repair
		if !answered {
			err = fmt.Errorf("cookiesession: Validate panicked with a %T", recover()) // not with what: that may be the data
		}
	}()
	if s.m.validate != nil {
		err = s.m.validate(c.ctx, c)
	}
	if s.check != nil && err == nil {
		var repair func(*Session)
		repair, err = s.check(c.ctx, c)
		c.repair = both(c.repair, repair)
	}
	answered = true
	return err
}

// both is first and then second. Each may be nil.
func both(first, second func(*Session)) func(*Session) {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(s *Session) {
		first(s)
		second(s)
	}
}

// judge takes over what Validate said.
func (s *Session) judge(err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, ErrRevoked):
		s.data.end(decide.Revoked, err)
	default:
		s.data.end(decide.Withheld, err)
	}
	s.note(s.data.refusal(s.m.base, 0))
}
