package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"

	"github.com/cookiesession/cookiesession"
)

var formats = []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact}

func peers() []contender {
	return []contender{newGorillaSessions(), newSCSMemory(), newHandMade()}
}

// others are the stateless sessions that Go programs use beside the peers.
func others() []contender {
	return []contender{newGinContrib(), newEchoContrib(), newFiberSession(), newGolangJWT(), newGoJOSE(), newGoPASETO()}
}

func contenders() []contender {
	all := peers()
	for _, f := range formats {
		all = append(all, newOurs(f))
	}
	return all
}

func floors() []floor {
	return []floor{newPrimitives(), newRawSecurecookie()}
}

// measured is what one request costs one contender, beyond the harness.
type measured struct {
	name              string
	ns, allocs, bytes float64
}

// scenario is one act on one session, for everybody.
type scenario struct {
	act  act
	keys int
	rows []measured
}

func (s scenario) of(name string) measured {
	for _, r := range s.rows {
		if r.name == name {
			return r
		}
	}
	panic("nobody measured is called " + name)
}

// payload is the size of our payload of msgpack for a session of that many keys.
func payload(keys int) int { return map[int]int{7: 168, 23: 1018}[keys] }

// scenarios measures every act on both sessions. The floors take turns with the
// contenders that write: each of them opens and seals once.
func (t turns) scenarios() []scenario {
	var all []scenario
	for _, keys := range []int{7, 23} {
		for _, a := range []act{untouched, readOne, readCountWrite} {
			everybody := contenders()
			names := []string{harness{}.name()}
			ops := []func(){oneRequest(serve(harness{}, a), request(nil))}
			for _, c := range everybody {
				names = append(names, c.name())
				ops = append(ops, requestOf(c, a, session(keys-7)))
			}
			if a == readCountWrite {
				for _, f := range floors() {
					names = append(names, f.name())
					ops = append(ops, bothWays(f, payload(keys)))
				}
			}
			all = append(all, scenario{a, keys, t.above(names, ops)})
		}
	}
	return all
}

// above measures ops and takes the first one's figures off those of the contenders.
func (t turns) above(names []string, ops []func()) []measured {
	ns := t.time(ops...)
	rows := make([]measured, len(ops))
	for i, op := range ops {
		count, bytes := allocs(op)
		rows[i] = measured{names[i], ns[i], count, bytes}
	}
	for i := range rows[1:] {
		rows[i+1].ns = max(0, rows[i+1].ns-rows[0].ns)
	}
	return rows
}

// requestOf is one request of a browser that has this session.
func requestOf(c contender, a act, pairs []pair) func() {
	cookies, err := start(c, pairs)
	if err != nil {
		panic(c.name() + ": " + err.Error())
	}
	return oneRequest(serve(c, a), request(cookies))
}

// opening returns what it costs to open a session under the last of 16 keys,
// as a multiple of a ring with that key alone.
func (t turns) opening(format cookiesession.Format) float64 {
	var keys []cookiesession.Key
	for i := range 16 {
		keys = append(keys, key(i, format))
	}
	last := ring(keys[15])
	cookies, err := start(ours{manager(cookiesession.Config{Keyring: last}), format}, session(0))
	if err != nil {
		panic(err)
	}
	line := request(cookies).Header.Get("Cookie")
	open := func(r *cookiesession.Keyring) func() {
		m := manager(cookiesession.Config{Keyring: r})
		return func() {
			if id, _ := cookiesession.Get[int64](m.Open(context.Background(), line), "id"); id != userID {
				panic("the session did not open")
			}
		}
	}
	ns := t.time(open(last), open(ring(keys...)))
	return ns[1] / ns[0]
}

// views returns what a request costs whose manager tracks views and whose
// history is full, and the bytes of its cookies.
func (t turns) views(format cookiesession.Format) (row measured, cookieSize int) {
	c := ours{manager(cookiesession.Config{Keyring: ring(key(0, format)), TrackViews: true}), format}
	cookies, err := start(c, session(0))
	if err != nil {
		panic(err)
	}
	paths := []string{"/", "/account", "/orders", "/orders/4711", "/search", "/articles/a-session-in-a-cookie", "/help"}
	var r *http.Request
	for i := range 120 {
		r = request(cookies)
		r.URL.Path = paths[i%len(paths)]
		w := httptest.NewRecorder()
		serve(c, readOne).ServeHTTP(w, r)
		cookies = merge(cookies, w.Result().Cookies())
	}
	s := c.m.OpenRequest(r)
	if n := len(s.Views().History); n != 100 {
		panic("the history is not full")
	}
	rows := t.above([]string{harness{}.name(), c.name()},
		[]func(){oneRequest(serve(harness{}, readOne), r), oneRequest(serve(c, readOne), request(cookies))})
	return rows[1], cookieBytes(cookies)
}

// merge is the browser's jar.
func merge(jar, set []*http.Cookie) []*http.Cookie {
next:
	for _, c := range set {
		for i, old := range jar {
			if old.Name == c.Name {
				jar[i] = c
				continue next
			}
		}
		jar = append(jar, c)
	}
	return jar
}

// throughput returns requests per second of c on 1 and on 2 cores, in a program
// that holds 64 MB as a server does. In one that holds nothing the collector
// runs every two milliseconds, on the cores that are compared.
func (t turns) throughput(c contender) (one, two float64) {
	held := bytes.Repeat([]byte("held"), 16<<20)
	defer runtime.KeepAlive(held)
	cookies, err := start(c, session(0))
	if err != nil {
		panic(err)
	}
	op := func() func() { return oneRequest(serve(c, readCountWrite), request(cookies)) }
	for range 8 { // the two take turns as well
		one = max(one, t.parallel([]func(){op()}))
		two = max(two, t.parallel([]func(){op(), op()}))
	}
	return one, two
}

// capacity returns the longest string that c keeps, as its only value, in one cookie.
func capacity(c contender) int {
	fits := func(n int) bool {
		cookies, err := start(c, []pair{{"s", strings.Repeat("x", n)}})
		return err == nil && len(cookies) == 1
	}
	lo, hi := 0, 8192
	for lo+1 < hi {
		if mid := (lo + hi) / 2; fits(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// point is one point of a curve: how much the session holds, what a read, count
// and write of it costs, and in how many cookies it travels.
type point struct {
	x       int
	ns      float64
	cookies int
}

// curve measures a request for each session in turn; it ends where the
// contender cannot store the session.
func (t turns) curve(c contender, xs []int, sessionOf func(x int) []pair) []point {
	var points []point
	ops := []func(){oneRequest(serve(harness{}, readCountWrite), request(nil))}
	for _, x := range xs {
		cookies, err := start(c, sessionOf(x))
		if err != nil {
			break
		}
		points = append(points, point{x: x, cookies: len(cookies)})
		ops = append(ops, oneRequest(serve(c, readCountWrite), request(cookies)))
	}
	ns := t.time(ops...)
	for i := range points {
		points[i].ns = ns[i+1] - ns[0]
	}
	return points
}

// ofBytes is a session whose values are about n bytes: the login's id and
// counter, and strings of 90 bytes, as sessions have several values and not
// one. The strings' keys come before the two that are used, which is the worst
// case: a lookup walks.
func ofBytes(n int) []pair {
	pairs := []pair{{"id", userID}, {"counter", visits}}
	for i := 0; n > 0; i++ {
		size := min(n, 90)
		pairs = append(pairs, pair{key: "a" + string(rune('A'+i/26)) + string(rune('a'+i%26)), value: strings.Repeat("v", size)})
		n -= size
	}
	return pairs
}

// ofKeys is a session of n keys of 20 bytes, in the same order.
func ofKeys(n int) []pair {
	pairs := []pair{{"id", userID}, {"counter", visits}}
	for i := range n - len(pairs) {
		pairs = append(pairs, pair{key: "a" + string(rune('A'+i/26)) + string(rune('a'+i%26)), value: strings.Repeat("v", 16)})
	}
	return pairs
}
