package cookiesession

import (
	"math"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
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

// policy is when sessions end, as the manager's Config says. It never changes.
type policy struct {
	idle             Expiry // of IdleTimeout
	renewAfter       time.Duration
	absolute         time.Duration
	flashLifetime    time.Duration
	browserSession   bool
	saveEveryRequest bool
	trackViews       bool
}

// date is when a session with e ends that was active last at that time. It
// knows no AbsoluteTimeout.
func (p *policy) date(e Expiry, active time.Time) time.Time {
	switch e.kind {
	case byInstant:
		return time.Unix(e.sec, int64(e.nsec)).In(active.Location())
	case byPolicy, byBrowser:
		e = p.idle
	}
	return active.Add(time.Duration(e.sec) * time.Second)
}

// deadline is date, capped by AbsoluteTimeout.
func (p *policy) deadline(e Expiry, created, active time.Time) time.Time {
	end := p.date(e, active)
	if p.absolute > 0 {
		if last := created.Add(p.absolute); last.Before(end) {
			return last
		}
	}
	return end
}

// renews reports whether reading has become activity, for a session that
// changed last at modified.
func (p *policy) renews(now, modified time.Time) bool {
	return p.saveEveryRequest || p.renewAfter > 0 && now.Sub(modified) >= p.renewAfter
}

// endsWithBrowser reports whether the cookies end with the browser.
func (p *policy) endsWithBrowser(e Expiry) bool {
	return e.kind == byBrowser || e.kind == byPolicy && p.browserSession
}

// maxCookieAge is what browsers cap at 400 days (RFC 6265bis section 5.5).
const maxCookieAge = 400 * 24 * time.Hour

// cookieAge is the Max-Age of the cookies of a session in seconds. With
// TrackViews each view moves the deadline without the data cookie being
// written again, so the cookie must outlast the deadline.
func (p *policy) cookieAge(e Expiry, created, active, now time.Time) int {
	if p.endsWithBrowser(e) {
		return cookie.NoMaxAge
	}
	end := p.deadline(e, created, active)
	if p.trackViews && e.kind != byInstant {
		end = now.Add(maxCookieAge)
		if p.absolute > 0 {
			end = created.Add(p.absolute)
		}
	}
	return maxAge(end.Sub(now))
}

// flashSeconds is how long flash lives, in seconds.
func (p *policy) flashSeconds() int64 { return roundUp(p.flashLifetime) }

// flashEnd is when flash ends that was made then, in Unix seconds.
func (p *policy) flashEnd(made int64) int64 { return made + p.flashSeconds() }

// flashAge is the Max-Age of the cookies of flash that was made then.
func (p *policy) flashAge(made int64, now time.Time) int {
	if p.browserSession {
		return cookie.NoMaxAge
	}
	return maxAge(min(time.Unix(p.flashEnd(made), 0).Sub(now), p.flashLifetime))
}

// maxAge is a Max-Age in seconds that lasts for d, within what browsers accept.
func maxAge(d time.Duration) int { return int(roundUp(max(0, min(d, maxCookieAge)))) }

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
