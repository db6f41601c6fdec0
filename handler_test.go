package cookiesession_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestACookieThatTheApplicationSetStaysAsItIs(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "s_session_mine", Value: "2"})
		testkit.Must(m.FromContext(r.Context()).Set("k", 1))
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "3"})
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 4 || lines[0] != "a=1" || lines[1] != "s_session_mine=2" || lines[2] != "b=3" || !strings.HasPrefix(lines[3], "s_session=") {
		t.Errorf("Set-Cookie: %q", lines)
	}
}

func TestTheHandlerCommitsASessionThatIsInTheContextAlready(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	r := httptest.NewRequest("GET", "/", nil)
	s := m.OpenRequest(r)
	testkit.Must(s.Set("before", 1))
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		testkit.Equal(t, "session", m.FromContext(r.Context()), s)
	})).ServeHTTP(w, r.WithContext(m.NewContext(r.Context(), s)))
	testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: w.Header()}.Names(), "s_session")
	testkit.Equal(t, "a write after it", s.Set("k", 1), cookiesession.ErrCommitted)
}
