package acceptance_test

import (
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// cgiKeys has the secret of the process that cgi.Handler starts.
const cgiKeys = "COOKIESESSION_TEST_CGI_KEYS"

// TestMain makes this program a CGI program, where a test runs it as one.
func TestMain(m *testing.M) {
	if keys := os.Getenv(cgiKeys); keys != "" {
		serveCGI(keys)
		return
	}
	os.Exit(m.Run())
}

// serveCGI answers one request, with a session of as many bytes as the query
// says.
func serveCGI(keys string) {
	ring, err := cookiesession.ParseKeyring(keys)
	if err != nil {
		panic(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		panic(err)
	}
	err = cgi.Serve(sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if n, _ := strconv.Atoi(r.URL.RawQuery); n > 0 {
			if err := s.Set("text", strings.Repeat("x", n)); err != nil {
				panic(err)
			}
		}
		w.Write([]byte(cookiesession.GetOr(s, "text", "")))
	})))
	if err != nil {
		panic(err)
	}
}

// TestTheCGIHostOfGoTakesShortSessionsOnly holds what docs/integrations.md says:
// net/http/cgi reads the header lines of its program into 1,024 bytes.
func TestTheCGIHostOfGoTakesShortSessionsOnly(t *testing.T) {
	host := &cgi.Handler{Path: os.Args[0], Env: []string{cgiKeys + "=" + cookiesession.NewSecret().Reveal()}, Logger: log.New(io.Discard, "", 0)}
	get := func(query, cookie string) *http.Response {
		r := httptest.NewRequest("GET", "/?"+query, nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		host.ServeHTTP(w, r)
		return w.Result()
	}
	res := get("400", "")
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("a short session: status %d, %d cookies", res.StatusCode, len(res.Cookies()))
	}
	c := res.Cookies()[0]
	again := get("", c.Name+"="+c.Value)
	text := make([]byte, 500)
	if n, _ := again.Body.Read(text); n != 400 {
		t.Errorf("the next request finds %d bytes, want 400", n)
	}
	if res := get("500", ""); res.StatusCode != http.StatusInternalServerError || len(res.Cookies()) != 0 {
		t.Errorf("a longer session: status %d, %d cookies; has Go's host learned to read long lines?", res.StatusCode, len(res.Cookies()))
	}
}
