// Command oauth logs visitors in at a provider that answers with a form: its
// page makes the browser send a POST to the callback (response_mode=form_post).
// That request comes from another site, so it brings no cookie with
// SameSite=Lax. Two managers solve this. The visitor's session stays Lax. What
// the callback must remember has a cookie of its own with SameSite=None, for a
// few minutes.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/oauth
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/cookiesession/cookiesession"
)

var (
	user  = cookiesession.NewField[string]("user")
	state = cookiesession.NewField[string]("state") // of a login under way
)

// site has two managers. Their names differ, so their cookies do, too.
type site struct {
	sessions, attempts *cookiesession.Manager
	provider           string // the address of its login page
	// redeem exchanges the provider's code for a user: golang.org/x/oauth2
	// does that in a real program.
	redeem func(ctx context.Context, code string) (user string, err error)
}

func newSite(ring *cookiesession.Keyring, provider string) (*site, error) {
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		return nil, err
	}
	attempts, err := cookiesession.New(cookiesession.Config{
		Keyring:         ring,
		Name:            "oauth",
		Path:            "/oauth/", // other requests do not carry it
		SameSite:        http.SameSiteNoneMode,
		AbsoluteTimeout: 10 * time.Minute,
	})
	if err != nil {
		return nil, err
	}
	return &site{sessions: sessions, attempts: attempts, provider: provider, redeem: anybody}, nil
}

// handler puts one manager inside the other. The order makes no difference.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /oauth/login", s.login)
	mux.HandleFunc("POST /oauth/callback", s.callback)
	protection := http.NewCrossOriginProtection()
	// The callback is a POST from another site on purpose. It checks the state.
	protection.AddInsecureBypassPattern("POST /oauth/callback")
	return s.sessions.Handler(s.attempts.Handler(protection.Handler(mux)))
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	text := rand.Text()
	if err := state.Set(s.attempts.Session(r), text); err != nil {
		fail(w, err, http.StatusInternalServerError)
		return
	}
	query := url.Values{"response_mode": {"form_post"}, "response_type": {"code"}, "state": {text}}
	http.Redirect(w, r, s.provider+"?"+query.Encode(), http.StatusFound)
}

var errState = errors.New("this login did not begin in this browser, or too long ago")

func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	want, ok := state.Pop(s.attempts.Session(r))
	if !ok || r.PostFormValue("state") != want {
		fail(w, errState, http.StatusBadRequest)
		return
	}
	name, err := s.redeem(r.Context(), r.PostFormValue("code"))
	if err != nil {
		fail(w, err, http.StatusForbidden)
		return
	}
	// This request did not bring the Lax cookie, so the session is an empty one
	// here. The response replaces what the visitor had before.
	session := s.sessions.Session(r)
	if err := errors.Join(session.Destroy(), user.Set(session, name)); err != nil {
		fail(w, err, http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	if _, err := fmt.Fprintf(w, "Hello %s\n", user.Or(s.sessions.Session(r), "stranger")); err != nil {
		log.Print(err)
	}
}

// fail logs the reason, and tells the visitor no more than the status.
func fail(w http.ResponseWriter, err error, status int) {
	log.Print(err)
	http.Error(w, http.StatusText(status), status)
}

// anybody stands for the exchange at a provider.
func anybody(_ context.Context, code string) (string, error) {
	if code == "" {
		return "", errors.New("the provider sent no code")
	}
	return "Ada", nil
}

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	s, err := newSite(ring, "https://idp.example/authorize")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", s.handler()))
}
