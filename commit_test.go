package cookiesession_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestLeftoversAreDeletedAtTheNextWrite(t *testing.T) {
	c, _ := longClient(t, cookiesession.Config{})
	testkit.Equal(t, "read", c.Look(200, testkit.Read).Names(), "")
	testkit.Equal(t, "shrunk", c.Look(200, testkit.Set("k", "short")).Names(), "s_session -s_session.1 -s_session.2")
	testkit.Equal(t, "a little shorter", c.Look(200, testkit.Set("k", strings.Repeat("x", 3000))).Names(), "s_session s_session.1 -s_session.2")
	testkit.Equal(t, "destroyed", c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) }).Names(), "-s_session -s_session.1 -s_session.2")

	c.Jar = []string{"s_session.1=x", "s_session.7=x", "s_session.7=y", "s_session.99=x",
		"s_session.0=x", "s_session.01=x", "s_session.-1=x", "s_session.+1=x", "s_session.1e1=x", "s_session.=x", "s_session.1.2=x", "s_session.١=x", "s_session. 1=x"}
	testkit.Equal(t, "alone, read", c.Look(200, testkit.Read).Names(), "")
	testkit.Equal(t, "canonical suffixes alone", c.Look(200, testkit.Set("k", 1)).Names(), "s_session -s_session.1 -s_session.7 -s_session.99")
}

func TestOneResponseDeletesAtMost64Leftovers(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	for i := range 150 {
		c.Jar = append(c.Jar, fmt.Sprintf("s_session.%d=x", i+1))
	}
	testkit.Equal(t, "lines of the first", len(c.Visit(200, testkit.Set("k", 1)).Header["Set-Cookie"]), 1+64)
	testkit.Equal(t, "lines of the second", len(c.Visit(200, testkit.Set("k", 1)).Header["Set-Cookie"]), 1+64)
	testkit.Equal(t, "lines of the third", len(c.Visit(200, testkit.Set("k", 1)).Header["Set-Cookie"]), 1+150-128)
	testkit.Equal(t, "lines of the last", len(c.Visit(200, testkit.Set("k", 1)).Header["Set-Cookie"]), 1)
}

func TestRemovingADoubledCookieRemovesEveryVariantOfIt(t *testing.T) {
	for _, tc := range []struct {
		name     string
		cfg      cookiesession.Config
		variants []string
	}{
		{"a path and a domain", cookiesession.Config{Path: "/app", Domain: "example.com"},
			[]string{"; Path=/app; Domain=example.com; ", "; Path=/app; Max", "; Path=/; Domain=example.com; ", "; Path=/; Max"}},
		{"a domain", cookiesession.Config{Domain: "example.com"}, []string{"; Path=/; Domain=example.com; ", "; Path=/; Max"}},
		{"a path", cookiesession.Config{Path: "/app"}, []string{"; Path=/app; Max", "; Path=/; Max"}},
		{"neither", cookiesession.Config{}, []string{"; Path=/; Max"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, remove := range map[string]func(*cookiesession.Session){
				"destroyed": func(s *cookiesession.Session) { testkit.Must(s.Destroy()) },
				"denied":    (*cookiesession.Session).Deny,
				"emptied":   func(s *cookiesession.Session) { testkit.Must(s.Delete("k")) },
				"cleared":   func(s *cookiesession.Session) { testkit.Must(s.Clear()) },
			} {
				keys := testkit.Ring(t)
				tc.cfg.Keyring = keys
				c := testkit.NewClient(t, tc.cfg)
				c.Visit(200, testkit.Set("k", 1))
				single := c.Look(200, remove).Header["Set-Cookie"]
				testkit.Equal(t, name+" once", len(single), 1)
				other := testkit.NewClient(t, cookiesession.Config{Keyring: keys})
				other.Visit(200, testkit.Set("k", 1))
				c.Jar = append(c.Jar, other.Jar...)
				lines := c.Look(200, remove).Header["Set-Cookie"]
				testkit.Equal(t, name+" twice", len(lines), len(tc.variants))
				for _, variant := range tc.variants {
					if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "s_session="+variant) }) {
						t.Errorf("%s: no line deletes %q: %q", name, variant, lines)
					}
				}
			}
		})
	}
}

func TestDestroyingADoubledSessionAlsoDeletesItsCopiesWhenANewOneIsIssued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := testkit.Ring(t)
		c := testkit.NewClient(t, cookiesession.Config{Keyring: ring, Domain: "example.com"})
		c.Visit(200, testkit.Set("user", "Ada"))
		other := testkit.NewClient(t, cookiesession.Config{Keyring: ring}) // the same name, but for this host only
		other.Visit(200, testkit.Set("user", "Eve"))
		c.Jar = append(c.Jar, other.Jar...)
		lines := c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()); testkit.Must(s.Set("k", 1)) }).Header["Set-Cookie"]
		hostOnly := func(line string) bool { return strings.HasPrefix(line, "s_session=; Path=/; Max-Age=0") }
		if len(lines) != 2 || !slices.ContainsFunc(lines, hostOnly) {
			t.Errorf("the host-only copy stays: %q", lines)
		}
	})
}

func TestRemovingIdenticalCopiesRemovesEveryVariantOfThem(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{Domain: "example.com"})
	c.Visit(200, testkit.Set("k", 1))
	c.Jar = append(c.Jar, c.Jar[0])
	lines := c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) }).Header["Set-Cookie"]
	testkit.Equal(t, "lines", len(lines), 2)
}

func TestDestroyDeletesChunksWithoutAFirstCookie(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{TrackViews: true})
	c.Jar = []string{"s_session.1=AAAA.x", "s_session_flash.1=AAAA.x", "s_session_views.2=AAAA.x"}
	a := c.Look(500, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) })
	testkit.Equal(t, "Set-Cookie", a.Names(), "-s_session.1 -s_session_flash.1 -s_session_views.2")
}

func TestOneCookieHoldsWhatABrowserTakesAndNoLineIsLonger(t *testing.T) {
	for _, tc := range []struct {
		format cookiesession.Format
		most   int
	}{{cookiesession.FormatSecurecookie, 2170}, {cookiesession.FormatCompact, 2940}} {
		t.Run(string(tc.format), func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.FormatRing(t, tc.format), MaxBytes: 64 << 10})
			one := c.Look(200, testkit.Set("k", strings.Repeat("x", tc.most)))
			testkit.Equal(t, "cookies for one value", one.Names(), "s_session")
			longest := 0
			for n := tc.most; n < tc.most+200; n++ {
				longest = max(longest, checkLines(t, c.Look(200, testkit.Set("k", strings.Repeat("x", n)))))
			}
			testkit.Equal(t, "the longest line is near the limit", longest > 4093-4, true)
			checkLines(t, c.Look(200, testkit.Set("k", strings.Repeat("x", 24000)))) // two digits of count and index
		})
	}
}

func TestNoLineIsTooLongWhateverTheAttributesAre(t *testing.T) {
	for _, cfg := range []cookiesession.Config{
		{Name: strings.Repeat("n", 64), HostPrefix: true, Partitioned: true, SameSite: http.SameSiteNoneMode},
		{Path: "/" + strings.Repeat("p", 1000), SameSite: http.SameSiteStrictMode},
		{Domain: strings.Repeat("d", 60) + ".example.com", Insecure: true, ScriptAccess: true},
		{IdleTimeout: 1000 * 24 * time.Hour},
		{BrowserSession: true},
	} {
		cfg.MaxBytes = 64 << 10
		c := testkit.NewClient(t, cfg)
		for n := 1500; n < 3000; n += 19 {
			checkLines(t, c.Look(200, func(s *cookiesession.Session) {
				testkit.Must(s.Set("k", strings.Repeat("x", n)))
				s.SetExpiry(cookiesession.Idle(time.Hour))
			}))
		}
		v := strings.Repeat("x", 24000)
		checkLines(t, c.Visit(200, testkit.Set("k", v)))
		testkit.Equal(t, "comes back", c.Sees("k") == v, true)
	}
}

// checkLines returns the length of the longest Set-Cookie line.
func checkLines(t *testing.T, a testkit.Answer) (longest int) {
	t.Helper()
	if a.Panicked != nil || len(a.Header["Set-Cookie"]) == 0 {
		t.Fatalf("nothing was set: %v", a.Panicked)
	}
	for _, line := range a.Header["Set-Cookie"] {
		longest = max(longest, len(line))
	}
	if longest > 4093 {
		t.Errorf("a Set-Cookie line of %d bytes", longest)
	}
	return longest
}

func TestACookieIsSetForAChangeAndForNothingElse(t *testing.T) {
	type session = cookiesession.Session
	existing := func(s *session) { testkit.Must(s.Set("k", "old")) }
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		before func(*session) // nil: a new visitor
		do     func(*session)
		status int
		want   string
	}{
		{"an untouched session", cookiesession.Config{}, existing, nil, 200, ""},
		{"a read session", cookiesession.Config{}, existing, testkit.Read, 200, ""},
		{"a session that was only asked for its ID", cookiesession.Config{}, nil, func(s *session) { s.ID() }, 200, ""},
		{"a new value", cookiesession.Config{}, nil, testkit.Set("k", 1), 200, "s_session"},
		{"an equal value is activity", cookiesession.Config{}, existing, testkit.Set("k", "old"), 200, "s_session"},
		{"two changes are one cookie", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Set("a", 1)); testkit.Must(s.Set("b", 2)) }, 200, "s_session"},
		{"a key that is not there cannot be deleted", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Delete("other")) }, 200, ""},
		{"the last value deleted", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Delete("k")) }, 200, "-s_session"},
		{"the last value popped", cookiesession.Config{}, existing, func(s *session) { cookiesession.Pop[string](s, "k") }, 200, "-s_session"},
		{"cleared", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Clear()) }, 200, "-s_session"},
		{"cleared and filled again", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Clear()); testkit.Must(s.Set("k", 1)) }, 200, "s_session"},
		{"cleared, a new visitor", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Clear()) }, 200, ""},
		{"set and deleted, a new visitor", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Delete("k")) }, 200, ""},
		{"nothing but an expiry to remember", cookiesession.Config{}, nil, func(s *session) { s.SetExpiry(cookiesession.Idle(time.Hour)) }, 200, "s_session"},
		{"emptied with an expiry to remember", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Delete("k")); s.SetExpiry(cookiesession.BrowserClose()) }, 200, "s_session"},
		{"an expiry in the past", cookiesession.Config{}, existing, func(s *session) { s.SetExpiry(cookiesession.Idle(0)) }, 200, "-s_session"},
		{"an expiry in the past, a new visitor", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Set("k", 1)); s.SetExpiry(cookiesession.Idle(-1)) }, 200, ""},
		{"marked as modified", cookiesession.Config{}, existing, func(s *session) { s.MarkModified() }, 200, "s_session"},
		{"a new ID", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.CycleID()) }, 200, "s_session"},
		{"a new ID for nothing", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.CycleID()) }, 200, ""},
		{"a change on a redirect", cookiesession.Config{}, existing, testkit.Set("k", 1), 303, "s_session"},
		{"a change on a 404", cookiesession.Config{}, existing, testkit.Set("k", 1), 404, "s_session"},
		{"a change on a 499", cookiesession.Config{}, existing, testkit.Set("k", 1), 499, "s_session"},
		{"a change on a 304", cookiesession.Config{}, existing, testkit.Set("k", 1), 304, "s_session"},
		{"a change on a 500", cookiesession.Config{}, existing, testkit.Set("k", 1), 500, ""},
		{"a change on a 503", cookiesession.Config{}, existing, testkit.Set("k", 1), 503, ""},
		{"a change on a 599", cookiesession.Config{}, existing, testkit.Set("k", 1), 599, ""},
		{"a change before a panic", cookiesession.Config{}, existing, testkit.Set("k", 1), testkit.Panics, ""},
		{"the last value deleted on a 500", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Delete("k")) }, 500, ""},
		{"cleared on a 500", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.Clear()) }, 500, ""},
		{"an expiry in the past on a 500", cookiesession.Config{}, existing, func(s *session) { s.SetExpiry(cookiesession.Idle(0)) }, 500, ""},
		{"a new ID on a 500", cookiesession.Config{}, existing, func(s *session) { testkit.Must(s.CycleID()) }, 500, ""},
		{"flash", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Flash("f", 1)) }, 303, "s_session_flash"},
		{"flash on a 500", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Flash("f", 1)) }, 500, ""},
		{"flash before a panic", cookiesession.Config{}, nil, func(s *session) { testkit.Must(s.Flash("f", 1)) }, testkit.Panics, ""},
		{"incoming flash on a 500", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, func(s *session) { s.Value("f") }, 500, ""},
		{"incoming flash popped on a 500", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, func(s *session) { cookiesession.Pop[int](s, "f") }, 500, ""},
		{"incoming flash on a panic", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, func(s *session) { s.Value("f") }, testkit.Panics, ""},
		{"incoming flash, untouched, on a panic", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, nil, testkit.Panics, ""},
		{"incoming flash, untouched, on a page", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, nil, 200, "-s_session_flash"},
		{"incoming flash, untouched, on a redirect", cookiesession.Config{}, func(s *session) { testkit.Must(s.Flash("f", 1)) }, nil, 302, ""},
		{"SaveEveryRequest", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 200, "s_session"},
		{"SaveEveryRequest on a 404", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 404, "s_session"},
		{"SaveEveryRequest on a 500", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 500, ""},
		{"SaveEveryRequest on a panic", cookiesession.Config{SaveEveryRequest: true}, existing, nil, testkit.Panics, ""},
		{"SaveEveryRequest for a new visitor", cookiesession.Config{SaveEveryRequest: true}, nil, nil, 200, ""},
		{"SaveEveryRequest beside a change", cookiesession.Config{SaveEveryRequest: true}, existing, testkit.Set("k", 1), 200, "s_session"},
		{"SaveEveryRequest beside a logout", cookiesession.Config{SaveEveryRequest: true}, existing, func(s *session) { testkit.Must(s.Destroy()) }, 200, "-s_session"},
		{"the test cookie", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, 200, "s_session_test"},
		{"the test cookie beside a session touches it not", cookiesession.Config{}, existing, func(s *session) { s.SetTestCookie() }, 200, "s_session_test"},
		{"the test cookie on a 500", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, 500, ""},
		{"the test cookie on a panic", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, testkit.Panics, ""},
		{"the test cookie deleted", cookiesession.Config{}, func(s *session) { s.SetTestCookie() }, func(s *session) { s.DeleteTestCookie() }, 200, "-s_session_test"},
		{"the test cookie deleted that never came", cookiesession.Config{}, nil, func(s *session) { s.DeleteTestCookie() }, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testkit.NewClient(t, tc.cfg)
				if tc.before != nil {
					c.Visit(http.StatusSeeOther, tc.before)
				}
				got := c.Look(tc.status, tc.do)
				testkit.Equal(t, "Set-Cookie", got.Names(), tc.want)
				testkit.Equal(t, "panicked", got.Panicked != nil, tc.status == testkit.Panics)
			})
		})
	}
}

func TestWhatAFailedRequestChangedIsAsItWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testkit.NewClient(t, cookiesession.Config{})
		var id string
		c.Visit(303, func(s *cookiesession.Session) {
			testkit.Must(s.Set("k", "old"))
			testkit.Must(s.Flash("f", "came"))
			id = s.ID()
		})
		for _, status := range []int{500, testkit.Panics} {
			c.Visit(status, func(s *cookiesession.Session) {
				testkit.Must(s.Set("k", "new"))
				testkit.Must(s.Flash("g", "lost"))
				testkit.Must(s.CycleID())
				s.SetExpiry(cookiesession.Idle(time.Second))
				s.ClearFlash()
			})
		}
		time.Sleep(2 * time.Second)
		c.Visit(302, func(s *cookiesession.Session) {
			testkit.Equal(t, "data", s.Value("k"), any("old"))
			testkit.Equal(t, "incoming flash", s.Value("f"), any("came"))
			testkit.Equal(t, "flash made in a failed request", s.Value("g"), nil)
			testkit.Equal(t, "id", s.ID(), id)
		})
	})
}

func TestWhatABrowserComparesIsRepeatedInEveryLine(t *testing.T) {
	for _, tc := range []struct {
		name       string
		cfg        cookiesession.Config
		attributes string
		prefix     string
	}{
		{"the defaults", cookiesession.Config{}, "; Path=/; HttpOnly; Secure; SameSite=Lax", ""},
		{"a path and a domain", cookiesession.Config{Path: "/app", Domain: "example.com"}, "; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Lax", ""},
		{"insecure, open to scripts, strict", cookiesession.Config{Insecure: true, ScriptAccess: true, SameSite: http.SameSiteStrictMode}, "; Path=/; SameSite=Strict", ""},
		{"partitioned", cookiesession.Config{SameSite: http.SameSiteNoneMode, Partitioned: true}, "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", ""},
		{"a host prefix", cookiesession.Config{HostPrefix: true}, "; Path=/; HttpOnly; Secure; SameSite=Lax", "__Host-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.TrackViews = true
			c := testkit.NewClient(t, tc.cfg)
			names := []string{"s_session", "s_session_flash", "s_session_test", "s_session_views"}
			check := func(a testkit.Answer) {
				t.Helper()
				var seen []string
				for _, line := range a.Header["Set-Cookie"] {
					name, _, _ := strings.Cut(line, "=")
					_, attributes, _ := strings.Cut(line, ";")
					maxAge := attributes[strings.Index(attributes, "; Max-Age="):]
					maxAge = maxAge[:2+strings.IndexByte(maxAge[2:]+";", ';')]
					testkit.Equal(t, name, ";"+strings.Replace(attributes, maxAge, "", 1), tc.attributes)
					seen = append(seen, strings.TrimPrefix(name, tc.prefix))
				}
				slices.Sort(seen)
				testkit.Equal(t, "cookies", strings.Join(seen, " "), strings.Join(names, " "))
			}
			check(c.Visit(303, func(s *cookiesession.Session) {
				testkit.Must(s.Set("k", 1))
				testkit.Must(s.Flash("f", 1))
				s.SetTestCookie()
			}))
			check(c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) }))
			testkit.Equal(t, "cookies left", len(c.Jar), 0)
		})
	}
}

func TestMaxAgeIsRoundedUpAndCappedAt400Days(t *testing.T) {
	const days = 24 * time.Hour
	for _, tc := range []struct {
		name string
		cfg  cookiesession.Config
		e    cookiesession.Expiry
		want int
	}{
		{"14 days by default", cookiesession.Config{}, cookiesession.Expiry{}, 14 * 86400},
		{"a second and a bit", cookiesession.Config{}, cookiesession.At(time.Now().Add(1500 * time.Millisecond)), 2},
		{"less than a second", cookiesession.Config{IdleTimeout: time.Millisecond}, cookiesession.Expiry{}, 1},
		{"500 days", cookiesession.Config{IdleTimeout: 500 * days}, cookiesession.Expiry{}, 400 * 86400},
		{"a century of its own", cookiesession.Config{}, cookiesession.Idle(36500 * days), 400 * 86400},
		{"an absolute end before that", cookiesession.Config{AbsoluteTimeout: time.Hour}, cookiesession.Idle(36500 * days), 3600},
		{"the end of the browser", cookiesession.Config{}, cookiesession.BrowserClose(), 0},
		{"a browser session", cookiesession.Config{BrowserSession: true}, cookiesession.Expiry{}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := tc.e
				if tc.want == 2 { // the table's instant is not one of the bubble's clock
					e = cookiesession.At(time.Now().Add(1500 * time.Millisecond))
				}
				c := testkit.NewClient(t, tc.cfg)
				a := c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); s.SetExpiry(e) })
				testkit.Equal(t, "Max-Age", a.Cookie(t, "s_session").MaxAge, tc.want)
			})
		})
	}
}

func TestDestroyDeletesTheTestCookieWhateverFollows(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, (*cookiesession.Session).SetTestCookie)
	for _, status := range []int{500, testkit.Panics} {
		testkit.Equal(t, "set again", c.Look(status, func(s *cookiesession.Session) { testkit.Must(s.Destroy()); s.SetTestCookie() }).Names(), "-s_session_test")
		testkit.Equal(t, "deleted again", c.Look(status, func(s *cookiesession.Session) { testkit.Must(s.Destroy()); s.DeleteTestCookie() }).Names(), "-s_session_test")
	}
	testkit.Equal(t, "set again on a page", c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()); s.SetTestCookie() }).Names(), "s_session_test")
}

func TestRemovalsAreCarriedOutAtAnyStatus(t *testing.T) {
	type session = cookiesession.Session
	const all = "-s_session -s_session_flash -s_session_views"
	destroy := func(s *session) { testkit.Must(s.Destroy()) }
	for _, tc := range []struct {
		name  string
		do    func(*session)
		later time.Duration
		want  map[int]string // nil: all of them
	}{
		{name: "destroyed", do: destroy},
		{name: "denied", do: (*session).Deny},
		{name: "changed, then destroyed", do: func(s *session) { testkit.Must(s.Set("k", 2)); testkit.Must(s.Flash("g", 1)); destroy(s) }},
		{name: "destroyed, then a new session", do: func(s *session) { destroy(s); testkit.Must(s.Set("k", 2)) },
			want: map[int]string{200: "s_session -s_session_flash -s_session_views", 303: "s_session -s_session_flash -s_session_views"}},
		{name: "destroyed, with a message", do: func(s *session) { destroy(s); testkit.Must(s.Flash("f", 2)) },
			want: map[int]string{200: "-s_session s_session_flash -s_session_views", 303: "-s_session s_session_flash -s_session_views"}},
		{name: "denied, then written", do: func(s *session) {
			s.Deny()
			testkit.Must(s.Set("k", 2))
			testkit.Must(s.Flash("f", 2))
			s.SetTestCookie()
		}},
		{name: "destroyed, then denied", do: func(s *session) { destroy(s); s.Deny() }},
		{name: "denied, allowed again, destroyed", do: func(s *session) { s.Deny(); s.Allow(); destroy(s) }},
		{name: "destroyed, cleared and marked", do: func(s *session) { destroy(s); testkit.Must(s.Clear()); s.MarkModified() }},
		{name: "destroyed, with a new ID", do: func(s *session) { destroy(s); testkit.Must(s.CycleID()) }},
		{name: "destroyed and emptied", do: func(s *session) { destroy(s); testkit.Must(s.Set("k", 1)); testkit.Must(s.Delete("k")) }},
	} {
		for _, status := range []int{200, 204, 303, 404, 500, 503, testkit.Panics} {
			t.Run(fmt.Sprintf("%s, %d", tc.name, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := testkit.NewClient(t, cookiesession.Config{TrackViews: true})
					c.Visit(303, func(s *session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Flash("f", 1)) })
					want := all
					if special := tc.want[status]; special != "" {
						want = special
					} else if status > 200 && status < 500 && tc.want != nil {
						want = tc.want[303]
					}
					testkit.Equal(t, "Set-Cookie", c.Visit(status, tc.do).Names(), want)
				})
			})
		}
	}
}

func TestOfTwoRequestsInFlightTheLaterResponseWinsWhole(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("user", "Ada"))
	slow := c.Look(200, testkit.Set("slow", 1))
	c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) })
	testkit.Equal(t, "user after the logout", c.Sees("user"), nil)
	c.Keep(slow)
	testkit.Equal(t, "user after the slow response", c.Sees("user"), any("Ada"))

	message := c.Look(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	c.Visit(200, testkit.Set("user", "Bob"))
	c.Keep(message)
	testkit.Equal(t, "user beside another compartment's response", c.Sees("user"), any("Bob"))
}

// inProcess is a service behind a reverse proxy, without a network in between.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.Background()))
	return w.Result(), nil
}

// TestAGatewayLeavesWhatTheServiceBehindItHasSet has two programs treat one
// response. They share the ring and the Name.
func TestAGatewayLeavesWhatTheServiceBehindItHasSet(t *testing.T) {
	type session = cookiesession.Session
	both := func(s *session) { testkit.Must(s.Set("k", "old")); testkit.Must(s.Flash("f", "old")) }
	long := func(s *session) { testkit.Must(s.Set("k", strings.Repeat("x", 3000))) }
	for _, tc := range []struct {
		name             string
		gateway          cookiesession.Config
		before           func(*session)
		inGate, inServer func(*session)
		want             string // Set-Cookie
		finds            string // what the next request finds, without long values
	}{
		{"the service sets nothing", cookiesession.Config{}, both, nil, nil, "-s_session_flash", "k:old"},
		{"flash on a page, unopened", cookiesession.Config{}, both, nil, testkit.Flash("g", "new"), "s_session_flash", "g:new k:old"},
		{"flash on a page, that the gateway has read", cookiesession.Config{}, both, func(s *session) { s.Flashes() }, testkit.Flash("g", "new"), "s_session_flash", "g:new k:old"},
		{"flash on a page, that the gateway has opened", cookiesession.Config{}, both, testkit.Read, testkit.Flash("g", "new"), "s_session_flash", "g:new k:old"},
		{"data that the gateway renews", cookiesession.Config{SaveEveryRequest: true}, testkit.Set("k", "old"), nil, testkit.Set("k", "new"), "s_session", "k:new"},
		{"data that the service removes, and the gateway renews", cookiesession.Config{SaveEveryRequest: true}, testkit.Set("k", "old"), nil, testkit.Destroy, "-s_session", ""},
		{"data in one cookie less", cookiesession.Config{SaveEveryRequest: true}, long, nil, testkit.Set("k", "new"), "s_session -s_session.1", "k:new"},
		{"data that has expired for the gateway", cookiesession.Config{IdleTimeout: time.Second}, testkit.Set("k", "old"), testkit.Read, testkit.Set("k", "new"), "s_session", "k:new"},
		{"views", cookiesession.Config{TrackViews: true}, nil, nil, nil, "s_session_views", ""},
		{"the gateway logs out", cookiesession.Config{}, testkit.Set("k", "old"), testkit.Destroy, testkit.Set("k", "new"), "s_session -s_session", ""},
		{"the gateway logs out a visitor with views", cookiesession.Config{TrackViews: true}, testkit.Set("k", "old"), testkit.Destroy, nil, "s_session_views -s_session -s_session_views", ""},
		{"the gateway revokes", cookiesession.Config{Validate: revokes}, testkit.Set("k", "old"), testkit.Read, testkit.Set("k", "new"), "s_session -s_session", ""},
		{"the gateway forgets the visitor", cookiesession.Config{}, both, (*session).Deny, func(s *session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Flash("g", 1)) }, "s_session s_session_flash -s_session -s_session_flash", ""},
		{"the gateway writes too", cookiesession.Config{}, testkit.Set("k", "old"), testkit.Set("k", "gate"), testkit.Set("k", "service"), "s_session s_session", "k:gate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ring := testkit.Ring(t)
				tc.gateway.Keyring = ring
				gateway, service := testkit.NewClient(t, tc.gateway), testkit.NewClient(t, cookiesession.Config{Keyring: ring, TrackViews: tc.gateway.TrackViews})
				service.Visit(303, tc.before)
				time.Sleep(2 * time.Second)
				a, status := behind(gateway, service, tc.inGate, tc.inServer)
				testkit.Equal(t, "status", status, 200)
				testkit.Equal(t, "Set-Cookie", a.Names(), tc.want)
				service.Keep(a)
				testkit.Equal(t, "the next request finds", fmt.Sprint(service.M.Open(t.Context(), service.Jar...).All()), "map["+tc.finds+"]")
			})
		})
	}
}

func revokes(context.Context, *cookiesession.Session) error { return cookiesession.ErrRevoked }

// behind sends one request with the service's jar through both.
func behind(gateway, service *testkit.Client, inGate, inServer func(*cookiesession.Session)) (testkit.Answer, int) {
	page := func(c *testkit.Client, use func(*cookiesession.Session), next http.Handler) http.Handler {
		return c.M.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if use != nil {
				use(c.M.FromContext(r.Context()))
			}
			next.ServeHTTP(w, r)
		}))
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "service"})
	proxy.Transport = inProcess{page(service, inServer, nothing)}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", strings.Join(service.Jar, "; "))
	w := httptest.NewRecorder()
	page(gateway, inGate, proxy).ServeHTTP(w, r)
	return testkit.Answer{Header: w.Header()}, w.Code
}

func TestADeletionIsReportedWithWhatCameOnEveryRoad(t *testing.T) {
	for name, do := range map[string]func(*cookiesession.Session){
		"unopened": nil, "opened": testkit.Read, "read": func(s *cookiesession.Session) { s.Flashes() },
		"cleared": (*cookiesession.Session).ClearFlash, "destroyed": testkit.Destroy, "denied": (*cookiesession.Session).Deny,
	} {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(303, testkit.Flash("f", 1))
		came := len(c.Jar[0]) - len("=")
		c.Events.Take()
		c.Visit(200, do)
		deleted := c.Events.Of(cookiesession.EventDeleted)
		if len(deleted) != 1 || deleted[0].Bytes != came || deleted[0].CookieName != "s_session_flash" {
			t.Errorf("%s: %v, want one deletion of %d bytes", name, deleted, came)
		}
	}
}
