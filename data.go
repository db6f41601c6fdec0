package cookiesession

import (
	"time"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// This file has the first user of the compartments, the data, and the simplest
// one, the companion cookie.

// planData is user.plan of the data.
func (s *Session) planData(outcome) step {
	e, now := &s.ending, s.now()
	facts := decide.Data{
		Standing: s.data.standing, Denied: !s.permitted, Destroyed: s.destroyed, Extent: s.extent, Failed: e.failed(),
		Worth:  s.extent != decide.Untouched && s.worthKeeping(now),
		Due:    s.live() && s.renews(now),
		OldKey: s.live() && e.key != nil && s.data.key.OlderThan(e.key)}
	do := step{action: facts.Decide()}
	do.own = do.action == decide.Issue || s.ordered() || s.extent != decide.Untouched && !e.failed()
	switch do.action {
	case decide.Leave, decide.Remove:
		return do
	case decide.Issue:
		s.id()
		s.work.Modified = now.Unix()
		if facts.Gone() { // what came has ended, even where what came after it does not fit
			do.otherwise = decide.Remove
		}
	case decide.Renew:
		s.work.Modified = now.Unix()
	}
	do.payload, do.cameLen = &s.work, s.cameLen()
	do.maxAge = s.m.policy.CookieAge(s.work.Expiry, s.created(), time.Unix(s.work.Modified, 0), now)
	return do
}

// worthKeeping reports whether there is anything to remember, and whether it
// would not have expired at once.
func (s *Session) worthKeeping(now time.Time) bool {
	return !s.empty() && now.Before(s.m.policy.Deadline(s.work.Expiry, s.created(), now))
}

// empty reports whether the data has nothing to remember.
func (s *Session) empty() bool {
	return s.work.Values.Len() == 0 && s.work.Metadata.Len() == 0 && s.work.Expiry == (payload.Expiry{})
}

// dataRoom is user.room of the data.
func (s *Session) dataRoom(bool) int {
	if !s.empty() {
		return s.cost(dataAt, s.work.PackedLen())
	}
	return s.dataStays()
}

// dataStays is what the data cookies that came take, if they stay as they are.
func (s *Session) dataStays() int {
	switch {
	case s.destroyed:
		return 0
	case s.data.standing == decide.Unreadable: // nobody here knows how much of it is real
		return s.in[dataAt].Size
	}
	return s.data.held(&s.m.users[dataAt].Cookie)
}

// noCompanion is user.idle of the companion cookie: it is never made here.
func (s *Session) noCompanion() bool { return true }

// planCompanion is user.plan of the companion cookie.
func (s *Session) planCompanion(outcome) step {
	facts := decide.Companion{Session: s.data.standing, Denied: !s.permitted, Destroyed: s.destroyed}
	return step{action: facts.Decide(), own: !s.permitted} // one that the response sets is bound to the session after a Destroy
}
