package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestAResponseVariesByCookieAsSoonAsTheSessionWasAccessed(t *testing.T) {
	type session = cookiesession.Session
	for name, access := range map[string]func(*session){
		"ID":                       func(s *session) { s.ID() },
		"Created":                  func(s *session) { s.Created() },
		"IsNew":                    func(s *session) { s.IsNew() },
		"Rejected":                 func(s *session) { _ = s.Rejected() },
		"Value":                    func(s *session) { s.Value("k") },
		"Has":                      func(s *session) { s.Has("k") },
		"Get":                      func(s *session) { cookiesession.Get[int](s, "k") },
		"GetOr":                    func(s *session) { cookiesession.GetOr(s, "k", 1) },
		"Set":                      testkit.Set("k", 1),
		"Set refused":              func(s *session) { _ = s.Set("k", func() {}) },
		"SetDefault":               func(s *session) { s.SetDefault("k", 1) },
		"Update":                   func(s *session) { s.Update(nil) },
		"Add":                      func(s *session) { s.Add("n", 1) },
		"Edit":                     func(s *session) { cookiesession.Edit(s, "k", func(*int) error { return nil }) },
		"Pop":                      func(s *session) { cookiesession.Pop[int](s, "k") },
		"Delete":                   func(s *session) { s.Delete("k") },
		"Delete of nothing":        func(s *session) { s.Delete() },
		"Keys":                     func(s *session) { s.Keys() },
		"All":                      func(s *session) { s.All() },
		"Len":                      func(s *session) { s.Len() },
		"Clear":                    func(s *session) { s.Clear() },
		"Destroy":                  func(s *session) { s.Destroy() },
		"CycleID":                  func(s *session) { s.CycleID() },
		"MarkModified":             (*session).MarkModified,
		"SetTestCookie":            (*session).SetTestCookie,
		"TestCookieWorked":         func(s *session) { s.TestCookieWorked() },
		"DeleteTestCookie":         (*session).DeleteTestCookie,
		"Allowed":                  func(s *session) { s.Allowed() },
		"Allow":                    (*session).Allow,
		"Deny":                     (*session).Deny,
		"MarshalJSON":              func(s *session) { s.MarshalJSON() },
		"Flash":                    func(s *session) { s.Flash("k", 1) },
		"FlashNow":                 func(s *session) { s.FlashNow("k", 1) },
		"KeepFlash":                func(s *session) { s.KeepFlash() },
		"ClearFlash":               (*session).ClearFlash,
		"Flashes":                  func(s *session) { s.Flashes() },
		"SetExpiry":                func(s *session) { s.SetExpiry(cookiesession.BrowserClose()) },
		"Expiry":                   func(s *session) { s.Expiry() },
		"ExpiresAt":                func(s *session) { s.ExpiresAt() },
		"ExpiresIn":                func(s *session) { s.ExpiresIn() },
		"ExpiresAtBrowserClose":    func(s *session) { s.ExpiresAtBrowserClose() },
		"Views":                    func(s *session) { s.Views() },
		"a template's {{session}}": func(s *session) { cookiesession.FuncMap(s)["session"].(func(string) any)("k") },
		"a template's {{flash}}":   func(s *session) { cookiesession.FuncMap(s)["flash"].(func(string) any)("k") },
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			h := c.Headers(404, nil, func(s *session) {
				testkit.Equal(t, "accessed before", s.Accessed(), false)
				access(s)
				testkit.Equal(t, "accessed after", s.Accessed(), true)
			})
			testkit.Equal(t, "Vary", strings.Join(h["Vary"], "|"), "Cookie")
		})
	}
}

func TestAskingWhetherASessionWasTouchedIsNoAccess(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", 1))
	before := http.Header{"Vary": {"Accept"}, "Cache-Control": {"public, s-maxage=60"}, "Cdn-Cache-Control": {"max-age=60"}, "Surrogate-Control": {"max-age=60"}}
	after := c.Headers(200, before, func(s *cookiesession.Session) {
		testkit.Equal(t, "accessed", s.Accessed(), false)
		testkit.Equal(t, "modified", s.Modified(), false)
	})
	if len(after) != len(before) {
		t.Errorf("an untouched session changed the header: %v", after)
	}
	for name := range before {
		testkit.Equal(t, name, strings.Join(after[name], "|"), strings.Join(before[name], "|"))
	}
}

func TestVaryIsMergedNeverDoubledAndAStarSaysEnough(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	for _, tc := range []struct{ name, before, after string }{
		{"none", "", "Cookie"},
		{"another", "Accept-Encoding", "Accept-Encoding|Cookie"},
		{"it is there", "Cookie", "Cookie"},
		{"it is there in lower case", "cookie", "cookie"},
		{"it is there among others", "Accept, COOKIE ,Origin", "Accept, COOKIE ,Origin"},
		{"it is there on a second line", "Accept|Origin, Cookie", "Accept|Origin, Cookie"},
		{"part of a longer name", "Cookie2, X-Cookie", "Cookie2, X-Cookie|Cookie"},
		{"a star", "*", "*"},
		{"a star on a second line", "Accept|*", "Accept|*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			if tc.before != "" {
				h["Vary"] = strings.Split(tc.before, "|")
			}
			testkit.Equal(t, "Vary", strings.Join(c.Headers(200, h, testkit.Read)["Vary"], "|"), tc.after)
			testkit.Equal(t, "Vary with a write", strings.Join(c.Headers(200, h, testkit.Set("k", 1))["Vary"], "|"), tc.after)
		})
	}
}

func TestAResponseThatShowsASessionOrFlashIsPrivateWhereNobodySaidOtherwise(t *testing.T) {
	type session = cookiesession.Session
	withData := testkit.Set("k", 1)
	withFlash := func(s *session) { testkit.Must(s.Flash("f", 1)) }
	for _, tc := range []struct {
		name   string
		before func(*session)
		do     func(*session)
		status int
		said   []string
		want   string
	}{
		{"a live session", withData, testkit.Read, 200, nil, "private"},
		{"a live session on a 404", withData, testkit.Read, 404, nil, "private"},
		{"a live session, changed in vain on a 500", withData, testkit.Set("k", 2), 500, nil, "private"},
		{"a live session, untouched", withData, nil, 200, nil, ""},
		{"no session", nil, testkit.Read, 200, nil, ""},
		{"flash that stays", withFlash, func(s *session) { s.Value("f") }, 302, nil, "private"},
		{"flash of this request", nil, func(s *session) { testkit.Must(s.FlashNow("f", 1)) }, 200, nil, "private"},
		{"a live session, the application said something", withData, testkit.Read, 200, []string{"max-age=60"}, "max-age=60"},
		{"a live session, the application said public", withData, testkit.Read, 200, []string{"public, s-maxage=60"}, "public, s-maxage=60"},
		{"a live session, the application said nothing aloud", withData, testkit.Read, 200, []string{""}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			if tc.before != nil {
				c.Visit(303, tc.before)
			}
			h := http.Header{}
			if tc.said != nil {
				h["Cache-Control"] = tc.said
			}
			h = c.Headers(tc.status, h, tc.do)
			testkit.Equal(t, "Set-Cookie", len(h["Set-Cookie"]), 0)
			testkit.Equal(t, "Cache-Control", strings.Join(h["Cache-Control"], "|"), tc.want)
		})
	}
}

func TestFlashThatWasShownAndTakenKeepsTheResponsePrivate(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	h := c.Headers(501, nil, func(s *cookiesession.Session) { cookiesession.Pop[int](s, "f") })
	testkit.Equal(t, "Set-Cookie", len(h["Set-Cookie"]), 0)
	testkit.Equal(t, "Cache-Control", h.Get("Cache-Control"), "private")
}

func TestAResponseThatSetsACookieIsKeptOutOfSharedCaches(t *testing.T) {
	for _, tc := range []struct {
		said string // lines, separated by |
		want string // directives, sorted
	}{
		{"", "private"},
		{"public", "private"},
		{"PUBLIC, Max-Age=60", "Max-Age=60 private"},
		{"public, max-age=60, s-maxage=600", "max-age=60 private"},
		{"public|max-age=60|S-MaxAge=600", "max-age=60 private"},
		{"s-maxage = 600", "private"},
		{`s-maxage="600"`, "private"},
		{"private", "private"},
		{"Private, max-age=1", "Private max-age=1"},
		{"no-store", "no-store"},
		{"No-Store, public", "No-Store"},
		{"no-cache", "no-cache private"},
		{`no-cache="set-cookie"`, `no-cache="set-cookie" private`},
		{`private="set-cookie"`, "private"},
		{`Private="a, b", max-age=1`, "max-age=1 private"},
		{`private="a", private`, "private"},
		{`private="a"|private="b"`, "private"},
		{`private="a", no-store`, "no-store private"},
		{`no-cache="a, public, s-maxage=1"`, `no-cache="a, public, s-maxage=1" private`},
		{`ext="a\", private", public`, `ext="a\", private" private`},
		{`ext="private"`, `ext="private" private`},
		{`ext="no-store, private"`, `ext="no-store, private" private`},
		{"x-private, not-public, publicity", "not-public private publicity x-private"},
		{" , ,public,, ", "private"},
		{"\tpublic\t,\tmax-age=1", "max-age=1 private"},
		{"stale-while-revalidate=60, must-revalidate", "must-revalidate private stale-while-revalidate=60"},
	} {
		t.Run(tc.said, func(t *testing.T) {
			for name, change := range map[string]func(*cookiesession.Session){
				"set":    testkit.Set("k", 1),
				"delete": func(s *cookiesession.Session) { testkit.Must(s.Destroy()) },
				"test":   (*cookiesession.Session).SetTestCookie,
			} {
				c := testkit.NewClient(t, cookiesession.Config{})
				c.Visit(200, testkit.Set("k", 0))
				h := http.Header{}
				if tc.said != "" {
					h["Cache-Control"] = strings.Split(tc.said, "|")
				}
				h = c.Headers(200, h, change)
				testkit.Equal(t, name, sortedDirectives(h["Cache-Control"]), tc.want)
			}
		})
	}
}

// sortedDirectives splits lines at the commas outside of quotes. It is a parser
// of its own, so that a mistake of the tested one does not hide itself.
func sortedDirectives(lines []string) string {
	var all []string
	for _, line := range lines {
		for line != "" {
			end := 0
			for quoted := false; end < len(line) && (quoted || line[end] != ','); end++ {
				if line[end] == '\\' {
					end++
				} else if line[end] == '"' {
					quoted = !quoted
				}
			}
			if directive := strings.TrimSpace(line[:end]); directive != "" {
				all = append(all, directive)
			}
			line = strings.TrimPrefix(line[end:], ",")
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestPrivateIsSaidWhereNoStoreWouldNotHold(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	for said, want := range map[string]string{
		"must-understand, no-store, max-age=60": "max-age=60 must-understand no-store private",
		"no-store, Must-Understand":             "Must-Understand no-store private",
		`no-store="a"`:                          `no-store="a" private`,
		`ext="a, public`:                        `ext="a, public private`,
		`ext="a, no-store`:                      `ext="a, no-store private`,
	} {
		h := c.Headers(200, http.Header{"Cache-Control": {said}}, testkit.Set("k", 1))
		testkit.Equal(t, said, sortedDirectives(h["Cache-Control"]), want)
	}
}

func TestTheFieldsThatOnlySharedCachesReadGoWhereACookieIsSet(t *testing.T) {
	fields := http.Header{
		"Cdn-Cache-Control":            {"max-age=60"},
		"CDN-Cache-Control":            {"max-age=60"}, // as a program writes it that does not use Header.Set
		"Cloudflare-Cdn-Cache-Control": {"max-age=60"},
		"Vercel-CDN-Cache-Control":     {"max-age=60"},
		"Surrogate-Control":            {"max-age=60"},
		"surrogate-control":            {"max-age=60"},
		"X-Accel-Expires":              {"60"}, // nginx
		"x-accel-expires":              {"60"},
		"Edge-Control":                 {"max-age=60"}, // Akamai
		"X-Litespeed-Cache-Control":    {"public, max-age=60"},
		"Surrogate-Key":                {"page"},
		"Cdn-Cache-Control-Note":       {"not a field of theirs"},
		"Content-Type":                 {"text/html"},
	}
	c := testkit.NewClient(t, cookiesession.Config{})
	names := func(h http.Header) string {
		var names []string
		for name := range h {
			if name != "Set-Cookie" && name != "Vary" && name != "Cache-Control" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	const kept = "Cdn-Cache-Control-Note Content-Type Surrogate-Key"
	testkit.Equal(t, "with a cookie", names(c.Headers(200, fields, testkit.Set("k", 1))), kept)
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	testkit.Equal(t, "with flash dropped unopened", names(c.Headers(200, fields, nil)), kept)
	testkit.Equal(t, "without a cookie", names(c.Headers(302, fields, testkit.Read)), names(fields))
}

func TestFlashDroppedUnopenedKeepsThePageOutOfSharedCaches(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	h := c.Headers(200, http.Header{"Cache-Control": {"public, max-age=60"}}, nil)
	testkit.Equal(t, "Cache-Control", sortedDirectives(h["Cache-Control"]), "max-age=60 private")
	testkit.Equal(t, "Vary", len(h["Vary"]), 0)
}

func TestAManagerThatWatchesEveryRequestMarksEveryResponse(t *testing.T) {
	for name, cfg := range map[string]cookiesession.Config{
		"Consent":          {Consent: func(*http.Request) bool { return true }},
		"TrackViews":       {TrackViews: true},
		"SaveEveryRequest": {SaveEveryRequest: true},
	} {
		a := testkit.NewClient(t, cfg).Visit(200, nil)
		testkit.Equal(t, name, strings.Join(a.Header["Vary"], "|"), "Cookie")
	}
	testkit.Equal(t, "none of them", len(testkit.NewClient(t, cookiesession.Config{}).Visit(200, nil).Header["Vary"]), 0)
}

func TestTheApplicationsCookieAloneChangesNoCacheHeader(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	h := c.Headers(200, http.Header{"Set-Cookie": {"a=1"}, "Cache-Control": {"public"}}, testkit.Read)
	testkit.Equal(t, "Cache-Control", h.Get("Cache-Control"), "public")
}
