package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the panics below are meant
	os.Exit(m.Run())
}

func endings(t *testing.T, m *cookiesession.Manager) *http.ServeMux {
	mux := routes(m)
	mux.HandleFunc("/empty", func(_ http.ResponseWriter, r *http.Request) { exampletest.Count(t, m, r.Context()) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		http.Error(w, "no database", http.StatusInternalServerError)
	})
	mux.HandleFunc("/panic", func(_ http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		panic("lost")
	})
	mux.HandleFunc("/logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := m.FromContext(r.Context()).Destroy(); err != nil {
			t.Error(err)
		}
		panic("after the logout")
	})
	return mux
}

func TestServeMux(t *testing.T) {
	m := exampletest.Manager(t)
	exampletest.Run(t, serve(m, endings(t, m)))
}

func TestALogoutStandsThroughAPanic(t *testing.T) {
	m := exampletest.Manager(t)
	b := exampletest.NewBrowser(t, serve(m, endings(t, m)))
	b.Get(t, "/")
	if res, _ := b.Get(t, "/logout"); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
	if _, body := b.Get(t, "/"); body != "visit 1\n" {
		t.Errorf("after the logout: %q", body)
	}
}

// Without a recovery net/http drops the connection: there is no response that
// could log anyone out.
func TestNetHTTPAloneAnswersAPanicWithNothing(t *testing.T) {
	m := exampletest.Manager(t)
	b := exampletest.NewBrowser(t, m.Handler(endings(t, m)))
	b.Get(t, "/")
	if res, _ := b.Get(t, "/panic"); res.StatusCode != 0 {
		t.Errorf("status %d", res.StatusCode)
	}
	if _, body := b.Get(t, "/"); body != "visit 2\n" {
		t.Errorf("after the panic: %q", body)
	}
}
