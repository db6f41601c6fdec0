//go:build !race

package views_test

import (
	"runtime"
	"strings"
	"testing"
)

// The race detector allocates by itself, so these are for builds without it.

// TestALongPathIsNotCopiedAgainAndAgain: it may be longer than any cookie can
// hold. There is room for the copy that comes in and for those of few tries.
func TestALongPathIsNotCopiedAgainAndAgain(t *testing.T) {
	path := "/" + strings.Repeat("x", 1<<20)
	for _, status := range []int{200, 404} {
		r := again(t, visited(usual, numbered(usual)...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.Add(path, 5000, status, usual+1)
		r.Shrink(func(n int) bool { return n < 2000 })
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 5<<20 {
			t.Errorf("a path of 1 MB answered %d takes %d bytes", status, got)
		}
		equal(t, "the history that is left", r.Len(), 0)
	}
}

// TestAUsualRequestAllocatesLittle: it happens on each request that is counted.
func TestAUsualRequestAllocatesLittle(t *testing.T) {
	came := again(t, visited(usual, numbered(200)...))
	for _, c := range []struct {
		name, path string
		size       int
		want       float64
	}{
		{"a path that is there", "/page/150", usual + 1, 1},
		{"a new path", "/new", usual + 1, 2},
		{"a new path, and the oldest goes", "/new", usual, 5},
	} {
		got := testing.AllocsPerRun(100, func() {
			r := came
			r.Add(c.path, 5000, 200, c.size)
		})
		if got > c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
	if got := testing.AllocsPerRun(100, func() {
		for v := range came.Views {
			_ = v
		}
	}); got > usual+1 { // the paths, and the list of them
		t.Errorf("reading the history: %v allocations, want %v", got, usual+1)
	}
}
