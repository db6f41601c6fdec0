package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhichClientsKeepSecureCookiesOverHTTP holds what README says of
// http://localhost. For Chromium and Firefox the tests of the demo hold it: its
// cookies are Secure, and it is served over http.
func TestWhichClientsKeepSecureCookiesOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "s_session", Value: "kept", Path: "/", Secure: true, HttpOnly: true})
		fmt.Fprint(w, r.Header.Get("Cookie"))
	}))
	defer server.Close()
	for _, client := range []struct {
		name  string
		keeps bool
		twice func(t *testing.T, url string) string // what the second request sends
	}{
		{"Go's cookie jar", true, twiceWithGo},
		{"curl", true, twiceWithCurl},
		{"Python's cookie jar, which requests has too", false, twiceWithPython},
	} {
		t.Run(client.name, func(t *testing.T) {
			for _, host := range []string{"localhost", "127.0.0.1"} {
				sent := client.twice(t, strings.Replace(server.URL, "127.0.0.1", host, 1))
				if (sent == "s_session=kept") != client.keeps {
					t.Errorf("from http://%s it sends %q", host, sent)
				}
			}
		})
	}
}

func twiceWithGo(t *testing.T, url string) (sent string) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar}
	for range 2 {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		sent = string(text)
	}
	return sent
}

func twiceWithCurl(t *testing.T, url string) string {
	need(t, "curl", "--version")
	jar := filepath.Join(t.TempDir(), "jar")
	fetch := func() string {
		out, err := exec.CommandContext(t.Context(), "curl", "--silent", "--max-time", "10", "--noproxy", "*", "--cookie-jar", jar, "--cookie", jar, url).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	fetch()
	return fetch()
}

func twiceWithPython(t *testing.T, url string) string {
	need(t, "python3", "--version")
	out, err := exec.CommandContext(t.Context(), "python3", "-c", `
import http.cookiejar, sys, urllib.request as u
opener = u.build_opener(u.ProxyHandler({}), u.HTTPCookieProcessor(http.cookiejar.CookieJar()))
opener.open(sys.argv[1], timeout=10).read()
print(opener.open(sys.argv[1], timeout=10).read().decode(), end="")`, url).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// need skips without a program, and fails where nothing may be skipped.
func need(t *testing.T, program string, args ...string) {
	t.Helper()
	if exec.CommandContext(t.Context(), program, args...).Run() == nil {
		return
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") == "1" {
		t.Fatalf("%s is not installed: apt-get install %[1]s", program)
	}
	t.Skipf("needs %s: apt-get install %[1]s", program)
}
