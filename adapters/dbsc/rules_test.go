package dbsc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// crossSite is a link on a page of another site.
var crossSite = []string{"Sec-Fetch-Site", "cross-site"}

func TestARefreshWithoutCookiesIsAnsweredFromItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		for range 3 {
			time.Sleep(time.Hour)
			b.wants("ada", dbsc.Bound, crossSite...)
		}
		jar := b.jar
		b.jar = map[string]kept{} // the visitor has blocked cookies for a moment
		b.prepare(b.request("GET", "/page", nil))
		wants(t, "the binding goes on", len(b.sessions), 1)
		b.jar = jar
		b.wants("ada", dbsc.Bound)
	})
}

func TestARefreshWithTheCookieOfAnotherSessionEndsTheBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		old := b.only()
		b.visit(s.logIn) // CycleID: another session, bound anew
		wants(t, "bindings", len(b.sessions), 2)
		time.Sleep(time.Hour)
		b.renew(old, nil)
		b.wants("ada", dbsc.Bound)
		if b.only() == old {
			t.Error("the binding that goes on is the old one")
		}
	})
}

func TestWhatMayBeOurOwnFaultIs503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := cookiesession.Key{Secret: cookiesession.NewSecret()}
		newer := cookiesession.Key{Secret: cookiesession.NewSecret()}
		s := newSiteWith(t, cookiesession.Config{Keyring: newRing(t, key, newer)}, dbsc.Config{})
		b := s.loggedIn()
		time.Sleep(time.Hour)
		s.ring = newRing(t, newer) // an instance that does not have the key
		s.restart(dbsc.Config{})
		b.wants("", dbsc.Unbound)
		wants(t, "talk", b.log[len(b.log)-1], "refresh 503")
		a := b.send(b.registration(`(ES256);path="/.well-known/dbsc/registration";challenge="AAAA.x"`, nil, newKey()))
		wants(t, "registration with a challenge of an unknown key", a.StatusCode, 503)
		s.ring = newRing(t, key, newer)
		s.restart(dbsc.Config{})
		b.wants("ada", dbsc.Bound)
	})
}

func TestARegistrationThatCannotBeJudgedIs503(t *testing.T) {
	key, newer := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
	fails := false
	s := newSiteWith(t, cookiesession.Config{
		Keyring: newRing(t, key),
		Validate: func(ctx, *cookiesession.Session) error {
			if fails {
				return errors.New("no database")
			}
			return nil
		},
	}, dbsc.Config{})
	b := s.browser()
	b.plain = true
	offer := b.visit(s.logIn).Header.Get("Secure-Session-Registration")
	fails = true
	wants(t, "Validate cannot tell", b.send(b.registration(offer, nil, newKey())).StatusCode, 503)
	fails = false
	data := b.jar["s_session /"]
	s.ring = newRing(t, newer)
	s.restart(dbsc.Config{})
	other := s.browser()
	other.plain = true
	offer = other.visit(s.logIn).Header.Get("Secure-Session-Registration")
	other.jar["s_session /"] = data
	wants(t, "data of an unknown key", other.send(other.registration(offer, nil, newKey())).StatusCode, 503)
}

func TestABindingThatNobodyUsedFor400DaysEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		b.jar = map[string]kept{}
		bound := b.only()
		time.Sleep(400*24*time.Hour - time.Second)
		wants(t, "a second before", b.send(b.refresh(bound, nil)).StatusCode, 403)
		time.Sleep(time.Second)
		b.refreshed(bound, b.send(b.refresh(bound, nil)))
		wants(t, "bindings", len(b.sessions), 0)
	})
}

func TestARefreshWithDataThatIsOverEndsTheBinding(t *testing.T) {
	for name, why := range map[string]error{
		"revoked": cookiesession.ErrRevoked, "not to be told": errors.New("no database"), "expired": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := false
				s := newSiteWith(t, cookiesession.Config{IdleTimeout: time.Hour, Validate: func(ctx, *cookiesession.Session) error {
					if over {
						return why
					}
					return nil
				}}, dbsc.Config{})
				b := s.loggedIn()
				bound := b.only()
				b.keepCookies()
				if over = true; why == nil {
					time.Sleep(time.Hour)
				}
				b.refreshed(bound, b.send(b.refresh(bound, nil)))
				wants(t, "the binding goes on", len(b.sessions) == 1, name == "not to be told")
			})
		})
	}
}

func TestWhatALaterVersionBoundIsNotShown(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	for _, later := range [][]byte{{3}, {2, 0, 0, 0, 0}, {9, 0, 0, 0, 0, 0, 0, 0, 0}, {}} {
		b := s.browser()
		b.visit(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			must(t, session.Set("user", "ada"))
			must(t, session.SetMetadata("dbsc", later))
		})
		if len(later) == 0 {
			b.wants("ada", dbsc.Unbound)
		} else {
			b.wants("", dbsc.Stale)
		}
	}
}

func TestALogInOverABoundSessionEndsTheBindingBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		old := b.only()
		b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			must(t, session.Destroy())
			must(t, session.Set("user", "ada"))
			must(t, s.b.Bind(r))
		})
		b.renew(old, b.request("GET", "/", nil, crossSite...)) // without the cookies that would tell
		b.only()
		b.isBoundForGood()
	})
}

func TestTheServersOwnRequestIsHandedBack(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /upload/{id}", func(w http.ResponseWriter, r *http.Request) { must(t, r.ParseMultipartForm(1)) })
	body := "--x\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\ntext\r\n--x--\r\n"
	r := httptest.NewRequest("POST", "/upload/7", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	s.b.Handler(mux).ServeHTTP(httptest.NewRecorder(), r)
	wants(t, "pattern, for what logs outside", r.Pattern, "POST /upload/{id}")
	wants(t, "form, for net/http to remove its files", r.MultipartForm != nil, true)
}

func TestARefreshNeverWritesTheData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSiteWith(t, cookiesession.Config{SaveEveryRequest: true, TrackViews: true}, dbsc.Config{})
		b := s.loggedIn()
		time.Sleep(10 * time.Minute)
		bound := b.only()
		for range 2 {
			a := b.send(b.refresh(bound, nil))
			for _, c := range a.Cookies() {
				wants(t, "cookie", c.Name, "s_session_bound")
			}
			b.refreshed(bound, a)
		}
		wants(t, "talk", b.has("s_session_bound", 0), true)
	})
}

func TestARefreshOnItsWayAtTheLogOutBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		bound := b.only()
		b.refreshed(bound, b.send(b.refresh(bound, nil))) // it has a challenge now
		late := b.send(b.refresh(bound, nil))
		wants(t, "late", late.StatusCode, 200)
		b.visit(logOut)
		b.refreshed(bound, late)
		wants(t, "cookies", b.names(), "s_session_bound s_session_bound.end")
		time.Sleep(time.Hour)
		b.wants("", dbsc.Unbound)
		wants(t, "bindings", len(b.sessions), 0)
		wants(t, "cookies after the next refresh", b.names(), "")
	})
}

func TestTheServerAcceptsTheBoundCookieForHalfAMinuteMore(t *testing.T) {
	for _, tc := range []struct {
		after time.Duration
		state dbsc.State
	}{{10*time.Minute + 29*time.Second, dbsc.Bound}, {10*time.Minute + 30*time.Second, dbsc.Stale}} {
		synctest.Test(t, func(t *testing.T) {
			b := newSite(t, dbsc.Config{}).loggedIn()
			c := b.jar["s_session_bound /"]
			wants(t, "Max-Age", time.Until(c.ends), 10*time.Minute)
			c.ends = time.Time{}
			b.jar["s_session_bound /"] = c
			b.sessions = nil
			time.Sleep(tc.after)
			_, state := b.sees()
			wants(t, tc.after.String(), state, tc.state)
		})
	}
}

func TestOnlyASessionThatAskedAndIsNotBoundIsRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b, other := s.browser(), s.browser()
		b.plain, other.plain = true, true
		offer := b.visit(s.logIn).Header.Get("Secure-Session-Registration")
		register := func(b *browser) answer { return b.send(b.registration(offer, nil, newKey())) }
		other.visit(s.logIn)
		wants(t, "another session that asked", register(other).StatusCode, 400)
		other.visit(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			must(t, session.Destroy())
			must(t, session.Set("k", 1))
		})
		wants(t, "a session that did not ask", register(other).StatusCode, 400)
		first := register(b)
		wants(t, "the one that asked", first.StatusCode, 200)
		b.keep(first)
		again := register(b)
		wants(t, "one that is bound", again.StatusCode, 400)
		wants(t, "and is told nothing", again.body+strings.Join(again.Header["Set-Cookie"], ""), "")
		b.wants("ada", dbsc.Bound)
		time.Sleep(12 * time.Minute)
		wants(t, "with a challenge that has ended", register(s.browser()).StatusCode, 400)
	})
}

func TestLinksFromOtherSitesRefreshOrAskOnceMore(t *testing.T) {
	page := `http-equiv="refresh" content="0"`
	for name, tc := range map[string]struct {
		sameSite   http.SameSite
		initiators []string
		any        bool
	}{
		"Lax":                       {http.SameSiteLaxMode, nil, true},
		"Strict":                    {http.SameSiteStrictMode, nil, true},
		"None":                      {http.SameSiteNoneMode, nil, false},
		"Lax, with nobody allowed":  {http.SameSiteLaxMode, []string{}, false},
		"None, with anybody so set": {http.SameSiteNoneMode, []string{"*"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSiteWith(t, cookiesession.Config{SameSite: tc.sameSite}, dbsc.Config{AllowedRefreshInitiators: tc.initiators})
				b := s.loggedIn()
				wants(t, "the browser is told", strings.Join(b.only().initiators, " ") == "*", tc.any)
				time.Sleep(time.Hour)
				a := b.load("GET", "/page", nil, crossSite...)
				wants(t, "a page that asks again", strings.Contains(a.body, page), !tc.any)
				if !tc.any {
					wants(t, "no-store", a.Header.Get("Cache-Control"), "no-store")
					wants(t, "Set-Cookie", len(a.Header["Set-Cookie"]), 0)
				}
				b.wants("ada", dbsc.Bound) // the second request is our own page's
			})
		})
	}
	t.Run("it does not ask where asking does not help", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, cfg := range []dbsc.Config{{}, {AllowedRefreshInitiators: []string{}}} {
				b := newSite(t, cfg).loggedIn()
				thief := b.copyOf()
				if cfg.AllowedRefreshInitiators == nil {
					delete(thief.jar, "s_session_bound /") // the browser would have refreshed before the first request
				} else {
					thief.keepCookies() // the browser would not refresh before the second one
				}
				time.Sleep(time.Hour)
				a := thief.load("GET", "/page", nil, crossSite...)
				wants(t, "a page that asks again", strings.Contains(a.body, page), false)
			}
		})
	})
	t.Run("it asks once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newSite(t, dbsc.Config{AllowedRefreshInitiators: []string{}}).loggedIn()
			time.Sleep(time.Hour)
			thief := b.copyOf()
			wants(t, "from another site", strings.Contains(thief.load("GET", "/page", nil, crossSite...).body, page), true)
			wants(t, "from another host of the site", strings.Contains(thief.load("GET", "/page", nil, "Sec-Fetch-Site", "same-site").body, page), true)
			thief.wants("", dbsc.Stale)
			visitor := b.site.browser() // has nothing: is asked nothing
			wants(t, "a visitor without a session", strings.Contains(visitor.load("GET", "/page", nil, crossSite...).body, page), false)
			unbound := b.site.browser()
			unbound.plain = true
			unbound.visit(b.site.logIn)
			wants(t, "an unbound session", strings.Contains(unbound.load("GET", "/page", nil, crossSite...).body, page), false)
			wants(t, "no page", strings.Contains(thief.load("GET", "/page", nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image").body, page), false)
			wants(t, "a form", strings.Contains(thief.load("POST", "/page", nil, crossSite...).body, page), false)
		})
	})
}

func TestWhereTheBrowserCouldNotRefreshThePageTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		time.Sleep(time.Hour)
		b.offline = true
		a := b.load("GET", "/page", nil)
		wants(t, "status", a.StatusCode, 503)
		wants(t, "Retry-After", a.Header.Get("Retry-After"), "2")
		wants(t, "page", strings.Contains(a.body, `http-equiv="refresh" content="2"`), true)
		wants(t, "Set-Cookie", len(a.Header["Set-Cookie"]), 0)
		wants(t, "nothing is granted", func() bool { user, _ := b.copyOf().sees("Secure-Session-Skipped", "unreachable"); return user == "" }(), true)
		b.offline = false
		b.wants("ada", dbsc.Bound)

		for skipped, status := range map[string]int{
			"":                                    200,
			"unreachable":                         503,
			`server_error;session_identifier="x"`: 503,
			`something, unreachable`:              503,
			"quota_exceeded":                      200,
			`"unreachable"`:                       200,
			"unreachable, ((":                     200,
			"unreachable" + strings.Repeat(", a", 600): 200,
		} {
			thief := b.copyOf()
			delete(thief.jar, "s_session_bound /")
			var reason *dbsc.StaleError
			a := thief.load("GET", "/page", func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
				wants(t, skipped+": values", session.Len(), 0)
				wants(t, skipped+": stale", errors.As(s.b.Reason(r), &reason), true)
			}, "Secure-Session-Skipped", skipped)
			wants(t, skipped, a.StatusCode, status)
			if skipped == "quota_exceeded" {
				wants(t, "Skipped", reason.Skipped, skipped)
			}
		}
	})
}

func TestAProgramCanMakeThePageThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Wait: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seconds, ok := dbsc.Again(r)
			wants(t, "seconds", seconds, 2)
			wants(t, "ok", ok, true)
			w.WriteHeader(418)
		})})
		b := s.loggedIn()
		time.Sleep(time.Hour)
		b.offline = true
		wants(t, "status", b.load("GET", "/page", nil).StatusCode, 418)
		_, ok := dbsc.Again(b.request("GET", "/", nil))
		wants(t, "elsewhere", ok, false)
	})
}

func TestWhatEndsASessionEndsItInTheBrowserToo(t *testing.T) {
	revoke := false
	for name, tc := range map[string]struct {
		cfg   cookiesession.Config
		end   func(b *browser)
		after time.Duration
	}{
		"logout": {end: func(b *browser) { b.visit(logOut) }},
		"logout after the quota": {end: func(b *browser) {
			delete(b.jar, "s_session_bound /")
			b.offline = true
			b.load("POST", "/out", logOut)
			b.offline = false
		}},
		"logout on an error's way": {end: func(b *browser) {
			b.visit(func(w http.ResponseWriter, r *http.Request, s *cookiesession.Session) {
				s.Destroy()
				w.WriteHeader(500)
			})
		}},
		"logout before a panic": {end: func(b *browser) {
			b.visit(func(w http.ResponseWriter, r *http.Request, s *cookiesession.Session) { s.Destroy(); panic("x") })
		}},
		"Deny": {end: func(b *browser) {
			b.visit(func(w http.ResponseWriter, r *http.Request, s *cookiesession.Session) { s.Deny() })
		}},
		"revocation": {cfg: cookiesession.Config{Validate: func(_ ctx, s *cookiesession.Session) error {
			if revoke {
				return cookiesession.ErrRevoked
			}
			return nil
		}}, end: func(b *browser) { revoke = true; b.sees(); revoke = false }},
		"expiry": {cfg: cookiesession.Config{IdleTimeout: time.Minute}, end: func(b *browser) { time.Sleep(time.Minute); b.keepCookies(); b.sees() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newSiteWith(t, tc.cfg, dbsc.Config{}).loggedIn()
				tc.end(b)
				wants(t, "cookies", b.names(), "s_session_bound.end")
				wants(t, "its path", b.jar["s_session_bound.end /.well-known/dbsc"].sameSite, http.SameSiteNoneMode)
				b.log = nil
				b.load("GET", "/page", nil, crossSite...) // even where the browser withholds what it can
				wants(t, "talk", strings.Join(b.log, ", "), "refresh 200")
				wants(t, "bindings", len(b.sessions), 0)
				wants(t, "cookies at last", b.names(), "")
			})
		})
	}
}

func TestALogOutOfAnUnboundSessionLeavesNothing(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.browser()
	b.plain = true
	b.visit(s.logIn)
	b.visit(logOut)
	wants(t, "cookies", b.names(), "")
}

func TestAnEndSignEndsNoOtherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b, other := s.loggedIn(), s.loggedIn()
		other.visit(logOut)
		sign := other.jar["s_session_bound.end /.well-known/dbsc"]
		b.jar["planted"] = sign
		time.Sleep(time.Hour)
		b.wants("ada", dbsc.Bound)
	})
}

func TestWithoutPermissionABindingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		allowed := true
		cfg := cookiesession.Config{Consent: func(*http.Request) bool { return allowed }}
		s := newSiteWith(t, cfg, dbsc.Config{})
		b, late := s.loggedIn(), s.browser()
		late.plain = true
		asked := late.visit(s.logIn).Header.Get("Secure-Session-Registration")
		time.Sleep(time.Minute)
		allowed = false
		for _, jar := range []map[string]kept{late.jar, {}} {
			late.jar = jar
			a := late.send(late.registration(asked, nil, newKey()))
			wants(t, "a registration", a.StatusCode, 400)
			wants(t, "sets", len(a.Header["Set-Cookie"]), 0)
		}
		time.Sleep(time.Hour)
		bound := b.only()
		a := b.send(b.refresh(bound, b.request("GET", "/", nil, crossSite...)))
		wants(t, "without cookies nothing is known", a.StatusCode, 503)
		wants(t, "and nothing is set", len(a.Header["Set-Cookie"]), 0)
		b.visit(nil)
		wants(t, "bindings", len(b.sessions), 0)
		offer := ""
		b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			must(t, s.b.Bind(r))
			offer = w.Header().Get("Secure-Session-Registration")
		})
		wants(t, "offer", offer, "")
		b.plain = true
		a = b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			s.logIn(w, r, session)
			session.Allow()
		})
		wants(t, "offer, where permission comes after Bind", a.Header.Get("Secure-Session-Registration") != "", true)
	})
}

func TestEveryCookieNameIsOneThatBrowsersTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSiteWith(t, cookiesession.Config{HostPrefix: true}, dbsc.Config{}).loggedIn()
		wants(t, "cookies", b.names(), "__Host-s_session __Host-s_session_bound")
		b.visit(logOut)
		wants(t, "the end sign has a path, which __Host- forbids", b.names(), "s_session_bound.end")
		time.Sleep(time.Hour)
		b.visit(nil)
		wants(t, "bindings", len(b.sessions), 0)
	})
}

func TestCycleIDMakesTheBindingAnotherSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Require: true})
		b := s.loggedIn()
		old := b.only()
		b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			must(t, session.CycleID())
			wants(t, "state", s.b.State(r), dbsc.Unbound)
		})
		b.wants("ada", dbsc.Pending) // Bind was forgotten: the next request asks by itself
		b.wants("ada", dbsc.Bound)
		time.Sleep(time.Hour)
		b.renew(old, nil)
		b.wants("ada", dbsc.Bound)
		if b.only() == old {
			t.Error("the old binding goes on")
		}
	})
}

func TestClearKeepsTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			wants(t, "keys", strings.Join(session.Keys(), " "), "user")
			must(t, session.Clear())
			must(t, session.Set("user", "grace"))
		})
		b.wants("grace", dbsc.Bound)
		thief := b.copyOf()
		delete(thief.jar, "s_session_bound /")
		thief.wants("", dbsc.Stale)
	})
}

func TestRequireEndsWhatNobodyHasBoundInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg   dbsc.Config
		after time.Duration
		user  string
	}{
		"without it nothing ends":    {dbsc.Config{}, 24 * time.Hour, "ada"},
		"within grace":               {dbsc.Config{Require: true}, 2 * time.Minute, "ada"},
		"after grace":                {dbsc.Config{Require: true}, 2*time.Minute + time.Second, ""},
		"after a grace of its own":   {dbsc.Config{Require: true, Grace: time.Hour}, time.Hour + time.Second, ""},
		"within the timeout":         {dbsc.Config{UnboundTimeout: time.Hour}, time.Hour, "ada"},
		"after the timeout":          {dbsc.Config{UnboundTimeout: time.Hour}, time.Hour + time.Second, ""},
		"on a path that is excluded": {dbsc.Config{Require: true, Exclude: []string{"/page"}}, time.Hour, "ada"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, tc.cfg)
				b := s.browser()
				b.plain = true // the offer was stripped, or the browser does not know it
				b.visit(s.logIn)
				visitor := s.browser()
				visitor.plain = true
				visitor.visit(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					session.Set("user", "nobody")
				})
				time.Sleep(tc.after)
				user, _ := b.sees()
				wants(t, "user", user, tc.user)
				wants(t, "cookies", b.names() == "", tc.user == "")
				visitor.wants("nobody", dbsc.Unbound) // who did not ask is not bounded
			})
		})
	}
}

func TestRequireHidesAndDoesNotEndWhatCouldNotRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Require: true})
		b := s.browser()
		unmarked := b.visitUnmarked(s.logIn)
		time.Sleep(time.Hour)
		b.jar["s_session /"] = unmarked // a slow response has put it back
		b.offline = true
		wants(t, "status", b.load("GET", "/page", nil).StatusCode, 503)
		b.offline = false
		b.wants("ada", dbsc.Bound)
	})
}

func TestExcludedPathsNeedNoFreshCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Exclude: []string{"/static", "/page"}})
		b := s.browser()
		b.visit(s.logIn)
		wants(t, "the browser is told", strings.Join(b.only().exclude, " "), "/static /page")
		time.Sleep(time.Hour)
		b.log = nil
		b.wants("ada", dbsc.Stale)
		wants(t, "talk", strings.Join(b.log, ", "), "")
		for path, state := range map[string]dbsc.State{"/static": dbsc.Stale, "/static/x": dbsc.Stale, "/statics": dbsc.Bound, "/": dbsc.Bound} {
			delete(b.jar, "s_session_bound /")
			b.load("GET", path, func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
				wants(t, path, s.b.State(r), state)
				wants(t, path, session.Has("user"), true)
			})
		}
	})
}

func TestProveAsksForAFreshProofAndTheRequestIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		ran := 0
		pay := func(w http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			s.b.Prove(30*time.Second, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ })).ServeHTTP(w, r)
		}
		b.load("POST", "/pay?x=1", pay)
		wants(t, "a proof of this moment is enough", ran, 1)
		b.log = nil
		time.Sleep(5 * time.Minute)
		wants(t, "status", b.load("POST", "/pay?x=1", pay).StatusCode, 200)
		wants(t, "ran", ran, 2)
		wants(t, "talk: the challenge came with the redirect", strings.Join(b.log, ", "), "refresh 200")

		time.Sleep(5 * time.Minute) // the browser has a challenge of the last refresh, which is too old to prove anything now
		b.log = nil
		b.load("POST", "/pay", pay)
		wants(t, "ran again", ran, 3)
		wants(t, "talk", strings.Join(b.log, ", "), "refresh 200")

		time.Sleep(5 * time.Minute)
		thief := b.copyOf()
		a := thief.load("POST", "/pay", pay)
		wants(t, "a thief", a.StatusCode, 403)
		wants(t, "a thief's body", a.body, "")
		unbound := s.browser()
		wants(t, "an unbound session", unbound.load("POST", "/pay", pay).StatusCode, 403)
		a = b.send(b.request("POST", "//evil.example/", pay))
		wants(t, "no redirect to another host", a.Header.Get("Location"), "")
		wants(t, "ran in the end", ran, 3)
	})
}

func TestBeyondItsQuotaABrowserSeesAnEmptySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		time.Sleep(time.Hour)
		b.wants("ada", dbsc.Bound) // it has a challenge now
		b.quota = 0
		time.Sleep(time.Hour)
		b.wants("", dbsc.Stale)
		b.quota = 6
		b.wants("ada", dbsc.Bound)
	})
}

func TestAnExcludedOrLostRegistrationIsOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.browser()
		b.plain = true // the registration got lost
		b.visit(s.logIn)
		look := func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) { session.Has("user") }
		offered := func(header ...string) bool {
			return b.visit(look, header...).Header.Get("Secure-Session-Registration") != ""
		}
		wants(t, "while the first one may be on its way", offered(), false)
		time.Sleep(10 * time.Second)
		wants(t, "to a script", offered("Sec-Fetch-Dest", "empty"), false)
		wants(t, "where it would bring no cookies", offered(crossSite...), false)
		wants(t, "to a page", offered(), true)
		wants(t, "not with an error", b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			session.Has("user")
			w.WriteHeader(500)
		}).Header.Get("Secure-Session-Registration"), "")
		time.Sleep(time.Hour)
		wants(t, "not for ever", offered(), false)
		b.plain = false
		b.visit(func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) { must(t, s.b.Bind(r)) })
		b.wants("ada", dbsc.Bound) // Bind offers whenever it is called
		wants(t, "bound: no offer", b.visit(func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) { must(t, s.b.Bind(r)) }).Header.Get("Secure-Session-Registration"), "")
	})
}

func TestALogInThatAnotherSiteCausedIsBoundToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Require: true})
		b := s.browser()
		b.visit(s.logIn, crossSite...) // the way back from a login elsewhere: the registration brings no cookies
		wants(t, "talk", strings.Join(b.log, ", "), "registration 200")
		b.wants("ada", dbsc.Bound)
		thief := b.copyOf()
		delete(thief.jar, "s_session_bound /")
		thief.wants("", dbsc.Stale) // the request after it has marked the data
		time.Sleep(time.Hour)
		b.wants("ada", dbsc.Bound)
	})
}

func TestAnAnswerOfAnErrorAsksForNothing(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.browser()
	a := b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		s.logIn(w, r, session)
		w.WriteHeader(503)
	})
	wants(t, "offer", a.Header.Get("Secure-Session-Registration"), "")
	a = b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		s.logIn(w, r, session)
		must(t, session.Destroy())
	})
	wants(t, "offer of a session that is gone", a.Header.Get("Secure-Session-Registration"), "")
	b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		w.WriteHeader(200)
		wants(t, "too late", errors.Is(s.b.Bind(r), cookiesession.ErrCommitted), true)
	})
}

func TestBindLeavesAStaleSessionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		delete(b.jar, "s_session_bound /")
		sessions := b.sessions
		b.sessions = nil
		a := b.visit(func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			wants(t, "refused", errors.Is(s.b.Bind(r), dbsc.ErrStale), true)
		})
		wants(t, "Set-Cookie", len(a.Header["Set-Cookie"]), 0)
		b.sessions = sessions
		b.wants("ada", dbsc.Bound)
	})
}

func TestTheFirstChallengeMayComeWithTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{ChallengeAtRegistration: true}).loggedIn()
		time.Sleep(10 * time.Minute)
		b.wants("ada", dbsc.Bound)
		wants(t, "talk", strings.Join(b.log, ", "), "registration 200, refresh 200")
	})
}

func TestARegistrationIsNoPageView(t *testing.T) {
	s := newSiteWith(t, cookiesession.Config{TrackViews: true}, dbsc.Config{})
	for _, plain := range []bool{true, false} {
		b := s.browser()
		b.plain = plain
		b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			s.logIn(w, r, session)
			must(t, session.Flash("hello", "ada"))
		})
		wants(t, "registered", len(b.log) == 0, plain)
		b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			wants(t, "pages, this one included", session.Views().Pages, 2)
			wants(t, "requests", session.Views().Requests, 2)
			wants(t, "flash", session.Value("hello"), any("ada"))
		})
	}
}

func TestAWholeSiteIsBound(t *testing.T) {
	s := newSiteWith(t, cookiesession.Config{Domain: "example.com"}, dbsc.Config{
		IncludeSite: "https://example.com", RegisteringOrigins: []string{"https://app.example.com"},
	})
	b := s.browser()
	a := b.visit(s.logIn)
	b.wants("ada", dbsc.Bound)
	a = b.load("GET", "/.well-known/device-bound-sessions", nil)
	wants(t, "well-known", a.body, `{"registering_origins":["https://app.example.com"]}`)
	a = newSite(t, dbsc.Config{}).browser().load("GET", "/.well-known/device-bound-sessions", nil)
	wants(t, "without one it is the program's own", a.body, "")
}
