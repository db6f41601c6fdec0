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
)

// lateVisitor has a browser that keeps the cookies that prepare left for ever:
// what ends its session is the server.
func lateVisitor(t testing.TB, cfg cookiesession.Config, prepare func(*cookiesession.Session)) *visitor {
	t.Helper()
	v := newVisitor(t, cfg)
	v.page(prepare)
	return v.copied()
}

// endsAfter checks that a session with k lives until d and has expired then,
// by what the server says: the browser keeps its cookies.
func (v *visitor) endsAfter(d time.Duration) {
	v.t.Helper()
	v = v.copied()
	time.Sleep(d - 1)
	if !v.now().Has("k") {
		v.t.Errorf("expired before %v: %v", d, v.now().Rejected())
	}
	time.Sleep(time.Nanosecond)
	if s := v.now(); s.Has("k") || !s.IsNew() || s.Rejected() != cookiesession.ErrExpired {
		v.t.Errorf("at %v: has %t, new %t, rejected %v", d, s.Has("k"), s.IsNew(), s.Rejected())
	}
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
				v.endsAfter(test.ends)
			})
		})
	}
}

func TestAbsoluteTimeoutCountsFromCreationWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: 20 * time.Minute, AbsoluteTimeout: time.Hour}, k)
		for i := range 5 {
			time.Sleep(10 * time.Minute)
			v.page(sets(t, "k", i))
			if i == 2 {
				v.page(func(s *cookiesession.Session) { noError(t, s.CycleID()); noError(t, s.Clear()); k(s) })
			}
		}
		v.endsAfter(10 * time.Minute)
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
				v.page(test.do)
				if test.activity {
					v.endsAfter(time.Hour)
				} else {
					v.endsAfter(30 * time.Minute)
				}
			})
		})
	}
}

func TestAChangeThatWasNotSavedIsNoActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, RenewAfter: time.Minute}, k)
		time.Sleep(30 * time.Minute)
		v.visit(http.StatusBadGateway, k)
		v.endsAfter(30 * time.Minute)
	})
}

func TestThePolicyInForceIsTheCurrentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
		v := lateVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour}, k)
		stricter := newVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Minute}).m
		v.m = stricter
		v.endsAfter(time.Minute)
		v.m = newVisitor(t, cookiesession.Config{Keyring: ring, IdleTimeout: 2 * time.Hour}).m
		v.endsAfter(2*time.Hour - time.Minute)

		custom := lateVisitor(t, cookiesession.Config{Keyring: ring}, withExpiry(cookiesession.Idle(time.Hour)))
		custom.m = stricter // but an expiry of its own it keeps
		custom.endsAfter(time.Hour)
	})
}

func TestAnIdleTimeOfNothingHasExpired(t *testing.T) {
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(k)
		v.page(func(s *cookiesession.Session) {
			s.SetExpiry(cookiesession.Idle(d))
			equal(t, "ExpiresIn", s.ExpiresIn(), 0)
		})
		equal(t, fmt.Sprintf("the cookie after Idle(%v)", d), v.cookie("s_session"), nil)
		equal(t, "Idle(0) is the browser's end", cookiesession.Idle(d) == cookiesession.BrowserClose(), false)
	}
}

func TestTheLongestDurationsAreLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const forever = time.Duration(math.MaxInt64)
		v := newVisitor(t, cookiesession.Config{FlashLifetime: forever})
		res := v.page(func(s *cookiesession.Session) {
			withExpiry(cookiesession.Idle(forever))(s)
			s.Flash("flashed", 1)
		})
		equal(t, "Max-Age of flash", issued(res, "s_session_flash").MaxAge, 400*24*3600)
		s := v.now()
		equal(t, "the session is there", s.Has("k"), true)
		equal(t, "its flash is there", s.Has("flashed"), true)
		equal(t, "it lasts for decades", s.ExpiresIn() > 200*365*24*time.Hour, true)
	})
}

func TestAPolicyUnderOneSecondIsRoundedUpToOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lateVisitor(t, cookiesession.Config{IdleTimeout: time.Nanosecond}, k).endsAfter(time.Second)
	})
}

func TestAnInstantJustPastDoesNotMakeACookieThatLastsUntilTheBrowserEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		res := v.page(withExpiry(cookiesession.At(time.Now().Add(-1500 * time.Millisecond))))
		equal(t, "deleted by its Max-Age", issued(res, "s_session_views").MaxAge, -1)
	})
}

func TestAnIdleTimeAsLongAsCanBeIsNotOver(t *testing.T) {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - time.Second + 1, 290 * 365 * 24 * time.Hour} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(withExpiry(cookiesession.Idle(d)))
		s := v.now()
		equal(t, "Has", s.Has("k"), true)
		equal(t, "it ends within a century", s.ExpiresIn() < 100*365*24*time.Hour, false)
		equal(t, "Expiry", s.Expiry(), cookiesession.Idle(d))
	}
}

func TestAnInstantThatHasPassedEndsTheSession(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(k)
	v.page(withExpiry(cookiesession.At(time.Now().Add(-time.Second))))
	equal(t, "the cookie", v.cookie("s_session"), nil)
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
		v := newVisitor(t, test.cfg)
		res := v.page(func(s *cookiesession.Session) {
			withExpiry(test.expiry)(s)
			equal(t, test.name+": ExpiresAtBrowserClose", s.ExpiresAtBrowserClose(), test.browser)
		})
		equal(t, test.name+": a cookie without Max-Age", issued(res, "s_session").MaxAge == 0, test.browser)
		equal(t, test.name+": ExpiresAtBrowserClose afterwards", v.now().ExpiresAtBrowserClose(), test.browser)
	}
}

func TestBrowserSessionHoldsForFlashToo(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{BrowserSession: true})
	equal(t, "Max-Age", issued(v.page(flashes(t, "k", 1)), "s_session_flash").MaxAge, 0)
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
			res := newVisitor(t, test.cfg).page(withExpiry(test.expiry))
			if got := issued(res, "s_session").MaxAge; got < test.want || got > test.want+1 {
				t.Errorf("%s: Max-Age %d, want %d", test.name, got, test.want)
			}
		}
	})
}

func TestRenewAfterCountsReadingAsAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, RenewAfter: 10 * time.Minute}, k)
		time.Sleep(10*time.Minute - time.Second)
		res := v.page(func(s *cookiesession.Session) { s.Has("k") })
		equal(t, "renewed too early", issued(res, "s_session") != nil, false)
		time.Sleep(time.Second)
		res = v.page(nil)
		equal(t, "renewed although untouched", issued(res, "s_session") != nil, false)
		res = v.visit(http.StatusInternalServerError, func(s *cookiesession.Session) { s.Has("k") })
		equal(t, "renewed on a 5xx", issued(res, "s_session") != nil, false)
		id := v.now().ID()
		res = v.page(func(s *cookiesession.Session) { s.Has("k") })
		equal(t, "renewed", issued(res, "s_session") != nil, true)
		equal(t, "the ID", v.now().ID(), id)
		v.endsAfter(time.Hour)
	})
}

func TestSaveEveryRequestCountsEveryRequestButAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, SaveEveryRequest: true}, k)
		time.Sleep(30 * time.Minute)
		res := v.visit(http.StatusInternalServerError, nil)
		equal(t, "saved on a 5xx", issued(res, "s_session") != nil, false)
		v.page(nil)
		v.endsAfter(time.Hour)
	})
}

func TestARenewalIsKnownBeforeTheCommit(t *testing.T) {
	for name, cfg := range map[string]cookiesession.Config{
		"RenewAfter":       {IdleTimeout: time.Hour, RenewAfter: 10 * time.Minute},
		"SaveEveryRequest": {IdleTimeout: time.Hour, SaveEveryRequest: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			v := newVisitor(t, cfg)
			v.page(k)
			time.Sleep(10 * time.Minute)
			v.page(func(s *cookiesession.Session) {
				equal(t, name+": ExpiresIn", s.ExpiresIn(), time.Hour)
			})
			equal(t, name+": and on the next request", v.now().ExpiresIn(), time.Hour)
		})
	}
}

func TestNewRefusesARenewalThatWouldNeverAct(t *testing.T) {
	for renew, bad := range map[time.Duration]bool{-1: true, 0: false, time.Hour - 1: false, time.Hour: true, 2 * time.Hour: true} {
		_, err := cookiesession.New(cookiesession.Config{
			Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()}), IdleTimeout: time.Hour, RenewAfter: renew,
		})
		var of *cookiesession.ConfigError
		if got := errors.As(err, &of) && of.Field == "RenewAfter"; got != bad {
			t.Errorf("RenewAfter %v: %v", renew, err)
		}
	}
}

// A bubble's clock starts at the same time each time: a cookie that was sealed
// later in another bubble comes from an instance whose clock is ahead.
func TestClocksMayDifferByFiveMinutes(t *testing.T) {
	ring := keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	for ahead, want := range map[time.Duration]error{5 * time.Minute: nil, 5*time.Minute + 2*time.Second: cookiesession.ErrInvalid} {
		var line string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(ahead)
			v := newVisitor(t, cookiesession.Config{Keyring: ring, TrackViews: true})
			v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { k(s); flashes(t, "f", 1)(s) })
			line = v.request("/").Header.Get("Cookie")
		})
		synctest.Test(t, func(t *testing.T) {
			s := newVisitor(t, cookiesession.Config{Keyring: ring, TrackViews: true}).m.Open(t.Context(), line)
			equal(t, fmt.Sprintf("%v ahead: refused", ahead), errors.Is(s.Rejected(), want), true)
			equal(t, fmt.Sprintf("%v ahead: data", ahead), s.Has("k"), want == nil)
			equal(t, fmt.Sprintf("%v ahead: flash", ahead), s.Has("f"), want == nil)
			equal(t, fmt.Sprintf("%v ahead: views", ahead), s.Views().Requests == 2, want == nil)
		})
	}
}

func TestExpiriesAreComparable(t *testing.T) {
	instant := time.Now().Add(time.Hour)
	for _, e := range []cookiesession.Expiry{{}, cookiesession.Idle(time.Hour), cookiesession.At(instant), cookiesession.BrowserClose()} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(withExpiry(e))
		if got := v.now().Expiry(); got != e {
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
		s := v.now()
		equal(t, "ExpiresIn when read", s.ExpiresIn(), 20*time.Minute)
		equal(t, "ExpiresAt when read", s.ExpiresAt().Sub(created), time.Hour)
		s.MarkModified()
		equal(t, "ExpiresIn when changed, capped", s.ExpiresIn(), 50*time.Minute)
		s.SetExpiry(cookiesession.Idle(time.Minute))
		equal(t, "ExpiresIn of its own", s.ExpiresIn(), time.Minute)
		noError(t, s.Destroy())
		equal(t, "ExpiresIn of the next session", s.ExpiresIn(), time.Hour)
	})
}

func TestAnExpiredSessionTakesItsFlashAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{IdleTimeout: time.Second, FlashLifetime: time.Hour, TrackViews: true})
		v.visit(http.StatusSeeOther, func(s *cookiesession.Session) { k(s); flashes(t, "f", 1)(s) })
		late := v.copied()
		time.Sleep(2 * time.Second)
		for _, status := range []int{303, 500} {
			one := late.copied()
			res := one.visit(status, func(s *cookiesession.Session) { equal(t, "All", fmt.Sprint(s.All()), "map[]") })
			var deleted []string
			for _, c := range res.Cookies() {
				if c.MaxAge < 0 {
					deleted = append(deleted, c.Name)
				}
			}
			equal(t, fmt.Sprint("deleted on a ", status), strings.Join(deleted, " "), "s_session s_session_flash")
		}
	})
}

func TestAnExpiredSessionBeginsAnewUnderANewID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := lateVisitor(t, cookiesession.Config{IdleTimeout: time.Hour}, k)
		old := v.now().ID()
		time.Sleep(time.Hour)
		v.page(sets(t, "new", 1))
		v.has("new:1")
		equal(t, "the old ID", v.now().ID() == old, false)
		equal(t, "Created", v.now().Created().Equal(time.Now()), true)
	})
}

func TestAnAnswerThatTookLongCountsFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, cookiesession.Config{IdleTimeout: time.Hour})
		c.visit(200, func(s *cookiesession.Session) {
			must(s.Set("k", "v"))
			time.Sleep(30 * time.Minute)
		})
		time.Sleep(59 * time.Minute)
		wants(t, "within an hour of the answer", c.sees("k"), any("v"))
		time.Sleep(2 * time.Minute)
		wants(t, "after it", c.sees("k"), nil)
	})
}
