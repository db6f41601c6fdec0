package views_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/views"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// usual is the size of a history that nobody has configured.
const usual = 100

// read unpacks a payload, behind its version.
func read(payload []byte) (r views.Record, ok bool) {
	in := wire.NewReader(payload)
	if in.Array() != views.Elements || in.Int() != views.Version {
		return r, false
	}
	ok = r.Unpack(&in)
	return r, ok
}

// again is the record as the next request finds it.
func again(t testing.TB, r views.Record) views.Record {
	t.Helper()
	next, ok := read(r.Pack(nil))
	if !ok {
		t.Fatalf("a record that was packed is refused: %+v", r)
	}
	return next
}

// visited is the record of somebody who saw those paths, a second apart.
func visited(size int, paths ...string) (r views.Record) {
	for i, path := range paths {
		r.Add(path, int64(1000+i), 200, size)
	}
	return r
}

// numbered are n different paths.
func numbered(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("/page/%d", i)
	}
	return paths
}

func history(r *views.Record) (h []views.View) {
	for v := range r.Views {
		h = append(h, v)
	}
	return h
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestOnlyA200IsAPage(t *testing.T) {
	for _, status := range []int{200, 201, 204, 302, 304, 404, 500} {
		r := views.Record{}
		r.Add("/", 1000, status, usual)
		pages := int64(0)
		if status == 200 {
			pages = 1
		}
		equal(t, fmt.Sprintf("requests, pages, unique pages and errors after a %d", status),
			[]int64{r.Requests, r.Pages, r.Unique, r.Errors()}, []int64{1, pages, pages, 1 - pages})
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	r := views.Record{ID: [16]byte{1, 2, 3}, Created: 500}
	for i, path := range []string{"/", "/a", "/", "/straße?no", "", "/a"} {
		r.Add(path, int64(1000*(i+1)), []int{200, 404}[i%2], usual)
	}
	next := again(t, r)
	equal(t, "the numbers", []any{next.ID, next.Created, next.Last, next.Requests, next.Pages, next.Unique},
		[]any{r.ID, int64(500), int64(6000), int64(6), int64(3), int64(1)})
	want := []views.View{{"/", 1000, 200}, {"/a", 2000, 404}, {"/", 3000, 200}, {"/straße?no", 4000, 404}, {"/a", 6000, 404}}
	equal(t, "the history before", history(&r), want)
	equal(t, "the history after", history(&next), want)
	equal(t, "its length", next.Len(), len(want))
}

func TestPackedLenIsWhatPackAppends(t *testing.T) {
	for _, n := range []int{0, 1, 3, 63, 64, 65, 200, 257, 300} {
		for _, size := range []int{1, 50, 1000} {
			r := visited(size, numbered(n)...)
			equal(t, fmt.Sprintf("%d views of %d", n, size), r.PackedLen(), len(r.Pack([]byte("before")))-len("before"))
		}
	}
}

func TestReadingTheHistoryCanEndEarly(t *testing.T) {
	r := visited(usual, "/a", "/b", "/c")
	for v := range r.Views {
		equal(t, "the first path", v.Path, "/a")
		break
	}
}

func TestTheHistoryKeepsTheLastViews(t *testing.T) {
	for _, size := range []int{1, 2, 7, 64, 300} {
		r := visited(size, numbered(200)...)
		h := history(&r)
		equal(t, "the length", len(h), min(size, 200))
		equal(t, "the last", h[len(h)-1], views.View{Path: "/page/199", Time: 1199, Status: 200})
		equal(t, "the first", h[0].Path, fmt.Sprintf("/page/%d", max(0, 200-size)))
	}
	r := visited(1000, numbered(1000)...)
	r.Add("/last", 3000, 200, 3) // the site has made its histories shorter
	equal(t, "a history that was long", history(&r), []views.View{{"/page/998", 1998, 200}, {"/page/999", 1999, 200}, {"/last", 3000, 200}})
}

// TestCopiesAreIndependent: what one copy adds must not show in another, after
// any request and with the history at its limit or not.
func TestCopiesAreIndependent(t *testing.T) {
	path := func(i int) string { return fmt.Sprint("/some/page/", i) }
	adds := []func(r *views.Record, i, size int){
		func(r *views.Record, i, size int) { r.Add(path(i), int64(i*i), 404, size) },
		func(r *views.Record, i, size int) { r.Add(path(i-1), int64(i*i), 200, size) },
		func(r *views.Record, i, size int) { r.Add(path(i+9000), int64(i*i), 200, size) },
		func(r *views.Record, i, size int) { r.Add("", int64(i*i), 200, size) },
		func(r *views.Record, _, _ int) {
			if l := r.PackedLen(); l > 4000 { // the indexes of many paths become shorter
				r.Shrink(func(n int) bool { return n < l-2000 })
			}
		},
	}
	for _, size := range []int{5, 40, 1000} {
		state := views.Record{}
		for i := range 2000 {
			adds[i*i*7%31%len(adds)](&state, i, size)
			one, two := state, state
			before := state.Pack(nil)
			adds[i%len(adds)](&one, i+1, size)
			alone := one.Pack(nil)
			adds[i/7%len(adds)](&two, i+2, size)
			if !bytes.Equal(before, state.Pack(nil)) || !bytes.Equal(alone, one.Pack(nil)) {
				t.Fatalf("request %d of a history of %d changes a copy", i, size)
			}
			if i%200 == 0 {
				state = again(t, state)
			}
		}
	}
}

func TestAViewWithoutAPathDoesNotMoveTheHistory(t *testing.T) {
	r := views.Record{}
	r.Add("", 900, 200, usual)
	equal(t, "the packed length of a first view without a path", r.PackedLen(), (&views.Record{Last: 900, Requests: 1, Pages: 1}).PackedLen())
	r.Add("/a", 1000, 200, usual)
	short := r.PackedLen()
	r.Add("", 1000, 200, usual) // no time has passed
	equal(t, "the packed length after a pause of no time", r.PackedLen(), short)
	r.Add("", 2000, 200, usual)
	once := r.PackedLen()
	for i := range 50 {
		r.Add("", int64(2001+i), 200, usual)
	}
	equal(t, "the packed length of many pauses", r.PackedLen(), once)
	r.Add("/b", 3000, 200, usual)
	equal(t, "the history", history(&r), []views.View{{"/a", 1000, 200}, {"/b", 3000, 200}})
	equal(t, "unique pages", r.Unique, 2)
	r = again(t, r)
	equal(t, "the history read again", history(&r), []views.View{{"/a", 1000, 200}, {"/b", 3000, 200}})
	r.Add("/c", 3001, 200, 2)
	without := views.Record{}
	for i, path := range []string{"/a", "/b", "/c"} {
		without.Add(path, []int64{1000, 3000, 3001}[i], 200, 2)
	}
	equal(t, "the packed length when the pause is the oldest", r.PackedLen(), without.PackedLen())
	equal(t, "the history without its oldest", history(&r), []views.View{{"/b", 3000, 200}, {"/c", 3001, 200}})
	r.Add("", 4000, 200, 2)
	r.Add("/d", 5000, 200, 2)
	equal(t, "the path before a pause is there", bytes.Contains(r.Pack(nil), []byte("/c")), true)
	equal(t, "a path that has left is there", bytes.Contains(r.Pack(nil), []byte("/b")), false)
}

// TestNoRequestMakesARecordUnsound: the next request would lose everything.
func TestNoRequestMakesARecordUnsound(t *testing.T) {
	for _, c := range []struct {
		name   string
		last   int64
		now    int64
		status int
	}{
		{"a clock that goes back", 5000, 1000, 200},
		{"the longest time", math.MinInt64, math.MaxInt64, 200},
		{"a long time", -1 << 60, 1 << 60, 404},
		{"a time before 1970", -5000, -4000, 200},
		{"no status", 1000, 1001, 0},
		{"a negative status", 1000, 1001, -200},
		{"a status of one digit", 1000, 1001, 7},
		{"a status of four digits", 1000, 1001, 2000},
		{"the largest status", 1000, 1001, math.MaxInt},
	} {
		r := views.Record{Last: c.last}
		r.Add("/a", c.last, 200, usual)
		r.Add("/b", c.now, c.status, usual)
		r.Add("", c.now, c.status, usual)
		for range 2 { // the log gets a long pause, and then a longer one
			r.Last = c.last
			r.Add("", c.now, c.status, usual)
		}
		r.Add("/b", c.now, c.status, usual)
		next, ok := read(r.Pack(nil))
		if !ok || next.Len() != 3 || next.Requests != 6 {
			t.Errorf("%s: the record is %+v", c.name, next)
		}
		for v := range next.Views {
			if at := time.Unix(v.Time, 0).UTC(); at.Year() < 1970 || at.Year() > 9999 {
				t.Errorf("%s: a view at %v, which JSON cannot express", c.name, at)
			}
		}
	}
}

func TestAClockThatGoesBackMovesNoView(t *testing.T) {
	r := views.Record{}
	r.Add("/a", 2000, 200, usual)
	r.Add("/b", 1000, 200, usual)
	equal(t, "the history", history(&r), []views.View{{"/a", 2000, 200}, {"/b", 2000, 200}})
}

func TestMoreSecondsThanAnInt64HoldsEndIn1970(t *testing.T) {
	m := made{id: 16, counters: [5]int64{1, 5000, 9999, 9999, 1}, paths: []byte("\x03a")}
	for range 3000 {
		m.log = append(m.log, uvarints(1<<53-1, 0)...)
	}
	m.log = append(m.log, uvarints(10, 0)...)
	r, _ := read(m.payload())
	h := history(&r)
	for _, v := range h[:2999] {
		if v.Time != 0 {
			t.Fatalf("a view at %d", v.Time)
		}
	}
	equal(t, "the last two", []int64{h[2999].Time, h[3000].Time}, []int64{4990, 5000})
}

// made is a payload made by hand. Counters are in the order in which they are written.
type made struct {
	id              int // bytes
	counters        [5]int64
	set, paths, log []byte
	behind          []byte
}

func (m made) payload() []byte {
	b := wire.AppendInt(wire.AppendArray(nil, views.Elements), views.Version)
	b = wire.AppendBytes(b, make([]byte, m.id))
	for _, n := range m.counters {
		b = wire.AppendInt(b, n)
	}
	return append(wire.AppendBytes(wire.AppendBytes(wire.AppendBytes(b, m.set), m.paths), m.log), m.behind...)
}

// uvarints are what paths and log are made of.
func uvarints(numbers ...uint64) (b []byte) {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func counters(requests, pages, unique int64) [5]int64 { return [5]int64{1, 2, requests, pages, unique} }

func TestOnlySoundPayloadsAreRead(t *testing.T) {
	few, exact, many := counters(9, 9, 9), counters(999, 999, 256), counters(999, 999, 257)
	paths := []byte("\x02a\x05bc") // "a" seen but not counted, "bc" counted
	for _, c := range []struct {
		name string
		made
		sound bool
	}{
		{"nothing", made{id: 16}, true},
		{"an id of 15 bytes", made{id: 15}, false},
		{"an id of 17 bytes", made{id: 17}, false},
		{"something behind", made{id: 16, behind: []byte{0xc0}}, false},

		{"counters that are equal", made{id: 16, counters: counters(5, 5, 5)}, true},
		{"more pages than requests", made{id: 16, counters: counters(5, 6, 5)}, false},
		{"more unique pages than pages", made{id: 16, counters: counters(5, 4, 5)}, false},
		{"negative unique pages", made{id: 16, counters: counters(5, 5, -1)}, false},
		{"as many requests as are counted", made{id: 16, counters: counters(1<<53-1, 1, 1)}, true},
		{"more requests than are counted", made{id: 16, counters: counters(1<<53, 1, 1)}, false},

		{"one hash", made{id: 16, counters: few, set: make([]byte, 4)}, true},
		{"three quarters of a hash", made{id: 16, counters: few, set: make([]byte, 3)}, false},
		{"a hash and a quarter", made{id: 16, counters: few, set: make([]byte, 5)}, false},
		{"256 pages and no hash", made{id: 16, counters: exact}, true},
		{"256 hashes", made{id: 16, counters: exact, set: make([]byte, 1024)}, true},
		{"257 hashes", made{id: 16, counters: exact, set: make([]byte, 1028)}, false},
		{"257 pages and a bitmap", made{id: 16, counters: many, set: make([]byte, 1024)}, true},
		{"257 pages and no bitmap", made{id: 16, counters: many}, false},
		{"a bitmap that is a byte short", made{id: 16, counters: many, set: make([]byte, 1023)}, false},
		{"a bitmap that is a hash short", made{id: 16, counters: many, set: make([]byte, 1020)}, false},
		{"a bitmap that is a byte long", made{id: 16, counters: many, set: make([]byte, 1025)}, false},

		{"paths", made{id: 16, paths: paths}, true},
		{"a path that is cut", made{id: 16, paths: paths[:len(paths)-1]}, false},
		{"a length that is cut", made{id: 16, paths: []byte{0x80}}, false},
		{"a length beyond every int", made{id: 16, paths: append(bytes.Repeat([]byte{0xff}, 9), 1)}, false},
		{"an empty path", made{id: 16, paths: uvarints(0)}, true},

		{"views", made{id: 16, paths: paths, log: uvarints(5, 0<<1, 7, 1<<1, 0, 0<<1|1, 404)}, true},
		{"a view of a path that is not there", made{id: 16, paths: paths, log: uvarints(5, 2<<1)}, false},
		{"a view without any paths", made{id: 16, log: uvarints(5, 0)}, false},
		{"a status of 99", made{id: 16, paths: paths, log: uvarints(5, 1, 99)}, false},
		{"a status of 100", made{id: 16, paths: paths, log: uvarints(5, 1, 100)}, true},
		{"a status of 999", made{id: 16, paths: paths, log: uvarints(5, 1, 999)}, true},
		{"a status of 1000", made{id: 16, paths: paths, log: uvarints(5, 1, 1000)}, false},
		{"a pause", made{id: 16, log: uvarints(5, 1, 0)}, true},
		{"a pause on a path", made{id: 16, paths: paths, log: uvarints(5, 1<<1|1, 0)}, false},
		{"a view without a path's index", made{id: 16, paths: paths, log: uvarints(5)}, false},
		{"a view without its status", made{id: 16, paths: paths, log: uvarints(5, 1)}, false},
		{"the longest time", made{id: 16, paths: paths, log: uvarints(1<<53-1, 0)}, true},
		{"a longer time", made{id: 16, paths: paths, log: uvarints(1<<53, 0)}, false},
		{"an index of more than 32 bits", made{id: 16, paths: paths, log: uvarints(5, 1<<33)}, false},
		{"a status of more than 32 bits", made{id: 16, paths: paths, log: uvarints(5, 1, 1<<32+200)}, false},
	} {
		if _, ok := read(c.payload()); ok != c.sound {
			t.Errorf("%s: it is read: %v, want %v", c.name, ok, c.sound)
		}
	}
}

func TestUniquePagesAreExactTo256AndThenEstimated(t *testing.T) {
	for _, size := range []int{1, 50, 300} {
		r := views.Record{}
		for i := range 10_000 {
			r.Add(fmt.Sprintf("/articles/%d", i), int64(i), 200, size)
			off := math.Abs(float64(r.Unique)/float64(i+1) - 1)
			if n := i + 1; n <= 256 && off > 0 || n%1000 == 0 && off > 0.02 {
				t.Fatalf("%d unique pages of %d, with a history of %d", r.Unique, n, size)
			}
			if i%100 == 56 {
				r = again(t, r)
			}
		}
	}
}

func TestAPageThatIsSeenAgainIsNotUniqueAgain(t *testing.T) {
	for _, pages := range []int{5, 100, 256, 400} { // in the history, left it, at the limit, estimated
		paths := numbered(pages)
		r := visited(50, append(paths, paths...)...)
		before := r.Unique
		r = again(t, r)
		for i, path := range numbered(pages) {
			r.Add(path, int64(5000+i), 200, 50)
		}
		equal(t, fmt.Sprintf("unique pages after %d pages three times", pages), r.Unique, before)
		if hashes := min(256, pages+50); r.Reserve() > 100+4*hashes {
			t.Errorf("%d bytes are kept back for the hashes of %d pages", r.Reserve(), pages)
		}
	}
}

func TestPathsThatWereNoPagesAreNotEstimated(t *testing.T) {
	var r views.Record
	for i := range 300 {
		r.Add(fmt.Sprint("/missing/", i), int64(i), 404, 1000)
		r.Add("/page/0", int64(i), 200, 1000) // there are never more unique pages than pages
	}
	for i, path := range numbered(300) {
		r.Add(path, int64(1000+i), 200, 1000)
	}
	if r.Unique < 290 || r.Unique > 310 {
		t.Errorf("%d unique pages of 300", r.Unique)
	}
}

// TestTheEstimateNeverFalls, not even where somebody else has sealed a number
// that the bitmap does not give.
func TestTheEstimateNeverFalls(t *testing.T) {
	r, _ := read(made{id: 16, counters: counters(9000, 9000, 5000), set: make([]byte, 1024)}.payload())
	r.Add("/new", 5000, 200, usual)
	equal(t, "unique pages", r.Unique, 5000)
}

// TestTheEstimateHasAnEnd: a full bitmap tells that there are many, no more.
func TestTheEstimateHasAnEnd(t *testing.T) {
	set := bytes.Repeat([]byte{0xff}, 1024)
	set[500] = 0xfe
	almost, _ := read(made{id: 16, counters: counters(1<<40, 1<<40, 60_000), set: set}.payload())
	for i := range 200_000 { // until a path hits the last bit
		r := almost
		if r.Add(fmt.Sprint("/", i), 5000, 200, usual); r.Unique != almost.Unique {
			equal(t, "unique pages", r.Unique, int64(math.Round(8192*math.Log(8192))))
			return
		}
	}
	t.Fatal("no path hits the last bit")
}

func TestAPathCountsAsUniqueFromItsFirst200On(t *testing.T) {
	r := views.Record{}
	for i, c := range []struct {
		status int
		unique int64
	}{{404, 0}, {200, 1}, {404, 1}, {200, 1}} {
		r.Add("/a", int64(i), c.status, usual)
		equal(t, fmt.Sprintf("unique pages after request %d", i), r.Unique, c.unique)
	}
}

// TestShrinkDropsNoMoreThanItMust: what is left is what a history of that
// many views would be, and one view more would not have fitted.
func TestShrinkDropsNoMoreThanItMust(t *testing.T) {
	seldom := func(i int) string { return fmt.Sprintf("/%d", i*i%97) }
	for _, c := range []struct {
		name  string
		views int
		path  func(i int) string
	}{
		{"one path", 100, func(int) string { return "/always" }},
		{"different paths", 200, func(i int) string { return fmt.Sprintf("/%d", i) }},
		{"more than are exact", 300, func(i int) string { return fmt.Sprintf("/page/%d", i) }},
		{"paths that come back", 300, seldom},
		{"an early path that stays", 250, func(i int) string {
			if i%50 == 0 {
				return "/"
			}
			return fmt.Sprintf("/%d", i)
		}},
		{"with pauses", 200, func(i int) string {
			if i%3 == 1 {
				return ""
			}
			return seldom(i)
		}},
		{"a long path between", 150, func(i int) string { return "/" + strings.Repeat("x", i%75/74*3000) + fmt.Sprint(i) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := views.Record{Requests: 300, Pages: 300, Unique: 100} // of earlier days
			for i := range c.views {
				before.Add(c.path(i), int64(1000+i*i), []int{200, 200, 404}[i%3], c.views)
			}
			shrinksExactly(t, before, 500)
		})
	}
	t.Run("indexes of three bytes", func(t *testing.T) { shrinksExactly(t, long(t, 8300), 50) })
}

// long is a record of n views with as many paths. It is made by hand, because
// Add walks over all paths.
func long(t testing.TB, n int) views.Record {
	m := made{id: 16, counters: counters(int64(n), int64(n), 300), set: make([]byte, 1024)}
	for i, path := range numbered(n) {
		m.paths = append(binary.AppendUvarint(m.paths, uint64(len(path))<<1|1), path...)
		m.log = append(m.log, uvarints(1, uint64(i)<<1)...)
	}
	r, ok := read(m.payload())
	if !ok {
		t.Fatal("the long record is refused")
	}
	return r
}

// shrinksExactly tries that many limits on a record with one view more.
func shrinksExactly(t *testing.T, before views.Record, limits int) {
	full := before
	full.Add("/last", 1e9, 200, before.Len()+1)
	step := 1 + full.PackedLen()/limits
	for limit := full.PackedLen(); limit > 0; limit -= step {
		r := full
		fitted := r.Shrink(func(n int) bool { return n <= limit })
		if !fitted {
			none := before
			if none.Add("/last", 1e9, 200, 0); none.PackedLen() <= limit {
				t.Errorf("without views it would fit into %d bytes", limit)
			}
			if !bytes.Equal(r.Pack(nil), full.Pack(nil)) {
				t.Error("a record that does not fit has changed")
			}
			break
		}
		if r.PackedLen() > limit {
			t.Fatalf("%d bytes are left of a limit of %d", r.PackedLen(), limit)
		}
		if r.Len() == full.Len() {
			continue
		}
		next := before
		if next.Add("/last", 1e9, 200, r.Len()+1); next.PackedLen() <= limit {
			t.Fatalf("%d views are left, though %d fit into %d bytes", r.Len(), next.Len(), limit)
		}
		if same := before; r.Len() > 0 {
			if same.Add("/last", 1e9, 200, r.Len()); !slices.Equal(history(&r), history(&same)) {
				t.Fatalf("the last %d views are others", r.Len())
			}
		}
		again(t, r)
	}
}

// TestTheReserveIsEnough: without its history the record fits into it, after
// any one request.
func TestTheReserveIsEnough(t *testing.T) {
	r := views.Record{Created: -1 << 40, Requests: 1 << 50, Pages: 1 << 50}
	for i := range 600 {
		for _, path := range []string{"/another", "/page/0", ""} {
			next := r
			next.Add(path, 1<<40, 200, 1000)
			if !next.Shrink(func(n int) bool { return n <= r.Reserve() }) {
				t.Fatalf("after %d views %q does not fit into %d bytes", i, path, r.Reserve())
			}
		}
		r.Add(fmt.Sprintf("/page/%d", i), 1<<40, 200, 1000)
	}
	equal(t, "the reserve is larger than the bitmap", r.Reserve() < 1024+100, true)
	r, _ = read(made{id: 16, counters: counters(999, 999, 256)}.payload()) // made by others, with no hashes
	next := r
	next.Add("/another", 1<<40, 200, 1000)
	equal(t, "the reserve is enough for the first bitmap", next.Shrink(func(n int) bool { return n <= r.Reserve() }), true)
}

// TestDroppingManyViewsIsNotQuadratic counts bytes of memory, and compares the
// time with what it takes to read the record. One view at a time takes a
// thousand times the memory, and ten thousand times the time of reading.
func TestDroppingManyViewsIsNotQuadratic(t *testing.T) {
	const many = 10_000
	for _, c := range []struct {
		name string
		drop func(r views.Record)
	}{
		{"all give way to a long path", func(r views.Record) { r.Shrink(func(n int) bool { return n < 2000 }) }},
		{"half of them give way", func(r views.Record) {
			l := r.PackedLen()
			r.Shrink(func(n int) bool { return n < 100_000+(l-100_000)/2 })
		}},
		{"the history was made shorter", func(r views.Record) { r.Add("/", 1e6, 200, 10) }},
	} {
		r := long(t, many)
		r.Add("/"+strings.Repeat("x", 100_000), 1e6, 200, many+1)
		payload := r.Pack(nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.drop(r)
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(60*r.PackedLen()); got > limit {
			t.Errorf("%s: %d bytes of memory, want at most %d", c.name, got, limit)
		}
		dropping, reading := fastest(func() { c.drop(r) }), fastest(func() { read(payload) })
		if ratio := dropping / reading; ratio > 3000 {
			t.Errorf("%s: it takes %d times the time of reading", c.name, int(ratio))
		}
	}
}

func fastest(f func()) time.Duration {
	best := time.Duration(math.MaxInt64)
	for range 5 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// FuzzUnpack: whatever is read can be used, and stays sound.
func FuzzUnpack(f *testing.F) {
	for _, n := range []int{0, 1, 70, 300} {
		r := visited(100, numbered(n)...)
		f.Add(r.Pack(nil), "/new", 1000)
		r.Add("", 5000, 200, 100)
		f.Add(r.Pack(nil), "/page/299", 100)
	}
	few := made{id: 16, paths: []byte("\x02a\x05bc\x01"), log: uvarints(1<<53-1, 1, 0, 5, 1<<1, 3, 1, 0), counters: counters(9, 9, 9)}
	f.Add(few.payload(), "", 50)
	full := made{id: 16, set: make([]byte, 1024), paths: []byte("\x03a\x03b\x03c\x01"), log: uvarints(0, 0, 0, 2, 0, 4), counters: counters(999, 999, 256)}
	f.Add(full.payload(), "d", 1080)
	f.Add(full.payload(), "a", 1080)
	f.Fuzz(func(t *testing.T, payload []byte, path string, limit int) {
		r, ok := read(payload)
		if !ok || r.Requests > 1<<52 {
			return // nobody asks that often
		}
		came := r.Pack(nil)
		for _, size := range []int{r.Len() + 1, max(1, r.Len()/2)} {
			next := r
			next.Add(path, max(0, r.Last), 200, size)
			next = usable(t, next)
			reserve := r.Reserve()
			if !next.Shrink(func(n int) bool { return n <= reserve }) {
				t.Errorf("the reserve of %d bytes is not enough", reserve)
			}
			usable(t, next)
			if next = r; next.Shrink(func(n int) bool { return n <= limit }) && next.PackedLen() > limit {
				t.Errorf("%d bytes for a limit of %d", next.PackedLen(), limit)
			}
			usable(t, next)
		}
		if !bytes.Equal(came, r.Pack(nil)) {
			t.Error("the original has changed")
		}
	})
}

func usable(t *testing.T, r views.Record) views.Record {
	t.Helper()
	next := again(t, r)
	if next.PackedLen() != len(next.Pack(nil)) || !slices.Equal(history(&r), history(&next)) || r.Len() != len(history(&r)) {
		t.Errorf("%d views became %d", r.Len(), next.Len())
	}
	return next
}
