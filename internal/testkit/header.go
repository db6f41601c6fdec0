package testkit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// This file has a browser that is nothing but a Cookie header.

// CommitAfter is the Cookie header that a browser with this one sends after a
// redirect on which prepare worked.
func CommitAfter(t testing.TB, m *cookiesession.Manager, cookie string, prepare func(*cookiesession.Session)) string {
	t.Helper()
	s := m.Open(t.Context(), cookie)
	prepare(s)
	h := http.Header{}
	NoError(t, m.Commit(h, s, http.StatusFound))
	return KeepLines(cookie, h["Set-Cookie"])
}

// KeepLines is the Cookie header that a browser with this one sends after
// these Set-Cookie lines. A cookie without a value is deleted.
func KeepLines(cookie string, lines []string) string {
	names, values := []string{}, map[string]string{}
	keep := func(pair string) {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && values[name] == "" {
			names = append(names, name)
		}
		values[name] = value
	}
	for pair := range strings.SplitSeq(cookie, ";") {
		keep(pair)
	}
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		keep(pair)
	}
	var out []string
	for _, name := range names {
		if values[name] != "" {
			out = append(out, name+"="+values[name])
		}
	}
	return strings.Join(out, "; ")
}

// CookiesOf reads a Cookie header: the values of each name, without quotes.
// It is simple on purpose, so that it can judge the reader that is tested.
func CookiesOf(header string) map[string][]string {
	all := map[string][]string{}
	for pair := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		name = strings.Trim(name, " \t")
		all[name] = append(all[name], strings.Trim(value, `"`))
	}
	return all
}

// Serve answers one request with this Cookie header.
func Serve(m *cookiesession.Manager, cookie string, handle func(http.ResponseWriter, *cookiesession.Session)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(w, m.FromContext(r.Context()))
	})).ServeHTTP(w, r)
	return w
}

// Discard is a ResponseWriter that allocates nothing of its own.
type Discard http.Header

func (d Discard) Header() http.Header       { return http.Header(d) }
func (Discard) Write(p []byte) (int, error) { return len(p), nil }
func (Discard) WriteHeader(int)             {}
