package main

import (
	"net/http"
	"time"

	"aidanwoods.dev/go-paseto"
)

// goPASETO is a v4.local token of aidanwoods.dev/go-paseto in a cookie, as its
// README makes and reads one. Its token is a map that keeps each value as JSON.
type goPASETO struct {
	key    paseto.V4SymmetricKey
	parser paseto.Parser
}

func newGoPASETO() contender {
	key, err := paseto.V4SymmetricKeyFromBytes([]byte(blockKey))
	if err != nil {
		panic(err)
	}
	return goPASETO{key, paseto.NewParser()}
}

func (g goPASETO) name() string                        { return "go-paseto, v4.local" }
func (g goPASETO) wrap(next http.Handler) http.Handler { return next }

func (g goPASETO) features() features {
	return features{
		encrypted: encryptedYes, expiry: expiryChecked, revocation: revocationNo,
		rotation: "no", flash: "no", large: browserDrops,
	}
}

func (g goPASETO) load(r *http.Request) (*paseto.Token, error) {
	return g.parser.ParseV4Local(g.key, cookieText(r), nil)
}

func (g goPASETO) save(w http.ResponseWriter, t *paseto.Token) {
	now := time.Now()
	t.SetIssuedAt(now)
	t.SetNotBefore(now)
	t.SetExpiration(now.Add(lifetime))
	setCookie(w, t.V4Encrypt(g.key, nil))
}

func (g goPASETO) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	t := paseto.NewToken()
	for _, p := range pairs {
		if err := t.Set(p.key, p.value); err != nil {
			return err
		}
	}
	g.save(w, &t)
	return nil
}

func (g goPASETO) read(w http.ResponseWriter, r *http.Request) (id int64) {
	t, err := g.load(r)
	if err != nil || t.Get("id", &id) != nil {
		return 0
	}
	return id
}

func (g goPASETO) count(w http.ResponseWriter, r *http.Request) int64 {
	t, err := g.load(r)
	var id, n int64
	if err != nil || t.Get("id", &id) != nil || t.Get("counter", &n) != nil {
		return -1
	}
	if n++; t.Set("counter", n) != nil {
		return -1
	}
	g.save(w, t)
	return n
}
