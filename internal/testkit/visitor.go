package testkit

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// Visitor is one browser on one site. It keeps cookies as browsers do, with
// paths, domains and the ends that Max-Age sets: see Client for a jar that a
// test can write into.
type Visitor struct {
	T   testing.TB
	M   *cookiesession.Manager
	Jar http.CookieJar
}

// Site is what a Visitor visits.
var Site = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}

// NewVisitor has a manager for cfg and an empty jar.
func NewVisitor(t testing.TB, cfg cookiesession.Config) *Visitor {
	t.Helper()
	return &Visitor{t, Manager(t, cfg), NewJar(t)}
}

// NewJar is an empty one of net/http/cookiejar.
func NewJar(t testing.TB) http.CookieJar {
	jar, err := cookiejar.New(nil)
	NoError(t, err)
	return jar
}

// Copied is a second browser with the same cookies: a thief, another window,
// or a request that left before the next answer came.
func (v *Visitor) Copied() *Visitor {
	jar := NewJar(v.T)
	jar.SetCookies(Site, v.Cookies())
	return &Visitor{v.T, v.M, jar}
}

// Request is the next one to this path.
func (v *Visitor) Request(path string) *http.Request {
	r := httptest.NewRequest("GET", "https://example.com"+path, nil)
	for _, c := range v.Cookies() {
		r.AddCookie(c)
	}
	return r
}

// Serve sends r through Manager.Handler and keeps the cookies of the answer.
func (v *Visitor) Serve(r *http.Request, h http.HandlerFunc) *http.Response {
	w := httptest.NewRecorder()
	v.M.Handler(h).ServeHTTP(w, r)
	res := w.Result()
	v.Keep(res.Cookies()...)
	return res
}

// Visit is a page that use works on, answered with status.
func (v *Visitor) Visit(status int, use func(*cookiesession.Session)) *http.Response {
	return v.VisitPath("/", status, use)
}

// VisitPath is Visit at another path than "/".
func (v *Visitor) VisitPath(path string, status int, use func(*cookiesession.Session)) *http.Response {
	return v.Serve(v.Request(path), func(w http.ResponseWriter, r *http.Request) {
		if use != nil {
			use(v.M.FromContext(r.Context()))
		}
		w.WriteHeader(status)
	})
}

// Page is a Visit answered 200.
func (v *Visitor) Page(use func(*cookiesession.Session)) *http.Response {
	return v.Visit(http.StatusOK, use)
}

// Now is the session as the next request finds it; looking changes nothing.
func (v *Visitor) Now() *cookiesession.Session { return v.M.OpenRequest(v.Request("/")) }

// Has compares what the next request finds with what fmt prints of a map.
func (v *Visitor) Has(want string) {
	v.T.Helper()
	if got := fmt.Sprint(v.Now().All()); got != "map["+want+"]" {
		v.T.Errorf("the next request finds %s, want map[%s]", got, want)
	}
}

// EndsAfter checks that a session with the key k lives until d from now and
// has expired then, by what the server says: the browser keeps its cookies. It
// is for the time of testing/synctest.
func (v *Visitor) EndsAfter(d time.Duration) {
	v.T.Helper()
	v = v.Copied()
	time.Sleep(d - 1)
	if !v.Now().Has("k") {
		v.T.Errorf("expired before %v: %v", d, v.Now().Rejected())
	}
	time.Sleep(time.Nanosecond)
	if s := v.Now(); s.Has("k") || !s.IsNew() || s.Rejected() != cookiesession.ErrExpired {
		v.T.Errorf("at %v: has %t, new %t, rejected %v", d, s.Has("k"), s.IsNew(), s.Rejected())
	}
}

// Counted are the counters that the last response stored. The request that
// asks is taken away.
func (v *Visitor) Counted() string {
	views := v.M.Open(v.T.Context(), v.Request("/").Header["Cookie"]...).Views()
	return fmt.Sprintf("%d requests, %d pages, %d unique, %d errors", views.Requests-1, views.Pages-1, views.UniquePages, views.Errors)
}

// Keep takes cookies as if the site had set them.
func (v *Visitor) Keep(cookies ...*http.Cookie) { v.Jar.SetCookies(Site, cookies) }

// Cookies are what the browser sends to the site.
func (v *Visitor) Cookies() []*http.Cookie { return v.Jar.Cookies(Site) }

// Cookie is the browser's cookie of that name, nil if it has none.
func (v *Visitor) Cookie(name string) *http.Cookie { return named(v.Cookies(), name) }

// Ours are the names of our cookies in the browser.
func (v *Visitor) Ours() (names []string) {
	for _, c := range v.Cookies() {
		if strings.HasPrefix(c.Name, "s_") {
			names = append(names, c.Name)
		}
	}
	return names
}

// Issued is the cookie of that name that res sets, nil if it does not.
func Issued(res *http.Response, name string) *http.Cookie { return named(res.Cookies(), name) }

func named(cookies []*http.Cookie, name string) *http.Cookie {
	for _, c := range cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// A visitor consents by a cookie of the site's own.
var (
	Consent   = &http.Cookie{Name: "consent", Value: "yes"}
	NoConsent = &http.Cookie{Name: "consent", MaxAge: -1}
)

// Consents is a Config.Consent that looks for the cookie Consent.
func Consents(r *http.Request) bool {
	_, err := r.Cookie("consent")
	return err == nil
}
