package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// The tests of this file are about what the session objects of Django, Masonite
// and content management systems do not have.

func TestFeature_Beyond_RotationRejectsNoSessionAcrossAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := cookiesession.Key{Secret: cookiesession.NewSecret()}
		next := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(10 * time.Minute)}
		last := old
		last.OpenUntil = next.SealFrom.Add(time.Hour)
		var rings []*cookiesession.Keyring
		var fleet []*cookiesession.Manager
		for range 3 {
			ring, err := cookiesession.NewKeyring(old)
			if err != nil {
				t.Fatal(err)
			}
			rings = append(rings, ring)
			fleet = append(fleet, cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring}))
		}
		v := &testkit.Visitor{T: t, M: fleet[0], Jar: testkit.NewJar(t)}
		v.Page(testkit.Set("n", 0))
		for i := range 90 { // minutes
			if i < len(rings) { // one instance after the other
				testkit.NoError(t, rings[i].Replace(next, last))
			}
			v.M = fleet[i%len(fleet)]
			v.Page(func(s *cookiesession.Session) {
				if n, err := s.Add("n", 1); err != nil || n != int64(i+1) || s.Rejected() != nil {
					t.Fatalf("minute %d: %d, %v, %v", i, n, err, s.Rejected())
				}
			})
			time.Sleep(time.Minute)
		}
		if id, _, _ := strings.Cut(v.Cookie("s_session").Value, "."); id != next.ID() {
			t.Errorf("sealed with %s, not with the new key %s", id, next.ID())
		}
	})
}

func TestFeature_Beyond_OpeningWith16KeysCostsWhatItCostsWith1(t *testing.T) {
	keys := make([]cookiesession.Key, 16)
	for i := range keys {
		keys[i] = cookiesession.Key{Secret: cookiesession.NewSecret()}
	}
	one := testkit.NewVisitor(t, cookiesession.Config{Keyring: testkit.Keyring(t, keys[15])})
	one.Page(testkit.Set("k", 1))
	ring := testkit.Keyring(t, keys...)
	many := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring})
	line := one.Request("/").Header.Get("Cookie")
	opens := func(m *cookiesession.Manager) float64 {
		return testing.AllocsPerRun(100, func() { m.Open(t.Context(), line).Has("k") })
	}
	with1, with16 := opens(one.M), opens(many)
	testkit.Equal(t, "16 keys need more allocations", with16 > with1+1, false)
	for i, status := range ring.Status() {
		testkit.Equal(t, fmt.Sprintf("key %d opened any", i), status.Opened > 0, i == 15)
	}
}

func TestFeature_Beyond_ALongSessionIsWholeOrNothing(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("text", strings.Repeat("a", 3000)))
	chunks := v.Cookies()
	if len(chunks) < 2 {
		t.Fatal("it fits into one cookie: this test shows nothing")
	}
	v.Page(testkit.Set("text", strings.Repeat("b", 3000)))
	for i, old := range chunks {
		mixed := v.Copied()
		mixed.Jar.SetCookies(testkit.Site, []*http.Cookie{old})
		if text := cookiesession.GetOr(mixed.Now(), "text", ""); strings.Contains(text, "a") {
			t.Errorf("with the old chunk %d the session holds %d a", i, strings.Count(text, "a"))
		}
	}
	v.Page(func(s *cookiesession.Session) {
		err := s.Set("huge", strings.Repeat("c", 5000))
		var large *cookiesession.TooLargeError
		if !errors.As(err, &large) || large.Largest[0].Key != "huge" {
			t.Errorf("the culprit is not named: %v", err)
		}
		testkit.Equal(t, "what was there is lost", s.Has("text"), true)
		testkit.Set("text", "short")(s)
	})
	testkit.Equal(t, "cookies left when it is short again", len(v.Cookies()), 1)
	v.Has("text:short")
}

func TestFeature_Beyond_AWriterThatLosesNoChangeInSilence(t *testing.T) {
	var refused []error
	v := testkit.NewVisitor(t, cookiesession.Config{OnEvent: func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			refused = append(refused, e.Err)
		}
	}})
	server := httptest.NewServer(v.M.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := v.M.FromContext(r.Context())
		testkit.Set("early", 1)(s)
		w.WriteHeader(http.StatusEarlyHints)
		testkit.Set("after the hint", 2)(s)
		testkit.NoError(t, http.NewResponseController(w).Flush())
		if err := s.Set("late", 3); !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("a late Set returns %v", err)
		}
	})))
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	server.Close() // waits until the handler has returned: the answer came with its flush
	v.Keep(res.Cookies()...)
	v.Has("after the hint:2 early:1")
	testkit.Equal(t, "refused writes told", len(refused), 1)
}

func TestFeature_Beyond_EveryRefusedCookieHasOneReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []cookiesession.Event
		cfg := cookiesession.Config{
			Keyring: testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()}),
			Validate: func(_ context.Context, s *cookiesession.Session) error {
				if s.Has("banned") {
					return cookiesession.ErrRevoked
				}
				return nil
			},
			OnEvent: func(_ context.Context, e cookiesession.Event) { events = append(events, e) },
		}
		v := testkit.NewVisitor(t, cfg)
		line := func(key string) string {
			v.Jar = testkit.NewJar(t)
			v.Page(testkit.Set(key, 1))
			return v.Request("/").Header.Get("Cookie")
		}
		old := line("old")
		time.Sleep(14 * 24 * time.Hour)
		stranger := testkit.NewVisitor(t, cookiesession.Config{})
		stranger.Page(testkit.Set("k", 1))
		for _, test := range []struct {
			line string
			want error
		}{
			{"s_session=forged", cookiesession.ErrInvalid},
			{stranger.Request("/").Header.Get("Cookie"), cookiesession.ErrUnknownKey},
			{old, cookiesession.ErrExpired},
			{line("banned"), cookiesession.ErrRevoked},
		} {
			events = nil
			s := v.M.Open(t.Context(), test.line)
			if err := s.Rejected(); !errors.Is(err, test.want) || s.Len() != 0 {
				t.Errorf("rejected with %v, want %v", err, test.want)
			}
			if len(events) != 1 || events[0].Kind != cookiesession.EventRefused || !errors.Is(events[0].Err, test.want) {
				t.Errorf("events %v for %v", events, test.want)
			}
		}
	})
}

func TestFeature_Beyond_AnUntouchedSessionCostsNoCryptographyAndAReadFewAllocations(t *testing.T) {
	for _, test := range []struct {
		format          cookiesession.Format
		untouched, read float64
	}{{cookiesession.FormatSecurecookie, 3, 25}, {cookiesession.FormatCompact, 3, 12}} {
		v := testkit.NewVisitor(t, cookiesession.Config{Keyring: testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: test.format})})
		v.Page(testkit.Set("k", 1))
		r := v.Request("/")
		w := testkit.Discard{}
		allocs := func(h http.HandlerFunc) float64 {
			handler := v.M.Handler(h)
			return testing.AllocsPerRun(100, func() { clear(w.Header()); handler.ServeHTTP(w, r) })
		}
		untouched := allocs(func(http.ResponseWriter, *http.Request) {})
		read := allocs(func(_ http.ResponseWriter, r *http.Request) { v.M.FromContext(r.Context()).Has("k") })
		if untouched > test.untouched || read > test.read {
			t.Errorf("%s: %.0f allocations untouched, %.0f read; at most %.0f and %.0f", test.format, untouched, read, test.untouched, test.read)
		}
	}
}

func TestFeature_Beyond_ValuesComeBackAsYourTypeWithoutRegistration(t *testing.T) {
	type address struct {
		Street string
		Since  time.Time
	}
	type user struct {
		Name      string
		Addresses []address
		Tags      map[string]bool
	}
	since := time.Date(2020, 2, 29, 12, 0, 0, 5, time.UTC)
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("user", user{"Ada", []address{{"Main", since}}, map[string]bool{"x": true}}))
	got, ok := cookiesession.Get[user](v.Now(), "user")
	testkit.Equal(t, "the user", fmt.Sprint(got, ok), fmt.Sprint(user{"Ada", []address{{"Main", since}}, map[string]bool{"x": true}}, true))
}

func TestFeature_Beyond_FlashAndCountersNeverRewriteTheLogin(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Page(testkit.Set("user", "Ada"))
	login := v.Cookie("s_session").Value
	res := v.Visit(http.StatusFound, testkit.Flash("notice", "hello"))
	var names []string
	for _, c := range res.Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	testkit.Equal(t, "the cookies written", fmt.Sprint(names), "[s_session_flash s_session_views]")
	v.Page(nil)
	testkit.Equal(t, "the login cookie was changed", v.Cookie("s_session").Value != login, false)
}
