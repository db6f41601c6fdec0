package acceptance_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// floods are Cookie headers of about n bytes, at most what net/http lets in.
// id is that of a key of the ring. Ids are no secret, so a flood may name one.
var floods = []struct {
	name  string
	bytes int
	make  func(id string, n int) string
}{
	{"3,001 cookies of others", 3001 * 20, func(_ string, n int) string {
		return strings.Repeat("other=0123456789abc; ", n/20)
	}},
	{"3,001 cookies of our name", 3001 * 20, func(_ string, n int) string {
		return strings.Repeat("s_session=012345678; ", n/20)
	}},
	{"180 cookies of our name, 4 KB each", 180 * 4096, func(id string, n int) string {
		return strings.Repeat("s_session="+id+".A"+strings.Repeat("x", 4060)+"; ", n/4096)
	}},
	{"180 cookies of our name in the other format", 180 * 4096, func(id string, n int) string {
		return strings.Repeat("s_session="+id+".M"+strings.Repeat("x", 4060)+"; ", n/4096)
	}},
	{"900 KB of continuation cookies", 900 << 10, func(id string, n int) string {
		var b strings.Builder
		b.WriteString("s_session=" + id + ".64.tttt.Axxx")
		for i := 1; b.Len() < n; i++ {
			fmt.Fprintf(&b, "; s_session.%d=tttt.%s", i, strings.Repeat("x", 4000))
		}
		return b.String()
	}},
	{"900 KB in 64 chunks that fit together", 900 << 10, func(id string, n int) string {
		return chunks(id, "A", n)
	}},
	{"900 KB in 64 chunks, in the other format", 900 << 10, func(id string, n int) string {
		return chunks(id, "M", n)
	}},
	{"nothing but semicolons", 900 << 10, func(_ string, n int) string { return strings.Repeat(";", n) }},
	{"leftovers of one index", 900 << 10, func(id string, n int) string {
		return "s_session=" + id + ".3.tttt.Axxx" + strings.Repeat("; s_session.1=tttt.x", n/20)
	}},
	{"spaces between cookies", 900 << 10, func(_ string, n int) string { return strings.Repeat("x=1;                ", n/20) }},
	{"names like our flash cookie's before spaces", 900 << 10, func(_ string, n int) string {
		return strings.Repeat("s_session_flashx;", n/34) + strings.Repeat(" ", n/2)
	}},
	{"nothing but equals signs", 900 << 10, func(_ string, n int) string { return strings.Repeat("s_session===", n/12) }},
}

func chunks(id, begin string, n int) string {
	var b strings.Builder
	b.WriteString("s_session=" + id + ".64.tttt." + begin)
	for i := 1; i < 64; i++ {
		fmt.Fprintf(&b, "; s_session.%d=tttt.%s", i, strings.Repeat("x", (n/63-25)&^3))
	}
	return b.String()
}

// floodManager has a key whose id is known.
func floodManager(t testing.TB) (*cookiesession.Manager, string) {
	t.Helper()
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(key)
	testkit.NoError(t, err)
	return testkit.QuietManager(t, cookiesession.Config{Keyring: ring}, ""), key.ID()
}

// TestAFloodIsAnEmptySession is about CVE-2025-58186 (Go): in a request with
// thousands of small cookies, each of them cost net/http an allocation.
func TestAFloodIsAnEmptySession(t *testing.T) {
	m, id := floodManager(t)
	for _, f := range floods {
		header := f.make(id, f.bytes)
		if len(header) > 1000<<10 || len(header) < f.bytes*8/10 {
			t.Fatalf("%s: %d bytes of header", f.name, len(header))
		}
		ran := false
		w := testkit.Serve(m, header, func(w http.ResponseWriter, s *cookiesession.Session) {
			ran = s.Len() == 0 && s.IsNew() && len(s.Flashes()) == 0
		})
		if !ran || w.Code != 200 || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: as an empty session %v, status %d, %d cookies set", f.name, ran, w.Code, len(w.Header()["Set-Cookie"]))
		}
	}
}

func TestASessionIsFoundInAFloodOfOtherCookies(t *testing.T) {
	m, id := floodManager(t)
	own := testkit.CommitAfter(t, m, "", compartments[0].prepare)
	for _, f := range floods {
		if !strings.Contains(f.name, "of others") && !strings.Contains(f.name, "semicolons") && !strings.Contains(f.name, "spaces between") {
			continue
		}
		flood := f.make(id, f.bytes)
		for _, header := range []string{own + "; " + flood, flood + "; " + own} {
			if m.Open(t.Context(), header).Value("user") != "alice" {
				t.Errorf("%s: the session is not found", f.name)
			}
		}
	}
}

// TestAHandlerCanWriteInAFlood: nobody can keep a visitor from logging in by
// planting cookies. A response deletes a bounded number of leftovers.
func TestAHandlerCanWriteInAFlood(t *testing.T) {
	m, id := floodManager(t)
	for _, f := range floods {
		w := testkit.Serve(m, f.make(id, f.bytes), func(w http.ResponseWriter, s *cookiesession.Session) {
			if err := s.Set("user", "alice"); err != nil {
				t.Errorf("%s: %v", f.name, err)
			}
		})
		lines := w.Header()["Set-Cookie"]
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "s_session="+id+".") }) || len(lines) > 65 {
			t.Errorf("%s: %d cookies are set", f.name, len(lines))
		}
	}
}

// TestLeftoversKeepNobodyFromWriting: chunks that a browser has kept, or that
// somebody has planted, take no room from what a handler writes.
func TestLeftoversKeepNobodyFromWriting(t *testing.T) {
	m, id := floodManager(t)
	long := "tttt." + strings.Repeat("x", 4000)
	for name, header := range map[string]string{
		"flash without a first chunk": "s_session_flash.1=" + long + "; s_session_flash.2=" + long,
		"a flash that does not open":  "s_session_flash=" + id + ".A" + strings.Repeat("x", 7100),
		"views without a first chunk": "s_session_views.1=" + long + "; s_session_views.2=" + long,
		"data without a first chunk":  "s_session.1=" + long + "; s_session.2=" + long,
	} {
		for _, status := range []int{200, 303} {
			w := testkit.Serve(m, header, func(w http.ResponseWriter, s *cookiesession.Session) {
				if err := s.Set("user", "alice"); err != nil {
					t.Errorf("%s, status %d: %v", name, status, err)
				}
				w.WriteHeader(status)
			})
			if !strings.Contains(strings.Join(w.Header()["Set-Cookie"], "\n"), "s_session="+id) {
				t.Errorf("%s, status %d: nothing is saved", name, status)
			}
		}
	}
}

// TestAFloodCostsLessThanReadingItsHeader: opening takes less time than net/http
// takes to parse the same header. Twice the header takes about twice as long.
func TestAFloodCostsLessThanReadingItsHeader(t *testing.T) {
	if testkit.RaceFactor > 1 {
		t.Skip("the race detector counts our memory accesses and not those of the runtime's assembly: run without -race")
	}
	t.Setenv("GODEBUG", "httpcookiemaxnum=0") // beyond 3,000 cookies net/http would not parse at all
	m, id := floodManager(t)
	for _, f := range floods {
		full, half := f.make(id, f.bytes), f.make(id, f.bytes/2)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", full)
		theirs, _ := cost(func() { r.Cookies() })
		ours, allocated := cost(func() { m.Open(t.Context(), full).Len() })
		for range 5 { // on a busy machine, one side may be interrupted in all of its tries
			again, _ := cost(func() { m.Open(t.Context(), full).Len() })
			ours = min(ours, again)
		}
		if ours > theirs {
			t.Errorf("%s: opening takes %v, net/http's parsing %v", f.name, ours, theirs)
		}
		ofHalf, _ := cost(func() { m.Open(t.Context(), half).Len() })
		if ours > 3*ofHalf+200*time.Microsecond {
			t.Errorf("%s: %v for %d bytes, but %v for half of them", f.name, ours, len(full), ofHalf)
		}
		if allocated > 8*uint64(len(full)) {
			t.Errorf("%s: %d bytes allocated for a header of %d", f.name, allocated, len(full))
		}
		t.Logf("%-45s %7d bytes: ours %8v, net/http %8v, %d bytes allocated", f.name, len(full), ours, theirs, allocated)
	}
}

// BenchmarkFlood compares opening a flood with net/http's parsing of it.
func BenchmarkFlood(b *testing.B) {
	b.Setenv("GODEBUG", "httpcookiemaxnum=0")
	m, id := floodManager(b)
	for _, f := range floods {
		header := f.make(id, f.bytes)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", header)
		b.Run(f.name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(header)))
			b.ReportAllocs()
			for b.Loop() {
				m.OpenRequest(r).Len()
			}
		})
		b.Run(f.name+"/net-http", func(b *testing.B) {
			b.SetBytes(int64(len(header)))
			b.ReportAllocs()
			for b.Loop() {
				r.Cookies()
			}
		})
	}
}
