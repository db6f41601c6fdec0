// Visits counts a visitor's requests: the smallest whole program.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
)

var visits = cookiesession.NewField[int]("visits")

func main() {
	ring, keysErr := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err := errors.Join(keysErr, err); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if n, err := visits.Add(sessions.Session(r), 1); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		} else if _, err := fmt.Fprintf(w, "This is your visit number %d.\n", n); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", sessions.Handler(http.DefaultServeMux)))
}
