package cookiesession

import "time"

// This file has the first user of the compartments: the data.

// planData is user.plan of the data.
func (s *Session) planData(e ending) step {
	facts := dataFacts{
		standing: s.data.standing, denied: !s.permitted, destroyed: s.destroyed, extent: s.extent, failed: e.failed(),
		worth:  s.extent != untouched && s.worthKeeping(e.now),
		due:    s.live() && s.renews(e.now),
		oldKey: s.live() && e.key != nil && s.data.key.OlderThan(e.key),
	}
	do := step{action: facts.decide(), stays: s.dataStays()}
	switch do.action {
	case leave, remove:
		return do
	case issue:
		s.id()
		s.work.modified = e.now.Unix()
		if facts.gone() { // what came has ended, even where what came after it does not fit
			do.otherwise = remove
		}
	case renew:
		s.work.modified = e.now.Unix()
	}
	do.payload, do.cameLen = &s.work, s.data.plainLen
	do.maxAge = s.m.cookieAge(s.work.expiry, s.created(), time.Unix(s.work.modified, 0), e.now)
	return do
}

// worthKeeping reports whether there is anything to remember, and for any time
// at all.
func (s *Session) worthKeeping(now time.Time) bool {
	if s.work.values.Len() == 0 && s.work.metadata.Len() == 0 && s.work.expiry == (Expiry{}) {
		return false
	}
	return now.Before(s.m.deadline(s.work.expiry, s.created(), now))
}

// dataRoom is user.room of the data.
func (s *Session) dataRoom(bool) int {
	if s.work.values.Len()+s.work.metadata.Len() > 0 {
		return s.cost(dataAt, s.work.packedLen())
	}
	return s.dataStays()
}

// dataStays is what the data cookies that came take, if they stay as they are.
// Those that open nowhere take nothing: a planted one would leave no room.
func (s *Session) dataStays() int {
	switch s.data.standing {
	case alive, unreadable, withheld:
		if !s.destroyed {
			return s.in[dataAt].Size
		}
	}
	return 0
}
