// Command logouteverywhere is an account page: the devices that one is logged
// in on, and buttons that end one, all others, or all. Copies of cookies end
// with their session, and changing the password ends what somebody else has
// logged in with the old one.
//
// The marks are of this process alone here. A fleet gives the list a source
// (adapters/redis, adapters/postgres, adapters/nats) and runs it; nothing else
// changes.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/logouteverywhere
package main

import (
	"context"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// device is a place where a user is logged in: a row of the application's
// database. It is there to be shown. What is over is decided by the list.
type device struct {
	ID    string // of the session
	Agent string
	Since time.Time
}

// accounts stands for the application's database.
type accounts struct {
	mu        sync.Mutex
	passwords map[string]string // hashes, in a real one
	devices   map[string][]device
}

func newAccounts() *accounts {
	return &accounts{passwords: map[string]string{"Ada": "correct horse", "Bob": "battery staple"}, devices: map[string][]device{}}
}

func (a *accounts) check(user, password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.passwords[user]
	return ok && password == known
}

func (a *accounts) setPassword(user, password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passwords[user] = password
}

func (a *accounts) add(user string, d device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.devices[user] = append(a.devices[user], d)
}

// list gives the devices of user, the longest first.
func (a *accounts) list(user string) []device {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.devices[user])
}

// remove takes away the devices that match, and tells whether there were any.
func (a *accounts) remove(user string, match func(device) bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.devices[user])
	a.devices[user] = slices.DeleteFunc(a.devices[user], match)
	return len(a.devices[user]) < before
}

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{}) // Source: redis.New(client, "")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Print("marks are read no more: ", list.Run(context.Background())) }()
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: list.Validate})
	if err != nil {
		log.Fatal(err)
	}
	site := &site{sessions, list, newAccounts()}
	log.Fatal(http.ListenAndServe("localhost:8080", sessions.Handler(site.routes())))
}

type site struct {
	sessions *cookiesession.Manager
	list     *revocation.List
	accounts *accounts
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.loggedIn(s.logout))
	mux.HandleFunc("POST /logout-device", s.loggedIn(s.logoutDevice))
	mux.HandleFunc("POST /logout-others", s.loggedIn(s.logoutOthers))
	mux.HandleFunc("POST /logout-everywhere", s.loggedIn(s.logoutEverywhere))
	mux.HandleFunc("POST /password", s.loggedIn(s.changePassword))
	return http.NewCrossOriginProtection().Handler(mux)
}

// user is the name of who is logged in.
var user = cookiesession.NewField[string]("user")

// errForm is what the visitor can put right.
var errForm = errors.New("wrong name, password or device")

// loggedIn is a handler for those who are logged in. It must not tell that
// something has ended when it has not.
func (s *site) loggedIn(handle func(r *http.Request, session *cookiesession.Session, name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session := s.sessions.Session(r)
		name, ok := user.Get(session)
		if !ok {
			http.Error(w, "not logged in", http.StatusUnauthorized)
			return
		}
		finish(w, r, handle(r, session, name))
	}
}

func finish(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errForm):
		http.Error(w, err.Error(), http.StatusForbidden)
	case err != nil:
		log.Print(err)
		http.Error(w, "please try again", http.StatusServiceUnavailable)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// key is under which a user's sessions can be ended together.
func key(user string) string { return "user:" + user }

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if !s.accounts.check(name, r.FormValue("password")) {
		finish(w, r, errForm)
		return
	}
	session := s.sessions.Session(r)
	// What the session held before may have been planted.
	if err := errors.Join(session.Destroy(), user.Set(session, name)); err != nil {
		finish(w, r, err)
		return
	}
	finish(w, r, s.begin(r, session, name))
}

// begin logs the session in and notes its device.
func (s *site) begin(r *http.Request, session *cookiesession.Session, name string) error {
	if err := s.list.Login(session, key(name)); err != nil {
		return err
	}
	s.accounts.add(name, device{session.ID(), r.UserAgent(), time.Now()})
	return nil
}

func (s *site) logout(r *http.Request, session *cookiesession.Session, name string) error {
	id := session.ID()
	if err := s.list.End(r.Context(), session); err != nil {
		return err
	}
	s.accounts.remove(name, func(d device) bool { return d.ID == id })
	return nil
}

// logoutDevice ends one session by its ID. The database says whether it is
// this user's: an ID from a form may be anybody's.
func (s *site) logoutDevice(r *http.Request, _ *cookiesession.Session, name string) error {
	id := r.FormValue("id")
	if !slices.ContainsFunc(s.accounts.list(name), func(d device) bool { return d.ID == id }) {
		return errForm
	}
	if err := s.list.Revoke(r.Context(), id); err != nil {
		return err
	}
	s.accounts.remove(name, func(d device) bool { return d.ID == id })
	return nil
}

// logoutOthers ends every session of the user, and logs this one in anew.
func (s *site) logoutOthers(r *http.Request, session *cookiesession.Session, name string) error {
	if err := s.list.Revoke(r.Context(), key(name)); err != nil {
		return err
	}
	s.accounts.remove(name, func(device) bool { return true })
	return s.begin(r, session, name)
}

func (s *site) logoutEverywhere(r *http.Request, session *cookiesession.Session, name string) error {
	if err := s.list.Revoke(r.Context(), key(name)); err != nil {
		return err
	}
	s.accounts.remove(name, func(device) bool { return true })
	return session.Destroy()
}

// changePassword ends the other sessions once the old password opens nothing
// any more: one that logged in between the two would else stay.
func (s *site) changePassword(r *http.Request, session *cookiesession.Session, name string) error {
	if !s.accounts.check(name, r.FormValue("old")) || r.FormValue("new") == "" {
		return errForm
	}
	s.accounts.setPassword(name, r.FormValue("new"))
	return s.logoutOthers(r, session, name)
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.Session(r)
	name := user.Or(session, "")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, map[string]any{"User": name, "Devices": s.accounts.list(name), "This": session.ID()}); err != nil {
		log.Print(err)
	}
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<title>Account</title>
{{if .User}}
<p>Hello {{.User}}</p>
<ul>
{{range .Devices}}<li>{{.Agent}}, since {{.Since.Format "15:04:05"}}
{{if eq .ID $.This}}(this one){{else}}<form method="post" action="/logout-device"><button name="id" value="{{.ID}}">Log out</button></form>{{end}}
{{end}}</ul>
<form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/logout-others"><button>Log out all others</button></form>
<form method="post" action="/logout-everywhere"><button>Log out everywhere</button></form>
<form method="post" action="/password">
<label>Old password <input name="old" type="password" autocomplete="current-password" required></label>
<label>New password <input name="new" type="password" autocomplete="new-password" required></label>
<button>Change it, and log out all others</button>
</form>
{{else}}
<form method="post" action="/login">
<label>Name <input name="name" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
{{end}}`))
