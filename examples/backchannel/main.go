// Command backchannel is a site whose users log in at an OpenID Connect
// provider, and which is told by it when they log out there: OpenID Connect
// Back-Channel Logout 1.0. The provider sends a signed token to
// /backchannel-logout, and the sessions that it names are over, copies of
// their cookies included.
//
//	OIDC_ISSUER=https://idp.example OIDC_CLIENT_ID=site OIDC_CLIENT_SECRET=… \
//	SESSION_KEYS=$(openssl rand -hex 32) go run .
//
// A fleet gives the list a source (adapters/redis, adapters/postgres,
// adapters/nats): the provider tells one instance only.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Print("marks are read no more: ", list.Run(context.Background())) }()
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: list.Validate})
	if err != nil {
		log.Fatal(err)
	}
	s, err := newSite(context.Background(), sessions, list, os.Getenv("OIDC_ISSUER"), oauth2.Config{
		ClientID: os.Getenv("OIDC_CLIENT_ID"), ClientSecret: os.Getenv("OIDC_CLIENT_SECRET"), RedirectURL: "http://localhost:8080/callback",
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", s.handler()))
}

type site struct {
	sessions *cookiesession.Manager
	list     *revocation.List
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	used     tokens
}

func newSite(ctx context.Context, sessions *cookiesession.Manager, list *revocation.List, issuer string, oauth oauth2.Config) (*site, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	oauth.Endpoint, oauth.Scopes = provider.Endpoint(), []string{oidc.ScopeOpenID}
	verifier := provider.Verifier(&oidc.Config{ClientID: oauth.ClientID})
	return &site{sessions: sessions, list: list, oauth: oauth, verifier: verifier}, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("POST /logout", s.logout)
	outer := http.NewServeMux()
	outer.Handle("/", s.sessions.Handler(http.NewCrossOriginProtection().Handler(mux)))
	outer.HandleFunc("POST /backchannel-logout", s.backchannelLogout) // from the provider, which has no session
	return outer
}

// sidKey and subKey are under which a login can be ended. The issuer is in
// both, for another provider may have the same names; quoted, so that no
// issuer and name together look like two others.
func sidKey(issuer, sid string) string { return fmt.Sprintf("oidc sid %q %q", issuer, sid) }
func subKey(issuer, sub string) string { return fmt.Sprintf("oidc sub %q %q", issuer, sub) }

// attempt is a login under way, in the session until the visitor comes back.
type attempt struct {
	State, Nonce, Verifier string
	Began                  time.Time
}

var (
	begun = cookiesession.NewField[attempt]("attempt")
	user  = cookiesession.NewField[string]("user")
)

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	a := attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), time.Now()}
	if err := begun.Set(s.sessions.Session(r), a); err != nil {
		fail(w, err, http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, s.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), http.StatusFound)
}

var (
	errAttempt = errors.New("this login was not begun here: please begin again")
	errOver    = errors.New("the provider has ended this login already")
)

func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.Session(r)
	a, ok := begun.Pop(session)
	if !ok || r.FormValue("state") != a.State {
		fail(w, errAttempt, http.StatusBadRequest)
		return
	}
	token, err := s.redeem(r.Context(), r.FormValue("code"), a)
	if err == nil {
		err = s.begin(session, token, a.Began)
	}
	if err != nil {
		fail(w, err, http.StatusForbidden)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// redeem exchanges the code for an ID token, and checks that.
func (s *site) redeem(ctx context.Context, code string, a attempt) (*oidc.IDToken, error) {
	answer, err := s.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := answer.Extra("id_token").(string)
	token, err := s.verifier.Verify(ctx, raw)
	if err == nil && token.Nonce != a.Nonce {
		err = errAttempt
	}
	return token, err
}

// begin logs the session in. The provider may have ended its own session while
// the visitor was on the way there and back, and has told us already. Then the
// visitor begins again. The token's own time does not show that: it is issued
// when the code is redeemed, which is later.
func (s *site) begin(session *cookiesession.Session, token *oidc.IDToken, began time.Time) error {
	var claims struct {
		SID string `json:"sid"`
	}
	if err := token.Claims(&claims); err != nil {
		return err
	}
	keys := []string{subKey(token.Issuer, token.Subject)}
	if at, ok := s.list.Marked(keys[0]); ok && !began.After(at) {
		return errOver
	}
	if claims.SID != "" {
		keys = append(keys, sidKey(token.Issuer, claims.SID))
		if _, ok := s.list.Marked(keys[1]); ok { // a sid is given once
			return errOver
		}
	}
	// What the session held before may have been planted.
	return errors.Join(session.Destroy(), user.Set(session, token.Subject), s.list.Login(session, keys...))
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.list.End(r.Context(), s.sessions.Session(r)); err != nil {
		fail(w, err, http.StatusServiceUnavailable)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// backchannelLogout answers as the specification asks: 200 when the sessions
// are over, 400 otherwise, and no cache keeps either.
func (s *site) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	token, err := s.verifier.VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
	if err == nil {
		err = s.end(r.Context(), token)
	}
	if err != nil {
		fail(w, err, http.StatusBadRequest)
	}
}

// end revokes what the token names: one session of the provider's, or all of
// a user. A token counts once, so that nobody who got hold of it ends later
// logins. One that could not be carried out counts again.
func (s *site) end(ctx context.Context, token *oidc.LogoutToken) error {
	if !s.used.take(token.TokenID, token.Expiry) {
		return nil
	}
	key := subKey(token.Issuer, token.Subject)
	if token.SessionID != "" {
		key = sidKey(token.Issuer, token.SessionID)
	}
	err := s.list.Revoke(ctx, key)
	if err != nil {
		s.used.giveBack(token.TokenID)
	}
	return err
}

// tokens are those that were used, until they expire. They are of one instance:
// a copy that is sent to another one within its few minutes counts there, and
// ends what it names once more.
type tokens struct {
	mu   sync.Mutex
	used map[string]time.Time
}

func (t *tokens) take(id string, expiry time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for other, expired := range t.used {
		if time.Now().After(expired) {
			delete(t.used, other)
		}
	}
	if _, ok := t.used[id]; ok {
		return false
	}
	if t.used == nil {
		t.used = map[string]time.Time{}
	}
	t.used[id] = expiry
	return true
}

func (t *tokens) giveBack(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.used, id)
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	text := "Nobody is logged in. Go to /login."
	if name, ok := user.Get(s.sessions.Session(r)); ok {
		text = "Hello " + name
	}
	if _, err := fmt.Fprintln(w, text); err != nil {
		log.Print(err)
	}
}

// fail tells the reason to the log alone: it may be long, and the provider's.
func fail(w http.ResponseWriter, err error, status int) {
	log.Print(err)
	http.Error(w, http.StatusText(status), status)
}
