package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// provider is an identity provider: discovery, keys, codes and tokens.
type provider struct {
	*testing.T
	url string
	key *rsa.PrivateKey

	mu    sync.Mutex
	codes map[string]grant
	user  string        // who is sitting there
	slow  time.Duration // how long after the visitor's return the code is redeemed
}

type grant struct{ user, sid, nonce, challenge string }

type claims map[string]any

const clientID = "the site"

func startProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{T: t, key: key, codes: map[string]grant{}, user: "ada"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, claims{"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			"jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.codes[code] = grant{p.user, rand.Text(), r.FormValue("nonce"), r.FormValue("code_challenge")}
	http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+url.Values{"code": {code}, "state": {r.FormValue("state")}}.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.codes[r.FormValue("code")]
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	delete(p.codes, r.FormValue("code"))
	w.Header().Set("Content-Type", "application/json")
	p.answer(w, claims{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(p.idClaims(g))})
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.Error(err)
	}
}

func (p *provider) idClaims(g grant) claims {
	now := time.Now()
	return claims{"iss": p.url, "aud": clientID, "sub": g.user, "sid": g.sid, "nonce": g.nonce, "iat": now.Add(p.slow).Unix(), "exp": now.Add(time.Minute).Unix()}
}

// logoutClaims are those of a right logout token, but for sub and sid.
func (p *provider) logoutClaims() claims {
	now := time.Now()
	return claims{"iss": p.url, "aud": clientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}}
}

func (c claims) with(key string, value any) claims {
	out := claims{}
	for k, v := range c {
		out[k] = v
	}
	if out[key] = value; value == nil {
		delete(out, key)
	}
	return out
}

func (p *provider) sign(c claims) string { return p.signWith(p.key, c) }

func (p *provider) signWith(key *rsa.PrivateKey, c claims) string {
	p.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		p.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any(c)).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	return text
}
