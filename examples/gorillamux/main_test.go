package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
	"github.com/gorilla/mux"
)

func endings(t *testing.T, m *cookiesession.Manager) *mux.Router {
	r := routes(m)
	r.HandleFunc("/empty", func(_ http.ResponseWriter, r *http.Request) { exampletest.Count(t, m, r.Context()) })
	r.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		http.Error(w, "no database", http.StatusInternalServerError)
	})
	r.HandleFunc("/panic", func(_ http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		panic("lost")
	})
	return r
}

func TestGorillaMux(t *testing.T) {
	m := exampletest.Manager(t)
	exampletest.Run(t, serve(m, endings(t, m)))
}

func TestTheSessionIsThereOnTheRouters404(t *testing.T) {
	m := exampletest.Manager(t)
	r := routes(m)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		w.WriteHeader(http.StatusNotFound)
	})
	b := exampletest.NewBrowser(t, serve(m, r))
	if res, _ := b.Get(t, "/missing"); res.StatusCode != 404 {
		t.Errorf("status %d", res.StatusCode)
	}
	if _, body := b.Get(t, "/"); body != "visit 2\n" {
		t.Errorf("after the 404: %q", body)
	}
}

// What does not work, and how it is noticed.
func TestMiddlewareGivenToUseIsNotRunOnThe404(t *testing.T) {
	m := exampletest.Manager(t)
	r := routes(m)
	r.Use(m.Handler)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if _, err := fmt.Fprint(w, recover()); err != nil {
				t.Error(err)
			}
		}()
		m.FromContext(r.Context())
	})
	b := exampletest.NewBrowser(t, r)
	if _, body := b.Get(t, "/"); body != "visit 1\n" {
		t.Errorf("a route: %q", body)
	}
	if _, body := b.Get(t, "/missing"); !strings.Contains(body, "Handler") {
		t.Errorf("the 404: %q", body)
	}
}
