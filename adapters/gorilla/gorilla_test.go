package gorilla_test

import (
	"context"
	"encoding/gob"
	"errors"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const name = "my-session"

func config(t testing.TB) cookiesession.Config {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	return cookiesession.Config{Keyring: ring, OnEvent: func(context.Context, cookiesession.Event) {}}
}

func newStore(t testing.TB, cfg cookiesession.Config, old ...securecookie.Codec) *gorilla.Store {
	t.Helper()
	store, err := gorilla.NewStore(cfg, old...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// browser keeps cookies as a browser does, and what the last response set.
type browser struct {
	cookies map[string]string
	set     []*http.Cookie
	header  http.Header
}

func (b *browser) visit(handler func(w http.ResponseWriter, r *http.Request)) {
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	handler(w, r)
	b.set, b.header = w.Result().Cookies(), w.Header()
	if b.cookies == nil {
		b.cookies = map[string]string{}
	}
	for _, c := range b.set {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

// change opens the session, lets f change it and saves it.
func (b *browser) change(t testing.TB, store sessions.Store, f func(*sessions.Session)) error {
	t.Helper()
	var saved error
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, name)
		if err != nil || session == nil {
			t.Fatalf("Get: %v, %v", session, err)
		}
		f(session)
		saved = session.Save(r, w)
	})
	return saved
}

func (b *browser) mustChange(t testing.TB, store sessions.Store, f func(*sessions.Session)) {
	t.Helper()
	if err := b.change(t, store, f); err != nil {
		t.Fatal(err)
	}
}

// look opens the session without saving it.
func (b *browser) look(t testing.TB, store sessions.Store) (session *sessions.Session) {
	t.Helper()
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if session, err = store.Get(r, name); err != nil {
			t.Fatal(err)
		}
	})
	return session
}

type profile struct {
	Name string
	Age  int
}

func TestValuesComeBackWithTheirGoTypes(t *testing.T) {
	store := newStore(t, config(t))
	gorilla.Register[profile](store)
	gorilla.Register[*profile](store)
	values := map[any]any{
		"string": "ann", "bool": true, "nil": nil, "bytes": []byte{0, 255},
		"int": -7, "int8": int8(-8), "int16": int16(-16), "int32": int32(-32), "int64": int64(math.MinInt64),
		"uint": uint(7), "uint8": uint8(8), "uint16": uint16(16), "uint32": uint32(32), "uint64": uint64(math.MaxUint64),
		"small uint64": uint64(1), "float32": float32(0.5), "float64": 0.1, "whole float": 3.0, "digits": "007",
		"time": time.Date(2026, 5, 1, 12, 0, 0, 123, time.UTC), "duration": time.Minute,
		"strings": []string{"a", "b"}, "ints": []int{1, 2}, "map": map[string]string{"a": "b"},
		"list": []any{"a", int64(1), nil}, "dictionary": map[string]any{"a": 1.5},
		"struct": profile{"ann", 7}, "pointer": &profile{"bob", 8},
	}
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values = values })
	got := b.look(t, store)
	if got.IsNew {
		t.Fatal("the saved session is new")
	}
	for key, want := range values {
		if !reflect.DeepEqual(got.Values[key], want) {
			t.Errorf("%s: %#v (%T) came back as %#v (%T)", key, want, want, got.Values[key], got.Values[key])
		}
	}
	if len(got.Values) != len(values) {
		t.Errorf("%d values came back, want %d", len(got.Values), len(values))
	}
}

func TestWhatACookieCannotHoldIsAClearErrorAndSetsNothing(t *testing.T) {
	tests := []struct {
		name string
		key  any
		val  any
		text string
	}{
		{"a key that is an integer", 7, "x", "keys must be strings"},
		{"a type nobody registered", "user", profile{}, "gorilla_test.profile"},
		{"a list of several types", "list", []any{1, int8(2)}, "one type"},
		{"an integer in a dictionary", "dict", map[string]any{"a": 1}, "map[string]interface {}"},
		{"a function", "f", func() {}, "func()"},
		{"too much", "text", strings.Repeat("long ", 3000), "too large"},
		{"the key of the store itself", "gorilla.kinds", "x", "taken by the store"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := newStore(t, config(t))
			var b browser
			b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
			err := b.change(t, store, func(s *sessions.Session) { s.Values[test.key] = test.val })
			if err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("Save gave %v, want %q in it", err, test.text)
			}
			if len(b.set) != 0 {
				t.Errorf("the response sets %v", b.set)
			}
			if got := b.look(t, store).Values["user"]; got != "ann" {
				t.Errorf("the session before it became %v", got)
			}
		})
	}
}

func TestTooLargeIsStillTheCoresError(t *testing.T) {
	var b browser
	err := b.change(t, newStore(t, config(t)), func(s *sessions.Session) { s.Values["text"] = strings.Repeat("long ", 3000) })
	if !errors.Is(err, cookiesession.ErrTooLarge) {
		t.Errorf("Save gave %v", err)
	}
}

func TestAValueTakenOutIsGone(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["a"], s.Values["b"] = 1, 2 })
	b.mustChange(t, store, func(s *sessions.Session) { delete(s.Values, "a") })
	if got := b.look(t, store).Values; !reflect.DeepEqual(got, map[any]any{"b": 2}) {
		t.Errorf("left: %v", got)
	}
}

func TestFlashesAreSeenOnce(t *testing.T) {
	store := newStore(t, config(t))
	gorilla.Register[profile](store)
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) {
		s.AddFlash("hello")
		s.AddFlash("again")
		s.AddFlash(7, "numbers")
		s.AddFlash(profile{"ann", 7}, "profiles")
	})
	b.mustChange(t, store, func(s *sessions.Session) {
		if got := s.Flashes(); !reflect.DeepEqual(got, []any{"hello", "again"}) {
			t.Errorf("flashes: %#v", got)
		}
		if got := s.Flashes("numbers"); !reflect.DeepEqual(got, []any{7}) {
			t.Errorf("numbers: %#v", got)
		}
		if got := s.Flashes("profiles"); !reflect.DeepEqual(got, []any{profile{"ann", 7}}) {
			t.Errorf("profiles: %#v", got)
		}
	})
	if got := b.look(t, store).Flashes(); got != nil {
		t.Errorf("on the next page: %v", got)
	}
}

func TestASessionIsOpenedOnceARequest(t *testing.T) {
	var opened int
	cfg := config(t)
	cfg.Validate = func(context.Context, *cookiesession.Session) error { opened++; return nil }
	store := newStore(t, cfg)
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		first, err1 := store.Get(r, name)
		second, err2 := store.Get(r, name)
		if first != second || err1 != nil || err2 != nil {
			t.Errorf("%p %v, %p %v", first, err1, second, err2)
		}
		if err := first.Save(r, w); err != nil {
			t.Error(err)
		}
	})
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
}

func TestWithoutPermissionNeitherCookieIsRead(t *testing.T) {
	pair, cfg := oldPair(), config(t)
	var b browser
	b.mustChange(t, sessions.NewCookieStore(pair...), func(s *sessions.Session) { s.Values["user"] = "ann" })
	cfg.Consent = func(*http.Request) bool { return false }
	store := newStore(t, cfg, securecookie.CodecsFromPairs(pair...)...)
	if got := b.look(t, store); !got.IsNew || len(got.Values) != 0 {
		t.Errorf("read: %v", got.Values)
	}
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "bob" })
	if len(b.cookies) != 0 {
		t.Errorf("left in the browser: %v", b.cookies)
	}
}

func TestNewGivesASessionWhateverCame(t *testing.T) {
	for _, cookie := range []string{"", "junk", "AAAA.junk", "AAAA.2.abcd.junk"} {
		store := newStore(t, config(t))
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: "s_" + name, Value: cookie})
		if session, err := store.New(r, name); session == nil || err != nil || !session.IsNew {
			t.Errorf("%q gave %v, %v", cookie, session, err)
		}
	}
	session, err := newStore(t, config(t)).New(httptest.NewRequest("GET", "/", nil), "not.a.name")
	if session == nil || err == nil {
		t.Errorf("a name that cannot be gave %v, %v", session, err)
	}
}

func TestOptionsAreThoseOfTheSession(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) {
		s.Values["user"] = "ann"
		s.Options = &sessions.Options{Path: "/admin", Domain: ".example.com", MaxAge: 3600, Secure: true, SameSite: http.SameSiteStrictMode}
	})
	c := b.set[0]
	if c.Name != "s_"+name || c.Path != "/admin" || strings.TrimPrefix(c.Domain, ".") != "example.com" || c.MaxAge != 3600 ||
		!c.Secure || c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("set: %v", c)
	}
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "bob" })
	if c := b.set[0]; c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the store's own options gave %v", c)
	}
}

func TestOptionsNoBrowserTakesAreAnError(t *testing.T) {
	var b browser
	err := b.change(t, newStore(t, config(t)), func(s *sessions.Session) {
		s.Values["user"] = "ann"
		s.Options = &sessions.Options{SameSite: http.SameSiteNoneMode}
	})
	if cfgErr := new(*cookiesession.ConfigError); !errors.As(err, cfgErr) || len(b.set) != 0 {
		t.Errorf("Save gave %v and set %v", err, b.set)
	}
}

func TestMaxAgeIsEnforcedByTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, config(t))
		store.MaxAge(60)
		var b browser
		b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
		if b.set[0].MaxAge != 60 {
			t.Errorf("Max-Age %d", b.set[0].MaxAge)
		}
		time.Sleep(59 * time.Second)
		if b.look(t, store).IsNew {
			t.Error("gone before its time")
		}
		time.Sleep(time.Second)
		if !b.look(t, store).IsNew {
			t.Error("still there after 60 seconds")
		}
	})
}

func TestMaxAgeZeroEndsWithTheBrowser(t *testing.T) {
	store := newStore(t, config(t))
	store.MaxAge(0)
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	if c := b.set[0]; c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("set: %v", c)
	}
}

func TestWithoutValuesThereIsNoCookie(t *testing.T) {
	for _, age := range []int{-1, 0, 60} {
		store := newStore(t, config(t))
		store.MaxAge(max(age, 0))
		var b browser
		b.mustChange(t, store, func(s *sessions.Session) { s.Options.MaxAge = age })
		if len(b.set) != 0 {
			t.Errorf("MaxAge %d: a new session without values set %v", age, b.set)
		}
		b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
		b.mustChange(t, store, func(s *sessions.Session) { clear(s.Values) })
		if len(b.cookies) != 0 {
			t.Errorf("MaxAge %d: left %v", age, b.cookies)
		}
	}
}

func TestNegativeMaxAgeDeletes(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	b.mustChange(t, store, func(s *sessions.Session) { s.Options.MaxAge = -1 })
	if len(b.cookies) != 0 {
		t.Errorf("left: %v", b.cookies)
	}
	if !b.look(t, store).IsNew {
		t.Error("the session is still there")
	}
}

func TestSessionsOfSeveralNamesAreApart(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		one, _ := store.Get(r, "one")
		two, _ := store.Get(r, "two")
		one.Values["n"], two.Values["n"] = 1, 2
		if err := sessions.Save(r, w); err != nil {
			t.Error(err)
		}
	})
	if len(b.cookies) != 2 {
		t.Errorf("cookies: %v", b.cookies)
	}
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		one, _ := store.Get(r, "one")
		two, _ := store.Get(r, "two")
		if one.Values["n"] != 1 || two.Values["n"] != 2 {
			t.Errorf("one has %v, two has %v", one.Values, two.Values)
		}
	})
}

func TestSavedTwiceIsSetOnceWithTheLastValues(t *testing.T) {
	store := newStore(t, config(t))
	tests := []struct {
		name          string
		first, second func(*sessions.Session)
		want          any
	}{
		{"a change after a change", put(1), put(2), 2},
		{"a short value after a long one", put(strings.Repeat("long ", 700)), put("short"), "short"},
		{"a deletion after a change", put(1), remove, nil},
		{"a change after a deletion", remove, put(2), 2},
	}
	for _, start := range []string{"a new session", "a session that came"} {
		for _, test := range tests {
			t.Run(start+", "+test.name, func(t *testing.T) {
				var b browser
				if start != "a new session" {
					b.mustChange(t, store, put(0))
				}
				b.visit(func(w http.ResponseWriter, r *http.Request) {
					session, _ := store.Get(r, name)
					w.Header().Add("Set-Cookie", "theme=dark")
					test.first(session)
					err1 := session.Save(r, w)
					test.second(session)
					if err := errors.Join(err1, session.Save(r, w)); err != nil {
						t.Error(err)
					}
				})
				if b.cookies["theme"] != "dark" {
					t.Errorf("the application's own cookie is gone: %v", b.cookies)
				}
				seen := map[string]bool{}
				for _, c := range b.set {
					if seen[c.Name] {
						t.Errorf("%s is set twice: %v", c.Name, b.header["Set-Cookie"])
					}
					seen[c.Name] = true
				}
				if left := len(b.cookies); left > 2 {
					t.Errorf("pieces of the first Save are left: %d cookies", left)
				}
				if got := b.look(t, store).Values["n"]; got != test.want {
					t.Errorf("the next request has %v, want %v", got, test.want)
				}
			})
		}
	}
}

func put(n any) func(*sessions.Session) {
	return func(s *sessions.Session) {
		s.Values["n"] = n
		s.Options.MaxAge = 3600
	}
}

func remove(s *sessions.Session) { s.Options.MaxAge = -1 }

func TestEmptyIDGivesANewIDWithTheSameValues(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	before := b.look(t, store).ID
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["role"] = "user" })
	if kept := b.look(t, store).ID; kept != before || kept == "" {
		t.Errorf("an ordinary Save changed the ID from %q to %q", before, kept)
	}
	b.mustChange(t, store, func(s *sessions.Session) { s.ID = "" })
	if after := b.look(t, store); after.ID == before || after.ID == "" || after.Values["user"] != "ann" {
		t.Errorf("ID %q was %q, values %v", after.ID, before, after.Values)
	}
}

func TestSaveMarksTheResponse(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, name)
		session.Values["user"] = "ann"
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("CDN-Cache-Control", "max-age=60")
		if err := session.Save(r, w); err != nil {
			t.Error(err)
		}
	})
	if got := b.header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary: %q", got)
	}
	if got := b.header.Get("Cache-Control"); strings.Contains(got, "public") || !strings.Contains(got, "private") {
		t.Errorf("Cache-Control: %q", got)
	}
	if got := b.header.Get("CDN-Cache-Control"); got != "" {
		t.Errorf("CDN-Cache-Control: %q", got)
	}
}

func TestSaveKeepsTheFlashOfAManagerOfItsName(t *testing.T) {
	cfg := config(t)
	store := newStore(t, cfg)
	cfg.Name = name
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var b browser
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		s := m.OpenRequest(r)
		if err := errors.Join(s.Flash("notice", "hello"), m.Commit(w.Header(), s, 303)); err != nil {
			t.Error(err)
		}
	})
	b.mustChange(t, store, func(s *sessions.Session) {
		if len(s.Values) != 0 {
			t.Errorf("the store shows the flash as values: %v", s.Values)
		}
		s.Values["user"] = "ann"
	})
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		if got := m.OpenRequest(r).Flashes()["notice"]; got != "hello" {
			t.Errorf("after a Save the flash is %v", got)
		}
	})
}

func TestTheDefaultMaxAgeIsThePolicyInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.IdleTimeout = time.Hour
		var b browser
		b.mustChange(t, newStore(t, cfg), func(s *sessions.Session) { s.Values["user"] = "ann" })
		cfg.IdleTimeout = 2 * time.Hour
		time.Sleep(90 * time.Minute)
		if b.look(t, newStore(t, cfg)).IsNew {
			t.Error("a longer timeout does not hold for a session of the shorter one")
		}
	})
}

func TestAManagerOfTheSessionsNameReadsTheSameCookie(t *testing.T) {
	cfg := config(t)
	store := newStore(t, cfg)
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["visits"] = 7 })
	cfg.Name = name
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if n, err := m.FromContext(r.Context()).Add("visits", 1); n != 8 || err != nil {
				t.Errorf("Add gave %d, %v", n, err)
			}
		})).ServeHTTP(w, r)
	})
	if got := b.look(t, store).Values["visits"]; got != 8 {
		t.Errorf("the store then has %v (%T)", got, got)
	}
}

func TestTrackViewsIsRefused(t *testing.T) {
	cfg := config(t)
	cfg.TrackViews = true
	if _, err := gorilla.NewStore(cfg); err == nil {
		t.Error("TrackViews was taken")
	}
	if _, err := gorilla.NewStore(cookiesession.Config{}); err == nil {
		t.Error("a config without a keyring was taken")
	}
}

// oldPair is how a program made its CookieStore before.
func oldPair() [][]byte {
	return [][]byte{securecookie.GenerateRandomKey(64), securecookie.GenerateRandomKey(32)}
}

func init() { gob.Register(profile{}) }

func TestAnOldSessionIsCarriedOver(t *testing.T) {
	for _, encrypted := range []bool{true, false} {
		pair := oldPair()
		if !encrypted {
			pair = pair[:1]
		}
		var b browser
		b.mustChange(t, sessions.NewCookieStore(pair...), func(s *sessions.Session) {
			s.Values["user"], s.Values["count"], s.Values["profile"] = "ann", 7, profile{"ann", 7}
			s.AddFlash("hello")
		})
		if b.cookies[name] == "" {
			t.Fatalf("there is no old cookie: %v", b.cookies)
		}
		store := newStore(t, config(t), securecookie.CodecsFromPairs(pair...)...)
		gorilla.Register[profile](store)
		want := map[any]any{"user": "ann", "count": 7, "profile": profile{"ann", 7}, "_flash": []any{"hello"}}

		first := b.look(t, store)
		if first.IsNew || !reflect.DeepEqual(first.Values, want) {
			t.Errorf("read from the old cookie: new %t, %v", first.IsNew, first.Values)
		}
		b.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, name)
			if err := errors.Join(err, session.Save(r, w), session.Save(r, w)); err != nil {
				t.Error(err)
			}
		})
		if b.cookies[name] != "" || b.cookies["s_"+name] == "" || len(b.cookies) != 1 {
			t.Errorf("after Save the browser has %v", b.cookies)
		}
		names := map[string]bool{}
		for _, c := range b.set {
			if names[c.Name] {
				t.Errorf("%s is set twice", c.Name)
			}
			names[c.Name] = true
		}
		withoutOld := newStore(t, config(t))
		if !b.look(t, withoutOld).IsNew {
			t.Error("another keyring read the new cookie")
		}
		if got := b.look(t, store); got.IsNew || !reflect.DeepEqual(got.Values, want) {
			t.Errorf("read from the new cookie: new %t, %v", got.IsNew, got.Values)
		}
	}
}

func TestAForgedOldCookieIsIgnored(t *testing.T) {
	var forger browser
	forger.mustChange(t, sessions.NewCookieStore(oldPair()...), func(s *sessions.Session) { s.Values["user"] = "eve" })
	store := newStore(t, config(t), securecookie.CodecsFromPairs(oldPair()...)...)
	got := forger.look(t, store)
	if !got.IsNew || len(got.Values) != 0 {
		t.Errorf("a forged old cookie gave %v", got.Values)
	}
	forger.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	if forger.cookies[name] == "" {
		t.Error("a cookie that is not ours was deleted")
	}
}

func TestLogoutDeletesTheOldCookieToo(t *testing.T) {
	pair := oldPair()
	var b browser
	b.mustChange(t, sessions.NewCookieStore(pair...), func(s *sessions.Session) { s.Values["user"] = "ann" })
	store := newStore(t, config(t), securecookie.CodecsFromPairs(pair...)...)
	b.mustChange(t, store, remove)
	if len(b.cookies) != 0 {
		t.Errorf("left: %v", b.cookies)
	}
}

// TestTheOldCookieIsDeletedWhereItWasSet asks a jar: an old cookie that stays
// would bring its session back when the new one has ended.
func TestTheOldCookieIsDeletedWhereItWasSet(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example.com", Path: "/app/page"}
	for _, test := range []struct {
		name string
		old  sessions.Options
	}{
		{"the same", sessions.Options{Path: "/"}},
		{"another path", sessions.Options{Path: "/app", HttpOnly: true}},
		{"another domain", sessions.Options{Path: "/", Domain: "example.com", Secure: true}},
		{"both", sessions.Options{Path: "/app", Domain: "example.com"}},
	} {
		pair := oldPair()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		visit := func(store sessions.Store) {
			r := httptest.NewRequest("GET", page.String(), nil)
			for _, c := range jar.Cookies(page) {
				r.AddCookie(c)
			}
			session, err := store.Get(r, name)
			if err != nil {
				t.Fatal(err)
			}
			session.Values["user"] = "ada"
			w := httptest.NewRecorder()
			if err := session.Save(r, w); err != nil {
				t.Fatal(err)
			}
			jar.SetCookies(page, w.Result().Cookies())
		}
		before := sessions.NewCookieStore(pair...)
		before.Options = &test.old
		before.MaxAge(3600)
		visit(before)
		if len(jar.Cookies(page)) != 1 {
			t.Fatalf("%s: no old cookie", test.name)
		}
		store := newStore(t, config(t), securecookie.CodecsFromPairs(pair...)...)
		store.OldOptions = &test.old
		visit(store)
		if left := jar.Cookies(page); len(left) != 1 || left[0].Name != "s_"+name {
			t.Errorf("%s: the jar holds %v", test.name, left)
		}
	}
}

func TestTheNewCookieWinsOverTheOld(t *testing.T) {
	pair := oldPair()
	cfg := config(t)
	store := newStore(t, cfg, securecookie.CodecsFromPairs(pair...)...)
	var old, b browser
	old.mustChange(t, sessions.NewCookieStore(pair...), func(s *sessions.Session) { s.Values["user"] = "former" })
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["user"] = "ann" })
	b.cookies[name] = old.cookies[name]
	if got := b.look(t, store).Values["user"]; got != "ann" {
		t.Errorf("the user is %v", got)
	}

	// Nor does the old one bring back a session that was ended.
	cfg.Validate = func(context.Context, *cookiesession.Session) error { return cookiesession.ErrRevoked }
	revoking := newStore(t, cfg, securecookie.CodecsFromPairs(pair...)...)
	if got := b.look(t, revoking); !got.IsNew || got.Values["user"] != nil {
		t.Errorf("after a revocation: %v", got.Values)
	}
}

func TestAnOldSessionWithOtherKeysIsAnErrorOnlyWhenSaved(t *testing.T) {
	pair := oldPair()
	var b browser
	b.mustChange(t, sessions.NewCookieStore(pair...), func(s *sessions.Session) { s.Values[7] = "seven" })
	store := newStore(t, config(t), securecookie.CodecsFromPairs(pair...)...)
	if got := b.look(t, store).Values[7]; got != "seven" {
		t.Errorf("read %v", got)
	}
	if err := b.change(t, store, func(*sessions.Session) {}); err == nil || b.cookies[name] == "" {
		t.Errorf("Save gave %v, cookies %v", err, b.cookies)
	}
	b.mustChange(t, store, func(s *sessions.Session) { delete(s.Values, 7); s.Values["seven"] = "seven" })
	if got := b.look(t, store).Values["seven"]; got != "seven" {
		t.Errorf("after the repair %v", got)
	}
}

func TestRegisterRefusesTwoTypesOfOneName(t *testing.T) {
	store := newStore(t, config(t))
	defer func() {
		if recover() == nil {
			t.Error("the second Register was taken")
		}
	}()
	gorilla.Register[int](store)
}

func TestKeysOfTheStoreDoNotShow(t *testing.T) {
	store := newStore(t, config(t))
	var b browser
	b.mustChange(t, store, func(s *sessions.Session) { s.Values["n"] = 1 })
	var keys []string
	for key := range b.look(t, store).Values {
		keys = append(keys, key.(string))
	}
	if !slices.Equal(keys, []string{"n"}) {
		t.Errorf("keys: %q", keys)
	}
}
