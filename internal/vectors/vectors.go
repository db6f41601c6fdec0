package vectors

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// fuzzManager opens what the vectors' first key has sealed, whenever that was.
func Opener(f testing.TB, cfg cookiesession.Config) *cookiesession.Manager {
	f.Helper()
	v := Vector{Keys: []Key{OneKey}}
	cfg.Keyring, cfg.TrackViews = v.Ring(f), true
	cfg.IdleTimeout = 200 * 365 * 24 * time.Hour
	return testkit.QuietManager(f, cfg, "")
}

func (v *Vector) Ring(t testing.TB) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(v.Keys[0].Key(t, ""))
	testkit.NoError(t, err)
	return ring
}

// vectorTime is when the first vectors were sealed.
var Time = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var (
	OneKey    = Key{Secret: "sha256:cookiesession vector key 1"}
	OtherKey  = Key{Secret: "sha256:cookiesession vector key 2"}
	PairKey   = Key{HashKey: "sha256:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	LongerKey = Key{HashKey: "sha512:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	Default   = Setup{Name: "session", IdleTimeout: 14 * 86400, FlashLifetime: 60}
)

func (v *Vector) ReadPayload(t testing.TB) {
	t.Helper()
	name := v.CookieName()
	plain, err := v.Keys[0].Naive().Open(name, Join(v.Cookie, name, testkit.CookiesOf(v.Cookie)[name][0]))
	testkit.NoError(t, err)
	v.Payload = plain
}

// The vectors are what FORMAT.md promises, in bytes. They are only ever added:
// COOKIESESSION_ADD_VECTORS=1 go test -run TestVectorsAreOnlyEverAdded .
// appends those of newVectors whose names are not there yet and pins them.
const (
	File     = "testdata/vectors.json"
	PinsFile = "testdata/vectors.pinned"

	History = 20 // page views kept
)

// vector is one Cookie header and what must become of it.
type Vector struct {
	Name        string  `json:"name"`
	Why         string  `json:"why,omitempty"`
	Keys        []Key   `json:"keys"`
	Config      Setup   `json:"config"`
	Now         int64   `json:"now"` // Unix time at which it is opened
	Compartment string  `json:"compartment"`
	Cookie      string  `json:"cookie"` // the Cookie header
	Payload     []byte  `json:"payload,omitempty"`
	Want        *Opened `json:"want,omitempty"`
	Refused     string  `json:"refused,omitempty"` // instead of Want: "invalid", "unknown key", "expired"
}

// vectorKey names the bytes of a key by the hash that they are of some text,
// so that the file prints no secret that somebody could copy.
type Key struct {
	Secret   string `json:"secret,omitempty"`
	HashKey  string `json:"hash_key,omitempty"`
	BlockKey string `json:"block_key,omitempty"`
}

type Setup struct {
	Name            string `json:"name"`
	HostPrefix      bool   `json:"host_prefix,omitempty"`
	IdleTimeout     int64  `json:"idle_timeout"` // seconds, as the others
	AbsoluteTimeout int64  `json:"absolute_timeout,omitempty"`
	FlashLifetime   int64  `json:"flash_lifetime"`
}

// opened is what a payload says. Values are tagged with their types; see tag.
type Opened struct {
	ID       string         `json:"id,omitempty"` // as Session.ID gives it
	Created  int64          `json:"created,omitempty"`
	Modified int64          `json:"modified,omitempty"`
	Expiry   any            `json:"expiry,omitempty"` // absent: policy; else {"browser":true}, {"idle":seconds} or {"at":time}
	Expires  int64          `json:"expires,omitempty"`
	Values   map[string]any `json:"values,omitempty"`

	Last     int64  `json:"last,omitempty"`
	Requests int    `json:"requests,omitempty"`
	Pages    int    `json:"pages,omitempty"`
	Unique   int    `json:"unique,omitempty"`
	History  []View `json:"history,omitempty"`
}

type View struct {
	Path   string `json:"path"`
	Time   int64  `json:"time"`
	Status int    `json:"status"`
}

func (v *Vector) Manager(t testing.TB, onEvent func(context.Context, cookiesession.Event)) *cookiesession.Manager {
	t.Helper()
	return v.ManagerSealing(t, cookiesession.FormatSecurecookie, onEvent)
}

func (v *Vector) ManagerSealing(t testing.TB, format cookiesession.Format, onEvent func(context.Context, cookiesession.Event)) *cookiesession.Manager {
	t.Helper()
	var keys []cookiesession.Key
	for _, k := range v.Keys {
		keys = append(keys, k.Key(t, format))
	}
	ring, err := cookiesession.NewKeyring(keys...)
	testkit.NoError(t, err)
	m, err := cookiesession.New(cookiesession.Config{
		Keyring: ring, Name: v.Config.Name, HostPrefix: v.Config.HostPrefix,
		IdleTimeout:     time.Duration(v.Config.IdleTimeout) * time.Second,
		AbsoluteTimeout: time.Duration(v.Config.AbsoluteTimeout) * time.Second,
		FlashLifetime:   time.Duration(v.Config.FlashLifetime) * time.Second,
		TrackViews:      v.Compartment == "views", HistorySize: History, MaxBytes: 60000,
		OnEvent: onEvent,
	})
	testkit.NoError(t, err)
	return m
}

// check opens the vector with the package itself.
func (v *Vector) Check(t *testing.T) {
	var refusals []error
	m := v.Manager(t, func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventRefused && e.CookieName == v.CookieName() {
			refusals = append(refusals, e.Err)
		}
	})
	s := m.Open(t.Context(), v.Cookie)
	got := v.open(s)
	if v.Refused != "" {
		v.checkRefused(t, m, s, refusals)
		return
	}
	if len(refusals) != 0 {
		t.Fatalf("refused: %v", refusals)
	}
	want := *v.Want
	want.Modified, want.Last, want.Expires = 0, 0, 0 // not to be seen from outside; the stranger's reader compares the payload
	if g, w := JSON(t, got), JSON(t, &want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func (v *Vector) checkRefused(t *testing.T, m *cookiesession.Manager, s *cookiesession.Session, refusals []error) {
	reason := map[string]error{
		"invalid": cookiesession.ErrInvalid, "unknown key": cookiesession.ErrUnknownKey, "expired": cookiesession.ErrExpired,
	}[v.Refused]
	if len(refusals) != 1 || reason == nil || !errors.Is(refusals[0], reason) {
		t.Errorf("refused with %v, want %q once", refusals, v.Refused)
	}
	if v.Compartment != "data" {
		return
	}
	if s.Len() != 0 || !s.IsNew() || !errors.Is(s.Rejected(), reason) {
		t.Errorf("%d values of a refused session are shown: new %v, rejected %v", s.Len(), s.IsNew(), s.Rejected())
	}
	h := http.Header{}
	if err := m.Commit(h, s, 200); err != nil {
		t.Error(err)
	}
	if deleted := len(h["Set-Cookie"]) > 0; deleted != (v.Refused == "expired") {
		t.Errorf("a response that only looked sets %q", h["Set-Cookie"])
	}
}

// open asks the session everything that the vector's payload may say.
func (v *Vector) open(s *cookiesession.Session) *Opened {
	switch v.Compartment {
	case "flash":
		return &Opened{Values: TagAll(s.Flashes())}
	case "views":
		seen := s.Views()
		got := &Opened{ID: s.ID(), Created: s.Created().Unix(), Requests: seen.Requests - 1, Pages: seen.Pages - 1, Unique: seen.UniquePages}
		for _, p := range seen.History {
			got.History = append(got.History, View{p.Path, p.Time.Unix(), p.Status})
		}
		return got
	}
	got := &Opened{ID: s.ID(), Created: s.Created().Unix(), Values: TagAll(s.All())}
	switch e := s.Expiry(); {
	case e == cookiesession.Expiry{}:
	case e == cookiesession.BrowserClose():
		got.Expiry = map[string]any{"browser": true}
	default: // the vector knows the one it has
		want, _ := v.wantExpiry().(map[string]any)
		if at, ok := want["at"].(string); ok {
			if when, err := time.Parse(time.RFC3339Nano, at); err == nil && e == cookiesession.At(when) {
				got.Expiry = want
			}
		} else if sec, ok := want["idle"].(float64); ok && e == cookiesession.Idle(time.Duration(sec)*time.Second) {
			got.Expiry = want
		}
	}
	return got
}

func (v *Vector) wantExpiry() any {
	if v.Want == nil {
		return nil
	}
	return v.Want.Expiry
}

func (v *Vector) CookieName() string {
	name := "s_" + v.Config.Name
	if v.Config.HostPrefix {
		name = "__Host-" + name
	}
	if v.Compartment != "data" {
		name += "_" + v.Compartment
	}
	return name
}

func TagAll(values map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		out[k] = Tag(v)
	}
	return out
}

// tag writes a value so that JSON in any language keeps its type.
func Tag(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		return map[string]any{"bool": v}
	case int64, uint64:
		return map[string]any{"int": fmt.Sprint(v)}
	case float64:
		return map[string]any{"float": v}
	case string:
		return map[string]any{"str": v}
	case []byte:
		return map[string]any{"bin": v}
	case time.Time:
		return map[string]any{"time": v.UTC().Format(time.RFC3339Nano)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = Tag(v[i])
		}
		return map[string]any{"list": list}
	case map[string]any:
		return map[string]any{"map": TagAll(v)}
	}
	return map[string]any{"unknown": fmt.Sprintf("%T", v)}
}

func JSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	testkit.NoError(t, err)
	return string(text)
}

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

// key is the package's key for it.
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
