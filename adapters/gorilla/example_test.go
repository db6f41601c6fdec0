package gorilla_test

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/gorilla/securecookie"
)

// A program written for gorilla/sessions, with its old keys still accepted.
// Only the lines that make the store have changed.
func Example() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := gorilla.NewStore(cookiesession.Config{Keyring: ring},
		securecookie.CodecsFromPairs([]byte(os.Getenv("OLD_SESSION_KEY")))...)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "session-name")
		visits, _ := session.Values["visits"].(int)
		session.Values["visits"] = visits + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprintf(w, "visit %d\n", visits+1); err != nil {
			log.Print(err)
		}
	})
}
