package revocation_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/revocation"
)

func randomKey(r *rand.Rand) (k revocation.Key) {
	binary.BigEndian.PutUint64(k[:], r.Uint64())
	binary.BigEndian.PutUint16(k[8:], uint16(r.Uint32()))
	return k
}

func TestTheTableAnswersAsAMapDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	table, oracle := revocation.NewTable(), map[revocation.Key]revocation.Moment{}
	start := revocation.MomentOf(time.Now())
	keys := []revocation.Key{{}, {9: 1}, {0: 0xff, 9: 0xff}} // zeros are no free place
	for range 3000 {
		keys = append(keys, randomKey(r))
	}
	for i := range 300 { // equal but for their last bits: chosen to collide
		k := keys[50]
		binary.BigEndian.PutUint16(k[8:], uint16(i))
		keys = append(keys, k)
	}
	oldest := start
	for step := range 60_000 {
		k := keys[r.IntN(len(keys))]
		switch at := start + revocation.Moment(r.Int64N(1e6)) + revocation.Moment(step*10); {
		case step%20_000 == 19_999: // the first half of the time is over
			oldest = start + revocation.Moment(step*5)
			table.Drop(oldest)
			maps.DeleteFunc(oracle, func(_ revocation.Key, at revocation.Moment) bool { return at < oldest })
			if table.Count() != len(oracle) {
				t.Fatalf("step %d: %d marks, want %d", step, table.Count(), len(oracle))
			}
		case at >= oldest:
			table.Put(revocation.Mark{Key: k, At: at})
			oracle[k] = max(oracle[k], at)
		}
		k = keys[r.IntN(len(keys))]
		at, ok := table.Find(k)
		if want, has := oracle[k]; ok != has || at != want {
			t.Fatalf("step %d, key %x: %d, %t; want %d, %t", step, k, at, ok, want, has)
		}
	}
	if table.Count() != len(oracle) {
		t.Errorf("%d marks, want %d", table.Count(), len(oracle))
	}
}

func TestMomentsThatNoTableHoldsEndLogInsRatherThanKeepThem(t *testing.T) {
	table := revocation.NewTable()
	now := revocation.MomentOf(time.Now())
	table.Put(revocation.Mark{Key: revocation.Key{1}, At: now})
	for _, years := range []time.Duration{-20, 20} {
		k := revocation.Key{2, byte(years)}
		table.Put(revocation.Mark{Key: k, At: now.Add(years * 365 * 24 * time.Hour)})
		if at, ok := table.Find(k); !ok || at < now.Add(years*365*24*time.Hour) {
			t.Errorf("%d years from now: %v, %t", years, at.Time(), ok)
		}
	}
}

func TestMissingIsWhatTheOtherTableLacks(t *testing.T) {
	ours, theirs := revocation.NewTable(), revocation.NewTable()
	key := func(i byte) revocation.Key { return revocation.Key{i} }
	ours.Put(revocation.Mark{Key: key(1), At: 100}, revocation.Mark{Key: key(2), At: 100}, revocation.Mark{Key: key(3), At: 100}, revocation.Mark{Key: key(4), At: 100})
	theirs.Put(revocation.Mark{Key: key(5), At: 50}, revocation.Mark{Key: key(1), At: 100}, revocation.Mark{Key: key(2), At: 99}, revocation.Mark{Key: key(3), At: 101})
	got := map[revocation.Mark]bool{}
	for _, m := range ours.Missing(theirs) {
		got[m] = true
	}
	if want := map[revocation.Mark]bool{{Key: key(2), At: 100}: true, {Key: key(4), At: 100}: true}; !maps.Equal(got, want) {
		t.Errorf("missing %v, want %v", got, want)
	}
}

// No reader may miss a mark that is there while others are put and the table
// grows.
func TestReadersFindEveryMarkWhileTheTableGrows(t *testing.T) {
	table := revocation.NewTable()
	const marks = 20_000
	var mu sync.Mutex
	var there []revocation.Key
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			for ; ; runtime.Gosched() {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				n := len(there)
				var k revocation.Key
				if n > 0 {
					k = there[r.IntN(n)]
				}
				mu.Unlock()
				if at, ok := table.Find(k); n > 0 && (!ok || at < 1e15) {
					t.Errorf("of %d marks one is not found: %d, %t", n, at, ok)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range marks {
		k := randomKey(r)
		table.Put(revocation.Mark{Key: k, At: revocation.Moment(1e15 + i)})
		if i%16 == 0 {
			mu.Lock()
			there = append(there, k)
			mu.Unlock()
		}
	}
	close(stop)
	wg.Wait()
	if table.Count() != marks {
		t.Errorf("%d marks, want %d", table.Count(), marks)
	}
}

func TestAMarkTakesAtMost24Bytes(t *testing.T) {
	table, r, n := revocation.NewTable(), rand.New(rand.NewPCG(7, 8)), 0
	at := revocation.MomentOf(time.Now())
	before := heap()
	for _, size := range []int{1_000, 10_000, 100_000, 300_000, 700_000, 1_000_000, 1_100_000} {
		for ; n < size; n++ {
			table.Put(revocation.Mark{Key: randomKey(r), At: at})
		}
		by := float64(table.Size()) / float64(n)
		real := float64(heap()-before) / float64(n)
		t.Logf("%9d marks: %.1f bytes each, %.1f of the heap", n, by, real)
		if limit := 24.0; by > limit && n > 1000 || by > limit+2 || real > limit*1.02 && n > 100_000 {
			t.Errorf("%d marks take %.1f bytes each, %.1f of the heap", n, by, real)
		}
	}
	runtime.KeepAlive(table)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// manyMarks is an instance that knows of a million marks.
func manyMarks(tb testing.TB, n int) *revocation.List {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	at := revocation.MomentOf(time.Now())
	for range n {
		revocation.Put(list, revocation.Mark{Key: randomKey(r), At: at})
	}
	return list
}

// candidate is a session as Validate sees it.
func candidate(tb testing.TB, list *revocation.List, keys ...string) *cookiesession.Session {
	m := cookiesessiontest.NewManager(tb, cookiesession.Config{})
	s := m.Open(tb.Context())
	if err := errors.Join(s.Set("user", "somebody"), list.Login(s, keys...)); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestACheckAllocatesNothing(t *testing.T) {
	list := manyMarks(t, 10_000)
	stale, err := revocation.New(revocation.Config{WhenStale: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Revoke(t.Context(), "user:42"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		list *revocation.List
		s    *cookiesession.Session
	}{
		{"three keys, none marked", list, candidate(t, list, "user:1", "sid:2", "org:3")},
		{"a login after a mark", list, candidate(t, list, "user:42", "sid:2", "org:3")},
		{"no login", list, cookiesessiontest.NewManager(t, cookiesession.Config{}).Open(t.Context())},
		{"with WhenStale", stale, candidate(t, stale, "user:1")},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			if n := testing.AllocsPerRun(100, func() {
				if err := test.list.Validate(ctx, test.s); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	over := candidate(t, list, "user:42")
	if err := list.Revoke(t.Context(), "user:42"); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := list.Validate(t.Context(), over); !errors.Is(err, cookiesession.ErrRevoked) {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("a refusal takes %v allocations", n)
	}
}

func TestACheckWaitsForNoWriter(t *testing.T) {
	list := manyMarks(t, 1000)
	s := candidate(t, list, "user:42")
	release := revocation.HoldWriters(list)
	defer release()
	done := make(chan error)
	go func() { done <- list.Validate(t.Context(), s) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a check waits while a writer holds its lock")
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000, 10_000_000} {
		if n > 1_000_000 && testing.Short() {
			continue
		}
		list := manyMarks(b, n)
		s := candidate(b, list, "user:1", "sid:2", "org:3")
		id, sealed := s.IDBytes(), s.Metadata("revocation")
		b.Run(fmt.Sprintf("%d marks/the marks of one session", n), func(b *testing.B) {
			for b.Loop() {
				revocation.Check(list, id, sealed)
			}
		})
		b.Run(fmt.Sprintf("%d marks/Validate", n), func(b *testing.B) {
			ctx := b.Context()
			for b.Loop() {
				list.Validate(ctx, s)
			}
		})
		r := rand.New(rand.NewPCG(3, 3))
		others := make([]revocation.Key, 4<<14)
		for i := range others {
			others[i] = randomKey(r)
		}
		b.Run(fmt.Sprintf("%d marks/another session each time", n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				sealed := sealed
				for j := range 4 {
					copy(sealed[9+10*j:], others[i+j][:])
				}
				if i += 4; i == len(others) {
					i = 0
				}
				revocation.Check(list, id, sealed)
			}
		})
	}
}
