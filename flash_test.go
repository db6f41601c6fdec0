package cookiesession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// flashed is a browser that was redirected with some flash.
func flashed(t testing.TB, cfg cookiesession.Config, keys ...string) *visitor {
	t.Helper()
	v := newVisitor(t, cfg)
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		for i, key := range keys {
			flashes(t, key, i+1)(s)
		}
	})
	return v
}

func TestReadersShowFlashWhereTheDataHasNoSuchKey(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "both", "data")(s)
		flashes(t, "both", "flash")(s)
		flashes(t, "flash", "flash")(s)
	})
	s := v.now()
	for key, want := range map[string]string{"both": "data", "flash": "flash"} {
		got, ok := cookiesession.Get[string](s, key)
		if got != want || !ok || s.Value(key) != want || !s.Has(key) || s.All()[key] != want {
			t.Errorf("%s: Get %q %t, Value %v, Has %t, All %v", key, got, ok, s.Value(key), s.Has(key), s.All()[key])
		}
	}
	equal(t, "Keys", fmt.Sprint(s.Keys()), "[both]")
	equal(t, "Len", s.Len(), 1)
	equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[both:flash flash:flash]")
}

func TestDataAndFlashDoNotOverwriteEachOther(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "k", "data")(s)
		flashes(t, "k", "newer flash")(s)
		equal(t, "Value", s.Value("k"), any("data"))
		equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[k:1]")
	})
	s := v.now()
	equal(t, "Value afterwards", s.Value("k"), any("data"))
	equal(t, "Flashes afterwards", fmt.Sprint(s.Flashes()), "map[k:newer flash]")
}

func TestDeleteAndPopTakeBothDataAndFlashAway(t *testing.T) {
	for name, take := range map[string]func(*cookiesession.Session){
		"Delete": func(s *cookiesession.Session) { noError(t, s.Delete("k")) },
		"Pop": func(s *cookiesession.Session) {
			got, ok := cookiesession.Pop[string](s, "k")
			equal(t, "the popped", got+fmt.Sprint(ok), "datatrue")
		},
	} {
		v := newVisitor(t, cookiesession.Config{})
		v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			sets(t, "k", "data")(s)
			flashes(t, "k", "flash")(s)
			flashes(t, "other", "flash")(s)
		})
		v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			take(s)
			equal(t, name+" leaves", fmt.Sprint(s.All()), "map[other:flash]")
		})
		v.has("other:flash")
	}
}

func TestPopTakesFlashOfTheAskedType(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		_, ok := cookiesession.Pop[string](s, "k")
		equal(t, "an integer is a string", ok, false)
		equal(t, "it stays", s.Has("k"), true)
		n, ok := cookiesession.Pop[int](s, "k")
		equal(t, "the popped", fmt.Sprint(n, ok), "1 true")
	})
	equal(t, "the cookie", v.cookie("s_session_flash"), nil)
}

func TestSetDefaultAddAndEditLookAtTheDataAlone(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	for name, write := range map[string]func(*cookiesession.Session) any{
		"SetDefault": func(s *cookiesession.Session) any { got, _ := s.SetDefault("k", int64(10)); return got },
		"Add":        func(s *cookiesession.Session) any { got, _ := s.Add("k", 10); return got },
		"Edit": func(s *cookiesession.Session) (got any) {
			noError(t, cookiesession.Edit(s, "k", func(n *int64) error { *n += 10; got = *n; return nil }))
			return got
		},
	} {
		other := v.copied()
		other.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			equal(t, name, write(s), any(int64(10)))
			equal(t, "the flash", fmt.Sprint(s.Flashes()), "map[k:1]")
		})
		other.has("k:10")
	}
}

func TestFlashIsSeenByTheNextRequestAndFlashNowByThisOne(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	res := v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		flashes(t, "next", 1)(s)
		noError(t, s.FlashNow("now", 2))
		equal(t, "Has of Flash", s.Has("next"), false)
		equal(t, "All", fmt.Sprint(s.All()), "map[now:2]")
		equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[now:2]")
	})
	equal(t, "a data cookie for flash alone", issued(res, "s_session") != nil, false)
	equal(t, "IsNew with flash alone", v.now().IsNew(), true)
	v.has("next:1")
}

func TestFlashNowHidesWhatCameUnderTheSameKey(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	res := v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		noError(t, s.FlashNow("k", "now"))
		equal(t, "Value", s.Value("k"), any("now"))
	})
	equal(t, "cookies for FlashNow", len(res.Cookies()), 0)
	v.has("k:1")
}

func TestASecondFlashOfTheSameKeyReplacesTheFirst(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k", "other")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		flashes(t, "k", "second")(s)
		flashes(t, "k", "third")(s)
	})
	v.has("k:third other:2")
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
			v.visit(status, use.do)
			if got := v.cookie("s_session_flash") != nil; got != kept {
				t.Errorf("%s, answered %d: kept %t, want %t", use.name, status, got, kept)
			}
		}
	}
}

func TestReadingDoesNotConsumeFlash(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "k")
	v.page(func(s *cookiesession.Session) {
		for range 3 {
			equal(t, "Value", s.Value("k"), any(int64(1)))
		}
	})
	v.has("")
}

func TestFlashIsReadAfterTheHeaderLeft(t *testing.T) {
	for name, before := range map[string]func(*cookiesession.Session){
		"untouched before": func(*cookiesession.Session) {},
		"read before":      func(s *cookiesession.Session) { s.Flashes() },
	} {
		v := flashed(t, cookiesession.Config{}, "k")
		v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
			s := v.m.FromContext(r.Context())
			before(s)
			w.WriteHeader(http.StatusOK)
			equal(t, name, s.Value("k"), any(int64(1)))
		})
		equal(t, "the cookie", v.cookie("s_session_flash"), nil)
	}
}

func TestWhatIsFlashedDuringAPageIsForTheNextRequest(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "old")
	v.page(flashes(t, "new", 2))
	v.has("new:2")
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
			r := v.request("/")
			r.Header.Set(test.header, test.value)
			v.serve(r, func(_ http.ResponseWriter, r *http.Request) {
				switch s := v.m.FromContext(r.Context()); read {
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
			equal(t, fmt.Sprintf("after %s: %s that read %q", test.header, test.value, read), fmt.Sprint(v.now().All()), want)
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
			r := v.request("/")
			r.Method = test.method
			r.Header.Set(test.header, test.value)
			v.serve(r, func(_ http.ResponseWriter, r *http.Request) {
				if read {
					v.m.FromContext(r.Context()).Flashes()
				}
			})
			equal(t, fmt.Sprintf("after %s with %s: %s, read %t", test.method, test.header, test.value, read), fmt.Sprint(v.now().All()), "map[a:1 b:2]")
		}
	}
}

func TestALowerFlashLifetimeEndsFlashOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := newRing(t)
		v := flashed(t, cookiesession.Config{Keyring: ring, FlashLifetime: 24 * time.Hour}, "k")
		v.m = newManager(t, cookiesession.Config{Keyring: ring, FlashLifetime: time.Minute})
		v.has("k:1")
		time.Sleep(time.Minute)
		v.has("")
	})
}

func TestWhatNoPageLeftKeepsItsOwnLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{}, "a", "b")
		time.Sleep(40 * time.Second)
		r := v.request("/")
		r.Header.Set("Sec-Fetch-Dest", "image")
		v.serve(r, func(_ http.ResponseWriter, r *http.Request) { v.m.FromContext(r.Context()).Value("a") })
		late := v.copied()
		late.has("b:2")
		time.Sleep(20 * time.Second)
		late.has("")
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
		v.page(func(s *cookiesession.Session) { s.KeepFlash(test.keys...) })
		v.has(test.want)
		v.page(nil)
		v.has("")
	}
}

func TestKeepFlashRenewsTheLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{}, "k")
		for range 3 {
			time.Sleep(59 * time.Second)
			res := v.page(func(s *cookiesession.Session) { s.KeepFlash() })
			equal(t, "Max-Age", issued(res, "s_session_flash").MaxAge, 60)
		}
		v.has("k:1")
		time.Sleep(time.Minute)
		v.has("")
	})
}

func TestClearFlashDropsAllOfItAndNothingElse(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "data", 1)(s)
		flashes(t, "made", 1)(s)
		noError(t, s.FlashNow("now", 1))
		s.KeepFlash()
		s.ClearFlash()
		equal(t, "All", fmt.Sprint(s.All()), "map[data:1]")
	})
	v.has("data:1")
	equal(t, "the cookie", v.cookie("s_session_flash"), nil)
}

func TestClearFlashDropsWhatCannotBeOpenedToo(t *testing.T) {
	stranger := flashed(t, cookiesession.Config{}, "k")
	v := newVisitor(t, cookiesession.Config{})
	v.sets(stranger.cookie("s_session_flash"))
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Flashes() })
	equal(t, "the cookie is deleted unasked", v.cookie("s_session_flash") == nil, false)
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.ClearFlash() })
	equal(t, "the cookie", v.cookie("s_session_flash"), nil)
}

func TestClearKeepsFlash(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		flashes(t, "made", 2)(s)
		noError(t, s.Clear())
	})
	v.has("came:1 made:2")
}

func TestFlashLifetimeIsEnforcedInsideTheSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{FlashLifetime: 10 * time.Second}, "k")
		late := v.copied() // its browser keeps cookies too long
		time.Sleep(10*time.Second - 1)
		late.has("k:1")
		time.Sleep(time.Nanosecond)
		late.has("")
		res := late.visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Flashes() })
		if c := issued(res, "s_session_flash"); c == nil || c.MaxAge >= 0 {
			t.Errorf("dead flash is answered with %v", c)
		}
	})
}

func TestTheFlashCookieLivesAsLongAsTheFlash(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{FlashLifetime: 1500 * time.Millisecond})
	res := v.visit(http.StatusSeeOther, flashes(t, "k", 1))
	equal(t, "Max-Age, rounded up", issued(res, "s_session_flash").MaxAge, 2)
}

func TestFlashMadeBeforeAServerErrorIsNotSavedAndWhatCameStays(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	res := v.visit(http.StatusInternalServerError, func(s *cookiesession.Session) {
		flashes(t, "made", 2)(s)
		noError(t, s.Delete("came"))
	})
	equal(t, "cookies", len(res.Cookies()), 0)
	v.has("came:1")
}

func TestFlashGoesWithASessionThatWasDestroyed(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		flashes(t, "before", 2)(s)
		noError(t, s.Destroy())
		equal(t, "what came is visible", s.Has("came"), false)
		flashes(t, "after", 3)(s)
	})
	v.has("after:3")
}

func TestAnUntouchedFlashCookieIsDeletedByNameAlone(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "s_session_flash", Value: "forged"}, {Name: "s_session_flash.1", Value: "forged"}})
	res := v.page(nil)
	equal(t, "cookies", len(res.Cookies()), 2)
	equal(t, "Vary", res.Header.Get("Vary"), "")
	equal(t, "Cache-Control", res.Header.Get("Cache-Control"), "private")
	equal(t, "what the browser keeps", len(v.jar.Cookies(visitedSite)), 0)
}

func TestFlashThatDoesNotFitIsRefusedAndTheOldStays(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{MaxBytes: 1024})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "data", strings.Repeat("d", 200))(s)
		flashes(t, "fits", "x")(s)
		err := s.Flash("large", strings.Repeat("f", 600))
		large, ok := err.(*cookiesession.TooLargeError)
		if !ok || large.Limit != 1024 || large.Size <= 1024 || large.Largest[0].Key != "large" {
			t.Errorf("the error is %v", err)
		}
		if err := s.Flash("channel", make(chan int)); err == nil {
			t.Error("a channel was flashed")
		}
	})
	equal(t, "Flashes", fmt.Sprint(v.now().Flashes()), "map[fits:x]")
}

func TestALongFlashIsCutIntoSeveralCookiesAndRemovedWhole(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, flashes(t, "k", strings.Repeat("long", 700)))
	equal(t, "cookies", len(v.jar.Cookies(visitedSite)), 2)
	v.page(func(s *cookiesession.Session) { equal(t, "its length", len(s.Value("k").(string)), 2800) })
	equal(t, "cookies afterwards", len(v.jar.Cookies(visitedSite)), 0)
}

func TestDenyingAndAllowingInOneRequestLosesNoFlashThatCame(t *testing.T) {
	v := flashed(t, cookiesession.Config{}, "came")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		equal(t, "Flashes", len(s.Flashes()), 1)
		s.Deny()
		s.Allow()
		flashes(t, "new", 2)(s)
	})
	v.has("came:1 new:2")
}

func TestFlashOfAClockAsFarAheadAsClocksMayBeIsShown(t *testing.T) {
	var value string
	const fraction = 900 * time.Millisecond
	ring := keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5*time.Minute + fraction)
		value = flashed(t, cookiesession.Config{Keyring: ring}, "k").cookie("s_session_flash").Value
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(fraction)
		v := newVisitor(t, cookiesession.Config{Keyring: ring})
		equal(t, "Flashes", len(v.m.Open(t.Context(), "s_session_flash="+value).Flashes()), 1)
	})
}

func TestExpiredFlashIsDeletedAlsoAfterDenyingAndAllowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := flashed(t, cookiesession.Config{FlashLifetime: 10 * time.Second}, "k")
		r := v.request("/") // the browser has it a little longer
		time.Sleep(11 * time.Second)
		res := v.serve(r, func(w http.ResponseWriter, r *http.Request) {
			s := v.m.FromContext(r.Context())
			equal(t, "Flashes", len(s.Flashes()), 0)
			s.Deny()
			s.Allow()
			w.WriteHeader(http.StatusSeeOther)
		})
		if c := issued(res, "s_session_flash"); c == nil || c.MaxAge >= 0 {
			t.Errorf("Set-Cookie: %v, want it deleted", c)
		}
	})
}

func TestFlashIsShownBesideTheSessionItWasMadeBeside(t *testing.T) {
	ring := newRing(t)
	flashed := func(prepare func(*cookiesession.Session)) *client {
		c := newClient(t, cookiesession.Config{Keyring: ring})
		c.visit(303, func(s *cookiesession.Session) {
			prepare(s)
			must(s.Flash("msg", "for its session"))
		})
		return c
	}
	login := func(s *cookiesession.Session) { must(s.Set("user", 1)) }
	nobody := func(*cookiesession.Session) {}
	a, b, visitor := flashed(login), flashed(login), flashed(nobody)
	flashOf := func(c *client) string { return "s_session_flash=" + c.value("s_session_flash") }
	dataOf := func(c *client) string { return "s_session=" + c.value("s_session") }
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
			c := newClient(t, cookiesession.Config{Keyring: ring})
			c.jar = tc.jar
			c.look(302, func(s *cookiesession.Session) { wants(t, "shown", s.Has("msg"), tc.want) })
		})
	}
}

func TestFlashFollowsItsSessionToANewID(t *testing.T) {
	for name, tc := range map[string]struct {
		before, change func(*cookiesession.Session)
	}{
		"CycleID on a redirect":      {set("k", 1), func(s *cookiesession.Session) { must(s.CycleID()) }},
		"a first write":              {func(*cookiesession.Session) {}, set("k", 1)},
		"Clear, and nothing is left": {set("k", 1), func(s *cookiesession.Session) { must(s.Clear()) }},
		"an unread session":          {set("k", 1), func(*cookiesession.Session) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, cookiesession.Config{})
			c.visit(303, func(s *cookiesession.Session) {
				tc.before(s)
				must(s.Flash("msg", "hello"))
			})
			c.visit(303, tc.change)
			c.visit(200, func(s *cookiesession.Session) { wants(t, "msg", s.Value("msg"), any("hello")) })
		})
	}
}
