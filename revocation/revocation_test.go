package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
)

func newRing(t *testing.T) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// alone is an instance whose list has no source.
func alone(t *testing.T) *revocationtest.Instance {
	t.Helper()
	return revocationtest.NewInstance(t, newRing(t), revocation.Config{})
}

func revoke(t *testing.T, i *revocationtest.Instance, keys ...string) {
	t.Helper()
	if err := i.List.Revoke(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
}

func TestLogInRevokeLogInAgainWorksAtAnySpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes
		i := alone(t)
		var before []string
		for range 50 {
			before = append(before, i.Login("user:42"))
			for n, cookie := range before {
				if alive := i.Alive(cookie); alive != (n == len(before)-1) {
					t.Fatalf("login %d of %d is alive: %t", n+1, len(before), alive)
				}
			}
			revoke(t, i, "user:42")
			if i.Alive(before[len(before)-1]) {
				t.Fatal("a revoked login is alive")
			}
		}
	})
}

func TestARevocationEndsTheLogInsUnderItsKeyAndNoOthers(t *testing.T) {
	i := alone(t)
	for _, test := range []struct {
		name  string
		keys  []string
		alive bool
	}{
		{"under the key", []string{"user:42"}, false},
		{"under several keys, one of which is revoked", []string{"org:7", "user:42", "sid:x"}, false},
		{"under another key", []string{"user:421"}, true},
		{"under a key that begins the same", []string{"user:4"}, true},
		{"under no key", nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cookie := i.Login(test.keys...)
			revoke(t, i, "user:42", "group:1")
			if i.Alive(cookie) != test.alive {
				t.Errorf("alive: %t", !test.alive)
			}
		})
	}
}

func TestAnAnonymousVisitorFromBeforeTheMarkWhoLogsInAfterItIsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := alone(t)
		basket := cookiesessiontest.Request(t, i.Manager, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) { s.Set("basket", 1) })
		time.Sleep(time.Hour)
		revoke(t, i, "user:42")
		time.Sleep(time.Hour)
		in := cookiesessiontest.Request(t, i.Manager, basket, func(s *cookiesession.Session) {
			if err := i.List.Login(s, "user:42"); err != nil {
				t.Error(err)
			}
		})
		s := i.Session(in.Header.Get("Cookie"))
		if s.Rejected() != nil || cookiesession.GetOr(s, "basket", 0) != 1 {
			t.Errorf("rejected: %v, data %v", s.Rejected(), s.All())
		}
	})
}

func TestEverySessionIsEndedByItsIDWithoutHavingLoggedIn(t *testing.T) {
	i := alone(t)
	newVisitor := func() string {
		return cookiesessiontest.Request(t, i.Manager, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) { s.Set("basket", 1) }).Header.Get("Cookie")
	}
	one, other := newVisitor(), newVisitor()
	revoke(t, i, i.Session(one).ID())
	if i.Alive(one) || !i.Alive(other) {
		t.Errorf("alive: the ended one %t, the other %t", i.Alive(one), i.Alive(other))
	}
}

func TestAKeyThatLooksLikeAnIDIsAKeyAllTheSame(t *testing.T) {
	i := alone(t)
	id := i.Session(i.Login()).ID() // 22 characters of base64url, as some user ids are
	cookie := i.Login(id)
	revoke(t, i, id)
	if i.Alive(cookie) {
		t.Error("a login under a key of that form cannot be revoked")
	}
}

// end logs out on one browser.
func end(t *testing.T, i *revocationtest.Instance, cookie string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s := i.Session(cookie)
	if err := i.List.End(t.Context(), s); err != nil {
		t.Error(err)
	}
	if err := i.Manager.Commit(w.Header(), s, 200); err != nil {
		t.Error(err)
	}
	return w
}

func TestEndDeletesTheCookiesAndNoCopyBringsThemBack(t *testing.T) {
	i := alone(t)
	for _, test := range []struct {
		name   string
		cookie string
	}{
		{"of a session that logged in", i.Login("user:42")},
		{"of a session that never did", cookiesessiontest.Request(t, i.Manager, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) { s.Set("basket", 1) }).Header.Get("Cookie")},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := i.Login("user:42")
			res := end(t, i, test.cookie).Result()
			if c := res.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
				t.Errorf("cookies are not deleted: %v", c)
			}
			if i.Alive(test.cookie) {
				t.Error("a copy is alive")
			}
			if !i.Alive(other) {
				t.Error("another session of the user has ended")
			}
		})
	}
}

func TestEndReachesCopiesFromBeforeAChangeOfTheID(t *testing.T) {
	i := alone(t)
	before := i.Login("user:42")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", before)
	after := cookiesessiontest.Request(t, i.Manager, r, func(s *cookiesession.Session) {
		if err := s.CycleID(); err != nil {
			t.Error(err)
		}
	}).Header.Get("Cookie")
	if after == before || !i.Alive(after) || !i.Alive(before) {
		t.Fatal("the ID has not changed, or a session is not alive")
	}
	end(t, i, after)
	if i.Alive(before) || i.Alive(after) {
		t.Errorf("alive: the copy from before %t, the one from after %t", i.Alive(before), i.Alive(after))
	}
}

func TestASecondLoginReplacesTheFirst(t *testing.T) {
	i := alone(t)
	cookie := i.Login("user:1")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", cookie)
	second := cookiesessiontest.Request(t, i.Manager, r, func(s *cookiesession.Session) {
		first, ok := i.List.LoggedIn(s)
		if !ok || time.Since(first).Abs() > time.Minute {
			t.Errorf("logged in at %v, %t", first, ok)
		}
		if err := i.List.Login(s, "user:2"); err != nil {
			t.Error(err)
		}
	}).Header.Get("Cookie")
	revoke(t, i, "user:1")
	if i.Alive(cookie) || !i.Alive(second) {
		t.Error("the login as user:1 is alive, or the one as user:2 is not")
	}
}

func TestWhatIsNoKeyIsRefused(t *testing.T) {
	i := alone(t)
	many := strings.Fields(strings.Repeat("k ", 17))
	for _, test := range []struct {
		name string
		keys []string
	}{
		{"an empty key", []string{"user:42", ""}},
		{"a key of 1025 bytes", []string{strings.Repeat("x", 1025)}},
		{"17 keys", many},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := i.Session("")
			id := s.ID()
			if err := i.List.Login(s, test.keys...); err == nil {
				t.Error("Login takes it")
			}
			if s.ID() != id {
				t.Error("a refused Login has changed the ID")
			}
			if err := i.List.Revoke(t.Context(), test.keys...); err == nil {
				t.Error("Revoke takes it")
			}
		})
	}
	if err := i.List.Revoke(t.Context()); err == nil {
		t.Error("Revoke without a key works")
	}
}

func TestAMarkOfAKeyCanBeAskedFor(t *testing.T) {
	i := alone(t)
	before := time.Now().Add(-time.Millisecond)
	revoke(t, i, "sid:1")
	if at, ok := i.List.Marked("sid:1"); !ok || at.Before(before) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("marked at %v, %t", at, ok)
	}
	if _, ok := i.List.Marked("sid:2"); ok {
		t.Error("a key that was not revoked is marked")
	}
}

func TestAnErrorOfLoginLeavesTheSessionWithoutOne(t *testing.T) {
	i := alone(t)
	s := i.Session("")
	if err := i.Manager.Commit(http.Header{}, s, 200); err != nil {
		t.Fatal(err)
	}
	if err := i.List.Login(s, "user:42"); !errors.Is(err, cookiesession.ErrCommitted) {
		t.Errorf("Login after the header: %v", err)
	}
	if _, ok := i.List.LoggedIn(s); ok {
		t.Error("it counts as logged in")
	}
}

func TestEndDeletesTheCookiesThoughTheMarkCannotBeMade(t *testing.T) {
	src := &scripted{Source: revocation.NewMemory()}
	i := revocationtest.NewInstance(t, newRing(t), revocation.Config{Source: src, OnEvent: quiet})
	cookie := i.Login("user:42")
	src.refuseWrites(errors.New("read only"))
	s, h := i.Session(cookie), http.Header{}
	if err := i.List.End(t.Context(), s); err == nil || !strings.Contains(err.Error(), "read only") {
		t.Errorf("End: %v", err)
	}
	if i.Manager.Commit(h, s, 200); !strings.Contains(h.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the cookie is not deleted: %v", h)
	}
	if !i.Alive(cookie) {
		t.Error("the mark could not be made, but the copy is refused")
	}
}

func TestAnApplicationsOwnValidateGoesBehindTheLists(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	banned := errors.New("banned")
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Validate: func(ctx context.Context, s *cookiesession.Session) error {
		if err := list.Validate(ctx, s); err != nil {
			return err
		}
		if cookiesession.GetOr(s, "user", "") == "mallory" {
			return banned
		}
		return nil
	}})
	login := func(user string) *http.Request {
		return cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) {
			if err := errors.Join(s.Set("user", user), list.Login(s, user)); err != nil {
				t.Error(err)
			}
		})
	}
	ada, mallory := login("ada"), login("mallory")
	if err := m.OpenRequest(mallory).Rejected(); err != banned {
		t.Errorf("the own check: %v", err)
	}
	if err := errors.Join(m.OpenRequest(ada).Rejected(), list.Revoke(t.Context(), "ada", "mallory")); err != nil {
		t.Error(err)
	}
	for _, r := range []*http.Request{ada, mallory} {
		if err := m.OpenRequest(r).Rejected(); !errors.Is(err, cookiesession.ErrRevoked) {
			t.Errorf("the list's check: %v", err)
		}
	}
}

func TestEveryProblemOfAConfigIsReported(t *testing.T) {
	_, err := revocation.New(revocation.Config{MaxAge: time.Second, Poll: -1, Settle: time.Hour, WhenStale: -1, Timeout: 1})
	for _, field := range []string{"MaxAge", "Poll", "Settle", "WhenStale", "Timeout"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+":") {
			t.Errorf("nothing about %s: %v", field, err)
		}
	}
	if _, err := revocation.New(revocation.Config{}); err != nil {
		t.Error(err)
	}
}

func TestEventsAreLoggedAndHoldNoKey(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	i := alone(t)
	revoke(t, i, "user:42")
	revocation.LogEvent(t.Context(), revocation.Event{Kind: revocation.EventBehind, Err: errors.New("no route")})
	for _, want := range []string{`level=DEBUG msg=cookiesession/revocation event=marked marks=1`, `level=WARN msg=cookiesession/revocation event=behind reason="no route"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "user:42") {
		t.Error("the log names the key")
	}
}

// The handler that began before the logout answers after it, and its response
// sets the session's cookie anew.
func TestASlowResponseDoesNotBringTheSessionBack(t *testing.T) {
	for _, withList := range []bool{true, false} {
		t.Run(fmt.Sprintf("with the list in Validate: %t", withList), func(t *testing.T) {
			list, err := revocation.New(revocation.Config{})
			if err != nil {
				t.Fatal(err)
			}
			cfg := cookiesession.Config{Insecure: true}
			if withList {
				cfg.Validate = list.Validate
			}
			site := startSite(t, cookiesessiontest.NewManager(t, cfg), list)
			ada := site.browser()
			ada.get("/login")
			if got := ada.get("/"); got != "Hello Ada" {
				t.Fatalf("after the login: %q", got)
			}
			slow := make(chan string)
			go func() { slow <- ada.get("/slow") }()
			<-site.started
			ada.get("/logout")
			if got := ada.get("/"); got != "Who are you?" {
				t.Fatalf("after the logout: %q", got)
			}
			close(site.proceed)
			if got := <-slow; got != "done" {
				t.Fatal(got)
			}
			if ada.setCookies() == 0 {
				t.Fatal("the slow response sets no cookie: nothing is tested")
			}
			if back := ada.get("/") == "Hello Ada"; back == withList {
				t.Errorf("the session is back: %t", back)
			}
		})
	}
}
