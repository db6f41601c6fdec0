// Package app is one http.Handler that runs unchanged as a cloud function, in a
// container and on a server of one's own. It keeps nothing between requests and
// starts no goroutine: every visitor's state is in the visitor's cookie, so any
// instance answers any request, and one that was frozen or has just started
// answers like the others.
package app

import (
	"fmt"
	"net/http"

	"github.com/cookiesession/cookiesession"
)

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
		visits, err := sessions.FromContext(r.Context()).Add("visits", 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "visit %d\n", visits)
	})
	return sessions.Handler(mux), nil
}
