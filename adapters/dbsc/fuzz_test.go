package dbsc_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// harmless fails where an answer does more than refuse.
func harmless(t *testing.T, a answer) {
	t.Helper()
	if a.StatusCode < 400 || a.StatusCode > 499 || a.body != "" || len(a.Header["Set-Cookie"]) > 0 {
		t.Errorf("status %d, body %q, Set-Cookie %q", a.StatusCode, a.body, a.Header["Set-Cookie"])
	}
}

// fuzzed is a browser that is bound. It is made once for a target, whose
// function gets a new t each time.
func fuzzed(t *testing.T, once **browser) *browser {
	if *once == nil {
		*once = newSite(t, dbsc.Config{}).loggedIn()
		(*once).plain = true
	}
	b := **once
	b.t = t
	return &b
}

func FuzzProof(f *testing.F) {
	key := newKey()
	good := sign(f, key, "AAAA.x", true)
	f.Add(good)
	f.Add(`"` + good + `"`)
	f.Add(good + ";a=b")
	f.Add(sign(f, key, "AAAA.x", false))
	f.Add(jws(map[string]any{"alg": "none", "typ": "dbsc+jwt"}, map[string]any{"jti": "x"}, nil))
	f.Add(jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "crit": []string{"b64"}, "b64": false}, map[string]any{"jti": []int{1}}, make([]byte, 64)))
	var once *browser
	f.Fuzz(func(t *testing.T, proof string) {
		b := fuzzed(t, &once)
		harmless(t, b.forge(false, proof))
		if a := b.forge(true, proof); a.StatusCode != http.StatusServiceUnavailable { // a challenge of an unknown key, correctly signed
			harmless(t, a)
		} else if text, _, _ := strings.Cut(proof, ";"); len(proof) > 4096 || !strings.Contains(text, ".") {
			t.Errorf("503 for %q", proof)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add("")
	f.Add("AAAA.x")
	f.Add("AAAA." + strings.Repeat("A", 200))
	f.Add("\x00\xff\"\\")
	var once *browser
	f.Fuzz(func(t *testing.T, challenge string) {
		b := fuzzed(t, &once)
		a := b.forge(false, sign(t, b.only().key, challenge, false))
		harmless(t, a)
		if a.StatusCode == http.StatusForbidden && (len(challenge) < 5 || challenge[4] != '.') {
			t.Errorf("%q is taken for a challenge of an unknown key", challenge)
		}
	})
}

func FuzzSessionIdentifier(f *testing.F) {
	for _, text := range []string{"", `"`, `"x"`, "x", "kAAAAAAAAAAAAAAAAAAAAAA", `"x";a=b`, "(x)", ":AAAA:", "?1", "1.5", "@1"} {
		f.Add(text)
	}
	var once *browser
	f.Fuzz(func(t *testing.T, field string) {
		b := fuzzed(t, &once)
		r := b.refreshUnproved()
		r.Header.Set("Sec-Secure-Session-Id", field)
		a := b.send(r)
		harmless(t, a)
		if a.StatusCode == http.StatusForbidden && !strings.Contains(field, b.only().id) {
			t.Errorf("%q is taken for %q", field, b.only().id)
		}
	})
}

func FuzzSkipped(f *testing.F) {
	for _, text := range []string{"", "unreachable", `server_error;session_identifier="x"`, "quota_exceeded, unreachable", "(unreachable)", `"unreachable"`, "a;b=(", "unreachable,"} {
		f.Add(text)
	}
	var once *browser
	f.Fuzz(func(t *testing.T, field string) {
		b := fuzzed(t, &once)
		thief := b.copyOf()
		delete(thief.jar, "s_session_bound /")
		r := thief.request("GET", "/page", func(_ http.ResponseWriter, r *http.Request, s *cookiesession.Session) {
			if s.Len() > 0 || b.site.b.State(r) != dbsc.Stale {
				t.Errorf("%q grants something", field)
			}
		})
		r.Header.Set("Secure-Session-Skipped", field)
		a := thief.send(r)
		if again := a.StatusCode == http.StatusServiceUnavailable; again && !strings.Contains(field, "unreachable") && !strings.Contains(field, "server_error") {
			t.Errorf("%q makes the page ask again", field)
		}
	})
}
