package cookiesessiontest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

func set(t *testing.T, key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) {
		if err := s.Set(key, value); err != nil {
			t.Error(err)
		}
	}
}

func get(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

// serve runs one request through Handler.
func serve(m *cookiesession.Manager, r *http.Request, h func(http.ResponseWriter, *cookiesession.Session)) *http.Response {
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, m.FromContext(r.Context()))
	})).ServeHTTP(w, r)
	return w.Result()
}

func TestARequestCarriesWhatWasPrepared(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	var id string
	r := cookiesessiontest.Request(t, m, get("/"), func(s *cookiesession.Session) {
		set(t, "user", "Ada")(s)
		s.Flash("notice", "hello")
		s.SetTestCookie()
		s.SetExpiry(cookiesession.BrowserClose())
		id = s.ID()
	})
	serve(m, r, func(_ http.ResponseWriter, s *cookiesession.Session) {
		if s.IsNew() || s.ID() != id || s.Value("user") != "Ada" || s.Value("notice") != "hello" || !s.TestCookieWorked() || !s.ExpiresAtBrowserClose() {
			t.Errorf("new %t, id %q for %q, all %v, test cookie %t, browser %t", s.IsNew(), s.ID(), id, s.All(), s.TestCookieWorked(), s.ExpiresAtBrowserClose())
		}
	})
}

func TestARequestIsACopyThatKeepsTheRest(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	type key struct{}
	r := httptest.NewRequest("POST", "/form", strings.NewReader("a=b")).WithContext(context.WithValue(t.Context(), key{}, "mine"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Add("Cookie", `theme="dark mode"; s_other=x.y`)
	carried := cookiesessiontest.Request(t, m, r, set(t, "user", "Ada"))
	if got := r.Header["Cookie"]; len(got) != 1 || strings.Contains(got[0], "s_session") {
		t.Errorf("the request given has the cookies %q now", got)
	}
	line := carried.Header.Get("Cookie")
	if !strings.HasPrefix(line, `theme="dark mode"; s_other=x.y; s_session=`) {
		t.Errorf("the copy has the cookies %q", line)
	}
	if carried.FormValue("a") != "b" || carried.Context().Value(key{}) != "mine" {
		t.Error("the copy lost its form or its context")
	}
}

func TestRequestsCanBeChained(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := cookiesessiontest.Request(t, m, get("/"), func(s *cookiesession.Session) {
		set(t, "a", 1)(s)
		s.Flash("first", true)
	})
	r = cookiesessiontest.Request(t, m, r, set(t, "b", 2))
	if got := fmt.Sprint(m.OpenRequest(r).All()); got != "map[a:1 b:2 first:true]" {
		t.Errorf("carries %s", got)
	}
	r = cookiesessiontest.Request(t, m, r, func(s *cookiesession.Session) { s.Destroy() })
	if line := r.Header.Get("Cookie"); line != "" {
		t.Errorf("after Destroy: %q", line)
	}
}

func TestNothingPreparedCarriesNothing(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	if r := cookiesessiontest.Request(t, m, get("/"), nil); len(r.Header["Cookie"]) != 0 {
		t.Errorf("cookies %q", r.Header["Cookie"])
	}
}

func TestALongSessionIsCarriedWhole(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	long := strings.Repeat("long ", 700)
	r := cookiesessiontest.Request(t, m, get("/"), set(t, "text", long))
	if !strings.Contains(r.Header.Get("Cookie"), "s_session.1=") {
		t.Fatal("it fits into one cookie: this test shows nothing")
	}
	res := serve(m, r, func(_ http.ResponseWriter, s *cookiesession.Session) { set(t, "text", "short")(s) })
	next := cookiesessiontest.Next(t, m, r, res)
	if next.Value("text") != "short" || next.Rejected() != nil {
		t.Errorf("after shortening: %v, %v", next.Value("text"), next.Rejected())
	}
}

func TestNextSeesWhatTheResponseLeft(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := cookiesessiontest.Request(t, m, get("/"), func(s *cookiesession.Session) {
		set(t, "user", "Ada")(s)
		s.Flash("old", 1)
	})
	for _, test := range []struct {
		name   string
		handle func(http.ResponseWriter, *cookiesession.Session)
		want   string
	}{
		{"nothing done", func(http.ResponseWriter, *cookiesession.Session) {}, "map[user:Ada]"},
		{"a redirect keeps flash", func(w http.ResponseWriter, s *cookiesession.Session) {
			s.Flash("new", 2)
			w.WriteHeader(http.StatusFound)
		}, "map[new:2 old:1 user:Ada]"},
		{"a server error saves nothing", func(w http.ResponseWriter, s *cookiesession.Session) {
			set(t, "user", "Eve")(s)
			w.WriteHeader(http.StatusInternalServerError)
		}, "map[old:1 user:Ada]"},
		{"a logout", func(_ http.ResponseWriter, s *cookiesession.Session) { s.Destroy() }, "map[]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := serve(m, r, test.handle)
			if got := fmt.Sprint(cookiesessiontest.Next(t, m, r, res).All()); got != test.want {
				t.Errorf("the next request finds %s, want %s", got, test.want)
			}
		})
	}
}

// TestNextIsAJar sets and deletes one cookie several times in a response.
func TestNextIsAJar(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	home := &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	value := func(name string) string {
		r := cookiesessiontest.Request(t, m, get("/"), set(t, "user", name))
		return strings.TrimPrefix(r.Header.Get("Cookie"), "s_session=")
	}
	ada, eve := "s_session="+value("Ada")+"; Path=/", "s_session="+value("Eve")+"; Path=/"
	gone := "s_session=; Path=/; Max-Age=0"
	for _, test := range []struct {
		name  string
		lines []string
		want  any
	}{
		{"set and deleted", []string{ada, gone}, nil},
		{"deleted and set", []string{gone, ada}, "Ada"},
		{"set twice", []string{ada, eve}, "Eve"},
		{"set, deleted and set", []string{ada, gone, eve}, "Eve"},
		{"set, and deleted on another path", []string{ada, "s_session=; Path=/app; Max-Age=0"}, "Ada"},
		{"set, and deleted by its date", []string{ada, "s_session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, nil},
	} {
		res := &http.Response{Header: http.Header{"Set-Cookie": test.lines}}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		jar.SetCookies(home, res.Cookies())
		fromJar := get("/")
		for _, c := range jar.Cookies(home) {
			fromJar.AddCookie(c)
		}
		if got := m.OpenRequest(fromJar).Value("user"); got != test.want {
			t.Errorf("%s: a jar sends %v, want %v", test.name, got, test.want)
		}
		if got := cookiesessiontest.Next(t, m, get("/"), res).Value("user"); got != test.want {
			t.Errorf("%s: Next finds %v, want %v", test.name, got, test.want)
		}
	}
}

func TestNextAppliesTheApplicationsCookiesToo(t *testing.T) {
	consents := func(r *http.Request) bool {
		_, err := r.Cookie("consent")
		return err == nil
	}
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Consent: consents})
	r := cookiesessiontest.Request(t, m, get("/"), set(t, "user", "Ada"))
	if m.OpenRequest(r).Has("user") {
		t.Fatal("without consent the data is visible")
	}
	agree := func(w http.ResponseWriter, s *cookiesession.Session) {
		http.SetCookie(w, &http.Cookie{Name: "consent", Value: "yes"})
		s.Allow()
	}
	res := serve(m, r, agree)
	if !cookiesessiontest.Next(t, m, r, res).Has("user") {
		t.Error("after the consent cookie the data is not visible")
	}
	r.Header.Add("Cookie", "consent=yes")
	res = serve(m, r, func(w http.ResponseWriter, _ *cookiesession.Session) {
		http.SetCookie(w, &http.Cookie{Name: "consent", Expires: time.Unix(1, 0)})
	})
	if cookiesessiontest.Next(t, m, r, res).Allowed() {
		t.Error("a deleted consent cookie still counts")
	}
}

func TestNextOutlivesTheContextOfTheRequest(t *testing.T) {
	validate := func(ctx context.Context, _ *cookiesession.Session) error { return ctx.Err() }
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Validate: validate})
	ctx, cancel := context.WithCancel(t.Context())
	r := cookiesessiontest.Request(t, m, get("/").WithContext(ctx), set(t, "user", "Ada"))
	res := serve(m, r, func(_ http.ResponseWriter, s *cookiesession.Session) { s.Has("user") })
	cancel()
	if s := cookiesessiontest.Next(t, m, r, res); !s.Has("user") {
		t.Error(s.Rejected())
	}
}

func TestExpiryIsTestedInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cookiesessiontest.NewManager(t, cookiesession.Config{IdleTimeout: time.Hour, TrackViews: true})
		r := cookiesessiontest.Request(t, m, get("/"), set(t, "user", "Ada"))
		time.Sleep(time.Hour - time.Second)
		res := serve(m, r, func(_ http.ResponseWriter, s *cookiesession.Session) { set(t, "seen", true)(s) })
		time.Sleep(time.Hour - time.Second)
		if !cookiesessiontest.Next(t, m, r, res).Has("user") {
			t.Error("expired too early")
		}
		time.Sleep(time.Second)
		if s := cookiesessiontest.Next(t, m, r, res); s.Rejected() != cookiesession.ErrExpired {
			t.Errorf("at the deadline: %v", s.Rejected())
		}
	})
}

func TestAManagerKeepsTheKeyringItIsGiven(t *testing.T) {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	one := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring})
	two := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring})
	three := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := cookiesessiontest.Request(t, one, get("/"), set(t, "user", "Ada"))
	if !two.OpenRequest(r).Has("user") || three.OpenRequest(r).Has("user") {
		t.Error("two shares the ring and three has its own")
	}
}

// failing is a test that has its failures counted.
type failing struct {
	testing.TB
	fatal []string
}

func (f *failing) Helper() {}
func (f *failing) Fatal(args ...any) {
	f.fatal = append(f.fatal, fmt.Sprint(args...))
	panic(f)
}

func fails(t *testing.T, run func(testing.TB)) (told []string) {
	f := &failing{TB: t}
	defer func() {
		if v := recover(); v != nil && v != any(f) {
			panic(v)
		}
		told = f.fatal
	}()
	run(f)
	return nil
}

func TestWhatCannotWorkFailsTheTest(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	for _, test := range []struct {
		name string
		run  func(testing.TB)
		want string
	}{
		{"a bad config", func(t testing.TB) { cookiesessiontest.NewManager(t, cookiesession.Config{Name: "a b"}) }, "Config.Name"},
		{"a session that prepare has committed", func(t testing.TB) {
			cookiesessiontest.Request(t, m, get("/"), func(s *cookiesession.Session) { m.Commit(http.Header{}, s, 200) })
		}, "committed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			told := fails(t, test.run)
			if !slices.ContainsFunc(told, func(text string) bool { return strings.Contains(text, test.want) }) {
				t.Errorf("told %q", told)
			}
		})
	}
}

func TestACookieJarWorksWithThem(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	server := httptest.NewTLSServer(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := m.FromContext(r.Context()).Add("visits", 1); err != nil {
			t.Error(err)
		}
	})))
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	home, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}

	jar.SetCookies(home, cookiesessiontest.Request(t, m, get("/"), set(t, "visits", 41)).Cookies())
	for want := int64(42); want < 44; want++ {
		res, err := client.Get(home.String())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := cookiesessiontest.Next(t, m, res.Request, res).Value("visits"); got != want {
			t.Errorf("visits %v, want %d", got, want)
		}
	}
	if n := len(jar.Cookies(home)); n != 1 {
		t.Errorf("the jar holds %d cookies", n)
	}
}
