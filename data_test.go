package cookiesession_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestRenewalByReadingStartsTheIdleDeadlineAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		after  time.Duration
		do     func(*cookiesession.Session)
		status int
		want   string
	}{
		{"read after the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, testkit.Read, 200, "s_session"},
		{"read before the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10*time.Minute - time.Second, testkit.Read, 200, ""},
		{"untouched after the time", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, nil, 200, ""},
		{"read after the time on a 500", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, testkit.Read, 500, ""},
		{"read after the time, a panic", cookiesession.Config{RenewAfter: 10 * time.Minute}, 10 * time.Minute, testkit.Read, testkit.Panics, ""},
		{"every request saved", cookiesession.Config{SaveEveryRequest: true}, time.Second, nil, 200, "s_session"},
		{"reading alone", cookiesession.Config{}, 50 * time.Minute, testkit.Read, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.cfg.IdleTimeout = time.Hour
				c := testkit.NewClient(t, tc.cfg)
				var id string
				c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", "v")); id = s.ID() })
				time.Sleep(tc.after)
				a := c.Visit(tc.status, tc.do)
				testkit.Equal(t, "Set-Cookie", a.Names(), tc.want)
				if tc.want != "" {
					testkit.Equal(t, "Max-Age", a.Cookie(t, "s_session").MaxAge, 3600)
				}
				time.Sleep(time.Hour - tc.after) // the old deadline
				alive := tc.want != ""
				c.Look(204, func(s *cookiesession.Session) {
					testkit.Equal(t, "alive past the old deadline", s.Value("k") == "v", alive)
					testkit.Equal(t, "same id", s.ID() == id, alive)
				})
				time.Sleep(tc.after) // the new one
				testkit.Equal(t, "alive past the new deadline", c.Sees("k"), nil)
			})
		})
	}
}

func TestNothingAutomaticOverwritesWhatAnotherInstanceMayRead(t *testing.T) {
	type session = cookiesession.Session
	for _, tc := range []struct {
		name   string
		do     func(*session)
		status int
		want   string
	}{
		{"untouched", nil, 204, ""},
		{"read", testkit.Read, 204, ""},
		{"read, a page", testkit.Read, 200, "-s_session_flash"}, // a page drops flash whatever key sealed it
		{"read, a 500", testkit.Read, 500, ""},
		{"read, a panic", testkit.Read, testkit.Panics, ""},
		{"all flash read", func(s *session) { s.Flashes() }, 302, ""},
		{"a key deleted that nobody sees", func(s *session) { testkit.Must(s.Delete("k")) }, 204, ""},
		{"popped", func(s *session) { cookiesession.Pop[int](s, "k") }, 204, ""},
		{"written", testkit.Set("k", 2), 204, "s_session s_session_views"},
		{"written on a 500", testkit.Set("k", 2), 500, ""},
		{"destroyed", func(s *session) { testkit.Must(s.Destroy()) }, 500, "-s_session -s_session_flash -s_session_views"},
		{"denied", (*session).Deny, 500, "-s_session -s_session_flash -s_session_views"},
		{"another message", func(s *session) { testkit.Must(s.Flash("g", 1)) }, 302, "s_session_flash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cookiesession.Config{TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Second}
				c := testkit.NewClient(t, cfg)
				c.Visit(303, func(s *session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Flash("f", 1)) })
				time.Sleep(time.Minute / 2)
				cfg.Keyring = testkit.Ring(t)
				c.M = testkit.Manager(t, cfg)
				a := c.Visit(tc.status, func(s *session) {
					if tc.do != nil {
						tc.do(s)
					}
				})
				testkit.Equal(t, "Set-Cookie", a.Names(), tc.want)
			})
		})
	}
}

func TestMarkingASessionThatIsNotShownDeletesNothing(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", 1))
	unknown := c.Copy()
	unknown.M = testkit.Manager(t, cookiesession.Config{OnEvent: c.Events.Add})
	forged := c.Copy()
	forged.Jar = []string{"s_session=AAAA"}
	for name, c := range map[string]*testkit.Client{"unknown key": unknown, "unopenable": forged} {
		testkit.Equal(t, name+", marked", c.Look(200, (*cookiesession.Session).MarkModified).Names(), "")
		testkit.Equal(t, name+", a new ID", c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.CycleID()) }).Names(), "")
		testkit.Equal(t, name+", cleared", c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Clear()) }).Names(), "-s_session")
	}
}

func TestNothingAutomaticIsSetWhereABrowserWithheldItsCookies(t *testing.T) {
	for _, tc := range []struct {
		name, site string
		cookies    []string
		want       string
	}{
		{"another site's request", "cross-site", nil, ""},
		{"another site's request with somebody else's cookie", "cross-site", []string{"theme=dark"}, ""},
		{"another site's request with one of ours", "cross-site", []string{"s_session_test=1"}, "s_session_views"},
		{"a sibling host's request", "same-site", nil, "s_session_views"},
		{"our own site's request", "same-origin", nil, "s_session_views"},
		{"typed by the visitor", "none", nil, "s_session_views"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{TrackViews: true, SaveEveryRequest: true})
			c.Jar = tc.cookies
			testkit.Equal(t, "Set-Cookie", c.Look(200, nil, "Sec-Fetch-Site", tc.site).Names(), tc.want)
		})
	}
}

func TestASessionIsIssuedAnewUnderTheNewerKeyAndNeverBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older, newer := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
		ring := testkit.Ring(t, older.Secret)
		c := testkit.NewClient(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour})
		keyOf := func() string { id, _, _ := strings.Cut(c.Value("s_session"), "."); return id }
		var id string
		var created time.Time
		c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", "v")); id, created = s.ID(), s.Created() })
		c.Events.Take()
		time.Sleep(20 * time.Minute)
		testkit.Must(ring.Replace(newer, older))
		c.Events.Take()

		testkit.Equal(t, "untouched", c.Visit(200, nil).Names(), "")
		testkit.Equal(t, "on a 500", c.Visit(500, testkit.Read).Names(), "")
		testkit.Equal(t, "on a panic", c.Visit(testkit.Panics, testkit.Read).Names(), "")
		a := c.Visit(200, func(s *cookiesession.Session) {
			testkit.Equal(t, "value", s.Value("k"), any("v"))
			testkit.Equal(t, "modified", s.Modified(), false)
		})
		testkit.Equal(t, "read", a.Names(), "s_session")
		testkit.Equal(t, "events", c.Events.Take(), "rekeyed s_session")
		testkit.Equal(t, "key", keyOf(), newer.ID())
		testkit.Equal(t, "Max-Age", a.Cookie(t, "s_session").MaxAge, 40*60)
		c.Look(204, func(s *cookiesession.Session) {
			testkit.Equal(t, "id", s.ID(), id)
			testkit.Equal(t, "created", s.Created(), created)
			testkit.Equal(t, "expires in", s.ExpiresIn(), 40*time.Minute)
		})

		testkit.Equal(t, "read again", c.Visit(200, testkit.Read).Names(), "")
		later := newer
		later.SealFrom = time.Now().Add(time.Hour) // as an instance sees it whose clock is behind
		testkit.Must(ring.Replace(later, older))
		testkit.Equal(t, "read where the older key seals", c.Visit(200, testkit.Read).Names(), "")
		testkit.Must(ring.Replace(newer, older))
		time.Sleep(40 * time.Minute)
		testkit.Equal(t, "value past the deadline", c.Sees("k"), nil)
	})
}

func TestANewKeyOpensBeforeItSealsAndInstancesWithOtherClocksDoNotTossASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older := cookiesession.Key{Secret: cookiesession.NewSecret()}
		newer := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(time.Hour)}
		ahead := newer
		ahead.SealFrom = time.Now().Add(-time.Second)
		one, err := cookiesession.NewKeyring(newer, older)
		testkit.Must(err)
		other, err := cookiesession.NewKeyring(ahead, older) // its clock has passed SealFrom
		testkit.Must(err)
		c := testkit.NewClient(t, cookiesession.Config{Keyring: other})
		c.Visit(200, testkit.Set("k", "v"))
		c.M = testkit.Manager(t, cookiesession.Config{Keyring: one})
		var value any
		a := c.Visit(200, func(s *cookiesession.Session) { value = s.Value("k") })
		testkit.Equal(t, "value before SealFrom", value, any("v"))
		testkit.Equal(t, "Set-Cookie", a.Names(), "")
		// This instance seals a write with its own key. The other one then issues
		// the session anew: once for each write, and not for each read.
		c.Visit(200, testkit.Set("k", "w"))
		c.M = testkit.Manager(t, cookiesession.Config{Keyring: other})
		testkit.Equal(t, "value", c.Sees("k"), any("w"))
		testkit.Equal(t, "issued anew", c.Visit(200, testkit.Read).Names(), "s_session")
		testkit.Equal(t, "and again", c.Visit(200, testkit.Read).Names(), "")
	})
}
