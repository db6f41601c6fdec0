package cookiesession

import (
	"slices"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// flashState is what came as flash and what this request makes of it. The
// compartment is opened only when a flash value is asked for or must be kept
// beside a new one.
type flashState struct {
	arrival[flashRecord]
	opened bool
	dead   bool // authentic, past its lifetime: deleted when seen

	in    wire.Pairs // of came, what Delete and Pop have left
	now   wire.Pairs // FlashNow: never sent
	out   wire.Pairs // Flash: for the next request
	kept  keySelection
	read  keySelection
	clear bool // ClearFlash
	taken bool // Delete or Pop took something away
}

// flash is made when something needs it: in each request it would cost 50 ns.
func (s *Session) flash() *flashState {
	if s.flashes == nil {
		s.flashes = new(flashState)
	}
	return s.flashes
}

// keySelection is a set of keys, or all of them.
type keySelection struct {
	all  bool
	keys []string
}

func (k *keySelection) add(key string) {
	if !k.all && !slices.Contains(k.keys, key) {
		k.keys = append(k.keys, key)
	}
}

func (k *keySelection) has(key string) bool { return k.all || slices.Contains(k.keys, key) }
func (k *keySelection) empty() bool         { return !k.all && len(k.keys) == 0 }

// Flash stores a value that the next page can see, through [Session.Value]
// and its like where the data has no such key, and through [Session.Flashes].
// This request cannot see it. A second one under the same key replaces the
// first. It survives redirects, is dropped when a page has been answered with
// 200, and lives for FlashLifetime at most. Errors are those of
// [Session.Set]. Flash alone creates no session.
//
// Never take a flash key from the request: a key that the data lacks would
// pose as data for one request.
func (s *Session) Flash(key string, value any) error {
	return s.store(key, value, func(raw []byte) error {
		out := s.flash().out.With(key, raw)
		if err := s.flashFits(out); err != nil {
			return err
		}
		s.flash().out = out
		return nil
	})
}

// FlashNow shows a value as flash in this request only; it is never sent.
func (s *Session) FlashNow(key string, value any) error {
	return s.store(key, value, func(raw []byte) error {
		s.flash().now = s.flash().now.With(key, raw)
		return nil
	})
}

// KeepFlash keeps what came as flash once more, with its lifetime renewed: the
// given keys, or all without any. After the header left it is refused, and
// reported as [EventWriteRefused].
func (s *Session) KeepFlash(keys ...string) {
	s.write(func() error {
		if len(keys) == 0 {
			s.flash().kept.all = true
		}
		for _, key := range keys {
			s.flash().kept.add(key)
		}
		return nil
	})
}

// ClearFlash drops all flash: what came and what this request made. The data
// stays. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) ClearFlash() {
	s.write(func() error {
		s.flash().in, s.flash().now, s.flash().out = wire.Pairs{}, wire.Pairs{}, wire.Pairs{}
		s.flash().clear, s.flash().kept = true, keySelection{}
		return nil
	})
}

// Flashes returns a copy of the flash that this request can see. Values are
// as [Session.Value] returns them. Reading does not consume them.
func (s *Session) Flashes() map[string]any {
	s.enter()
	flash := s.visibleFlash()
	s.flash().read.all = true
	s.exit()
	return decodeAll(flash)
}

// changed reports whether the handler wrote flash for the browser to keep or
// lose.
func (f *flashState) changed() bool {
	return f.out.Len() > 0 || f.clear || f.taken || !f.kept.empty()
}

// shown reports whether this request had flash to show.
func (f *flashState) shown() bool { return f.came.values.Len()+f.now.Len() > 0 }

// forget drops what this request made; what came stays known.
func (f *flashState) forget() {
	*f = flashState{arrival: f.arrival, opened: f.opened, dead: f.dead, in: f.came.values}
}

// flashed returns the encoded flash value under key that this request sees.
func (s *Session) flashed(key string) ([]byte, bool) {
	if s.flashes == nil && s.in.flash.first == "" {
		return nil, false
	}
	if raw, ok := s.flash().now.Get(key); ok {
		return raw, true
	}
	if s.openFlash(); !s.showsFlash() {
		return nil, false
	}
	return s.flash().in.Get(key)
}

// visibleFlash is all that this request sees: what came, FlashNow on top.
func (s *Session) visibleFlash() (visible wire.Pairs) {
	if s.openFlash(); s.showsFlash() {
		visible = s.flash().in
	}
	return union(visible, s.flash().now)
}

func union(a, b wire.Pairs) wire.Pairs {
	for key, raw := range b.All() {
		a = a.With(key, raw)
	}
	return a
}

// takeFlash removes key from what this request sees and the next would get
// again.
func (s *Session) takeFlash(key string) {
	if _, ok := s.flashed(key); ok {
		s.flash().in, s.flash().now = s.flash().in.Without(key), s.flash().now.Without(key)
		s.flash().taken = true
	}
}

// showsFlash reports whether flash that came may be shown: it goes with its
// session where that was destroyed, has ended or is withheld.
func (s *Session) showsFlash() bool {
	return s.permitted() && !s.destroyed && s.verdict != expired && s.verdict != revoked && s.verdict != withheld
}

// openFlash opens the compartment that came, once.
func (s *Session) openFlash() {
	f := s.flash()
	if f.opened || !s.showsFlash() {
		return
	}
	f.opened = true
	f.open(s.m, &s.m.flash, &s.in.flash, s.at, s.m.acceptFlash)
	s.noteArrival(&s.m.flash, &s.in.flash, f.keyID, f.err)
	if f.key != nil && f.came.expires <= s.at.Unix() {
		f.came, f.dead = flashRecord{}, true
		s.note(Event{Kind: EventRefused, CookieName: s.m.flash.name, KeyID: f.key.ID(), Err: ErrExpired})
	}
	if !f.clear {
		f.in = f.came.values
	}
}

// acceptFlash unpacks flash and refuses what no clock here can have made.
func (m *Manager) acceptFlash(r *flashRecord, plain []byte, now time.Time) (latest int64, err error) {
	err = r.unpack(plain)
	if err == nil && r.expires > now.Add(m.cfg.FlashLifetime).Unix()+maxSkew+1 {
		err = ErrInvalid
	}
	return r.expires, err
}

// flashBytes is what flash may take in the response at most: what came, in
// case of a redirect, and what was made.
func (s *Session) flashBytes() int {
	switch {
	case s.flashes != nil && s.flashes.out.Len() > 0:
		r := s.flashWith(s.flashes.out)
		return s.cost(&s.m.flash, r.packedLen())
	case s.in.flash.first == "", s.flashes != nil && s.flashes.opened && s.flashes.plainLen == 0:
		return 0
	case s.showsFlash(), s.verdict == withheld:
		return s.in.flash.size
	}
	return 0
}

// flashWith is a payload of out on top of what came.
func (s *Session) flashWith(out wire.Pairs) flashRecord {
	if s.openFlash(); s.showsFlash() {
		out = union(s.flash().in, out)
	}
	return flashRecord{expires: s.at.Unix(), values: out}
}

// flashFits reports whether out fits as flash beside the data.
func (s *Session) flashFits(out wire.Pairs) error {
	r := s.flashWith(out)
	n := r.packedLen()
	if n <= s.flash().plainLen {
		return nil
	}
	data := s.dataLeft()
	if s.work.values.Len() > 0 {
		data = s.cost(&s.m.data, s.work.packedLen())
	}
	size := data + s.cost(&s.m.flash, n) + s.viewsReserve()
	if size <= s.m.cfg.MaxBytes {
		return nil
	}
	return s.tooLarge(size, r.values)
}

// planFlash decides what the response does to the flash compartment: delete
// it, issue next, or (neither) leave it.
func (s *Session) planFlash(o outcome) (remove bool, next flashRecord) {
	f := s.flash()
	came := s.in.flash.first != ""
	if !s.showsFlash() { // gone with its session, or hidden and left alone
		own := s.destroyed || f.clear && !o.failed // the handler's word, also about what it cannot see
		remove = s.in.flash.size > 0 && (s.verdict != withheld || own)
		if !o.failed {
			next = s.flashFor(o.now, f.out)
		}
		return remove && next.values.Len() == 0, next
	}
	if o.failed {
		return f.dead, flashRecord{}
	}
	page := o.status == 200 && s.document()
	if page && f.kept.empty() || f.clear { // nothing that came is needed: unopened
		next = s.flashFor(o.now, f.out)
		return came && next.values.Len() == 0, next
	}
	if !f.changed() && !f.dead && (o.status != 200 || f.read.empty()) {
		return false, flashRecord{}
	}
	if s.openFlash(); f.foreign && f.out.Len() == 0 {
		return false, flashRecord{}
	}
	rest := s.flashLeft(o.status)
	next = s.flashFor(o.now, union(rest, f.out))
	if f.out.Len() == 0 && f.kept.empty() {
		if rest.Len() == f.came.values.Len() && rest.Len() > 0 {
			return false, flashRecord{}
		}
		next.expires = f.came.expires
	}
	lost := page || f.dead || rest.Len() < f.came.values.Len()
	return came && lost && next.values.Len() == 0, next
}

// flashLeft is what remains of what came: all of it after a redirect or an
// error; after a page what was kept; after a 200 that was no page (a script,
// a prefetch) also what it did not read.
func (s *Session) flashLeft(status int) wire.Pairs {
	rest := s.flash().in
	if status != 200 {
		return rest
	}
	page := s.document()
	for key := range s.flash().in.All() {
		consumed := page || s.flash().read.has(key)
		if consumed && !s.flash().kept.has(key) {
			rest = rest.Without(key)
		}
	}
	return rest
}

// flashFor is a payload that lives for FlashLifetime from now.
func (s *Session) flashFor(now time.Time, values wire.Pairs) flashRecord {
	expires := now.Add(s.m.cfg.FlashLifetime)
	return flashRecord{expires: expires.Unix() + roundUp(time.Duration(expires.Nanosecond())), values: values}
}
