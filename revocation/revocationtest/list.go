package revocationtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/revocation"
)

// Instance is a process of a fleet in a test: a list that follows a source,
// and a manager whose sessions it ends. All instances share one key.
type Instance struct {
	*testing.T
	List    *revocation.List
	Manager *cookiesession.Manager
}

// NewInstance starts one. It stops with the test.
func NewInstance(t *testing.T, ring *cookiesession.Keyring, cfg revocation.Config) *Instance {
	t.Helper()
	list, err := revocation.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return Follow(t, ring, list)
}

// Follow starts an instance with the given list.
func Follow(t *testing.T, ring *cookiesession.Keyring, list *revocation.List) *Instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { list.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return &Instance{t, list, cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring, Validate: list.Validate})}
}

// Login gives the Cookie header of a session that logged in under keys.
func (i *Instance) Login(keys ...string) string {
	i.Helper()
	r := cookiesessiontest.Request(i.T, i.Manager, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) {
		if err := errors.Join(s.Set("user", "somebody"), i.List.Login(s, keys...)); err != nil {
			i.Error(err)
		}
	})
	return r.Header.Get("Cookie")
}

// Session opens a Cookie header.
func (i *Instance) Session(cookie string) *cookiesession.Session {
	return i.Manager.OpenRequest(&http.Request{URL: httptest.NewRequest("GET", "/", nil).URL, Header: http.Header{"Cookie": {cookie}}})
}

// Alive reports whether the session in a Cookie header is accepted.
func (i *Instance) Alive(cookie string) bool {
	i.Helper()
	s := i.Session(cookie)
	err := s.Rejected()
	if err != nil && !errors.Is(err, cookiesession.ErrRevoked) {
		i.Error(err)
	}
	return err == nil && !s.IsNew()
}

// list is the promise: in force elsewhere within one second, and a login
// after the return is in on every instance.
func (s *suite) list() {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		s.Fatal(err)
	}
	a := NewInstance(s.T, ring, revocation.Config{Source: s.open()})
	b := NewInstance(s.T, ring, revocation.Config{Source: s.open()})
	for deadline := time.Now().Add(patience); a.List.Status().AsOf.IsZero() || b.List.Status().AsOf.IsZero(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatal("the lists do not read their source")
		}
	}
	var worst time.Duration
	for range 5 {
		onA, onB, other := a.Login("user:42"), b.Login("user:42"), b.Login("user:43")
		if !a.Alive(onB) || !b.Alive(onA) {
			s.Fatal("a login is refused")
		}
		if err := a.List.Revoke(s.context(), "user:42"); err != nil {
			s.Fatal(err)
		}
		returned := time.Now()
		if a.Alive(onA) || a.Alive(onB) {
			s.Error("the instance that revoked takes the sessions")
		}
		for b.Alive(onA) || b.Alive(onB) {
			if worst = max(worst, time.Since(returned)); worst > time.Second {
				s.Fatal("a second later, the session is alive on the other instance")
			}
		}
		for _, i := range []*Instance{a, b} {
			again := i.Login("user:42")
			if !a.Alive(again) || !b.Alive(again) || !a.Alive(other) {
				s.Error("a login after Revoke's return is refused, or one of somebody else")
			}
		}
	}
	s.Logf("in force on the other instance %v after Revoke returned", worst)
}
