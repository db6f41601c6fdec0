package cookiesession_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
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

// What the session objects of Django, Masonite and a content management
// system give, row by row, and what none of them has.

// visitor is one browser on one site: it keeps cookies as browsers do, their
// ends included.
type visitor struct {
	t   testing.TB
	m   *cookiesession.Manager
	jar http.CookieJar
}

var visitedSite = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}

func newVisitor(t testing.TB, cfg cookiesession.Config) *visitor {
	t.Helper()
	return &visitor{t, cookiesessiontest.NewManager(t, cfg), newJar(t)}
}

func newJar(t testing.TB) http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

// copied is a second browser with the same cookies: a thief, another window,
// or a request that left before the next answer came.
func (v *visitor) copied() *visitor {
	jar := newJar(v.t)
	jar.SetCookies(visitedSite, v.jar.Cookies(visitedSite))
	return &visitor{v.t, v.m, jar}
}

func (v *visitor) request(path string) *http.Request {
	r := httptest.NewRequest("GET", "https://example.com"+path, nil)
	for _, c := range v.jar.Cookies(visitedSite) {
		r.AddCookie(c)
	}
	return r
}

// serve sends r through Handler and keeps the cookies of the answer.
func (v *visitor) serve(r *http.Request, h http.HandlerFunc) *http.Response {
	w := httptest.NewRecorder()
	v.m.Handler(h).ServeHTTP(w, r)
	res := w.Result()
	v.jar.SetCookies(visitedSite, res.Cookies())
	return res
}

// visit is a page that use works on, answered with status.
func (v *visitor) visit(status int, use func(*cookiesession.Session)) *http.Response {
	return v.visitPath("/", status, use)
}

func (v *visitor) visitPath(path string, status int, use func(*cookiesession.Session)) *http.Response {
	return v.serve(v.request(path), func(w http.ResponseWriter, r *http.Request) {
		if use != nil {
			use(v.m.FromContext(r.Context()))
		}
		w.WriteHeader(status)
	})
}

// page is a visit answered 200.
func (v *visitor) page(use func(*cookiesession.Session)) *http.Response {
	return v.visit(http.StatusOK, use)
}

// now is the session as the next request finds it; looking changes nothing.
func (v *visitor) now() *cookiesession.Session { return v.m.OpenRequest(v.request("/")) }

// has compares what the next request finds.
func (v *visitor) has(want string) {
	v.t.Helper()
	if got := fmt.Sprint(v.now().All()); got != "map["+want+"]" {
		v.t.Errorf("the next request finds %s, want map[%s]", got, want)
	}
}

// cookie is the browser's cookie of that name, nil if it has none.
func (v *visitor) cookie(name string) *http.Cookie {
	for _, c := range v.jar.Cookies(visitedSite) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// issued is the cookie of that name that res sets, nil if it does not.
func issued(res *http.Response, name string) *http.Cookie {
	for _, c := range res.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func sets(t testing.TB, key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { noError(t, s.Set(key, value)) }
}

func flashes(t testing.TB, key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { noError(t, s.Flash(key, value)) }
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// nothingRefused is an OnEvent for tests in which no write may be refused.
func nothingRefused(t testing.TB) func(context.Context, cookiesession.Event) {
	return func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			t.Errorf("refused: %v", e.Err)
		}
	}
}

// counts is an OnEvent that counts one kind.
func counts(n *int, kind cookiesession.EventKind) func(context.Context, cookiesession.Event) {
	return func(_ context.Context, e cookiesession.Event) {
		if e.Kind == kind {
			*n++
		}
	}
}

// validates is a Validate that returns what verdict holds.
func validates(verdict *error) func(context.Context, *cookiesession.Session) error {
	return func(context.Context, *cookiesession.Session) error { return *verdict }
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Django

func TestFeature_Django_ReadStrictOrWithADefault(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "k", "v"))
	s := v.now()
	got, ok := cookiesession.Get[string](s, "k")
	equal(t, "Get", got, "v")
	equal(t, "its ok", ok, true)
	_, ok = cookiesession.Get[string](s, "missing")
	equal(t, "the ok of a missing key", ok, false)
	equal(t, "GetOr of a missing key", cookiesession.GetOr(s, "missing", "default"), "default")
	equal(t, "GetOr of a present key", cookiesession.GetOr(s, "k", "default"), "v")
	equal(t, "Value", s.Value("k"), any("v"))
	equal(t, "Value of a missing key", s.Value("missing"), nil)
}

func TestFeature_Django_AssignmentAndDeletionModifyDeletingNothingDoesNot(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "k", 1))
	for _, test := range []struct {
		name     string
		do       func(*cookiesession.Session)
		modified bool
	}{
		{"reading", func(s *cookiesession.Session) { s.Value("k"); s.Has("k"); s.All() }, false},
		{"assignment", sets(t, "k", 2), true},
		{"assignment of an equal value", sets(t, "k", 2), true},
		{"deleting nothing", func(s *cookiesession.Session) { noError(t, s.Delete("missing")) }, false},
		{"deletion", func(s *cookiesession.Session) { noError(t, s.Delete("k")) }, true},
	} {
		var modified bool
		res := v.page(func(s *cookiesession.Session) {
			test.do(s)
			modified = s.Modified()
		})
		equal(t, "Modified after "+test.name, modified, test.modified)
		equal(t, "a cookie after "+test.name, issued(res, "s_session") != nil, test.modified)
	}
	equal(t, "Has after the deletion", v.now().Has("k"), false)
}

func TestFeature_Django_PopTellsAStoredNilFromAMissingKey(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Update(map[string]any{"n": 7, "nil": nil}))
	})
	v.page(func(s *cookiesession.Session) {
		n, ok := cookiesession.Pop[int](s, "n")
		equal(t, "the popped", n, 7)
		equal(t, "its ok", ok, true)
		_, ok = cookiesession.Pop[any](s, "nil")
		equal(t, "the ok of a stored nil", ok, true)
		_, ok = cookiesession.Pop[any](s, "missing")
		equal(t, "the ok of a missing key", ok, false)
	})
	v.has("")
}

func TestFeature_Django_KeysAndItemsAreTheData(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Update(map[string]any{"b": 2, "a": 1}))
	})
	s := v.now()
	equal(t, "Keys", fmt.Sprint(s.Keys()), "[a b]")
	equal(t, "Len", s.Len(), 2)
	v.has("a:1 b:2")
}

func TestFeature_Django_SetdefaultOnAnExistingKeyModifiesNothing(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		got, err := s.SetDefault("k", "first")
		noError(t, err)
		equal(t, "SetDefault on a missing key", got, any("first"))
		equal(t, "Modified", s.Modified(), true)
	})
	res := v.page(func(s *cookiesession.Session) {
		got, err := s.SetDefault("k", "second")
		noError(t, err)
		equal(t, "SetDefault on an existing key", got, any("first"))
		equal(t, "Modified", s.Modified(), false)
	})
	equal(t, "the number of cookies", len(res.Cookies()), 0)
}

func TestFeature_Django_ClearDropsDataAndCustomExpiry(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	var id string
	v.page(func(s *cookiesession.Session) {
		sets(t, "k", 1)(s)
		s.SetExpiry(cookiesession.Idle(time.Hour))
		id = s.ID()
	})
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Clear())
		equal(t, "Expiry", s.Expiry(), cookiesession.Expiry{})
		equal(t, "ID", s.ID(), id)
		sets(t, "new", 2)(s)
	})
	v.has("new:2")
	equal(t, "Expiry afterwards", v.now().Expiry(), cookiesession.Expiry{})
	equal(t, "ID afterwards", v.now().ID(), id)
}

func TestFeature_Django_FlushRemovesDataAndCookie(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	var id string
	v.page(func(s *cookiesession.Session) { sets(t, "user", "Ada")(s); id = s.ID() })
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Destroy())
		equal(t, "Has in the same request", s.Has("user"), false)
		equal(t, "the ID stayed", s.ID() == id, false)
	})
	if c := v.cookie("s_session"); c != nil {
		t.Error("the browser still has the cookie")
	}
	v.has("")
}

func TestFeature_Django_CycleKeyKeepsTheDataUnderANewIdentifier(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "basket", 3))
	planted := v.now().ID()
	v.page(func(s *cookiesession.Session) { noError(t, s.CycleID()) })
	v.has("basket:3")
	equal(t, "the planted ID is in use", v.now().ID() == planted, false)
}

func TestFeature_Django_TheTestCookieAnswersOnTheNextRequest(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		s.SetTestCookie()
		equal(t, "TestCookieWorked in the request that sets it", s.TestCookieWorked(), false)
	})
	v.page(func(s *cookiesession.Session) {
		equal(t, "TestCookieWorked in the next", s.TestCookieWorked(), true)
		s.DeleteTestCookie()
	})
	equal(t, "TestCookieWorked after its deletion", v.now().TestCookieWorked(), false)

	refuses := newVisitor(t, cookiesession.Config{})
	refuses.page(func(s *cookiesession.Session) { s.SetTestCookie() })
	refuses.jar = newJar(t)
	equal(t, "TestCookieWorked without cookies", refuses.now().TestCookieWorked(), false)
}

func TestFeature_Django_SetExpiryInSecondsCountsFromTheLastModification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{})
		v.page(func(s *cookiesession.Session) { sets(t, "k", 1)(s); s.SetExpiry(cookiesession.Idle(300 * time.Second)) })
		time.Sleep(299 * time.Second)
		v.page(sets(t, "k", 2))
		time.Sleep(299 * time.Second)
		v.page(func(s *cookiesession.Session) { equal(t, "Has before the deadline", s.Has("k"), true) })
		time.Sleep(time.Second)
		v.has("")
	})
}

func TestFeature_Django_SetExpiryToAnInstantStandsWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{})
		v.page(func(s *cookiesession.Session) {
			sets(t, "k", 1)(s)
			s.SetExpiry(cookiesession.At(time.Now().Add(time.Hour)))
		})
		time.Sleep(time.Hour - time.Second)
		v.page(sets(t, "k", 2))
		v.has("k:2")
		time.Sleep(time.Second)
		v.has("")
	})
}

func TestFeature_Django_SetExpiryZeroEndsWithTheBrowserAndNoneIsThePolicy(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	res := v.page(func(s *cookiesession.Session) { sets(t, "k", 1)(s); s.SetExpiry(cookiesession.BrowserClose()) })
	equal(t, "Max-Age of BrowserClose", issued(res, "s_session").MaxAge, 0)
	equal(t, "ExpiresAtBrowserClose", v.now().ExpiresAtBrowserClose(), true)
	res = v.page(func(s *cookiesession.Session) { s.SetExpiry(cookiesession.Expiry{}) })
	equal(t, "Max-Age of the policy", issued(res, "s_session").MaxAge, 1209600)
	equal(t, "ExpiresAtBrowserClose", v.now().ExpiresAtBrowserClose(), false)
}

func TestFeature_Django_ExpiryAgeAndDateWithModificationAndExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		now := time.Now()
		modified := now.Add(-time.Minute)
		s := v.now()
		equal(t, "ExpiresIn of a new session", s.ExpiresIn(), time.Hour)
		s.SetExpiry(cookiesession.BrowserClose())
		equal(t, "ExpiresIn of BrowserClose", s.ExpiresIn(), time.Hour)
		s.SetExpiry(cookiesession.Idle(10 * time.Second))
		equal(t, "ExpiresIn of Idle", s.ExpiresIn(), 10*time.Second)
		equal(t, "ExpiresAt of Idle", s.ExpiresAt().Equal(now.Add(10*time.Second)), true)
		instant := now.Add(time.Minute)
		for _, test := range []struct {
			name string
			e    cookiesession.Expiry
			want time.Time
		}{
			{"policy", cookiesession.Expiry{}, modified.Add(time.Hour)},
			{"idle", cookiesession.Idle(time.Second), modified.Add(time.Second)},
			{"an instant", cookiesession.At(instant), instant},
			{"the browser's end", cookiesession.BrowserClose(), modified.Add(time.Hour)},
		} {
			if got := v.m.ExpiryDate(test.e, modified); !got.Equal(test.want) {
				t.Errorf("ExpiryDate for %s is %v, want %v", test.name, got, test.want)
			}
		}
	})
}

func TestFeature_Django_ReadingIsNotActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		v.page(sets(t, "k", 1))
		for range 4 {
			time.Sleep(15*time.Minute - time.Second)
			v.page(func(s *cookiesession.Session) { equal(t, "Has while it lives", s.Has("k"), true) })
		}
		time.Sleep(4 * time.Second)
		v.has("")
	})
}

func TestFeature_Django_AnExpiredCookieIsDeletedWhenItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		v.page(sets(t, "k", 1))
		late := v.copied() // its browser keeps cookies too long
		time.Sleep(time.Hour)
		res := late.page(func(s *cookiesession.Session) { s.Has("k") })
		if c := issued(res, "s_session"); c == nil || c.MaxAge >= 0 {
			t.Errorf("the answer to an expired cookie is %v", c)
		}
	})
}

func TestFeature_Django_ANestedChangeIsMadeByEditOrForcedBySaving(t *testing.T) {
	type cart struct{ Items []string }
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "cart", cart{[]string{"tea"}}))
	res := v.page(func(s *cookiesession.Session) {
		c, _ := cookiesession.Get[cart](s, "cart")
		c.Items[0] = "a change to a copy"
	})
	equal(t, "cookies after a change to a copy", len(res.Cookies()), 0)
	v.page(func(s *cookiesession.Session) {
		noError(t, cookiesession.Edit(s, "cart", func(c *cart) error {
			c.Items = append(c.Items, "cake")
			return nil
		}))
	})
	got, _ := cookiesession.Get[cart](v.now(), "cart")
	equal(t, "the cart", fmt.Sprint(got.Items), "[tea cake]")
	res = v.page(func(s *cookiesession.Session) { s.MarkModified() })
	equal(t, "a cookie after MarkModified", issued(res, "s_session") != nil, true)
}

func TestFeature_Django_SavedOnlyWhenModifiedOrAtEveryRequest(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	res := v.page(func(s *cookiesession.Session) { s.Has("k") })
	equal(t, "cookies for a visitor without data", len(res.Cookies()), 0)
	v.page(sets(t, "k", 1))
	res = v.page(func(s *cookiesession.Session) { s.Has("k") })
	equal(t, "cookies when only read", len(res.Cookies()), 0)

	always := newVisitor(t, cookiesession.Config{SaveEveryRequest: true})
	res = always.page(nil)
	equal(t, "cookies for a visitor without data", len(res.Cookies()), 0)
	always.page(sets(t, "k", 1))
	res = always.page(nil)
	equal(t, "a cookie at every request", issued(res, "s_session") != nil, true)
}

func TestFeature_Django_TheSettingsOfTheCookie(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  cookiesession.Config
		want string // what stands in the Set-Cookie line, and with - what does not
	}{
		{"defaults", cookiesession.Config{}, "s_session=, Path=/, Max-Age=1209600, HttpOnly, Secure, SameSite=Lax, -Domain"},
		{"age", cookiesession.Config{IdleTimeout: time.Minute}, "Max-Age=60"},
		{"domain", cookiesession.Config{Domain: "example.com"}, "Domain=example.com"},
		{"name", cookiesession.Config{Name: "shop"}, "s_shop="},
		{"secure", cookiesession.Config{Insecure: true}, "-Secure"},
		{"httponly", cookiesession.Config{ScriptAccess: true}, "-HttpOnly"},
		{"samesite", cookiesession.Config{SameSite: http.SameSiteStrictMode}, "SameSite=Strict"},
		{"path", cookiesession.Config{Path: "/shop"}, "Path=/shop"},
		{"browser close", cookiesession.Config{BrowserSession: true}, "-Max-Age"},
	} {
		line := newVisitor(t, test.cfg).page(sets(t, "k", 1)).Header.Get("Set-Cookie")
		for want := range strings.SplitSeq(test.want, ", ") {
			unwanted, not := strings.CutPrefix(want, "-")
			if strings.Contains(line, unwanted) == not {
				t.Errorf("%s: want %q in %q", test.name, want, line)
			}
		}
	}
}

func TestFeature_Django_SessionsOutOfViews(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "k", 1))
	c := v.cookie("s_session")
	s := v.m.Open(t.Context(), c.Name+"="+c.Value)
	equal(t, "Value without a request", s.Value("k"), any(int64(1)))
	equal(t, "it expires in the future", s.ExpiresAt().After(time.Now()), true)
}

func TestFeature_Django_NoKeyIsReserved(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	keys := []string{"", "_", "_session_expiry", "_test", "id", "created", "flash", "values", "s_session"}
	v.page(func(s *cookiesession.Session) {
		for i, key := range keys {
			noError(t, s.Set(key, i))
		}
		s.SetExpiry(cookiesession.Idle(time.Hour))
		s.SetTestCookie()
	})
	s := v.now()
	for i, key := range keys {
		equal(t, fmt.Sprintf("%q", key), s.Value(key), any(int64(i)))
	}
	equal(t, "Len", s.Len(), len(keys))
}

func TestFeature_Django_AnyValueOrAnErrorAtSet(t *testing.T) {
	type point struct{ X, Y int }
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Set("points", map[string][]point{"a": {{1, 2}}}))
		if err := s.Set("points", make(chan int)); err == nil {
			t.Error("a channel was stored")
		}
	})
	got, ok := cookiesession.Get[map[string][]point](v.now(), "points")
	equal(t, "the points", fmt.Sprint(got, ok), "map[a:[{1 2}]] true")
}

func TestFeature_Django_NeverInURLs(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "user", "Ada"))
	sealed := v.cookie("s_session").Value
	r := httptest.NewRequest("POST", "https://example.com/"+sealed+"?s_session="+url.QueryEscape(sealed), strings.NewReader("s_session="+url.QueryEscape(sealed)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	equal(t, "a session out of a URL or a form", v.m.OpenRequest(r).Has("user"), false)
	res := v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
		sets(t, "user", "Eve")(v.m.FromContext(r.Context()))
		http.Redirect(w, r, "/next?a=b", http.StatusSeeOther)
	})
	equal(t, "Location", res.Header.Get("Location"), "/next?a=b")
}

func TestFeature_Django_TheVisitCounterOfTheTutorial(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{.Value "num_visits"}}`))
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "num_visits", 0))
	for want := range 4 {
		res := v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
			s := v.m.FromContext(r.Context())
			var body bytes.Buffer
			noError(t, page.Execute(&body, s))
			_, err := s.Add("num_visits", 1)
			noError(t, err)
			body.WriteTo(w)
		})
		var body bytes.Buffer
		body.ReadFrom(res.Body)
		equal(t, "the page", body.String(), fmt.Sprint(want))
	}
}

// Masonite

func TestFeature_Masonite_SetGetHasAllWithDictionariesAndLists(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	nested := map[string]any{"list": []any{int64(1), "two"}, "dict": map[string]any{"k": true}}
	v.visit(http.StatusFound, func(s *cookiesession.Session) {
		sets(t, "data", nested)(s)
		flashes(t, "flashed", nested)(s)
	})
	s := v.now()
	for _, key := range []string{"data", "flashed"} {
		equal(t, "Has "+key, s.Has(key), true)
		equal(t, key, fmt.Sprintf("%#v", s.Value(key)), fmt.Sprintf("%#v", nested))
		typed, ok := cookiesession.Get[struct {
			List []any           `msgpack:"list"`
			Dict map[string]bool `msgpack:"dict"`
		}](s, key)
		equal(t, key+" typed", fmt.Sprint(typed, ok), "{[1 two] map[k:true]} true")
	}
	equal(t, "the number of All", len(s.All()), 2)
}

func TestFeature_Masonite_IncrementDecrementPullDelete(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		sets(t, "gone", 1)(s)
		for _, delta := range []int64{1, 5, -2} {
			_, err := s.Add("count", delta)
			noError(t, err)
		}
	})
	v.page(func(s *cookiesession.Session) {
		n, ok := cookiesession.Pop[int](s, "count")
		equal(t, "pulled", fmt.Sprint(n, ok), "4 true")
		noError(t, s.Delete("gone"))
	})
	v.has("")
}

func TestFeature_Masonite_FlashIsThereForTheNextPageAndSurvivesRedirects(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusFound, func(s *cookiesession.Session) {
		flashes(t, "success", "saved")(s)
		equal(t, "Has in the request that flashes", s.Has("success"), false)
	})
	v.visit(http.StatusMovedPermanently, nil)
	v.page(func(s *cookiesession.Session) {
		equal(t, "Has on the next page", s.Has("success"), true)
		got, _ := cookiesession.Get[string](s, "success")
		equal(t, "Get", got, "saved")
	})
	v.has("")
}

func TestFeature_Masonite_DataWinsOverFlashSoThatNoFlashPosesAsALogin(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusFound, func(s *cookiesession.Session) {
		sets(t, "user", "Ada")(s)
		flashes(t, "user", "admin")(s)
	})
	v.page(func(s *cookiesession.Session) {
		equal(t, "Value", s.Value("user"), any("Ada"))
		equal(t, "All", s.All()["user"], any("Ada"))
		equal(t, "Flashes", s.Flashes()["user"], any("admin"))
	})
	v.has("user:Ada")
}

func TestFeature_Masonite_FlashThatNobodyReadIsGoneAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{FlashLifetime: 2 * time.Second})
		v.visit(http.StatusFound, flashes(t, "k", 1))
		late := v.copied() // its browser keeps cookies too long
		time.Sleep(time.Second)
		late.has("k:1")
		time.Sleep(2 * time.Second)
		late.has("")
		v.has("")
	})
}

func TestFeature_Masonite_ResetDropsDataOrFlashOnly(t *testing.T) {
	for _, test := range []struct {
		name  string
		reset func(*cookiesession.Session)
		want  string
	}{
		{"reset", func(s *cookiesession.Session) { noError(t, s.Clear()) }, "flash:2"},
		{"reset flash only", func(s *cookiesession.Session) { s.ClearFlash() }, "data:1"},
	} {
		v := newVisitor(t, cookiesession.Config{})
		v.visit(http.StatusFound, func(s *cookiesession.Session) {
			sets(t, "data", 1)(s)
			flashes(t, "flash", 2)(s)
		})
		v.visit(http.StatusFound, test.reset)
		v.has(test.want)
	}
}

func TestFeature_Masonite_CookiesHaveThePrefixAndAreEncrypted(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	res := v.visit(http.StatusFound, func(s *cookiesession.Session) {
		sets(t, "key", "plain text value")(s)
		flashes(t, "key", "plain text value")(s)
		s.SetTestCookie()
	})
	equal(t, "the number of cookies", len(res.Cookies()), 4)
	for _, c := range res.Cookies() {
		if !strings.HasPrefix(c.Name, "s_") || strings.Contains(c.Value, "plain") || strings.Contains(c.Value, "cGxhaW4") {
			t.Errorf("a cookie %s", c)
		}
	}
}

func TestFeature_Masonite_TheSessionIsReachableAnywhereAndARedirectCarriesFlash(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	deep := func(ctx context.Context) { flashes(t, "danger", "no such user")(v.m.FromContext(ctx)) }
	v.serve(v.request("/login"), func(w http.ResponseWriter, r *http.Request) {
		deep(r.Context())
		http.Redirect(w, r, "/", http.StatusFound)
	})
	v.has("danger:no such user")
}

func TestFeature_Masonite_TheSessionHelperInEveryTemplate(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(
		`{{define "messages"}}{{with flash "success"}}{{.}}{{else}}{{with flash "warning"}}{{.}}{{end}}{{end}}{{end}}` +
			`{{session "user"}}: {{template "messages"}}`))
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusFound, func(s *cookiesession.Session) {
		sets(t, "user", "<Ada>")(s)
		flashes(t, "warning", "careful")(s)
	})
	var body bytes.Buffer
	v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK) // the template reads after the header left
		page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.m.FromContext(r.Context())))
		noError(t, page.Execute(&body, nil))
	})
	equal(t, "the page", body.String(), "&lt;Ada&gt;: careful")
	v.has("user:<Ada>")
}

func TestFeature_Masonite_SeveralManagersSideBySide(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{Name: "shop"})
	admin := cookiesessiontest.NewManager(t, cookiesession.Config{Name: "admin"})
	res := v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
		admin.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			sets(t, "user", "visitor")(v.m.FromContext(r.Context()))
			sets(t, "user", "root")(admin.FromContext(r.Context()))
		})).ServeHTTP(w, r)
	})
	equal(t, "both cookies", issued(res, "s_shop") != nil && issued(res, "s_admin") != nil, true)
	equal(t, "the shop's", v.now().Value("user"), any("visitor"))
	equal(t, "the admin's", admin.OpenRequest(v.request("/")).Value("user"), any("root"))
}

// The content management system

func consents(r *http.Request) bool {
	_, err := r.Cookie("consent")
	return err == nil
}

func TestFeature_CMS_TheVisitorOrTheDeveloperGrantsPermission(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{Consent: consents})
	res := v.page(func(s *cookiesession.Session) {
		equal(t, "Allowed before", s.Allowed(), false)
		sets(t, "k", 1)(s)
	})
	equal(t, "cookies without permission", len(res.Cookies()), 0)
	v.page(func(s *cookiesession.Session) {
		sets(t, "k", 2)(s)
		s.Allow()
		equal(t, "Allowed by the developer", s.Allowed(), true)
	})
	v.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "consent", Value: "yes"}})
	equal(t, "Allowed by the visitor", v.now().Allowed(), true)
	v.has("k:2")
	v.page(func(s *cookiesession.Session) { s.Deny() })
	equal(t, "the cookie after Deny", v.cookie("s_session"), nil)
}

func TestFeature_CMS_TheIDIsUniqueAndNewOnEveryPageWithoutPermission(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{Consent: consents, TrackViews: true})
	seen := map[string]bool{}
	for range 3 {
		v.page(func(s *cookiesession.Session) { seen[s.ID()] = true; equal(t, "ID again", seen[s.ID()], true) })
	}
	equal(t, "different IDs without permission", len(seen), 3)
	v.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "consent", Value: "yes"}})
	clear(seen)
	for range 3 {
		v.page(func(s *cookiesession.Session) { seen[s.ID()] = true })
	}
	equal(t, "different IDs with permission", len(seen), 1)
}

func TestFeature_CMS_FirstPageIsTrueOnceAndAlwaysWithoutPermission(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{Consent: consents, TrackViews: true})
	first := func() (got bool) {
		v.page(func(s *cookiesession.Session) { got = s.Views().FirstPage })
		return got
	}
	for range 2 {
		equal(t, "FirstPage without permission", first(), true)
	}
	v.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "consent", Value: "yes"}})
	equal(t, "FirstPage on the first page", first(), true)
	equal(t, "FirstPage on the second", first(), false)
}

func TestFeature_CMS_StartDateStaysAndEndDateMovesWithEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, TrackViews: true})
		start := time.Now()
		v.page(sets(t, "k", 1))
		for range 5 {
			time.Sleep(50 * time.Minute)
			res := v.page(func(s *cookiesession.Session) {
				equal(t, "the start", s.Created().Equal(start), true)
				equal(t, "time to the end", s.ExpiresIn(), time.Hour)
			})
			equal(t, "the data cookie is written again", issued(res, "s_session") != nil, false)
		}
		v.has("k:1")
	})
}

func TestFeature_CMS_CountersOfRequestsPagesUniquePagesAndErrors(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	for _, visit := range []struct {
		path   string
		status int
	}{{"/", 200}, {"/a", 200}, {"/a", 200}, {"/missing", 404}, {"/broken", 500}, {"/moved", 302}, {"/empty", 204}, {"/same", 304}} {
		v.visitPath(visit.path, visit.status, nil)
	}
	views := v.now().Views() // one more request of /, assumed to become a page
	got := fmt.Sprint(views.Requests, views.Pages, views.UniquePages, views.Errors)
	equal(t, "requests, pages, unique pages, errors", got, "9 4 2 5")
}

func TestFeature_CMS_HistoryIsTheLast100PageViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		for i := range 120 {
			v.visitPath(fmt.Sprintf("/p%d?query=%d", i, i), 200+i%2*204, nil)
			time.Sleep(time.Second)
		}
		history := v.m.OpenRequest(v.request("/now?q")).Views().History
		equal(t, "its length", len(history), 100)
		equal(t, "the oldest", history[0].Path+fmt.Sprint(history[0].Status), "/p21404")
		equal(t, "the newest", history[99].Path+fmt.Sprint(history[99].Status), "/now200")
		equal(t, "its time", history[99].Time.Equal(time.Now()), true)
		equal(t, "the oldest is older", history[99].Time.Sub(history[0].Time), 99*time.Second)
	})
}

func TestFeature_CMS_PropertiesAreTheCustomKeysAndACopyIsIndependent(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "list", []string{"a"}))
	v.page(func(s *cookiesession.Session) {
		equal(t, "Keys", fmt.Sprint(s.Keys()), "[list]")
		for _, copied := range []map[string]any{s.All()} {
			copied["list"].([]any)[0] = "changed"
			copied["more"] = true
		}
	})
	v.has("list:[a]")
}

func TestFeature_CMS_PropertiesInTemplates(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{.Session.Value "property-name"}} {{.Session.ID}} {{.Session.Views.Requests}}`))
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "property-name", "<b>"))
	var body bytes.Buffer
	s := v.now()
	noError(t, page.Execute(&body, map[string]any{"Session": s}))
	equal(t, "the page", body.String(), "&lt;b&gt; "+s.ID()+" 2")
}

func TestFeature_CMS_SetUnsetSeveralAtOnceAndDynamicNames(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Update(map[string]any{"a": 1, "b": 2, "c": 3}))
		noError(t, s.Set("item-"+fmt.Sprint(7), true))
		noError(t, s.Delete("a", "b", "missing"))
	})
	v.has("c:3 item-7:true")
}

func TestFeature_CMS_OutputIsJSONThatIsSafeInAPage(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", "</script><script>alert(1)"))
	s := v.now()
	text, err := json.Marshal(s)
	noError(t, err)
	if strings.ContainsAny(string(text), "<>&") {
		t.Errorf("%s ends a script", text)
	}
	var out struct {
		ID     string
		Values map[string]string
		Views  struct{ Requests int }
	}
	noError(t, json.Unmarshal(text, &out))
	equal(t, "the value", out.Values["k"], "</script><script>alert(1)")
	equal(t, "id and requests", fmt.Sprint(out.ID, out.Views.Requests), s.ID()+"2")
}

func TestFeature_CMS_CountersCarryTheRealStatusAlsoOfA5xxThatDiscardsData(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.visit(http.StatusInternalServerError, func(s *cookiesession.Session) {
		sets(t, "k", 1)(s)
		equal(t, "assumed pages", s.Views().Pages, 1)
	})
	views := v.now().Views()
	equal(t, "requests, pages, errors", fmt.Sprint(views.Requests, views.Pages, views.Errors), "2 1 1")
	v.has("")
}

func TestFeature_CMS_ASlowRequestThatOnlyCountsBringsBackNothingThatALogoutRemoved(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "user", "Ada"))
	slow := v.copied()
	v.page(func(s *cookiesession.Session) { noError(t, s.Destroy()) })
	res := slow.page(func(s *cookiesession.Session) { s.Has("user") })
	v.jar.SetCookies(visitedSite, res.Cookies()) // arrives after the logout
	v.has("")
}

// What none of them has

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
		v := &visitor{t, fleet[0], newJar(t)}
		v.page(sets(t, "n", 0))
		for i := range 90 { // minutes
			if i < len(rings) { // one instance after the other
				noError(t, rings[i].Replace(next, last))
			}
			v.m = fleet[i%len(fleet)]
			v.page(func(s *cookiesession.Session) {
				if n, err := s.Add("n", 1); err != nil || n != int64(i+1) || s.Rejected() != nil {
					t.Fatalf("minute %d: %d, %v, %v", i, n, err, s.Rejected())
				}
			})
			time.Sleep(time.Minute)
		}
		if id, _, _ := strings.Cut(v.cookie("s_session").Value, "."); id != next.ID() {
			t.Errorf("sealed with %s, not with the new key %s", id, next.ID())
		}
	})
}

func TestFeature_Beyond_OpeningWith16KeysCostsWhatItCostsWith1(t *testing.T) {
	keys := make([]cookiesession.Key, 16)
	for i := range keys {
		keys[i] = cookiesession.Key{Secret: cookiesession.NewSecret()}
	}
	one := newVisitor(t, cookiesession.Config{Keyring: keyring(t, keys[15])})
	one.page(sets(t, "k", 1))
	ring := keyring(t, keys...)
	many := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring})
	line := one.request("/").Header.Get("Cookie")
	opens := func(m *cookiesession.Manager) float64 {
		return testing.AllocsPerRun(100, func() { m.Open(t.Context(), line).Has("k") })
	}
	with1, with16 := opens(one.m), opens(many)
	equal(t, "16 keys need more allocations", with16 > with1+1, false)
	for i, status := range ring.Status() {
		equal(t, fmt.Sprintf("key %d opened any", i), status.Opened > 0, i == 15)
	}
}

func keyring(t testing.TB, keys ...cookiesession.Key) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestFeature_Beyond_ALongSessionIsWholeOrNothing(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "text", strings.Repeat("a", 3000)))
	pieces := v.jar.Cookies(visitedSite)
	if len(pieces) < 2 {
		t.Fatal("it fits into one cookie: this test shows nothing")
	}
	v.page(sets(t, "text", strings.Repeat("b", 3000)))
	for i, old := range pieces {
		mixed := v.copied()
		mixed.jar.SetCookies(visitedSite, []*http.Cookie{old})
		if text := cookiesession.GetOr(mixed.now(), "text", ""); strings.Contains(text, "a") {
			t.Errorf("with the old piece %d the session holds %d a", i, strings.Count(text, "a"))
		}
	}
	v.page(func(s *cookiesession.Session) {
		err := s.Set("huge", strings.Repeat("c", 5000))
		var large *cookiesession.TooLargeError
		if !errors.As(err, &large) || large.Largest[0].Key != "huge" {
			t.Errorf("the culprit is not named: %v", err)
		}
		equal(t, "what was there is lost", s.Has("text"), true)
		sets(t, "text", "short")(s)
	})
	equal(t, "cookies left when it is short again", len(v.jar.Cookies(visitedSite)), 1)
	v.has("text:short")
}

func TestFeature_Beyond_AWriterThatLosesNoChangeInSilence(t *testing.T) {
	var refused []error
	v := newVisitor(t, cookiesession.Config{OnEvent: func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			refused = append(refused, e.Err)
		}
	}})
	server := httptest.NewServer(v.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := v.m.FromContext(r.Context())
		sets(t, "early", 1)(s)
		w.WriteHeader(http.StatusEarlyHints)
		sets(t, "after the hint", 2)(s)
		noError(t, http.NewResponseController(w).Flush())
		if err := s.Set("late", 3); !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("a late Set returns %v", err)
		}
	})))
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	server.Close() // waits for the handler, whose flush was the answer
	v.jar.SetCookies(visitedSite, res.Cookies())
	v.has("after the hint:2 early:1")
	equal(t, "refused writes told", len(refused), 1)
}

func TestFeature_Beyond_EveryRefusedCookieHasOneReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []cookiesession.Event
		cfg := cookiesession.Config{
			Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()}),
			Validate: func(_ context.Context, s *cookiesession.Session) error {
				if s.Has("banned") {
					return cookiesession.ErrRevoked
				}
				return nil
			},
			OnEvent: func(_ context.Context, e cookiesession.Event) { events = append(events, e) },
		}
		v := newVisitor(t, cfg)
		line := func(key string) string {
			v.jar = newJar(t)
			v.page(sets(t, key, 1))
			return v.request("/").Header.Get("Cookie")
		}
		old := line("old")
		time.Sleep(14 * 24 * time.Hour)
		stranger := newVisitor(t, cookiesession.Config{})
		stranger.page(sets(t, "k", 1))
		for _, test := range []struct {
			line string
			want error
		}{
			{"s_session=forged", cookiesession.ErrInvalid},
			{stranger.request("/").Header.Get("Cookie"), cookiesession.ErrUnknownKey},
			{old, cookiesession.ErrExpired},
			{line("banned"), cookiesession.ErrRevoked},
		} {
			events = nil
			s := v.m.Open(t.Context(), test.line)
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
		v := newVisitor(t, cookiesession.Config{Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: test.format})})
		v.page(sets(t, "k", 1))
		r := v.request("/")
		w := discarding{http.Header{}}
		allocs := func(h http.HandlerFunc) float64 {
			handler := v.m.Handler(h)
			return testing.AllocsPerRun(100, func() { clear(w.Header()); handler.ServeHTTP(w, r) })
		}
		untouched := allocs(func(http.ResponseWriter, *http.Request) {})
		read := allocs(func(_ http.ResponseWriter, r *http.Request) { v.m.FromContext(r.Context()).Has("k") })
		if untouched > test.untouched || read > test.read {
			t.Errorf("%s: %.0f allocations untouched, %.0f read; at most %.0f and %.0f", test.format, untouched, read, test.untouched, test.read)
		}
	}
}

type discarding struct{ header http.Header }

func (w discarding) Header() http.Header         { return w.header }
func (w discarding) Write(b []byte) (int, error) { return len(b), nil }
func (w discarding) WriteHeader(int)             {}

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
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "user", user{"Ada", []address{{"Main", since}}, map[string]bool{"x": true}}))
	got, ok := cookiesession.Get[user](v.now(), "user")
	equal(t, "the user", fmt.Sprint(got, ok), fmt.Sprint(user{"Ada", []address{{"Main", since}}, map[string]bool{"x": true}}, true))
}

func TestFeature_Beyond_FlashAndCountersNeverRewriteTheLogin(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "user", "Ada"))
	login := v.cookie("s_session").Value
	res := v.visit(http.StatusFound, flashes(t, "notice", "hello"))
	var names []string
	for _, c := range res.Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	equal(t, "the cookies written", fmt.Sprint(names), "[s_session_flash s_session_views]")
	v.page(nil)
	equal(t, "the login cookie was changed", v.cookie("s_session").Value != login, false)
}
