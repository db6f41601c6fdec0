// Command gorillamux is a server with a session behind gorilla/mux.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/gorilla/handlers"
	"github.com/gorilla/mux"
)

var visits = cookiesession.NewField[int]("visits")

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", serve(sessions, routes(sessions))))
}

func routes(sessions *cookiesession.Manager) *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.Add(sessions.Session(r), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprintf(w, "visit %d\n", n); err != nil {
			log.Print(err)
		}
	})
	return r
}

// serve wraps the router from outside: middleware given to its Use does not run
// on its 404 and 405, where a NotFoundHandler would then have no session.
func serve(sessions *cookiesession.Manager, r *mux.Router) http.Handler {
	return handlers.RecoveryHandler()(sessions.Handler(r))
}
