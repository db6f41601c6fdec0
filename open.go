package cookiesession

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// This file is the way in: from what came to the session that a handler sees.

// open makes sure that what came has been looked at. It needs the lock, and
// gives it back while Validate runs; others wait for the answer.
func (s *Session) open() {
	for s.state == validating {
		answer := s.validated
		s.mu.Unlock()
		<-answer
		s.mu.Lock()
	}
	s.begin()
	if s.state == opened || !s.permitted() {
		return
	}
	s.openData()
	if s.live && s.m.cfg.Validate != nil {
		s.validate()
	}
	s.state = opened
	s.settle()
}

// begin takes what needs neither key nor permission.
func (s *Session) begin() {
	if s.content == nil {
		s.content = &content{at: time.Now()}
		s.m.collect(&s.in, s.lines)
		s.work.created, s.work.modified = s.at.Unix(), s.at.Unix() // modified too: Set measures what will be written
	}
}

// openData opens the data compartment and judges what was in it.
func (s *Session) openData() {
	s.data.open(s.m, &s.m.data, &s.in.data, s.at, acceptRecord)
	s.noteArrival(&s.m.data, &s.in.data, s.data.keyID, s.data.err)
	s.live = s.data.key != nil
	if s.data.foreign {
		s.verdict = foreign
	}
	if s.m.cfg.TrackViews {
		s.openViews()
	}
	if s.live && !s.at.Before(s.m.deadline(s.data.came.expiry, time.Unix(s.data.came.created, 0), s.storedActivity())) {
		s.live, s.verdict, s.data.err = false, expired, ErrExpired
		s.note(Event{Kind: EventRefused, CookieName: s.m.data.name, KeyID: s.data.key.ID(), Err: ErrExpired})
	}
}

// storedActivity is when the session that came was active last.
func (s *Session) storedActivity() time.Time {
	return time.Unix(max(s.data.came.modified, s.views.lastOf(s.data.came.id)), 0)
}

// acceptRecord unpacks data and refuses what no clock here can have made.
func acceptRecord(r *record, plain []byte, now time.Time) (latest int64, err error) {
	err = r.unpack(plain)
	soon := now.Unix() + maxSkew
	if err == nil && (r.created > soon || r.modified > soon) {
		err = ErrInvalid
	}
	return r.modified, err
}

// noteArrival reports what is worth it about one compartment that came.
func (s *Session) noteArrival(c *compartment, r *received, keyID string, err error) {
	if len(r.others) > 0 {
		s.note(Event{Kind: EventDoubled, CookieName: c.name, Bytes: r.size})
	}
	if err != nil {
		// Cloned: who keeps the id of a key must not keep the whole Cookie line.
		s.note(Event{Kind: EventRefused, CookieName: c.name, KeyID: strings.Clone(keyID), Bytes: r.size, Err: err})
	}
}

// validate asks Validate about the session that came, without the lock.
func (s *Session) validate() {
	s.state, s.validated = validating, make(chan struct{})
	candidate := s.candidate()
	err := errNoAnswer // for when Validate ends the goroutine, as a test's Fatal does
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.state = opened
		s.judge(err)
		close(s.validated)
	}()
	err = s.m.ask(candidate)
}

var errNoAnswer = errors.New("cookiesession: Validate gave no answer")

func (s *Session) judge(err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrRevoked):
		s.live, s.verdict = false, revoked
	default:
		s.live, s.verdict = false, withheld
	}
	if s.data.err = err; err != nil {
		s.note(Event{Kind: EventRefused, CookieName: s.m.data.name, KeyID: s.data.key.ID(), Err: err})
	}
}

// candidate is the read-only session that Validate sees.
func (s *Session) candidate() *Session {
	c := &Session{
		m: s.m, lines: s.lines, request: s.request,
		state: opened, permission: granted, accessed: true, committed: true, asking: true,
		content: &content{
			at: s.at, in: s.in, views: s.views,
			data: s.data, live: true,
		},
	}
	c.ctx = s.m.NewContext(s.ctx, c)
	c.settle()
	return c
}

// ask calls Validate. A panic is an error: the session stays hidden, and the
// request goes on.
func (m *Manager) ask(s *Session) (err error) {
	answered := false
	defer func() {
		if !answered {
			err = fmt.Errorf("cookiesession: Validate panicked: %v", recover())
		}
	}()
	err = m.cfg.Validate(s.ctx, s)
	answered = true
	return err
}

// settle puts what this request wrote on top of what came. It is called when
// the session has been opened and whenever permission comes later.
func (s *Session) settle() {
	if s.destroyed {
		return
	}
	own := s.work
	if !s.live {
		s.settleVisitor()
		return
	}
	s.work = s.data.came
	if s.cycled {
		s.work.id = own.id
	}
	s.hasID = true
	if s.cleared {
		s.work.values, s.work.expiry = own.values, own.expiry
		return
	}
	for _, key := range s.deleted {
		s.remove(key)
	}
	s.deleted = nil
	s.work.values = union(s.work.values, own.values)
	if s.setExpiry {
		s.work.expiry = own.expiry
	}
}

// settleVisitor gives a visitor without data the id and the beginning that
// the views remember.
func (s *Session) settleVisitor() {
	if v := s.views; v != nil && v.live && !s.cycled && s.verdict == accepted {
		s.work.id, s.hasID = v.came.id, true
		s.work.created = v.came.created
	}
}
