package dbsc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/dunglas/httpsfv"
	"github.com/go-jose/go-jose/v4"
)

// This file reads what the browser sends: structured header fields by httpsfv,
// JSON Web Signatures by go-jose. All of it is bounded before it is read.

const (
	maxProof   = 4096 // bytes of the field that has a proof; Chromium's have about 700
	maxSkipped = 1024 // bytes of all Secure-Session-Skipped fields
)

// errForged is for everything that no browser sends.
var errForged = errors.New("cookiesession/dbsc: not a proof")

// jwsProof is a proof that has been taken apart. Nothing of it is verified.
type jwsProof struct {
	signature *jose.JSONWebSignature
	challenge string
}

// readProof takes the proof of r apart. There is none where present is false.
func readProof(r *http.Request) (p jwsProof, present bool, err error) {
	lines := r.Header.Values("Secure-Session-Response")
	if len(lines) == 0 {
		return p, false, nil
	}
	if len(lines) > 1 || len(lines[0]) > maxProof {
		return p, true, errForged
	}
	text, err := fieldText(lines[0])
	if err != nil {
		return p, true, err
	}
	p, err = parseProof(text)
	return p, true, err
}

// fieldText reads a string. Chromium 156 sends proofs and identifiers without
// quotes, as tokens, where the draft has strings.
func fieldText(line string) (string, error) {
	item, err := httpsfv.UnmarshalItem([]string{line})
	if err != nil {
		return "", errForged
	}
	switch text := item.Value.(type) {
	case string:
		return text, nil
	case httpsfv.Token:
		return string(text), nil
	}
	return "", errForged
}

// parseProof accepts ES256 and nothing else: neither none, nor a MAC whose
// secret would be the public key. Claims that other versions of the draft have
// or had, aud, iat and sub, are not required and not looked at.
func parseProof(text string) (p jwsProof, err error) {
	p.signature, err = jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(p.signature.Signatures) != 1 {
		return p, errForged
	}
	if typ := p.signature.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != "dbsc+jwt" {
		return p, errForged
	}
	var claims struct {
		Challenge string `json:"jti"`
	}
	if err := json.Unmarshal(p.signature.UnsafePayloadWithoutVerification(), &claims); err != nil || claims.Challenge == "" {
		return p, errForged
	}
	p.challenge = claims.Challenge
	return p, nil
}

// publicKey is the key that a registration brings. go-jose has refused a point
// that is not on the curve and a key with a private part.
func (p *jwsProof) publicKey() (*ecdsa.PublicKey, []byte, error) {
	jwk := p.signature.Signatures[0].Protected.JSONWebKey
	if jwk == nil {
		return nil, nil, errForged
	}
	key, ok := jwk.Key.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, nil, errForged
	}
	packed, err := key.Bytes()
	return key, packed, err
}

// verifiedBy reports whether the key of publicKey signed the proof.
func (p *jwsProof) verifiedBy(key *ecdsa.PublicKey) bool {
	_, err := p.signature.Verify(key)
	return err == nil
}

// skipped is why the browser says that it did not refresh for this request. It
// may name several sessions. The first known reason counts.
func skipped(r *http.Request) string {
	lines := r.Header.Values("Secure-Session-Skipped")
	if len(lines) == 0 {
		return ""
	}
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > maxSkipped {
		return ""
	}
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		return ""
	}
	for _, member := range list {
		if item, ok := member.(httpsfv.Item); ok {
			switch reason, _ := item.Value.(httpsfv.Token); reason {
			case unreachable, serverError, quotaExceeded:
				return string(reason)
			}
		}
	}
	return ""
}

// The reasons of the draft.
const (
	unreachable   = "unreachable"
	serverError   = "server_error"
	quotaExceeded = "quota_exceeded"
)

// isPage reports whether r loads a page that somebody sees.
func isPage(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Dest") == "document" }

func (b *Binding) excluded(path string) bool {
	for _, root := range b.cfg.Exclude {
		if below(path, root) {
			return true
		}
	}
	return false
}
