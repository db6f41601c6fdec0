package revocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
)

// distant is a source behind a network: each way takes its time, up to longest.
type distant struct {
	revocation.Source
	longest time.Duration
	deaf    bool // nothing tells of news: it is read every Poll

	mu  sync.Mutex
	rnd *rand.Rand
}

func (d *distant) travel() {
	d.mu.Lock()
	way := time.Duration(d.rnd.Int64N(int64(d.longest)))
	d.mu.Unlock()
	time.Sleep(way)
}

func (d *distant) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	d.travel()
	defer d.travel()
	return d.Source.Append(ctx, keys, atLeast)
}

func (d *distant) Read(ctx context.Context, after revocation.Cursor) (revocation.Page, error) {
	d.travel()
	defer d.travel()
	return d.Source.Read(ctx, after)
}

func (d *distant) Wait(ctx context.Context, after revocation.Cursor) error {
	if d.deaf {
		<-ctx.Done()
		return nil
	}
	d.travel()
	err := d.Source.Wait(ctx, after)
	if ctx.Err() == nil {
		d.travel()
	}
	return err
}

// What really happened, by the one clock that no instance can see.
type (
	loggedIn struct {
		user, cookie string
		at           time.Time
		own          time.Time // what the instance's own clock said
	}
	revokedAt struct {
		user           string
		called, is     time.Time // is: it has returned
		own            time.Time
		instance, done int // done: 0 under way
	}
)

// fleet is instances whose clocks are up to 5 minutes wrong and run up to 400
// parts in a million too fast or too slow.
type fleet struct {
	*testing.T
	rnd       *rand.Rand
	instances []*revocationtest.Instance
	clocks    []func() time.Time

	mu      sync.Mutex
	logins  []loggedIn
	revokes []*revokedAt
}

func newFleet(t *testing.T, seed uint64) *fleet {
	f := &fleet{T: t, rnd: rand.New(rand.NewPCG(seed, 1))}
	memory, ring := revocation.NewMemory(), newRing(t)
	for i := range 5 {
		off := time.Duration(i-2) * 150 * time.Second // -5 to +5 minutes
		rate := (f.rnd.Float64() - 0.5) * 800e-6
		start := time.Now()
		clock := func() time.Time {
			elapsed := time.Since(start)
			return start.Add(off + elapsed + time.Duration(float64(elapsed)*rate))
		}
		list, err := revocation.New(revocation.Config{Source: &distant{Source: memory, longest: 40 * time.Millisecond, rnd: rand.New(rand.NewPCG(seed, uint64(i)))}})
		if err != nil {
			t.Fatal(err)
		}
		revocation.SetClock(list, clock)
		f.instances, f.clocks = append(f.instances, revocationtest.Follow(t, ring, list)), append(f.clocks, clock)
	}
	time.Sleep(time.Second)
	return f
}

func (f *fleet) user() string { return fmt.Sprint("user:", f.rnd.IntN(4)) }

func (f *fleet) login(user string) {
	i := f.rnd.IntN(len(f.instances))
	l := loggedIn{user: user, at: time.Now(), own: f.clocks[i]()}
	l.cookie = f.instances[i].Login(user)
	f.logins = append(f.logins, l)
}

func (f *fleet) revoke(user string) {
	i := f.rnd.IntN(len(f.instances))
	r := &revokedAt{user: user, called: time.Now(), own: f.clocks[i](), instance: i}
	f.revokes = append(f.revokes, r)
	go func() {
		if err := f.instances[i].List.Revoke(f.Context(), user); err != nil {
			f.Error(err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		r.is, r.done = time.Now(), 1
	}()
}

// fate is what has to become of a session on an instance.
type fate int

const (
	either fate = iota // a mark of about the same time, or one on its way
	alive
	dead
)

func (f *fleet) fate(l loggedIn, instance int) fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	verdict := alive
	for _, r := range f.revokes {
		switch {
		case r.user != l.user || r.done == 1 && l.at.After(r.is):
		case l.at.Before(r.called) && r.done == 1 && (r.instance == instance || time.Since(r.is) >= time.Second):
			return dead
		default:
			verdict = either
		}
	}
	return verdict
}

// wrongByOwnClocks counts the sessions that would be judged wrongly if each
// instance used its own clock for logins and marks.
func (f *fleet) wrongByOwnClocks() (n int) {
	for _, l := range f.logins {
		over := false
		for _, r := range f.revokes {
			over = over || r.user == l.user && !l.own.After(r.own)
		}
		if want := f.fate(l, 0); want != either && over != (want == dead) {
			n++
		}
	}
	return n
}

func (f *fleet) check(l loggedIn) fate {
	f.Helper()
	i := f.rnd.IntN(len(f.instances))
	want := f.fate(l, i)
	if got := f.instances[i].Alive(l.cookie); want == alive && !got || want == dead && got {
		f.Errorf("a login of %s at %v is alive on instance %d: %t", l.user, l.at, i, got)
	}
	return want
}

func TestClocksFiveMinutesApartNeitherLockOutNorLetLive(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, seed)
			fates := map[fate]int{}
			for range 1500 {
				time.Sleep(time.Duration(f.rnd.Int64N(int64(60 * time.Millisecond))))
				switch n := f.rnd.IntN(20); {
				case n < 7:
					f.login(f.user())
				case n < 8:
					f.revoke(f.user())
				case n < 9: // revoke, and log in again the moment it has returned
					f.revoke("user:again")
					r := f.revokes[len(f.revokes)-1]
					for returned := false; !returned; time.Sleep(time.Millisecond) {
						f.mu.Lock()
						returned = r.done == 1
						f.mu.Unlock()
					}
					f.login("user:again")
					fates[f.check(f.logins[len(f.logins)-1])]++
				case len(f.logins) > 0:
					fates[f.check(f.logins[f.rnd.IntN(len(f.logins))])]++
				}
			}
			time.Sleep(2 * time.Second)
			for _, l := range f.logins {
				fates[f.check(l)]++
			}
			if fates[alive] < 100 || fates[dead] < 100 {
				t.Errorf("too little was tested: %v", fates)
			}
			if n := f.wrongByOwnClocks(); n < 5 {
				t.Errorf("with the instances' own clocks, only %d sessions would be judged wrongly: this simulation proves nothing", n)
			}
			for _, i := range f.instances {
				if u := i.List.Status().Uncertainty; u > 100*time.Millisecond {
					t.Errorf("the source's clock is known within %v", u)
				}
			}
		})
	}
}

// Config.Settle is what keeps a login from being locked out: without it, on an
// instance that is far from its source, one is.
func TestALogInIsLockedOutWhereRevokeDoesNotWaitForTheClocks(t *testing.T) {
	for _, settle := range []time.Duration{time.Microsecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			memory, ring := revocation.NewMemory(), newRing(t)
			far := &distant{Source: memory, longest: 400 * time.Millisecond, deaf: true, rnd: rand.New(rand.NewPCG(1, 2))}
			a := revocationtest.NewInstance(t, ring, revocation.Config{Settle: settle, Source: memory})
			b := revocationtest.NewInstance(t, ring, revocation.Config{Settle: settle, Source: far, OnEvent: quiet})
			time.Sleep(time.Second)
			locked := 0
			for range 200 {
				revoke(t, a, "user:42")
				if cookie := b.Login("user:42"); !a.Alive(cookie) {
					locked++
				}
				time.Sleep(time.Second)
			}
			if locked > 0 != (settle < time.Second) {
				t.Errorf("Settle of %v: %d logins of 200 are locked out", settle, locked)
			}
		})
	}
}
