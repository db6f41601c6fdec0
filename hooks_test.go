package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/cookiesession/cookiesession"
)

var errDatabase = errors.New("the database is away")

// verdictClient has a session with data, flash and views, and then a manager
// whose Validate answers as it is told.
func verdictClient(t *testing.T, validate func(context.Context, *cookiesession.Session) error, change ...func(*cookiesession.Config)) *client {
	t.Helper()
	cfg := cookiesession.Config{Keyring: newRing(t), TrackViews: true}
	for _, change := range change {
		change(&cfg)
	}
	c := newClient(t, cfg)
	c.visit(303, func(s *cookiesession.Session) {
		s.Allow()
		must(s.Set("k", "secret"))
		must(s.Flash("f", "flash"))
	})
	c.events.take()
	cfg.Validate, cfg.OnEvent = validate, c.events.add
	c.m = newManager(t, cfg)
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
			wants(t, what, asked, want)
		}
		after("read again and again", 1, func() {
			c.look(200, func(s *cookiesession.Session) { s.Value("k"); s.All(); s.ID(); must(s.Set("a", 1)); s.Views() })
		})
		after("untouched", 0, func() { c.look(204, nil) })
		after("asked for nothing", 0, func() { c.look(204, func(s *cookiesession.Session) { s.Accessed(); s.Modified(); _ = fmt.Sprint(s) }) })
		after("a new visitor", 0, func() { (&client{t: t, m: c.m}).look(200, set("k", 1)) })
		after("a forgery", 0, func() { (&client{t: t, m: c.m, jar: []string{"s_session=AAAA.BBBB"}}).look(200, reads) })
		after("first looked at after the header", 1, func() {
			s := c.m.Open(t.Context(), c.jar...)
			must(c.m.Commit(http.Header{}, s, 204))
			s.Value("k")
			s.Value("k")
		})
		time.Sleep(time.Hour)
		after("an expired one", 0, func() { c.look(200, reads) })
	})
}

func TestValidateIsAskedAlsoWhenTheCommitOpensTheSession(t *testing.T) {
	var asked atomic.Int32
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { asked.Add(1); return cookiesession.ErrRevoked })
	wants(t, "Set-Cookie of an untouched request", c.look(204, nil).names(), "-s_session -s_session_flash -s_session_views")
	wants(t, "asked", asked.Load(), 1)
}

func TestValidateIsAskedWhenPermissionComes(t *testing.T) {
	asked := 0
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { asked++; return cookiesession.ErrRevoked },
		func(cfg *cookiesession.Config) { cfg.Consent = func(*http.Request) bool { return false } })
	a := c.look(200, func(s *cookiesession.Session) {
		s.Value("k")
		wants(t, "asked without permission", asked, 0)
		s.Allow()
		wants(t, "value", s.Value("k"), nil)
		wants(t, "asked with permission", asked, 1)
		s.Deny()
		s.Allow()
		wants(t, "asked in all", asked, 1)
		wants(t, "value after all", s.Value("k"), nil)
	})
	wants(t, "Set-Cookie", a.names(), "-s_session -s_session_flash -s_session_views")
}

func TestValidateSeesAReadOnlySessionOfItsOwn(t *testing.T) {
	type contextValue struct{}
	var seen *cookiesession.Session
	var c *client
	c = verdictClient(t, func(ctx context.Context, s *cookiesession.Session) error {
		seen = s
		wants(t, "FromContext", c.m.FromContext(ctx), s)
		wants(t, "the request's own context", ctx.Value(contextValue{}), any("mine"))
		wants(t, "value", s.Value("k"), any("secret"))
		wants(t, "flash", s.Value("f"), any("flash"))
		wants(t, "new", s.IsNew(), false)
		wants(t, "requests", s.Views().Requests, 2)
		for what, err := range map[string]error{
			"Set": s.Set("k", "written"), "Delete": s.Delete("k"), "Clear": s.Clear(), "Destroy": s.Destroy(), "CycleID": s.CycleID(),
			"Flash": s.Flash("g", 1), "Update": s.Update(map[string]any{"k": 1}),
			"Edit": cookiesession.Edit(s, "k", func(v *string) error { *v = ""; return nil }),
		} {
			wants(t, what, err, cookiesession.ErrCommitted)
		}
		if _, ok := cookiesession.Pop[string](s, "k"); ok {
			t.Error("popped")
		}
		s.Deny()
		wants(t, "value after the writes", s.Value("k"), any("secret"))
		wants(t, "committed", c.m.Commit(http.Header{}, s, 200), cookiesession.ErrCommitted)
		return nil
	})
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Cookie", strings.Join(c.jar, "; "))
	s := c.m.OpenRequest(r.WithContext(context.WithValue(r.Context(), contextValue{}, "mine")))
	wants(t, "value", s.Value("k"), any("secret"))
	wants(t, "a session of its own", seen != nil && seen != s, true)
	wants(t, "modified by it", s.Modified(), false)
	wants(t, "rejected", s.Rejected(), nil)
}

func TestARevokedSessionIsDeletedWithEverythingAtAnyStatus(t *testing.T) {
	for name, err := range map[string]error{"revoked": cookiesession.ErrRevoked, "wrapped": fmt.Errorf("logged out elsewhere: %w", cookiesession.ErrRevoked)} {
		for _, status := range []int{200, 204, 303, 404, 500, panics} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return err })
				var first string
				c.look(500, func(s *cookiesession.Session) { first = s.ID() })
				c.events.take()
				a := c.visit(status, func(s *cookiesession.Session) {
					wants(t, "value", s.Value("k"), nil)
					wants(t, "flash", s.Value("f"), nil)
					wants(t, "flashes", len(s.Flashes()), 0)
					wants(t, "new", s.IsNew(), true)
					wants(t, "requests", s.Views().Requests, 1)
					wants(t, "another id each time", s.ID() == first, false)
					wants(t, "rejected", s.Rejected(), err)
				})
				wants(t, "Set-Cookie", a.names(), "-s_session -s_session_flash -s_session_views")
				wants(t, "events", c.events.take(), "refused s_session, deleted s_session, deleted s_session_flash, deleted s_session_views")
				wants(t, "cookies left", len(c.jar), 0)
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
	a := c.visit(303, func(s *cookiesession.Session) { must(s.Set("k", "new")); must(s.Flash("f", "gone")); id = s.ID() })
	wants(t, "Set-Cookie", a.names(), "s_session s_session_flash -s_session_views")
	c.look(204, func(s *cookiesession.Session) {
		wants(t, "value", s.Value("k"), any("new"))
		wants(t, "flash", s.Value("f"), any("gone"))
		wants(t, "id", s.ID(), id)
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
			{"read", reads, 200, ""},
			{"read on a redirect", reads, 302, ""},
			{"read on a 500", reads, 500, ""},
			{"read, then a panic", reads, panics, ""},
			{"flash read", func(s *session) { s.Flashes() }, 200, ""},
			{"flash kept", func(s *session) { s.KeepFlash() }, 200, ""},
			{"a key deleted that nobody sees", func(s *session) { must(s.Delete("k")) }, 200, ""},
			{"popped", func(s *session) { cookiesession.Pop[string](s, "k") }, 200, ""},
			{"written", set("k", 1), 200, "s_session"},
			{"written on a 500", set("k", 1), 500, ""},
			{"flashed", func(s *session) { must(s.Flash("g", 1)) }, 303, "s_session_flash"},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := verdictClient(t, validate, func(cfg *cookiesession.Config) { cfg.SaveEveryRequest, cfg.RenewAfter = true, time.Second })
					time.Sleep(time.Minute / 2)
					var ids []string
					for range 2 {
						c.look(500, func(s *session) {
							wants(t, "value", s.Value("k"), nil)
							wants(t, "flash", s.Value("f"), nil)
							wants(t, "all", len(s.All()), 0)
							wants(t, "new", s.IsNew(), true)
							wants(t, "requests", s.Views().Requests, 1)
							wants(t, "rejected", s.Rejected() != nil && !errors.Is(s.Rejected(), cookiesession.ErrRevoked), true)
							wants(t, "the same error", strings.Contains(name, "panic") || s.Rejected() == errDatabase, true)
							ids = append(ids, s.ID())
						})
					}
					wants(t, "id is another each time", ids[0] == ids[1], false)
					c.events.take()
					got := c.look(tc.status, tc.do).names()
					wants(t, "Set-Cookie", strings.TrimSuffix(got, " s_session_views"), tc.want)
					if tc.name != "written" {
						wants(t, "Set-Cookie, views included", got, tc.want)
					}
					wants(t, "refused once", strings.Count(c.events.take(), "refused s_session"), 1)
				})
			})
		}
	}
}

func TestDestroyDeletesFlashThatValidateHadNoAnswerFor(t *testing.T) {
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return errDatabase })
	for _, status := range []int{200, 303, 500, panics} {
		a := c.look(status, func(s *cookiesession.Session) { must(s.Destroy()) })
		wants(t, "Set-Cookie", a.names(), "-s_session -s_session_flash -s_session_views")
	}
	a := c.look(200, func(s *cookiesession.Session) { must(s.Destroy()); must(s.Set("k", 1)) })
	wants(t, "Set-Cookie with a new session", a.names(), "s_session -s_session_flash -s_session_views")
}

func TestClearFlashDeletesFlashThatValidateHadNoAnswerFor(t *testing.T) {
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error { return errDatabase })
	wants(t, "Set-Cookie", c.look(303, (*cookiesession.Session).ClearFlash).names(), "-s_session_flash")
}

func TestFlashKnowsOfTheDataThatStaysUnseen(t *testing.T) {
	for name, cfg := range map[string]cookiesession.Config{
		"unknown key": {},
		"withheld":    {Validate: func(context.Context, *cookiesession.Session) error { return errDatabase }},
	} {
		t.Run(name, func(t *testing.T) {
			keys := newRing(t)
			c := newClient(t, cookiesession.Config{Keyring: keys})
			c.visit(200, set("k", strings.Repeat("x", 3000)))
			cfg.OnEvent = c.events.add
			if cfg.Validate != nil {
				cfg.Keyring = keys
			}
			c.m = newManager(t, cfg)
			s := c.m.Open(t.Context(), c.jar...)
			must(s.Flash("small", 1))
			if err := s.Flash("f", strings.Repeat("x", 1500)); !errors.Is(err, cookiesession.ErrTooLarge) {
				t.Errorf("Flash: %v", err)
			}
			h := http.Header{}
			must(c.m.Commit(h, s, 303))
			wants(t, "Set-Cookie", answer{header: h}.names(), "s_session_flash")
		})
	}
}

func TestASessionThatWasWithheldIsThereAgainWithItsFlash(t *testing.T) {
	away := true
	c := verdictClient(t, func(context.Context, *cookiesession.Session) error {
		if away {
			return errDatabase
		}
		return nil
	})
	c.visit(200, reads)
	away = false
	c.visit(200, func(s *cookiesession.Session) {
		wants(t, "value", s.Value("k"), any("secret"))
		wants(t, "flash", s.Value("f"), any("flash"))
		wants(t, "requests", s.Views().Requests, 2)
	})
}

func TestNothingOfASessionIsShownBeforeValidateHasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := verdictClient(t, func(_ context.Context, s *cookiesession.Session) error {
			asked++
			time.Sleep(time.Second)
			wants(t, "value inside", s.Value("k"), any("secret"))
			time.Sleep(time.Second)
			return cookiesession.ErrRevoked
		})
		s := c.m.Open(t.Context(), c.jar...)
		start := time.Now()
		var all sync.WaitGroup
		for _, look := range []func(){
			func() { wants(t, "value", s.Value("k"), nil) },
			func() { wants(t, "flash", s.Value("f"), nil) },
			func() { wants(t, "new", s.IsNew(), true) },
			func() { wants(t, "has", s.Has("k"), false) },
			func() { must(s.Set("other", 1)) },
			func() { wants(t, "rejected", s.Rejected(), cookiesession.ErrRevoked) },
		} {
			all.Go(func() {
				look()
				wants(t, "waited", time.Since(start), 2*time.Second)
			})
		}
		all.Wait()
		wants(t, "asked", asked, 1)
		h := http.Header{}
		must(c.m.Commit(h, s, 303))
		wants(t, "Set-Cookie", answer{header: h}.names(), "s_session -s_session_flash -s_session_views")
	})
}

func TestTheHeaderWaitsForValidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := verdictClient(t, func(context.Context, *cookiesession.Session) error {
			time.Sleep(time.Second)
			return cookiesession.ErrRevoked
		})
		s := c.m.Open(t.Context(), c.jar...)
		go s.Value("k")
		synctest.Wait()
		h := http.Header{}
		must(c.m.Commit(h, s, 200))
		wants(t, "Set-Cookie", answer{header: h}.names(), "-s_session -s_session_flash -s_session_views")
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
			s := c.m.Open(t.Context(), c.jar...)
			h := http.Header{}
			var all sync.WaitGroup
			all.Go(func() {
				defer c.m.Commit(h, s, 500)
				look(s)
			})
			all.Wait()
			wants(t, "it is there", s.Has("k"), false)
			wants(t, "a reason is given", s.Rejected() != nil, true)
			wants(t, "cookies deleted", len(h["Set-Cookie"]), 0)
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
		s := c.m.Open(ctx, c.jar...)
		go s.Value("k")
		synctest.Wait()
		wants(t, "accessed", s.Accessed(), true)
		wants(t, "modified", s.Modified(), false)
		_ = fmt.Sprint(s)
		other := c.m.Open(t.Context()) // a new visitor
		must(other.Set("k", 1))
		cancel()
		wants(t, "value", s.Value("k"), nil)
		wants(t, "rejected", s.Rejected(), context.Canceled)
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
			keys := newRing(t, older.Secret)
			c := newClient(t, cookiesession.Config{Keyring: keys, Validate: func(context.Context, *cookiesession.Session) error { return tc.err }})
			c.visit(200, set("k", 1))
			must(keys.Replace(newer, older))
			wants(t, "Set-Cookie", c.look(200, reads).names(), tc.want)
		})
	}
}

func TestOnEventIsCalledWithTheSessionInItsContextAndNoLockHeld(t *testing.T) {
	type contextValue struct{}
	kinds := map[cookiesession.EventKind]int{}
	var m *cookiesession.Manager
	var s *cookiesession.Session
	m = newManager(t, cookiesession.Config{MaxBytes: 600, TrackViews: true, OnEvent: func(ctx context.Context, e cookiesession.Event) {
		kinds[e.Kind]++
		wants(t, "session", m.FromContext(ctx), s)
		wants(t, "the request's own context", ctx.Value(contextValue{}), any("mine"))
		s.Value("k") // each of these would wait for ever under a lock
		s.Modified()
		s.Views()
		m.FromContext(ctx).All()
	}})
	ctx := context.WithValue(t.Context(), contextValue{}, "mine")
	s = m.Open(ctx, "s_session=AAAA.BBBB; s_session=CCCC.DDDD; s_session_flash=x; s_session_views=x")
	if s.Set("k", strings.Repeat("x", 600)) == nil {
		t.Error("fitted")
	}
	must(s.Set("k", 1))
	must(m.Commit(http.Header{}, s, 200))
	_ = s.Set("k", 2)
	s = m.Open(ctx, "s_session=AAAA.BBBB")
	must(s.Destroy())
	must(m.Commit(http.Header{}, s, 200))
	for _, kind := range []cookiesession.EventKind{"refused", "doubled", "issued", "deleted", "write-refused"} {
		wants(t, string(kind)+" was reported", kinds[kind] > 0, true)
	}
}

func TestNewKeysAreReportedWithoutTheLockOfTheSessionThatSawThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := plainKeyFile(t, t.TempDir(), keyFileText(cookiesession.NewSecret()))
		ring, err := cookiesession.LoadKeyFile(path)
		must(err)
		var s *cookiesession.Session
		told := 0
		m := newManager(t, cookiesession.Config{Keyring: ring, OnEvent: func(_ context.Context, e cookiesession.Event) {
			if e.Kind == cookiesession.EventKeysLoaded {
				told++
				s.Value("k") // would wait for ever under a lock
			}
		}})
		for _, use := range []func(){
			func() { s.Value("k") },
			func() { must(s.Set("k", 1)) },
			func() { must(m.Commit(http.Header{}, s, 200)) },
		} {
			writeKeyFile(t, path, keyFileText(cookiesession.NewSecret()))
			time.Sleep(5 * time.Second)
			s = m.Open(t.Context(), "s_session=AAAA.unknown")
			told = 0
			use()
			ring.Err()
			wants(t, "reports", told, 1)
		}
	})
}

// sessionLevel lets the session decide what is logged.
type sessionLevel struct {
	slog.Handler
	m *cookiesession.Manager
}

func (h sessionLevel) Enabled(ctx context.Context, level slog.Level) bool {
	defer func() { recover() }()  // no session
	h.m.FromContext(ctx).Has("k") // would wait for ever under a lock
	return true
}

func TestTheDefaultLogIsAskedWithoutALockHeld(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	m, err := cookiesession.New(cookiesession.Config{Keyring: newRing(t)})
	must(err)
	slog.SetDefault(slog.New(sessionLevel{slog.NewTextHandler(io.Discard, nil), m}))
	s := m.Open(t.Context(), "s_session=AAAA.BBBB")
	must(s.Set("k", 1))
	must(m.Commit(http.Header{}, s, 200))
	wants(t, "the session works", s.Has("k"), true)
}

func TestWhatHappensIsReportedOnceAndWithItsFigures(t *testing.T) {
	secret := cookiesession.NewSecret()
	c := newClient(t, cookiesession.Config{Keyring: newRing(t, secret), MaxBytes: 32 << 10})
	last := func() cookiesession.Event {
		t.Helper()
		all := c.events.all
		c.events.take()
		if len(all) != 1 {
			t.Fatalf("events: %v", all)
		}
		return all[0]
	}
	keyID := cookiesession.Key{Secret: secret}.ID()
	for _, n := range []int{1, 9000} {
		a := c.visit(200, set("k", strings.Repeat("x", n)))
		e := last()
		wants(t, "issued", e, cookiesession.Event{Kind: cookiesession.EventIssued, CookieName: "s_session", KeyID: keyID, Bytes: bytesOf(a.header)})
	}
	c.visit(204, reads)
	wants(t, "read", c.events.take(), "")
	sum := 0
	for _, pair := range c.jar {
		sum += len(pair) - 1
	}
	c.visit(500, func(s *cookiesession.Session) { must(s.Destroy()) })
	wants(t, "deleted", last(), cookiesession.Event{Kind: cookiesession.EventDeleted, CookieName: "s_session", Bytes: sum})

	c.jar = []string{"s_session=" + keyID + ".nonsense"}
	c.visit(200, func(s *cookiesession.Session) { s.Value("k"); s.All(); s.Len(); _ = s.Rejected() })
	wants(t, "refused", last(), cookiesession.Event{Kind: cookiesession.EventRefused, CookieName: "s_session", KeyID: keyID, Bytes: len("s_session" + keyID + ".nonsense"), Err: cookiesession.ErrInvalid})
	c.jar = []string{"s_session=AbCd.nonsense"}
	c.visit(200, reads)
	e := last()
	wants(t, "unknown key's id", e.KeyID, "AbCd")
	wants(t, "unknown key", errors.Is(e.Err, cookiesession.ErrUnknownKey), true)
}

func TestEveryRefusedWriteIsReportedEvenWhenItsErrorIsDropped(t *testing.T) {
	type session = cookiesession.Session
	channel := make(chan int)
	committed := map[string]func(*session){
		"Set":              func(s *session) { s.Set("k", 1) },
		"SetDefault":       func(s *session) { s.SetDefault("other", 1) },
		"Update":           func(s *session) { s.Update(map[string]any{"a": 1}) },
		"Add":              func(s *session) { s.Add("n", 1) },
		"Edit":             func(s *session) { cookiesession.Edit(s, "k", func(*string) error { return nil }) },
		"Delete":           func(s *session) { s.Delete("k") },
		"Pop":              func(s *session) { cookiesession.Pop[string](s, "k") },
		"Clear":            func(s *session) { s.Clear() },
		"Destroy":          func(s *session) { s.Destroy() },
		"CycleID":          func(s *session) { s.CycleID() },
		"MarkModified":     (*session).MarkModified,
		"SetExpiry":        func(s *session) { s.SetExpiry(cookiesession.BrowserClose()) },
		"SetTestCookie":    (*session).SetTestCookie,
		"DeleteTestCookie": (*session).DeleteTestCookie,
		"Allow":            (*session).Allow,
		"Deny":             (*session).Deny,
		"Flash":            func(s *session) { s.Flash("f", 1) },
		"FlashNow":         func(s *session) { s.FlashNow("f", 1) },
		"KeepFlash":        func(s *session) { s.KeepFlash() },
		"ClearFlash":       (*session).ClearFlash,
	}
	open := map[string]func(*session){
		"a channel":              func(s *session) { s.Set("k", channel) },
		"a channel among others": func(s *session) { s.Update(map[string]any{"a": 1, "k": channel}) },
		"a channel by default":   func(s *session) { s.SetDefault("other", channel) },
		"a channel as flash":     func(s *session) { s.Flash("k", channel) },
		"a channel as flash now": func(s *session) { s.FlashNow("k", channel) },
		"a channel by Edit":      func(s *session) { cookiesession.Edit(s, "other", func(v *any) error { *v = channel; return nil }) },
		"Add to a string":        func(s *session) { s.Add("k", 1) },
		"Add beyond 64 bits":     func(s *session) { s.Add("n", 1<<63-1) },
		"Edit of another type":   func(s *session) { cookiesession.Edit(s, "k", func(*int) error { return nil }) },
		"too large":              func(s *session) { s.Set("k", strings.Repeat("x", 9000)) },
	}
	fine := map[string]func(*session){
		"an error of Edit's own function": func(s *session) { cookiesession.Edit(s, "k", func(*string) error { return errDatabase }) },
		"Pop of another type":             func(s *session) { cookiesession.Pop[int](s, "k") },
		"Pop of nothing":                  func(s *session) { cookiesession.Pop[int](s, "other") },
		"SetDefault of what is there":     func(s *session) { s.SetDefault("k", channel) },
	}
	check := func(writes map[string]func(*session), commit bool, want string) {
		for name, write := range writes {
			t.Run(fmt.Sprintf("%s, committed %v", name, commit), func(t *testing.T) {
				c := newClient(t, cookiesession.Config{})
				c.visit(200, func(s *session) { must(s.Set("k", "v")); must(s.Set("n", 1)) })
				s := c.m.Open(t.Context(), c.jar...)
				wants(t, "value", s.Value("k"), any("v"))
				if commit {
					must(c.m.Commit(http.Header{}, s, 200))
				}
				c.events.take()
				write(s)
				wants(t, "events", c.events.take(), want)
				wants(t, "value after it", s.Value("k"), any("v"))
				wants(t, "n after it", s.Value("n"), any(int64(1)))
				wants(t, "modified", s.Modified(), false)
			})
		}
	}
	check(committed, true, "write-refused s_session")
	check(open, false, "write-refused s_session")
	check(fine, false, "")
}

func TestByDefaultOnlyWhatAClientCannotCauseAtWillIsLoggedAboveDebug(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	m, err := cookiesession.New(cookiesession.Config{Keyring: newRing(t)})
	must(err)
	s := m.Open(t.Context(), "s_session=AAAA.forged-text; s_session=BBBB.other")
	must(s.Set("k", "the value"))
	must(m.Commit(http.Header{}, s, 200))
	_ = s.Set("k", "the value")
	for line := range strings.Lines(log.String()) {
		wants(t, line, strings.Contains(line, "level=WARN"), strings.Contains(line, "write-refused"))
		wants(t, line+" is at debug", strings.Contains(line, "level=DEBUG"), !strings.Contains(line, "write-refused"))
	}
	for _, want := range []string{"refused", "doubled", "issued", "write-refused"} {
		wants(t, want+" is logged", strings.Contains(log.String(), "event="+want), true)
	}
	if text := log.String(); strings.Contains(text, "forged-text") || strings.Contains(text, "the value") {
		t.Errorf("the log shows a cookie or a value: %s", text)
	}
}

// A metric that keeps key ids must not keep the Cookie lines that they came in.
func TestTheKeyIDOfAnEventIsNoPartOfTheCookieLine(t *testing.T) {
	var id string
	m := newManager(t, cookiesession.Config{Keyring: newRing(t), OnEvent: func(_ context.Context, e cookiesession.Event) { id = e.KeyID }})
	line := "s_session=AAAA." + strings.Repeat("x", 1000)
	m.Open(t.Context(), line).Value("k")
	start, at := uintptr(unsafe.Pointer(unsafe.StringData(line))), uintptr(unsafe.Pointer(unsafe.StringData(id)))
	if id != "AAAA" || at >= start && at < start+uintptr(len(line)) {
		t.Errorf("the id %q is in the line's memory", id)
	}
}
