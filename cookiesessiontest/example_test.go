package cookiesessiontest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

var user = cookiesession.NewField[string]("user")

// logout is the handler under test: it ends the session and says goodbye on
// the page that it sends the visitor to.
func logout(sessions *cookiesession.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		name := user.Or(s, "nobody")
		if err := errors.Join(s.Destroy(), s.Flash("goodbye", name)); err != nil {
			http.Error(w, "please try again", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

func Example() {
	t := new(testing.T) // yours: func TestLogoutEndsTheSession(t *testing.T)

	sessions := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := cookiesessiontest.Request(t, sessions, httptest.NewRequest("POST", "/logout", nil), func(s *cookiesession.Session) {
		if err := user.Set(s, "Ada"); err != nil {
			t.Error(err)
		}
	})

	w := httptest.NewRecorder()
	sessions.Handler(logout(sessions)).ServeHTTP(w, r)

	next := cookiesessiontest.Next(t, sessions, r, w.Result())
	fmt.Println("status:", w.Code)
	fmt.Println("logged in:", next.Has("user"))
	fmt.Println("goodbye:", next.Value("goodbye"))
	// Output:
	// status: 303
	// logged in: false
	// goodbye: Ada
}
