package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	fibersession "github.com/gofiber/fiber/v3/middleware/session"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"
)

// idRead is the user's id that c reads from these cookies; 0 if it refuses them.
func idRead(c contender, cookies []*http.Cookie) int64 {
	w := httptest.NewRecorder()
	serve(c, readOne).ServeHTTP(w, request(cookies))
	id, _ := strconv.ParseInt(w.Body.String(), 10, 64)
	return id
}

func started(t *testing.T, c contender) []*http.Cookie {
	t.Helper()
	cookies, err := start(c, session(0))
	if err != nil {
		t.Fatalf("%s: %v", c.name(), err)
	}
	if idRead(c, cookies) != userID {
		t.Fatalf("%s: a new session is not read", c.name())
	}
	return cookies
}

func TestNobodyReadsACookieThatWasTamperedWith(t *testing.T) {
	for _, c := range everyone() {
		whole := started(t, c)[0]
		for _, at := range []int{0, 1, 2, 3} {
			forged := *whole
			i := (len(whole.Value) - 5) * (at + 1) / 4 // not one of the last four characters: some of their bits may mean nothing
			other := byte('A')
			if forged.Value[i] == other {
				other = 'B'
			}
			forged.Value = forged.Value[:i] + string(other) + forged.Value[i+1:]
			if idRead(c, []*http.Cookie{&forged}) != 0 {
				t.Errorf("%s: a cookie whose character %d of %d was changed is read", c.name(), i, len(forged.Value))
			}
		}
	}
}

// The contenders are made outside the bubble, because two of them start a
// goroutine that never ends.
func TestWhoChecksTheAgeOfACopiedCookie(t *testing.T) {
	all := everyone()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range all {
			if _, ok := c.(fiberSession); ok {
				continue // its storage has a clock of its own, which does not follow a bubble's
			}
			ends := lifetime + 2*time.Minute // go-jose lets a token live a minute longer
			if c.features().expiry == (ginContrib{}).features().expiry {
				ends = 30*24*time.Hour + time.Minute
			}
			cookies := started(t, c)
			time.Sleep(ends - 4*time.Minute)
			if idRead(c, cookies) != userID {
				t.Errorf("%s: a session is refused two minutes before its end", c.name())
			}
			time.Sleep(4 * time.Minute)
			if idRead(c, cookies) != 0 {
				t.Errorf("%s: an expired session is read", c.name())
			}
		}
	})
}

func TestWhoseCookieCanBeRead(t *testing.T) {
	for _, c := range everyone() {
		readable := false
		for _, part := range strings.FieldsFunc(started(t, c)[0].Value, func(r rune) bool { return r == '.' }) {
			for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding} {
				text, _ := e.DecodeString(part)
				readable = readable || bytes.Contains(text, []byte("ada.lovelace"))
			}
		}
		if want := c.features().encrypted == encryptedNo; readable != want {
			t.Errorf("%s: can be read: %t, want %t", c.name(), readable, want)
		}
	}
}

func TestWhatHappensToMoreThan4KB(t *testing.T) {
	for _, c := range everyone() {
		var failed error
		h := c.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			failed = c.fill(w, r, []pair{{"id", userID}, {"text", strings.Repeat("v", 3500)}})
		}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		got, set := onServer, w.Result().Cookies()
		switch {
		case failed != nil || len(set) == 0:
			got = saveRefused
		case len(set) > 1:
			got = moreCookies
		case len(set[0].Name)+len(set[0].Value) > limit:
			got = browserDrops
		}
		if want := c.features().large; got != want {
			t.Errorf("%s: %s, want %q", c.name(), got, want)
		}
	}
}

func TestWhoSetsACookieOnEveryRequest(t *testing.T) {
	for _, c := range everyone() {
		for _, a := range []act{untouched, readOne} {
			w := httptest.NewRecorder()
			serve(c, a).ServeHTTP(w, request(started(t, c)))
			_, always := c.(fiberSession)
			if set := w.Result().Cookies(); (len(set) > 0) != always {
				t.Errorf("%s, %s: %d cookies set", c.name(), a, len(set))
			}
		}
	}
}

// Each key is tried, or found by its id, where the table says so.
func TestWhoReadsWhatAnOlderKeySealed(t *testing.T) {
	oldKey, newKey := []byte(blockKey), []byte(hashKey)
	for _, tt := range []struct {
		name  string
		reads func() bool
	}{
		{"gorilla/sessions", func() bool {
			rotated := gorillaSessions{sessions.NewCookieStore(newKey, newKey, []byte(hashKey), oldKey)}
			return idRead(rotated, started(t, newGorillaSessions())) == userID
		}},
		{"golang-jwt", func() bool {
			token, err := golangjwt.New(golangjwt.SigningMethodHS256).SignedString(oldKey)
			if err != nil {
				t.Fatal(err)
			}
			_, err = golangjwt.Parse(token, func(*golangjwt.Token) (any, error) {
				return golangjwt.VerificationKeySet{Keys: []golangjwt.VerificationKey{newKey, oldKey}}, nil
			})
			return err == nil
		}},
		{"go-jose", func() bool { return joseReadsByKeyID(t, newKey, oldKey) }},
	} {
		if !tt.reads() {
			t.Errorf("%s: a session of an older key is refused", tt.name)
		}
	}
}

func joseReadsByKeyID(t *testing.T, newKey, oldKey []byte) bool {
	t.Helper()
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: oldKey, KeyID: "old"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Encrypted(enc).Claims(jwt.Claims{ID: "1"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseEncrypted(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "new", Key: newKey}, {KeyID: "old", Key: oldKey}}}
	return token.Claims(set, new(jwt.Claims)) == nil
}

func TestAServersSessionEndsForACopiedCookieToo(t *testing.T) {
	memory, withFiber := newSCSMemory().(scsMemory), newFiberSession().(fiberSession)
	for _, tt := range []struct {
		contender
		destroy func(w http.ResponseWriter, r *http.Request) error
	}{
		{memory, func(_ http.ResponseWriter, r *http.Request) error { return memory.m.Destroy(r.Context()) }},
		{withFiber, func(w http.ResponseWriter, _ *http.Request) error {
			return fibersession.FromContext(w.(fiberWriter).c).Destroy()
		}},
	} {
		copied := started(t, tt.contender)
		tt.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := tt.destroy(w, r); err != nil {
				t.Errorf("%s: %v", tt.name(), err)
			}
		})).ServeHTTP(httptest.NewRecorder(), request(copied))
		if idRead(tt.contender, copied) != 0 {
			t.Errorf("%s: a destroyed session is read", tt.name())
		}
	}
}
