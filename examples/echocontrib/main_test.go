package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"
)

type browser map[string]string

func (b browser) send(e *echo.Echo, method, path string) string {
	r := httptest.NewRequest(method, path, nil)
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b, c.Name)
		} else {
			b[c.Name] = c.Value
		}
	}
	return w.Body.String()
}

func store(t *testing.T, old ...securecookie.Codec) *gorilla.Store {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := gorilla.NewStore(cookiesession.Config{Keyring: ring}, old...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnEchoContribProgramRunsUnchanged(t *testing.T) {
	e, b := routes(store(t)), browser{}
	for _, want := range []string{"visit 1\n", "visit 2\n"} {
		if got := b.send(e, "GET", "/"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	b.send(e, "POST", "/logout")
	if len(b) != 0 {
		t.Errorf("after the logout: %v", b)
	}
}

func TestASessionOfTheOldCookieStoreIsCarriedOver(t *testing.T) {
	pair := [][]byte{securecookie.GenerateRandomKey(64), securecookie.GenerateRandomKey(32)}
	b := browser{}
	b.send(routes(sessions.NewCookieStore(pair...)), "GET", "/")
	if b["session"] == "" {
		t.Fatalf("no old cookie: %v", b)
	}
	got := b.send(routes(store(t, securecookie.CodecsFromPairs(pair...)...)), "GET", "/")
	if got != "visit 2\n" || b["session"] != "" || b["s_session"] == "" {
		t.Errorf("%q, cookies %v", got, b)
	}
}
