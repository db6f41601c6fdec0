package dbsc_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// A session is bound at login, and what matters asks for a proof.
func Example() {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()}) // a program reads it from its configuration
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	binding, err := dbsc.New(sessions, dbsc.Config{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		if err := errors.Join(s.Destroy(), s.Set("user", "ada"), binding.Bind(r)); err != nil {
			http.Error(w, "no session", http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprint(w, binding.State(r)); err != nil {
			log.Print(err)
		}
	})
	mux.Handle("POST /transfer", binding.Prove(30*time.Second, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fmt.Fprint(w, "transferred"); err != nil {
			log.Print(err)
		}
	})))
	handler := binding.Handler(mux) // http.ListenAndServeTLS(…, handler)

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/login", nil))
	fmt.Println(w.Body, w.Header().Get("Secure-Session-Registration") != "")
	r := httptest.NewRequest("POST", "/transfer", nil)
	r.Header.Set("Cookie", w.Header().Get("Set-Cookie"))
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, r) // by a client without a key
	fmt.Println(w.Code)
	// Output:
	// pending true
	// 403
}
