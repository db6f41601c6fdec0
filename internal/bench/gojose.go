package main

import (
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// goJOSE is an encrypted token of go-jose in a cookie: JWE with "dir" and
// A256GCM, made and read as in ExampleEncrypted and ExampleParseEncrypted. It
// looks at the expiry only because the program calls Validate.
type goJOSE struct {
	key []byte
	enc jose.Encrypter
}

type joseClaims struct {
	login
	jwt.Claims
}

func newGoJOSE() contender {
	key := []byte(blockKey)
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key},
		(&jose.EncrypterOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	return goJOSE{key, enc}
}

func (g goJOSE) name() string                        { return "go-jose, JWE" }
func (g goJOSE) wrap(next http.Handler) http.Handler { return next }

func (g goJOSE) features() features {
	return features{
		encrypted: encryptedYes, expiry: "checked where you call Validate", revocation: revocationNo,
		rotation: "by kid, in a key set of yours", flash: "no", large: browserDrops,
	}
}

func (g goJOSE) load(r *http.Request) *joseClaims {
	token, err := jwt.ParseEncrypted(cookieText(r), []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return new(joseClaims)
	}
	var c joseClaims
	if err := token.Claims(g.key, &c); err != nil || c.Validate(jwt.Expected{}) != nil {
		return new(joseClaims)
	}
	return &c
}

func (g goJOSE) save(w http.ResponseWriter, l login) error {
	now := time.Now()
	text, err := jwt.Encrypted(g.enc).Claims(joseClaims{l, jwt.Claims{
		Expiry: jwt.NewNumericDate(now.Add(lifetime)), IssuedAt: jwt.NewNumericDate(now),
	}}).Serialize()
	if err == nil {
		setCookie(w, text)
	}
	return err
}

func (g goJOSE) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	return g.save(w, loginOf(pairs))
}

func (g goJOSE) read(w http.ResponseWriter, r *http.Request) int64 { return g.load(r).login.ID }

func (g goJOSE) count(w http.ResponseWriter, r *http.Request) int64 {
	c := g.load(r)
	c.Counter++
	if c.login.ID == 0 || g.save(w, c.login) != nil {
		return -1
	}
	return c.Counter
}
