// Command notices shows several messages from one request on the next page. A
// second Flash under the same key replaces the first, and what a request
// flashes it does not see itself, so the list is kept by the request and
// flashed as a whole.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/notices
package main

import (
	"html/template"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/cookiesession/cookiesession"
)

// notice is one message.
type notice struct {
	Kind string // success or danger
	Text string
}

// notices collects the messages of one request.
type notices struct {
	s    *cookiesession.Session
	list []notice
}

// noticesOf begins with what came and has not been shown yet, so that a second
// redirect loses nothing.
func noticesOf(s *cookiesession.Session) *notices {
	list, _ := cookiesession.Get[[]notice](s, "notices")
	return &notices{s, list}
}

func (n *notices) add(kind, text string) {
	n.list = append(n.list, notice{kind, text})
	if err := n.s.Flash("notices", n.list); err != nil { // too large: the visitor has all but the last
		n.list = n.list[:len(n.list)-1]
		log.Print("a notice is lost: ", err)
	}
}

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
		shown := noticesOf(sessions.Session(r))
		if err := page.Execute(w, shown.list); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("POST /invite", func(w http.ResponseWriter, r *http.Request) {
		told := noticesOf(sessions.Session(r))
		for _, address := range strings.Fields(r.FormValue("addresses")) {
			if strings.Contains(address, "@") {
				told.add("success", "Invited "+address)
			} else {
				told.add("danger", address+" is no address")
			}
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<title>Invitations</title>
{{range .}}<p class="{{.Kind}}">{{.Text}}</p>
{{end}}<form method="post" action="/invite">
<label>Addresses <textarea name="addresses" required></textarea></label>
<button>Invite</button>
</form>
`))
