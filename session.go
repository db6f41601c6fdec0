package cookiesession

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// Session is one visitor's dictionary for the length of one request. It comes
// from [Manager.FromContext], [Manager.OpenRequest] or [Manager.Open] and is
// saved by [Manager.Commit], which [Manager.Handler] calls.
//
// The cookies are opened at the first call of any method but Accessed, Modified
// and those that print it; a session that is never looked at costs nothing.
// Values are copies: changing what Value returned changes nothing, [Edit] does.
//
// A Session may be used from many goroutines. Once the response header has
// left, reads go on and writes return [ErrCommitted].
type Session struct {
	m     *Manager
	ctx   context.Context // carries this session
	lines []string        // Cookie header lines
	request

	mu         sync.Mutex
	state      sessionState
	permission permission
	accessed   bool
	committed  bool // or read-only
	handled    bool // Handler's mark: this session is committed by someone above
	asking     bool // it is the one that Validate sees
	events     []Event

	*content // nil until something looks: a request that leaves its session alone pays for 400 bytes less
}

// content is what a session that is looked at needs.
type content struct {
	at        time.Time // when it was first looked at
	in        inbox
	validated chan struct{} // closed when Validate has answered

	data    arrival[record] // its err is what Rejected tells
	live    bool            // what came is a session, and alive
	verdict verdict

	// What this request makes of it. Without permission, only what this
	// request wrote: settle puts it on top of what came when permission comes.
	work      record
	hasID     bool
	dirty     bool
	cycled    bool
	setExpiry bool
	cleared   bool
	destroyed bool
	deleted   []string // without permission only

	flashes    *flashState // by flash(); nil: nothing of it was needed
	views      *viewsState // nil: not opened, or not tracked
	testCookie testCookie

	field fields
}

// request is what matters of the request besides its cookies.
type request struct {
	path      string // without the query; "" is not recorded
	consented bool
	flashCame bool // a flash cookie came
	fetched   bool // no document navigation
	crossSite bool
}

// read takes what it needs at once: a handler that was timed out may still
// write to the header map when the response is committed.
func (r *request) read(from *http.Request) {
	dest := first(from.Header, "Sec-Fetch-Dest")
	r.fetched = dest != "" && dest != "document" || strings.HasPrefix(first(from.Header, "Sec-Purpose"), "prefetch")
	r.crossSite = first(from.Header, "Sec-Fetch-Site") == "cross-site"
}

// document reports whether the answer is a page for a person to see, as far
// as the browser says: not an image, a script's fetch or a prefetch. A
// browser that says nothing gets the benefit of the doubt.
func (r *request) document() bool { return !r.fetched }

// first is Header.Get for a canonical name.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

type sessionState uint8

const (
	unopened sessionState = iota
	validating
	opened
)

// verdict is what became of a cookie that was authentic.
type verdict uint8

const (
	accepted verdict = iota
	expired          // its compartments are deleted, unseen
	revoked          // the same, by Validate
	withheld         // Validate failed: hidden and untouched for this request
	foreign          // refused, but others may read it: nothing automatic overwrites it
)

// sessionID identifies a visitor's session.
type sessionID [16]byte

func newSessionID() (id sessionID) {
	rand.Read(id[:]) // never fails
	return id
}

func (id *sessionID) set(b []byte) bool { return copy(id[:], b) == len(id) && len(b) == len(id) }

// String is base64url, 22 characters.
func (id sessionID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ID identifies the session: 128 random bits as 22 characters of base64url.
// It is stable until CycleID, Destroy or expiry, and no secret: knowing it
// opens nothing. An id from outside is never adopted. Without permission
// ([Config].Consent) it changes with every request.
func (s *Session) ID() string {
	s.enter()
	defer s.exit()
	return s.id().String()
}

// id needs the lock. A new session gets its id when somebody asks.
func (s *Session) id() sessionID {
	if !s.hasID {
		s.work.id, s.hasID = newSessionID(), true
	}
	return s.work.id
}

// Created is when the session began, in whole seconds UTC: the time of its
// first request.
func (s *Session) Created() time.Time {
	s.enter()
	defer s.exit()
	return s.created().UTC()
}

func (s *Session) created() time.Time { return time.Unix(s.work.created, 0) }

// IsNew reports whether no live session came with the request.
func (s *Session) IsNew() bool {
	s.enter()
	defer s.exit()
	return !s.live || !s.permitted()
}

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
	if _, ok := s.work.values.Get(key); ok {
		return true
	}
	_, ok := s.flashed(key)
	return ok
}

// Get returns the value under key as a T. It is false, and the zero T, when
// there is none, or it is not a T or does not fit in one, at any depth: a 300
// is no uint8, a string no time, a nil only what can be nil. A struct may be
// read as another struct with the same msgpack fields. Flash is found as by
// [Session.Value].
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
	if raw, ok := s.work.values.Get(key); ok {
		return raw, true
	}
	raw, ok := s.flashed(key)
	if ok {
		s.flash().read.add(key)
	}
	return raw, ok
}

// Set stores value under key. It is encoded at once, so that it fails while
// the caller can still act: a value that msgpack cannot encode (a channel, a
// function, one that contains itself or is nested deeper than 32), a
// [TooLargeError], or [ErrCommitted]. On any error the old value stays and
// [EventWriteRefused] is reported. A Set is a change, also of an equal value.
func (s *Session) Set(key string, value any) error {
	return s.store(key, value, func(raw []byte) error {
		return s.put(s.work.values.With(key, raw))
	})
}

// store encodes value, without the lock, and hands it to change.
func (s *Session) store(key string, v any, change func(raw []byte) error) error {
	return value.Encode(v, func(raw []byte, err error) error {
		return s.write(func() error {
			if err != nil {
				return s.sized(err, key)
			}
			return change(raw)
		})
	})
}

// SetDefault returns the value under key as [Session.Value] does, after
// storing the given one if the data has none. An existing value, be it nil,
// is no change. Errors are those of [Session.Set].
func (s *Session) SetDefault(key string, value any) (any, error) { return s.setDefault(key, value) }

func (s *Session) setDefault(key string, v any) (any, error) {
	var present []byte
	err := value.Encode(v, func(raw []byte, err error) error {
		if present = s.stored(key); present != nil {
			return nil
		}
		return s.write(func() error {
			var ok bool
			if present, ok = s.work.values.Get(key); ok {
				return nil
			}
			if err != nil {
				return s.sized(err, key)
			}
			err := s.put(s.work.values.With(key, raw))
			present, _ = s.work.values.Get(key)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return value.Of(present), nil
}

// stored returns the encoded value under key in the data, nil if none.
func (s *Session) stored(key string) []byte {
	s.enter()
	defer s.exit()
	if raw, ok := s.work.values.Get(key); ok {
		return raw
	}
	return nil
}

// Update stores all values or, on an error, none of them. Errors are those of
// [Session.Set].
func (s *Session) Update(values map[string]any) error {
	var all wire.Pairs
	var failed error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		failed = value.Encode(values[key], func(raw []byte, err error) error {
			all = all.With(key, raw)
			return err
		})
		if failed != nil {
			return s.write(func() error { return s.sized(failed, key) })
		}
	}
	return s.write(func() error {
		if all.Len() == 0 {
			return nil
		}
		return s.put(union(s.work.values, all))
	})
}

var (
	errNotInteger = errors.New("cookiesession: Add: the value is not an integer")
	errOverflow   = errors.New("cookiesession: Add: the sum does not fit in 64 bits")
)

// Add adds delta to the integer under key, a missing one counting as 0, and
// returns the sum. It fails, and the old value stays, where the value is no
// integer or the sum overflows an int64. It looks at the data, not at flash.
func (s *Session) Add(key string, delta int64) (sum int64, err error) {
	err = s.write(func() error {
		at := s.work.values.Find(key)
		if old, present := s.work.values.At(at); present {
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
		var buf [9]byte
		return s.put(s.work.values.Put(at, key, wire.AppendInt(buf[:0], sum+delta)))
	})
	if err != nil {
		return 0, err
	}
	return sum + delta, nil
}

// Edit hands f the value under key, the zero T if there is none, and stores
// what f made of it: the way to change a nested value. An error from f is
// returned and changes nothing; a value that is no T is an error too. It
// looks at the data, not at flash. The session is locked meanwhile: f must not
// use s.
func Edit[T any](s *Session, key string, f func(*T) error) error {
	var own error
	err := s.write(func() error {
		var v T
		if raw, present := s.work.values.Get(key); present {
			var ok bool
			if v, ok = value.Decode[T](raw); !ok {
				return fmt.Errorf("cookiesession: Edit: the value is not a %T", v)
			}
		}
		if own = f(&v); own != nil {
			return nil
		}
		return value.Encode(v, func(raw []byte, err error) error {
			if err != nil {
				return s.sized(err, key)
			}
			return s.put(s.work.values.With(key, raw))
		})
	})
	if own != nil {
		return own
	}
	return err
}

// Delete removes keys, data and flash alike. Removing what is not there is no
// change. A right that must end even if this request fails is ended by
// [Session.Destroy]: on a 5xx response changes are not saved.
func (s *Session) Delete(keys ...string) error {
	return s.write(func() error {
		for _, key := range keys {
			s.remove(key)
		}
		return nil
	})
}

// remove needs the lock.
func (s *Session) remove(key string) {
	if _, ok := s.work.values.Get(key); ok {
		s.work.values = s.work.values.Without(key)
		s.dirty = true
	}
	if !s.permitted() {
		s.deleted = append(s.deleted, key)
	}
	s.takeFlash(key)
}

// Pop returns the value under key as a T and removes it, data and flash
// alike. It is false where [Get] is, and after the header left; then the value
// stays.
func Pop[T any](s *Session, key string) (v T, ok bool) {
	err := s.write(func() error {
		raw, present := s.work.values.Get(key)
		if !present {
			raw, present = s.flashed(key)
		}
		if !present {
			return nil
		}
		if v, ok = value.Decode[T](raw); ok {
			s.remove(key)
		}
		return nil
	})
	return v, ok && err == nil
}

// Keys returns the keys of the data, sorted; no flash.
func (s *Session) Keys() []string {
	s.enter()
	defer s.exit()
	return keysOf(s.work.values)
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
	all := decodeAll(flash)
	maps.Copy(all, decodeAll(data))
	return all
}

func decodeAll(pairs wire.Pairs) map[string]any {
	out := make(map[string]any, pairs.Len())
	for key, raw := range pairs.All() {
		out[key] = value.Of(raw)
	}
	return out
}

// snapshot returns the data and the flash that this request can see, to be
// decoded without the lock.
func (s *Session) snapshot() (data, flash wire.Pairs) {
	s.enter()
	defer s.exit()
	flash = s.visibleFlash()
	s.flash().read.all = true
	return s.work.values, flash
}

// Len is the number of [Session.Keys].
func (s *Session) Len() int {
	s.enter()
	defer s.exit()
	return s.work.values.Len()
}

// Clear forgets the data and an expiry of its own. Flash stays, and so does
// the ID: this is no logout, [Session.Destroy] is.
func (s *Session) Clear() error {
	return s.write(func() error {
		s.work.values, s.work.expiry = wire.Pairs{}, Expiry{}
		s.cleared, s.dirty, s.setExpiry, s.deleted = true, true, false, nil
		return nil
	})
}

// Destroy forgets everything, deletes every cookie and begins anew under a
// new ID: logout. It is carried out whatever the status of the response, also
// when the handler panics. A copy of the cookies made before stays valid until
// it expires: no server-side store exists that could know better. See
// [Config].Validate for how an application ends those too.
func (s *Session) Destroy() error {
	return s.write(func() error {
		s.forget()
		s.destroyed = true
		return nil
	})
}

// forget makes the session blank: what came stays known.
func (s *Session) forget() {
	s.work = record{created: s.at.Unix(), modified: s.at.Unix()}
	s.hasID, s.dirty, s.cycled, s.setExpiry, s.cleared = false, false, false, false, false
	s.deleted = nil
	if s.flashes != nil {
		s.flashes.forget()
	}
	s.testCookie = testUntouched
}

// CycleID gives the session a new ID with the same data. Call it at login and
// wherever rights grow: an application may key what it knows by the ID, and
// an attacker who planted a session (session fixation, CWE-384) must not share
// the new one.
func (s *Session) CycleID() error {
	return s.write(func() error {
		s.work.id, s.hasID = newSessionID(), true
		s.cycled, s.dirty = true, true
		return nil
	})
}

// Accessed reports whether anything has looked at the session or written to
// it. Asking is no access.
func (s *Session) Accessed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accessed
}

// Modified reports whether there is a change to save. Asking is no access.
func (s *Session) Modified() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content != nil && (s.dirty || s.destroyed || s.flashes != nil && s.flashes.changed())
}

// MarkModified has the session saved although no value changed: it counts as
// activity. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) MarkModified() {
	s.write(func() error {
		s.dirty = true
		return nil
	})
}

// enter locks the session and makes sure that it has been looked at.
func (s *Session) enter() {
	s.mu.Lock()
	if !s.accessed {
		s.accessed = true
		if s.committed {
			s.note(Event{Kind: EventLateLook, CookieName: s.m.data.name})
		}
	}
	if s.state != opened {
		s.openOrUnlock()
	}
}

// openOrUnlock unlocks where Validate ends the goroutine: enter does not
// return then, and nobody would call exit.
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
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, e := range events {
		s.m.emit(s.ctx, e)
	}
	s.m.ring.notify()
}

// note keeps an event until no lock is held. The session that Validate sees
// keeps quiet about what the real one reports.
func (s *Session) note(e Event) {
	if (!s.asking || e.Kind == EventWriteRefused) && s.m.listens(e.Kind) {
		s.events = append(s.events, e)
	}
}

// write runs change on the open session. Every refusal is reported: a change
// is never lost in silence, even when the caller drops the error.
func (s *Session) write(change func() error) (err error) {
	s.enter()
	defer s.exit()
	if s.committed {
		err = ErrCommitted
	} else {
		err = change()
	}
	if err != nil {
		s.note(Event{Kind: EventWriteRefused, CookieName: s.m.data.name, Err: err})
	}
	return err
}

// put makes values the data, if that fits.
func (s *Session) put(values wire.Pairs) error {
	next := s.work
	next.values = values
	if err := s.fits(next.packedLen(), values); err != nil {
		return err
	}
	s.work.values, s.dirty = values, true
	return nil
}

// TooLargeError tells what would not fit; it is [ErrTooLarge].
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
		fmt.Fprintf(&b, " %q (%d)", entry.Key, entry.Size)
	}
	return b.String()
}

// Is makes every TooLargeError an ErrTooLarge.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// fits reports whether a data payload of dataLen bytes fits beside flash and
// the counters of views. One that is not larger than what came always does:
// nobody is stuck with a session that a lower limit has made too large.
func (s *Session) fits(dataLen int, written wire.Pairs) error {
	if dataLen <= s.data.plainLen {
		return nil
	}
	data := s.cost(&s.m.data, dataLen) + s.viewsReserve()
	if data+s.flashBytes() > s.m.cfg.MaxBytes {
		s.openFlash() // what does not open needs no room: a planted one would lock the session
	}
	if size := data + s.flashBytes(); size > s.m.cfg.MaxBytes {
		return s.tooLarge(size, written)
	}
	return nil
}

// cost is what a payload of n bytes takes as cookies of c.
func (s *Session) cost(c *compartment, n int) int {
	key := s.m.ring.inForce().Sealing(s.at) // no look at the file: the commit looks
	if key == nil {
		return n
	}
	return c.sealedSize(key, n)
}

func (s *Session) tooLarge(size int, entries wire.Pairs) error {
	e := &TooLargeError{Size: size, Limit: s.m.cfg.MaxBytes}
	for key, raw := range entries.All() {
		e.Largest = append(e.Largest, EntrySize{key, len(key) + len(raw)})
	}
	slices.SortStableFunc(e.Largest, func(a, b EntrySize) int { return b.Size - a.Size })
	e.Largest = e.Largest[:min(len(e.Largest), 5)]
	return e
}

// sized makes a TooLargeError of the encoder's giving up.
func (s *Session) sized(err error, key string) error {
	if !errors.Is(err, value.ErrTooLarge) {
		return err
	}
	return &TooLargeError{Size: value.MaxSize, Limit: s.m.cfg.MaxBytes, Largest: []EntrySize{{key, value.MaxSize}}}
}

// MarshalJSON gives the session as an object for a page or a program: "id",
// "created", "expires_at", "new", "values", "flash" and, with TrackViews,
// "views". All data is in it: what the visitor must not read stays out of a
// page. It is safe inside <script>, as all of encoding/json's output is; what
// JSON cannot express (NaN, a year beyond 9999) becomes text. It holds no
// cookie and no key.
func (s *Session) MarshalJSON() ([]byte, error) {
	data, flash := s.snapshot()
	out := map[string]any{
		"id":         s.ID(),
		"created":    jsonValue(s.Created()),
		"expires_at": jsonValue(s.ExpiresAt().UTC()),
		"new":        s.IsNew(),
		"values":     jsonValue(decodeAll(data)),
		"flash":      jsonValue(decodeAll(flash)),
	}
	if s.m.cfg.TrackViews {
		out["views"] = s.Views()
	}
	return json.Marshal(out)
}

// jsonValue makes a decoded value one that JSON can express.
func jsonValue(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		if y := v.Year(); y < 0 || y > 9999 {
			return v.Format(time.RFC3339Nano)
		}
	case []any:
		for i := range v {
			v[i] = jsonValue(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = jsonValue(v[key])
		}
	case map[any]any:
		texts := make(map[string]any, len(v))
		for key, value := range v {
			texts[fmt.Sprint(key)] = jsonValue(value)
		}
		return texts
	case nil, bool, string, int64, uint64, []byte:
	default: // a type that the application registered with msgpack
		if _, err := json.Marshal(v); err != nil {
			return fmt.Sprintf("%T", v)
		}
	}
	return v
}

// LogValue gives a fingerprint of the ID and the names of the keys, never a
// value. Logging is no access: a session that nobody looked at is not opened.
func (s *Session) LogValue() slog.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != opened {
		return slog.GroupValue(slog.Bool("opened", false))
	}
	return slog.GroupValue(
		slog.String("id", s.fingerprint()),
		slog.Bool("new", !s.live),
		slog.Any("keys", keysOf(s.work.values)),
	)
}

func (s *Session) fingerprint() string {
	id := s.id()
	sum := sha256.Sum256(id[:])
	return hex.EncodeToString(sum[:4])
}

// Format writes what LogValue tells, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) {
	if s == nil {
		io.WriteString(f, "session(nil)")
		return
	}
	io.WriteString(f, "session"+s.LogValue().String())
}
