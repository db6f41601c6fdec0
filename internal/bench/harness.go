package main

import (
	"net/http"
)

// harness is the contender that does nothing: what it costs is taken off
// everybody's figures.
type harness struct{}

func (harness) name() string                                               { return "the harness alone" }
func (harness) wrap(next http.Handler) http.Handler                        { return next }
func (harness) features() features                                         { return features{} }
func (harness) fill(http.ResponseWriter, *http.Request, []pair) error      { return nil }
func (harness) read(http.ResponseWriter, *http.Request) int64              { return userID }
func (harness) count(w http.ResponseWriter, r *http.Request) (count int64) { return visits + 1 }

// discard is a ResponseWriter without a connection.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// oneRequest returns a function that sends h the same request again and again.
// Header map and request are used again, so that the harness allocates
// nothing; the request is copied afresh because gorilla/sessions writes into it.
func oneRequest(h http.Handler, r *http.Request) func() {
	w := &discard{header: make(http.Header)}
	sent := new(http.Request)
	return func() {
		clear(w.header)
		*sent = *r
		h.ServeHTTP(w, sent)
	}
}
