package cookiesession

import (
	"bytes"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/value"
)

// This file is how a handler's writes reach the session.

// change runs f on the open session. Every refusal is reported, so that a
// change is never lost in silence, even where the caller drops the error.
func (s *Session) change(f func() error) (err error) {
	s.enter()
	defer s.exit()
	if s.stage != writable {
		err = ErrCommitted
	} else {
		err = f()
	}
	if err != nil {
		s.note(Event{Kind: EventWriteRefused, CookieName: s.m.base, Err: err})
	}
	return err
}

// write makes one change to the open session, under the lock. A change that
// could make the session too large is refused where it would.
func (s *Session) write(c change) error {
	next := s.work
	if s.extent == decide.Untouched && s.visitor() {
		next.ID, next.Created = payload.ID{}, s.at.Unix() // a session begins: it takes nothing from views that came alone
	}
	if err := s.apply(&c, &next); err != nil {
		return err
	}
	if !s.permitted {
		c.raw = bytes.Clone(c.raw) // the encoder's memory is used again
		s.pending = append(s.pending, c)
	}
	return nil
}

// encoded encodes a value, without the lock, and hands it to f, under the lock.
// f must not keep the bytes.
func (s *Session) encoded(key string, v any, f func(raw []byte) error) error {
	return value.Encode(v, func(raw []byte, err error) error {
		return s.change(func() error {
			if err != nil {
				return s.encoderError(err, key)
			}
			return f(raw)
		})
	})
}
