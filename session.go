package cookiesession

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// ID identifies the session: 128 random bits as 22 characters of base64url.
// It is stable until CycleID, Destroy or expiry, and no secret: knowing it
// opens nothing. An id from outside is never adopted. Without permission
// ([Config].Consent) it changes with every request.
func (s *Session) ID() string {
	s.enter()
	defer s.exit()
	return s.id().String()
}

// Created is when the session began, in whole seconds UTC: the time of its
// first request.
func (s *Session) Created() time.Time {
	s.enter()
	defer s.exit()
	return s.created().UTC()
}

// IsNew reports whether no live session came with the request.
func (s *Session) IsNew() bool {
	s.enter()
	defer s.exit()
	return s.isNew()
}

// isNew needs the lock.
func (s *Session) isNew() bool { return !s.live() || !s.permitted }

// Rejected tells why the session cookie that came was refused: an error that
// is ErrInvalid, ErrUnknownKey, ErrExpired or ErrRevoked, or the one that
// Validate returned. It is nil if none came or it was accepted.
func (s *Session) Rejected() error {
	s.enter()
	defer s.exit()
	return s.data.err
}

// Value returns a copy of the value under key, nil if there is none: integers
// as int64 (uint64 above), floats as float64, maps as map[string]any, lists
// as []any, times in UTC. Where the data has no such key it returns what was
// flashed under it. [Get] decodes into a type of yours.
func (s *Session) Value(key string) any {
	raw, ok := s.read(key)
	if !ok {
		return nil
	}
	return value.Of(raw)
}

// Has reports whether Value would find key, be it with a nil.
func (s *Session) Has(key string) bool {
	s.enter()
	defer s.exit()
	return s.find(key) != nil
}

// Get returns the value under key as a T. It returns false, and the zero T, when
// there is no value, or it is not a T, or it does not fit in one, at any depth. A
// 300 does not fit in a uint8. A string is not a time. A nil is a T only where a
// T can be nil. A struct may be read as another struct with the same msgpack
// fields. Flash is found as by [Session.Value].
func Get[T any](s *Session, key string) (T, bool) {
	raw, ok := s.read(key)
	if !ok {
		var zero T
		return zero, false
	}
	return value.Decode[T](raw)
}

// GetOr is [Get] with a default for when that is false.
func GetOr[T any](s *Session, key string, def T) T {
	if v, ok := Get[T](s, key); ok {
		return v
	}
	return def
}

// read finds the encoded value under key, data before flash. What it returns
// is never written to: it may be decoded without the lock.
func (s *Session) read(key string) ([]byte, bool) {
	s.enter()
	defer s.exit()
	if raw, ok := s.work.Values.Get(key); ok {
		return raw, true
	}
	return s.readFlash(key)
}

// Set stores value under key. The value is encoded at once, so that Set fails
// while the caller can still act. It fails for a value that could not be read
// back: a channel, a function, one that contains itself or is nested deeper than
// 32. Such an error names the field. It fails with a [TooLargeError], and with
// [ErrCommitted] after the header left. On any error the old value stays and
// [EventWriteRefused] is reported, so a caller may ignore the error where an old
// value does no harm. A Set is a change, also of an equal value.
//
// What Set accepts as a T, [Get] gives back as an equal T. Times are the same
// instant in UTC, and what stands in an interface comes back as [Session.Value]
// returns it. Of a struct the exported fields are stored. Only msgpack tags say
// how. A field with the tag json:"-" is stored too, but [Session.MarshalJSON]
// leaves it out. The tag msgpack:"-" keeps a field out of the session. With the
// tag msgpack:",omitempty" an empty slice or map comes back as nil, and so does
// a pointer to a nil. A type with a pair of methods for msgpack, binary or text
// is stored as they say. JSON methods do not count, and neither does what was
// registered with the msgpack library (Register, RegisterExt).
func (s *Session) Set(key string, value any) error {
	return s.encoded(key, value, func(raw []byte) error { return s.set(key, raw) })
}

// set needs the lock.
func (s *Session) set(key string, raw []byte) error {
	return s.write(change{kind: changeSet, key: key, at: s.work.Values.Find(key), raw: raw})
}

// SetDefault returns the value under key as [Session.Value] does, after
// storing the given one if the data has none. An existing value, be it nil,
// is no change. Errors are those of [Session.Set].
func (s *Session) SetDefault(key string, value any) (any, error) {
	raw, err := s.setDefault(key, value)
	if err != nil {
		return nil, err
	}
	return decodeValue(raw), nil
}

func decodeValue(raw []byte) any { return value.Of(raw) }

// setDefault returns the encoded value that stands under key in the end.
func (s *Session) setDefault(key string, v any) (present []byte, err error) {
	err = value.Encode(v, func(raw []byte, err error) error {
		if present = s.stored(key); present != nil { // then nothing is changed, and nothing can be refused
			return nil
		}
		return s.change(func() error {
			var ok bool
			if present, ok = s.work.Values.Get(key); ok {
				return nil
			}
			if err != nil {
				return s.encoderError(err, key)
			}
			err := s.set(key, raw)
			present, _ = s.work.Values.Get(key)
			return err
		})
	})
	return present, err
}

// stored returns the encoded value under key in the data, nil if none.
func (s *Session) stored(key string) []byte {
	s.enter()
	defer s.exit()
	raw, _ := s.work.Values.Get(key)
	return raw
}

// Update stores all values or, on an error, none of them. Errors are those of
// [Session.Set].
func (s *Session) Update(values map[string]any) error {
	all, err := s.encodeAll(values)
	return s.change(func() error {
		if err != nil || all.Len() == 0 {
			return err
		}
		return s.write(change{kind: changeUpdate, values: all})
	})
}

// encodeAll encodes values until they are certainly too large. What a form sends
// in must not cost more than that.
func (s *Session) encodeAll(values map[string]any) (wire.Pairs, error) {
	var all wire.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		err := value.Encode(values[key], func(raw []byte, err error) error {
			all.Add(key, raw)
			return err
		})
		if err != nil {
			return wire.Pairs{}, s.encoderError(err, key)
		}
		if pairs := all.Pairs(); pairs.Size() > max(s.m.maxBytes, maxCame) {
			return wire.Pairs{}, s.tooLarge(pairs.Size(), pairs)
		}
	}
	return all.Pairs(), nil
}

// maxCame is the most that can have come: a payload that is not longer than the
// one that came is never refused for its size.
const maxCame = cookie.MaxChunks * cookie.MaxLine

var (
	errNotInteger = errors.New("cookiesession: Add: the value is not an integer")
	errOverflow   = errors.New("cookiesession: Add: the sum does not fit in 64 bits")

	errNotThatType = errors.New("cookiesession: Add: the sum does not fit in the type of the field")
)

// Add adds delta to the integer under key, a missing one counting as 0, and
// returns the sum. It fails, and the old value stays, where the value is no
// integer or the sum overflows an int64. It looks at the data, not at flash.
func (s *Session) Add(key string, delta int64) (sum int64, err error) {
	err = s.add(key, delta, func(raw []byte) bool {
		sum, _ = wire.Int64(raw)
		return true
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// add is Add for whoever takes the encoded sum. Where that refuses it, nothing
// changes.
func (s *Session) add(key string, delta int64, take func(sum []byte) bool) error {
	return s.change(func() error {
		at := s.work.Values.Find(key)
		var sum int64
		if old, present := s.work.Values.At(at); present {
			if wire.KindOf(old) != wire.Int {
				return errNotInteger
			}
			var ok bool
			if sum, ok = wire.Int64(old); !ok {
				return errOverflow
			}
		}
		if delta > 0 && sum > math.MaxInt64-delta || delta < 0 && sum < math.MinInt64-delta {
			return errOverflow
		}
		raw := wire.AppendInt(s.number[:0], sum+delta)
		if !take(raw) {
			return errNotThatType
		}
		return s.write(change{kind: changeSet, key: key, at: at, raw: raw})
	})
}

// Edit hands f the value under key, the zero T if there is none, and stores
// what f made of it: the way to change a nested value. An error from f is
// returned and changes nothing. A value that is no T is an error too. It looks at
// the data, not at flash. One Edit of a session waits for another, and what else
// writes the same key meanwhile is overwritten. f must not use s.
func Edit[T any](s *Session, key string, f func(*T) error) error {
	s.editing.Lock() // not the session's lock: decoding calls methods of T, and these may look at the session
	defer s.editing.Unlock()
	var v T
	raw, err := s.toEdit(key)
	if err != nil {
		return err
	}
	if raw != nil {
		var ok bool
		if v, ok = value.Decode[T](raw); !ok {
			return s.change(func() error { return fmt.Errorf("cookiesession: Edit: the value is not a %T", v) })
		}
	}
	if err := f(&v); err != nil {
		return err
	}
	return s.encoded(key, v, func(raw []byte) error { return s.set(key, raw) })
}

// toEdit returns the encoded value under key in the data, nil if none. Where
// nothing can be written it refuses, before anything is decoded.
func (s *Session) toEdit(key string) (raw []byte, err error) {
	err = s.change(func() error {
		raw, _ = s.work.Values.Get(key)
		return nil
	})
	return raw, err
}

// Delete removes keys, data and flash alike. Removing what is not there is no
// change. A right that must end even if this request fails is ended by
// [Session.Destroy]: on a 5xx response changes are not saved.
func (s *Session) Delete(keys ...string) error {
	return s.change(func() error {
		for _, key := range keys {
			s.remove(key)
		}
		return nil
	})
}

// remove needs the lock. A delete cannot be refused.
func (s *Session) remove(key string) {
	_ = s.write(change{kind: changeDelete, key: key})
	s.takeFlash(key)
}

// Pop returns the value under key as a T and removes it, data and flash
// alike. It is false where [Get] is, and after the header left. Then the value
// stays.
func Pop[T any](s *Session, key string) (v T, ok bool) {
	for {
		var raw []byte
		err := s.change(func() error {
			raw = s.find(key)
			return nil
		})
		if err != nil || raw == nil {
			return v, false
		}
		if v, ok = value.Decode[T](raw); !ok { // without the lock: it calls methods of T
			return v, false
		}
		if taken, again := s.take(key, raw); !again {
			if !taken {
				v = *new(T)
			}
			return v, taken
		}
	}
}

// find returns the encoded value under key, data before flash, nil if none.
func (s *Session) find(key string) []byte {
	if raw, ok := s.work.Values.Get(key); ok {
		return raw
	}
	raw, _ := s.findFlash(key)
	return raw
}

// take removes key if its value is still raw. again tells that another goroutine
// has changed it, so the caller must look again.
func (s *Session) take(key string, raw []byte) (taken, again bool) {
	err := s.change(func() error {
		now := s.find(key)
		if taken = bytes.Equal(now, raw); taken {
			s.remove(key)
		}
		again = !taken && now != nil
		return nil
	})
	return taken && err == nil, again
}

// Keys returns the keys of the data, sorted, without those of flash.
func (s *Session) Keys() []string {
	s.enter()
	defer s.exit()
	return keysOf(s.work.Values)
}

func keysOf(values wire.Pairs) []string {
	keys := make([]string, 0, values.Len())
	for key := range values.All() {
		keys = append(keys, key)
	}
	return keys
}

// All returns a copy of everything: the data, and flash under keys that the
// data has not. Values are as [Session.Value] returns them.
func (s *Session) All() map[string]any {
	data, flash := s.snapshot()
	all := value.All(flash)
	maps.Copy(all, value.All(data))
	return all
}

// snapshot returns the data and the flash that this request can see, to be
// decoded without the lock.
func (s *Session) snapshot() (data, flash wire.Pairs) {
	s.enter()
	defer s.exit()
	flash = s.readAllFlash()
	return s.work.Values, flash
}

// Len is the number of [Session.Keys].
func (s *Session) Len() int {
	s.enter()
	defer s.exit()
	return s.work.Values.Len()
}

// Clear forgets the data and an expiry of its own. Flash stays, and so does
// the ID: this is no logout, [Session.Destroy] is.
func (s *Session) Clear() error {
	return s.change(func() error { return s.write(change{kind: changeClear}) })
}

// Destroy forgets everything, deletes every cookie and begins anew under a
// new ID: logout. It is carried out whatever the status of the response, also
// when the handler panics. A copy of the cookies that was made before stays valid
// until it expires, because the server stores nothing. The package revocation
// ends copies too: see [Config].Validate.
func (s *Session) Destroy() error {
	return s.change(func() error {
		s.forget()
		s.destroyed = true
		return nil
	})
}

// forget makes the session blank. What came stays known.
func (s *Session) forget() {
	s.work, s.pending, s.extent = s.blank(), nil, decide.Untouched
	if s.flash != nil {
		s.flash.forget()
	}
	s.test = decide.TestUntouched
}

// CycleID gives the session a new ID with the same data. It is for applications
// that store something under the ID, and want that to end while the session goes
// on.
//
// At login, and wherever rights grow, call [Session.Destroy] and then Set what
// must stay. An attacker who can plant cookies can plant data, such as a CSRF
// token or a return address that he knows (session fixation, CWE-384). A new ID
// alone would keep that data.
func (s *Session) CycleID() error {
	return s.change(func() error { return s.write(change{kind: changeCycle, id: payload.NewID()}) })
}

// Accessed reports whether anything has looked at the session or written to
// it. Asking is no access.
func (s *Session) Accessed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase != unseen
}

// Modified reports whether there is a change to save. Asking is no access.
func (s *Session) Modified() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content != nil && (s.extent != decide.Untouched || s.destroyed ||
		s.flash != nil && s.flash.changed() || !s.permitted && !s.noCookies())
}

// MarkModified has the session saved although no value changed: it counts as
// activity. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) MarkModified() {
	s.change(func() error { return s.write(change{kind: changeMark}) })
}
