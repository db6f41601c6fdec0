package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// browser keeps cookies, and sends those that a browser would send: to a POST
// from another site only cookies with SameSite=None.
type browser struct {
	t    *testing.T
	h    http.Handler
	kept map[string]*http.Cookie
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSite(ring, "https://idp.example/authorize")
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s.handler(), map[string]*http.Cookie{}}
}

func (b *browser) do(r *http.Request) *http.Response {
	crossPost := r.Method == "POST" && r.Header.Get("Sec-Fetch-Site") == "cross-site"
	for _, c := range b.kept {
		if strings.HasPrefix(r.URL.Path, c.Path) && (!crossPost || c.SameSite == http.SameSiteNoneMode) {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.kept[c.Name] = c; c.MaxAge < 0 {
			delete(b.kept, c.Name)
		}
	}
	return w.Result()
}

// begin goes to the provider, and returns the state that the provider was given.
func (b *browser) begin() string {
	b.t.Helper()
	res := b.do(httptest.NewRequest("GET", "/oauth/login", nil))
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != http.StatusFound || to.Host != "idp.example" {
		b.t.Fatalf("login answers %d and leads to %q: %v", res.StatusCode, to, err)
	}
	return to.Query().Get("state")
}

// comeBack is the form that the provider's page sends.
func (b *browser) comeBack(state string) *http.Response {
	form := url.Values{"state": {state}, "code": {"one"}}.Encode()
	r := httptest.NewRequest("POST", "/oauth/callback", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://idp.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(r)
}

func (b *browser) greeted(want string) {
	b.t.Helper()
	body, err := io.ReadAll(b.do(httptest.NewRequest("GET", "/", nil)).Body)
	if got := string(body); err != nil || got != "Hello "+want+"\n" {
		b.t.Errorf("the front page says %q (%v), want Hello %s", got, err, want)
	}
}

func TestAFormFromTheProviderLogsTheVisitorIn(t *testing.T) {
	b := newBrowser(t)
	res := b.comeBack(b.begin())
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback answers %d", res.StatusCode)
	}
	b.greeted("Ada")
	if _, ok := b.kept["s_oauth"]; ok {
		t.Error("the cookie of the login is still there after it")
	}
	if c := b.kept["s_session"]; c == nil || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the session's cookie is %v, want SameSite=Lax", c)
	}
}

func TestTheFormBringsOnlyTheCookieWithSameSiteNone(t *testing.T) {
	b := newBrowser(t)
	b.comeBack(b.begin()) // now there is a session, too
	state := b.begin()
	b.kept["s_oauth"].SameSite = http.SameSiteLaxMode // as with one manager for both
	if res := b.comeBack(state); res.StatusCode != http.StatusBadRequest {
		t.Errorf("the callback answers %d without its cookie", res.StatusCode)
	}
}

func TestALoginThatDidNotBeginHereIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, prepare := range map[string]func(b *browser) (state string){
			"it began in no browser":        func(*browser) string { return "" },
			"it began in another browser":   func(b *browser) string { return newBrowser(t).begin() },
			"the state is another's":        func(b *browser) string { b.begin(); return newBrowser(t).begin() },
			"the callback was called twice": func(b *browser) string { s := b.begin(); b.comeBack(s); delete(b.kept, "s_session"); return s },
			"it took ten minutes": func(b *browser) string {
				s := b.begin()
				time.Sleep(10 * time.Minute)
				return s
			},
		} {
			b := newBrowser(t)
			if res := b.comeBack(prepare(b)); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: the callback answers %d", name, res.StatusCode)
			}
			b.greeted("stranger")
		}
	})
}
