package cookiesession_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// The vectors are what FORMAT.md promises, in bytes. They are only ever added:
// COOKIESESSION_ADD_VECTORS=1 go test -run TestVectorsAreOnlyEverAdded .
// appends those of newVectors whose names are not there yet and pins them.
const (
	vectorsFile = "testdata/vectors.json"
	pinsFile    = "testdata/vectors.pinned"

	vectorHistory = 20 // page views kept
)

// vector is one Cookie header and what must become of it.
type vector struct {
	Name        string      `json:"name"`
	Why         string      `json:"why,omitempty"`
	Keys        []vectorKey `json:"keys"`
	Config      vectorSetup `json:"config"`
	Now         int64       `json:"now"` // Unix time at which it is opened
	Compartment string      `json:"compartment"`
	Cookie      string      `json:"cookie"` // the Cookie header
	Payload     []byte      `json:"payload,omitempty"`
	Want        *opened     `json:"want,omitempty"`
	Refused     string      `json:"refused,omitempty"` // instead of Want: "invalid", "unknown key", "expired"
}

// vectorKey names the bytes of a key by the hash that they are of some text,
// so that the file prints no secret that somebody could copy.
type vectorKey struct {
	Secret   string `json:"secret,omitempty"`
	HashKey  string `json:"hash_key,omitempty"`
	BlockKey string `json:"block_key,omitempty"`
}

type vectorSetup struct {
	Name            string `json:"name"`
	HostPrefix      bool   `json:"host_prefix,omitempty"`
	IdleTimeout     int64  `json:"idle_timeout"` // seconds, as the others
	AbsoluteTimeout int64  `json:"absolute_timeout,omitempty"`
	FlashLifetime   int64  `json:"flash_lifetime"`
}

// opened is what a payload says. Values are tagged with their types; see tag.
type opened struct {
	ID       string         `json:"id,omitempty"` // as Session.ID gives it
	Created  int64          `json:"created,omitempty"`
	Modified int64          `json:"modified,omitempty"`
	Expiry   any            `json:"expiry,omitempty"` // absent: policy; else {"browser":true}, {"idle":seconds} or {"at":time}
	Expires  int64          `json:"expires,omitempty"`
	Values   map[string]any `json:"values,omitempty"`

	Last     int64        `json:"last,omitempty"`
	Requests int          `json:"requests,omitempty"`
	Pages    int          `json:"pages,omitempty"`
	Unique   int          `json:"unique,omitempty"`
	History  []vectorView `json:"history,omitempty"`
}

type vectorView struct {
	Path   string `json:"path"`
	Time   int64  `json:"time"`
	Status int    `json:"status"`
}

func TestVectorsAreOnlyEverAdded(t *testing.T) {
	vectors, raw := readVectors(t)
	if os.Getenv("COOKIESESSION_ADD_VECTORS") == "1" {
		addVectors(t, vectors, raw)
		vectors, raw = readVectors(t)
	}
	pinned := map[string]string{}
	text, err := os.ReadFile(pinsFile)
	mustWork(t, err)
	for line := range strings.Lines(string(text)) {
		hash, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || pinned[name] != "" {
			t.Fatalf("%s: a line that pins nothing: %q", pinsFile, line)
		}
		pinned[name] = hash
	}
	for i, v := range vectors {
		if got := hashOfVector(t, raw[i]); pinned[v.Name] != got {
			t.Errorf("%q is not what was pinned: a released vector has changed, or a new one was not added by the command above", v.Name)
		}
		delete(pinned, v.Name)
	}
	for name := range pinned {
		t.Errorf("%q was pinned and is gone", name)
	}
}

func TestEveryVectorIsOpenedOrRefusedAsItSays(t *testing.T) {
	vectors, _ := readVectors(t)
	refused := 0
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(v.Now, 0)))
				v.check(t)
			})
		})
		if v.Refused != "" {
			refused++
		}
	}
	if refused < 50 || len(vectors)-refused < 20 {
		t.Errorf("%d refused of %d vectors: is the file whole?", refused, len(vectors))
	}
}

// TestAStrangersReaderAgrees opens every positive vector with what this file
// knows of the format, which is FORMAT.md and nothing of the package.
func TestAStrangersReaderAgrees(t *testing.T) {
	vectors, _ := readVectors(t)
	for _, v := range vectors {
		if v.Want == nil {
			continue
		}
		name := v.cookieName()
		plain, ok := false, false
		for _, value := range cookiesOf(v.Cookie)[name] {
			for _, k := range v.Keys {
				p, err := k.naive().open(name, joinNaively(v.Cookie, name, value))
				ok = ok || err == nil
				plain = plain || err == nil && bytes.Equal(p, v.Payload)
			}
		}
		if !ok || !plain {
			t.Errorf("%s: authentic %v, with the payload that is written %v", v.Name, ok, plain)
		}
	}
}

func (v *vector) manager(t testing.TB, onEvent func(context.Context, cookiesession.Event)) *cookiesession.Manager {
	t.Helper()
	return v.managerSealing(t, cookiesession.FormatSecurecookie, onEvent)
}

func (v *vector) managerSealing(t testing.TB, format cookiesession.Format, onEvent func(context.Context, cookiesession.Event)) *cookiesession.Manager {
	t.Helper()
	var keys []cookiesession.Key
	for _, k := range v.Keys {
		keys = append(keys, k.key(t, format))
	}
	ring, err := cookiesession.NewKeyring(keys...)
	mustWork2(t, err)
	m, err := cookiesession.New(cookiesession.Config{
		Keyring: ring, Name: v.Config.Name, HostPrefix: v.Config.HostPrefix,
		IdleTimeout:     time.Duration(v.Config.IdleTimeout) * time.Second,
		AbsoluteTimeout: time.Duration(v.Config.AbsoluteTimeout) * time.Second,
		FlashLifetime:   time.Duration(v.Config.FlashLifetime) * time.Second,
		TrackViews:      v.Compartment == "views", HistorySize: vectorHistory, MaxBytes: 60000,
		OnEvent: onEvent,
	})
	mustWork2(t, err)
	return m
}

func mustWork2(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check opens the vector with the package itself.
func (v *vector) check(t *testing.T) {
	var refusals []error
	m := v.manager(t, func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventRefused && e.CookieName == v.cookieName() {
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
	if g, w := asJSON(t, got), asJSON(t, &want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func (v *vector) checkRefused(t *testing.T, m *cookiesession.Manager, s *cookiesession.Session, refusals []error) {
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
func (v *vector) open(s *cookiesession.Session) *opened {
	switch v.Compartment {
	case "flash":
		return &opened{Values: tagAll(s.Flashes())}
	case "views":
		seen := s.Views()
		got := &opened{ID: s.ID(), Created: s.Created().Unix(), Requests: seen.Requests - 1, Pages: seen.Pages - 1, Unique: seen.UniquePages}
		for _, p := range seen.History {
			got.History = append(got.History, vectorView{p.Path, p.Time.Unix(), p.Status})
		}
		return got
	}
	got := &opened{ID: s.ID(), Created: s.Created().Unix(), Values: tagAll(s.All())}
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

func (v *vector) wantExpiry() any {
	if v.Want == nil {
		return nil
	}
	return v.Want.Expiry
}

func (v *vector) cookieName() string {
	name := "s_" + v.Config.Name
	if v.Config.HostPrefix {
		name = "__Host-" + name
	}
	if v.Compartment != "data" {
		name += "_" + v.Compartment
	}
	return name
}

func tagAll(values map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		out[k] = tag(v)
	}
	return out
}

// tag writes a value so that JSON in any language keeps its type.
func tag(v any) any {
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
			list[i] = tag(v[i])
		}
		return map[string]any{"list": list}
	case map[string]any:
		return map[string]any{"map": tagAll(v)}
	}
	return map[string]any{"unknown": fmt.Sprintf("%T", v)}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	mustWork2(t, err)
	return string(text)
}

func readVectors(t testing.TB) (vectors []vector, raw []json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("COOKIESESSION_ADD_VECTORS") == "1" {
		return nil, nil
	}
	mustWork2(t, err)
	mustWork2(t, json.Unmarshal(text, &raw))
	mustWork2(t, json.Unmarshal(text, &vectors))
	return vectors, raw
}

func hashOfVector(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var compact bytes.Buffer
	mustWork2(t, json.Compact(&compact, raw))
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:])
}

// addVectors appends what is new, and touches nothing that is there.
func addVectors(t *testing.T, have []vector, raw []json.RawMessage) {
	known := map[string]bool{}
	for _, v := range have {
		known[v.Name] = true
	}
	pins, err := os.OpenFile(pinsFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	mustWork(t, err)
	defer pins.Close()
	for _, v := range newVectors(t) {
		if known[v.Name] {
			continue
		}
		known[v.Name] = true
		text := json.RawMessage(asJSON(t, v))
		raw = append(raw, text)
		fmt.Fprintf(pins, "%s %s\n", hashOfVector(t, text), v.Name)
	}
	text, err := json.MarshalIndent(raw, "", "  ")
	mustWork(t, err)
	mustWork(t, os.WriteFile(vectorsFile, append(text, '\n'), 0o644))
}

// key is the package's key for it.
func (k vectorKey) key(t testing.TB, format cookiesession.Format) cookiesession.Key {
	t.Helper()
	secret := func(text string) (s cookiesession.Secret) {
		if text != "" {
			var err error
			s, err = cookiesession.ParseSecret(hex.EncodeToString(bytesNamed(text)))
			mustWork2(t, err)
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

// naiveKey is a key as a stranger would build it from FORMAT.md, slowly and
// in plain sight: a second implementation to hold the first against.
type naiveKey struct {
	id                                      string
	scHash, scBlock, compactHash, compactBk []byte
}

func (k vectorKey) naive() naiveKey {
	if k.Secret != "" {
		return naiveKeyOf(bytesNamed(k.Secret), nil, nil)
	}
	return naiveKeyOf(nil, bytesNamed(k.HashKey), bytesNamed(k.BlockKey))
}

func naiveKeyOf(secret, hashKey, blockKey []byte) naiveKey {
	material := append(append(append([]byte{}, secret...), hashKey...), blockKey...)
	k := naiveKey{
		id:          base64.RawURLEncoding.EncodeToString(hkdfNaively(material, "cookiesession v1 key id")[:3]),
		scHash:      hkdfNaively(material, "cookiesession v1 securecookie hash key"),
		scBlock:     hkdfNaively(material, "cookiesession v1 securecookie block key"),
		compactHash: hkdfNaively(material, "cookiesession v1 compact hash key"),
		compactBk:   hkdfNaively(material, "cookiesession v1 compact block key"),
	}
	if secret == nil {
		k.scHash, k.scBlock = hashKey, blockKey
	}
	return k
}

// hkdfNaively is RFC 5869 with SHA-256, no salt, and 32 bytes of output.
func hkdfNaively(material []byte, label string) []byte {
	return hmacOf(hmacOf(make([]byte, 32), material), append([]byte(label), 1))
}

func hmacOf(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func ctr(key, iv, text []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(text))
	cipher.NewCTR(block, iv).XORKeyStream(out, text)
	return out
}

func (k naiveKey) sealCompact(name string, iv, plain []byte) string {
	body := append(append([]byte{1}, iv...), ctr(k.compactBk, iv, plain)...)
	mac := hmacOf(k.compactHash, []byte{byte(len(name) >> 8), byte(len(name))}, []byte(name), body)
	return base64.RawURLEncoding.EncodeToString(append(body, mac[:16]...))
}

func (k naiveKey) sealSecurecookie(name string, iv, plain []byte, date int64) string {
	inner := base64.URLEncoding.EncodeToString(append(bytes.Clone(iv), ctr(k.scBlock, iv, plain)...))
	signed := fmt.Sprintf("%d|%s|", date, inner)
	mac := hmacOf(k.scHash, []byte(name+"|"), []byte(signed[:len(signed)-1]))
	return base64.URLEncoding.EncodeToString(append([]byte(signed), mac...))
}

var errNaive = errors.New("not authentic")

// open takes the whole value of a cookie that was joined.
func (k naiveKey) open(name, value string) ([]byte, error) {
	id, text, ok := strings.Cut(value, ".")
	if !ok || id != k.id || text == "" {
		return nil, errNaive
	}
	if text[0] == 'A' {
		return k.openCompact(name, text)
	}
	raw, err := base64.URLEncoding.DecodeString(text)
	parts := bytes.SplitN(raw, []byte("|"), 3)
	if err != nil || len(parts) != 3 {
		return nil, errNaive
	}
	mac := hmacOf(k.scHash, []byte(name+"|"), parts[0], []byte("|"), parts[1])
	inner, err := base64.URLEncoding.DecodeString(string(parts[1]))
	if err != nil || len(inner) <= 16 || !hmac.Equal(mac, parts[2]) {
		return nil, errNaive
	}
	return ctr(k.scBlock, inner[:16], inner[16:]), nil
}

func (k naiveKey) openCompact(name, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < 33 || raw[0] != 1 || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, errNaive
	}
	body, tag := raw[:len(raw)-16], raw[len(raw)-16:]
	mac := hmacOf(k.compactHash, []byte{byte(len(name) >> 8), byte(len(name))}, []byte(name), body)
	if !hmac.Equal(mac[:16], tag) {
		return nil, errNaive
	}
	return ctr(k.compactBk, body[1:17], body[17:]), nil
}

// cookiesOf reads a Cookie header that a vector holds.
func cookiesOf(header string) map[string][]string {
	all := map[string][]string{}
	for pair := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		name = strings.Trim(name, " \t")
		all[name] = append(all[name], strings.Trim(value, `"`))
	}
	return all
}

// joinNaively gives "<key id>.<text>" of a first cookie's value, cut or not.
func joinNaively(header, name, value string) string {
	parts := strings.SplitN(value, ".", 4)
	if len(parts) < 4 {
		return value
	}
	all := cookiesOf(header)
	text := parts[3]
	n, _ := strconv.Atoi(parts[1])
	for i := 1; i < n; i++ {
		for _, piece := range all[name+"."+strconv.Itoa(i)] {
			if rest, ok := strings.CutPrefix(piece, parts[2]+"."); ok {
				text += rest
				break
			}
		}
	}
	return parts[0] + "." + text
}
