package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the errors below are meant
	os.Exit(m.Run())
}

type site struct {
	t *testing.T
	m *cookiesession.Manager
	u *users
}

func newSite(t *testing.T) *site {
	u := &users{notBefore: map[string]time.Time{}}
	return &site{t, cookiesessiontest.NewManager(t, cookiesession.Config{Validate: u.validate}), u}
}

// browser is the cookies of one, as a Cookie line.
type browser struct {
	*site
	cookies string
}

func (b *browser) post(path string, form url.Values) int {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", b.cookies)
	w := httptest.NewRecorder()
	b.m.Handler(routes(b.m, b.u)).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies = ""; c.MaxAge >= 0 {
			b.cookies = c.Name + "=" + c.Value
		}
	}
	return w.Code
}

func (s *site) login(name string) *browser {
	b := &browser{site: s}
	if code := b.post("/login", url.Values{"name": {name}, "password": {"correct horse"}}); code != http.StatusSeeOther || b.cookies == "" {
		s.t.Fatalf("login: %d", code)
	}
	return b
}

func (b *browser) get() (body string, res *http.Response) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", b.cookies)
	w := httptest.NewRecorder()
	b.m.Handler(routes(b.m, b.u)).ServeHTTP(w, r)
	return w.Body.String(), w.Result()
}

func (b *browser) isLoggedIn(want bool) {
	b.t.Helper()
	if body, _ := b.get(); strings.Contains(body, "Hello ") != want {
		b.t.Errorf("want a login: %t, the page is\n%s", want, body)
	}
}

func TestALogoutEverywhereEndsEverySessionOfTheUserAndNoOther(t *testing.T) {
	s := newSite(t)
	laptop, phone, bob := s.login("Ada"), s.login("Ada"), s.login("Bob")
	stolen := *laptop
	for _, b := range []*browser{laptop, phone, bob, &stolen} {
		b.isLoggedIn(true)
	}
	if code := laptop.post("/logout-everywhere", nil); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	for _, b := range []*browser{laptop, phone, &stolen} {
		b.isLoggedIn(false)
	}
	bob.isLoggedIn(true)
	if _, res := phone.get(); len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("the phone's cookie is not deleted: %v", res.Cookies())
	}
	s.login("Ada").isLoggedIn(true)
}

// Why the not-before time is needed at all.
func TestACopyOfTheCookieSurvivesAnOrdinaryLogout(t *testing.T) {
	s := newSite(t)
	laptop := s.login("Ada")
	stolen := *laptop
	laptop.post("/logout", nil)
	laptop.isLoggedIn(false)
	stolen.isLoggedIn(true)
}

func TestALoginWithoutATimeIsRefused(t *testing.T) {
	s := newSite(t)
	r := cookiesessiontest.Request(t, s.m, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) { s.Set("user", "Ada") })
	if got := s.m.OpenRequest(r); !errors.Is(got.Rejected(), cookiesession.ErrRevoked) {
		t.Errorf("rejected with %v", got.Rejected())
	}
}

func TestTheDatabasesBadMinuteLogsNobodyOut(t *testing.T) {
	s := newSite(t)
	ada := s.login("Ada")
	s.u.down = errors.New("too many connections")
	ada.isLoggedIn(false)
	if _, res := ada.get(); len(res.Cookies()) != 0 {
		t.Errorf("cookies are touched: %v", res.Cookies())
	}
	s.u.down = nil
	ada.isLoggedIn(true)
}

func TestALogoutEverywhereThatCannotBeStoredIsNotPretended(t *testing.T) {
	s := newSite(t)
	ada := s.login("Ada")
	s.u.down = errors.New("read only")
	if code := ada.post("/logout-everywhere", nil); code < 400 {
		t.Errorf("answered %d", code)
	}
	s.u.down = nil
	ada.isLoggedIn(true)
}
