package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// report is everything one run measured.
type report struct {
	scenarios  []scenario
	goals      []goal
	sizes      []size
	bySize     map[string][]point
	byKeys     map[string][]point
	throughput []speed
	views      [2]measured
	viewBytes  [2]int
	bindings   [2]boundCost
	revoked    revoked
}

type size struct {
	name               string
	seven, many, holds int // cookie bytes of both sessions; the longest string in one cookie
}

type speed struct {
	name     string
	one, two float64
}

func (t turns) report() report {
	r := report{scenarios: t.scenarios(), bySize: map[string][]point{}, byKeys: map[string][]point{}}
	for _, c := range contenders() {
		row := size{name: c.name(), holds: capacity(c)}
		for _, extra := range []int{0, 16} {
			cookies, err := start(c, session(extra))
			if err != nil {
				panic(err)
			}
			row.seven, row.many = row.many, cookieBytes(cookies)
		}
		r.sizes = append(r.sizes, row)
		one, two := t.throughput(c)
		r.throughput = append(r.throughput, speed{c.name(), one, two})
		r.bySize[c.name()] = t.curve(c, bytesOfCurve, ofBytes)
		r.byKeys[c.name()] = t.curve(c, keysOfCurve, ofKeys)
	}
	var rings [2]float64
	for f, format := range formats {
		r.views[f], r.viewBytes[f] = t.views(format)
		rings[f] = t.opening(format)
		r.bindings[f] = t.binding(format)
	}
	r.revoked = t.revocation()
	r.goals = append(r.judge(rings), r.revoked.goals()...)
	return r
}

var (
	bytesOfCurve = []int{100, 250, 500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000}
	keysOfCurve  = []int{2, 4, 8, 16, 24, 32, 48, 64}
)

func (r report) scenario(a act, keys int) scenario {
	for _, s := range r.scenarios {
		if s.act == a && s.keys == keys {
			return s
		}
	}
	panic("not measured")
}

// judge sets the figures beside the bounds.
func (r report) judge(rings [2]float64) []goal {
	us := func(s scenario) [2]measured { return [2]measured{s.of(ourName(0)), s.of(ourName(1))} }
	times := func(a act, keys int, peer string) (x [2]float64) {
		s := r.scenario(a, keys)
		for f, m := range us(s) {
			x[f] = s.of(peer).ns / m.ns
		}
		return x
	}
	field := func(a act, keys int, of func(measured) float64) (x [2]float64) {
		for f, m := range us(r.scenario(a, keys)) {
			x[f] = of(m)
		}
		return x
	}
	ns := func(m measured) float64 { return m.ns }
	count := func(m measured) float64 { return m.allocs }
	ofSizes := func(of func(size) int) [2]float64 {
		n := len(r.sizes)
		return [2]float64{float64(of(r.sizes[n-2])), float64(of(r.sizes[n-1]))}
	}
	share := times(readCountWrite, 7, "bare primitives")
	share = [2]float64{1 / share[0], 1 / share[1]}
	n := len(r.throughput)
	second := [2]float64{r.throughput[n-2].two / r.throughput[n-2].one, r.throughput[n-1].two / r.throughput[n-1].one}

	bound := func(of func(boundCost) float64) [2]float64 { return [2]float64{of(r.bindings[0]), of(r.bindings[1])} }

	const gorilla, scs, hand = "gorilla/sessions", "scs, memory store", "by hand"
	return []goal{
		{"read one key of 7, against gorilla/sessions", times(readOne, 7, gorilla), [2]float64{6.9, 10}, true, false, "x", false},
		{"read one key of 23, against gorilla/sessions", times(readOne, 23, gorilla), [2]float64{6.2, 10}, true, false, "x", false},
		{"read, count, write, 7 keys, against gorilla/sessions", times(readCountWrite, 7, gorilla), [2]float64{6.2, 10.2}, true, false, "x", false},
		{"read, count, write, 23 keys, against gorilla/sessions", times(readCountWrite, 23, gorilla), [2]float64{4.8, 10.4}, true, false, "x", false},
		{"read, count, write, 7 keys, against scs with its memory store", times(readCountWrite, 7, scs), [2]float64{4.4, 7.3}, true, false, "x", false},
		{"read, count, write, 23 keys, against scs with its memory store", times(readCountWrite, 23, scs), [2]float64{2.6, 5.5}, true, false, "x", false},
		{"read one key of 7, against the same by hand", times(readOne, 7, hand), [2]float64{}, true, false, "x", false},
		{"read, count, write, 7 keys, against the same by hand", times(readCountWrite, 7, hand), [2]float64{1.5, 2.5}, true, false, "x", false},
		{"read, count, write, 23 keys, against the same by hand", times(readCountWrite, 23, hand), [2]float64{1.5, 2.5}, true, false, "x", false},
		{"read, count, write, 7 keys, as a multiple of the bare primitives", share, [2]float64{0, 2.4}, false, false, "x", false},
		{"a handler that leaves the session alone", field(untouched, 7, ns), [2]float64{130, 130}, false, false, " ns", false},
		{"allocations, untouched", field(untouched, 7, count), [2]float64{2, 2}, false, true, "", false},
		{"allocations, read one key of 7", field(readOne, 7, count), [2]float64{18, 7}, false, true, "", false},
		{"allocations, read, count, write, 7 keys", field(readCountWrite, 7, count), [2]float64{39, 10}, false, true, "", false},
		{"allocations, read, count, write, 23 keys", field(readCountWrite, 23, count), [2]float64{39, 10}, false, true, "", false},
		{"cookie, name, = and value, 7 keys, bytes", ofSizes(func(s size) int { return s.seven }), [2]float64{407, 283}, false, true, "", false},
		{"longest string in one cookie, bytes", ofSizes(func(s size) int { return s.holds }), [2]float64{2170, 2940}, true, true, "", false},
		{"open with the last of 16 keys, against a ring of one", rings, [2]float64{1.2, 1.2}, false, false, "x", false},
		{"TrackViews with a full history of 100, a request", [2]float64{r.views[0].ns, r.views[1].ns}, [2]float64{0, 10_000}, false, false, " ns", false},
		{"registration of a device, against a bare ES256 verification", bound(func(c boundCost) float64 { return c.registration.ns / c.verification }), [2]float64{1.5, 1.5}, false, false, "x", false},
		{"refresh of a bound session, against a bare ES256 verification", bound(func(c boundCost) float64 { return c.refresh.ns / c.verification }), [2]float64{1.5, 1.5}, false, false, "x", false},
		{"read one key of 7, bound session against unbound", bound(func(c boundCost) float64 { return c.bound.ns / c.unbound.ns }), [2]float64{1.4, 1.4}, false, false, "x", false},
		{"read one key of 7, unbound session with a Binding against without", bound(func(c boundCost) float64 { return c.unbound.ns / c.without.ns }), [2]float64{}, false, false, "x", false},
		{"allocations, read one key of 7, bound session", bound(func(c boundCost) float64 { return c.bound.allocs }), [2]float64{19, 19}, false, true, "", false},
		{"allocations, refresh", bound(func(c boundCost) float64 { return c.refresh.allocs }), [2]float64{195, 195}, false, true, "", false},
		{"allocations, registration", bound(func(c boundCost) float64 { return c.registration.allocs }), [2]float64{220, 220}, false, true, "", false},
		{"throughput on 2 cores, against 1", second, [2]float64{1.8, 1.8}, true, false, "x", true},
	}
}

func ourName(format int) string { return "cookiesession, " + string(formats[format]) }

// write prints the report as Markdown.
func (r report) write(w io.Writer) {
	fmt.Fprintf(w, "%s, %d shared cores.\n", when(), runtime.NumCPU())
	fmt.Fprintf(w, "\n| | `securecookie` | `compact` |\n|---|---|---|\n")
	for _, g := range r.goals {
		fmt.Fprintf(w, "| %s | %s | %s |\n", g.what, g.show(0), g.show(1))
	}
	fmt.Fprintf(w, "\nOne request, above the harness:\n\n| | keys | who | ns | allocations | bytes |\n|---|---|---|---|---|---|\n")
	for _, s := range r.scenarios {
		for _, m := range s.rows {
			fmt.Fprintf(w, "| %s | %d | %s | %s | %.0f | %s |\n", s.act, s.keys, m.name, thousands(m.ns), m.allocs, thousands(m.bytes))
		}
	}
	for f := range formats {
		fmt.Fprintf(w, "| read one key, TrackViews, 100 of history, %d bytes of cookies | 7 | %s | %s | %.0f | %s |\n",
			r.viewBytes[f], ourName(f), thousands(r.views[f].ns), r.views[f].allocs, thousands(r.views[f].bytes))
	}
	fmt.Fprintf(w, "\nBytes on the wire:\n\n| who | 7 keys | 23 keys | longest string in one cookie |\n|---|---|---|---|\n")
	for _, s := range r.sizes {
		fmt.Fprintf(w, "| %s | %d | %d | %s |\n", s.name, s.seven, s.many, s.room())
	}
	fmt.Fprintf(w, "\nRead, count, write of 7 keys, requests per second:\n\n| who | 1 core | 2 cores | |\n|---|---|---|---|\n")
	for _, s := range r.throughput {
		fmt.Fprintf(w, "| %s | %s | %s | %.2fx |\n", s.name, thousands(s.one), thousands(s.two), s.two/s.one)
	}
	r.revoked.write(w)
	writeCurves(w, "bytes of values", bytesOfCurve, r.bySize)
	writeCurves(w, "keys", keysOfCurve, r.byKeys)
}

func when() string {
	return fmt.Sprintf("%s, %s, %s/%s", time.Now().Format("2006-01-02"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// room is empty for a contender that keeps its values on the server.
func (s size) room() string {
	if s.holds > 8000 {
		return "on the server"
	}
	return strconv.Itoa(s.holds)
}

func writeCurves(w io.Writer, unit string, xs []int, curves map[string][]point) {
	fmt.Fprintf(w, "\nRead, count, write, ns (cookies, where more than one), by %s:\n\n| who |", unit)
	for _, x := range xs {
		fmt.Fprintf(w, " %d |", x)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(xs)))
	for _, c := range contenders() {
		fmt.Fprintf(w, "| %s |", c.name())
		for i := range xs {
			if i >= len(curves[c.name()]) {
				fmt.Fprint(w, " – |")
				continue
			}
			p := curves[c.name()][i]
			fmt.Fprintf(w, " %s", thousands(p.ns))
			if p.cookies > 1 {
				fmt.Fprintf(w, " (%d)", p.cookies)
			}
			fmt.Fprint(w, " |")
		}
		fmt.Fprintln(w)
	}
}

// thousands writes 12,345 for 12345.4.
func thousands(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
