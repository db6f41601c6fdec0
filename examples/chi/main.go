// Command chi is a server with a session behind the chi router.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
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
	log.Fatal(http.ListenAndServe("localhost:8080", routes(sessions)))
}

// chi runs its middleware on its 404 and 405 too, so Use is all it takes.
func routes(sessions *cookiesession.Manager) *chi.Mux {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, sessions.Handler)
	pages(r, sessions)
	return r
}

func pages(r chi.Router, sessions *cookiesession.Manager) {
	r.Get("/", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.Add(sessions.Session(r), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprintf(w, "visit %d\n", n); err != nil {
			log.Print(err)
		}
	})
}
