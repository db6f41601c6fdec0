package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
)

// heard keeps events.
type heard struct {
	mu     sync.Mutex
	events []revocation.Event
}

func (h *heard) note(_ context.Context, e revocation.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// kinds gives what was heard since the last call, but for marks that were made.
func (h *heard) kinds() (kinds []revocation.EventKind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind != revocation.EventMarked {
			kinds = append(kinds, e.Kind)
		}
	}
	h.events = nil
	return kinds
}

func (h *heard) want(t *testing.T, kinds ...revocation.EventKind) {
	t.Helper()
	if got := h.kinds(); !slices.Equal(got, kinds) {
		t.Errorf("events %v, want %v", got, kinds)
	}
}

// pair is two instances on one engine, each with a line of its own to it.
type pair struct {
	*testing.T
	memory     *revocation.Memory
	lineA      *scripted
	lineB      *scripted
	a, b       *revocationtest.Instance
	onA, onB   heard
	ring       *cookiesession.Keyring
	configureB func(*revocation.Config)
	clockB     watch
}

// watch is the clock of an instance. It can stand still, as a suspended
// machine's does, and be wrong.
type watch struct {
	mu    sync.Mutex
	still time.Time
	off   time.Duration
}

func (w *watch) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.still.IsZero() {
		return w.still
	}
	return time.Now().Add(w.off)
}

// wall goes on while the machine is suspended.
func (w *watch) wall() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.off)
}

func (w *watch) set(still time.Time, off time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.still, w.off = still, off
}

var errDown = errors.New("connection refused")

func newPair(t *testing.T, prepare func(*pair)) *pair {
	p := &pair{T: t, memory: revocation.NewMemory(), ring: newRing(t)}
	p.lineA, p.lineB = &scripted{Source: p.memory}, &scripted{Source: p.memory}
	if prepare != nil {
		prepare(p)
	}
	p.a = revocationtest.NewInstance(t, p.ring, revocation.Config{Source: p.lineA, OnEvent: p.onA.note})
	cfg := revocation.Config{Source: p.lineB, OnEvent: p.onB.note}
	if p.configureB != nil {
		p.configureB(&cfg)
	}
	list, err := revocation.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	revocation.SetClock(list, p.clockB.now)
	revocation.SetWallClock(list, p.clockB.wall)
	p.b = revocationtest.Follow(t, p.ring, list)
	time.Sleep(time.Second)
	return p
}

func (p *pair) wantAlive(cookie string, onA, onB bool) {
	p.Helper()
	if a, b := p.a.Alive(cookie), p.b.Alive(cookie); a != onA || b != onB {
		p.Errorf("alive on a %t, want %t; on b %t, want %t", a, onA, b, onB)
	}
}

func TestAnEngineThatIsAwayAtTheStartIsFoundLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(p *pair) { p.lineB.goDown(errDown) })
		p.onB.want(t, revocation.EventBehind)
		cookie := p.a.Login("user:42")
		revoke(t, p.a, "user:42")
		p.wantAlive(cookie, false, true) // the default: go on, and say so
		if st := p.b.List.Status(); !st.AsOf.IsZero() || !errors.Is(st.Err, errDown) || st.Stale {
			t.Errorf("status %+v", st)
		}
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		p.wantAlive(cookie, false, false)
		p.onB.want(t, revocation.EventBehind, revocation.EventCaughtUp) // the first: it was asked about a session without ever having read
		if st := p.b.List.Status(); st.Err != nil || st.Age > time.Second || st.Marks != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestAnEngineThatIsAwayForMinutesDelaysMarksAndLosesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		known, fresh := p.a.Login("user:1"), p.a.Login("user:2")
		revoke(t, p.a, "user:1")
		time.Sleep(time.Second)
		p.lineB.goDown(errDown)
		time.Sleep(5 * time.Minute)
		revoke(t, p.a, "user:2")
		p.wantAlive(known, false, false)
		p.wantAlive(fresh, false, true)
		p.onB.want(t, revocation.EventBehind) // once
		if st := p.b.List.Status(); st.Age < 5*time.Minute || st.Age > 5*time.Minute+2*time.Second {
			t.Errorf("age %v", st.Age)
		}
		if err := p.b.List.Revoke(t.Context(), "user:3"); !errors.Is(err, errDown) {
			t.Errorf("Revoke while the engine is away: %v", err)
		}
		p.onB.want(t, revocation.EventMarkRefused)
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		p.wantAlive(fresh, false, false)
		p.onB.want(t, revocation.EventCaughtUp)
	})
}

func TestAnEngineThatComesBackWithoutItsDataIsGivenIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var cookies []string
		for i := range 2500 { // more than one call of Restore
			cookies = append(cookies, p.a.Login(fmt.Sprint("user:", i)))
		}
		var keys []string
		for i := range cookies {
			if keys = append(keys, fmt.Sprint("user:", i)); len(keys) == 10 {
				go func(keys []string) { revoke(t, p.a, keys...) }(keys)
				keys = nil
			}
		}
		time.Sleep(2 * time.Second)
		p.memory.Lose()
		time.Sleep(3 * time.Second)
		p.wantAlive(cookies[0], false, false)
		if kinds := slices.Concat(p.onA.kinds(), p.onB.kinds()); !slices.Contains(kinds, revocation.EventReset) || !slices.Contains(kinds, revocation.EventRestored) {
			t.Errorf("events %v", kinds)
		}
		late := revocationtest.NewInstance(t, p.ring, revocation.Config{Source: p.memory})
		time.Sleep(time.Second)
		for i, cookie := range cookies {
			if late.Alive(cookie) {
				t.Fatalf("an instance that starts later takes session %d: its mark was lost", i)
			}
		}
		if st := late.List.Status(); st.Marks != len(cookies) {
			t.Errorf("%d marks, want %d", st.Marks, len(cookies))
		}
	})
}

func TestAnEngineThatRefusesWhatItLostIsReadAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		old := p.a.Login("user:1")
		revoke(t, p.a, "user:1")
		time.Sleep(time.Second)
		p.lineA.refuseWrites(errors.New("read only"))
		p.lineB.refuseWrites(errors.New("read only"))
		p.memory.Lose()
		time.Sleep(time.Minute)
		p.onB.want(t, revocation.EventReset, revocation.EventRestored, revocation.EventBehind)
		if st := p.b.List.Status(); st.Age > time.Second || st.Err != nil {
			t.Errorf("status %+v", st)
		}
		p.lineB.refuseWrites(nil)
		time.Sleep(time.Second)
		late := revocationtest.NewInstance(t, p.ring, revocation.Config{Source: p.memory})
		time.Sleep(time.Second)
		if late.Alive(old) {
			t.Error("the mark has not been given back when the engine took it")
		}
	})
}

func TestASlowEngineKeepsNoRequestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		cookie := p.a.Login("user:42")
		p.lineA.slowDown(3 * time.Second)
		p.lineB.slowDown(3 * time.Second)
		time.Sleep(10 * time.Second)
		p.onB.want(t, revocation.EventClock)
		began := time.Now()
		p.wantAlive(cookie, true, true)
		p.b.Login("user:42")
		if d := time.Since(began); d != 0 {
			t.Errorf("requests waited for %v", d)
		}
		if st := p.b.List.Status(); st.Uncertainty < 100*time.Millisecond {
			t.Errorf("the clock is known within %v", st.Uncertainty)
		}
		p.lineB.slowDown(time.Minute) // slower than Timeout
		time.Sleep(time.Minute)
		if kinds := p.onB.kinds(); !slices.Contains(kinds, revocation.EventBehind) {
			t.Errorf("events %v", kinds)
		}
		began = time.Now()
		err := p.b.List.Revoke(t.Context(), "user:42")
		if d := time.Since(began); err == nil || d > 11*time.Second {
			t.Errorf("Revoke took %v and said %v", d, err)
		}
	})
}

// Revoke stores its mark, and the engine goes before anybody has read it.
func TestAMarkThatMayNotHaveSpreadIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		cookie := p.a.Login("user:42")
		answer := make(chan error)
		p.lineB.goDown(errDown)
		go func() { answer <- p.a.List.Revoke(t.Context(), "user:42") }()
		time.Sleep(50 * time.Millisecond)
		p.lineA.goDown(errDown)
		if err := <-answer; !errors.Is(err, errDown) || !strings.Contains(err.Error(), "stored") {
			t.Errorf("Revoke: %v", err)
		}
		p.wantAlive(cookie, false, true)
		p.lineA.goDown(nil)
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		p.wantAlive(cookie, false, false)
	})
}

func TestAnEngineThatRefusesWritesMakesRevokeFailAndEndsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		cookie := p.a.Login("user:42")
		refused := errors.New("read only")
		p.lineA.refuseWrites(refused)
		if err := p.a.List.Revoke(t.Context(), "user:42"); !errors.Is(err, refused) {
			t.Errorf("Revoke: %v", err)
		}
		time.Sleep(time.Second)
		p.wantAlive(cookie, true, true)
		p.onA.want(t, revocation.EventMarkRefused)
		p.lineA.refuseWrites(nil)
		revoke(t, p.a, "user:42")
		p.wantAlive(cookie, false, false)
	})
}

func TestMarksThatComeTwiceOrOutOfOrderChangeNothing(t *testing.T) {
	for name, alter := range map[string]func(*revocation.Page){
		"twice":        func(p *revocation.Page) { p.Marks = slices.Concat(p.Marks, p.Marks) },
		"out of order": func(p *revocation.Page) { slices.Reverse(p.Marks) },
		"old ones again": func() func(*revocation.Page) {
			var all []revocation.Mark
			return func(p *revocation.Page) {
				all = append(all, p.Marks...)
				p.Marks = slices.Clone(all)
				slices.Reverse(p.Marks)
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, func(p *pair) { p.lineB.alterPages(alter) })
				var dead []string
				for range 5 {
					dead = append(dead, p.a.Login("user:42"), p.b.Login("user:42"))
					revoke(t, p.a, "user:42", "user:43")
				}
				alive := p.b.Login("user:42")
				time.Sleep(time.Second)
				for _, cookie := range dead {
					p.wantAlive(cookie, false, false)
				}
				p.wantAlive(alive, true, true)
				if st := p.b.List.Status(); st.Marks != 2 {
					t.Errorf("%d marks of two keys", st.Marks)
				}
			})
		})
	}
}

// An engine keeps a bounded history for those who follow, and more happens
// while one is away.
func TestAHistoryThatWasTrimmedWhileAnInstanceWasAwayIsReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		old := p.a.Login("user:1")
		revoke(t, p.a, "user:1")
		time.Sleep(time.Second)
		p.lineB.goDown(errDown)
		revoke(t, p.a, "user:3")
		time.Sleep(time.Hour)
		fresh := p.a.Login("user:2")
		revoke(t, p.a, "user:2")
		if err := p.memory.Trim(t.Context(), time.Minute); err != nil { // far more than is old enough
			t.Fatal(err)
		}
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		p.wantAlive(old, false, false)
		p.wantAlive(fresh, false, false)
		if kinds := p.onB.kinds(); !slices.Contains(kinds, revocation.EventReset) {
			t.Errorf("events %v", kinds)
		}
		late := revocationtest.NewInstance(t, p.ring, revocation.Config{Source: p.memory})
		time.Sleep(time.Second)
		if late.Alive(old) {
			t.Error("what was trimmed too soon has not been given back")
		}
	})
}

// A suspended machine: its monotonic clock stands still, its wall clock is
// right afterwards.
func TestAnInstanceThatWasSuspendedForAnHourKnowsThatItIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(p *pair) { p.configureB = func(c *revocation.Config) { c.WhenStale = time.Minute } })
		revoked, other := p.b.Login("user:42"), p.b.Login("user:43")
		p.lineB.goDown(errDown) // nothing is read while it sleeps
		slept := time.Now()
		p.clockB.set(slept, 0)
		time.Sleep(time.Hour)
		revoke(t, p.a, "user:42")
		s := p.b.Session(other)
		if !errors.Is(s.Rejected(), revocation.ErrStale) {
			t.Errorf("asked before it has read: %v", s.Rejected())
		}
		p.lineB.goDown(nil)
		p.clockB.set(time.Time{}, 0)
		time.Sleep(time.Second)
		p.wantAlive(revoked, false, false)
		p.wantAlive(other, true, true)
		again := p.b.Login("user:42")
		p.wantAlive(again, true, true)
	})
}

func TestWhenStaleHidesSessionsAndLogsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(p *pair) {
			p.lineB.goDown(errDown)
			p.configureB = func(c *revocation.Config) { c.WhenStale = 2 * time.Minute }
		})
		cookie := p.a.Login("user:42")
		stale := func(when string, want bool) {
			t.Helper()
			s := p.b.Session(cookie)
			if err := s.Rejected(); errors.Is(err, revocation.ErrStale) != want || errors.Is(err, cookiesession.ErrRevoked) {
				t.Errorf("%s: %v", when, err)
			}
			h := map[string][]string{}
			if p.b.Manager.Commit(h, s, 200); len(h["Set-Cookie"]) != 0 {
				t.Errorf("%s: cookies are touched: %v", when, h)
			}
			if st := p.b.List.Status(); st.Stale != want {
				t.Errorf("%s: status %+v", when, st)
			}
		}
		stale("never read", true)
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		stale("read", false)
		p.lineB.goDown(errDown)
		time.Sleep(time.Minute)
		stale("away for a minute", false)
		time.Sleep(90 * time.Second)
		stale("away for two minutes and a half", true)
		p.lineB.goDown(nil)
		time.Sleep(time.Second)
		stale("back", false)
	})
}

func TestAListThatNobodyFeedsSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on heard
		list, err := revocation.New(revocation.Config{Source: revocation.NewMemory(), OnEvent: on.note})
		if err != nil {
			t.Fatal(err)
		}
		i := &revocationtest.Instance{T: t, List: list, Manager: newManager(t, list)}
		cookie := i.Login("user:42")
		for range 3 {
			if !i.Alive(cookie) {
				t.Error("the default is to go on")
			}
		}
		on.want(t, revocation.EventBehind)
	})
}

func TestAListThatHasNeverHeardOfItsSourceStampsTooEarlyRatherThanTooLate(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
		t.Run(fmt.Sprint("its clock is off by ", off), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, func(p *pair) {
					p.lineB.goDown(errDown)
					p.clockB.set(time.Time{}, off)
				})
				before := p.b.Login("user:42")
				revoke(t, p.a, "user:42")
				time.Sleep(10 * time.Minute)
				after := p.b.Login("user:42")
				p.lineB.goDown(nil)
				time.Sleep(time.Second)
				p.wantAlive(before, false, false)
				p.wantAlive(after, true, true) // ten minutes are enough
			})
		})
	}
}

func TestRunEndsWithItsContextAndRunsOnce(t *testing.T) {
	for name, withSource := range map[string]bool{"without a source": false, "with one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine stays
				var cfg revocation.Config
				if withSource {
					cfg.Source = revocation.NewMemory()
				}
				list, err := revocation.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				cause := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				var ended error
				go func() { ended = list.Run(ctx) }()
				synctest.Wait()
				if err := list.Run(ctx); err == nil || err == cause {
					t.Errorf("a second Run: %v", err)
				}
				cancel(cause)
				if synctest.Wait(); ended != cause {
					t.Errorf("Run ended with %v", ended)
				}
			})
		})
	}
}

func TestRefreshReadsWhatIsTooOldOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := revocation.NewMemory()
		line := &scripted{Source: memory}
		list, err := revocation.New(revocation.Config{Source: line, OnEvent: quiet})
		if err != nil {
			t.Fatal(err)
		}
		ring := newRing(t)
		a := revocationtest.NewInstance(t, ring, revocation.Config{Source: memory})
		time.Sleep(time.Second)
		i := &revocationtest.Instance{T: t, List: list, Manager: newManagerOn(t, ring, list)}
		refresh := func() {
			t.Helper()
			if err := list.Refresh(t.Context(), 10*time.Second); err != nil {
				t.Error(err)
			}
		}
		refresh()
		cookie := i.Login("user:42")
		revoke(t, a, "user:42")
		for range 3 {
			refresh()
		}
		if n := line.readCount(); n != 1 || !i.Alive(cookie) {
			t.Errorf("%d reads of what is young enough", n)
		}
		time.Sleep(11 * time.Second)
		line.slowDown(50 * time.Millisecond)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(refresh)
		}
		wg.Wait()
		if n := line.readCount(); n != 2 || i.Alive(cookie) {
			t.Errorf("%d reads by 20 callers, want 1 more; alive: %t", n, i.Alive(cookie))
		}
		time.Sleep(time.Minute)
		line.goDown(errDown)
		if err := list.Refresh(t.Context(), 10*time.Second); !errors.Is(err, errDown) {
			t.Errorf("Refresh while the engine is away: %v", err)
		}
		if i.Alive(cookie) {
			t.Error("the marks that are known are forgotten")
		}
	})
}

func TestOnEventMayUseTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list *revocation.List
		line := &scripted{Source: revocation.NewMemory()}
		line.goDown(errDown)
		called := make(chan error, 10)
		list, err := revocation.New(revocation.Config{Source: line, OnEvent: func(ctx context.Context, e revocation.Event) {
			if e.Kind == revocation.EventCaughtUp {
				called <- list.Revoke(ctx, "user:42")
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		go list.Run(t.Context())
		time.Sleep(time.Second)
		line.goDown(nil)
		time.Sleep(10 * time.Second)
		select {
		case err := <-called:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("an OnEvent that revokes waits for ever")
		}
	})
}

func TestOldMarksAreDroppedHereAndAtTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := revocation.NewMemory()
		i := revocationtest.NewInstance(t, newRing(t), revocation.Config{Source: memory, MaxAge: 24 * time.Hour, Poll: time.Minute})
		revoke(t, i, "user:1")
		time.Sleep(20 * time.Hour)
		cookie := i.Login("user:2")
		revoke(t, i, "user:2")
		if n := i.List.Status().Marks; n != 2 {
			t.Errorf("%d marks, want both", n)
		}
		time.Sleep(8 * time.Hour) // and 3 hours of grace
		if n := i.List.Status().Marks; n != 1 || i.Alive(cookie) {
			t.Errorf("%d marks, want the young one", n)
		}
		page, err := memory.Read(t.Context(), "")
		if err != nil || len(page.Marks) != 1 {
			t.Errorf("the source has %d marks, %v", len(page.Marks), err)
		}
	})
}

func TestAListWithoutASourceDropsOldMarksWithoutRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, err := revocation.New(revocation.Config{MaxAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := list.Revoke(t.Context(), fmt.Sprint("user:", i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
		}
		if n := list.Status().Marks; n > 3 {
			t.Errorf("%d marks are kept", n)
		}
	})
}

// shifted is a source whose clock can be wrong.
type shifted struct {
	*revocation.Memory
	mu  sync.Mutex
	off time.Duration
}

func (s *shifted) time() revocation.Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return revocation.MomentOf(time.Now().Add(s.off))
}

func (s *shifted) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	at := max(s.time(), atLeast)
	for _, k := range keys {
		if err := s.Restore(ctx, []revocation.Mark{{Key: k, At: at}}); err != nil {
			return 0, err
		}
	}
	return at, nil
}

func (s *shifted) Read(ctx context.Context, after revocation.Cursor) (revocation.Page, error) {
	page, err := s.Memory.Read(ctx, after)
	page.Now = s.time()
	return page, err
}

// An instance never makes a mark that is earlier than its own logins.
func TestALogInHereDoesNotOutliveAMarkHereThoughTheSourceIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &shifted{Memory: revocation.NewMemory()}
		i := revocationtest.NewInstance(t, newRing(t), revocation.Config{Source: src, OnEvent: quiet})
		time.Sleep(time.Second)
		cookie := i.Login("user:42")
		src.mu.Lock()
		src.off = -2 * time.Second
		src.mu.Unlock()
		revoke(t, i, "user:42")
		if i.Alive(cookie) {
			t.Error("the login is alive")
		}
		if cookie := i.Login("user:42"); !i.Alive(cookie) {
			t.Error("a login after it is refused")
		}
	})
}

// A source's clock is set back, or another machine takes over.
func TestASourceWhoseClockGoesBackIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back time.Duration
		p := newPair(t, func(p *pair) {
			p.lineB.alterPages(func(page *revocation.Page) { page.Now = page.Now.Add(-back) })
		})
		p.onB.kinds()
		p.lineB.mu.Lock()
		back = 2 * time.Second
		p.lineB.mu.Unlock()
		time.Sleep(10 * time.Second)
		p.onB.want(t, revocation.EventClock)
	})
}
