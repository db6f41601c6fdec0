// Package exampletest visits an example's server as a browser does: over TLS,
// with a cookie jar, one request after the other.
package exampletest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// Manager makes a manager with a key of its own.
func Manager(t testing.TB) *cookiesession.Manager {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Count adds a visit, as the examples' front pages do.
func Count(t testing.TB, m *cookiesession.Manager, ctx context.Context) {
	if _, err := m.FromContext(ctx).Add("visits", 1); err != nil {
		t.Error(err)
	}
}

// A Browser keeps cookies and follows no redirects.
type Browser struct {
	url    string
	client *http.Client
}

// NewBrowser starts a server for h and a browser without cookies.
func NewBrowser(t testing.TB, h http.Handler) *Browser {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Browser{server.URL, client}
}

// Get returns a response without a status when the server gave no answer.
func (b *Browser) Get(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	res, err := b.client.Get(b.url + path)
	if err != nil {
		return &http.Response{Header: http.Header{}}, err.Error()
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// Run visits a server that counts visits on every path: / answers with the
// count, /empty writes nothing, /error answers 500 the framework's way, /panic
// panics and is recovered by the framework, and /missing is routed nowhere.
func Run(t *testing.T, h http.Handler) {
	t.Helper()
	b := NewBrowser(t, h)
	count := 0
	page := func(t *testing.T) {
		t.Helper()
		count++
		res, body := b.Get(t, "/")
		if want := fmt.Sprintf("visit %d\n", count); res.StatusCode != 200 || body != want {
			t.Fatalf("/ answers %d %q, want %q", res.StatusCode, body, want)
		}
		if !slices.Contains(res.Header.Values("Vary"), "Cookie") || len(res.Cookies()) != 1 {
			t.Errorf("/ has the header %v", res.Header)
		}
	}
	answers := func(t *testing.T, path string, status int, saves bool) {
		t.Helper()
		res, body := b.Get(t, path)
		if res.StatusCode != status {
			t.Errorf("%s answers %d, want %d: %s", path, res.StatusCode, status, body)
		}
		if got := len(res.Header.Values("Set-Cookie")) > 0; got != saves {
			t.Errorf("%s sets cookies: %t, want %t", path, got, saves)
		}
		if saves {
			count++
		}
		page(t)
	}
	t.Run("a body", func(t *testing.T) { page(t); page(t) })
	t.Run("an empty response", func(t *testing.T) { answers(t, "/empty", 200, true) })
	t.Run("an error response saves nothing", func(t *testing.T) { answers(t, "/error", 500, false) })
	t.Run("a panic saves nothing", func(t *testing.T) { answers(t, "/panic", 500, false) })
	t.Run("a page that does not exist", func(t *testing.T) { answers(t, "/missing", 404, false) })
}
