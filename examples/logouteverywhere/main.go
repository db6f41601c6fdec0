// Command logouteverywhere ends every session of a user at once, stolen copies
// of cookies included. No cookie can know that it was copied, so the
// application keeps one time per user, and Validate refuses every login from
// before it.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/logouteverywhere
package main

import (
	"context"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
)

// users stands for the application's database: a column not_before in its
// table of users. All instances share it, and its clock sets both times where
// theirs may be apart.
type users struct {
	mu        sync.Mutex
	notBefore map[string]time.Time
	down      error
}

// NotBefore is when every older login of user ended; zero if that never was.
func (u *users) NotBefore(_ context.Context, user string) (time.Time, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.notBefore[user], u.down
}

// LogOutEverywhere ends the logins of user up to now. An account that was
// deleted or locked, a changed password and a lost right call it, too.
func (u *users) LogOutEverywhere(_ context.Context, user string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.down == nil {
		u.notBefore[user] = time.Now()
	}
	return u.down
}

// validate is asked once per request about a session that came with it, before
// anything of it is shown. ErrRevoked deletes its cookies. Any other error (the
// database's bad minute) hides it for this request and logs nobody out.
func (u *users) validate(ctx context.Context, s *cookiesession.Session) error {
	user, ok := cookiesession.Get[string](s, "user")
	if !ok {
		return nil // nobody is logged in: a basket may be kept
	}
	notBefore, err := u.NotBefore(ctx, user)
	if err != nil {
		return err
	}
	// Not Session.Created: a session may be older than the login in it.
	if login, ok := cookiesession.Get[time.Time](s, "login"); !ok || !login.After(notBefore) {
		return cookiesession.ErrRevoked
	}
	return nil
}

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	u := &users{notBefore: map[string]time.Time{}}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: u.validate})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", sessions.Handler(routes(sessions, u))))
}

func routes(sessions *cookiesession.Manager, u *users) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if user, ok := cookiesession.Get[string](sessions.FromContext(r.Context()), "user"); ok {
			fmt.Fprintf(w, "<p>Hello %s</p>\n%s", html.EscapeString(user), logoutForms)
			return
		}
		fmt.Fprint(w, loginForm)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user, ok := authenticate(r.FormValue("name"), r.FormValue("password"))
		if !ok {
			http.Error(w, "wrong name or password", http.StatusUnauthorized)
			return
		}
		finish(w, r, login(sessions.FromContext(r.Context()), user))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		finish(w, r, sessions.FromContext(r.Context()).Destroy())
	})
	mux.HandleFunc("POST /logout-everywhere", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		user, ok := cookiesession.Get[string](s, "user")
		if !ok { // or validate could not tell: then no logout may be pretended
			http.Error(w, "not logged in, as far as can be told now", http.StatusUnauthorized)
			return
		}
		if err := u.LogOutEverywhere(r.Context(), user); err != nil {
			finish(w, r, err)
			return
		}
		finish(w, r, s.Destroy())
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// login changes the ID along with the rights, and notes the time that validate
// compares.
func login(s *cookiesession.Session, user string) error {
	if err := s.CycleID(); err != nil {
		return err
	}
	return s.Update(map[string]any{"user": user, "login": time.Now()})
}

func finish(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		log.Print(err)
		http.Error(w, "please try again", http.StatusServiceUnavailable)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// authenticate stands for the application's own.
func authenticate(name, password string) (user string, ok bool) {
	return name, name != "" && password == "correct horse"
}

const loginForm = `<!doctype html>
<html lang="en">
<title>Login</title>
<form method="post" action="/login">
<label>Name <input name="name" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
`

const logoutForms = `<form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/logout-everywhere"><button>Log out everywhere</button></form>
`
