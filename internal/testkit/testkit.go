// Package testkit is what the tests of several packages share: managers with
// fresh keys, browsers that keep cookies, and comparisons. Only tests import
// it. It knows no more of cookiesession than its users do, so the tests that
// use it stay tests from outside.
package testkit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// Formats are both ways to seal.
var Formats = []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact}

// Equal reports it when got is not want.
func Equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// NoError ends the test when err is not nil. It is for the goroutine of the
// test; the handler of a real server runs in another one and uses Must.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Must panics on an error that would make the test pointless.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Set returns a handler's work: it stores value under key.
func Set(key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { Must(s.Set(key, value)) }
}

// Flash returns a handler's work: it stores value as flash under key.
func Flash(key string, value any) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { Must(s.Flash(key, value)) }
}

// Read is a handler's work: it looks at the session and changes nothing.
func Read(s *cookiesession.Session) { s.Len() }

// Destroy is a handler's work: it ends the session.
func Destroy(s *cookiesession.Session) { Must(s.Destroy()) }

// Ring has a key for each secret, or one new key if there are no secrets.
func Ring(t testing.TB, secrets ...cookiesession.Secret) *cookiesession.Keyring {
	t.Helper()
	if len(secrets) == 0 {
		secrets = append(secrets, cookiesession.NewSecret())
	}
	var keys []cookiesession.Key
	for _, secret := range secrets {
		keys = append(keys, cookiesession.Key{Secret: secret})
	}
	return Keyring(t, keys...)
}

// FormatRing has one new key that seals in this format.
func FormatRing(t testing.TB, format cookiesession.Format) *cookiesession.Keyring {
	t.Helper()
	return Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})
}

// Keyring is a ring of these keys.
func Keyring(t testing.TB, keys ...cookiesession.Key) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(keys...)
	NoError(t, err)
	return ring
}

// Manager is one for cfg, with a ring of its own if cfg has none.
func Manager(t testing.TB, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	if cfg.Keyring == nil {
		cfg.Keyring = Ring(t)
	}
	m, err := cookiesession.New(cfg)
	NoError(t, err)
	return m
}

// QuietManager is a Manager that seals in this format, if cfg has no ring, and
// tells its events to nobody, if cfg does not say to whom.
func QuietManager(t testing.TB, cfg cookiesession.Config, format cookiesession.Format) *cookiesession.Manager {
	t.Helper()
	if cfg.Keyring == nil {
		cfg.Keyring = FormatRing(t, format)
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(context.Context, cookiesession.Event) {}
	}
	return Manager(t, cfg)
}

// Root is the folder of the core module, in which the documents and the
// vectors are, seen from the package that is tested.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	NoError(t, err)
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/cookiesession/cookiesession\n") {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("this is not inside the module of cookiesession")
		}
		dir = filepath.Dir(dir)
	}
}
