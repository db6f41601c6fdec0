package main

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// turns measures contenders against each other on a machine that is busy with
// other things. They take turns in rounds of a few milliseconds, and each one's
// best round counts: whatever else ran made some rounds slower and none faster,
// and a slow minute meets everybody. One benchmark after another moves by 2x
// here, this by a few percent.
type turns struct {
	quiet int // rounds in a row in which nobody was faster than before: then it is over
	round time.Duration
}

// time returns nanoseconds per call of each op, in the order given.
func (t turns) time(ops ...func()) []float64 {
	calls := make([]int, len(ops))
	best := make([]float64, len(ops))
	for i, op := range ops {
		calls[i] = t.calibrate(op)
		best[i] = math.Inf(1)
	}
	for quiet, r := 0, 0; quiet < t.quiet && r < 20*t.quiet; r++ {
		quiet++
		for i, op := range ops {
			ns := t.timeOne(op, calls[i])
			if ns < 0.995*best[i] {
				quiet = 0
			}
			best[i] = min(best[i], ns)
		}
	}
	return best
}

// timeOne is one contender's round.
func (t turns) timeOne(op func(), calls int) float64 {
	for range calls / 2 { // the others have left their own code and data in the caches
		op()
	}
	begin := time.Now()
	for range calls {
		op()
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(calls)
}

// calibrate returns how many calls of op fill a round. It tries several times:
// a try that the machine interrupts sees too few.
func (t turns) calibrate(op func()) (calls int) {
	for range 8 {
		calls = max(calls, t.calibrateOnce(op))
	}
	return calls
}

func (t turns) calibrateOnce(op func()) int {
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

// parallel returns requests per second of goroutines that each run an op of
// their own on a core of its own, in the best millisecond: on a busy machine
// it takes a while until all cores are ours at once.
func (t turns) parallel(ops []func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(ops)))
	const batch, window = 4, time.Millisecond
	logs := make([][]time.Duration, len(ops)) // when each batch was done
	begin := time.Now()
	var done sync.WaitGroup
	for i, op := range ops {
		logs[i] = make([]time.Duration, 0, 1<<16)
		done.Go(func() {
			for len(logs[i]) < cap(logs[i]) {
				for range batch {
					op()
				}
				at := time.Since(begin)
				if logs[i] = append(logs[i], at); at > time.Duration(max(100, 2*t.quiet))*window {
					return
				}
			}
		})
	}
	done.Wait()
	return float64(batch*most(logs, window)) / window.Seconds()
}

// most returns the largest number of entries of all logs that fall into one window.
func most(logs [][]time.Duration, window time.Duration) int {
	all := slices.Sorted(slices.Values(slices.Concat(logs...)))
	best, first := 0, 0
	for i, at := range all {
		for all[first] <= at-window {
			first++
		}
		best = max(best, i-first+1)
	}
	return best
}
