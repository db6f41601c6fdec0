package main

import (
	"runtime"
	"time"
)

// turns measures contenders against each other on a machine that is busy with
// other things. They take turns in rounds of a few milliseconds, and each one's
// best round counts: whatever else ran made some rounds slower and none faster,
// and a slow minute meets everybody. One benchmark after another moves by 2x
// here, this by a few percent.
type turns struct {
	rounds int
	round  time.Duration
}

// time returns nanoseconds per call of each op, in the order given.
func (t turns) time(ops ...func()) []float64 {
	calls := make([]int, len(ops))
	best := make([]float64, len(ops))
	for i, op := range ops {
		calls[i] = t.calibrate(op)
	}
	for r := range t.rounds {
		for i, op := range ops {
			for range calls[i] / 2 { // the others have left their own code and data in the caches
				op()
			}
			begin := time.Now()
			for range calls[i] {
				op()
			}
			ns := float64(time.Since(begin).Nanoseconds()) / float64(calls[i])
			if r == 0 || ns < best[i] {
				best[i] = ns
			}
		}
	}
	return best
}

// calibrate returns how many calls of op fill a round.
func (t turns) calibrate(op func()) int {
	for n := 1; ; n *= 2 {
		begin := time.Now()
		for range n {
			op()
		}
		if d := time.Since(begin); d > t.round/8 {
			return max(1, int(float64(n)*float64(t.round)/float64(d)))
		}
	}
}

// allocs returns how many allocations and bytes one call of op makes.
func allocs(op func()) (count, bytes float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const calls = 500
	op()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		op()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / calls), float64(after.TotalAlloc-before.TotalAlloc) / calls
}

// parallel returns requests per second of workers goroutines that each run an
// op of their own on a core of its own.
func (t turns) parallel(ops []func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(ops)))
	calls := t.calibrate(ops[0])
	best := 0.0
	for range t.rounds {
		done := make(chan struct{})
		begin := time.Now()
		for _, op := range ops {
			go func() {
				for range calls {
					op()
				}
				done <- struct{}{}
			}()
		}
		for range ops {
			<-done
		}
		best = max(best, float64(calls*len(ops))/time.Since(begin).Seconds())
	}
	return best
}
