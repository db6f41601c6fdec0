package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func endings(t *testing.T, m *cookiesession.Manager, r *chi.Mux) *chi.Mux {
	r.Get("/empty", func(_ http.ResponseWriter, r *http.Request) { exampletest.Count(t, m, r.Context()) })
	r.Get("/error", func(w http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		http.Error(w, "no database", http.StatusInternalServerError)
	})
	r.Get("/panic", func(_ http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		panic("lost")
	})
	return r
}

func TestChi(t *testing.T) {
	m := exampletest.Manager(t)
	exampletest.Run(t, endings(t, m, routes(m)))
}

func TestChiWithTheRecovererInside(t *testing.T) {
	m := exampletest.Manager(t)
	r := chi.NewRouter()
	r.Use(m.Handler, middleware.Recoverer)
	pages(r, m)
	exampletest.Run(t, endings(t, m, r))
}

func TestASessionChangedOnChis404IsSaved(t *testing.T) {
	m := exampletest.Manager(t)
	r := routes(m)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		exampletest.Count(t, m, r.Context())
		w.WriteHeader(http.StatusNotFound)
		if _, err := io.WriteString(w, "nothing here"); err != nil {
			t.Error(err)
		}
	})
	b := exampletest.NewBrowser(t, r)
	if res, _ := b.Get(t, "/missing"); res.StatusCode != 404 {
		t.Errorf("status %d", res.StatusCode)
	}
	if _, body := b.Get(t, "/"); body != "visit 2\n" {
		t.Errorf("after the 404: %q", body)
	}
}
