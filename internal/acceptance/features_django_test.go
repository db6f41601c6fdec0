package acceptance_test

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// The tests of this file go through what the session object of Django gives, row
// by row of docs/coming-from.md.

func TestFeature_Django_ReadStrictOrWithADefault(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("k", "v"))
	s := v.Now()
	got, ok := cookiesession.Get[string](s, "k")
	testkit.Equal(t, "Get", got, "v")
	testkit.Equal(t, "its ok", ok, true)
	_, ok = cookiesession.Get[string](s, "missing")
	testkit.Equal(t, "the ok of a missing key", ok, false)
	testkit.Equal(t, "GetOr of a missing key", cookiesession.GetOr(s, "missing", "default"), "default")
	testkit.Equal(t, "GetOr of a present key", cookiesession.GetOr(s, "k", "default"), "v")
	testkit.Equal(t, "Value", s.Value("k"), any("v"))
	testkit.Equal(t, "Value of a missing key", s.Value("missing"), nil)
}

func TestFeature_Django_AssignmentAndDeletionModifyDeletingNothingDoesNot(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("k", 1))
	for _, test := range []struct {
		name     string
		do       func(*cookiesession.Session)
		modified bool
	}{
		{"reading", func(s *cookiesession.Session) { s.Value("k"); s.Has("k"); s.All() }, false},
		{"assignment", testkit.Set("k", 2), true},
		{"assignment of an equal value", testkit.Set("k", 2), true},
		{"deleting nothing", func(s *cookiesession.Session) { testkit.NoError(t, s.Delete("missing")) }, false},
		{"deletion", func(s *cookiesession.Session) { testkit.NoError(t, s.Delete("k")) }, true},
	} {
		var modified bool
		res := v.Page(func(s *cookiesession.Session) {
			test.do(s)
			modified = s.Modified()
		})
		testkit.Equal(t, "Modified after "+test.name, modified, test.modified)
		testkit.Equal(t, "a cookie after "+test.name, testkit.Issued(res, "s_session") != nil, test.modified)
	}
	testkit.Equal(t, "Has after the deletion", v.Now().Has("k"), false)
}

func TestFeature_Django_PopTellsAStoredNilFromAMissingKey(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Update(map[string]any{"n": 7, "nil": nil}))
	})
	v.Page(func(s *cookiesession.Session) {
		n, ok := cookiesession.Pop[int](s, "n")
		testkit.Equal(t, "the popped", n, 7)
		testkit.Equal(t, "its ok", ok, true)
		_, ok = cookiesession.Pop[any](s, "nil")
		testkit.Equal(t, "the ok of a stored nil", ok, true)
		_, ok = cookiesession.Pop[any](s, "missing")
		testkit.Equal(t, "the ok of a missing key", ok, false)
	})
	v.Has("")
}

func TestFeature_Django_KeysAndItemsAreTheData(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Update(map[string]any{"b": 2, "a": 1}))
	})
	s := v.Now()
	testkit.Equal(t, "Keys", fmt.Sprint(s.Keys()), "[a b]")
	testkit.Equal(t, "Len", s.Len(), 2)
	v.Has("a:1 b:2")
}

func TestFeature_Django_SetdefaultOnAnExistingKeyModifiesNothing(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		got, err := s.SetDefault("k", "first")
		testkit.NoError(t, err)
		testkit.Equal(t, "SetDefault on a missing key", got, any("first"))
		testkit.Equal(t, "Modified", s.Modified(), true)
	})
	res := v.Page(func(s *cookiesession.Session) {
		got, err := s.SetDefault("k", "second")
		testkit.NoError(t, err)
		testkit.Equal(t, "SetDefault on an existing key", got, any("first"))
		testkit.Equal(t, "Modified", s.Modified(), false)
	})
	testkit.Equal(t, "the number of cookies", len(res.Cookies()), 0)
}

func TestFeature_Django_ClearDropsDataAndCustomExpiry(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	var id string
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("k", 1)(s)
		s.SetExpiry(cookiesession.Idle(time.Hour))
		id = s.ID()
	})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Clear())
		testkit.Equal(t, "Expiry", s.Expiry(), cookiesession.Expiry{})
		testkit.Equal(t, "ID", s.ID(), id)
		testkit.Set("new", 2)(s)
	})
	v.Has("new:2")
	testkit.Equal(t, "Expiry afterwards", v.Now().Expiry(), cookiesession.Expiry{})
	testkit.Equal(t, "ID afterwards", v.Now().ID(), id)
}

func TestFeature_Django_FlushRemovesDataAndCookie(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	var id string
	v.Page(func(s *cookiesession.Session) { testkit.Set("user", "Ada")(s); id = s.ID() })
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Destroy())
		testkit.Equal(t, "Has in the same request", s.Has("user"), false)
		testkit.Equal(t, "the ID stayed", s.ID() == id, false)
	})
	if c := v.Cookie("s_session"); c != nil {
		t.Error("the browser still has the cookie")
	}
	v.Has("")
}

func TestFeature_Django_CycleKeyKeepsTheDataUnderANewIdentifier(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("basket", 3))
	planted := v.Now().ID()
	v.Page(func(s *cookiesession.Session) { testkit.NoError(t, s.CycleID()) })
	v.Has("basket:3")
	testkit.Equal(t, "the planted ID is in use", v.Now().ID() == planted, false)
}

func TestFeature_Django_TheTestCookieAnswersOnTheNextRequest(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		s.SetTestCookie()
		testkit.Equal(t, "TestCookieWorked in the request that sets it", s.TestCookieWorked(), false)
	})
	v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "TestCookieWorked in the next", s.TestCookieWorked(), true)
		s.DeleteTestCookie()
	})
	testkit.Equal(t, "TestCookieWorked after its deletion", v.Now().TestCookieWorked(), false)

	refuses := testkit.NewVisitor(t, cookiesession.Config{})
	refuses.Page(func(s *cookiesession.Session) { s.SetTestCookie() })
	refuses.Jar = testkit.NewJar(t)
	testkit.Equal(t, "TestCookieWorked without cookies", refuses.Now().TestCookieWorked(), false)
}

func TestFeature_Django_SetExpiryInSecondsCountsFromTheLastModification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(func(s *cookiesession.Session) {
			testkit.Set("k", 1)(s)
			s.SetExpiry(cookiesession.Idle(300 * time.Second))
		})
		time.Sleep(299 * time.Second)
		v.Page(testkit.Set("k", 2))
		time.Sleep(299 * time.Second)
		v.Page(func(s *cookiesession.Session) { testkit.Equal(t, "Has before the deadline", s.Has("k"), true) })
		time.Sleep(time.Second)
		v.Has("")
	})
}

func TestFeature_Django_SetExpiryToAnInstantStandsWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(func(s *cookiesession.Session) {
			testkit.Set("k", 1)(s)
			s.SetExpiry(cookiesession.At(time.Now().Add(time.Hour)))
		})
		time.Sleep(time.Hour - time.Second)
		v.Page(testkit.Set("k", 2))
		v.Has("k:2")
		time.Sleep(time.Second)
		v.Has("")
	})
}

func TestFeature_Django_SetExpiryZeroEndsWithTheBrowserAndNoneIsThePolicy(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	res := v.Page(func(s *cookiesession.Session) { testkit.Set("k", 1)(s); s.SetExpiry(cookiesession.BrowserClose()) })
	testkit.Equal(t, "Max-Age of BrowserClose", testkit.Issued(res, "s_session").MaxAge, 0)
	testkit.Equal(t, "ExpiresAtBrowserClose", v.Now().ExpiresAtBrowserClose(), true)
	res = v.Page(func(s *cookiesession.Session) { s.SetExpiry(cookiesession.Expiry{}) })
	testkit.Equal(t, "Max-Age of the policy", testkit.Issued(res, "s_session").MaxAge, 1209600)
	testkit.Equal(t, "ExpiresAtBrowserClose", v.Now().ExpiresAtBrowserClose(), false)
}

func TestFeature_Django_ExpiryAgeAndDateWithModificationAndExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		now := time.Now()
		modified := now.Add(-time.Minute)
		s := v.Now()
		testkit.Equal(t, "ExpiresIn of a new session", s.ExpiresIn(), time.Hour)
		s.SetExpiry(cookiesession.BrowserClose())
		testkit.Equal(t, "ExpiresIn of BrowserClose", s.ExpiresIn(), time.Hour)
		s.SetExpiry(cookiesession.Idle(10 * time.Second))
		testkit.Equal(t, "ExpiresIn of Idle", s.ExpiresIn(), 10*time.Second)
		testkit.Equal(t, "ExpiresAt of Idle", s.ExpiresAt().Equal(now.Add(10*time.Second)), true)
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
			if got := v.M.ExpiryDate(test.e, modified); !got.Equal(test.want) {
				t.Errorf("ExpiryDate for %s is %v, want %v", test.name, got, test.want)
			}
		}
	})
}

func TestFeature_Django_ReadingIsNotActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		v.Page(testkit.Set("k", 1))
		for range 4 {
			time.Sleep(15*time.Minute - time.Second)
			v.Page(func(s *cookiesession.Session) { testkit.Equal(t, "Has while it lives", s.Has("k"), true) })
		}
		time.Sleep(4 * time.Second)
		v.Has("")
	})
}

func TestFeature_Django_AnExpiredCookieIsDeletedWhenItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{IdleTimeout: time.Hour})
		v.Page(testkit.Set("k", 1))
		late := v.Copied() // this copy of the jar does not know when the cookies end
		time.Sleep(time.Hour)
		res := late.Page(func(s *cookiesession.Session) { s.Has("k") })
		if c := testkit.Issued(res, "s_session"); c == nil || c.MaxAge >= 0 {
			t.Errorf("the answer to an expired cookie is %v", c)
		}
	})
}

func TestFeature_Django_ANestedChangeIsMadeByEditOrForcedBySaving(t *testing.T) {
	type cart struct{ Items []string }
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("cart", cart{[]string{"tea"}}))
	res := v.Page(func(s *cookiesession.Session) {
		c, _ := cookiesession.Get[cart](s, "cart")
		c.Items[0] = "a change to a copy"
	})
	testkit.Equal(t, "cookies after a change to a copy", len(res.Cookies()), 0)
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, cookiesession.Edit(s, "cart", func(c *cart) error {
			c.Items = append(c.Items, "cake")
			return nil
		}))
	})
	got, _ := cookiesession.Get[cart](v.Now(), "cart")
	testkit.Equal(t, "the cart", fmt.Sprint(got.Items), "[tea cake]")
	res = v.Page(func(s *cookiesession.Session) { s.MarkModified() })
	testkit.Equal(t, "a cookie after MarkModified", testkit.Issued(res, "s_session") != nil, true)
}

func TestFeature_Django_SavedOnlyWhenModifiedOrAtEveryRequest(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	res := v.Page(func(s *cookiesession.Session) { s.Has("k") })
	testkit.Equal(t, "cookies for a visitor without data", len(res.Cookies()), 0)
	v.Page(testkit.Set("k", 1))
	res = v.Page(func(s *cookiesession.Session) { s.Has("k") })
	testkit.Equal(t, "cookies when only read", len(res.Cookies()), 0)

	always := testkit.NewVisitor(t, cookiesession.Config{SaveEveryRequest: true})
	res = always.Page(nil)
	testkit.Equal(t, "cookies for a visitor without data", len(res.Cookies()), 0)
	always.Page(testkit.Set("k", 1))
	res = always.Page(nil)
	testkit.Equal(t, "a cookie at every request", testkit.Issued(res, "s_session") != nil, true)
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
		line := testkit.NewVisitor(t, test.cfg).Page(testkit.Set("k", 1)).Header.Get("Set-Cookie")
		for want := range strings.SplitSeq(test.want, ", ") {
			unwanted, not := strings.CutPrefix(want, "-")
			if strings.Contains(line, unwanted) == not {
				t.Errorf("%s: want %q in %q", test.name, want, line)
			}
		}
	}
}

func TestFeature_Django_SessionsOutOfViews(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("k", 1))
	c := v.Cookie("s_session")
	s := v.M.Open(t.Context(), c.Name+"="+c.Value)
	testkit.Equal(t, "Value without a request", s.Value("k"), any(int64(1)))
	testkit.Equal(t, "it expires in the future", s.ExpiresAt().After(time.Now()), true)
}

func TestFeature_Django_NoKeyIsReserved(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	keys := []string{"", "_", "_session_expiry", "_test", "id", "created", "flash", "values", "s_session"}
	v.Page(func(s *cookiesession.Session) {
		for i, key := range keys {
			testkit.NoError(t, s.Set(key, i))
		}
		s.SetExpiry(cookiesession.Idle(time.Hour))
		s.SetTestCookie()
	})
	s := v.Now()
	for i, key := range keys {
		testkit.Equal(t, fmt.Sprintf("%q", key), s.Value(key), any(int64(i)))
	}
	testkit.Equal(t, "Len", s.Len(), len(keys))
}

func TestFeature_Django_AnyValueOrAnErrorAtSet(t *testing.T) {
	type point struct{ X, Y int }
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Set("points", map[string][]point{"a": {{1, 2}}}))
		if err := s.Set("points", make(chan int)); err == nil {
			t.Error("a channel was stored")
		}
	})
	got, ok := cookiesession.Get[map[string][]point](v.Now(), "points")
	testkit.Equal(t, "the points", fmt.Sprint(got, ok), "map[a:[{1 2}]] true")
}

func TestFeature_Django_NeverInURLs(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("user", "Ada"))
	sealed := v.Cookie("s_session").Value
	r := httptest.NewRequest("POST", "https://example.com/"+sealed+"?s_session="+url.QueryEscape(sealed), strings.NewReader("s_session="+url.QueryEscape(sealed)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	testkit.Equal(t, "a session out of a URL or a form", v.M.OpenRequest(r).Has("user"), false)
	res := v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
		testkit.Set("user", "Eve")(v.M.FromContext(r.Context()))
		http.Redirect(w, r, "/next?a=b", http.StatusSeeOther)
	})
	testkit.Equal(t, "Location", res.Header.Get("Location"), "/next?a=b")
}

func TestFeature_Django_TheVisitCounterOfTheTutorial(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{.Value "num_visits"}}`))
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("num_visits", 0))
	for want := range 4 {
		res := v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
			s := v.M.FromContext(r.Context())
			var body bytes.Buffer
			testkit.NoError(t, page.Execute(&body, s))
			_, err := s.Add("num_visits", 1)
			testkit.NoError(t, err)
			body.WriteTo(w)
		})
		var body bytes.Buffer
		body.ReadFrom(res.Body)
		testkit.Equal(t, "the page", body.String(), fmt.Sprint(want))
	}
}
