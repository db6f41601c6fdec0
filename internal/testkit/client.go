package testkit

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// Client is one visitor: a browser that keeps cookies by name and nothing else
// of them, the manager of the site that it visits, and what that reported. A
// test may write into its jar. Cookies never end by themselves: see Visitor.
type Client struct {
	T      testing.TB
	M      *cookiesession.Manager
	Jar    []string // "name=value", in the order in which they came
	Events *Events
}

// NewClient has a manager for cfg and an empty jar.
func NewClient(t testing.TB, cfg cookiesession.Config) *Client {
	t.Helper()
	c := &Client{T: t, Events: new(Events)}
	if cfg.OnEvent == nil {
		cfg.OnEvent = c.Events.Add
	}
	c.M = Manager(t, cfg)
	return c
}

// Answer is a response: its header, and what the handler panicked with.
type Answer struct {
	Header   http.Header
	Panicked any
}

// Panics is the status of a handler that does.
const Panics = -1

// Visit answers one request with f and then status, and keeps the cookies.
func (c *Client) Visit(status int, f func(*cookiesession.Session), header ...string) Answer {
	c.T.Helper()
	a := c.Look(status, f, header...)
	c.Keep(a)
	return a
}

// Look is Visit by a browser that ignores the answer. The header is that of
// the request, names and values in turn. A panic that status does not ask for
// fails the test.
func (c *Client) Look(status int, f func(*cookiesession.Session), header ...string) (a Answer) {
	c.T.Helper()
	r := httptest.NewRequest("GET", "/page", nil)
	if len(c.Jar) > 0 {
		r.Header.Set("Cookie", strings.Join(c.Jar, "; "))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.Header = w.Header()
	defer func() {
		c.T.Helper()
		if a.Panicked = recover(); a.Panicked != nil && status != Panics {
			c.T.Errorf("the handler panicked: %v", a.Panicked)
		}
	}()
	c.M.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f != nil {
			f(c.M.FromContext(r.Context()))
		}
		if status == Panics {
			panic("the handler's own")
		}
		w.WriteHeader(status)
	})).ServeHTTP(w, r)
	return a
}

// Keep does what a browser does with Set-Cookie, as if every cookie had one
// path and one domain.
func (c *Client) Keep(a Answer) {
	for _, cookie := range a.Cookies() {
		c.Jar = slices.DeleteFunc(c.Jar, func(pair string) bool { return strings.HasPrefix(pair, cookie.Name+"=") })
		if cookie.MaxAge >= 0 {
			c.Jar = append(c.Jar, cookie.Name+"="+cookie.Value)
		}
	}
}

// Copy is a second browser with the same cookies.
func (c *Client) Copy() *Client {
	other := *c
	other.Jar = slices.Clone(c.Jar)
	return &other
}

// Value is that of the cookie with this name, "" if there is none.
func (c *Client) Value(name string) string {
	for _, pair := range c.Jar {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// Sees reads one value of the session as it would be on the next request.
func (c *Client) Sees(key string) (value any) {
	c.T.Helper()
	c.Look(http.StatusNoContent, func(s *cookiesession.Session) { value = s.Value(key) })
	return value
}

// Finds reads key from a session that came in these Cookie header lines.
func (c *Client) Finds(key string, lines ...string) any {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = lines
	return c.M.OpenRequest(r).Value(key)
}

// Headers commits a request with f to a response whose header is h so far, and
// returns the whole header. It goes around Manager.Handler.
func (c *Client) Headers(status int, h http.Header, f func(*cookiesession.Session)) http.Header {
	c.T.Helper()
	s := c.M.Open(c.T.Context(), c.Jar...)
	if f != nil {
		f(s)
	}
	all := h.Clone()
	if all == nil {
		all = http.Header{}
	}
	NoError(c.T, c.M.Commit(all, s, status))
	return all
}

// Cookies are those that the response sets or deletes.
func (a Answer) Cookies() []*http.Cookie { return (&http.Response{Header: a.Header}).Cookies() }

// Names lists the Set-Cookie lines in order, with a minus sign for deletions.
func (a Answer) Names() string { return Names(a.Cookies()) }

// Names lists cookies in order, with a minus sign for those that delete.
func Names(cookies []*http.Cookie) string {
	var names []string
	for _, cookie := range cookies {
		if cookie.MaxAge < 0 {
			names = append(names, "-"+cookie.Name)
		} else {
			names = append(names, cookie.Name)
		}
	}
	return strings.Join(names, " ")
}

// Cookie is the one of this name that the response sets. The test ends if it
// sets none.
func (a Answer) Cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	for _, cookie := range a.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	t.Fatalf("no Set-Cookie for %s in %q", name, a.Header["Set-Cookie"])
	return nil
}

// BytesOf is the sum of names and values of the cookies that a response with
// this header sets: what Config.MaxBytes is about.
func BytesOf(h http.Header) (sum int) {
	for _, cookie := range (Answer{Header: h}).Cookies() {
		sum += len(cookie.Name) + len(cookie.Value)
	}
	return sum
}
