package main

import (
	"encoding/gob"
	"net/http"
	"time"

	"github.com/gorilla/sessions"
)

// gorillaSessions is gorilla/sessions' CookieStore with an authentication and
// an encryption key, as its documentation recommends. It has no middleware: a
// handler that leaves the session alone costs nothing.
type gorillaSessions struct{ store *sessions.CookieStore }

func newGorillaSessions() contender { return gorillaSessions{newCookieStore()} }

func newCookieStore() *sessions.CookieStore {
	gob.Register(time.Time{}) // gob must know every type behind an interface; scs needs it too
	store := sessions.NewCookieStore([]byte(hashKey), []byte(blockKey))
	store.Options.HttpOnly = true
	store.Options.SameSite = http.SameSiteLaxMode
	store.MaxAge(int(lifetime.Seconds()))
	return store
}

func (g gorillaSessions) name() string                        { return "gorilla/sessions" }
func (g gorillaSessions) wrap(next http.Handler) http.Handler { return next }

func (g gorillaSessions) features() features {
	return features{
		encrypted: encryptedYes, expiry: expiryChecked, revocation: revocationNo,
		rotation: "old keys are tried, restart", flash: "yes", large: saveRefused,
	}
}

func (g gorillaSessions) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	s, _ := g.store.Get(r, cookie)
	for _, p := range pairs {
		s.Values[p.key] = p.value
	}
	return s.Save(r, w)
}

func (g gorillaSessions) read(w http.ResponseWriter, r *http.Request) int64 {
	s, _ := g.store.Get(r, cookie)
	id, _ := s.Values["id"].(int64)
	return id
}

func (g gorillaSessions) count(w http.ResponseWriter, r *http.Request) int64 {
	s, _ := g.store.Get(r, cookie)
	if _, ok := s.Values["id"].(int64); !ok {
		return -1
	}
	n, _ := s.Values["counter"].(int64)
	n++
	s.Values["counter"] = n
	if s.Save(r, w) != nil {
		return -1
	}
	return n
}
