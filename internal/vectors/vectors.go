// Package vectors has the vectors of the format, which are what FORMAT.md
// promises, in bytes; a second, naive implementation of the format to judge the
// first one by; and authentic cookies with payloads that no version has
// written. Only tests import it.
package vectors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// The files are named from the folder of the module. Vectors are only ever
// added:
//
//	COOKIESESSION_ADD_VECTORS=1 go test -run TestVectorsAreOnlyEverAdded ./internal/vectors
//
// appends those whose names are not there yet and pins them.
const (
	File     = "testdata/vectors.json"
	PinsFile = "testdata/vectors.pinned"
)

// History is how many page views the managers of vectors keep.
const History = 20

// Time is when the first vectors were sealed.
var Time = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// These are the keys of the vectors, and the setup of most of them.
var (
	OneKey    = Key{Secret: "sha256:cookiesession vector key 1"}
	OtherKey  = Key{Secret: "sha256:cookiesession vector key 2"}
	PairKey   = Key{HashKey: "sha256:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	LongerKey = Key{HashKey: "sha512:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	Default   = Setup{Name: "session", IdleTimeout: 14 * 86400, FlashLifetime: 60}
)

// Vector is one Cookie header and what must become of it.
type Vector struct {
	Name        string  `json:"name"`
	Why         string  `json:"why,omitempty"`
	Keys        []Key   `json:"keys"`
	Config      Setup   `json:"config"`
	Now         int64   `json:"now"`         // Unix time at which it is opened
	Compartment string  `json:"compartment"` // or "text": Cookie is a text that was sealed for Purpose
	Purpose     string  `json:"purpose,omitempty"`
	Cookie      string  `json:"cookie"` // the Cookie header
	Payload     []byte  `json:"payload,omitempty"`
	Want        *Opened `json:"want,omitempty"`
	Refused     string  `json:"refused,omitempty"` // instead of Want: "invalid", "unknown key", "expired"
}

// Key names the bytes of a key by the hash that they are of some text,
// so that the file prints no secret that somebody could copy.
type Key struct {
	Secret   string `json:"secret,omitempty"`
	HashKey  string `json:"hash_key,omitempty"`
	BlockKey string `json:"block_key,omitempty"`
}

// Setup is what of a Config makes a difference to a vector.
type Setup struct {
	Name            string `json:"name"`
	HostPrefix      bool   `json:"host_prefix,omitempty"`
	IdleTimeout     int64  `json:"idle_timeout"` // seconds, as the others
	AbsoluteTimeout int64  `json:"absolute_timeout,omitempty"`
	FlashLifetime   int64  `json:"flash_lifetime"`
}

// Read reads the vectors of the file, and each as it is written there.
func Read(t testing.TB) (vectors []Vector, raw []json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), File))
	if errors.Is(err, os.ErrNotExist) && os.Getenv("COOKIESESSION_ADD_VECTORS") == "1" {
		return nil, nil
	}
	testkit.NoError(t, err)
	testkit.NoError(t, json.Unmarshal(text, &raw))
	testkit.NoError(t, json.Unmarshal(text, &vectors))
	return vectors, raw
}

// CookieName is that of the compartment's first cookie.
func (v *Vector) CookieName() string {
	name := "s_" + v.Config.Name
	if v.Config.HostPrefix {
		name = "__Host-" + name
	}
	switch v.Compartment {
	case "data":
	case "text":
		name += "@" + v.Purpose
	default:
		name += "_" + v.Compartment
	}
	return name
}

// Ring has the vector's first key.
func (v *Vector) Ring(t testing.TB) *cookiesession.Keyring {
	t.Helper()
	return testkit.Keyring(t, v.Keys[0].Key(t, ""))
}

// Opener is a manager that opens what the vectors' first key has sealed,
// whenever that was, and tells its events to nobody.
func Opener(t testing.TB, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	v := Vector{Keys: []Key{OneKey}}
	cfg.Keyring, cfg.TrackViews = v.Ring(t), true
	cfg.IdleTimeout = 200 * 365 * 24 * time.Hour
	return testkit.QuietManager(t, cfg, "")
}

// ReadPayload sets the payload to what is sealed in the cookie.
func (v *Vector) ReadPayload(t testing.TB) {
	t.Helper()
	plain, err := v.Keys[0].Naive().Open(v.CookieName(), v.values()[0])
	testkit.NoError(t, err)
	v.Payload = plain
}

// values are the whole texts that came under the name.
func (v *Vector) values() []string {
	if v.Compartment == "text" {
		return []string{v.Cookie}
	}
	var all []string
	name := v.CookieName()
	for _, value := range testkit.CookiesOf(v.Cookie)[name] {
		all = append(all, Join(v.Cookie, name, value))
	}
	return all
}

// Authentic reports whether one of the texts that came is authentic, and
// whether one has the payload that is written in the vector. It asks the naive
// implementation.
func (v *Vector) Authentic() (authentic, written bool) {
	for _, value := range v.values() {
		for _, k := range v.Keys {
			plain, err := k.Naive().Open(v.CookieName(), value)
			authentic = authentic || err == nil
			written = written || err == nil && bytes.Equal(plain, v.Payload)
		}
	}
	return authentic, written
}

// ManagerSealing is a manager for the vector whose keys seal in this format.
func (v *Vector) ManagerSealing(t testing.TB, format cookiesession.Format, onEvent func(context.Context, cookiesession.Event)) *cookiesession.Manager {
	t.Helper()
	var keys []cookiesession.Key
	for _, k := range v.Keys {
		keys = append(keys, k.Key(t, format))
	}
	return testkit.Manager(t, cookiesession.Config{
		Keyring: testkit.Keyring(t, keys...), Name: v.Config.Name, HostPrefix: v.Config.HostPrefix,
		IdleTimeout:     time.Duration(v.Config.IdleTimeout) * time.Second,
		AbsoluteTimeout: time.Duration(v.Config.AbsoluteTimeout) * time.Second,
		FlashLifetime:   time.Duration(v.Config.FlashLifetime) * time.Second,
		TrackViews:      v.Compartment == "views", HistorySize: History, MaxBytes: 60000,
		OnEvent: onEvent,
	})
}

// Key is the package's key for it.
func (k Key) Key(t testing.TB, format cookiesession.Format) cookiesession.Key {
	t.Helper()
	secret := func(text string) (s cookiesession.Secret) {
		if text != "" {
			var err error
			s, err = cookiesession.ParseSecret(hex.EncodeToString(bytesNamed(text)))
			testkit.NoError(t, err)
		}
		return s
	}
	return cookiesession.Key{Secret: secret(k.Secret), HashKey: secret(k.HashKey), BlockKey: secret(k.BlockKey), Format: format}
}

// bytesNamed gives the bytes that a vector names by "sha256:text".
func bytesNamed(text string) []byte {
	kind, of, _ := strings.Cut(text, ":")
	if kind == "sha512" {
		sum := sha512.Sum512([]byte(of))
		return sum[:]
	}
	sum := sha256.Sum256([]byte(of))
	return sum[:]
}
