package cookiesession

import (
	"slices"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/wire"
)

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
	return s.encoded(key, value, func(raw []byte) error {
		f := s.flashes()
		out := f.out.With(key, raw)
		r := s.flashWith(out, s.live() || s.worthKeeping(s.at))
		if err := s.fits(flashAt, r.PackedLen(), f.cameLen(), r.Values); err != nil {
			return err
		}
		f.out = out
		return nil
	})
}

// FlashNow shows a value as flash in this request only; it is never sent.
func (s *Session) FlashNow(key string, value any) error {
	return s.encoded(key, value, func(raw []byte) error {
		f := s.flashes()
		f.now = f.now.With(key, raw)
		return nil
	})
}

// KeepFlash keeps what came as flash once more, with its lifetime renewed: the
// given keys, or all without any. After the header left it is refused, and
// reported as [EventWriteRefused].
func (s *Session) KeepFlash(keys ...string) {
	s.change(func() error {
		f := s.flashes()
		if len(keys) == 0 {
			f.kept.all = true
		}
		for _, key := range keys {
			f.kept.add(key)
		}
		return nil
	})
}

// ClearFlash drops all flash: what came and what this request made. The data
// stays. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) ClearFlash() {
	s.change(func() error {
		f := s.flashes()
		f.in, f.now, f.out = wire.Pairs{}, wire.Pairs{}, wire.Pairs{}
		f.clear, f.kept = true, keySelection{}
		return nil
	})
}

// Flashes returns a copy of the flash that this request can see. Values are
// as [Session.Value] returns them. Reading does not consume them.
func (s *Session) Flashes() map[string]any {
	s.enter()
	flash := s.readAllFlash()
	s.exit()
	return decodeAll(flash)
}

// flashState is what came as flash, and what this request makes of it. The
// compartment is opened only where a flash value is asked for, or must be kept
// beside a new one.
type flashState struct {
	opened[payload.Flash]

	in    wire.Pairs   // of what came, what Delete and Pop have left
	taken []string     // keys that Delete takes from what came once it is opened
	now   wire.Pairs   // FlashNow: never sent
	out   wire.Pairs   // Flash: for the next request
	kept  keySelection // KeepFlash
	seen  keySelection // read by this request
	clear bool         // ClearFlash
}

// flashes is made when something needs it: in each request it would cost 50 ns.
func (s *Session) flashes() *flashState {
	if s.flash == nil {
		s.flash = new(flashState)
	}
	return s.flash
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

// changed reports whether the handler wrote flash for the browser to keep or
// to lose.
func (f *flashState) changed() bool {
	return f.out.Len() > 0 || f.clear || f.lost() || !f.kept.empty()
}

// lost reports whether some of what came has been taken, or will be as soon as
// it is opened.
func (f *flashState) lost() bool {
	return f.in.Len() < f.payload.Values.Len() || f.standing == decide.Unopened && len(f.taken) > 0
}

// shown reports whether this request had flash to show.
func (f *flashState) shown() bool { return f.payload.Values.Len()+f.now.Len() > 0 }

// forget drops what this request made; what came stays known.
func (f *flashState) forget() {
	*f = flashState{opened: f.opened, in: f.payload.Values}
}

// showsFlash reports whether flash that came may be shown. It goes with its
// session where that was destroyed, has ended or is withheld.
func (s *Session) showsFlash() bool {
	return s.permitted && !s.gone() && s.data.standing != decide.Withheld
}

// openFlash opens the compartment that came, once.
func (s *Session) openFlash() {
	f := s.flashes()
	if f.standing != decide.Unopened || !s.showsFlash() {
		return
	}
	name, in := s.m.users[flashAt].Name, &s.in[flashAt]
	f.open(s.m.ring, s.limits(), name, in, (*payload.Flash).Unpack)
	s.noteDoubled(flashAt)
	if f.err != nil {
		s.note(f.refusal(name, in.Size))
	}
	if f.standing == decide.Alive && !s.ownFlash() {
		f.payload, f.plainLen = payload.Flash{}, 0
		f.end(decide.Invalid, ErrInvalid)
		s.note(f.refusal(name, 0))
	}
	if f.standing == decide.Alive && s.m.FlashEnd(f.payload.Made) <= s.at.Unix() {
		f.payload = payload.Flash{}
		f.end(decide.Expired, ErrExpired)
		s.note(f.refusal(name, 0))
	}
	if !f.clear {
		f.in = f.payload.Values
	}
	for _, key := range f.taken {
		f.in = f.in.Without(key)
	}
}

// findFlash returns the encoded flash value under key that this request sees.
func (s *Session) findFlash(key string) ([]byte, bool) {
	if s.flash == nil && s.in[flashAt].First == "" {
		return nil, false
	}
	f := s.flashes()
	if raw, ok := f.now.Get(key); ok {
		return raw, true
	}
	if s.openFlash(); !s.showsFlash() {
		return nil, false
	}
	return f.in.Get(key)
}

// readFlash is findFlash for whoever shows the value: it counts as read.
func (s *Session) readFlash(key string) ([]byte, bool) {
	raw, ok := s.findFlash(key)
	if ok {
		s.flashes().seen.add(key)
	}
	return raw, ok
}

// readAllFlash is all that this request sees: what came, with FlashNow on top.
func (s *Session) readAllFlash() (visible wire.Pairs) {
	if s.openFlash(); s.showsFlash() {
		visible = s.flash.in
	}
	s.flash.seen.all = true
	return visible.Merge(s.flash.now)
}

// takeFlash removes key from what this request sees and the next one would get
// again. Without permission that is done when there is something to see.
func (s *Session) takeFlash(key string) {
	_, visible := s.findFlash(key)
	if !visible && s.permitted {
		return
	}
	f := s.flashes()
	f.in, f.now = f.in.Without(key), f.now.Without(key)
	if f.standing == decide.Unopened && s.in[flashAt].First != "" {
		f.taken = append(f.taken, key)
	}
}

// flashWith is a payload of out on top of what came, as large as it will be.
// owned says whether there will be a session that it belongs to.
func (s *Session) flashWith(out wire.Pairs, owned bool) payload.Flash {
	if s.openFlash(); s.showsFlash() {
		out = s.flash.in.Merge(out)
	}
	r := payload.Flash{Made: s.at.Unix(), Values: out}
	if owned {
		r.ID = payload.ID{1} // any: only the size matters
	}
	return r
}

// cameLen is how long a flash payload may be that is not longer than the one
// that came. The id of a session may have been added.
func (f *flashState) cameLen() int {
	if f.plainLen == 0 {
		return 0
	}
	const id = 2 + len(f.payload.ID)
	return f.plainLen + id
}

// flashRoom is user.room of flash: what came, in case of a redirect, and what
// was made.
func (s *Session) flashRoom(exact bool) int {
	if exact {
		s.openFlash()
	}
	f := s.flash
	if f != nil && f.out.Len() > 0 {
		r := s.flashWith(f.out, true) // whoever asks writes data
		return s.cost(flashAt, r.PackedLen())
	}
	return s.flashStays()
}

// flashStays is what the flash cookies that came take, if they stay as they
// are. Flash past its lifetime is deleted, so it takes nothing; and neither does
// what opens nowhere, because a planted cookie would leave no room.
func (s *Session) flashStays() int {
	in := &s.in[flashAt]
	if in.First == "" || !s.showsFlash() && s.data.standing != decide.Withheld {
		return 0
	}
	if s.flash == nil || s.flash.standing == decide.Unopened {
		return in.Size
	}
	return s.flash.held(&s.m.users[flashAt].Cookie)
}

// planFlash is user.plan of flash.
func (s *Session) planFlash(e ending) step {
	in := &s.in[flashAt]
	if s.flash == nil && in.Size == 0 { // what most requests have nothing of costs them nothing: 60 ns
		return step{}
	}
	facts := s.flashFacts(e)
	decided := facts.Decide()
	if decided == decide.FlashOpen {
		s.openFlash()
		facts = s.flashFacts(e)
		decided = facts.Decide()
	}
	switch decided {
	case decide.FlashRemove:
		return step{action: decide.Remove, stays: s.flashStays(), own: !s.permitted || s.destroyed || s.flash.changed()}
	case decide.FlashMade:
		return s.sendFlash(e, lifetime.Ceil(e.now), s.flash.out)
	case decide.FlashSift:
		return s.siftFlash(e, &facts)
	}
	return step{stays: s.flashStays()}
}

func (s *Session) flashFacts(e ending) decide.Flash {
	f := s.flashes()
	facts := decide.Flash{
		Standing: f.standing, Session: s.data.standing, Denied: !s.permitted, Destroyed: s.destroyed,
		Failed: e.failed(), Shows: s.shows(e.status), Page: s.shows(e.status) && e.status == 200 && s.answer != dataAnswer,
		Clear: f.clear, Kept: !f.kept.empty(), Read: !f.seen.empty(), Taken: f.lost(), Made: f.out.Len() > 0,
		Moved: e.data == decide.Remove || e.data == decide.Issue && (!s.live() || s.work.ID != s.data.payload.ID)}
	if f.standing == decide.Unopened && s.in[flashAt].First == "" {
		facts.Standing = decide.Absent
	}
	return facts
}

// siftFlash sends what is left of what came, with what was made.
func (s *Session) siftFlash(e ending, facts *decide.Flash) step {
	f := s.flash
	left := s.flashLeft(facts)
	made := lifetime.Ceil(e.now)
	if !facts.Made && !facts.Kept {
		made = f.payload.Made
	}
	switch facts.Sifted(left.Len() > 0, left.Len() < f.payload.Values.Len()) {
	case decide.Issue:
		return s.sendFlash(e, made, left.Merge(f.out))
	case decide.Remove:
		return step{action: decide.Remove, stays: s.flashStays(), own: s.flash.changed()}
	}
	return step{stays: s.flashStays()}
}

// shows reports whether somebody sees what a response of that status shows. A
// redirect, 204, 205 and 304 have no page, a 5xx is somebody else's, the answer to
// HEAD has no body, and a prefetched page may never be looked at.
func (r *request) shows(status int) bool {
	switch {
	case r.answer == unseenAnswer, status == 204, status == 205:
		return false
	}
	return status >= 200 && status < 300 || status >= 400 && status < 500
}

// flashLeft is what goes on of what came. After a page that somebody saw that
// is what was kept. After another response that somebody saw (an error page, a
// script's fetch) it is also what that did not read. Else it is all of it.
func (s *Session) flashLeft(facts *decide.Flash) wire.Pairs {
	left := s.flash.in
	if !facts.Shows {
		return left
	}
	for key := range s.flash.in.All() {
		consumed := facts.Page || s.flash.seen.has(key)
		if consumed && !s.flash.kept.has(key) {
			left = left.Without(key)
		}
	}
	return left
}

func (s *Session) sendFlash(e ending, made int64, values wire.Pairs) step {
	return step{
		action: decide.Issue, payload: &payload.Flash{Made: made, Values: values, ID: s.flashOwner(e)}, maxAge: s.m.FlashAge(made, e.now),
		cameLen: s.flash.cameLen(), stays: s.flashStays(), own: s.flash.changed(),
	}
}

// flashOwner is the id of the session that the browser has after the response,
// all zero if it has none. The flash that is sent will be shown beside that one
// alone.
func (s *Session) flashOwner(e ending) (id payload.ID) {
	switch {
	case e.data == decide.Remove:
	case e.data == decide.Leave && (s.live() || s.data.standing == decide.Withheld):
		return s.data.payload.ID
	case e.data != decide.Leave:
		return s.work.ID
	}
	return id
}

// ownFlash reports whether flash that came was made beside the session that is
// shown, or beside none where none is shown. A flash cookie can be planted by
// whoever can set cookies for this host, a sibling subdomain for example; it
// must not show what was said to somebody else beside the visitor's data.
func (s *Session) ownFlash() bool {
	f := &s.flash.payload
	if s.live() {
		return f.Free || f.ID == s.data.payload.ID
	}
	return f.Free || f.ID == (payload.ID{}) && s.data.standing.Blank()
}
