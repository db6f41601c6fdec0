package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

// browser carries the cookies from one request to the next, and keeps those
// that end with the browser.
type browser struct {
	t *testing.T
	m *cookiesession.Manager
	r *http.Request
}

func newBrowser(t *testing.T) *browser {
	return &browser{t, cookiesessiontest.NewManager(t, config(nil)), httptest.NewRequest("GET", "/", nil)}
}

func (b *browser) do(r *http.Request) *http.Response {
	r.Header["Cookie"] = b.r.Header["Cookie"]
	w := httptest.NewRecorder()
	b.m.Handler(routes(b.m)).ServeHTTP(w, r)
	next := r.Clone(r.Context())
	next.Header = http.Header{}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			next.AddCookie(c)
		}
	}
	if len(w.Result().Cookies()) > 0 {
		b.r = next
	}
	return w.Result()
}

func (b *browser) visit() { b.do(httptest.NewRequest("GET", "/", nil)) }

func (b *browser) login(form url.Values) *http.Response {
	r := httptest.NewRequest("POST", "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

var (
	short = url.Values{"name": {"Ada"}, "password": {"correct horse"}}
	long  = url.Values{"name": {"Ada"}, "password": {"correct horse"}, "remember": {"on"}}
)

func (b *browser) loggedIn(want bool) {
	b.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = b.r.Header["Cookie"]
	if got := b.m.OpenRequest(r).Has("user"); got != want {
		b.t.Errorf("logged in: %t, want %t", got, want)
	}
}

func TestAnOrdinaryLoginEndsWithHalfAnHourOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t)
		if c := b.login(short).Cookies()[0]; c.MaxAge != 0 {
			t.Errorf("Max-Age %d: it would outlive the browser", c.MaxAge)
		}
		for range 10 {
			time.Sleep(20 * time.Minute)
			b.visit()
			b.loggedIn(true)
		}
		time.Sleep(ordinary)
		b.loggedIn(false)
	})
}

func TestARememberedLoginLasts30DaysAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t)
		if c := b.login(long).Cookies()[0]; c.MaxAge != 30*24*3600 {
			t.Errorf("Max-Age %d", c.MaxAge)
		}
		time.Sleep(29 * 24 * time.Hour)
		b.loggedIn(true)
		b.visit()
		time.Sleep(24*time.Hour - time.Second)
		b.loggedIn(true)
		time.Sleep(time.Second)
		b.loggedIn(false)
	})
}

func TestTheDaysBeforeTheLoginDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t)
		b.r = cookiesessiontest.Request(t, b.m, b.r, func(s *cookiesession.Session) {
			if err := s.Set("basket", []string{"tea"}); err != nil {
				t.Error(err)
			}
		})
		planted := b.m.OpenRequest(b.r).ID()
		for range 20 * 24 * 3 { // 20 days
			time.Sleep(20 * time.Minute)
			b.visit()
		}
		b.login(long)
		s := b.m.OpenRequest(b.r)
		if basket, _ := cookiesession.Get[[]string](s, "basket"); len(basket) != 1 || s.ID() == planted {
			t.Errorf("the basket is %v, the ID stayed: %t", basket, s.ID() == planted)
		}
		time.Sleep(remembered - time.Second)
		b.loggedIn(true)
	})
}

func TestAnOrdinaryLoginAfterARememberedOneIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t)
		b.login(long)
		b.login(short)
		time.Sleep(ordinary)
		b.loggedIn(false)
	})
}

func TestAWrongPasswordLogsNobodyIn(t *testing.T) {
	b := newBrowser(t)
	res := b.login(url.Values{"name": {"Ada"}, "password": {"guess"}})
	if res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 {
		t.Errorf("%d with cookies %v", res.StatusCode, res.Cookies())
	}
}
