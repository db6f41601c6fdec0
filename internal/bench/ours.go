package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/cookiesession/cookiesession"
)

// ours is this package, with one key and its defaults. The lifetime is what
// the peers get too.
type ours struct {
	m      *cookiesession.Manager
	format cookiesession.Format
}

func newOurs(format cookiesession.Format) ours {
	return ours{manager(cookiesession.Config{Keyring: ring(key(0, format))}), format}
}

// key is one of many keys, all of one format.
func key(i int, format cookiesession.Format) cookiesession.Key {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", secretKey, i))
	secret, err := cookiesession.ParseSecret(hex.EncodeToString(sum[:]))
	if err != nil {
		panic(err)
	}
	return cookiesession.Key{Secret: secret, Format: format}
}

func ring(keys ...cookiesession.Key) *cookiesession.Keyring {
	r, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		panic(err)
	}
	return r
}

func manager(cfg cookiesession.Config) *cookiesession.Manager {
	m, err := cookiesession.New(cfg)
	if err != nil {
		panic(err)
	}
	return m
}

func (o ours) name() string                        { return "cookiesession, " + string(o.format) }
func (o ours) wrap(next http.Handler) http.Handler { return o.m.Handler(next) }

func (o ours) features() features {
	return features{
		encrypted: encryptedYes, expiry: expiryChecked, revocation: "with a list that instances share",
		rotation: "while running", flash: "yes", large: moreCookies,
	}
}

func (o ours) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	s := o.m.FromContext(r.Context())
	for _, p := range pairs {
		if err := s.Set(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

func (o ours) read(w http.ResponseWriter, r *http.Request) int64 {
	id, _ := cookiesession.Get[int64](o.m.FromContext(r.Context()), "id")
	return id
}

func (o ours) count(w http.ResponseWriter, r *http.Request) int64 {
	s := o.m.FromContext(r.Context())
	if _, ok := cookiesession.Get[int64](s, "id"); !ok {
		return -1
	}
	n, err := s.Add("counter", 1)
	if err != nil {
		return -1
	}
	return n
}
