package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// remembered is a visitor who has consented and has a cookie of every kind.
func remembered(t testing.TB, cfg cookiesession.Config) *testkit.Visitor {
	t.Helper()
	cfg.Consent, cfg.TrackViews = testkit.Consents, true
	v := testkit.NewVisitor(t, cfg)
	v.Keep(testkit.Consent)
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("k", 1)(s)
		testkit.Flash("f", 2)(s)
		s.SetTestCookie()
	})
	if n := len(v.Ours()); n != 4 {
		t.Fatalf("%d cookies of ours, want 4: this test would show nothing", n)
	}
	return v
}

func TestWithoutPermissionNoCookieOfAnyKindIsSet(t *testing.T) {
	for _, status := range []int{200, 303, 500} {
		v := testkit.NewVisitor(t, cookiesession.Config{Consent: testkit.Consents, TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Minute})
		res := v.Visit(status, func(s *cookiesession.Session) {
			testkit.Set("k", 1)(s)
			testkit.Flash("f", 1)(s)
			s.SetTestCookie()
			s.SetExpiry(cookiesession.Idle(time.Hour))
			testkit.NoError(t, s.CycleID())
			s.MarkModified()
		})
		testkit.Equal(t, fmt.Sprint("cookies on a ", status), len(res.Cookies()), 0)
	}
}

func TestWithoutPermissionExistingCookiesAreDeletedAtAnyStatusTouchedOrNot(t *testing.T) {
	for _, status := range []int{200, 204, 303, 404, 500} {
		for name, use := range map[string]func(*cookiesession.Session){"untouched": nil, "read": func(s *cookiesession.Session) { s.All() }} {
			v := remembered(t, cookiesession.Config{SaveEveryRequest: true})
			v.Keep(testkit.NoConsent)
			v.Visit(status, use)
			testkit.Equal(t, fmt.Sprint(name, ", cookies after a ", status), fmt.Sprint(v.Ours()), "[]")
		}
	}
}

func TestWithoutPermissionTheDataIsInvisibleAndWritingWorksWithinTheRequest(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	id := v.Now().ID()
	v.Keep(testkit.NoConsent)
	v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "Allowed", s.Allowed(), false)
		testkit.Equal(t, "IsNew", s.IsNew(), true)
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[]")
		testkit.Equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[]")
		testkit.Equal(t, "Views", fmt.Sprint(s.Views().FirstPage, s.Views().Requests), "true 1")
		testkit.Equal(t, "the stored ID is shown", s.ID() == id, false)
		testkit.Equal(t, "the ID stays within the request", s.ID(), s.ID())
		testkit.Set("k", 3)(s)
		testkit.Equal(t, "Value", s.Value("k"), any(int64(3)))
	})
	v.Keep(testkit.Consent)
	v.Has("")
}

func TestAnIDWithoutPermissionChangesWithEachRequest(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.Keep(testkit.NoConsent)
	seen := map[string]bool{}
	for range 4 {
		seen[v.Now().ID()] = true
	}
	testkit.Equal(t, "different IDs", len(seen), 4)
}

func TestASessionOpenedAloneHasNoPermissionUntilAllow(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	line := v.Request("/").Header.Get("Cookie")
	s := v.M.Open(t.Context(), line)
	testkit.Equal(t, "Allowed", s.Allowed(), false)
	testkit.Equal(t, "Has", s.Has("k"), false)
	s.Allow()
	testkit.Equal(t, "Allowed after Allow", s.Allowed(), true)
	testkit.Equal(t, "Has after Allow", s.Has("k"), true)
	testkit.Equal(t, "Allowed where nobody asks", testkit.NewVisitor(t, cookiesession.Config{}).M.Open(t.Context()).Allowed(), true)
}

func TestAllowBringsTheStoredDataBackWithThisRequestsWritesOnTop(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { testkit.NoError(t, s.Update(map[string]any{"a": 1, "b": 1, "c": 1})) })
	id := v.Now().ID()
	v.Keep(testkit.NoConsent)
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("a", "mine")(s)
		testkit.NoError(t, s.Delete("b"))
		testkit.Flash("mine", 1)(s)
		s.Allow()
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[a:mine c:1 f:2 k:1]")
		testkit.Equal(t, "ID", s.ID(), id)
		testkit.Equal(t, "IsNew", s.IsNew(), false)
		testkit.Equal(t, "Requests", s.Views().Requests, 3)
	})
	v.Keep(testkit.Consent)
	v.Has("a:mine c:1 f:2 k:1 mine:1")
	testkit.Equal(t, "ID afterwards", v.Now().ID(), id)
}

func TestWhatDoesNotFitBesideTheStoredDataIsRefusedByItselfWhenPermissionComes(t *testing.T) {
	var refused []error
	v := remembered(t, cookiesession.Config{OnEvent: func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			refused = append(refused, e.Err)
		}
	}})
	v.Page(testkit.Set("stored", strings.Repeat("x", 2000)))
	v.Keep(testkit.NoConsent)
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("large", strings.Repeat("y", 3000))(s) // without permission nothing stored is looked at
		testkit.Set("small", "z")(s)
		s.Allow()
		testkit.Equal(t, "refused", len(refused), 1)
		testkit.Equal(t, "large", s.Has("large"), false)
		testkit.Equal(t, "small", s.Has("small"), true)
	})
	testkit.Equal(t, "refused when the response went out", len(refused), 1)
	if len(refused) == 1 && !errors.Is(refused[0], cookiesession.ErrTooLarge) {
		t.Errorf("refused for %v", refused[0])
	}
	v.Keep(testkit.Consent)
	s := v.Now()
	testkit.Equal(t, "stored, the next time", s.Has("stored"), true)
	testkit.Equal(t, "small, the next time", s.Has("small"), true)
}

func TestClearWithoutPermissionHoldsAfterAllow(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.Keep(testkit.NoConsent)
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.NoError(t, s.Clear())
		testkit.Set("new", 1)(s)
		s.Allow()
		testkit.Equal(t, "Keys", fmt.Sprint(s.Keys()), "[new]")
	})
	v.Keep(testkit.Consent)
	testkit.Equal(t, "Keys afterwards", fmt.Sprint(v.Now().Keys()), "[new]")
}

func TestDenyWinsOverConsentAndForgetsWhatThisRequestWrote(t *testing.T) {
	for _, status := range []int{200, 303, 500} {
		v := remembered(t, cookiesession.Config{})
		v.Visit(status, func(s *cookiesession.Session) {
			testkit.Set("mine", 1)(s)
			testkit.NoError(t, s.FlashNow("now", 1))
			s.SetTestCookie()
			s.Deny()
			testkit.Equal(t, "Allowed", s.Allowed(), false)
			testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[]")
		})
		testkit.Equal(t, fmt.Sprint("cookies after a ", status), fmt.Sprint(v.Ours()), "[]")
	}
}

func TestTheLastOfAllowAndDenyDecides(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("before", 1)(s)
		s.Deny()
		testkit.Set("between", 1)(s)
		s.Allow()
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[between:1 f:2 k:1]")
	})
	v.Has("between:1 f:2 k:1")
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Allow(); s.Deny() })
	testkit.Equal(t, "cookies", fmt.Sprint(v.Ours()), "[]")
}

func TestADestroyStandsWhateverIsAllowedLater(t *testing.T) {
	for name, decide := range map[string]func(*cookiesession.Session){
		"Deny, then Allow":            func(s *cookiesession.Session) { s.Destroy(); s.Deny(); s.Allow() },
		"without permission, Allow":   func(s *cookiesession.Session) { s.Destroy(); s.Allow() },
		"Destroy after Deny":          func(s *cookiesession.Session) { s.Deny(); s.Destroy(); s.Allow() },
		"Destroy and a new beginning": func(s *cookiesession.Session) { s.Destroy(); s.Allow(); s.Set("new", 1) },
	} {
		for _, consented := range []bool{true, false} {
			v := remembered(t, cookiesession.Config{})
			if !consented {
				v.Keep(testkit.NoConsent)
			}
			v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
				decide(s)
				testkit.Equal(t, name+": k is back", s.Has("k"), false)
				testkit.Equal(t, name+": f is back", s.Has("f"), false)
			})
			v.Keep(testkit.Consent)
			testkit.Equal(t, name+": k afterwards", v.Now().Has("k"), false)
			testkit.Equal(t, name+": a new beginning", v.Now().Has("new"), strings.Contains(name, "beginning"))
		}
	}
}

func TestAllowIsDecidedBeforeTheHeaderLeaves(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.Keep(testkit.NoConsent)
	v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		s := v.M.FromContext(r.Context())
		s.Allow()
		testkit.Equal(t, "Allowed after the header left", s.Allowed(), false)
	})
	testkit.Equal(t, "cookies", fmt.Sprint(v.Ours()), "[]")
}

func TestValidatesVerdictIsKeptWhateverIsAllowedLater(t *testing.T) {
	var verdict error
	v := remembered(t, cookiesession.Config{Validate: testkit.Validates(&verdict)})
	verdict = cookiesession.ErrRevoked
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Equal(t, "Rejected", s.Rejected(), error(cookiesession.ErrRevoked))
		s.Deny()
		s.Allow()
		testkit.Equal(t, "Has", s.Has("k"), false)
		testkit.Equal(t, "Rejected after Allow", s.Rejected(), error(cookiesession.ErrRevoked))
	})
	testkit.Equal(t, "data", v.Cookie("s_session"), nil)
	testkit.Equal(t, "flash", v.Cookie("s_session_flash"), nil)
}

func TestAllowIsWhatOpensASessionForValidate(t *testing.T) {
	var verdict error
	v := remembered(t, cookiesession.Config{Validate: testkit.Validates(&verdict)})
	v.Keep(testkit.NoConsent)
	verdict = cookiesession.ErrRevoked
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("mine", 1)(s)
		testkit.Equal(t, "Rejected without permission", s.Rejected(), nil)
		s.Allow()
		testkit.Equal(t, "Rejected after Allow", s.Rejected(), error(cookiesession.ErrRevoked))
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[mine:1]")
	})
	v.Keep(testkit.Consent)
	verdict = nil
	v.Has("mine:1")
}

func TestConsentIsAskedOncePerRequest(t *testing.T) {
	asked := 0
	v := testkit.NewVisitor(t, cookiesession.Config{Consent: func(*http.Request) bool { asked++; return true }})
	v.Page(func(s *cookiesession.Session) { s.Allowed(); k(s); s.Allowed() })
	testkit.Equal(t, "asked", asked, 1)
}

func TestTheTestCookieIsOneOfItsOwn(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	a := c.Visit(200, func(s *cookiesession.Session) {
		s.SetTestCookie()
		testkit.Equal(t, "worked in the request that sets it", s.TestCookieWorked(), false)
		testkit.Equal(t, "modified", s.Modified(), false)
	})
	testkit.Equal(t, "Max-Age", a.Cookie(t, "s_session_test").MaxAge, 600)
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Equal(t, "worked later", s.TestCookieWorked(), true)
		testkit.Equal(t, "new", s.IsNew(), true)
	})
	for _, end := range []func(*cookiesession.Session){
		func(s *cookiesession.Session) { testkit.Must(s.Destroy()) },
		(*cookiesession.Session).Deny,
	} {
		for _, status := range []int{200, 500, testkit.Panics} {
			testkit.Equal(t, "Set-Cookie", c.Look(status, end).Names(), "-s_session_test")
		}
	}
}

func TestTheTestCookieIsAlone(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	res := v.Page(func(s *cookiesession.Session) { s.SetTestCookie() })
	testkit.Equal(t, "cookies", len(res.Cookies()), 1)
	c := testkit.Issued(res, "s_session_test")
	testkit.Equal(t, "Max-Age", c.MaxAge, 600)
	testkit.Equal(t, "IsNew", v.Now().IsNew(), true)
	testkit.Equal(t, "cookies on a 5xx", len(testkit.NewVisitor(t, cookiesession.Config{}).Visit(502, func(s *cookiesession.Session) { s.SetTestCookie() }).Cookies()), 0)
	v.Visit(502, func(s *cookiesession.Session) { s.DeleteTestCookie() })
	testkit.Equal(t, "it worked", v.Now().TestCookieWorked(), true)
	v.Visit(502, func(s *cookiesession.Session) { testkit.NoError(t, s.Destroy()) })
	testkit.Equal(t, "after Destroy", v.Now().TestCookieWorked(), false)
	res = v.Page(func(s *cookiesession.Session) { s.DeleteTestCookie() })
	testkit.Equal(t, "a deletion of what is not there", len(res.Cookies()), 0)
}

func TestDenyIsAChangeWhereCookiesGo(t *testing.T) {
	for name, tc := range map[string]struct {
		before func(*cookiesession.Session)
		want   bool
	}{
		"data":          {testkit.Set("k", 1), true},
		"flash":         {testkit.Flash("f", 1), true},
		"a test cookie": {(*cookiesession.Session).SetTestCookie, true},
		"nothing":       {nil, false},
	} {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(http.StatusSeeOther, tc.before)
		var modified bool
		a := c.Look(http.StatusSeeOther, func(s *cookiesession.Session) {
			s.Deny()
			modified = s.Modified()
		})
		testkit.Equal(t, name, modified, tc.want)
		testkit.Equal(t, name+", cookies go", strings.Contains(a.Names(), "-"), tc.want)
	}
}

func TestWhatDoesNotFitBesideTheViewsIsGoneWhenPermissionComes(t *testing.T) {
	refused := 0
	v := testkit.NewVisitor(t, cookiesession.Config{MaxBytes: 1000, TrackViews: true, Consent: testkit.Consents, OnEvent: func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			refused++
		}
	}})
	v.Keep(testkit.Consent)
	v.Page(testkit.Read) // views alone
	testkit.Equal(t, "cookies of views alone", len(v.Ours()), 1)
	room := 0 // the most that fits where no views are known
	s := testkit.QuietManager(t, cookiesession.Config{MaxBytes: 1000}, cookiesession.FormatSecurecookie).Open(t.Context())
	for s.Set("k", strings.Repeat("x", room+1)) == nil {
		room++
	}
	v.Keep(testkit.NoConsent)
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("k", strings.Repeat("x", room))(s)
		id := s.ID()
		s.Allow()
		testkit.Equal(t, "ID", s.ID(), id)
		testkit.Equal(t, "refused", refused, 1)
		testkit.Equal(t, "it is still there", s.Has("k"), false)
		testkit.NoError(t, s.Set("small", 1))
	})
	testkit.Equal(t, "refused when the response went out", refused, 1)
	v.Keep(testkit.Consent)
	testkit.Equal(t, "small, the next time", v.Now().Has("small"), true)
}
