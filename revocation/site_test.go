package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// quiet is for lists whose failures are meant.
func quiet(context.Context, revocation.Event) {}

// site is a small application over real HTTP.
type site struct {
	*testing.T
	url              string
	started, proceed chan struct{} // of the slow handler
}

func startSite(t *testing.T, m *cookiesession.Manager, list *revocation.List) *site {
	s := &site{T: t, started: make(chan struct{}), proceed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if user, ok := cookiesession.Get[string](m.FromContext(r.Context()), "user"); ok {
			fmt.Fprintf(w, "Hello %s", user)
			return
		}
		fmt.Fprint(w, "Who are you?")
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		session := m.FromContext(r.Context())
		if err := errors.Join(list.Login(session, "user:ada"), session.Set("user", "Ada")); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := list.End(r.Context(), m.FromContext(r.Context())); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		session := m.FromContext(r.Context())
		if session.IsNew() {
			t.Error("the slow request began without a session")
		}
		close(s.started)
		<-s.proceed
		if err := session.Set("seen", "a page"); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, "done")
	})
	server := httptest.NewServer(m.Handler(mux))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

type browser struct {
	*site
	client *http.Client
	mu     sync.Mutex
	set    int // cookies, by the latest response
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &browser{site: s, client: &http.Client{Jar: jar}}
}

func (b *browser) get(path string) string {
	res, err := b.client.Get(b.url + path)
	if err != nil {
		b.Error(err)
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set = len(res.Cookies())
	return string(body)
}

func (b *browser) setCookies() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set
}

func newManager(t *testing.T, list *revocation.List) *cookiesession.Manager {
	t.Helper()
	return newManagerOn(t, newRing(t), list)
}

func newManagerOn(t *testing.T, ring *cookiesession.Keyring, list *revocation.List) *cookiesession.Manager {
	t.Helper()
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: list.Validate})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
