// Package lifetime works out when sessions and flash end, and how long browsers
// keep their cookies. It is arithmetic on times: it asks no clock, and knows
// nothing of requests and cookies' texts.
package lifetime

import (
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// Policy is when sessions end, as the manager's Config says. It never changes.
type Policy struct {
	Idle             payload.Expiry // of IdleTimeout
	RenewAfter       time.Duration
	Absolute         time.Duration
	FlashLifetime    time.Duration
	BrowserSession   bool
	SaveEveryRequest bool
	TrackViews       bool
}

// Check refuses timeouts of a Config that make no sense. refuse is told the name
// of the field and the reason.
func Check(idle, renewAfter, absolute, flash time.Duration, refuse func(bad bool, field, reason string, args ...any)) {
	refuse(idle < 0, "IdleTimeout", "%v is negative", idle)
	refuse(renewAfter < 0, "RenewAfter", "%v is negative", renewAfter)
	refuse(renewAfter > 0 && renewAfter >= idle, "RenewAfter", "%v is not shorter than IdleTimeout, %v: it would never act", renewAfter, idle)
	refuse(absolute < 0, "AbsoluteTimeout", "%v is negative", absolute)
	refuse(flash < 0, "FlashLifetime", "%v is negative", flash)
}

// Date is when a session with e ends that was active last at that time. It
// knows no AbsoluteTimeout.
func (p *Policy) Date(e payload.Expiry, active time.Time) time.Time {
	switch e.Kind {
	case payload.ByInstant:
		return time.Unix(e.Sec, int64(e.Nsec)).In(active.Location())
	case payload.ByPolicy, payload.ByBrowser:
		e = p.Idle
	}
	return active.Add(time.Duration(e.Sec) * time.Second)
}

// Deadline is Date, capped by AbsoluteTimeout. No expiry that a handler sets can
// go past the cap: it is what bounds the use of a stolen cookie.
func (p *Policy) Deadline(e payload.Expiry, created, active time.Time) time.Time {
	end := p.Date(e, active)
	if p.Absolute > 0 {
		if last := created.Add(p.Absolute); last.Before(end) {
			return last
		}
	}
	return end
}

// Renews reports whether reading has become activity, for a session that
// changed last at modified. Reading alone is none, because then each request
// would have to set a cookie.
func (p *Policy) Renews(now, modified time.Time) bool {
	return p.SaveEveryRequest || p.RenewAfter > 0 && now.Sub(modified) >= p.RenewAfter
}

// EndsWithBrowser reports whether the cookies end with the browser.
func (p *Policy) EndsWithBrowser(e payload.Expiry) bool {
	return e.Kind == payload.ByBrowser || e.Kind == payload.ByPolicy && p.BrowserSession
}

// maxCookieAge is the longest that browsers keep a cookie, 400 days (RFC 6265bis
// section 5.5). The server's own deadlines may be later.
const maxCookieAge = 400 * 24 * time.Hour

// CookieAge is the Max-Age of the cookies of a session in seconds. With
// TrackViews each view moves the deadline without the data cookie being
// written again, so the cookie must outlast the deadline.
func (p *Policy) CookieAge(e payload.Expiry, created, active, now time.Time) int {
	if p.EndsWithBrowser(e) {
		return cookie.NoMaxAge
	}
	end := p.Deadline(e, created, active)
	if p.TrackViews && e.Kind != payload.ByInstant {
		end = now.Add(maxCookieAge)
		if p.Absolute > 0 {
			end = created.Add(p.Absolute)
		}
	}
	return maxAge(end.Sub(now))
}

// FlashSeconds is how long flash lives, in seconds.
func (p *Policy) FlashSeconds() int64 { return RoundUp(p.FlashLifetime) }

// FlashEnd is when flash ends that was made then, in Unix seconds.
func (p *Policy) FlashEnd(made int64) int64 { return made + p.FlashSeconds() }

// FlashAge is the Max-Age of the cookies of flash that was made then.
func (p *Policy) FlashAge(made int64, now time.Time) int {
	if p.BrowserSession {
		return cookie.NoMaxAge
	}
	return maxAge(min(time.Unix(p.FlashEnd(made), 0).Sub(now), p.FlashLifetime))
}

// maxAge is a Max-Age in seconds that lasts for d, within what browsers accept.
func maxAge(d time.Duration) int { return int(RoundUp(max(0, min(d, maxCookieAge)))) }

// RoundUp is d in seconds, rounded up: nothing may end a little earlier than
// somebody has asked for.
func RoundUp(d time.Duration) int64 {
	sec := int64(d / time.Second)
	if d%time.Second > 0 {
		sec++
	}
	return sec
}

// Ceil is t in Unix seconds, rounded up.
func Ceil(t time.Time) int64 { return t.Unix() + RoundUp(time.Duration(t.Nanosecond())) }
