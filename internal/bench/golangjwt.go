package main

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// jwtClaims are as in ExampleNewWithClaims_customClaimsType.
type jwtClaims struct {
	login
	jwt.RegisteredClaims
}

// newGolangJWT is a token of golang-jwt, signed with HS256. Everybody who has
// the cookie can read it.
func newGolangJWT() contender {
	key := []byte(hashKey)
	// The documentation asks for WithValidMethods against tokens that choose
	// their own algorithm.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}))
	return claimsToken{
		label: "golang-jwt, HS256",
		does: features{
			encrypted: encryptedNo, expiry: expiryChecked, revocation: revocationNo,
			rotation: "a set of keys, or by kid, in a function of yours", flash: "no", large: browserDrops,
		},
		open: func(text string) *login {
			var c jwtClaims
			if _, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
				return new(login)
			}
			return &c.login
		},
		seal: func(l login) (string, error) {
			now := time.Now()
			return jwt.NewWithClaims(jwt.SigningMethodHS256, jwtClaims{l, jwt.RegisteredClaims{
				ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)), IssuedAt: jwt.NewNumericDate(now),
			}}).SignedString(key)
		},
	}
}
