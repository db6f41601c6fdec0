package cookiesession

import (
	"time"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// Expiry is when a session ends: a number of seconds of inactivity, an
// instant, or the end of the browser. The zero value is the policy of the
// manager's [Config]. Expiries can be compared with ==.
//
// The deadline is enforced by the server from inside the seal, whatever the
// browser does with the cookie. AbsoluteTimeout caps every kind.
type Expiry struct{ stored payload.Expiry }

// Idle ends a session after d without a change (with TrackViews: without a
// request), rounded up to whole seconds and counted again from every change.
// d ≤ 0 has expired.
func Idle(d time.Duration) Expiry {
	return Expiry{payload.Expiry{Kind: payload.ByIdle, Sec: min(max(0, lifetime.RoundUp(d)), payload.MaxIdle)}}
}

// At ends a session at t, however active it is.
func At(t time.Time) Expiry { return Expiry{payload.Instant(t)} }

// BrowserClose ends a session with the browser. The server still enforces the
// manager's timeouts. Browsers that restore tabs restore these cookies too.
func BrowserClose() Expiry { return Expiry{payload.Expiry{Kind: payload.ByBrowser}} }

// SetExpiry gives the session an expiry of its own. The zero Expiry is the
// policy again. It is a change: it is stored, and counts as activity. After
// the header left it is refused, and reported as [EventWriteRefused].
func (s *Session) SetExpiry(e Expiry) {
	s.change(func() error { return s.write(change{kind: changeExpire, expiry: e.stored}) })
}

// Expiry returns what SetExpiry set, in this request or an earlier one.
func (s *Session) Expiry() Expiry {
	s.enter()
	defer s.exit()
	return Expiry{s.work.Expiry}
}

// ExpiresAt is when the session ends if nothing more happens: the earliest of
// its deadlines, AbsoluteTimeout included. Where this request is activity (a
// change, a view, a renewal) it counts from now.
func (s *Session) ExpiresAt() time.Time {
	s.enter()
	defer s.exit()
	return s.expiresAt(time.Now())
}

// ExpiresIn is the time left until [Session.ExpiresAt], not negative.
func (s *Session) ExpiresIn() time.Duration {
	s.enter()
	defer s.exit()
	now := time.Now()
	return max(0, s.expiresAt(now).Sub(now))
}

// ExpiresAtBrowserClose reports whether the cookies end with the browser.
func (s *Session) ExpiresAtBrowserClose() bool {
	s.enter()
	defer s.exit()
	return s.m.policy.EndsWithBrowser(s.work.Expiry)
}

// expiresAt needs the lock.
func (s *Session) expiresAt(now time.Time) time.Time {
	active := now
	stored := s.live() && s.permitted && !s.destroyed && s.extent == decide.Untouched
	if stored && !s.m.policy.TrackViews && !s.renews(now) {
		active = time.Unix(s.data.payload.Modified, 0)
	}
	return s.m.policy.Deadline(s.work.Expiry, s.created(), active)
}
