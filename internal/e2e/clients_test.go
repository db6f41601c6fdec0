package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"golang.org/x/net/publicsuffix"
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

// TestADomainThatBrowsersDropIsRefusedOrDocumented compares New with a cookie
// jar that knows the public suffix list. New knows that a single label is never
// a cookie domain. The others it cannot know without the list, and the comment
// of Config.Domain says so.
func TestADomainThatBrowsersDropIsRefusedOrDocumented(t *testing.T) {
	for _, tc := range []struct {
		domain        string
		kept, refused bool
	}{
		{"com", false, true}, {"de", false, true}, {"dev", false, true}, {"xn--p1ai", false, true}, {"localhost", false, true},
		{"co.uk", false, false}, {"github.io", false, false},
		{"example.com", true, false}, {"shop.example.co.uk", true, false},
	} {
		_, err := cookiesession.New(cookiesession.Config{Keyring: newRing(t), Domain: tc.domain})
		if (err != nil) != tc.refused {
			t.Errorf("Domain %s: New says %v", tc.domain, err)
		}
		jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		if err != nil {
			t.Fatal(err)
		}
		from := &url.URL{Scheme: "https", Host: "www." + tc.domain, Path: "/"}
		jar.SetCookies(from, []*http.Cookie{{Name: "s_session", Value: "x", Domain: tc.domain, Path: "/", Secure: true}})
		if kept := len(jar.Cookies(from)) > 0; kept != tc.kept {
			t.Errorf("Domain %s: the jar keeps the cookie: %t, want %t", tc.domain, kept, tc.kept)
		}
	}
}

func newRing(t *testing.T) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}
