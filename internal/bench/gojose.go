package main

import (
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type joseClaims struct {
	login
	jwt.Claims
}

// newGoJOSE is an encrypted token of go-jose: JWE with "dir" and A256GCM, made
// and read as in ExampleEncrypted and ExampleParseEncrypted. It looks at the
// expiry only because the program calls Validate.
func newGoJOSE() contender {
	key := []byte(blockKey)
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key},
		(&jose.EncrypterOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	return claimsToken{
		label: "go-jose, JWE",
		does: features{
			encrypted: encryptedYes, expiry: "checked where you call Validate", revocation: revocationNo,
			rotation: "by kid, in a key set of yours", flash: "no", large: browserDrops,
		},
		open: func(text string) *login {
			token, err := jwt.ParseEncrypted(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
			if err != nil {
				return new(login)
			}
			var c joseClaims
			if err := token.Claims(key, &c); err != nil || c.Validate(jwt.Expected{}) != nil {
				return new(login)
			}
			return &c.login
		},
		seal: func(l login) (string, error) {
			now := time.Now()
			return jwt.Encrypted(enc).Claims(joseClaims{l, jwt.Claims{
				Expiry: jwt.NewNumericDate(now.Add(lifetime)), IssuedAt: jwt.NewNumericDate(now),
			}}).Serialize()
		},
	}
}
