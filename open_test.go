package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

func TestAnExpiredSessionIsDeletedAtAnyStatusWithItsFlashAndViews(t *testing.T) {
	for _, status := range []int{200, 303, 500, testkit.Panics} {
		for _, tracked := range []bool{false, true} {
			t.Run(fmt.Sprint(status, tracked), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ring := testkit.Ring(t)
					c := testkit.NewClient(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour, FlashLifetime: 3 * time.Hour, TrackViews: true})
					c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Flash("f", 1)) })
					c.M = testkit.Manager(t, cookiesession.Config{Keyring: ring, IdleTimeout: time.Hour, FlashLifetime: 3 * time.Hour, TrackViews: tracked})
					time.Sleep(time.Hour)
					a := c.Look(status, func(s *cookiesession.Session) {
						testkit.Equal(t, "data", s.Value("k"), nil)
						testkit.Equal(t, "flash", s.Value("f"), nil)
						testkit.Equal(t, "flashes", len(s.Flashes()), 0)
						testkit.Equal(t, "new", s.IsNew(), true)
						testkit.Equal(t, "expired", errors.Is(s.Rejected(), cookiesession.ErrExpired), true)
						testkit.Equal(t, "requests", s.Views().Requests, 1)
					})
					want := "-s_session -s_session_flash -s_session_views"
					if tracked && status != testkit.Panics { // this request begins a new count
						want = "-s_session -s_session_flash s_session_views"
					}
					if tracked && status == testkit.Panics {
						want = "-s_session -s_session_flash -s_session_views"
					}
					testkit.Equal(t, "Set-Cookie", a.Names(), want)
				})
			})
		}
	}
}

func TestAnExpiredSessionThatNobodyLooksAtStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(200, testkit.Set("k", 1))
		time.Sleep(15 * 24 * time.Hour)
		testkit.Equal(t, "Set-Cookie, untouched", c.Look(200, nil).Names(), "")
		testkit.Equal(t, "Set-Cookie, accessed", c.Look(200, testkit.Read).Names(), "-s_session")
	})
}

// laterVersion is an authentic cookie whose payload is of a later version than
// this code knows. It sets keys to those that open it.
func laterVersion(t *testing.T, keys *[]cookiesession.Key, compartment string) string {
	t.Helper()
	v := vectors.Sealed(cookiesession.FormatSecurecookie, compartment, []byte{0x92, 9, 0xc0})
	*keys = []cookiesession.Key{v.Keys[0].Key(t, cookiesession.FormatSecurecookie)}
	return v.Cookie
}

func TestWhatALaterVersionWroteIsLeftUntilTheHandlerWrites(t *testing.T) {
	type session = cookiesession.Session
	var keys []cookiesession.Key
	data, flash := laterVersion(t, &keys, "data"), laterVersion(t, &keys, "flash")
	keyring, err := cookiesession.NewKeyring(append(keys, cookiesession.Key{Secret: cookiesession.NewSecret()})...)
	testkit.Must(err)
	for _, tc := range []struct {
		name   string
		do     func(*session)
		status int
		want   string
	}{
		{"read", testkit.Read, 302, ""},
		{"read on a 500", testkit.Read, 500, ""},
		{"flash read", func(s *session) { s.Flashes() }, 302, ""},
		{"flash kept on a page", func(s *session) { s.KeepFlash() }, 200, ""},
		{"marked", (*session).MarkModified, 302, ""},
		{"written", testkit.Set("k", 1), 302, "s_session s_session_views"},
		{"destroyed", func(s *session) { testkit.Must(s.Destroy()) }, 500, "-s_session -s_session_flash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{Keyring: keyring, TrackViews: true, SaveEveryRequest: true, RenewAfter: time.Second})
			c.Jar = []string{data, flash}
			a := c.Look(tc.status, func(s *session) {
				testkit.Equal(t, "invalid", errors.Is(s.Rejected(), cookiesession.ErrInvalid), true)
				tc.do(s)
			})
			testkit.Equal(t, "Set-Cookie", a.Names(), tc.want)
		})
	}
}

func TestASessionUnderAnUnknownKeyIsThereAgainWhenTheKeyComes(t *testing.T) {
	older, newer := cookiesession.NewSecret(), cookiesession.NewSecret()
	c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.Ring(t, newer)})
	c.Visit(200, testkit.Set("k", "v"))
	late := testkit.Ring(t, older)
	c.M = testkit.Manager(t, cookiesession.Config{Keyring: late, OnEvent: c.Events.Add})
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Equal(t, "value", s.Value("k"), nil)
		testkit.Equal(t, "new", s.IsNew(), true)
		testkit.Equal(t, "unknown key", errors.Is(s.Rejected(), cookiesession.ErrUnknownKey), true)
	})
	testkit.Must(late.Replace(cookiesession.Key{Secret: newer}, cookiesession.Key{Secret: older}))
	testkit.Equal(t, "value", c.Sees("k"), any("v"))
}

var errDatabase = errors.New("the database is away")

// verdictClient has cookies of all three compartments, and a manager that asks
// validate about them.
func verdictClient(t *testing.T, validate func(context.Context, *cookiesession.Session) error, change ...func(*cookiesession.Config)) *testkit.Client {
	t.Helper()
	cfg := cookiesession.Config{Keyring: testkit.Ring(t), TrackViews: true}
	for _, change := range change {
		change(&cfg)
	}
	c := testkit.NewClient(t, cfg)
	c.Visit(303, func(s *cookiesession.Session) {
		s.Allow()
		testkit.Must(s.Set("k", "secret"))
		testkit.Must(s.Flash("f", "flash"))
	})
	c.Events.Take()
	cfg.Validate, cfg.OnEvent = validate, c.Events.Add
	c.M = testkit.Manager(t, cfg)
	return c
}

func TestValidateIsAskedOnceAboutEachSessionThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := verdictClient(t, func(context.Context, *cookiesession.Session) error { asked++; return nil },
			func(cfg *cookiesession.Config) { cfg.TrackViews, cfg.IdleTimeout = false, time.Hour })
		after := func(what string, want int, do func()) {
			t.Helper()
			asked = 0
			do()
			testkit.Equal(t, what, asked, want)
		}
		after("read again and again", 1, func() {
			c.Look(200, func(s *cookiesession.Session) { s.Value("k"); s.All(); s.ID(); testkit.Must(s.Set("a", 1)); s.Views() })
		})
		after("untouched", 0, func() { c.Look(204, nil) })
		after("asked for nothing", 0, func() { c.Look(204, func(s *cookiesession.Session) { s.Accessed(); s.Modified(); _ = fmt.Sprint(s) }) })
		after("a new visitor", 0, func() { (&testkit.Client{T: t, M: c.M}).Look(200, testkit.Set("k", 1)) })
		after("a forgery", 0, func() { (&testkit.Client{T: t, M: c.M, Jar: []string{"s_session=AAAA.BBBB"}}).Look(200, testkit.Read) })
		after("first looked at after the header", 1, func() {
			s := c.M.Open(t.Context(), c.Jar...)
			testkit.Must(c.M.Commit(http.Header{}, s, 204))
			s.Value("k")
			s.Value("k")
		})
		time.Sleep(time.Hour)
		after("an expired one", 0, func() { c.Look(200, testkit.Read) })
	})
}

func TestValidateIsAskedAlsoWhenTheCommitOpensTheSession(t *testing.T) {
	var asked atomic.Int32
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { asked.Add(1); return cookiesession.ErrRevoked })
	testkit.Equal(t, "Set-Cookie of an untouched request", c.Look(204, nil).Names(), "-s_session -s_session_flash -s_session_views")
	testkit.Equal(t, "asked", asked.Load(), 1)
}

func TestValidateIsAskedWhenPermissionComes(t *testing.T) {
	asked := 0
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { asked++; return cookiesession.ErrRevoked },
		func(cfg *cookiesession.Config) { cfg.Consent = func(*http.Request) bool { return false } })
	a := c.Look(200, func(s *cookiesession.Session) {
		s.Value("k")
		testkit.Equal(t, "asked without permission", asked, 0)
		s.Allow()
		testkit.Equal(t, "value", s.Value("k"), nil)
		testkit.Equal(t, "asked with permission", asked, 1)
		s.Deny()
		s.Allow()
		testkit.Equal(t, "asked in all", asked, 1)
		testkit.Equal(t, "value after all", s.Value("k"), nil)
	})
	testkit.Equal(t, "Set-Cookie", a.Names(), "-s_session -s_session_flash -s_session_views")
}

func TestValidateSeesAReadOnlySessionOfItsOwn(t *testing.T) {
	type contextValue struct{}
	var seen *cookiesession.Session
	var c *testkit.Client
	c = verdictClient(t, func(ctx context.Context, s *cookiesession.Session) error {
		seen = s
		testkit.Equal(t, "FromContext", c.M.FromContext(ctx), s)
		testkit.Equal(t, "the request's own context", ctx.Value(contextValue{}), any("mine"))
		testkit.Equal(t, "value", s.Value("k"), any("secret"))
		testkit.Equal(t, "flash", s.Value("f"), any("flash"))
		testkit.Equal(t, "new", s.IsNew(), false)
		testkit.Equal(t, "requests", s.Views().Requests, 2)
		for what, err := range map[string]error{
			"Set": s.Set("k", "written"), "Delete": s.Delete("k"), "Clear": s.Clear(), "Destroy": s.Destroy(), "CycleID": s.CycleID(),
			"Flash": s.Flash("g", 1), "Update": s.Update(map[string]any{"k": 1}),
			"Edit": cookiesession.Edit(s, "k", func(v *string) error { *v = ""; return nil }),
		} {
			testkit.Equal(t, what, err, cookiesession.ErrCommitted)
		}
		if _, ok := cookiesession.Pop[string](s, "k"); ok {
			t.Error("popped")
		}
		s.Deny()
		testkit.Equal(t, "value after the writes", s.Value("k"), any("secret"))
		testkit.Equal(t, "committed", c.M.Commit(http.Header{}, s, 200), cookiesession.ErrCommitted)
		return nil
	})
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Cookie", strings.Join(c.Jar, "; "))
	s := c.M.OpenRequest(r.WithContext(context.WithValue(r.Context(), contextValue{}, "mine")))
	testkit.Equal(t, "value", s.Value("k"), any("secret"))
	testkit.Equal(t, "a session of its own", seen != nil && seen != s, true)
	testkit.Equal(t, "modified by it", s.Modified(), false)
	testkit.Equal(t, "rejected", s.Rejected(), nil)
}

func TestARevokedSessionIsDeletedWithEverythingAtAnyStatus(t *testing.T) {
	for name, err := range map[string]error{"revoked": cookiesession.ErrRevoked, "wrapped": fmt.Errorf("logged out elsewhere: %w", cookiesession.ErrRevoked)} {
		for _, status := range []int{200, 204, 303, 404, 500, testkit.Panics} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return err })
				var first string
				c.Look(500, func(s *cookiesession.Session) { first = s.ID() })
				c.Events.Take()
				a := c.Visit(status, func(s *cookiesession.Session) {
					testkit.Equal(t, "value", s.Value("k"), nil)
					testkit.Equal(t, "flash", s.Value("f"), nil)
					testkit.Equal(t, "flashes", len(s.Flashes()), 0)
					testkit.Equal(t, "new", s.IsNew(), true)
					testkit.Equal(t, "requests", s.Views().Requests, 1)
					testkit.Equal(t, "another id each time", s.ID() == first, false)
					testkit.Equal(t, "rejected", s.Rejected(), err)
				})
				testkit.Equal(t, "Set-Cookie", a.Names(), "-s_session -s_session_flash -s_session_views")
				testkit.Equal(t, "events", c.Events.Take(), "refused s_session, deleted s_session, deleted s_session_flash, deleted s_session_views")
				testkit.Equal(t, "cookies left", len(c.Jar), 0)
			})
		}
	}
}

func TestARevokedSessionMayBeReplacedByANewOne(t *testing.T) {
	c := verdictClient(t, func(_ context.Context, s *cookiesession.Session) error {
		if s.Value("k") == "secret" {
			return cookiesession.ErrRevoked
		}
		return nil
	})
	var id string
	a := c.Visit(303, func(s *cookiesession.Session) {
		testkit.Must(s.Set("k", "new"))
		testkit.Must(s.Flash("f", "gone"))
		id = s.ID()
	})
	testkit.Equal(t, "Set-Cookie", a.Names(), "s_session s_session_flash -s_session_views")
	c.Look(204, func(s *cookiesession.Session) {
		testkit.Equal(t, "value", s.Value("k"), any("new"))
		testkit.Equal(t, "flash", s.Value("f"), any("gone"))
		testkit.Equal(t, "id", s.ID(), id)
	})
}

func TestADatabasesBadMinuteLogsNobodyOut(t *testing.T) {
	type session = cookiesession.Session
	validates := map[string]func(context.Context, *session) error{
		"an error":    func(context.Context, *session) error { return errDatabase },
		"a panic":     func(context.Context, *session) error { panic("nil map") },
		"a nil panic": func(context.Context, *session) error { panic(nil) },
		"a panic with ErrRevoked, which is no verdict": func(context.Context, *session) error { panic(cookiesession.ErrRevoked) },
	}
	for name, validate := range validates {
		for _, tc := range []struct {
			name   string
			do     func(*session)
			status int
			want   string
		}{
			{"read", testkit.Read, 200, ""},
			{"read on a redirect", testkit.Read, 302, ""},
			{"read on a 500", testkit.Read, 500, ""},
			{"read, then a panic", testkit.Read, testkit.Panics, ""},
			{"flash read", func(s *session) { s.Flashes() }, 200, ""},
			{"flash kept", func(s *session) { s.KeepFlash() }, 200, ""},
			{"a key deleted that nobody sees", func(s *session) { testkit.Must(s.Delete("k")) }, 200, ""},
			{"popped", func(s *session) { cookiesession.Pop[string](s, "k") }, 200, ""},
			{"written", testkit.Set("k", 1), 200, "s_session"},
			{"written on a 500", testkit.Set("k", 1), 500, ""},
			{"flashed", func(s *session) { testkit.Must(s.Flash("g", 1)) }, 303, "s_session_flash"},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := verdictClient(t, validate, func(cfg *cookiesession.Config) { cfg.SaveEveryRequest, cfg.RenewAfter = true, time.Second })
					time.Sleep(time.Minute / 2)
					var ids []string
					for range 2 {
						c.Look(500, func(s *session) {
							testkit.Equal(t, "value", s.Value("k"), nil)
							testkit.Equal(t, "flash", s.Value("f"), nil)
							testkit.Equal(t, "all", len(s.All()), 0)
							testkit.Equal(t, "new", s.IsNew(), true)
							testkit.Equal(t, "requests", s.Views().Requests, 1)
							testkit.Equal(t, "rejected", s.Rejected() != nil && !errors.Is(s.Rejected(), cookiesession.ErrRevoked), true)
							testkit.Equal(t, "the same error", strings.Contains(name, "panic") || s.Rejected() == errDatabase, true)
							ids = append(ids, s.ID())
						})
					}
					testkit.Equal(t, "id is another each time", ids[0] == ids[1], false)
					c.Events.Take()
					got := c.Look(tc.status, tc.do).Names()
					testkit.Equal(t, "Set-Cookie", strings.TrimSuffix(got, " s_session_views"), tc.want)
					if tc.name != "written" {
						testkit.Equal(t, "Set-Cookie, views included", got, tc.want)
					}
					testkit.Equal(t, "refused once", strings.Count(c.Events.Take(), "refused s_session"), 1)
				})
			})
		}
	}
}

func TestDestroyDeletesFlashThatValidateHadNoAnswerFor(t *testing.T) {
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return errDatabase })
	for _, status := range []int{200, 303, 500, testkit.Panics} {
		a := c.Look(status, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) })
		testkit.Equal(t, "Set-Cookie", a.Names(), "-s_session -s_session_flash -s_session_views")
	}
	a := c.Look(200, func(s *cookiesession.Session) { testkit.Must(s.Destroy()); testkit.Must(s.Set("k", 1)) })
	testkit.Equal(t, "Set-Cookie with a new session", a.Names(), "s_session -s_session_flash -s_session_views")
}

func TestClearFlashDeletesFlashThatValidateHadNoAnswerFor(t *testing.T) {
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return errDatabase })
	testkit.Equal(t, "Set-Cookie", c.Look(303, (*cookiesession.Session).ClearFlash).Names(), "-s_session_flash")
}

func TestASessionThatWasWithheldIsThereAgainWithItsFlash(t *testing.T) {
	away := true
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error {
		if away {
			return errDatabase
		}
		return nil
	})
	c.Visit(200, testkit.Read)
	away = false
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Equal(t, "value", s.Value("k"), any("secret"))
		testkit.Equal(t, "flash", s.Value("f"), any("flash"))
		testkit.Equal(t, "requests", s.Views().Requests, 2)
	})
}

func TestNothingOfASessionIsShownBeforeValidateHasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := verdictClient(t, func(_ context.Context, s *cookiesession.Session) error {
			asked++
			time.Sleep(time.Second)
			testkit.Equal(t, "value inside", s.Value("k"), any("secret"))
			time.Sleep(time.Second)
			return cookiesession.ErrRevoked
		})
		s := c.M.Open(t.Context(), c.Jar...)
		start := time.Now()
		var all sync.WaitGroup
		for _, look := range []func(){
			func() { testkit.Equal(t, "value", s.Value("k"), nil) },
			func() { testkit.Equal(t, "flash", s.Value("f"), nil) },
			func() { testkit.Equal(t, "new", s.IsNew(), true) },
			func() { testkit.Equal(t, "has", s.Has("k"), false) },
			func() { testkit.Must(s.Set("other", 1)) },
			func() { testkit.Equal(t, "rejected", s.Rejected(), cookiesession.ErrRevoked) },
		} {
			all.Go(func() {
				look()
				testkit.Equal(t, "waited", time.Since(start), 2*time.Second)
			})
		}
		all.Wait()
		testkit.Equal(t, "asked", asked, 1)
		h := http.Header{}
		testkit.Must(c.M.Commit(h, s, 303))
		testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: h}.Names(), "s_session -s_session_flash -s_session_views")
	})
}

func TestTheHeaderWaitsForValidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := verdictClient(t, func(context.Context, *cookiesession.Session) error {
			time.Sleep(time.Second)
			return cookiesession.ErrRevoked
		})
		s := c.M.Open(t.Context(), c.Jar...)
		go s.Value("k")
		synctest.Wait()
		h := http.Header{}
		testkit.Must(c.M.Commit(h, s, 200))
		testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: h}.Names(), "-s_session -s_session_flash -s_session_views")
	})
}

func TestAValidateThatEndsItsGoroutineLeavesNobodyWaiting(t *testing.T) {
	for name, look := range map[string]func(*cookiesession.Session){
		"by a read":     func(s *cookiesession.Session) { s.Value("k") },
		"by permission": func(s *cookiesession.Session) { s.Allow() },
		"by the commit": func(s *cookiesession.Session) {},
	} {
		t.Run(name, func(t *testing.T) {
			c := verdictClient(t, func(context.Context, *cookiesession.Session) error {
				runtime.Goexit() // as t.Fatal does
				return nil
			}, func(cfg *cookiesession.Config) {
				if name == "by permission" {
					cfg.Consent = func(*http.Request) bool { return false }
				}
			})
			s := c.M.Open(t.Context(), c.Jar...)
			h := http.Header{}
			var all sync.WaitGroup
			all.Go(func() {
				defer c.M.Commit(h, s, 500)
				look(s)
			})
			all.Wait()
			testkit.Equal(t, "it is there", s.Has("k"), false)
			testkit.Equal(t, "a reason is given", s.Rejected() != nil, true)
			testkit.Equal(t, "cookies deleted", len(h["Set-Cookie"]), 0)
		})
	}
}

func TestASlowValidateHoldsUpNeitherOtherRequestsNorQuestionsThatNeedNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := verdictClient(t, func(ctx context.Context, _ *cookiesession.Session) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		s := c.M.Open(ctx, c.Jar...)
		go s.Value("k")
		synctest.Wait()
		testkit.Equal(t, "accessed", s.Accessed(), true)
		testkit.Equal(t, "modified", s.Modified(), false)
		_ = fmt.Sprint(s)
		other := c.M.Open(t.Context()) // a new visitor
		testkit.Must(other.Set("k", 1))
		cancel()
		testkit.Equal(t, "value", s.Value("k"), nil)
		testkit.Equal(t, "rejected", s.Rejected(), context.Canceled)
	})
}

func TestASessionIsReissuedOnlyAfterValidateSaidYes(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{{"yes", nil, "s_session"}, {"no", cookiesession.ErrRevoked, "-s_session"}, {"no answer", errDatabase, ""}} {
		t.Run(tc.name, func(t *testing.T) {
			older, newer := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
			keys := testkit.Ring(t, older.Secret)
			c := testkit.NewClient(t, cookiesession.Config{Keyring: keys, Validate: func(context.Context, *cookiesession.Session) error { return tc.err }})
			c.Visit(200, testkit.Set("k", 1))
			testkit.Must(keys.Replace(newer, older))
			testkit.Equal(t, "Set-Cookie", c.Look(200, testkit.Read).Names(), tc.want)
		})
	}
}

// TestWhatValidatePanickedWithIsNotTold: it may be the session's own data.
func TestWhatValidatePanickedWithIsNotTold(t *testing.T) {
	const secret = "planted-secret"
	for name, value := range map[string]any{
		"a text": secret, "an error": errors.New(secret), "a struct": struct{ V string }{secret}, "a map": map[string]string{secret: secret},
	} {
		c := verdictClient(t, func(context.Context, *cookiesession.Session) error { panic(value) })
		c.Look(200, func(s *cookiesession.Session) {
			err := s.Rejected()
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
				t.Errorf("%s: Rejected gives %v", name, err)
			}
		})
		told := c.Events.All()
		if len(told) == 0 || strings.Contains(fmt.Sprintf("%v %+v %#v", told, told, told), secret) || strings.Contains(fmt.Sprint(told[0].Err), secret) {
			t.Errorf("%s: events %v", name, told)
		}
	}
}
