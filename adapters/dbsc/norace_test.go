//go:build !race

package dbsc_test

import (
	"net/http"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// The race detector allocates by itself, so budgets are for builds without it.
func TestAllocationsStayWithinTheirBudgets(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.loggedIn()
	visitor := s.browser()
	visitor.visit(set("user", "ada"))
	untouched := func(http.ResponseWriter, *http.Request, *cookiesession.Session) {}
	read := func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) { session.Has("user") }
	for name, tc := range map[string]struct {
		b    *browser
		f    handler
		most float64
	}{
		"untouched":     {b, untouched, 9},
		"unbound, read": {visitor, read, 16},
		"bound, read":   {b, read, 19},
	} {
		r := tc.b.request("GET", "/page", tc.f)
		tc.b.addCookies(r)
		w := &discard{http.Header{}}
		n := testing.AllocsPerRun(100, func() {
			clear(w.header)
			s.h.ServeHTTP(w, r)
		})
		if n > tc.most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, tc.most)
		}
	}
}

// discard is a ResponseWriter without a connection.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func (b *browser) addCookies(r *http.Request) {
	for _, c := range b.jar {
		r.AddCookie(&http.Cookie{Name: c.name, Value: c.value})
	}
}
