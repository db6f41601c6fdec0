package cookiesession

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// TooLargeError tells what would not fit. errors.Is finds [ErrTooLarge] in it.
type TooLargeError struct {
	Size, Limit int         // bytes of all cookies, names and values; Limit is MaxBytes
	Largest     []EntrySize // at most 5, largest first
}

// EntrySize is the encoded size of one entry, key and value, in bytes.
type EntrySize struct {
	Key  string
	Size int
}

func (e *TooLargeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cookiesession: session too large: %d bytes of cookies, the limit is %d; largest:", e.Size, e.Limit)
	for _, entry := range e.Largest {
		fmt.Fprintf(&b, " %.64q (%d)", entry.Key, entry.Size) // a key from a form may have any length
	}
	return b.String()
}

// Is makes every TooLargeError an ErrTooLarge.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// fits reports whether a payload of n bytes may stand in one compartment,
// beside what the others will hold. One that is not larger than what came,
// cameLen, always may: a lower limit must not leave anybody with a session
// that cannot be changed. Where something has grown in this request, it may have
// the room that this compartment gave up before, so then that is no right.
// entries are what the error names.
func (s *Session) fits(at, n, cameLen int, entries wire.Pairs) error {
	if n <= cameLen && !s.grown {
		return nil
	}
	size := s.sizeBeside(at, false) + s.cost(at, n)
	if size > s.m.maxBytes { // what does not open needs no room: a planted cookie would lock the session
		size = s.sizeBeside(at, true) + s.cost(at, n)
	}
	if size > s.m.maxBytes {
		return s.tooLarge(size, entries)
	}
	s.grown = true
	return nil
}

// cameLen is how long a payload of the data may be that is not longer than the
// one that came. What has ended gives no right to be as large again.
func (s *Session) cameLen() int {
	if s.gone() {
		return 0
	}
	return s.data.plainLen
}

// sizeBeside is what all compartments but one will hold, in bytes.
func (s *Session) sizeBeside(at int, exact bool) (size int) {
	for i := range s.m.users {
		if room := s.m.users[i].room; room != nil && i != at {
			size += room(s, exact)
		}
	}
	return size
}

// cost is what a payload of n bytes takes as cookies of one compartment.
func (s *Session) cost(at, n int) int {
	key := s.m.ring.InForce().Sealing(s.at) // without a look at the key file: the commit looks
	if key == nil {
		return n
	}
	return sealedSize(&s.m.users[at].Cookie, key, n)
}

func (s *Session) tooLarge(size int, entries wire.Pairs) error {
	e := &TooLargeError{Size: size, Limit: s.m.maxBytes}
	for key, raw := range entries.All() {
		e.Largest = append(e.Largest, EntrySize{key, len(key) + len(raw)})
	}
	slices.SortStableFunc(e.Largest, func(a, b EntrySize) int { return b.Size - a.Size })
	e.Largest = e.Largest[:min(len(e.Largest), 5)]
	return e
}

// encoderError makes a TooLargeError of an encoding that did not end.
func (s *Session) encoderError(err error, key string) error {
	if !errors.Is(err, value.ErrTooLarge) {
		return err
	}
	return &TooLargeError{Size: value.MaxSize, Limit: s.m.maxBytes, Largest: []EntrySize{{key, value.MaxSize}}}
}
