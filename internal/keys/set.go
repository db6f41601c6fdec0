package keys

import (
	"fmt"
	"time"
)

// Set is the keys that are in force together, in the order of their list. It
// never changes: a reload makes another one. A nil Set has no keys.
type Set struct{ keys []*Key }

// NewSet makes the keys, or says with every reason at once why they cannot be
// used together. now is the time from which on some key must seal. A key that is
// in old too keeps its count of opened texts. old may be nil.
func NewSet(materials []Material, old *Set, now time.Time) (*Set, error) {
	if err := check(materials, now); err != nil {
		return nil, err
	}
	s := &Set{keys: make([]*Key, len(materials))}
	for i, m := range materials {
		k, err := newKey(m, i)
		if err != nil {
			return nil, fmt.Errorf("cookiesession: key %q: %w", m.ID(), err)
		}
		if before := old.ByID(k.id); before != nil {
			k.opened = before.opened
		}
		s.keys[i] = k
	}
	return s, nil
}

// Sealing gives the key that seals now: the one with the latest SealFrom that
// has passed, the first in the list on a tie. It is nil when every key is past
// its end. NewSet refuses a ring that can come to that, so it takes a clock
// that was set back after the check.
func (s *Set) Sealing(now time.Time) *Key {
	if s == nil {
		return nil
	}
	var best *Key
	t := now.UnixNano()
	for _, k := range s.keys {
		if k.from <= t && t < k.until && (best == nil || k.from > best.from) {
			best = k
		}
	}
	return best
}

// ByID gives the key with that id, nil if there is none. A key that is past its
// end is given too: ask [Key.Retired].
func (s *Set) ByID(id string) *Key {
	if s == nil {
		return nil
	}
	for _, k := range s.keys { // at most 16 comparisons of 4 bytes: faster than a map
		if k.id == id {
			return k
		}
	}
	return nil
}

// IDs gives the ids of all keys.
func (s *Set) IDs() []string {
	if s == nil {
		return nil
	}
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = k.id
	}
	return ids
}

// State says what a key does now.
type State string

const (
	Pending State = "pending" // opens, and will seal later
	Sealing State = "sealing" // seals and opens
	Opening State = "opening" // opens only: a newer key seals
	Retired State = "retired" // neither seals nor opens
)

// Status tells about one key. It has nothing secret.
type Status struct {
	ID                  string
	State               State
	SealFrom, OpenUntil time.Time
	Format              string // never ""
	Opened              uint64 // texts that this process opened with the key
}

// Status tells about every key, in the order of the list.
func (s *Set) Status(now time.Time) []Status {
	if s == nil {
		return nil
	}
	sealing := s.Sealing(now)
	all := make([]Status, len(s.keys))
	for i, k := range s.keys {
		all[i] = Status{
			ID: k.id, State: k.state(now, sealing), Format: k.format, Opened: k.opened.Load(),
			SealFrom: k.sealFrom, OpenUntil: k.openUntil,
		}
	}
	return all
}

func (k *Key) state(now time.Time, sealing *Key) State {
	switch {
	case k.Retired(now):
		return Retired
	case k == sealing:
		return Sealing
	case k.from > now.UnixNano():
		return Pending
	}
	return Opening
}
