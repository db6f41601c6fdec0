package cookiesession_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestKeepingFlashThatAnotherInstanceMayReadLeavesIt(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	c.M = testkit.Manager(t, cookiesession.Config{OnEvent: c.Events.Add})
	for _, keep := range []func(*cookiesession.Session){
		func(s *cookiesession.Session) { s.KeepFlash() },
		func(s *cookiesession.Session) { s.KeepFlash("f") },
	} {
		testkit.Equal(t, "kept on a page", c.Look(200, keep).Names(), "")
		testkit.Equal(t, "kept on a redirect", c.Look(302, keep).Names(), "")
	}
	testkit.Equal(t, "cleared", c.Look(302, (*cookiesession.Session).ClearFlash).Names(), "-s_session_flash")
}

// flashed is a browser that was redirected and has flash under these keys.
func flashed(t testing.TB, cfg cookiesession.Config, keys ...string) *testkit.Visitor {
	t.Helper()
	v := testkit.NewVisitor(t, cfg)
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		for i, key := range keys {
			testkit.Flash(key, i+1)(s)
		}
	})
	return v
}

func TestReadersShowFlashWhereTheDataHasNoSuchKey(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("both", "data")(s)
		testkit.Flash("both", "flash")(s)
		testkit.Flash("flash", "flash")(s)
	})
	s := v.Now()
	for key, want := range map[string]string{"both": "data", "flash": "flash"} {
		got, ok := cookiesession.Get[string](s, key)
		if got != want || !ok || s.Value(key) != want || !s.Has(key) || s.All()[key] != want {
			t.Errorf("%s: Get %q %t, Value %v, Has %t, All %v", key, got, ok, s.Value(key), s.Has(key), s.All()[key])
		}
	}
	testkit.Equal(t, "Keys", fmt.Sprint(s.Keys()), "[both]")
	testkit.Equal(t, "Len", s.Len(), 1)
	testkit.Equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[both:flash flash:flash]")
}

func TestDataAndFlashDoNotOverwriteEachOther(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("k", "data")(s)
		testkit.Flash("k", "newer flash")(s)
		testkit.Equal(t, "Value", s.Value("k"), any("data"))
		testkit.Equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[k:1]")
	})
	s := v.Now()
	testkit.Equal(t, "Value afterwards", s.Value("k"), any("data"))
	testkit.Equal(t, "Flashes afterwards", fmt.Sprint(s.Flashes()), "map[k:newer flash]")
}

func TestDeleteAndPopTakeBothDataAndFlashAway(t *testing.T) {
	for name, take := range map[string]func(*cookiesession.Session){
		"Delete": func(s *cookiesession.Session) { testkit.NoError(t, s.Delete("k")) },
		"Pop": func(s *cookiesession.Session) {
			got, ok := cookiesession.Pop[string](s, "k")
			testkit.Equal(t, "the popped", got+fmt.Sprint(ok), "datatrue")
		},
	} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			testkit.Set("k", "data")(s)
			testkit.Flash("k", "flash")(s)
			testkit.Flash("other", "flash")(s)
		})
		v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			take(s)
			testkit.Equal(t, name+" leaves", fmt.Sprint(s.All()), "map[other:flash]")
		})
		v.Has("other:flash")
	}
}

func TestPopTakesFlashOfTheAskedType(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		_, ok := cookiesession.Pop[string](s, "k")
		testkit.Equal(t, "an integer is a string", ok, false)
		testkit.Equal(t, "it stays", s.Has("k"), true)
		n, ok := cookiesession.Pop[int](s, "k")
		testkit.Equal(t, "the popped", fmt.Sprint(n, ok), "1 true")
	})
	testkit.Equal(t, "the cookie", v.Cookie("s_session_flash"), nil)
}

func TestSetDefaultAddAndEditLookAtTheDataAlone(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	for name, write := range map[string]func(*cookiesession.Session) any{
		"SetDefault": func(s *cookiesession.Session) any { got, _ := s.SetDefault("k", int64(10)); return got },
		"Add":        func(s *cookiesession.Session) any { got, _ := s.Add("k", 10); return got },
		"Edit": func(s *cookiesession.Session) (got any) {
			testkit.NoError(t, cookiesession.Edit(s, "k", func(n *int64) error { *n += 10; got = *n; return nil }))
			return got
		},
	} {
		other := v.Copied()
		other.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			testkit.Equal(t, name, write(s), any(int64(10)))
			testkit.Equal(t, "the flash", fmt.Sprint(s.Flashes()), "map[k:1]")
		})
		other.Has("k:10")
	}
}

func TestFlashIsSeenByTheNextRequestAndFlashNowByThisOne(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	res := v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Flash("next", 1)(s)
		testkit.NoError(t, s.FlashNow("now", 2))
		testkit.Equal(t, "Has of Flash", s.Has("next"), false)
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[now:2]")
		testkit.Equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[now:2]")
	})
	testkit.Equal(t, "a data cookie for flash alone", testkit.Issued(res, "s_session") != nil, false)
	testkit.Equal(t, "IsNew with flash alone", v.Now().IsNew(), true)
	v.Has("next:1")
}

func TestFlashNowHidesWhatCameUnderTheSameKey(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	res := v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.NoError(t, s.FlashNow("k", "now"))
		testkit.Equal(t, "Value", s.Value("k"), any("now"))
	})
	testkit.Equal(t, "cookies for FlashNow", len(res.Cookies()), 0)
	v.Has("k:1")
}

func TestASecondFlashOfTheSameKeyReplacesTheFirst(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k", "other")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Flash("k", "second")(s)
		testkit.Flash("k", "third")(s)
	})
	v.Has("k:third other:2")
}

func TestFlashIsDroppedByAPageAndKeptByOtherAnswers(t *testing.T) {
	for _, use := range []struct {
		name  string
		do    func(*cookiesession.Session)
		shown bool
	}{
		{"untouched", nil, false},
		{"looked at", func(s *cookiesession.Session) { s.Len() }, false},
		{"read", func(s *cookiesession.Session) { s.Value("k") }, true},
		{"read with all of it", func(s *cookiesession.Session) { s.Flashes() }, true},
	} {
		// What was shown is consumed on every status that carries a page: a form that
		// is rendered again with 422 shows its flash once.
		pages := map[int]bool{200: true, 201: true, 400: true, 404: true, 409: true, 422: true}
		for _, status := range []int{200, 201, 204, 205, 301, 302, 303, 304, 307, 400, 404, 409, 422, 500, 503} {
			kept := status != 200 && !(use.shown && pages[status])
			v := flashed(t, cookiesession.Config{}, "k")
			v.Visit(status, use.do)
			if got := v.Cookie("s_session_flash") != nil; got != kept {
				t.Errorf("%s, answered %d: kept %t, want %t", use.name, status, got, kept)
			}
		}
	}
}

func TestReadingDoesNotConsumeFlash(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.Page(func(s *cookiesession.Session) {
		for range 3 {
			testkit.Equal(t, "Value", s.Value("k"), any(int64(1)))
		}
	})
	v.Has("")
}

func TestFlashIsReadAfterTheHeaderLeft(t *testing.T) {
	for name, before := range map[string]func(*cookiesession.Session){
		"untouched before": func(*cookiesession.Session) {},
		"read before":      func(s *cookiesession.Session) { s.Flashes() },
	} {
		v := flashed(t, cookiesession.Config{}, "k")
		v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
			s := v.M.FromContext(r.Context())
			before(s)
			w.WriteHeader(http.StatusOK)
			testkit.Equal(t, name, s.Value("k"), any(int64(1)))
		})
		testkit.Equal(t, "the cookie", v.Cookie("s_session_flash"), nil)
	}
}

func TestWhatIsFlashedDuringAPageIsForTheNextRequest(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "old")
	v.Page(testkit.Flash("new", 2))
	v.Has("new:2")
}

func TestAnAnswerThatIsNoPageDropsOnlyWhatItRead(t *testing.T) {
	for _, test := range []struct {
		header, value string
		page          bool
	}{
		{"Sec-Fetch-Dest", "document", true},
		{"Sec-Fetch-Dest", "", true},
		{"Sec-Fetch-Dest", "empty", false},
		{"Sec-Fetch-Dest", "image", false},
		{"Sec-Fetch-Dest", "iframe", false},
		{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8", true},
		{"Accept", "image/avif,image/webp,*/*;q=0.8", false},
		{"Accept", "*/*", false},
		{"X-Requested-With", "XMLHttpRequest", false},
		{"X-Other", "1", true},
	} {
		for _, read := range []string{"", "a", "all"} {
			v := flashed(t, cookiesession.Config{}, "a", "b")
			r := v.Request("/")
			r.Header.Set(test.header, test.value)
			v.Serve(r, func(_ http.ResponseWriter, r *http.Request) {
				switch s := v.M.FromContext(r.Context()); read {
				case "a":
					s.Value("a")
				case "all":
					s.Flashes()
				}
			})
			want := map[string]string{"": "map[a:1 b:2]", "a": "map[b:2]", "all": "map[]"}[read]
			if test.page {
				want = "map[]"
			}
			testkit.Equal(t, fmt.Sprintf("after %s: %s that read %q", test.header, test.value, read), fmt.Sprint(v.Now().All()), want)
		}
	}
}

func TestAnAnswerThatNobodySeesDropsNothing(t *testing.T) {
	for _, test := range []struct{ method, header, value string }{
		{"GET", "Sec-Purpose", "prefetch"},
		{"GET", "Sec-Purpose", "prefetch;prerender"},
		{"GET", "X-Sec-Purpose", "prefetch"},
		{"GET", "Purpose", "prefetch"},
		{"GET", "X-Purpose", "preview"},
		{"GET", "X-Moz", "prefetch"},
		{"HEAD", "Accept", "text/html"},
		{"OPTIONS", "Accept", "text/html"},
	} {
		for _, read := range []bool{false, true} {
			v := flashed(t, cookiesession.Config{}, "a", "b")
			r := v.Request("/")
			r.Method = test.method
			r.Header.Set(test.header, test.value)
			v.Serve(r, func(_ http.ResponseWriter, r *http.Request) {
				if read {
					v.M.FromContext(r.Context()).Flashes()
				}
			})
			testkit.Equal(t, fmt.Sprintf("after %s with %s: %s, read %t", test.method, test.header, test.value, read), fmt.Sprint(v.Now().All()), "map[a:1 b:2]")
		}
	}
}

func TestALowerFlashLifetimeEndsFlashOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := testkit.Ring(t)
		v := flashed(t, cookiesession.Config{Keyring: ring, FlashLifetime: 24 * time.Hour}, "k")
		v.M = testkit.Manager(t, cookiesession.Config{Keyring: ring, FlashLifetime: time.Minute})
		v.Has("k:1")
		time.Sleep(time.Minute)
		v.Has("")
	})
}

func TestWhatNoPageLeftKeepsItsOwnLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{}, "a", "b")
		time.Sleep(40 * time.Second)
		r := v.Request("/")
		r.Header.Set("Sec-Fetch-Dest", "image")
		v.Serve(r, func(_ http.ResponseWriter, r *http.Request) { v.M.FromContext(r.Context()).Value("a") })
		late := v.Copied()
		late.Has("b:2")
		time.Sleep(20 * time.Second)
		late.Has("")
	})
}

func TestKeepFlashKeepsOnceMore(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want string
	}{
		{nil, "a:1 b:2"},
		{[]string{"a"}, "a:1"},
		{[]string{"b", "missing"}, "b:2"},
		{[]string{"missing"}, ""},
	} {
		v := flashed(t, cookiesession.Config{}, "a", "b")
		v.Page(func(s *cookiesession.Session) { s.KeepFlash(test.keys...) })
		v.Has(test.want)
		v.Page(nil)
		v.Has("")
	}
}

func TestKeepFlashRenewsTheLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{}, "k")
		for range 3 {
			time.Sleep(59 * time.Second)
			res := v.Page(func(s *cookiesession.Session) { s.KeepFlash() })
			testkit.Equal(t, "Max-Age", testkit.Issued(res, "s_session_flash").MaxAge, 60)
		}
		v.Has("k:1")
		time.Sleep(time.Minute)
		v.Has("")
	})
}

func TestClearFlashDropsAllOfItAndNothingElse(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("data", 1)(s)
		testkit.Flash("made", 1)(s)
		testkit.NoError(t, s.FlashNow("now", 1))
		s.KeepFlash()
		s.ClearFlash()
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[data:1]")
	})
	v.Has("data:1")
	testkit.Equal(t, "the cookie", v.Cookie("s_session_flash"), nil)
}

func TestClearFlashDropsWhatCannotBeOpenedToo(t *testing.T) {
	stranger := flashed(t, cookiesession.Config{}, "k")
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Keep(stranger.Cookie("s_session_flash"))
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Flashes() })
	testkit.Equal(t, "the cookie is deleted unasked", v.Cookie("s_session_flash") == nil, false)
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.ClearFlash() })
	testkit.Equal(t, "the cookie", v.Cookie("s_session_flash"), nil)
}

func TestClearKeepsFlash(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Flash("made", 2)(s)
		testkit.NoError(t, s.Clear())
	})
	v.Has("came:1 made:2")
}

func TestFlashLifetimeIsEnforcedInsideTheSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{FlashLifetime: 10 * time.Second}, "k")
		late := v.Copied() // this copy of the jar does not know when the cookies end
		time.Sleep(10*time.Second - 1)
		late.Has("k:1")
		time.Sleep(time.Nanosecond)
		late.Has("")
		res := late.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Flashes() })
		if c := testkit.Issued(res, "s_session_flash"); c == nil || c.MaxAge >= 0 {
			t.Errorf("dead flash is answered with %v", c)
		}
	})
}

func TestTheFlashCookieLivesAsLongAsTheFlash(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{FlashLifetime: 1500 * time.Millisecond})
	res := v.Visit(http.StatusSeeOther, testkit.Flash("k", 1))
	testkit.Equal(t, "Max-Age, rounded up", testkit.Issued(res, "s_session_flash").MaxAge, 2)
}

func TestFlashMadeBeforeAServerErrorIsNotSavedAndWhatCameStays(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	res := v.Visit(http.StatusInternalServerError, func(s *cookiesession.Session) {
		testkit.Flash("made", 2)(s)
		testkit.NoError(t, s.Delete("came"))
	})
	testkit.Equal(t, "cookies", len(res.Cookies()), 0)
	v.Has("came:1")
}

func TestFlashGoesWithASessionThatWasDestroyed(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Flash("before", 2)(s)
		testkit.NoError(t, s.Destroy())
		testkit.Equal(t, "what came is visible", s.Has("came"), false)
		testkit.Flash("after", 3)(s)
	})
	v.Has("after:3")
}

func TestAnUntouchedFlashCookieIsDeletedByNameAlone(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Jar.SetCookies(testkit.Site, []*http.Cookie{{Name: "s_session_flash", Value: "forged"}, {Name: "s_session_flash.1", Value: "forged"}})
	res := v.Page(nil)
	testkit.Equal(t, "cookies", len(res.Cookies()), 2)
	testkit.Equal(t, "Vary", res.Header.Get("Vary"), "")
	testkit.Equal(t, "Cache-Control", res.Header.Get("Cache-Control"), "private")
	testkit.Equal(t, "what the browser keeps", len(v.Cookies()), 0)
}

func TestFlashThatDoesNotFitIsRefusedAndTheOldStays(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{MaxBytes: 1024})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("data", strings.Repeat("d", 200))(s)
		testkit.Flash("fits", "x")(s)
		err := s.Flash("large", strings.Repeat("f", 600))
		large, ok := err.(*cookiesession.TooLargeError)
		if !ok || large.Limit != 1024 || large.Size <= 1024 || large.Largest[0].Key != "large" {
			t.Errorf("the error is %v", err)
		}
		if err := s.Flash("channel", make(chan int)); err == nil {
			t.Error("a channel was flashed")
		}
	})
	testkit.Equal(t, "Flashes", fmt.Sprint(v.Now().Flashes()), "map[fits:x]")
}

func TestALongFlashIsCutIntoSeveralCookiesAndRemovedWhole(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, testkit.Flash("k", strings.Repeat("long", 700)))
	testkit.Equal(t, "cookies", len(v.Cookies()), 2)
	v.Page(func(s *cookiesession.Session) { testkit.Equal(t, "its length", len(s.Value("k").(string)), 2800) })
	testkit.Equal(t, "cookies afterwards", len(v.Cookies()), 0)
}

func TestDenyingAndAllowingInOneRequestLosesNoFlashThatCame(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Equal(t, "Flashes", len(s.Flashes()), 1)
		s.Deny()
		s.Allow()
		testkit.Flash("new", 2)(s)
	})
	v.Has("came:1 new:2")
}

func TestFlashOfAClockAsFarAheadAsClocksMayBeIsShown(t *testing.T) {
	var value string
	const fraction = 900 * time.Millisecond
	ring := testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5*time.Minute + fraction)
		value = flashed(t, cookiesession.Config{Keyring: ring}, "k").Cookie("s_session_flash").Value
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(fraction)
		v := testkit.NewVisitor(t, cookiesession.Config{Keyring: ring})
		testkit.Equal(t, "Flashes", len(v.M.Open(t.Context(), "s_session_flash="+value).Flashes()), 1)
	})
}

func TestExpiredFlashIsDeletedAlsoAfterDenyingAndAllowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{FlashLifetime: 10 * time.Second}, "k")
		r := v.Request("/") // made before the browser drops the cookie
		time.Sleep(11 * time.Second)
		res := v.Serve(r, func(w http.ResponseWriter, r *http.Request) {
			s := v.M.FromContext(r.Context())
			testkit.Equal(t, "Flashes", len(s.Flashes()), 0)
			s.Deny()
			s.Allow()
			w.WriteHeader(http.StatusSeeOther)
		})
		if c := testkit.Issued(res, "s_session_flash"); c == nil || c.MaxAge >= 0 {
			t.Errorf("Set-Cookie: %v, want it deleted", c)
		}
	})
}

func TestFlashIsShownBesideTheSessionItWasMadeBeside(t *testing.T) {
	ring := testkit.Ring(t)
	flashed := func(prepare func(*cookiesession.Session)) *testkit.Client {
		c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
		c.Visit(303, func(s *cookiesession.Session) {
			prepare(s)
			testkit.Must(s.Flash("msg", "for its session"))
		})
		return c
	}
	login := func(s *cookiesession.Session) { testkit.Must(s.Set("user", 1)) }
	nobody := func(*cookiesession.Session) {}
	a, b, visitor := flashed(login), flashed(login), flashed(nobody)
	flashOf := func(c *testkit.Client) string { return "s_session_flash=" + c.Value("s_session_flash") }
	dataOf := func(c *testkit.Client) string { return "s_session=" + c.Value("s_session") }
	for name, tc := range map[string]struct {
		jar  []string
		want bool
	}{
		"its own session":                    {[]string{dataOf(a), flashOf(a)}, true},
		"another's session":                  {[]string{dataOf(b), flashOf(a)}, false},
		"no session":                         {[]string{flashOf(a)}, false},
		"a visitor's, beside none":           {[]string{flashOf(visitor)}, true},
		"a visitor's, beside a session":      {[]string{dataOf(a), flashOf(visitor)}, false},
		"a visitor's, beside a forged one":   {[]string{"s_session=AAAA.x", flashOf(visitor)}, false},
		"a visitor's, beside one that fails": {[]string{"s_session=x", flashOf(visitor)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
			c.Jar = tc.jar
			c.Look(302, func(s *cookiesession.Session) { testkit.Equal(t, "shown", s.Has("msg"), tc.want) })
		})
	}
}

func TestFlashFollowsItsSessionToANewID(t *testing.T) {
	for name, tc := range map[string]struct {
		before, change func(*cookiesession.Session)
	}{
		"CycleID on a redirect":      {testkit.Set("k", 1), func(s *cookiesession.Session) { testkit.Must(s.CycleID()) }},
		"a first write":              {func(*cookiesession.Session) {}, testkit.Set("k", 1)},
		"Clear, and nothing is left": {testkit.Set("k", 1), func(s *cookiesession.Session) { testkit.Must(s.Clear()) }},
		"an unread session":          {testkit.Set("k", 1), func(*cookiesession.Session) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			c.Visit(303, func(s *cookiesession.Session) {
				tc.before(s)
				testkit.Must(s.Flash("msg", "hello"))
			})
			c.Visit(303, tc.change)
			c.Visit(200, func(s *cookiesession.Session) { testkit.Equal(t, "msg", s.Value("msg"), any("hello")) })
		})
	}
}

func TestAllFlashNowOfARequestHasRoomForMaxBytes(t *testing.T) {
	const limit = 2000
	s := testkit.QuietManager(t, cookiesession.Config{MaxBytes: limit}, cookiesession.FormatCompact).Open(t.Context())
	kept := 0
	for i := range 20_000 {
		switch err := s.FlashNow(fmt.Sprint("message ", i), "x"); {
		case err == nil:
			kept++
		case !errors.Is(err, cookiesession.ErrTooLarge):
			t.Fatal(err)
		}
	}
	testkit.Equal(t, "shown", len(s.Flashes()), kept)
	if kept < limit/20 || kept > limit/10 {
		t.Errorf("%d messages of about 15 bytes were kept in %d bytes", kept, limit)
	}
}
