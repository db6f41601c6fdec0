package main

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// golangJWT is a token of golang-jwt in a cookie: a struct of claims, as in
// ExampleNewWithClaims_customClaimsType, signed with HS256. Everybody who has
// the cookie can read it.
type golangJWT struct {
	key    []byte
	parser *jwt.Parser
}

type jwtClaims struct {
	login
	jwt.RegisteredClaims
}

func newGolangJWT() contender {
	// The documentation asks for WithValidMethods against tokens that choose
	// their own algorithm.
	return golangJWT{[]byte(hashKey), jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}))}
}

func (g golangJWT) name() string                        { return "golang-jwt, HS256" }
func (g golangJWT) wrap(next http.Handler) http.Handler { return next }

func (g golangJWT) features() features {
	return features{
		encrypted: encryptedNo, expiry: expiryChecked, revocation: revocationNo,
		rotation: "a set of keys, or by kid, in a function of yours", flash: "no", large: browserDrops,
	}
}

func (g golangJWT) load(r *http.Request) *jwtClaims {
	var c jwtClaims
	if _, err := g.parser.ParseWithClaims(cookieText(r), &c, func(*jwt.Token) (any, error) { return g.key, nil }); err != nil {
		return new(jwtClaims)
	}
	return &c
}

func (g golangJWT) save(w http.ResponseWriter, l login) error {
	now := time.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwtClaims{l, jwt.RegisteredClaims{
		ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)), IssuedAt: jwt.NewNumericDate(now),
	}}).SignedString(g.key)
	if err == nil {
		setCookie(w, text)
	}
	return err
}

func (g golangJWT) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	return g.save(w, loginOf(pairs))
}

func (g golangJWT) read(w http.ResponseWriter, r *http.Request) int64 { return g.load(r).login.ID }

func (g golangJWT) count(w http.ResponseWriter, r *http.Request) int64 {
	c := g.load(r)
	c.Counter++
	if c.login.ID == 0 || g.save(w, c.login) != nil {
		return -1
	}
	return c.Counter
}
