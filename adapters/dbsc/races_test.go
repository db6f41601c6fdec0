package dbsc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// set writes to the session, so that the response brings its data again.
func set(key string, value any) handler {
	return func(_ http.ResponseWriter, _ *http.Request, s *cookiesession.Session) { s.Set(key, value) }
}

// isBoundForGood checks that the data is marked: a copy without the bound
// cookie is worth nothing, and the browser goes on.
func (b *browser) isBoundForGood() {
	b.t.Helper()
	b.wants("ada", dbsc.Bound)
	thief := b.copyOf()
	delete(thief.jar, "s_session_bound /")
	thief.wants("", dbsc.Stale)
	for range 3 {
		time.Sleep(time.Hour)
		b.wants("ada", dbsc.Bound)
	}
}

func TestANavigationOverlapsWithTheRegistration(t *testing.T) {
	for name, late := range map[string]bool{"and its answer comes first": false, "and its answer comes last": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dbsc.Config{})
				b := s.browser()
				a := b.send(b.request("POST", "/login", s.logIn))
				b.keep(a)
				key := newKey()
				registration := b.registration(a.Header.Get("Secure-Session-Registration"), nil, key)
				page := b.send(b.request("GET", "/page", set("n", 1))) // has the data of before the registration
				registered := b.send(registration)
				if late {
					b.registered(key, registered)
					b.keep(page)
				} else {
					b.keep(page)
					b.registered(key, registered)
				}
				b.isBoundForGood()
			})
		})
	}
}

func TestASlowResponseBringsDataBackWithoutTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.browser()
		unmarked := b.visitUnmarked(s.logIn)
		b.wants("ada", dbsc.Bound)
		time.Sleep(time.Hour) // so slow that the bound cookie has ended
		b.jar["s_session /"] = unmarked
		a := b.load("GET", "/page", func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			wants(t, "state", s.b.State(r), dbsc.Bound)
			must(t, s.b.Bind(r)) // keeps the mark that is being repaired
		})
		wants(t, "repaired", strings.HasPrefix(a.Header.Get("Set-Cookie"), "s_session="), true)
		b.isBoundForGood()
	})
}

func TestARepairThatIsLostIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.browser()
		b.jar["s_session /"] = b.visitUnmarked(s.logIn)
		b.load("GET", "/page", func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			session.Has("user")
			w.WriteHeader(500) // on which nothing is saved
		})
		b.isBoundForGood()
	})
}

func TestTwoTabsRefreshAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		time.Sleep(10 * time.Minute)
		b.wants("ada", dbsc.Bound)
		time.Sleep(10 * time.Minute)
		bound := b.only()
		one, two := b.refresh(bound, nil), b.refresh(bound, nil)
		first, second := b.send(one), b.send(two)
		wants(t, "first", first.StatusCode, 200)
		wants(t, "second", second.StatusCode, 200)
		if first.Header.Get("Set-Cookie") == second.Header.Get("Set-Cookie") {
			t.Error("two refreshes set the same cookie value")
		}
		b.refreshed(bound, second)
		b.wants("ada", dbsc.Bound)
		b.refreshed(bound, first)
		b.isBoundForGood()
	})
}

func TestAChallengeIsAnsweredAfterANewerOneWasGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		bound := b.only()
		b.refreshed(bound, b.send(b.refresh(bound, nil)))
		old := bound.challenge
		time.Sleep(10 * time.Minute)
		b.refreshed(bound, b.send(b.refresh(bound, nil)))
		if bound.challenge == old {
			t.Fatal("there is no newer challenge")
		}
		bound.challenge = old
		time.Sleep(time.Minute)
		wants(t, "status", b.send(b.refresh(bound, nil)).StatusCode, 200)
		time.Sleep(time.Minute) // 12 minutes after it was made
		a := b.send(b.refresh(bound, nil))
		wants(t, "status of one that is too old", a.StatusCode, 403)
		wants(t, "a new one", a.Header.Get("Secure-Session-Challenge") != "", true)
		b.isBoundForGood()
	})
}

func TestKeysAreRotatedAtAnyMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := cookiesession.Key{Secret: cookiesession.NewSecret()}
		next := cookiesession.Key{Secret: cookiesession.NewSecret()}
		both := newRing(t, next, old) // next seals, old opens
		s := newSiteWith(t, cookiesession.Config{Keyring: newRing(t, old)}, dbsc.Config{})
		use := func(ring *cookiesession.Keyring) {
			s.ring = ring
			s.restart(dbsc.Config{})
		}
		b := s.browser()
		a := b.send(b.request("GET", "/login", s.logIn))
		b.keep(a)
		use(both)
		key := newKey()
		b.registered(key, b.send(b.registration(a.Header.Get("Secure-Session-Registration"), nil, key)))
		b.wants("ada", dbsc.Bound)

		s.ring = newRing(t, old)
		s.restart(dbsc.Config{})
		c := s.loggedIn()
		bound := c.only()
		c.refreshed(bound, c.send(c.refresh(bound, nil))) // the challenge is the old key's
		challenge := bound.challenge
		use(both)
		c.wants("ada", dbsc.Bound)
		time.Sleep(10 * time.Minute)
		wants(t, "answered while the old key opens", c.send(c.refresh(bound, nil)).StatusCode, 200)
		c.refreshed(bound, c.send(c.refresh(bound, nil))) // the address is the new key's now
		bound.challenge = challenge
		use(newRing(t, next)) // the old key is retired
		a = c.send(c.refresh(bound, nil))
		wants(t, "a challenge of the key that is retired", a.StatusCode, 403)
		wants(t, "helps with a new one", c.refreshed(bound, a), true)
		c.isBoundForGood()
	})
}

func TestAnInstanceThatIsBehindKeepsTheBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := cookiesession.Key{Secret: cookiesession.NewSecret()}
		next := cookiesession.Key{Secret: cookiesession.NewSecret()}
		s := newSiteWith(t, cookiesession.Config{Keyring: newRing(t, old)}, dbsc.Config{})
		b := s.loggedIn()
		data := b.jar["s_session /"]
		s.ring = newRing(t, next, old)
		s.restart(dbsc.Config{})
		time.Sleep(10 * time.Minute)
		b.wants("ada", dbsc.Bound) // the bound cookie is the next key's
		bound := b.jar["s_session_bound /"]
		s.ring = newRing(t, old)
		s.restart(dbsc.Config{})
		b.jar["s_session /"] = data
		var a answer
		for range 2 {
			a = b.load("GET", "/page", func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
				wants(t, "state", s.b.State(r), dbsc.Stale)
			})
			wants(t, "nothing is deleted, another instance can read it", len(a.Header["Set-Cookie"]), 0)
		}
		s.ring = newRing(t, next, old)
		s.restart(dbsc.Config{})
		wants(t, "the bound cookie", b.jar["s_session_bound /"], bound)
		b.isBoundForGood()
	})
}

func TestTwoRegistrationsAtOnceEndWithOneBinding(t *testing.T) {
	for name, order := range map[string]struct{ cookies, bindings [2]int }{
		"in order":                                 {[2]int{0, 1}, [2]int{0, 1}},
		"the other way":                            {[2]int{1, 0}, [2]int{1, 0}},
		"cookies one way, bindings the other":      {[2]int{0, 1}, [2]int{1, 0}},
		"cookies the other way, bindings in order": {[2]int{1, 0}, [2]int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dbsc.Config{})
				b := s.browser()
				a := b.send(b.request("GET", "/login", s.logIn))
				b.keep(a)
				offer := a.Header.Get("Secure-Session-Registration")
				keys := []*ecdsaKey{newKey(), newKey()}
				answers := []answer{}
				for _, key := range keys {
					answers = append(answers, b.send(b.registration(offer, nil, key)))
				}
				for _, i := range order.bindings {
					b.registered(keys[i], answers[i])
				}
				for _, i := range order.cookies {
					b.keep(answers[i])
				}
				wants(t, "bindings", len(b.sessions), 2)
				b.isBoundForGood()
				for _, bound := range b.all() {
					b.renew(bound, nil)
				}
				b.isBoundForGood()
				b.only()
			})
		})
	}
}

func TestASlowRefreshOfTheSessionBeforeIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		old := b.only()
		b.refreshed(old, b.send(b.refresh(old, nil)))
		slow := b.send(b.refresh(old, nil))
		b.visit(s.logIn)
		b.refreshed(old, slow) // the bound cookie is the old session's again, and the browser is content
		a := b.load("GET", "/page", func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			wants(t, "state", s.b.State(r), dbsc.Stale)
		})
		wants(t, "the response takes that cookie away", strings.HasPrefix(a.Header.Get("Set-Cookie"), "s_session_bound=; "), true)
		wants(t, "and nothing else", len(a.Header["Set-Cookie"]), 1)
		wants(t, "and is nobody else's", a.Header.Get("Cache-Control"), "private")
		b.isBoundForGood()
		b.renew(old, nil)
		b.isBoundForGood()
		b.only()
	})
}

func TestABrowserWhoseClockIsWrongIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		b.keepCookies() // it believes that the bound cookie lives for another day
		time.Sleep(time.Hour)
		b.wants("", dbsc.Stale)
		b.isBoundForGood()
	})
}

func TestALogInOverAStaleSessionIsBoundAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		b.sessions = map[string]*boundSession{} // the browser has lost its keys
		time.Sleep(time.Hour)
		b.wants("", dbsc.Stale)
		b.visit(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			s.logIn(w, r, session)
			wants(t, "state", s.b.State(r), dbsc.Pending)
		})
		b.isBoundForGood()
		b.only()
	})
}

func TestAFreshServerServesEveryStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.browser()
		a := b.send(b.request("GET", "/login", s.logIn))
		b.keep(a)
		s.restart(dbsc.Config{})
		key := newKey()
		b.registered(key, b.send(b.registration(a.Header.Get("Secure-Session-Registration"), nil, key)))
		bound := b.only()
		for range 3 {
			s.restart(dbsc.Config{})
			a = b.send(b.refresh(bound, nil))
			b.refreshed(bound, a)
		}
		wants(t, "status", a.StatusCode, 200)
		b.isBoundForGood()
	})
}
