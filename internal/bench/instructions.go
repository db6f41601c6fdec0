package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Instructions, counted by callgrind, say on a noisy machine what nanoseconds
// do not: whether a change made the code longer. They do not say how fast it
// is: a hash instruction of the processor counts as one, and callgrind's
// processor has fewer of them than a real one.

// hot are the functions whose instructions are recorded, callees included.
var hot = []string{
	"(*Manager).Handler.func1",
	"(*Session).openData",
	"payload.(*Data).Unpack",
	"(*Session).Add",
	"(*Session).commit",
	"seal.compact.Open",
	"seal.compact.Seal",
	"seal.(*secureCookie).Open",
	"seal.(*secureCookie).Seal",
}

// loopName is one of the loops that -loop runs: who, what, how many keys.
func loopName(c contender, a act, keys int) string {
	return fmt.Sprintf("%s/%s/%d", c.name(), a, keys)
}

// loop runs one request n times and nothing else, for callgrind and pprof.
func loop(name string, n int) error {
	debug.SetGCPercent(-1) // when the collector runs is chance
	runtime.LockOSThread() // callgrind follows calls by thread: one that goes on elsewhere after a slow system call would be lost
	growStack()
	for _, c := range contenders() {
		for _, a := range []act{untouched, readOne, readCountWrite} {
			for _, keys := range []int{7, 23} {
				if loopName(c, a, keys) != name {
					continue
				}
				op := requestOf(c, a, session(keys-7))
				for range n {
					op()
				}
				return nil
			}
		}
	}
	return fmt.Errorf("no loop is called %q", name)
}

// growStack makes the stack large at once. When it grows in the middle of a
// call, callgrind takes the rest of the program for a part of that call.
//
//go:noinline
func growStack() {
	var b [128 << 10]byte
	rand.Read(b[:])
}

// instructions prints what a request and the hot functions in it take.
func instructions(w io.Writer) error {
	dir, err := os.MkdirTemp("", "callgrind")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// "go run" leaves the names of the functions out of what it builds.
	program := filepath.Join(dir, "bench")
	if text, err := exec.Command("go", "build", "-o", program, "github.com/cookiesession/cookiesession/internal/bench").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	var counts []map[string]float64
	for _, name := range loops() {
		c, err := perRequest(program, name)
		if err != nil {
			return err
		}
		counts = append(counts, c)
	}
	fmt.Fprintf(w, "%s, valgrind %s.\n\n", when(), valgrindVersion())
	fmt.Fprintf(w, "| instructions | %s |\n|---|%s\n", strings.Join(shortLoops(), " | "), strings.Repeat("---|", len(counts)))
	for _, f := range slices.Concat([]string{wholeRequest}, hot) {
		fmt.Fprintf(w, "| %s |", f)
		for _, c := range counts {
			fmt.Fprintf(w, " %s |", orDash(c[f]))
		}
		fmt.Fprintln(w)
	}
	return nil
}

func valgrindVersion() string {
	text, err := exec.Command("valgrind", "--version").Output()
	if err != nil {
		return "of an unknown version"
	}
	return strings.TrimPrefix(strings.TrimSpace(string(text)), "valgrind-")
}

const wholeRequest = "a request"

func loops() (names []string) {
	for _, f := range formats {
		for _, a := range []act{untouched, readOne, readCountWrite} {
			names = append(names, loopName(newOurs(f), a, 7))
		}
	}
	return append(names, loopName(newHandMade(), readCountWrite, 7), loopName(newGorillaSessions(), readCountWrite, 7))
}

func shortLoops() (names []string) {
	for _, n := range loops() {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(n, "cookiesession, "), "/7"))
	}
	return names
}

func orDash(v float64) string {
	if v < 1 {
		return "–"
	}
	return thousands(v)
}

// perRequest runs the loop twice, once with more requests, and shares out the
// difference: what starting the program takes is in both.
func perRequest(program, name string) (map[string]float64, error) {
	const few, many = 500, 1500
	a, err := callgrind(program, name, few)
	if err != nil {
		return nil, err
	}
	b, err := callgrind(program, name, many)
	for f := range b {
		b[f] = (b[f] - a[f]) / (many - few)
	}
	return b, err
}

// inclusive is a line of callgrind_annotate: "1,234 (56.7%)  file:function [binary]".
var inclusive = regexp.MustCompile(`^ *([0-9,]+) \( *[0-9.]+%\) +(.*)$`)

func callgrind(program, name string, n int) (map[string]float64, error) {
	out := program + ".out"
	if err := runCallgrind(out, program, "-loop", name, "-n", strconv.Itoa(n)); err != nil {
		return nil, err
	}
	text, err := exec.Command("callgrind_annotate", "--inclusive=yes", "--threshold=100", out).Output()
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		m := inclusive.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		v, _ := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
		if strings.HasPrefix(m[2], "PROGRAM TOTALS") {
			counts[wholeRequest] = v
		}
		for _, f := range hot {
			if strings.Contains(m[2], f+" [") {
				counts[f] = max(counts[f], v)
			}
		}
	}
	return counts, nil
}

// runCallgrind tries a few times. Where two threads of Go's runtime happen to
// want one lock, the runtime reads a clock with RDTSCP, which valgrind 3.19
// does not know, and the program ends.
func runCallgrind(out, program string, args ...string) (err error) {
	for range 5 {
		run := exec.Command("valgrind", slices.Concat([]string{"--tool=callgrind", "--callgrind-out-file=" + out, program}, args)...)
		run.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1") // callgrind stumbles over the signals
		text, failed := run.CombinedOutput()
		if failed == nil {
			return nil
		}
		err = fmt.Errorf("%w: %s", failed, text)
	}
	return err
}
