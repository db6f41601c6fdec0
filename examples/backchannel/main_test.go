package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/revocation"
	"golang.org/x/oauth2"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the errors below are meant
	os.Exit(m.Run())
}

// readOnly is a source whose engine takes nothing while down is set.
type readOnly struct {
	revocation.Source
	down error
}

func (r *readOnly) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	if r.down != nil {
		return 0, r.down
	}
	return r.Source.Append(ctx, keys, atLeast)
}

// world is the site and its provider.
type world struct {
	*testing.T
	provider *provider
	url      string
	source   *readOnly
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, provider: startProvider(t), source: &readOnly{Source: revocation.NewMemory()}}
	list, err := revocation.New(revocation.Config{Source: w.source, OnEvent: func(context.Context, revocation.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = list.Run(t.Context()) }() // it ends with the test
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Validate: list.Validate, Insecure: true})
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	s, err := newSite(t.Context(), m, list, w.provider.url, oauth2.Config{ClientID: clientID, ClientSecret: "secret", RedirectURL: w.url + "/callback"})
	if err != nil {
		t.Fatal(err)
	}
	handler = s.handler()
	return w
}

type browser struct {
	*world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	return &browser{w, &http.Client{Jar: jar}}
}

func (b *browser) get(path string) (status int, body string) {
	b.Helper()
	res, err := b.client.Get(b.url + path)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// login goes to the provider and back, and returns the sid of that login.
func (w *world) login(user string) (b *browser, sid string) {
	w.Helper()
	w.provider.user = user
	b = w.browser()
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if code := r.URL.Query().Get("code"); code != "" {
			w.provider.mu.Lock()
			sid = w.provider.codes[code].sid
			w.provider.mu.Unlock()
		}
		return nil
	}
	if status, body := b.get("/login"); status != 200 || body != "Hello "+user+"\n" {
		w.Fatalf("after the login: %d %q", status, body)
	}
	return b, sid
}

func (b *browser) wantIn(want bool) {
	b.Helper()
	if _, body := b.get("/"); strings.HasPrefix(body, "Hello ") != want {
		b.Errorf("want a login: %t, the page is %q", want, body)
	}
}

// tell sends a logout token, and gives the status of the answer.
func (w *world) tell(token string) int {
	w.Helper()
	res, err := http.PostForm(w.url+"/backchannel-logout", url.Values{"logout_token": {token}})
	if err != nil {
		w.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		w.Error(err)
	}
	if cc := res.Header.Get("Cache-Control"); cc != "no-store" {
		w.Errorf("Cache-Control: %q", cc)
	}
	return res.StatusCode
}

// copied is a browser with the same cookies.
func (b *browser) copied() *browser {
	other := b.browser()
	u, _ := url.Parse(b.url)
	other.client.Jar.SetCookies(u, b.client.Jar.Cookies(u))
	return other
}

func TestALogoutTokenWithASidEndsThatSessionAndItsCopies(t *testing.T) {
	w := newWorld(t)
	laptop, sid := w.login("ada")
	phone, _ := w.login("ada")
	stolen := laptop.copied()
	stolen.wantIn(true)
	p := w.provider
	if status := w.tell(p.sign(p.logoutClaims().with("sid", sid).with("sub", "ada"))); status != 200 {
		t.Errorf("answered %d", status)
	}
	laptop.wantIn(false)
	stolen.wantIn(false)
	phone.wantIn(true)
	again, _ := w.login("ada")
	again.wantIn(true)
}

func TestALogoutTokenWithASubEndsAllSessionsOfTheUser(t *testing.T) {
	w := newWorld(t)
	laptop, _ := w.login("ada")
	phone, _ := w.login("ada")
	bob, _ := w.login("bob")
	p := w.provider
	if status := w.tell(p.sign(p.logoutClaims().with("sub", "ada"))); status != 200 {
		t.Errorf("answered %d", status)
	}
	laptop.wantIn(false)
	phone.wantIn(false)
	bob.wantIn(true)
}

func TestWhatIsNoLogoutTokenEndsNobody(t *testing.T) {
	w := newWorld(t)
	ada, sid := w.login("ada")
	p := w.provider
	right := p.logoutClaims().with("sid", sid).with("sub", "ada")
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nothing":                        "",
		"rubbish":                        "a.b.c",
		"signed by somebody else":        p.signWith(stranger, right),
		"of another issuer":              p.sign(right.with("iss", "https://other.example")),
		"for another client":             p.sign(right.with("aud", "another site")),
		"expired":                        p.sign(right.with("exp", time.Now().Add(-time.Minute).Unix())),
		"without an expiry":              p.sign(right.with("exp", nil)),
		"without the event":              p.sign(right.with("events", claims{})),
		"without an id":                  p.sign(right.with("jti", nil)),
		"with a nonce":                   p.sign(right.with("nonce", "x")),
		"with neither sub nor sid":       p.sign(right.with("sub", nil).with("sid", nil)),
		"an ID token":                    p.sign(p.idClaims(grant{user: "ada", sid: sid})),
		"longer than anybody would send": strings.Repeat("x", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			if status := w.tell(token); status != http.StatusBadRequest {
				t.Errorf("answered %d", status)
			}
			ada.wantIn(true)
		})
	}
	if status := w.tell(p.sign(right)); status != 200 { // what was changed each time
		t.Errorf("the right one: %d", status)
	}
	ada.wantIn(false)
}

func TestALogoutTokenCountsOnce(t *testing.T) {
	w := newWorld(t)
	before, _ := w.login("ada")
	token := w.provider.sign(w.provider.logoutClaims().with("sub", "ada"))
	w.tell(token)
	before.wantIn(false)
	<-time.After(time.Second) // an ID token of the second of the mark is refused
	after, _ := w.login("ada")
	if status := w.tell(token); status != 200 {
		t.Errorf("answered %d", status)
	}
	after.wantIn(true)
}

func TestALogoutThatCannotBeStoredIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	ada, _ := w.login("ada")
	token := w.provider.sign(w.provider.logoutClaims().with("sub", "ada"))
	w.source.down = errors.New("read only")
	if status := w.tell(token); status != http.StatusBadRequest {
		t.Errorf("answered %d", status)
	}
	w.source.down = nil
	if status := w.tell(token); status != 200 {
		t.Errorf("the second time: %d", status)
	}
	ada.wantIn(false)
}

// The provider ends its session while the visitor is on the way back from it.
func TestALogoutThatComesBeforeTheVisitorIsBackCounts(t *testing.T) {
	for _, by := range []string{"sid", "sub"} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t)
			w.provider.slow = 2 * time.Second
			b := w.browser()
			b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
				code := r.URL.Query().Get("code")
				if code == "" {
					return nil
				}
				w.provider.mu.Lock()
				named := claims{"sid": w.provider.codes[code].sid, "sub": "ada"}
				w.provider.mu.Unlock()
				if status := w.tell(w.provider.sign(w.provider.logoutClaims().with(by, named[by]))); status != 200 {
					t.Errorf("answered %d", status)
				}
				return nil
			}
			if status, body := b.get("/login"); status != http.StatusForbidden {
				t.Errorf("answered %d %q", status, body)
			}
			b.wantIn(false)
		})
	}
}

func TestALogInThatWasNotBegunHereIsRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if status, _ := b.get("/callback?code=x&state=y"); status != http.StatusBadRequest {
		t.Errorf("answered %d", status)
	}
}

func TestALogoutHereEndsCopies(t *testing.T) {
	w := newWorld(t)
	ada, _ := w.login("ada")
	stolen := ada.copied()
	res, err := ada.client.Post(w.url+"/logout", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	ada.wantIn(false)
	stolen.wantIn(false)
}
