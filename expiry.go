package cookiesession

import (
	"math"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Expiry is when a session ends: a number of seconds of inactivity, an
// instant, or the end of the browser. The zero value is the policy of the
// manager's [Config]. Expiries can be compared with ==.
//
// The deadline is enforced by the server from inside the seal, whatever the
// browser does with the cookie; AbsoluteTimeout caps every kind.
type Expiry struct {
	sec  int64 // of inactivity, or Unix time
	nsec int32 // with sec as Unix time
	kind expiryKind
}

type expiryKind uint8

const (
	byPolicy expiryKind = iota
	byIdle
	byInstant
	byBrowser
)

// Idle ends a session after d without a change (with TrackViews: without a
// request), rounded up to whole seconds and counted again from every change.
// d ≤ 0 has expired.
func Idle(d time.Duration) Expiry {
	return Expiry{kind: byIdle, sec: min(max(0, roundUp(d)), maxIdle)}
}

// maxIdle is the longest [time.Duration] in whole seconds, 292 years.
const maxIdle = int64(math.MaxInt64 / time.Second)

// At ends a session at t, however active it is.
func At(t time.Time) Expiry {
	return Expiry{kind: byInstant, sec: t.Unix(), nsec: int32(t.Nanosecond())}
}

// BrowserClose ends a session with the browser; the server still enforces the
// manager's timeouts. (Browsers that restore tabs restore these cookies too.)
func BrowserClose() Expiry { return Expiry{kind: byBrowser} }

// SetExpiry gives the session an expiry of its own; the zero Expiry is the
// policy again. It is a change: it is stored, and counts as activity. After
// the header left it is refused, and reported as [EventWriteRefused].
func (s *Session) SetExpiry(e Expiry) {
	s.write(func() error {
		next := s.work
		next.expiry = e
		if err := s.fits(next.packedLen(), next.values); err != nil {
			return err
		}
		s.work.expiry = e
		s.setExpiry, s.dirty = true, true
		return nil
	})
}

// Expiry returns what SetExpiry set, in this request or an earlier one.
func (s *Session) Expiry() Expiry {
	s.enter()
	defer s.exit()
	return s.work.expiry
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
	return s.m.endsWithBrowser(s.work.expiry)
}

// ExpiryDate is when a session with e, last changed at modified, would end.
// It is pure arithmetic: it opens no session and knows no AbsoluteTimeout.
func (m *Manager) ExpiryDate(e Expiry, modified time.Time) time.Time {
	switch e.kind {
	case byInstant:
		return time.Unix(e.sec, int64(e.nsec)).In(modified.Location())
	case byPolicy, byBrowser:
		e = m.idle
	}
	return modified.Add(time.Duration(e.sec) * time.Second)
}

// deadline is ExpiryDate, capped by AbsoluteTimeout.
func (m *Manager) deadline(e Expiry, created, active time.Time) time.Time {
	end := m.ExpiryDate(e, active)
	if m.cfg.AbsoluteTimeout > 0 {
		if last := created.Add(m.cfg.AbsoluteTimeout); last.Before(end) {
			return last
		}
	}
	return end
}

// expiresAt needs the lock.
func (s *Session) expiresAt(now time.Time) time.Time {
	active := now
	stored := s.live && s.permitted() && !s.destroyed && !s.dirty
	if stored && !s.m.cfg.TrackViews && !s.renews(now) {
		active = time.Unix(s.data.came.modified, 0)
	}
	return s.m.deadline(s.work.expiry, s.created(), active)
}

func (m *Manager) endsWithBrowser(e Expiry) bool {
	return e.kind == byBrowser || e.kind == byPolicy && m.cfg.BrowserSession
}

// maxCookieAge is what browsers cap at 400 days (RFC 6265bis section 5.5).
const maxCookieAge = 400 * 24 * time.Hour

// noMaxAge leaves Max-Age out: the cookie ends with the browser.
const noMaxAge = -1

// cookieAge is the Max-Age of the cookies of a session in seconds. With
// TrackViews each view moves the deadline without the data cookie being
// written again, so the cookie must outlast the deadline.
func (m *Manager) cookieAge(e Expiry, created, active, now time.Time) int {
	if m.endsWithBrowser(e) {
		return noMaxAge
	}
	end := m.deadline(e, created, active)
	if m.cfg.TrackViews && e.kind != byInstant {
		end = now.Add(maxCookieAge)
		if m.cfg.AbsoluteTimeout > 0 {
			end = created.Add(m.cfg.AbsoluteTimeout)
		}
	}
	return int(roundUp(max(0, min(end.Sub(now), maxCookieAge))))
}

// roundUp is d in seconds, rounded up.
func roundUp(d time.Duration) int64 {
	sec := int64(d / time.Second)
	if d%time.Second > 0 {
		sec++
	}
	return sec
}

// append writes e as it stands in the payload: nil for the policy, 0 for the
// browser's end, seconds of inactivity, or a timestamp.
func (e Expiry) append(b []byte) []byte {
	switch e.kind {
	case byBrowser:
		return wire.AppendInt(b, 0)
	case byIdle:
		return wire.AppendInt(b, e.sec)
	case byInstant:
		return wire.AppendTime(b, time.Unix(e.sec, int64(e.nsec)))
	}
	return wire.AppendNil(b)
}

// packedLen is len(e.append(nil)).
func (e Expiry) packedLen() int {
	switch e.kind {
	case byIdle:
		return wire.SizeInt(e.sec)
	case byInstant:
		var b [16]byte
		return len(e.append(b[:0]))
	}
	return 1
}

// parseExpiry reads what append wrote.
func parseExpiry(raw []byte) (Expiry, bool) {
	switch wire.KindOf(raw) {
	case wire.Nil:
		return Expiry{}, true
	case wire.Int:
		sec, ok := wire.Int64(raw)
		if sec == 0 {
			return BrowserClose(), ok
		}
		return Expiry{kind: byIdle, sec: sec}, ok && sec > 0 && sec <= maxIdle
	}
	t, ok := wire.Time(raw)
	return At(t), ok
}
