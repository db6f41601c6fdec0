package cookiesession

import (
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// Flash stores a value that the next page can see, through [Session.Value]
// and its like where the data has no such key, and through [Session.Flashes].
// This request cannot see it. A second one under the same key replaces the
// first. It survives redirects, 204, 304 and 5xx. It ends when it was read and
// the response carries a page, also one with 422. A page with status 200 ends it
// whether or not it was read. It lives for FlashLifetime at most. Errors are
// those of [Session.Set]. Flash alone creates no session.
//
// Never take a flash key from the request. Value and Get show flash where the
// data has no such key, so a visitor could choose what a check of rights sees.
func (s *Session) Flash(key string, value any) error {
	return s.encoded(key, value, func(raw []byte) error {
		f := s.flashes()
		out := f.Out.With(key, raw)
		r := s.flashWith(out, s.live() || s.worthKeeping(s.at))
		if err := s.fits(flashAt, r.PackedLen(), s.flashCameLen(), r.Values); err != nil {
			return err
		}
		f.Out = out
		return nil
	})
}

// FlashNow shows a value as flash in this request only. It is never sent. All
// values of FlashNow together may have MaxBytes, so that a request cannot fill
// the memory with what it sends in. Errors are those of [Session.Set].
func (s *Session) FlashNow(key string, value any) error {
	return s.encoded(key, value, func(raw []byte) error {
		f := s.flashes()
		now := f.Now.With(key, raw)
		if now.Size() > s.m.maxBytes {
			return s.tooLarge(now.Size(), now)
		}
		f.Now = now
		return nil
	})
}

// KeepFlash keeps what came as flash once more, with its lifetime renewed: the
// given keys, or all without any. After the header left it is refused, and
// reported as [EventWriteRefused].
func (s *Session) KeepFlash(keys ...string) {
	s.change(func() error {
		s.flashes().Keep(keys)
		return nil
	})
}

// ClearFlash drops all flash: what came and what this request made. The data
// stays. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) ClearFlash() {
	s.change(func() error {
		s.flashes().Drop()
		return nil
	})
}

// Flashes returns a copy of the flash that this request can see. Values are
// as [Session.Value] returns them. Reading does not consume them.
func (s *Session) Flashes() map[string]any {
	s.enter()
	flash := s.readAllFlash()
	s.exit()
	return value.All(flash)
}

// flashes is made when something needs it: in each request it would cost 50 ns.
func (s *Session) flashes() *flashState {
	if s.flash == nil {
		s.flash = new(flashState)
	}
	return s.flash
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
	openAt(s, flashAt, &f.opened, (*payload.Flash).Unpack)
	name := s.m.users[flashAt].Name
	if f.standing == decide.Alive && !s.ownFlash() {
		f.payload = payload.Flash{}
		f.end(decide.Invalid, ErrInvalid)
		s.note(f.refusal(name, 0))
	}
	if f.standing == decide.Alive && s.m.policy.FlashEnd(f.payload.Made) <= s.at.Unix() {
		f.payload = payload.Flash{}
		f.end(decide.Expired, ErrExpired)
		s.note(f.refusal(name, 0))
	}
	f.Came(f.payload.Values)
}

// findFlash returns the encoded flash value under key that this request sees.
func (s *Session) findFlash(key string) ([]byte, bool) {
	if s.flash == nil && s.in[flashAt].First == "" {
		return nil, false
	}
	f := s.flashes()
	if raw, ok := f.Now.Get(key); ok {
		return raw, true
	}
	if s.openFlash(); !s.showsFlash() {
		return nil, false
	}
	return f.In.Get(key)
}

// readFlash is findFlash for whoever shows the value: it counts as read.
func (s *Session) readFlash(key string) ([]byte, bool) {
	raw, ok := s.findFlash(key)
	if ok {
		s.flashes().Seen.Add(key)
	}
	return raw, ok
}

// readAllFlash is all that this request sees: what came, with FlashNow on top.
func (s *Session) readAllFlash() (visible wire.Pairs) {
	if s.openFlash(); s.showsFlash() {
		visible = s.flash.In
	}
	s.flash.Seen.All = true
	return visible.Merge(s.flash.Now)
}

// takeFlash removes key from what this request sees and the next one would get
// again. Without permission that is done when there is something to see.
func (s *Session) takeFlash(key string) {
	_, visible := s.findFlash(key)
	if !visible && s.permitted {
		return
	}
	f := s.flashes()
	f.Take(key, f.standing == decide.Unopened && s.in[flashAt].First != "")
}

// flashWith is a payload of out on top of what came, as large as it will be.
// owned says whether there will be a session that it belongs to.
func (s *Session) flashWith(out wire.Pairs, owned bool) payload.Flash {
	if s.openFlash(); s.showsFlash() {
		out = s.flash.In.Merge(out)
	}
	r := payload.Flash{Made: s.at.Unix(), Values: out}
	if owned {
		r.ID = payload.ID{1} // any: only the size matters
	}
	return r
}

// flashCameLen is how long a flash payload may be that is not longer than the
// one that came. Where it had no id, that of a session may have been added. What
// went with its session, or has ended, gives no right to be as large again.
func (s *Session) flashCameLen() int {
	if s.flash.standing != decide.Alive || !s.showsFlash() {
		return 0
	}
	r := payload.Flash{Made: s.flash.payload.Made, Values: s.flash.payload.Values, ID: payload.ID{1}} // any id: only the size matters
	return r.PackedLen()
}

// flashRoom is user.room of flash: what came, in case of a redirect, and what
// was made.
func (s *Session) flashRoom(exact bool) int {
	if exact {
		s.openFlash()
	}
	f, stays := s.flash, s.flashStays()
	if f == nil || f.standing != decide.Alive && f.Out.Len() == 0 {
		return stays + min(stays, 2*(2+len(payload.ID{}))) // the id of a session takes less than that, sealed
	}
	r := s.flashWith(f.Out, true) // whoever asks writes data, so flash gets the id of a session
	if sent := s.cost(flashAt, r.PackedLen()); f.Out.Len() > 0 || sent > stays {
		return sent
	}
	return stays
}

// flashStays is what the flash cookies that came take, if they stay as they
// are. Flash past its lifetime is deleted, so it takes nothing. What opens nowhere
// takes nothing either, because a planted cookie would leave no room.
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

// noFlash is user.idle of flash.
func (s *Session) noFlash() bool { return s.flash == nil }

// planFlash is user.plan of flash.
func (s *Session) planFlash(o outcome) step {
	facts := s.flashFacts(o)
	decided := facts.Decide()
	if decided == decide.FlashOpen {
		s.openFlash()
		facts = s.flashFacts(o)
		decided = facts.Decide()
	}
	switch decided {
	case decide.FlashRemove:
		return step{action: decide.Remove, own: s.ordered() || s.flash.changed()}
	case decide.FlashMade:
		return s.sendFlash(o, lifetime.Ceil(s.now()), s.flash.Out)
	case decide.FlashSift:
		return s.siftFlash(o, &facts)
	}
	return step{}
}

func (s *Session) flashFacts(o outcome) decide.Flash {
	f, e := s.flashes(), &s.ending
	facts := decide.Flash{
		Standing: f.standing, Session: s.data.standing, Denied: !s.permitted, Destroyed: s.destroyed,
		Failed: e.failed(), Shows: s.answer.Shows(e.status), Page: s.answer.ShowsPage(e.status),
		Clear: f.Clear, Kept: !f.Kept.Empty(), Read: !f.Seen.Empty(), Taken: f.Taken(f.payload.Values), Made: f.Out.Len() > 0,
		Moved: o.data == decide.Remove || o.data == decide.Issue && (!s.live() || s.work.ID != s.data.payload.ID)}
	if f.standing == decide.Unopened && s.in[flashAt].First == "" {
		facts.Standing = decide.Absent
	}
	return facts
}

// siftFlash sends what is left of what came, with what was made.
func (s *Session) siftFlash(o outcome, facts *decide.Flash) step {
	f := s.flash
	left := f.Left(facts.Shows, facts.Page)
	made := lifetime.Ceil(s.now())
	if !facts.Made && !facts.Kept {
		made = f.payload.Made
	}
	switch facts.Sifted(left.Len() > 0, left.Len() < f.payload.Values.Len()) {
	case decide.Issue:
		return s.sendFlash(o, made, left.Merge(f.Out))
	case decide.Remove:
		return step{action: decide.Remove, own: s.flash.changed()}
	}
	return step{}
}

func (s *Session) sendFlash(o outcome, made int64, values wire.Pairs) step {
	return step{
		action: decide.Issue, payload: &payload.Flash{Made: made, Values: values, ID: s.flashOwner(o)}, maxAge: s.m.policy.FlashAge(made, s.now()),
		cameLen: s.flashCameLen(), own: s.flash.changed(),
	}
}

// flashOwner is the id of the session that the browser has after the response,
// all zero if it has none. The flash that is sent will be shown beside that one
// alone.
func (s *Session) flashOwner(o outcome) (id payload.ID) {
	switch {
	case o.data == decide.Remove:
	case o.data == decide.Leave && (s.live() || s.data.standing == decide.Withheld):
		return s.data.payload.ID
	case o.data != decide.Leave:
		return s.work.ID
	}
	return id
}

// ownFlash reports whether flash that came was made beside the session that is
// shown, or beside none where none is shown. A flash cookie can be planted by
// whoever can set cookies for this host, a sibling subdomain for example. It must
// not show what was said to somebody else beside the visitor's data.
func (s *Session) ownFlash() bool {
	f := &s.flash.payload
	if s.live() {
		return f.Free || f.ID == s.data.payload.ID
	}
	return f.Free || f.ID == (payload.ID{}) && s.data.standing.Blank()
}
