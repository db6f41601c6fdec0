package dbsc_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

func TestABrowserIsBoundAtLogInAndRefreshesUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.browser()
		b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			wants(t, "before", s.b.State(r), dbsc.Unbound)
			s.logIn(nil, r, session)
			wants(t, "after Bind", s.b.State(r), dbsc.Pending)
			wants(t, "why", errors.Is(s.b.Reason(r), dbsc.ErrNoBrowser), true)
		})
		wants(t, "cookies", b.names(), "s_session s_session_bound")
		wants(t, "talk", strings.Join(b.log, ", "), "registration 200")
		for range 20 {
			b.wants("ada", dbsc.Bound)
			time.Sleep(4*time.Minute + 30*time.Second)
		}
		wants(t, "the first refresh asks for a challenge, later ones have it", strings.Join(b.log[:4], ", "),
			"registration 200, refresh 403, refresh 200, refresh 200")
	})
}

func TestABrowserThatComesBackLateIsAskedForAnotherChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		time.Sleep(9 * time.Minute)
		b.wants("ada", dbsc.Bound)
		time.Sleep(5 * 24 * time.Hour)
		b.log = nil
		b.wants("ada", dbsc.Bound)
		wants(t, "talk", strings.Join(b.log, ", "), "refresh 403, refresh 200")
	})
}

func TestABrowserWithoutTheProtocolStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).browser()
		b.plain = true
		b.visit(b.site.logIn)
		wants(t, "cookies", b.names(), "s_session")
		time.Sleep(24 * time.Hour)
		b.wants("ada", dbsc.Pending)
		b.visit(logOut)
		wants(t, "cookies after the logout", b.names(), "")
	})
}

func TestAnUntouchedSessionStaysUnopened(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.loggedIn()
	a := b.visit(func(http.ResponseWriter, *http.Request, *cookiesession.Session) {})
	wants(t, "Vary", a.Header.Get("Vary"), "")
	wants(t, "Set-Cookie", len(a.Header["Set-Cookie"]), 0)
	wants(t, "Cache-Control", a.Header.Get("Cache-Control"), "")
}

func TestAStaleSessionShowsNothingAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		delete(b.jar, "s_session_bound /")
		b.plain = true // a browser that does not refresh
		s.events = nil
		sessions := b.sessions
		b.sessions = nil
		a := b.visit(func(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			wants(t, "state", s.b.State(r), dbsc.Stale)
			wants(t, "reason", errors.Is(s.b.Reason(r), dbsc.ErrStale), true)
			wants(t, "rejected", errors.Is(session.Rejected(), dbsc.ErrStale), true)
			wants(t, "values", session.Len(), 0)
			wants(t, "new", session.IsNew(), true)
			_, _, ok := s.b.Proof(r)
			wants(t, "proof", ok, false)
		})
		wants(t, "Set-Cookie", strings.Join(a.Header["Set-Cookie"], "\n"), "")
		wants(t, "events", len(s.events), 1)
		wants(t, "event", errors.Is(s.events[0].Err, dbsc.ErrStale) && s.events[0].Kind == cookiesession.EventRefused, true)
		b.plain, b.sessions = false, sessions
		b.wants("ada", dbsc.Bound)
	})
}

func TestProofTellsWhenTheCookieEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{Lifetime: 5 * time.Minute})
		b, start := s.loggedIn(), time.Now()
		time.Sleep(time.Minute)
		b.visit(func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			proved, ends, ok := s.b.Proof(r)
			wants(t, "ok", ok, true)
			wants(t, "proved", proved.Unix(), start.Unix())
			wants(t, "ends", ends.Unix(), start.Add(5*time.Minute).Unix())
		})
	})
}

func TestSizesStayWithinTheirBounds(t *testing.T) {
	for format, most := range map[cookiesession.Format]int{cookiesession.FormatSecurecookie: 240, cookiesession.FormatCompact: 160} {
		s := newSiteWith(t, cookiesession.Config{Keyring: newRing(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})}, dbsc.Config{})
		b := s.loggedIn()
		c := b.jar["s_session_bound /"]
		if n := len("; ") + len(c.name) + len("=") + len(c.value); n > most {
			t.Errorf("%s: the bound cookie adds %d bytes to a request, want at most %d", format, n, most)
		}
	}
}

func TestConfigIsRefusedWithAllItsProblems(t *testing.T) {
	ring := newRing(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	manager := func(cfg cookiesession.Config) *cookiesession.Manager {
		cfg.Keyring = ring
		m, err := cookiesession.New(cfg)
		must(t, err)
		return m
	}
	for name, tc := range map[string]struct {
		sessions cookiesession.Config
		cfg      dbsc.Config
		want     string // the fields
	}{
		"the defaults":                              {cfg: dbsc.Config{}},
		"below another path":                        {sessions: cookiesession.Config{Path: "/app"}},
		"a lifetime of two minutes":                 {cfg: dbsc.Config{Lifetime: 2 * time.Minute}, want: "Lifetime"},
		"a lifetime just above":                     {cfg: dbsc.Config{Lifetime: 2*time.Minute + time.Second}},
		"a challenge that ends with the cookie":     {cfg: dbsc.Config{ChallengeLifetime: 10*time.Minute + 30*time.Second}, want: "ChallengeLifetime"},
		"a challenge just above":                    {cfg: dbsc.Config{ChallengeLifetime: 10*time.Minute + 31*time.Second}},
		"plain HTTP":                                {sessions: cookiesession.Config{Insecure: true}, want: "Manager"},
		"partitioned cookies":                       {sessions: cookiesession.Config{Partitioned: true, SameSite: http.SameSiteNoneMode}, want: "Manager"},
		"a path that the cookies do not reach":      {sessions: cookiesession.Config{Path: "/app"}, cfg: dbsc.Config{Path: "/x"}, want: "Path"},
		"no path":                                   {cfg: dbsc.Config{Path: "x"}, want: "Path Path"},
		"a path with a query":                       {cfg: dbsc.Config{Path: "/x?y"}, want: "Path"},
		"excluded without a slash":                  {cfg: dbsc.Config{Exclude: []string{"x"}}, want: "Exclude"},
		"an initiator that is an origin":            {cfg: dbsc.Config{AllowedRefreshInitiators: []string{"https://x"}}, want: "AllowedRefreshInitiators"},
		"a site that is no origin":                  {cfg: dbsc.Config{IncludeSite: "example.com"}, want: "IncludeSite IncludeSite"},
		"a site whose hosts do not get the cookies": {cfg: dbsc.Config{IncludeSite: "https://example.com"}, want: "IncludeSite"},
		"a site":                           {sessions: cookiesession.Config{Domain: "example.com"}, cfg: dbsc.Config{IncludeSite: "https://example.com"}},
		"a registering origin with a path": {cfg: dbsc.Config{RegisteringOrigins: []string{"https://x/y"}}, want: "RegisteringOrigins"},
		"negative times":                   {cfg: dbsc.Config{Grace: -1, UnboundTimeout: -1}, want: "Grace UnboundTimeout"},
		"several things at once, and all are named ": {cfg: dbsc.Config{Lifetime: time.Minute, Exclude: []string{""}}, want: "Lifetime Exclude"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dbsc.New(manager(tc.sessions), tc.cfg)
			var fields []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, err := range joined.Unwrap() {
					var problem *dbsc.ConfigError
					if !errors.As(err, &problem) || !strings.HasPrefix(err.Error(), "cookiesession/dbsc: Config.") {
						t.Errorf("%v is no ConfigError", err)
					}
					fields = append(fields, problem.Field)
				}
			}
			wants(t, "fields", strings.Join(fields, " "), tc.want)
		})
	}
	if _, err := dbsc.New(nil, dbsc.Config{}); err == nil {
		t.Error("a missing manager is accepted")
	}
}

func TestOutsideOfItsHandlerABindingSaysWhatToWrap(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	defer func() {
		text, _ := recover().(string)
		wants(t, "says what to wrap", strings.Contains(text, "wrap the server's outermost handler"), true)
	}()
	s.b.State(s.browser().request("GET", "/", nil))
}
