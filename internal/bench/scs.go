package main

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
)

// scsMemory is scs v2 with its default store, a map in this process's memory,
// and its default codec, gob. It does no cryptography, and another process
// knows nothing of its sessions.
type scsMemory struct{ m *scs.SessionManager }

func newSCSMemory() contender {
	m := scs.New()
	m.Lifetime = lifetime
	m.Cookie.Name = cookie
	m.Cookie.Secure = true
	return scsMemory{m}
}

func (s scsMemory) name() string                        { return "scs, memory store" }
func (s scsMemory) wrap(next http.Handler) http.Handler { return s.m.LoadAndSave(next) }

func (s scsMemory) features() features {
	return features{
		encrypted: onServer, expiry: expiryChecked, revocation: "the server's copy is deleted",
		rotation: "has no key", flash: "PopString", large: onServer,
	}
}

func (s scsMemory) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	for _, p := range pairs {
		s.m.Put(r.Context(), p.key, p.value)
	}
	return nil
}

func (s scsMemory) read(w http.ResponseWriter, r *http.Request) int64 {
	return s.m.GetInt64(r.Context(), "id")
}

func (s scsMemory) count(w http.ResponseWriter, r *http.Request) int64 {
	if s.m.GetInt64(r.Context(), "id") == 0 {
		return -1
	}
	n := s.m.GetInt64(r.Context(), "counter") + 1
	s.m.Put(r.Context(), "counter", n)
	return n
}
