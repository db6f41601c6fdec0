package cookiesession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

var (
	consent   = &http.Cookie{Name: "consent", Value: "yes"}
	noConsent = &http.Cookie{Name: "consent", MaxAge: -1}
)

func (v *visitor) sets(cookies ...*http.Cookie) { v.jar.SetCookies(visitedSite, cookies) }

// remembered is a visitor who consented and has every kind of cookie.
func remembered(t testing.TB, cfg cookiesession.Config) *visitor {
	t.Helper()
	cfg.Consent, cfg.TrackViews = consents, true
	v := newVisitor(t, cfg)
	v.sets(consent)
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "k", 1)(s)
		flashes(t, "f", 2)(s)
		s.SetTestCookie()
	})
	if n := len(v.ours()); n != 4 {
		t.Fatalf("%d cookies of ours, want 4: this test would show nothing", n)
	}
	return v
}

// ours are the names of our cookies in the browser.
func (v *visitor) ours() (names []string) {
	for _, c := range v.jar.Cookies(visitedSite) {
		if strings.HasPrefix(c.Name, "s_") {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestWithoutPermissionNoCookieOfAnyKindIsSet(t *testing.T) {
	for _, status := range []int{200, 303, 500} {
		v := newVisitor(t, cookiesession.Config{Consent: consents, TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Minute})
		res := v.visit(status, func(s *cookiesession.Session) {
			sets(t, "k", 1)(s)
			flashes(t, "f", 1)(s)
			s.SetTestCookie()
			s.SetExpiry(cookiesession.Idle(time.Hour))
			noError(t, s.CycleID())
			s.MarkModified()
		})
		equal(t, fmt.Sprint("cookies on a ", status), len(res.Cookies()), 0)
	}
}

func TestWithoutPermissionExistingCookiesAreDeletedAtAnyStatusTouchedOrNot(t *testing.T) {
	for _, status := range []int{200, 204, 303, 404, 500} {
		for name, use := range map[string]func(*cookiesession.Session){"untouched": nil, "read": func(s *cookiesession.Session) { s.All() }} {
			v := remembered(t, cookiesession.Config{SaveEveryRequest: true})
			v.sets(noConsent)
			v.visit(status, use)
			equal(t, fmt.Sprint(name, ", cookies after a ", status), fmt.Sprint(v.ours()), "[]")
		}
	}
}

func TestWithoutPermissionTheDataIsInvisibleAndWritingWorksWithinTheRequest(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	id := v.now().ID()
	v.sets(noConsent)
	v.page(func(s *cookiesession.Session) {
		equal(t, "Allowed", s.Allowed(), false)
		equal(t, "IsNew", s.IsNew(), true)
		equal(t, "All", fmt.Sprint(s.All()), "map[]")
		equal(t, "Flashes", fmt.Sprint(s.Flashes()), "map[]")
		equal(t, "Views", fmt.Sprint(s.Views().FirstPage, s.Views().Requests), "true 1")
		equal(t, "the stored ID is shown", s.ID() == id, false)
		equal(t, "the ID stays within the request", s.ID(), s.ID())
		sets(t, "k", 3)(s)
		equal(t, "Value", s.Value("k"), any(int64(3)))
	})
	v.sets(consent)
	v.has("")
}

func TestAnIDWithoutPermissionChangesWithEachRequest(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.sets(noConsent)
	seen := map[string]bool{}
	for range 4 {
		seen[v.now().ID()] = true
	}
	equal(t, "different IDs", len(seen), 4)
}

func TestASessionOpenedAloneHasNoPermissionUntilAllow(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	line := v.request("/").Header.Get("Cookie")
	s := v.m.Open(t.Context(), line)
	equal(t, "Allowed", s.Allowed(), false)
	equal(t, "Has", s.Has("k"), false)
	s.Allow()
	equal(t, "Allowed after Allow", s.Allowed(), true)
	equal(t, "Has after Allow", s.Has("k"), true)
	equal(t, "Allowed where nobody asks", newVisitor(t, cookiesession.Config{}).m.Open(t.Context()).Allowed(), true)
}

func TestAllowBringsTheStoredDataBackWithThisRequestsWritesOnTop(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { noError(t, s.Update(map[string]any{"a": 1, "b": 1, "c": 1})) })
	id := v.now().ID()
	v.sets(noConsent)
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "a", "mine")(s)
		noError(t, s.Delete("b"))
		flashes(t, "mine", 1)(s)
		s.Allow()
		equal(t, "All", fmt.Sprint(s.All()), "map[a:mine c:1 f:2 k:1]")
		equal(t, "ID", s.ID(), id)
		equal(t, "IsNew", s.IsNew(), false)
		equal(t, "Requests", s.Views().Requests, 3)
	})
	v.sets(consent)
	v.has("a:mine c:1 f:2 k:1 mine:1")
	equal(t, "ID afterwards", v.now().ID(), id)
}

func TestClearWithoutPermissionHoldsAfterAllow(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.sets(noConsent)
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		noError(t, s.Clear())
		sets(t, "new", 1)(s)
		s.Allow()
		equal(t, "Keys", fmt.Sprint(s.Keys()), "[new]")
	})
	v.sets(consent)
	equal(t, "Keys afterwards", fmt.Sprint(v.now().Keys()), "[new]")
}

func TestDenyWinsOverConsentAndForgetsWhatThisRequestWrote(t *testing.T) {
	for _, status := range []int{200, 303, 500} {
		v := remembered(t, cookiesession.Config{})
		v.visit(status, func(s *cookiesession.Session) {
			sets(t, "mine", 1)(s)
			noError(t, s.FlashNow("now", 1))
			s.SetTestCookie()
			s.Deny()
			equal(t, "Allowed", s.Allowed(), false)
			equal(t, "All", fmt.Sprint(s.All()), "map[]")
		})
		equal(t, fmt.Sprint("cookies after a ", status), fmt.Sprint(v.ours()), "[]")
	}
}

func TestTheLastOfAllowAndDenyDecides(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "before", 1)(s)
		s.Deny()
		sets(t, "between", 1)(s)
		s.Allow()
		equal(t, "All", fmt.Sprint(s.All()), "map[between:1 f:2 k:1]")
	})
	v.has("between:1 f:2 k:1")
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { s.Allow(); s.Deny() })
	equal(t, "cookies", fmt.Sprint(v.ours()), "[]")
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
				v.sets(noConsent)
			}
			v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
				decide(s)
				equal(t, name+": k is back", s.Has("k"), false)
				equal(t, name+": f is back", s.Has("f"), false)
			})
			v.sets(consent)
			equal(t, name+": k afterwards", v.now().Has("k"), false)
			equal(t, name+": a new beginning", v.now().Has("new"), strings.Contains(name, "beginning"))
		}
	}
}

func TestAllowIsDecidedBeforeTheHeaderLeaves(t *testing.T) {
	v := remembered(t, cookiesession.Config{})
	v.sets(noConsent)
	v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		s := v.m.FromContext(r.Context())
		s.Allow()
		equal(t, "Allowed after the header left", s.Allowed(), false)
	})
	equal(t, "cookies", fmt.Sprint(v.ours()), "[]")
}

func TestValidatesVerdictIsKeptWhateverIsAllowedLater(t *testing.T) {
	var verdict error
	v := remembered(t, cookiesession.Config{Validate: validates(&verdict)})
	verdict = cookiesession.ErrRevoked
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		equal(t, "Rejected", s.Rejected(), error(cookiesession.ErrRevoked))
		s.Deny()
		s.Allow()
		equal(t, "Has", s.Has("k"), false)
		equal(t, "Rejected after Allow", s.Rejected(), error(cookiesession.ErrRevoked))
	})
	equal(t, "data", v.cookie("s_session"), nil)
	equal(t, "flash", v.cookie("s_session_flash"), nil)
}

func TestAllowIsWhatOpensASessionForValidate(t *testing.T) {
	var verdict error
	v := remembered(t, cookiesession.Config{Validate: validates(&verdict)})
	v.sets(noConsent)
	verdict = cookiesession.ErrRevoked
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "mine", 1)(s)
		equal(t, "Rejected without permission", s.Rejected(), nil)
		s.Allow()
		equal(t, "Rejected after Allow", s.Rejected(), error(cookiesession.ErrRevoked))
		equal(t, "All", fmt.Sprint(s.All()), "map[mine:1]")
	})
	v.sets(consent)
	verdict = nil
	v.has("mine:1")
}

func TestConsentIsAskedOncePerRequest(t *testing.T) {
	asked := 0
	v := newVisitor(t, cookiesession.Config{Consent: func(*http.Request) bool { asked++; return true }})
	v.page(func(s *cookiesession.Session) { s.Allowed(); k(s); s.Allowed() })
	equal(t, "asked", asked, 1)
}
