// Command servemux is the shortest server with a session: net/http alone.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/servemux
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
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
	// Chromium and Firefox keep Secure cookies from http://localhost. Reports
	// say that Safari does not.
	log.Fatal(http.ListenAndServe("localhost:8080", serve(sessions, routes(sessions))))
}

func routes(sessions *cookiesession.Manager) *http.ServeMux {
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
	return mux
}

// serve puts the recovery outside the sessions: a panic passes through Handler,
// which then saves nothing but leaves a logout in the header for the 500.
func serve(sessions *cookiesession.Manager, mux http.Handler) http.Handler {
	return recovered(sessions.Handler(mux))
}

func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				log.Print("panic: ", v)
				http.Error(w, "internal server error", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
