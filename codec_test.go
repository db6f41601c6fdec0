package cookiesession_test

import (
	"bytes"
	"crypto/fips140"
	"fmt"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/vmihailenco/msgpack/v5"
)

// allocationBudgets say how many allocations of ours a request may cost. They
// are the numbers that were reached, and hold in both formats. Whoever needs one
// more has to decide so here.
var allocationBudgets = []struct {
	act    string
	handle func(*cookiesession.Session)
	budget float64
	inTwo  float64 // where the session is cut into two cookies
}{
	{"leaves its session alone", nil, 1, 1},
	{"reads one key", func(s *cookiesession.Session) {
		cookiesession.Get[int64](s, "user")
	}, 4, 6},
	{"reads and counts", func(s *cookiesession.Session) {
		cookiesession.Get[int64](s, "user")
		s.Add("visits", 1)
	}, 7, 12},
}

func TestARequestAllocatesNoMoreThanItsBudget(t *testing.T) {
	if testkit.RaceFactor > 1 {
		t.Skip("the race detector allocates for itself")
	}
	if fips140.Enabled() {
		t.Skip("FIPS mode allocates more in crypto: the budgets are of the usual one")
	}
	for _, b := range allocationBudgets {
		for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
			for _, more := range []int{0, 16, 60} { // the last one in two cookies
				t.Run(fmt.Sprintf("a handler that %s, %s, %d keys", b.act, format, 7+more), func(t *testing.T) {
					m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.FormatRing(t, format)})
					r := budgetRequest(t, m, more)
					h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if b.handle != nil {
							b.handle(m.FromContext(r.Context()))
						}
						w.Write(nil)
					}))
					w := testkit.Discard{}
					got := testing.AllocsPerRun(200, func() {
						clear(w)
						h.ServeHTTP(w, r)
					})
					budget := b.budget
					if more == 60 {
						budget = b.inTwo
					}
					if got > budget {
						t.Errorf("%v allocations, want at most %v", got, budget)
					}
					if got := len(r.CookiesNamed("s_session.1")); got == 1 != (more == 60) {
						t.Errorf("%d continuation cookies", got)
					}
				})
			}
		}
	}
}

// TestTheObjectsOfARequestFillTheirSizeOfTheAllocator: one word more in either of
// them takes 64 bytes more of every request. Where a new version of Go has a larger
// http.Request, the first figure has to be decided again.
func TestTheObjectsOfARequestFillTheirSizeOfTheAllocator(t *testing.T) {
	if testkit.RaceFactor > 1 || bits.UintSize < 64 {
		t.Skip("the sizes are those of 64 bits without the race detector")
	}
	m := testkit.Manager(t, cookiesession.Config{})
	for _, c := range []struct {
		name   string
		handle func(*cookiesession.Session)
		bytes  uint64
	}{
		{"a handler that leaves its session alone", func(*cookiesession.Session) {}, 512},
		{"one that looks at an empty session", func(s *cookiesession.Session) { s.Len() }, 512 + 576},
	} {
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.handle(m.FromContext(r.Context()))
			w.Write(nil)
		}))
		w, r := testkit.Discard{}, httptest.NewRequest("GET", "/", nil)
		const requests = 10_000 // what else the process allocates meanwhile is below a byte of each
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			clear(w)
			h.ServeHTTP(w, r)
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / requests; got > c.bytes {
			t.Errorf("%s: %d bytes, want at most %d", c.name, got, c.bytes)
		}
	}
}

// budgetRequest is a request with a session of the 7 keys that an ordinary login
// has, and so many strings more.
func budgetRequest(t *testing.T, m *cookiesession.Manager, more int) *http.Request {
	t.Helper()
	values := map[string]any{
		"user": int64(7_295_834_601_283_746), "email": "ada.lovelace@example.org", "token": "6f1c0b7e94d2458aa3e5c8107bd9f264",
		"roles": []string{"editor", "admin"}, "visits": 41, "theme": "dark", "since": time.Now(),
	}
	for i := range more {
		values[fmt.Sprintf("field%02d", i)] = "a string of forty-three bytes, no more or less"[:43]
	}
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.FromContext(r.Context()).Update(values); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	if r.Header.Get("Cookie") == "" {
		t.Fatal("no session was issued")
	}
	return r
}

func TestValuesAreStoredAsMsgpack(t *testing.T) {
	type point struct{ X int }
	for _, value := range []any{1, 300, -5, "text", 1.5, float32(1.5), true, []byte("b"), []int{1}, point{7}, time.Unix(1, 5), map[string]int{"a": 1}, custom{"x"}} {
		var want bytes.Buffer
		enc := msgpack.NewEncoder(&want)
		enc.UseCompactInts(true)
		testkit.NoError(t, enc.Encode(value))
		raw, ok := cookiesession.Get[msgpack.RawMessage](stored(t, value), "k")
		if !ok || !bytes.Equal(raw, want.Bytes()) {
			t.Errorf("%T is stored as % x, the library makes % x", value, raw, want.Bytes())
		}
	}
	readsBack(t, custom{"x"}, custom{"x"}, true)
}
