// Command rememberme gives visitors who ask for it a login of 30 days, and all
// others one that ends after half an hour without a request or with the
// browser, whichever is first.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/rememberme
package main

import (
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/cookiesession/cookiesession"
)

const (
	ordinary   = 30 * time.Minute
	remembered = 30 * 24 * time.Hour
)

var (
	user   = cookiesession.NewField[string]("user")
	basket = cookiesession.NewField[[]string]("basket")
)

// config is the policy of the short login; the long one is the exception.
// AbsoluteTimeout caps both, so it is that of the long one: with 12 hours
// there, no SetExpiry could remember anybody for longer.
func config(ring *cookiesession.Keyring) cookiesession.Config {
	return cookiesession.Config{
		Keyring:         ring,
		IdleTimeout:     ordinary,
		RenewAfter:      ordinary / 10, // reading pages is activity, too
		BrowserSession:  true,
		AbsoluteTimeout: remembered,
	}
}

// login begins a new session for the user of that name. Destroy, and not only CycleID, because
// AbsoluteTimeout counts from the creation of the session: who has looked
// around for days before logging in would be remembered for the days that are
// left. What shall come along is taken along.
func login(s *cookiesession.Session, name string, remember bool) error {
	kept := basket.Or(s, []string{})
	if err := s.Destroy(); err != nil {
		return err
	}
	if remember {
		s.SetExpiry(cookiesession.Idle(remembered))
	}
	return s.Update(map[string]any{user.Key(): name, basket.Key(): kept})
}

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(config(ring))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", sessions.Handler(routes(sessions))))
}

func routes(sessions *cookiesession.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page := loginForm
		if name, ok := user.Get(s); ok {
			page = fmt.Sprintf("<p>Hello %s, until %s.</p>\n", html.EscapeString(name), s.ExpiresAt().Format(time.RFC1123))
		}
		if _, err := io.WriteString(w, page); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		name, ok := authenticate(r.FormValue("name"), r.FormValue("password"))
		if !ok {
			http.Error(w, "wrong name or password", http.StatusUnauthorized)
			return
		}
		if err := login(sessions.Session(r), name, r.FormValue("remember") != ""); err != nil {
			http.Error(w, "please try again", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return http.NewCrossOriginProtection().Handler(mux)
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
<label><input name="remember" type="checkbox"> Remember me for 30 days</label>
<button>Log in</button>
</form>
`
