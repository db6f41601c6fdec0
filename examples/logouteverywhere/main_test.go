package main

import (
	"context"
	"errors"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/revocation"
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

type testSite struct {
	*site
	t      *testing.T
	source *readOnly
}

func newSite(t *testing.T) *testSite {
	source := &readOnly{Source: revocation.NewMemory()}
	list, err := revocation.New(revocation.Config{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = list.Run(t.Context()) }() // it ends with the test
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Validate: list.Validate})
	return &testSite{&site{m, list, newAccounts()}, t, source}
}

// browser is the cookies of one, as a Cookie line.
type browser struct {
	*testSite
	agent, cookies string
}

func (b *browser) ask(method, path string, form ...string) (code int, body string) {
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r := httptest.NewRequest(method, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", b.agent)
	r.Header.Set("Cookie", b.cookies)
	w := httptest.NewRecorder()
	b.sessions.Handler(b.routes()).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies = ""; c.MaxAge >= 0 {
			b.cookies = c.Name + "=" + c.Value
		}
	}
	return w.Code, w.Body.String()
}

func (b *browser) post(path string, form ...string) {
	b.t.Helper()
	if code, body := b.ask("POST", path, form...); code != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", path, code, body)
	}
}

func (s *testSite) login(name, agent string) *browser {
	s.t.Helper()
	b := &browser{testSite: s, agent: agent}
	b.post("/login", "name", name, "password", s.accounts.passwords[name])
	return b
}

// copied is what somebody else has who copied the browser's cookies.
func (b *browser) copied() *browser { c := *b; return &c }

func (b *browser) wantIn(want bool) {
	b.t.Helper()
	b = b.copied() // looking changes nothing
	if _, page := b.ask("GET", "/"); strings.Contains(page, "Hello ") != want {
		b.t.Errorf("%s: want a login: %t, the page is\n%s", b.agent, want, page)
	}
}

func TestTheDevicesOfOneselfAreShownAndNobodyElses(t *testing.T) {
	s := newSite(t)
	laptop := s.login("Ada", "laptop")
	s.login("Ada", "phone <b>")
	s.login("Bob", "Bob's")
	_, page := laptop.ask("GET", "/")
	page = html.UnescapeString(page)
	for want, shown := range map[string]bool{"laptop, since": true, "phone <b>, since": true, "Bob's": false} {
		if strings.Contains(page, want) != shown {
			t.Errorf("%q: want it shown: %t, the page is\n%s", want, shown, page)
		}
	}
	if n := strings.Count(page, "(this one)"); n != 1 {
		t.Errorf("%d devices are this one", n)
	}
}

func TestEndingOneDeviceEndsItAndItsCopiesAlone(t *testing.T) {
	s := newSite(t)
	laptop, phone, bob := s.login("Ada", "laptop"), s.login("Ada", "phone"), s.login("Bob", "Bob's")
	stolen := phone.copied()
	_, page := laptop.ask("GET", "/")
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("no device can be ended:\n%s", page)
	}
	laptop.post("/logout-device", "id", html.UnescapeString(id[1]))
	laptop.wantIn(true)
	bob.wantIn(true)
	phone.wantIn(false)
	stolen.wantIn(false)
	if _, page := laptop.ask("GET", "/"); strings.Contains(page, "phone") {
		t.Error("the phone is still on the list")
	}
}

func TestADeviceOfSomebodyElseIsNotEnded(t *testing.T) {
	s := newSite(t)
	mallory, ada := s.login("Bob", "Bob's"), s.login("Ada", "laptop")
	if code, _ := mallory.ask("POST", "/logout-device", "id", s.accounts.list("Ada")[0].ID); code != http.StatusForbidden {
		t.Errorf("answered %d", code)
	}
	ada.wantIn(true)
}

func TestALogoutEndsCopiesOfTheCookie(t *testing.T) {
	s := newSite(t)
	laptop, phone := s.login("Ada", "laptop"), s.login("Ada", "phone")
	stolen := laptop.copied()
	laptop.post("/logout")
	laptop.wantIn(false)
	stolen.wantIn(false)
	phone.wantIn(true)
}

func TestAllOthersEndAndThisOneStays(t *testing.T) {
	for _, act := range []struct {
		path string
		form []string
	}{
		{"/logout-others", nil},
		{"/password", []string{"old", "correct horse", "new", "a longer one"}},
	} {
		t.Run(act.path, func(t *testing.T) {
			s := newSite(t)
			laptop, phone, bob := s.login("Ada", "laptop"), s.login("Ada", "phone"), s.login("Bob", "Bob's")
			stolen := laptop.copied()
			laptop.post(act.path, act.form...)
			laptop.wantIn(true)
			bob.wantIn(true)
			phone.wantIn(false)
			stolen.wantIn(false)
			s.login("Ada", "phone").wantIn(true)
		})
	}
}

func TestAWrongOldPasswordChangesNothing(t *testing.T) {
	s := newSite(t)
	laptop, phone := s.login("Ada", "laptop"), s.login("Ada", "phone")
	if code, _ := laptop.ask("POST", "/password", "old", "guessed", "new", "mine"); code != http.StatusForbidden {
		t.Errorf("answered %d", code)
	}
	phone.wantIn(true)
	s.login("Ada", "tablet").wantIn(true)
}

func TestALogoutEverywhereEndsAllAndDeletesTheCookie(t *testing.T) {
	s := newSite(t)
	laptop, phone, bob := s.login("Ada", "laptop"), s.login("Ada", "phone"), s.login("Bob", "Bob's")
	stolen := laptop.copied()
	laptop.post("/logout-everywhere")
	if laptop.cookies != "" {
		t.Error("this browser keeps its cookie")
	}
	for _, b := range []*browser{laptop, phone, stolen} {
		b.wantIn(false)
	}
	bob.wantIn(true)
	if phone.ask("GET", "/"); phone.cookies != "" {
		t.Error("the phone's cookie is not deleted when it comes back")
	}
	s.login("Ada", "laptop").wantIn(true)
}

func TestALogoutThatCannotBeStoredIsNotPretended(t *testing.T) {
	for _, path := range []string{"/logout", "/logout-others", "/logout-everywhere"} {
		t.Run(path, func(t *testing.T) {
			s := newSite(t)
			laptop, phone := s.login("Ada", "laptop"), s.login("Ada", "phone")
			s.source.down = errors.New("read only")
			if code, _ := laptop.ask("POST", path); code != http.StatusServiceUnavailable {
				t.Errorf("answered %d", code)
			}
			phone.wantIn(true)
			s.source.down = nil
		})
	}
}
