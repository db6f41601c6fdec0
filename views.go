package cookiesession

import (
	"time"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/views"
)

// Views counts a visitor's requests. A page is a request answered 200. Every
// other final status, redirects included, is an error.
type Views struct {
	FirstPage   bool       `json:"first_page"` // no page before this one; always true without permission
	Requests    int        `json:"requests"`
	Pages       int        `json:"pages"`
	UniquePages int        `json:"unique_pages"` // different paths among Pages: exact to 256, then an estimate: standard error under 1 % to 10,000
	Errors      int        `json:"errors"`       // Requests that were not Pages
	History     []PageView `json:"history"`      // the last HistorySize requests at most, oldest first
}

// PageView is one request.
type PageView struct {
	Path   string    `json:"path"` // without the query
	Time   time.Time `json:"time"` // whole seconds, UTC
	Status int       `json:"status"`
}

// Views returns what has been counted, the current request included and
// assumed to become a 200. The real status is recorded when the header leaves.
// It needs Config.TrackViews. Without it, or without permission, it knows the
// current request only. The history gives way, oldest first, when the cookies
// grow to MaxBytes. Cookies cannot count what must be counted: a visitor may
// send old ones again.
func (s *Session) Views() Views {
	s.enter()
	defer s.exit()
	return s.counted()
}

// counted needs the lock.
func (s *Session) counted() Views {
	v := payload.Views{Record: views.Record{Created: s.at.Unix(), Last: s.at.Unix()}}
	if s.continuesViews() {
		v = s.views.payload
	}
	first := v.Pages == 0
	v.Add(s.path, s.at.Unix(), 200, s.m.historySize)
	return Views{
		FirstPage: first, Requests: int(v.Requests), Pages: int(v.Pages), Errors: int(v.Errors()),
		UniquePages: int(v.Unique), History: historyOf(&v),
	}
}

// historyOf decodes the history, oldest first.
func historyOf(v *payload.Views) []PageView {
	history := make([]PageView, 0, v.Len())
	for view := range v.Views {
		history = append(history, PageView{Path: view.Path, Time: time.Unix(view.Time, 0).UTC(), Status: view.Status})
	}
	return history
}

// continuesViews reports whether what came is this session's own.
func (s *Session) continuesViews() bool {
	if s.views == nil || s.views.standing != decide.Alive || !s.permitted || s.destroyed {
		return false
	}
	if s.live() {
		return s.views.payload.ID == s.data.payload.ID
	}
	return s.data.standing.Blank()
}

// noViews is user.idle of the views.
func (s *Session) noViews() bool { return !s.m.policy.TrackViews }

// planViews is user.plan of the views. The history gets the room that is left.
func (s *Session) planViews(o outcome) step {
	in, e := &s.in[viewsAt], &s.ending
	replaced := o.data == decide.Issue || o.data == decide.Remove && s.extent != decide.Untouched && !e.failed() && !o.refused
	facts := decide.Views{
		Session: s.data.standing, Denied: !s.permitted, Destroyed: s.destroyed, Tracked: s.m.policy.TrackViews, Panicked: e.panicked,
		Replaced: replaced, Foreign: s.crossSite && s.noCookies()}
	switch {
	case s.views != nil:
		facts.Standing = s.views.standing
	case in.First == "":
		facts.Standing = decide.Absent
	}
	do := step{action: facts.Decide(), own: s.ordered()}
	if do.action != decide.Issue {
		return do
	}
	if e.key == nil { // counting is no reason for an error
		return step{}
	}
	next := s.nextViews(o, replaced)
	c := &s.m.users[viewsAt].Cookie
	if !next.Shrink(func(n int) bool { return sealedSize(c, e.key, n) <= int(e.left) }) {
		return step{action: decide.Remove}
	}
	do.payload, do.maxAge = next, s.m.policy.CookieAge(s.work.Expiry, s.created(), s.now(), s.now())
	return do
}

// nextViews is what the views are after this request.
func (s *Session) nextViews(o outcome, replaced bool) *payload.Views {
	e := &s.ending
	v := payload.Views{Record: views.Record{Created: s.work.Created, Last: s.now().Unix()}}
	if s.continuesViews() {
		v = s.views.payload
	}
	v.ID = s.browserID(o, replaced)
	v.Add(s.path, s.now().Unix(), e.status, s.m.historySize)
	return &v
}

// browserID is the id of the session that the browser has after the response.
func (s *Session) browserID(o outcome, replaced bool) payload.ID {
	switch {
	case replaced:
	case s.live() && !s.gone():
		return s.data.payload.ID
	case (s.ending.failed() || o.refused) && s.continuesViews(): // a new id is dropped with the rest of what was not saved
		return s.views.payload.ID
	}
	return s.id()
}

// viewsRoom is user.room of the views: what the counters take without any
// history. The data may not push them out.
func (s *Session) viewsRoom(bool) int {
	if s.views == nil {
		return 0
	}
	return s.cost(viewsAt, s.views.payload.Reserve())
}
