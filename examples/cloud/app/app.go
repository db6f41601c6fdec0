// Package app is one http.Handler that runs unchanged as a cloud function, in a
// container and on a server of one's own. It keeps nothing between requests and
// starts no goroutine: every visitor's state is in the visitor's cookie, so any
// instance answers any request, and one that was frozen or has just started
// answers like the others.
package app

import (
	"fmt"
	"log"
	"net/http"

	"github.com/cookiesession/cookiesession"
)

var visits = cookiesession.NewField[int]("visits")

// New makes the handler. keys is a list of secrets, the sealing one first, as a
// secret manager puts it into an environment variable.
func New(keys string) (http.Handler, error) {
	ring, err := cookiesession.ParseKeyring(keys)
	if err != nil {
		return nil, err
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.Add(sessions.Session(r), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprintf(w, "visit %d\n", n); err != nil {
			log.Print(err)
		}
	})
	return sessions.Handler(mux), nil
}
