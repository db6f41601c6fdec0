package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// client is one visitor: a browser that keeps cookies by name, the manager of
// the site that it visits, and what that reported.
type client struct {
	t      *testing.T
	m      *cookiesession.Manager
	jar    []string // "name=value", in the order in which they came
	events *eventList
}

type eventList struct {
	mu  sync.Mutex
	all []cookiesession.Event
}

func (l *eventList) add(_ context.Context, e cookiesession.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// take returns what was reported since the last call, as "kind cookie".
func (l *eventList) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var texts []string
	for _, e := range l.all {
		texts = append(texts, strings.TrimSpace(string(e.Kind)+" "+e.CookieName))
	}
	l.all = nil
	return strings.Join(texts, ", ")
}

func newRing(t testing.TB, secrets ...cookiesession.Secret) *cookiesession.Keyring {
	t.Helper()
	if len(secrets) == 0 {
		secrets = append(secrets, cookiesession.NewSecret())
	}
	var keys []cookiesession.Key
	for _, secret := range secrets {
		keys = append(keys, cookiesession.Key{Secret: secret})
	}
	ring, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newClient(t *testing.T, cfg cookiesession.Config) *client {
	t.Helper()
	c := &client{t: t, events: new(eventList)}
	if cfg.Keyring == nil {
		cfg.Keyring = newRing(t)
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = c.events.add
	}
	c.m = newManager(t, cfg)
	return c
}

func newManager(t testing.TB, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	if cfg.Keyring == nil {
		cfg.Keyring = newRing(t)
	}
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// answer is a response: its header, and what the handler panicked with.
type answer struct {
	header   http.Header
	panicked any
}

// visit answers one request with f and then status, and keeps the cookies.
func (c *client) visit(status int, f func(*cookiesession.Session), header ...string) answer {
	c.t.Helper()
	a := c.look(status, f, header...)
	c.keep(a)
	return a
}

// look is visit by a browser that ignores the answer.
func (c *client) look(status int, f func(*cookiesession.Session), header ...string) (a answer) {
	r := httptest.NewRequest("GET", "/page", nil)
	if len(c.jar) > 0 {
		r.Header.Set("Cookie", strings.Join(c.jar, "; "))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.header = w.Header()
	defer func() { a.panicked = recover() }()
	c.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f != nil {
			f(c.m.FromContext(r.Context()))
		}
		if status == panics {
			panic("the handler's own")
		}
		w.WriteHeader(status)
	})).ServeHTTP(w, r)
	return a
}

// panics is the status of a handler that does.
const panics = -1

// keep does what a browser does with Set-Cookie, as if every cookie had one
// path and one domain.
func (c *client) keep(a answer) {
	for _, cookie := range a.cookies() {
		c.jar = slices.DeleteFunc(c.jar, func(pair string) bool { return strings.HasPrefix(pair, cookie.Name+"=") })
		if cookie.MaxAge >= 0 {
			c.jar = append(c.jar, cookie.Name+"="+cookie.Value)
		}
	}
}

func (c *client) copy() *client {
	other := *c
	other.jar = slices.Clone(c.jar)
	return &other
}

// value is that of the cookie with this name, "" if there is none.
func (c *client) value(name string) string {
	for _, pair := range c.jar {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// sees reads one value of the session as it would be on the next request.
func (c *client) sees(key string) (value any) {
	c.look(http.StatusNoContent, func(s *cookiesession.Session) { value = s.Value(key) })
	return value
}

func (a answer) cookies() []*http.Cookie { return (&http.Response{Header: a.header}).Cookies() }

// names lists the Set-Cookie lines in order, with a minus sign for deletions.
func (a answer) names() string {
	var names []string
	for _, cookie := range a.cookies() {
		if cookie.MaxAge < 0 {
			cookie.Name = "-" + cookie.Name
		}
		names = append(names, cookie.Name)
	}
	return strings.Join(names, " ")
}

func (a answer) cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	for _, cookie := range a.cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	t.Fatalf("no Set-Cookie for %s in %q", name, a.header["Set-Cookie"])
	return nil
}

func wants[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func set(key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { must(s.Set(key, value)) }
}

func reads(s *cookiesession.Session) { s.Len() }

func TestNewRefusesWhatCouldNotWorkWithEveryProblemAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		fields string
	}{
		{"nothing at all", cookiesession.Config{}, "Keyring"},
		{"a ring that nobody filled", cookiesession.Config{Keyring: new(cookiesession.Keyring)}, "Keyring"},
		{"a name with a dot", cookiesession.Config{Keyring: newRing(t), Name: "a.b"}, "Name"},
		{"a name with a space", cookiesession.Config{Keyring: newRing(t), Name: "a b"}, "Name"},
		{"a name with an equals sign", cookiesession.Config{Keyring: newRing(t), Name: "a=b"}, "Name"},
		{"a name that is not ASCII", cookiesession.Config{Keyring: newRing(t), Name: "café"}, "Name"},
		{"a name with our prefix", cookiesession.Config{Keyring: newRing(t), Name: "s_a"}, "Name"},
		{"a name like another manager's flash", cookiesession.Config{Keyring: newRing(t), Name: "a_flash"}, "Name"},
		{"a name like another manager's views", cookiesession.Config{Keyring: newRing(t), Name: "a_views"}, "Name"},
		{"a name like another manager's test cookie", cookiesession.Config{Keyring: newRing(t), Name: "a_test"}, "Name"},
		{"a path without a slash", cookiesession.Config{Keyring: newRing(t), Path: "app"}, "Path"},
		{"a path that would smuggle an attribute", cookiesession.Config{Keyring: newRing(t), Path: "/;Domain=x"}, "Path"},
		{"a path with a line break", cookiesession.Config{Keyring: newRing(t), Path: "/\r\nX: y"}, "Path"},
		{"a path with a control character", cookiesession.Config{Keyring: newRing(t), Path: "/a\x7f"}, "Path"},
		{"a path that is not ASCII", cookiesession.Config{Keyring: newRing(t), Path: "/café"}, "Path"},
		{"a domain that is none", cookiesession.Config{Keyring: newRing(t), Domain: "a b"}, "Domain"},
		{"a domain that would smuggle an attribute", cookiesession.Config{Keyring: newRing(t), Domain: "example.com; Path=/x"}, "Domain"},
		{"a SameSite that there is not", cookiesession.Config{Keyring: newRing(t), SameSite: 9}, "SameSite"},
		{"SameSite=None without Secure", cookiesession.Config{Keyring: newRing(t), SameSite: http.SameSiteNoneMode, Insecure: true}, "SameSite"},
		{"Partitioned without Secure", cookiesession.Config{Keyring: newRing(t), Partitioned: true, Insecure: true}, "Partitioned"},
		{"__Host- without Secure", cookiesession.Config{Keyring: newRing(t), HostPrefix: true, Insecure: true}, "HostPrefix"},
		{"__Host- with a Domain", cookiesession.Config{Keyring: newRing(t), HostPrefix: true, Domain: "example.com"}, "HostPrefix"},
		{"__Host- with a Path", cookiesession.Config{Keyring: newRing(t), HostPrefix: true, Path: "/app"}, "HostPrefix"},
		{"a negative idle timeout", cookiesession.Config{Keyring: newRing(t), IdleTimeout: -1}, "IdleTimeout"},
		{"a negative renewal", cookiesession.Config{Keyring: newRing(t), RenewAfter: -1}, "RenewAfter"},
		{"a renewal as late as the timeout", cookiesession.Config{Keyring: newRing(t), IdleTimeout: time.Hour, RenewAfter: time.Hour}, "RenewAfter"},
		{"a renewal later than the default timeout", cookiesession.Config{Keyring: newRing(t), RenewAfter: 15 * 24 * time.Hour}, "RenewAfter"},
		{"a negative absolute timeout", cookiesession.Config{Keyring: newRing(t), AbsoluteTimeout: -1}, "AbsoluteTimeout"},
		{"a negative flash lifetime", cookiesession.Config{Keyring: newRing(t), FlashLifetime: -1}, "FlashLifetime"},
		{"no room for anything", cookiesession.Config{Keyring: newRing(t), MaxBytes: -1}, "MaxBytes"},
		{"a negative history", cookiesession.Config{Keyring: newRing(t), HistorySize: -1}, "HistorySize"},
		{"one of each", cookiesession.Config{Name: "a.b", Path: "x", Domain: "a b", IdleTimeout: -1, MaxBytes: -1}, "Domain IdleTimeout Keyring MaxBytes Name Path"},
		{"__Host- in every wrong way", cookiesession.Config{Keyring: newRing(t), HostPrefix: true, Insecure: true, Domain: "example.com", Path: "/app"}, "HostPrefix"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := cookiesession.New(tc.cfg)
			if m != nil || err == nil {
				t.Fatalf("New: %v, %v; want an error alone", m, err)
			}
			wants(t, "fields", configFields(t, err), tc.fields)
		})
	}
}

// configFields are the sorted fields of the problems that err joins, each once.
func configFields(t *testing.T, err error) string {
	t.Helper()
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not what errors.Join made", err)
	}
	var fields []string
	for _, err := range all.Unwrap() {
		var problem *cookiesession.ConfigError
		if !errors.As(err, &problem) || problem.Reason == "" {
			t.Fatalf("%v is no *ConfigError with a reason", err)
		}
		if !strings.HasPrefix(problem.Error(), "cookiesession: ") || !strings.Contains(problem.Error(), problem.Field) {
			t.Errorf("%q does not say whose error it is and about which field", problem)
		}
		fields = append(fields, problem.Field)
	}
	slices.Sort(fields)
	return strings.Join(slices.Compact(fields), " ")
}

func TestNewTakesWhatWorks(t *testing.T) {
	for _, cfg := range []cookiesession.Config{
		{},
		{Name: "Shop-2_x"},
		{Name: "flash"},
		{Name: "test"},
		{SameSite: http.SameSiteDefaultMode, Insecure: true},
		{SameSite: http.SameSiteNoneMode, Partitioned: true, HostPrefix: true},
		{Path: "/app/", Domain: "example.com"},
		{IdleTimeout: time.Hour, RenewAfter: time.Hour - 1},
		{MaxBytes: 16 << 10, HistorySize: 1},
	} {
		cfg.Keyring = newRing(t)
		if _, err := cookiesession.New(cfg); err != nil {
			t.Error(err)
		}
	}
}

func TestACookieIsSetForAChangeAndForNothingElse(t *testing.T) {
	type session = cookiesession.Session
	existing := func(s *session) { must(s.Set("k", "old")) }
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		before func(*session) // nil: a new visitor
		do     func(*session)
		status int
		want   string
	}{
		{"an untouched session", cookiesession.Config{}, existing, nil, 200, ""},
		{"a read session", cookiesession.Config{}, existing, reads, 200, ""},
		{"a session that was only asked for its ID", cookiesession.Config{}, nil, func(s *session) { s.ID() }, 200, ""},
		{"a new value", cookiesession.Config{}, nil, set("k", 1), 200, "s_session"},
		{"an equal value is activity", cookiesession.Config{}, existing, set("k", "old"), 200, "s_session"},
		{"two changes are one cookie", cookiesession.Config{}, existing, func(s *session) { must(s.Set("a", 1)); must(s.Set("b", 2)) }, 200, "s_session"},
		{"a key that is not there cannot be deleted", cookiesession.Config{}, existing, func(s *session) { must(s.Delete("other")) }, 200, ""},
		{"the last value deleted", cookiesession.Config{}, existing, func(s *session) { must(s.Delete("k")) }, 200, "-s_session"},
		{"the last value popped", cookiesession.Config{}, existing, func(s *session) { cookiesession.Pop[string](s, "k") }, 200, "-s_session"},
		{"cleared", cookiesession.Config{}, existing, func(s *session) { must(s.Clear()) }, 200, "-s_session"},
		{"cleared and filled again", cookiesession.Config{}, existing, func(s *session) { must(s.Clear()); must(s.Set("k", 1)) }, 200, "s_session"},
		{"cleared, a new visitor", cookiesession.Config{}, nil, func(s *session) { must(s.Clear()) }, 200, ""},
		{"set and deleted, a new visitor", cookiesession.Config{}, nil, func(s *session) { must(s.Set("k", 1)); must(s.Delete("k")) }, 200, ""},
		{"nothing but an expiry to remember", cookiesession.Config{}, nil, func(s *session) { s.SetExpiry(cookiesession.Idle(time.Hour)) }, 200, "s_session"},
		{"emptied with an expiry to remember", cookiesession.Config{}, existing, func(s *session) { must(s.Delete("k")); s.SetExpiry(cookiesession.BrowserClose()) }, 200, "s_session"},
		{"an expiry in the past", cookiesession.Config{}, existing, func(s *session) { s.SetExpiry(cookiesession.Idle(0)) }, 200, "-s_session"},
		{"an expiry in the past, a new visitor", cookiesession.Config{}, nil, func(s *session) { must(s.Set("k", 1)); s.SetExpiry(cookiesession.Idle(-1)) }, 200, ""},
		{"marked as modified", cookiesession.Config{}, existing, func(s *session) { s.MarkModified() }, 200, "s_session"},
		{"a new ID", cookiesession.Config{}, existing, func(s *session) { must(s.CycleID()) }, 200, "s_session"},
		{"a new ID for nothing", cookiesession.Config{}, nil, func(s *session) { must(s.CycleID()) }, 200, ""},
		{"a change on a redirect", cookiesession.Config{}, existing, set("k", 1), 303, "s_session"},
		{"a change on a 404", cookiesession.Config{}, existing, set("k", 1), 404, "s_session"},
		{"a change on a 499", cookiesession.Config{}, existing, set("k", 1), 499, "s_session"},
		{"a change on a 304", cookiesession.Config{}, existing, set("k", 1), 304, "s_session"},
		{"a change on a 500", cookiesession.Config{}, existing, set("k", 1), 500, ""},
		{"a change on a 503", cookiesession.Config{}, existing, set("k", 1), 503, ""},
		{"a change on a 599", cookiesession.Config{}, existing, set("k", 1), 599, ""},
		{"a change before a panic", cookiesession.Config{}, existing, set("k", 1), panics, ""},
		{"the last value deleted on a 500", cookiesession.Config{}, existing, func(s *session) { must(s.Delete("k")) }, 500, ""},
		{"cleared on a 500", cookiesession.Config{}, existing, func(s *session) { must(s.Clear()) }, 500, ""},
		{"an expiry in the past on a 500", cookiesession.Config{}, existing, func(s *session) { s.SetExpiry(cookiesession.Idle(0)) }, 500, ""},
		{"a new ID on a 500", cookiesession.Config{}, existing, func(s *session) { must(s.CycleID()) }, 500, ""},
		{"flash", cookiesession.Config{}, nil, func(s *session) { must(s.Flash("f", 1)) }, 303, "s_session_flash"},
		{"flash on a 500", cookiesession.Config{}, nil, func(s *session) { must(s.Flash("f", 1)) }, 500, ""},
		{"flash before a panic", cookiesession.Config{}, nil, func(s *session) { must(s.Flash("f", 1)) }, panics, ""},
		{"incoming flash on a 500", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, func(s *session) { s.Value("f") }, 500, ""},
		{"incoming flash popped on a 500", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, func(s *session) { cookiesession.Pop[int](s, "f") }, 500, ""},
		{"incoming flash on a panic", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, func(s *session) { s.Value("f") }, panics, ""},
		{"incoming flash, untouched, on a panic", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, nil, panics, ""},
		{"incoming flash, untouched, on a page", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, nil, 200, "-s_session_flash"},
		{"incoming flash, untouched, on a redirect", cookiesession.Config{}, func(s *session) { must(s.Flash("f", 1)) }, nil, 302, ""},
		{"SaveEveryRequest", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 200, "s_session"},
		{"SaveEveryRequest on a 404", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 404, "s_session"},
		{"SaveEveryRequest on a 500", cookiesession.Config{SaveEveryRequest: true}, existing, nil, 500, ""},
		{"SaveEveryRequest on a panic", cookiesession.Config{SaveEveryRequest: true}, existing, nil, panics, ""},
		{"SaveEveryRequest for a new visitor", cookiesession.Config{SaveEveryRequest: true}, nil, nil, 200, ""},
		{"SaveEveryRequest beside a change", cookiesession.Config{SaveEveryRequest: true}, existing, set("k", 1), 200, "s_session"},
		{"SaveEveryRequest beside a logout", cookiesession.Config{SaveEveryRequest: true}, existing, func(s *session) { must(s.Destroy()) }, 200, "-s_session"},
		{"the test cookie", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, 200, "s_session_test"},
		{"the test cookie beside a session touches it not", cookiesession.Config{}, existing, func(s *session) { s.SetTestCookie() }, 200, "s_session_test"},
		{"the test cookie on a 500", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, 500, ""},
		{"the test cookie on a panic", cookiesession.Config{}, nil, func(s *session) { s.SetTestCookie() }, panics, ""},
		{"the test cookie deleted", cookiesession.Config{}, func(s *session) { s.SetTestCookie() }, func(s *session) { s.DeleteTestCookie() }, 200, "-s_session_test"},
		{"the test cookie deleted that never came", cookiesession.Config{}, nil, func(s *session) { s.DeleteTestCookie() }, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, tc.cfg)
				if tc.before != nil {
					c.visit(http.StatusSeeOther, tc.before)
				}
				got := c.look(tc.status, tc.do)
				wants(t, "Set-Cookie", got.names(), tc.want)
				wants(t, "panicked", got.panicked != nil, tc.status == panics)
			})
		})
	}
}

func TestWhatAFailedRequestChangedIsAsItWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, cookiesession.Config{})
		var id string
		c.visit(303, func(s *cookiesession.Session) {
			must(s.Set("k", "old"))
			must(s.Flash("f", "came"))
			id = s.ID()
		})
		for _, status := range []int{500, panics} {
			c.visit(status, func(s *cookiesession.Session) {
				must(s.Set("k", "new"))
				must(s.Flash("g", "lost"))
				must(s.CycleID())
				s.SetExpiry(cookiesession.Idle(time.Second))
				s.ClearFlash()
			})
		}
		time.Sleep(2 * time.Second)
		c.visit(302, func(s *cookiesession.Session) {
			wants(t, "data", s.Value("k"), any("old"))
			wants(t, "incoming flash", s.Value("f"), any("came"))
			wants(t, "flash made in a failed request", s.Value("g"), nil)
			wants(t, "id", s.ID(), id)
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
			c := newClient(t, tc.cfg)
			names := []string{"s_session", "s_session_flash", "s_session_test", "s_session_views"}
			check := func(a answer) {
				t.Helper()
				var seen []string
				for _, line := range a.header["Set-Cookie"] {
					name, _, _ := strings.Cut(line, "=")
					_, attributes, _ := strings.Cut(line, ";")
					maxAge := attributes[strings.Index(attributes, "; Max-Age="):]
					maxAge = maxAge[:2+strings.IndexByte(maxAge[2:]+";", ';')]
					wants(t, name, ";"+strings.Replace(attributes, maxAge, "", 1), tc.attributes)
					seen = append(seen, strings.TrimPrefix(name, tc.prefix))
				}
				slices.Sort(seen)
				wants(t, "cookies", strings.Join(seen, " "), strings.Join(names, " "))
			}
			check(c.visit(303, func(s *cookiesession.Session) {
				must(s.Set("k", 1))
				must(s.Flash("f", 1))
				s.SetTestCookie()
			}))
			check(c.visit(200, func(s *cookiesession.Session) { must(s.Destroy()) }))
			wants(t, "cookies left", len(c.jar), 0)
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
				if tc.want == 2 { // an instant, by the bubble's clock
					e = cookiesession.At(time.Now().Add(1500 * time.Millisecond))
				}
				c := newClient(t, tc.cfg)
				a := c.visit(200, func(s *cookiesession.Session) { must(s.Set("k", 1)); s.SetExpiry(e) })
				wants(t, "Max-Age", a.cookie(t, "s_session").MaxAge, tc.want)
			})
		})
	}
}

func TestACookieThatTheApplicationSetStaysAsItIs(t *testing.T) {
	m := newManager(t, cookiesession.Config{})
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "s_session_mine", Value: "2"})
		must(m.FromContext(r.Context()).Set("k", 1))
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "3"})
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 4 || lines[0] != "a=1" || lines[1] != "s_session_mine=2" || lines[2] != "b=3" || !strings.HasPrefix(lines[3], "s_session=") {
		t.Errorf("Set-Cookie: %q", lines)
	}
}

func TestTheTestCookieIsOneOfItsOwn(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	a := c.visit(200, func(s *cookiesession.Session) {
		s.SetTestCookie()
		wants(t, "worked in the request that sets it", s.TestCookieWorked(), false)
		wants(t, "modified", s.Modified(), false)
	})
	wants(t, "Max-Age", a.cookie(t, "s_session_test").MaxAge, 600)
	c.visit(200, func(s *cookiesession.Session) {
		wants(t, "worked later", s.TestCookieWorked(), true)
		wants(t, "new", s.IsNew(), true)
	})
	for _, end := range []func(*cookiesession.Session){
		func(s *cookiesession.Session) { must(s.Destroy()) },
		(*cookiesession.Session).Deny,
	} {
		for _, status := range []int{200, 500, panics} {
			wants(t, "Set-Cookie", c.look(status, end).names(), "-s_session_test")
		}
	}
}

func TestDestroyDeletesTheTestCookieWhateverFollows(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, (*cookiesession.Session).SetTestCookie)
	for _, status := range []int{500, panics} {
		wants(t, "set again", c.look(status, func(s *cookiesession.Session) { must(s.Destroy()); s.SetTestCookie() }).names(), "-s_session_test")
		wants(t, "deleted again", c.look(status, func(s *cookiesession.Session) { must(s.Destroy()); s.DeleteTestCookie() }).names(), "-s_session_test")
	}
	wants(t, "set again on a page", c.look(200, func(s *cookiesession.Session) { must(s.Destroy()); s.SetTestCookie() }).names(), "s_session_test")
}

func TestRemovalsAreCarriedOutAtAnyStatus(t *testing.T) {
	type session = cookiesession.Session
	const all = "-s_session -s_session_flash -s_session_views"
	destroy := func(s *session) { must(s.Destroy()) }
	for _, tc := range []struct {
		name  string
		do    func(*session)
		later time.Duration
		want  map[int]string // nil: all of them
	}{
		{name: "destroyed", do: destroy},
		{name: "denied", do: (*session).Deny},
		{name: "changed, then destroyed", do: func(s *session) { must(s.Set("k", 2)); must(s.Flash("g", 1)); destroy(s) }},
		{name: "destroyed, then a new session", do: func(s *session) { destroy(s); must(s.Set("k", 2)) },
			want: map[int]string{200: "s_session -s_session_flash -s_session_views", 303: "s_session -s_session_flash -s_session_views"}},
		{name: "destroyed, with a message", do: func(s *session) { destroy(s); must(s.Flash("f", 2)) },
			want: map[int]string{200: "-s_session s_session_flash -s_session_views", 303: "-s_session s_session_flash -s_session_views"}},
		{name: "denied, then written", do: func(s *session) { s.Deny(); must(s.Set("k", 2)); must(s.Flash("f", 2)); s.SetTestCookie() }},
		{name: "destroyed, then denied", do: func(s *session) { destroy(s); s.Deny() }},
		{name: "denied, allowed again, destroyed", do: func(s *session) { s.Deny(); s.Allow(); destroy(s) }},
		{name: "destroyed, cleared and marked", do: func(s *session) { destroy(s); must(s.Clear()); s.MarkModified() }},
		{name: "destroyed, with a new ID", do: func(s *session) { destroy(s); must(s.CycleID()) }},
		{name: "destroyed and emptied", do: func(s *session) { destroy(s); must(s.Set("k", 1)); must(s.Delete("k")) }},
	} {
		for _, status := range []int{200, 204, 303, 404, 500, 503, panics} {
			t.Run(fmt.Sprintf("%s, %d", tc.name, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newClient(t, cookiesession.Config{TrackViews: true})
					c.visit(303, func(s *session) { must(s.Set("k", 1)); must(s.Flash("f", 1)) })
					want := all
					if special := tc.want[status]; special != "" {
						want = special
					} else if status > 200 && status < 500 && tc.want != nil {
						want = tc.want[303]
					}
					wants(t, "Set-Cookie", c.visit(status, tc.do).names(), want)
				})
			})
		}
	}
}

func TestAnExpiredSessionIsDeletedAtAnyStatusWithItsFlashAndViews(t *testing.T) {
	for _, status := range []int{200, 303, 500, panics} {
		for _, tracked := range []bool{false, true} {
			t.Run(fmt.Sprint(status, tracked), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ring := newRing(t)
					c := newClient(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour, FlashLifetime: 3 * time.Hour, TrackViews: true})
					c.visit(303, func(s *cookiesession.Session) { must(s.Set("k", 1)); must(s.Flash("f", 1)) })
					c.m = newManager(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour, FlashLifetime: 3 * time.Hour, TrackViews: tracked})
					time.Sleep(time.Hour)
					a := c.look(status, func(s *cookiesession.Session) {
						wants(t, "data", s.Value("k"), nil)
						wants(t, "flash", s.Value("f"), nil)
						wants(t, "flashes", len(s.Flashes()), 0)
						wants(t, "new", s.IsNew(), true)
						wants(t, "expired", errors.Is(s.Rejected(), cookiesession.ErrExpired), true)
						wants(t, "requests", s.Views().Requests, 1)
					})
					want := "-s_session -s_session_flash -s_session_views"
					if tracked && status != panics { // this request begins a new count
						want = "-s_session -s_session_flash s_session_views"
					}
					if tracked && status == panics {
						want = "-s_session -s_session_flash -s_session_views"
					}
					wants(t, "Set-Cookie", a.names(), want)
				})
			})
		}
	}
}

func TestAnExpiredSessionThatNobodyLooksAtStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, cookiesession.Config{})
		c.visit(200, set("k", 1))
		time.Sleep(15 * 24 * time.Hour)
		wants(t, "Set-Cookie, untouched", c.look(200, nil).names(), "")
		wants(t, "Set-Cookie, accessed", c.look(200, reads).names(), "-s_session")
	})
}

func TestRenewalByReadingStartsTheIdleDeadlineAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		after  time.Duration
		do     func(*cookiesession.Session)
		status int
		want   string
	}{
		{"read after the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, reads, 200, "s_session"},
		{"read before the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10*time.Minute - time.Second, reads, 200, ""},
		{"untouched after the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, nil, 200, ""},
		{"read after the time on a 500", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, reads, 500, ""},
		{"read after the time, a panic", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, reads, panics, ""},
		{"every request saved", cookiesession.Config{SaveEveryRequest: true}, time.Second, nil, 200, "s_session"},
		{"reading alone", cookiesession.Config{}, 50 * time.Minute, reads, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.cfg.IdleTimeout = time.Hour
				c := newClient(t, tc.cfg)
				var id string
				c.visit(200, func(s *cookiesession.Session) { must(s.Set("k", "v")); id = s.ID() })
				time.Sleep(tc.after)
				a := c.visit(tc.status, tc.do)
				wants(t, "Set-Cookie", a.names(), tc.want)
				if tc.want != "" {
					wants(t, "Max-Age", a.cookie(t, "s_session").MaxAge, 3600)
				}
				time.Sleep(time.Hour - tc.after) // the old deadline
				alive := tc.want != ""
				c.look(204, func(s *cookiesession.Session) {
					wants(t, "alive past the old deadline", s.Value("k") == "v", alive)
					wants(t, "same id", s.ID() == id, alive)
				})
				time.Sleep(tc.after) // the new one
				wants(t, "alive past the new deadline", c.sees("k"), nil)
			})
		})
	}
}

func TestASessionLargerThanALoweredLimitIsNotStuck(t *testing.T) {
	ring := newRing(t)
	c := newClient(t, cookiesession.Config{Keyring: ring})
	c.visit(200, func(s *cookiesession.Session) {
		must(s.Set("a", strings.Repeat("x", 1000)))
		must(s.Set("b", strings.Repeat("x", 1000)))
		must(s.Set("n", 1))
	})
	c.m = newManager(t, cookiesession.Config{Keyring: ring, MaxBytes: 1000, OnEvent: c.events.add, SaveEveryRequest: true})
	for _, tc := range []struct {
		name string
		do   func(*cookiesession.Session) error
		fits bool
	}{
		{"renewed", func(s *cookiesession.Session) error { return nil }, true},
		{"read", func(s *cookiesession.Session) error { reads(s); return nil }, true},
		{"an equal value", func(s *cookiesession.Session) error { return s.Set("n", 1) }, true},
		{"another value of the same size", func(s *cookiesession.Session) error { return s.Set("n", 2) }, true},
		{"a new ID", func(s *cookiesession.Session) error { return s.CycleID() }, true},
		{"a smaller value", func(s *cookiesession.Session) error { return s.Set("a", "x") }, true},
		{"one larger, after one smaller", func(s *cookiesession.Session) error {
			return errors.Join(s.Set("b", ""), s.Set("n", 100000))
		}, true},
		{"a key less", func(s *cookiesession.Session) error { return s.Delete("a") }, true},
		{"one byte more", func(s *cookiesession.Session) error { return s.Set("n", 200) }, false},
		{"another key", func(s *cookiesession.Session) error { return s.Set("m", 1) }, false},
		{"flash", func(s *cookiesession.Session) error { return s.Flash("m", 1) }, false},
		{"destroyed, then as large again", func(s *cookiesession.Session) error {
			return errors.Join(s.Destroy(), s.Set("a", strings.Repeat("x", 1000)))
		}, false}, // what was destroyed gives no right to be as large
		{"destroyed", func(s *cookiesession.Session) error { return s.Destroy() }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := c.copy()
			c.events.take()
			var err error
			a := c.visit(200, func(s *cookiesession.Session) { err = tc.do(s) })
			wants(t, "refused", errors.Is(err, cookiesession.ErrTooLarge), !tc.fits)
			wants(t, "reported", strings.Contains(c.events.take(), "write-refused"), !tc.fits)
			if a.names() == "" {
				t.Error("nothing was saved")
			}
		})
	}
}

func TestNothingAutomaticOverwritesWhatAnotherInstanceMayRead(t *testing.T) {
	type session = cookiesession.Session
	for _, tc := range []struct {
		name   string
		do     func(*session)
		status int
		want   string
	}{
		{"untouched", nil, 204, ""},
		{"read", reads, 204, ""},
		{"read, a page", reads, 200, "-s_session_flash"}, // flash has had its turn, whoever sealed it
		{"read, a 500", reads, 500, ""},
		{"read, a panic", reads, panics, ""},
		{"all flash read", func(s *session) { s.Flashes() }, 302, ""},
		{"a key deleted that nobody sees", func(s *session) { must(s.Delete("k")) }, 204, ""},
		{"popped", func(s *session) { cookiesession.Pop[int](s, "k") }, 204, ""},
		{"written", set("k", 2), 204, "s_session s_session_views"},
		{"written on a 500", set("k", 2), 500, ""},
		{"destroyed", func(s *session) { must(s.Destroy()) }, 500, "-s_session -s_session_flash -s_session_views"},
		{"denied", (*session).Deny, 500, "-s_session -s_session_flash -s_session_views"},
		{"another message", func(s *session) { must(s.Flash("g", 1)) }, 302, "s_session_flash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cookiesession.Config{TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Second}
				c := newClient(t, cfg)
				c.visit(303, func(s *session) { must(s.Set("k", 1)); must(s.Flash("f", 1)) })
				time.Sleep(time.Minute / 2)
				cfg.Keyring = newRing(t)
				c.m = newManager(t, cfg)
				a := c.visit(tc.status, func(s *session) {
					if tc.do != nil {
						tc.do(s)
					}
				})
				wants(t, "Set-Cookie", a.names(), tc.want)
			})
		})
	}
}

func TestMarkingASessionThatIsNotShownDeletesNothing(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("k", 1))
	unknown := c.copy()
	unknown.m = newManager(t, cookiesession.Config{OnEvent: c.events.add})
	forged := c.copy()
	forged.jar = []string{"s_session=AAAA"}
	for name, c := range map[string]*client{"unknown key": unknown, "unopenable": forged} {
		wants(t, name+", marked", c.look(200, (*cookiesession.Session).MarkModified).names(), "")
		wants(t, name+", a new ID", c.look(200, func(s *cookiesession.Session) { must(s.CycleID()) }).names(), "")
		wants(t, name+", cleared", c.look(200, func(s *cookiesession.Session) { must(s.Clear()) }).names(), "-s_session")
	}
}

func TestKeepingFlashThatAnotherInstanceMayReadLeavesIt(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(303, func(s *cookiesession.Session) { must(s.Flash("f", 1)) })
	c.m = newManager(t, cookiesession.Config{OnEvent: c.events.add})
	for _, keep := range []func(*cookiesession.Session){
		func(s *cookiesession.Session) { s.KeepFlash() },
		func(s *cookiesession.Session) { s.KeepFlash("f") },
	} {
		wants(t, "kept on a page", c.look(200, keep).names(), "")
		wants(t, "kept on a redirect", c.look(302, keep).names(), "")
	}
	wants(t, "cleared", c.look(302, (*cookiesession.Session).ClearFlash).names(), "-s_session_flash")
}

// laterVersion is an authentic data or flash cookie of a version to come.
func laterVersion(t *testing.T, keys *[]cookiesession.Key, compartment string) string {
	t.Helper()
	v := sealedVector(cookiesession.FormatSecurecookie, compartment, []byte{0x92, 9, 0xc0})
	*keys = []cookiesession.Key{v.Keys[0].key(t, cookiesession.FormatSecurecookie)}
	return v.Cookie
}

func TestWhatALaterVersionWroteIsLeftUntilTheHandlerWrites(t *testing.T) {
	type session = cookiesession.Session
	var keys []cookiesession.Key
	data, flash := laterVersion(t, &keys, "data"), laterVersion(t, &keys, "flash")
	keyring, err := cookiesession.NewKeyring(append(keys, cookiesession.Key{Secret: cookiesession.NewSecret()})...)
	must(err)
	for _, tc := range []struct {
		name   string
		do     func(*session)
		status int
		want   string
	}{
		{"read", reads, 302, ""},
		{"read on a 500", reads, 500, ""},
		{"flash read", func(s *session) { s.Flashes() }, 302, ""},
		{"flash kept on a page", func(s *session) { s.KeepFlash() }, 200, ""},
		{"marked", (*session).MarkModified, 302, ""},
		{"written", set("k", 1), 302, "s_session s_session_views"},
		{"destroyed", func(s *session) { must(s.Destroy()) }, 500, "-s_session -s_session_flash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t, cookiesession.Config{Keyring: keyring, TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Second})
			c.jar = []string{data, flash}
			a := c.look(tc.status, func(s *session) {
				wants(t, "invalid", errors.Is(s.Rejected(), cookiesession.ErrInvalid), true)
				tc.do(s)
			})
			wants(t, "Set-Cookie", a.names(), tc.want)
		})
	}
}

func TestNothingAutomaticIsSetWhereABrowserWithheldItsCookies(t *testing.T) {
	for _, tc := range []struct {
		name, site string
		cookies    []string
		want       string
	}{
		{"another site's request", "cross-site", nil, ""},
		{"another site's request with somebody else's cookie", "cross-site", []string{"theme=dark"}, ""},
		{"another site's request with one of ours", "cross-site", []string{"s_session_test=1"}, "s_session_views"},
		{"a sibling host's request", "same-site", nil, "s_session_views"},
		{"our own site's request", "same-origin", nil, "s_session_views"},
		{"typed by the visitor", "none", nil, "s_session_views"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t, cookiesession.Config{TrackViews: true, SaveEveryRequest: true})
			c.jar = tc.cookies
			wants(t, "Set-Cookie", c.look(200, nil, "Sec-Fetch-Site", tc.site).names(), tc.want)
		})
	}
}

func TestASessionUnderAnUnknownKeyIsThereAgainWhenTheKeyComes(t *testing.T) {
	older, newer := cookiesession.NewSecret(), cookiesession.NewSecret()
	c := newClient(t, cookiesession.Config{Keyring: newRing(t, newer)})
	c.visit(200, set("k", "v"))
	late := newRing(t, older)
	c.m = newManager(t, cookiesession.Config{Keyring: late, OnEvent: c.events.add})
	c.visit(200, func(s *cookiesession.Session) {
		wants(t, "value", s.Value("k"), nil)
		wants(t, "new", s.IsNew(), true)
		wants(t, "unknown key", errors.Is(s.Rejected(), cookiesession.ErrUnknownKey), true)
	})
	must(late.Replace(cookiesession.Key{Secret: newer}, cookiesession.Key{Secret: older}))
	wants(t, "value", c.sees("k"), any("v"))
}

func TestASessionIsIssuedAnewUnderTheNewerKeyAndNeverBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older, newer := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
		ring := newRing(t, older.Secret)
		c := newClient(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour})
		keyOf := func() string { id, _, _ := strings.Cut(c.value("s_session"), "."); return id }
		var id string
		var created time.Time
		c.visit(200, func(s *cookiesession.Session) { must(s.Set("k", "v")); id, created = s.ID(), s.Created() })
		c.events.take()
		time.Sleep(20 * time.Minute)
		must(ring.Replace(newer, older))
		c.events.take()

		wants(t, "untouched", c.visit(200, nil).names(), "")
		wants(t, "on a 500", c.visit(500, reads).names(), "")
		wants(t, "on a panic", c.visit(panics, reads).names(), "")
		a := c.visit(200, func(s *cookiesession.Session) {
			wants(t, "value", s.Value("k"), any("v"))
			wants(t, "modified", s.Modified(), false)
		})
		wants(t, "read", a.names(), "s_session")
		wants(t, "events", c.events.take(), "rekeyed s_session")
		wants(t, "key", keyOf(), newer.ID())
		wants(t, "Max-Age", a.cookie(t, "s_session").MaxAge, 40*60)
		c.look(204, func(s *cookiesession.Session) {
			wants(t, "id", s.ID(), id)
			wants(t, "created", s.Created(), created)
			wants(t, "expires in", s.ExpiresIn(), 40*time.Minute)
		})

		wants(t, "read again", c.visit(200, reads).names(), "")
		later := newer
		later.SealFrom = time.Now().Add(time.Hour) // as an instance sees it whose clock is behind
		must(ring.Replace(later, older))
		wants(t, "read where the older key seals", c.visit(200, reads).names(), "")
		must(ring.Replace(newer, older))
		time.Sleep(40 * time.Minute)
		wants(t, "value past the deadline", c.sees("k"), nil)
	})
}

func TestANewKeyOpensBeforeItSealsAndInstancesWithOtherClocksDoNotTossASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older := cookiesession.Key{Secret: cookiesession.NewSecret()}
		newer := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(time.Hour)}
		ahead := newer
		ahead.SealFrom = time.Now().Add(-time.Second)
		one, err := cookiesession.NewKeyring(newer, older)
		must(err)
		other, err := cookiesession.NewKeyring(ahead, older) // its clock has passed SealFrom
		must(err)
		c := newClient(t, cookiesession.Config{Keyring: other})
		c.visit(200, set("k", "v"))
		c.m = newManager(t, cookiesession.Config{Keyring: one})
		var value any
		a := c.visit(200, func(s *cookiesession.Session) { value = s.Value("k") })
		wants(t, "value before SealFrom", value, any("v"))
		wants(t, "Set-Cookie", a.names(), "")
		// A write must be sealed with the key in force here, and the other
		// instance takes it on again: once per write, not per read.
		c.visit(200, set("k", "w"))
		c.m = newManager(t, cookiesession.Config{Keyring: other})
		wants(t, "value", c.sees("k"), any("w"))
		wants(t, "issued anew", c.visit(200, reads).names(), "s_session")
		wants(t, "and again", c.visit(200, reads).names(), "")
	})
}

func TestASessionMayBeUsedFromManyGoroutines(t *testing.T) {
	c := newClient(t, cookiesession.Config{TrackViews: true, Validate: func(_ context.Context, s *cookiesession.Session) error {
		s.Value("k")
		return nil
	}})
	c.visit(303, func(s *cookiesession.Session) { must(s.Set("n", 0)); must(s.Flash("f", 1)) })
	c.visit(200, func(s *cookiesession.Session) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 20 {
					_, err := s.Add("n", 1)
					must(err)
					must(s.Set("k", i))
					must(s.Flash("g", i))
					s.Value("f")
					s.All()
					s.Views()
					must(cookiesession.Edit(s, "list", func(list *[]int) error { *list = []int{i}; return nil }))
					s.SetExpiry(cookiesession.Idle(time.Hour))
					_ = fmt.Sprint(s, s.ID(), s.Keys(), s.Modified(), s.Accessed(), s.ExpiresAt())
				}
			})
		}
		all.Wait()
	})
	wants(t, "n", c.sees("n"), any(int64(160)))
}

func TestOfTwoRequestsInFlightTheLaterResponseWinsWhole(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("user", "Ada"))
	slow := c.look(200, set("slow", 1))
	c.visit(200, func(s *cookiesession.Session) { must(s.Destroy()) })
	wants(t, "user after the logout", c.sees("user"), nil)
	c.keep(slow)
	wants(t, "user after the slow response", c.sees("user"), any("Ada"))

	message := c.look(303, func(s *cookiesession.Session) { must(s.Flash("f", 1)) })
	c.visit(200, set("user", "Bob"))
	c.keep(message)
	wants(t, "user beside another compartment's response", c.sees("user"), any("Bob"))
}

func TestACommitHappensOnce(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	s := c.m.Open(t.Context())
	must(s.Set("k", 1))
	h := http.Header{}
	must(c.m.Commit(h, s, 0))
	wants(t, "cookies", len(h["Set-Cookie"]), 1)
	again := http.Header{}
	wants(t, "second commit", c.m.Commit(again, s, 200), cookiesession.ErrCommitted)
	wants(t, "header fields of the second", len(again), 0)
	wants(t, "a write after it", s.Set("k", 2), cookiesession.ErrCommitted)
	wants(t, "the value", s.Value("k"), any(int64(1)))

	untouched := c.m.Open(t.Context())
	must(c.m.Commit(h, untouched, 200))
	wants(t, "second commit of an untouched session", c.m.Commit(h, untouched, 200), cookiesession.ErrCommitted)
}

func TestOfManyCommitsAtOnceOneWins(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("k", 1))
	s := c.m.Open(t.Context(), c.jar...)
	must(s.Set("k", 2))
	var won, lines atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			h := http.Header{}
			switch err := c.m.Commit(h, s, 200); err {
			case nil:
				won.Add(1)
			case cookiesession.ErrCommitted:
			default:
				t.Error(err)
			}
			lines.Add(int32(len(h["Set-Cookie"])))
		})
	}
	all.Wait()
	wants(t, "commits that won", won.Load(), 1)
	wants(t, "cookies set by all", lines.Load(), 1)
}

func TestACommitIsForTheManagersOwnSessions(t *testing.T) {
	ring := newRing(t)
	one, other := newManager(t, cookiesession.Config{Keyring: ring}), newManager(t, cookiesession.Config{Keyring: ring})
	s := one.Open(t.Context())
	must(s.Set("k", 1))
	h := http.Header{}
	if err := other.Commit(h, s, 200); err == nil || errors.Is(err, cookiesession.ErrCommitted) {
		t.Errorf("another manager's session: %v", err)
	}
	wants(t, "header fields", len(h), 0)
	must(one.Commit(h, s, 200))
	wants(t, "cookies", len(h["Set-Cookie"]), 1)
}

func TestStatusZeroIs200(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(303, func(s *cookiesession.Session) { must(s.Flash("f", 1)) })
	h := http.Header{}
	must(c.m.Commit(h, c.m.Open(t.Context(), c.jar...), 0))
	wants(t, "Set-Cookie", answer{header: h}.names(), "-s_session_flash")
}

func TestTheContextOfARequestCarriesItsSessionPerManager(t *testing.T) {
	m, other := newManager(t, cookiesession.Config{}), newManager(t, cookiesession.Config{Name: "other"})
	s := m.Open(t.Context())
	ctx := m.NewContext(t.Context(), s)
	wants(t, "session", m.FromContext(ctx), s)
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.Contains(text, "Manager.Handler") || !strings.Contains(text, "r.Context()") || !strings.Contains(text, "other") {
			t.Errorf("the panic does not say what to wrap, which context to pass and which manager: %s", text)
		}
	}()
	other.FromContext(ctx)
	t.Error("found another manager's session")
}

func TestTheHandlerCommitsASessionThatIsInTheContextAlready(t *testing.T) {
	m := newManager(t, cookiesession.Config{})
	r := httptest.NewRequest("GET", "/", nil)
	s := m.OpenRequest(r)
	must(s.Set("before", 1))
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		wants(t, "session", m.FromContext(r.Context()), s)
	})).ServeHTTP(w, r.WithContext(m.NewContext(r.Context(), s)))
	wants(t, "Set-Cookie", answer{header: w.Header()}.names(), "s_session")
	wants(t, "a write after it", s.Set("k", 1), cookiesession.ErrCommitted)
}
