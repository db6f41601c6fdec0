package cookiesession

import (
	"bytes"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// change is one write to the data, as a value. So what was written while the
// visitor might not be remembered can be written again, on top of the stored
// data, when permission comes.
type change struct {
	kind   changeKind
	key    string         // of a set and a delete; the name of metadata
	at     wire.Place     // of a set: where the key is, or belongs
	raw    []byte         // of a set and of metadata: the encoded value; nil takes metadata away
	values wire.Pairs     // of an update
	expiry payload.Expiry // of an expire
	id     payload.ID     // of a cycle
}

type changeKind uint8

const (
	changeSet changeKind = iota
	changeUpdate
	changeDelete
	changeClear
	changeExpire
	changeCycle
	changeMetadata
	changeMark // counts as a write, and changes nothing
)

// apply makes the change to d.
func (c *change) apply(d *payload.Data) {
	switch c.kind {
	case changeSet:
		d.Values = d.Values.Put(c.at, c.key, c.raw)
	case changeUpdate:
		d.Values = d.Values.Merge(c.values)
	case changeDelete:
		d.Values = d.Values.Without(c.key)
	case changeClear:
		d.Values, d.Expiry = wire.Pairs{}, payload.Expiry{}
	case changeExpire:
		d.Expiry = c.expiry
	case changeCycle:
		d.ID = c.id
	case changeMetadata:
		if c.raw == nil {
			d.Metadata = d.Metadata.Without(c.key)
		} else {
			d.Metadata = d.Metadata.With(c.key, c.raw)
		}
	}
}

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
	c.apply(&next)
	switch c.kind {
	case changeSet, changeUpdate, changeExpire, changeMetadata:
		if err := s.fits(dataAt, next.PackedLen(), s.cameLen(), next.Values); err != nil {
			return err
		}
	}
	s.track(&c, &next)
	s.work = next
	if !s.permitted {
		c.raw = bytes.Clone(c.raw) // the encoder's memory is used again
		s.pending = append(s.pending, c)
	}
	return nil
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

// replay makes the pending changes again, on top of what came.
func (s *Session) replay() {
	for _, c := range s.pending {
		if c.kind == changeSet {
			c.at = s.work.Values.Find(c.key)
		}
		next := s.work
		c.apply(&next)
		s.track(&c, &next)
		s.work = next
	}
	s.pending = nil
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
