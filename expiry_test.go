package cookiesession_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// lateVisitor has a browser that never drops the cookies of prepare. So only the
// server can end its session.
func lateVisitor(t testing.TB, cfg cookiesession.Config, prepare func(*cookiesession.Session)) *testkit.Visitor {
	t.Helper()
	v := testkit.NewVisitor(t, cfg)
	v.Page(prepare)
	return v.Copied()
}

func k(s *cookiesession.Session) { s.Set("k", 1) }

func withExpiry(e cookiesession.Expiry) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { k(s); s.SetExpiry(e) }
}

func TestASessionEndsAtTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name   string
		cfg    cookiesession.Config
		expiry func() cookiesession.Expiry
		ends   time.Duration
	}{
		{"default", cookiesession.Config{}, nil, 14 * 24 * time.Hour},
		{"idle", cookiesession.Config{IdleTimeout: time.Hour}, nil, time.Hour},
		{"absolute before idle", cookiesession.Config{AbsoluteTimeout: time.Hour}, nil, time.Hour},
		{"idle before absolute", cookiesession.Config{IdleTimeout: time.Minute, AbsoluteTimeout: time.Hour}, nil, time.Minute},
		{"idle of its own, shorter", cookiesession.Config{}, func() cookiesession.Expiry { return cookiesession.Idle(time.Hour) }, time.Hour},
		{"idle of its own, longer", cookiesession.Config{IdleTimeout: time.Minute}, func() cookiesession.Expiry { return cookiesession.Idle(time.Hour) }, time.Hour},
		{"an instant", cookiesession.Config{IdleTimeout: time.Minute}, func() cookiesession.Expiry { return cookiesession.At(time.Now().Add(time.Hour)) }, time.Hour},
		{"the browser's end", cookiesession.Config{IdleTimeout: time.Hour}, cookiesession.BrowserClose, time.Hour},
		{"a browser session", cookiesession.Config{IdleTimeout: time.Hour, BrowserSession: true}, nil, time.Hour},
		{"idle capped by absolute", cookiesession.Config{AbsoluteTimeout: time.Hour}, func() cookiesession.Expiry { return cookiesession.Idle(2 * time.Hour) }, time.Hour},
		{"an instant capped by absolute", cookiesession.Config{AbsoluteTimeout: time.Hour}, func() cookiesession.Expiry { return cookiesession.At(time.Now().Add(2 * time.Hour)) }, time.Hour},
		{"idle, rounded up to a second", cookiesession.Config{}, func() cookiesession.Expiry { return cookiesession.Idle(1500 * time.Millisecond) }, 2 * time.Second},
		{"an instant to the nanosecond", cookiesession.Config{}, func() cookiesession.Expiry { return cookiesession.At(time.Now().Add(1500*time.Millisecond + 7)) }, 1500*time.Millisecond + 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := lateVisitor(t, test.cfg, func(s *cookiesession.Session) {
					k(s)
					if test.expiry != nil {
						s.SetExpiry(test.expiry())
					}
				})
				v.EndsAfter(test.ends)
			})
		})
	}
}

func TestAbsoluteTimeoutCountsFromCreationWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: 20 * time.Minute, AbsoluteTimeout: time.Hour}, k)
		for i := range 5 {
			time.Sleep(10 * time.Minute)
			v.Page(testkit.Set("k", i))
			if i == 2 {
				v.Page(func(s *cookiesession.Session) { testkit.NoError(t, s.CycleID()); testkit.NoError(t, s.Clear()); k(s) })
			}
		}
		v.EndsAfter(10 * time.Minute)
	})
}

func TestReadingIsNoActivityAndEveryWriteIs(t *testing.T) {
	for name, test := range map[string]struct {
		do       func(*cookiesession.Session)
		activity bool
	}{
		"reading":               {func(s *cookiesession.Session) { s.All(); s.ID(); s.ExpiresAt(); s.Flashes() }, false},
		"deleting nothing":      {func(s *cookiesession.Session) { s.Delete("missing") }, false},
		"SetDefault on a value": {func(s *cookiesession.Session) { s.SetDefault("k", 2) }, false},
		"updating nothing":      {func(s *cookiesession.Session) { s.Update(nil) }, false},
		"a refused write":       {func(s *cookiesession.Session) { s.Set("k", func() {}) }, false},
		"an error from Edit": {func(s *cookiesession.Session) {
			cookiesession.Edit(s, "k", func(*int) error { return errors.New("no") })
		}, false},
		"Flash":                   {func(s *cookiesession.Session) { s.Flash("f", 1) }, false},
		"Set":                     {func(s *cookiesession.Session) { s.Set("other", 1) }, true},
		"Set of an equal value":   {k, true},
		"MarkModified":            {func(s *cookiesession.Session) { s.MarkModified() }, true},
		"Add":                     {func(s *cookiesession.Session) { s.Add("k", 1) }, true},
		"Edit":                    {func(s *cookiesession.Session) { cookiesession.Edit(s, "k", func(*int) error { return nil }) }, true},
		"CycleID":                 {func(s *cookiesession.Session) { s.CycleID() }, true},
		"SetExpiry to the policy": {func(s *cookiesession.Session) { s.SetExpiry(cookiesession.Expiry{}) }, true},
		"Set and Delete":          {func(s *cookiesession.Session) { s.Set("x", 1); s.Delete("x") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour}, k)
				time.Sleep(30 * time.Minute)
				v.Page(test.do)
				if test.activity {
					v.EndsAfter(time.Hour)
				} else {
					v.EndsAfter(30 * time.Minute)
				}
			})
		})
	}
}

func TestAChangeThatWasNotSavedIsNoActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, RenewAfter: time.Minute}, k)
		time.Sleep(30 * time.Minute)
		v.Visit(http.StatusBadGateway, k)
		v.EndsAfter(30 * time.Minute)
	})
}

func TestThePolicyInForceIsTheCurrentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
		v := lateVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour}, k)
		stricter := testkit.NewVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Minute}).M
		v.M = stricter
		v.EndsAfter(time.Minute)
		v.M = testkit.NewVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: 2 * time.Hour}).M
		v.EndsAfter(2*time.Hour - time.Minute)

		custom := lateVisitor(t, cookiesession.Config{Keyring: ring}, withExpiry(cookiesession.Idle(time.Hour)))
		custom.M = stricter // an expiry of the session's own stays in force
		custom.EndsAfter(time.Hour)
	})
}

func TestAnIdleTimeOfNothingHasExpired(t *testing.T) {
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(k)
		v.Page(func(s *cookiesession.Session) {
			s.SetExpiry(cookiesession.Idle(d))
			testkit.Equal(t, "ExpiresIn", s.ExpiresIn(), 0)
		})
		testkit.Equal(t, fmt.Sprintf("the cookie after Idle(%v)", d), v.Cookie("s_session"), nil)
		testkit.Equal(t, "Idle(0) is the browser's end", cookiesession.Idle(d) == cookiesession.BrowserClose(), false)
	}
}

func TestTheLongestDurationsAreLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const forever = time.Duration(math.MaxInt64)
		v := testkit.NewVisitor(t, cookiesession.Config{FlashLifetime: forever})
		res := v.Page(func(s *cookiesession.Session) {
			withExpiry(cookiesession.Idle(forever))(s)
			s.Flash("flashed", 1)
		})
		testkit.Equal(t, "Max-Age of flash", testkit.Issued(res, "s_session_flash").MaxAge, 400*24*3600)
		s := v.Now()
		testkit.Equal(t, "the session is there", s.Has("k"), true)
		testkit.Equal(t, "its flash is there", s.Has("flashed"), true)
		testkit.Equal(t, "it lasts for decades", s.ExpiresIn() > 200*365*24*time.Hour, true)
	})
}

func TestAPolicyUnderOneSecondIsRoundedUpToOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lateVisitor(t, cookiesession.Config{IdleTimeout: time.Nanosecond}, k).EndsAfter(time.Second)
	})
}

func TestAnInstantJustPastDoesNotMakeACookieThatLastsUntilTheBrowserEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
		res := v.Page(withExpiry(cookiesession.At(time.Now().Add(-1500 * time.Millisecond))))
		testkit.Equal(t, "deleted by its Max-Age", testkit.Issued(res, "s_session_views").MaxAge, -1)
	})
}

func TestAnIdleTimeAsLongAsCanBeIsNotOver(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - time.Second + 1, 290 * 365 * 24 * time.Hour} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(withExpiry(cookiesession.Idle(d)))
		s := v.Now()
		testkit.Equal(t, "Has", s.Has("k"), true)
		testkit.Equal(t, "it ends within a century", s.ExpiresIn() < 100*365*24*time.Hour, false)
		testkit.Equal(t, "Expiry", s.Expiry(), cookiesession.Idle(d))
	}
}

func TestAnInstantThatHasPassedEndsTheSession(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(k)
	v.Page(withExpiry(cookiesession.At(time.Now().Add(-time.Second))))
	testkit.Equal(t, "the cookie", v.Cookie("s_session"), nil)
}

func TestOnlyThePolicyAndBrowserCloseEndWithTheBrowser(t *testing.T) {
	for _, test := range []struct {
		name    string
		cfg     cookiesession.Config
		expiry  cookiesession.Expiry
		browser bool
	}{
		{"policy", cookiesession.Config{}, cookiesession.Expiry{}, false},
		{"BrowserClose", cookiesession.Config{}, cookiesession.BrowserClose(), true},
		{"policy of a browser session", cookiesession.Config{BrowserSession: true}, cookiesession.Expiry{}, true},
		{"Idle in a browser session", cookiesession.Config{BrowserSession: true}, cookiesession.Idle(time.Hour), false},
		{"At in a browser session", cookiesession.Config{BrowserSession: true}, cookiesession.At(time.Now().Add(time.Hour)), false},
	} {
		v := testkit.NewVisitor(t, test.cfg)
		res := v.Page(func(s *cookiesession.Session) {
			withExpiry(test.expiry)(s)
			testkit.Equal(t, test.name+": ExpiresAtBrowserClose", s.ExpiresAtBrowserClose(), test.browser)
		})
		testkit.Equal(t, test.name+": a cookie without Max-Age", testkit.Issued(res, "s_session").MaxAge == 0, test.browser)
		testkit.Equal(t, test.name+": ExpiresAtBrowserClose afterwards", v.Now().ExpiresAtBrowserClose(), test.browser)
	}
}

func TestBrowserSessionHoldsForFlashToo(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{BrowserSession: true})
	testkit.Equal(t, "Max-Age", testkit.Issued(v.Page(testkit.Flash("k", 1)), "s_session_flash").MaxAge, 0)
}

func TestMaxAgeIsRoundedUpAndCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		for _, test := range []struct {
			name   string
			cfg    cookiesession.Config
			expiry cookiesession.Expiry
			want   int
		}{
			{"a whole number of seconds", cookiesession.Config{IdleTimeout: time.Minute}, cookiesession.Expiry{}, 60},
			{"an instant between seconds", cookiesession.Config{}, cookiesession.At(time.Now().Add(1100 * time.Millisecond)), 2},
			{"years", cookiesession.Config{IdleTimeout: 3 * 365 * 24 * time.Hour}, cookiesession.Expiry{}, 400 * 24 * 3600},
			{"as long as can be", cookiesession.Config{IdleTimeout: math.MaxInt64}, cookiesession.Expiry{}, 400 * 24 * 3600},
			{"an instant far away", cookiesession.Config{}, cookiesession.At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), 400 * 24 * 3600},
			{"absolute", cookiesession.Config{AbsoluteTimeout: 90 * time.Minute}, cookiesession.Idle(2 * time.Hour), 5400},
		} {
			res := testkit.NewVisitor(t, test.cfg).Page(withExpiry(test.expiry))
			if got := testkit.Issued(res, "s_session").MaxAge; got < test.want || got > test.want+1 {
				t.Errorf("%s: Max-Age %d, want %d", test.name, got, test.want)
			}
		}
	})
}

func TestRenewAfterCountsReadingAsAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, RenewAfter: 10 * time.Minute}, k)
		time.Sleep(10*time.Minute - time.Second)
		res := v.Page(func(s *cookiesession.Session) { s.Has("k") })
		testkit.Equal(t, "renewed too early", testkit.Issued(res, "s_session") != nil, false)
		time.Sleep(time.Second)
		res = v.Page(nil)
		testkit.Equal(t, "renewed although untouched", testkit.Issued(res, "s_session") != nil, false)
		res = v.Visit(http.StatusInternalServerError, func(s *cookiesession.Session) { s.Has("k") })
		testkit.Equal(t, "renewed on a 5xx", testkit.Issued(res, "s_session") != nil, false)
		id := v.Now().ID()
		res = v.Page(func(s *cookiesession.Session) { s.Has("k") })
		testkit.Equal(t, "renewed", testkit.Issued(res, "s_session") != nil, true)
		testkit.Equal(t, "the ID", v.Now().ID(), id)
		v.EndsAfter(time.Hour)
	})
}

func TestSaveEveryRequestCountsEveryRequestButAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, SaveEveryRequest: true}, k)
		time.Sleep(30 * time.Minute)
		res := v.Visit(http.StatusInternalServerError, nil)
		testkit.Equal(t, "saved on a 5xx", testkit.Issued(res, "s_session") != nil, false)
		v.Page(nil)
		v.EndsAfter(time.Hour)
	})
}

func TestARenewalIsKnownBeforeTheCommit(t *testing.T) {
	for name, cfg := range map[string]cookiesession.Config{
		"RenewAfter":       {IdleTimeout: time.Hour, RenewAfter: 10 * time.Minute},
		"SaveEveryRequest": {IdleTimeout: time.Hour, SaveEveryRequest: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			v := testkit.NewVisitor(t, cfg)
			v.Page(k)
			time.Sleep(10 * time.Minute)
			v.Page(func(s *cookiesession.Session) {
				testkit.Equal(t, name+": ExpiresIn", s.ExpiresIn(), time.Hour)
			})
			testkit.Equal(t, name+": and on the next request", v.Now().ExpiresIn(), time.Hour)
		})
	}
}

func TestNewRefusesARenewalThatWouldNeverAct(t *testing.T) {
	for renew, bad := range map[time.Duration]bool{-1: true, 0: false, time.Hour - 1: false, time.Hour: true, 2 * time.Hour: true} {
		_, err := cookiesession.New(cookiesession.Config{
			Keyring: testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()}), IdleTimeout: time.Hour, RenewAfter: renew,
		})
		var of *cookiesession.ConfigError
		if got := errors.As(err, &of) && of.Field == "RenewAfter"; got != bad {
			t.Errorf("RenewAfter %v: %v", renew, err)
		}
	}
}

// The clock of every bubble starts at the same time. So a cookie that was sealed
// later in another bubble seems to come from an instance whose clock is ahead.
func TestClocksMayDifferByFiveMinutes(t *testing.T) {
	ring := testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	for ahead, want := range map[time.Duration]error{5 * time.Minute: nil, 5*time.Minute + 2*time.Second: cookiesession.ErrInvalid} {
		var line string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(ahead)
			v := testkit.NewVisitor(t, cookiesession.Config{Keyring: ring, TrackViews: true})
			v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { k(s); testkit.Flash("f", 1)(s) })
			line = v.Request("/").Header.Get("Cookie")
		})
		synctest.Test(t, func(t *testing.T) {
			s := testkit.NewVisitor(t, cookiesession.Config{Keyring: ring, TrackViews: true}).M.Open(t.Context(), line)
			testkit.Equal(t, fmt.Sprintf("%v ahead: refused", ahead), errors.Is(s.Rejected(), want), true)
			testkit.Equal(t, fmt.Sprintf("%v ahead: data", ahead), s.Has("k"), want == nil)
			testkit.Equal(t, fmt.Sprintf("%v ahead: flash", ahead), s.Has("f"), want == nil)
			testkit.Equal(t, fmt.Sprintf("%v ahead: views", ahead), s.Views().Requests == 2, want == nil)
		})
	}
}

func TestExpiriesAreComparable(t *testing.T) {
	instant := time.Now().Add(time.Hour)
	for _, e := range []cookiesession.Expiry{{}, cookiesession.Idle(time.Hour), cookiesession.At(instant), cookiesession.BrowserClose()} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(withExpiry(e))
		if got := v.Now().Expiry(); got != e {
			t.Errorf("stored %#v, came back as %#v", e, got)
		}
	}
	if cookiesession.Idle(time.Hour) == cookiesession.Idle(time.Minute) || cookiesession.At(instant) != cookiesession.At(instant.UTC()) {
		t.Error("== is wrong")
	}
}

func TestTimesAreKnownBeforeTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, AbsoluteTimeout: 90 * time.Minute}, k)
		created := time.Now()
		time.Sleep(40 * time.Minute)
		s := v.Now()
		testkit.Equal(t, "ExpiresIn when read", s.ExpiresIn(), 20*time.Minute)
		testkit.Equal(t, "ExpiresAt when read", s.ExpiresAt().Sub(created), time.Hour)
		s.MarkModified()
		testkit.Equal(t, "ExpiresIn when changed, capped", s.ExpiresIn(), 50*time.Minute)
		s.SetExpiry(cookiesession.Idle(time.Minute))
		testkit.Equal(t, "ExpiresIn of its own", s.ExpiresIn(), time.Minute)
		testkit.NoError(t, s.Destroy())
		testkit.Equal(t, "ExpiresIn of the next session", s.ExpiresIn(), time.Hour)
	})
}

func TestAnExpiredSessionTakesItsFlashAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{IdleTimeout: time.Second, FlashLifetime: time.Hour, TrackViews: true})
		v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) { k(s); testkit.Flash("f", 1)(s) })
		late := v.Copied()
		time.Sleep(2 * time.Second)
		for _, status := range []int{303, 500} {
			one := late.Copied()
			res := one.Visit(status, func(s *cookiesession.Session) { testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[]") })
			var deleted []string
			for _, c := range res.Cookies() {
				if c.MaxAge < 0 {
					deleted = append(deleted, c.Name)
				}
			}
			testkit.Equal(t, fmt.Sprint("deleted on a ", status), strings.Join(deleted, " "), "s_session s_session_flash")
		}
	})
}

func TestAnExpiredSessionBeginsAnewUnderANewID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour}, k)
		old := v.Now().ID()
		time.Sleep(time.Hour)
		v.Page(testkit.Set("new", 1))
		v.Has("new:1")
		testkit.Equal(t, "the old ID", v.Now().ID() == old, false)
		testkit.Equal(t, "Created", v.Now().Created().Equal(time.Now()), true)
	})
}

func TestAnAnswerThatTookLongCountsFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testkit.NewClient(t, cookiesession.Config{IdleTimeout: time.Hour})
		c.Visit(200, func(s *cookiesession.Session) {
			testkit.Must(s.Set("k", "v"))
			time.Sleep(30 * time.Minute)
		})
		time.Sleep(59 * time.Minute)
		testkit.Equal(t, "within an hour of the answer", c.Sees("k"), any("v"))
		time.Sleep(2 * time.Minute)
		testkit.Equal(t, "after it", c.Sees("k"), nil)
	})
}
