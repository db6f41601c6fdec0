package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// revoked is what a revocation list costs.
type revoked struct {
	look   float64 // ns: to look at a session, without a list
	check  float64 // ns: Validate beyond that, of one that logged in under three keys, a million marks
	others float64 // ns: the same, another session each time, so that less of it is in the processor's caches
	allocs float64
	start  time.Duration // to take in a million marks
	sizes  []listSize
}

type listSize struct {
	marks         int
	each, of, add float64 // bytes a mark: of the places, of the heap; ns to add one
}

// archive is a source that has n marks and never gets another.
type archive struct {
	n   int
	rnd *rand.Rand
	now revocation.Moment
}

func newArchive(n int) *archive {
	return &archive{n: n, rnd: rand.New(rand.NewPCG(1, uint64(n))), now: revocation.MomentOf(time.Now())}
}

func (a *archive) Read(_ context.Context, after revocation.Cursor) (p revocation.Page, err error) {
	var read int
	fmt.Sscan(string(after), &read)
	for range min(1000, a.n-read) {
		var k revocation.Key
		binary.BigEndian.PutUint64(k[:], a.rnd.Uint64())
		binary.BigEndian.PutUint16(k[8:], uint16(a.rnd.Uint32()))
		p.Marks = append(p.Marks, revocation.Mark{Key: k, At: a.now})
	}
	read += len(p.Marks)
	p.Next, p.More, p.Now = revocation.Cursor(fmt.Sprint(read)), read < a.n, revocation.MomentOf(time.Now())
	return p, nil
}

func (a *archive) Append(context.Context, []revocation.Key, revocation.Moment) (revocation.Moment, error) {
	return 0, errors.New("an archive takes nothing")
}
func (a *archive) Wait(ctx context.Context, _ revocation.Cursor) error { <-ctx.Done(); return nil }
func (a *archive) Restore(context.Context, []revocation.Mark) error    { return nil }
func (a *archive) Trim(context.Context, time.Duration) error           { return nil }

func listOf(n int) (*revocation.List, time.Duration) {
	list, err := revocation.New(revocation.Config{Source: newArchive(n)})
	if err != nil {
		panic(err)
	}
	began := time.Now()
	if err := list.Refresh(context.Background(), time.Hour); err != nil {
		panic(err)
	}
	return list, time.Since(began)
}

// revocation measures the list, up to ten million marks; a quick run stops at
// one million.
func (t turns) revocation() (r revoked) {
	largest := 10_000_000
	if t.quiet < 100 {
		largest /= 10
	}
	for n := 1000; n <= largest; n *= 10 {
		before := heapBytes()
		list, took := listOf(n)
		size := listSize{marks: n, each: float64(list.Status().Memory) / float64(n), add: float64(took.Nanoseconds()) / float64(n)}
		size.of = float64(heapBytes()-before) / float64(n)
		r.sizes = append(r.sizes, size)
		if n == 1_000_000 {
			r.start = took
			r.checks(t, list)
		}
		runtime.KeepAlive(list)
	}
	return r
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (r *revoked) checks(t turns, list *revocation.List) {
	m := manager(cookiesession.Config{Keyring: ring(key(0, formats[1]))})
	sessions := make([]*cookiesession.Session, 1<<12)
	for i := range sessions {
		s := m.OpenRequest(&http.Request{URL: request(nil).URL, Header: http.Header{}})
		if err := list.Login(s, fmt.Sprint("user:", i), fmt.Sprint("sid:", i), fmt.Sprint("org:", i)); err != nil {
			panic(err)
		}
		sessions[i] = s
	}
	ctx, i := context.Background(), 0
	ask := func(s *cookiesession.Session) {
		if err := list.Validate(ctx, s); err != nil {
			panic(err)
		}
	}
	next := func() *cookiesession.Session { i = (i + 1) % len(sessions); return sessions[i] }
	times := t.time(func() { sessions[0].Identity("revocation") }, func() { ask(sessions[0]) },
		func() { next().Identity("revocation") }, func() { ask(next()) })
	r.look, r.check, r.others = times[0], times[1]-times[0], times[3]-times[2]
	r.allocs, _ = allocs(func() { ask(sessions[0]) })
}

func (r revoked) write(w io.Writer) {
	fmt.Fprintf(w, "\nA revocation list of a million marks: the check of a session with three keys takes %.0f ns and %.0f allocations "+
		"beyond the %.0f ns of a look at it, %.0f ns where each request is another session's. A start takes the million in within %.1f s.\n",
		r.check, r.allocs, r.look, r.others, r.start.Seconds())
	fmt.Fprint(w, "\n| marks | bytes a mark | of the heap | ns to add one |\n|---|---|---|---|\n")
	for _, s := range r.sizes {
		of := "–" // a heap has other things of that size
		if s.marks >= 100_000 {
			of = fmt.Sprintf("%.1f", s.of)
		}
		fmt.Fprintf(w, "| %s | %.1f | %s | %.0f |\n", thousands(float64(s.marks)), s.each, of, s.add)
	}
}

func (r revoked) goals() []goal {
	both := func(v float64) [2]float64 { return [2]float64{v, v} }
	million := r.sizes[3]
	return []goal{
		{"a revocation list of a million marks, the check of a session with three keys", both(r.check), both(60), false, false, " ns", false},
		{"the same list, memory a mark, bytes", both(million.of), both(24), false, false, "", false},
	}
}
