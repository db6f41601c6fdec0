// Command messages tells visitors what became of their form: a message is
// flashed before a redirect, and an include in the template shows the first of
// success, warning and danger on the next page, once.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/messages
package main

import (
	"embed"
	"html/template"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/cookiesession/cookiesession"
)

//go:embed *.html
var files embed.FS

// Parsed once, with functions that know nobody; each request binds its own.
var pages = template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).ParseFS(files, "*.html"))

// subscribed is the address. The template finds it under its key.
var subscribed = cookiesession.NewField[string]("address")

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", sessions.Handler(routes(sessions))))
}

func routes(sessions *cookiesession.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		render(w, sessions.Session(r), "subscribe.html")
	})
	mux.HandleFunc("POST /subscribe", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		key, text := subscribe(s, r.FormValue("address"))
		if err := s.Flash(key, text); err != nil {
			log.Print("no message for the visitor: ", err)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	// A cookie that is sent by every form needs a look at where the form came from.
	return http.NewCrossOriginProtection().Handler(mux)
}

// subscribe does what the form asks for and says under which key the visitor
// hears of it. The key is never taken from the request: flash is found under
// keys that the data lacks.
func subscribe(s *cookiesession.Session, address string) (key, text string) {
	switch {
	case !strings.Contains(address, "@"):
		return "danger", "“" + address + "” is no address."
	case subscribed.Or(s, "") == address:
		return "warning", "You had subscribed before."
	case subscribed.Set(s, address) != nil:
		return "danger", "This could not be stored."
	}
	return "success", "Subscribed: " + address
}

// render writes a page in its own time: what the template reads after the
// first byte is flash that has been shown all the same.
func render(w http.ResponseWriter, s *cookiesession.Session, name string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(s))
	if err := page.ExecuteTemplate(w, name, nil); err != nil {
		log.Print(err)
	}
}
