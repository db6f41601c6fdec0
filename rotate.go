package cookiesession

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/cookiesession/cookiesession/internal/seal"
)

// Secret is the secret text that a key is derived from. It prints, logs and
// marshals as a fingerprint, "secret(" and the id of its key and ")"; only
// [Secret.Reveal] gives the text back. A Secret that is not zero has passed
// [ParseSecret]. Equal secrets are equal with ==.
type Secret struct {
	// A handle is a pointer: fmt cannot reach the text even where it may not
	// call our methods, in an unexported field of someone else's struct.
	text unique.Handle[string]
}

const (
	minSecretBytes = 32
	maxSecretText  = 1024 // characters; nobody has more, and what comes here may be any file
)

// NewSecret makes a secret of 32 random bytes, as 43 characters of base64url.
func NewSecret() Secret {
	b := make([]byte, minSecretBytes)
	rand.Read(b)
	return Secret{unique.Make(base64.RawURLEncoding.EncodeToString(b))}
}

// ParseSecret reads a secret of at least 32 bytes: as hex when all of it is
// hex digits, else as base64url or base64, padded or not. White space around
// it is dropped. Secrets that were not drawn at random as far as one can see
// (a sequence, a repeated pattern, few distinct bytes, a sample from some
// documentation) are refused: everybody could forge sessions. [NewSecret],
// "cookiesession keys new" and "openssl rand -hex 32" make good ones.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	raw, err := decodeSecret(text)
	if err != nil {
		return Secret{}, fmt.Errorf("cookiesession: secret refused: %w", err)
	}
	s := Secret{unique.Make(text)}
	if reason := weakness(text, raw); reason != "" {
		return Secret{}, fmt.Errorf("cookiesession: %v refused: %s; make one with \"cookiesession keys new\"", s, reason)
	}
	return s, nil
}

// Reveal gives the text that was parsed or made.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// String gives the fingerprint.
func (s Secret) String() string {
	if s.IsZero() {
		return "secret()"
	}
	return "secret(" + keyID(s.bytes()) + ")"
}

// Format writes the fingerprint, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue gives the fingerprint.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives the fingerprint: what writes a key file says so by
// [Secret.Reveal].
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSecret], for JSON, flag, environment, YAML and TOML
// libraries.
func (s *Secret) UnmarshalText(text []byte) error {
	parsed, err := ParseSecret(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// bytes decodes a text that passed ParseSecret.
func (s Secret) bytes() []byte {
	raw, err := decodeSecret(s.Reveal())
	if err != nil {
		panic("cookiesession: a secret that was never parsed")
	}
	return raw
}

// decodeSecret is strict: two texts of one secret would be two fingerprints
// to the eye and one key to the cookie. No error of it quotes the text.
func decodeSecret(text string) ([]byte, error) {
	var raw []byte
	var err error
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case strings.HasPrefix(text, "secret("):
		return nil, errors.New("this is only the fingerprint that a secret prints as; Secret.Reveal gives the secret itself")
	case len(text) > maxSecretText:
		return nil, fmt.Errorf("more than %d characters", maxSecretText)
	case strings.Trim(text, "0123456789abcdefABCDEF") == "":
		raw, err = hex.DecodeString(text)
		if err != nil { // read as base64 it would pass, as another secret than the one that was meant
			return nil, errors.New("an odd number of hex digits: one was lost")
		}
	default:
		raw, err = decodeBase64(text)
	}
	if err != nil {
		return nil, errors.New("neither hex nor base64url nor base64")
	}
	if len(raw) < minSecretBytes {
		return nil, fmt.Errorf("%d bytes; at least %d are needed", len(raw), minSecretBytes)
	}
	return raw, nil
}

func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // the library skips them
		return nil, base64.CorruptInputError(0)
	}
	enc := base64.RawURLEncoding
	if strings.ContainsAny(text, "+/") {
		enc = base64.RawStdEncoding
	}
	if strings.HasSuffix(text, "=") {
		enc = enc.WithPadding(base64.StdPadding)
	}
	return enc.Strict().DecodeString(text)
}

// Format is how a key seals. Any key opens both.
type Format string

const (
	// FormatSecurecookie is the default: what gorilla/securecookie makes.
	FormatSecurecookie Format = "securecookie"
	// FormatCompact has one base64 layer instead of two, with AES-256 and
	// HMAC-SHA-256 too: shorter by a quarter and faster, but only this package (or
	// what follows its FORMAT.md) reads it.
	FormatCompact Format = "compact"
)

// Key is one key of a [Keyring]: a secret, when it is used and how it seals.
// Its JSON is one entry of a key file; see [LoadKeyFile].
type Key struct {
	Secret    Secret    `json:"secret,omitzero"`
	HashKey   Secret    `json:"hash_key,omitzero"`   // 32 or 64 bytes, with BlockKey instead of Secret,
	BlockKey  Secret    `json:"block_key,omitzero"`  // 32 bytes, to share keys with other gorilla/securecookie programs
	SealFrom  time.Time `json:"seal_from,omitzero"`  // seals from then on; it opens already before
	OpenUntil time.Time `json:"open_until,omitzero"` // refused from then on; zero: never
	Format    Format    `json:"format,omitzero"`     // "" is FormatSecurecookie
}

// ID names the key on cookies, in logs and to "cookiesession keys": 4
// characters, derived from the secret. It is "" for a key without one.
func (k Key) ID() string {
	if ikm := k.material(); len(ikm) > 0 {
		return keyID(ikm)
	}
	return ""
}

// material is what everything about the key is expanded from.
func (k Key) material() []byte {
	var ikm []byte
	for _, s := range []Secret{k.Secret, k.HashKey, k.BlockKey} {
		if !s.IsZero() {
			ikm = append(ikm, s.bytes()...)
		}
	}
	return ikm
}

// UnmarshalJSON reads one entry of a key file. Unknown and doubled fields are
// errors: a mistyped date would change when a key is used.
func (k *Key) UnmarshalJSON(data []byte) error {
	parsed, err := parseKey(data)
	if err != nil {
		return fmt.Errorf("cookiesession: %w", err)
	}
	*k = parsed
	return nil
}

// Keyring holds the keys of one application: one of them seals, all of them
// open. Which key seals follows from the keys' dates and the clock: the one
// with the latest SealFrom that has passed, the first in the list on a tie.
//
// A ring may be replaced during traffic ([Keyring.Replace]) or follow a file
// ([LoadKeyFile]). It is safe for concurrent use, costs no lock on the way of
// a request, and must not be copied. Whoever shares a ring and a Name shares
// sessions: every application, environment and tenant has a ring of its own.
type Keyring struct {
	keys   atomic.Pointer[keySet] // nil: a zero Keyring, which New refuses
	follow atomic.Pointer[follower]
	err    atomic.Pointer[error]

	mu        sync.Mutex // held while the keys are exchanged
	listening sync.Mutex
	listeners []func(context.Context, Event) // under listening
	news      []Event                        // not told yet; under listening
	hasNews   atomic.Bool
}

const maxKeys = 16

// NewKeyring makes a ring of 1 to 16 keys. It refuses, with every reason at
// once, keys without a proper secret, two keys that share one, and a ring
// with any instant from now on at which no key would seal.
func NewKeyring(keys ...Key) (*Keyring, error) {
	r := new(Keyring)
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// ParseKeyring reads secrets separated by commas or line breaks, the one that
// seals first: "secret,older secret", as in one environment variable. A text
// that begins with "{" is read as a key file, dates included.
func ParseKeyring(text string) (*Keyring, error) {
	keys, err := parseKeys(text)
	if err != nil {
		return nil, err
	}
	return NewKeyring(keys...)
}

// Replace exchanges the keys during traffic, whole or not at all. It ends
// following a file. Refused keys leave everything as it is; the reasons are
// returned, kept for [Keyring.Err] and reported as [EventKeysRefused].
func (r *Keyring) Replace(keys ...Key) error {
	return r.replace(keys, nil)
}

// Refuse reports that new keys could not be had, to [Keyring.Err] and as
// [EventKeysRefused]; the keys in force stay. It is for what fetches keys from
// elsewhere and hands them to Replace.
func (r *Keyring) Refuse(why error) {
	r.replace(nil, why)
}

// UnmarshalJSON is [Keyring.Replace] with the keys of a key file's text, so
// that a ring may be a part of an application's own configuration and a text
// from anywhere may become the ring's keys, with its refusal reported.
func (r *Keyring) UnmarshalJSON(data []byte) error {
	keys, err := parseKeyFile(data)
	return r.replace(keys, err)
}

// KeyState says what a key does now. It follows from the key's dates.
type KeyState string

const (
	KeyPending KeyState = "pending" // opens, and will seal from SealFrom on
	KeySealing KeyState = "sealing" // seals and opens
	KeyOpening KeyState = "opening" // opens only: a newer key seals
	KeyRetired KeyState = "retired" // past OpenUntil: neither seals nor opens
)

// KeyStatus tells about one key without telling its secret.
type KeyStatus struct {
	ID        string    `json:"id"`
	State     KeyState  `json:"state"`
	SealFrom  time.Time `json:"seal_from,omitzero"`
	OpenUntil time.Time `json:"open_until,omitzero"`
	Format    Format    `json:"format"`
	Opened    uint64    `json:"opened"` // cookies opened by this process since the key was loaded
}

// Status tells about every key, in the order of the list. Opened of the keys
// in state [KeyOpening] is how much still arrives under older keys.
func (r *Keyring) Status() []KeyStatus {
	now := time.Now()
	ks := r.current(now)
	r.tell()
	if ks == nil {
		return nil
	}
	sealing := ks.sealing(now)
	status := make([]KeyStatus, len(ks.keys))
	for i, k := range ks.keys {
		status[i] = KeyStatus{
			ID: k.id, State: k.state(now, sealing), Format: k.format,
			SealFrom: k.key.SealFrom, OpenUntil: k.key.OpenUntil, Opened: k.opened.Load(),
		}
	}
	return status
}

// Err tells why the last reload or [Keyring.Replace] was refused; nil when
// the keys in force are the last that were offered.
func (r *Keyring) Err() error {
	r.current(time.Now())
	r.tell()
	if err := r.err.Load(); err != nil {
		return *err
	}
	return nil
}

// String gives the ids of the keys.
func (r *Keyring) String() string {
	ks := r.keys.Load()
	if ks == nil {
		return "keyring()"
	}
	ids := make([]string, len(ks.keys))
	for i, k := range ks.keys {
		ids[i] = k.id
	}
	return "keyring(" + strings.Join(ids, " ") + ")"
}

// Format writes what String gives, whatever the verb.
func (r *Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue gives what String gives.
func (r *Keyring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON gives the [Keyring.Status].
func (r *Keyring) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string][]KeyStatus{"keys": r.Status()})
}

// valid reports whether there are keys.
func (r *Keyring) valid() bool { return r != nil && r.keys.Load() != nil }

// attach has emit told of every reload.
func (r *Keyring) attach(emit func(context.Context, Event)) {
	r.listening.Lock()
	defer r.listening.Unlock()
	r.listeners = append(r.listeners, emit)
}

// note keeps an event for tell: whoever looks at the file may be a session
// that is locked.
func (r *Keyring) note(e Event) {
	r.listening.Lock()
	defer r.listening.Unlock()
	r.news = append(r.news, e)
	r.hasNews.Store(true)
}

// tell reports what was noted. No lock may be held: a listener may ask the
// ring and the session anything.
func (r *Keyring) tell() {
	if !r.hasNews.Load() {
		return
	}
	r.listening.Lock()
	news, listeners := r.news, slices.Clone(r.listeners)
	r.news = nil
	r.hasNews.Store(false)
	r.listening.Unlock()
	for _, e := range news {
		for _, emit := range listeners {
			emit(context.Background(), e)
		}
	}
}

// current gives the keys in force, after a look at the followed file when one
// is due. Two atomic loads and a comparison when none is.
func (r *Keyring) current(now time.Time) *keySet {
	if f := r.follow.Load(); f != nil && f.due(now, lookEvery) {
		r.look(f)
	}
	return r.keys.Load()
}

// find gives the key that a cookie names, nil if there is none or it is past
// its end. A name that is not known may be a key that this process has not
// read yet, so the file is looked at; but the name is unauthenticated input,
// so not more often than lookEarly.
func (r *Keyring) find(id string, now time.Time) *sealKey {
	k := r.current(now).byID(id)
	if k == nil {
		f := r.follow.Load()
		if f == nil || !f.due(now, lookEarly) {
			return nil
		}
		r.look(f)
		if k = r.keys.Load().byID(id); k == nil {
			return nil
		}
	}
	if k.until <= now.UnixNano() {
		return nil
	}
	return k
}

// replace installs the keys, or reports why they could not be read or used.
func (r *Keyring) replace(keys []Key, err error) error {
	r.mu.Lock()
	e := r.install(r.expandKeys(keys, err))
	if e.Err == nil {
		r.follow.Store(nil)
	}
	r.mu.Unlock()
	r.note(e)
	r.tell()
	return e.Err
}

func (r *Keyring) expandKeys(keys []Key, err error) (*keySet, error) {
	if err != nil {
		return nil, err
	}
	return newKeySet(keys, r.keys.Load(), time.Now())
}

// install puts the keys in force, under mu, and gives the event to tell when
// mu is free.
func (r *Keyring) install(ks *keySet, err error) Event {
	if err != nil {
		r.err.Store(&err)
		return Event{Kind: EventKeysRefused, Err: err}
	}
	r.keys.Store(ks)
	r.err.Store(nil)
	e := Event{Kind: EventKeysLoaded}
	if k := ks.sealing(time.Now()); k != nil {
		e.KeyID = k.id
	}
	return e
}

// keySet is the keys in force between two replacements. It never changes.
type keySet struct{ keys []*sealKey }

// newKeySet checks the keys and expands them. Counters of keys that stay are
// taken over from old.
func newKeySet(keys []Key, old *keySet, now time.Time) (*keySet, error) {
	if err := checkKeys(keys, now); err != nil {
		return nil, err
	}
	ks := &keySet{keys: make([]*sealKey, len(keys))}
	for i, key := range keys {
		k, err := newSealKey(key, i)
		if err != nil {
			return nil, fmt.Errorf("cookiesession: key %q: %w", key.ID(), err)
		}
		if was := old.byID(k.id); was != nil {
			k.opened = was.opened
		}
		ks.keys[i] = k
	}
	return ks, nil
}

// sealing gives the key that seals now, nil when every key is past its end,
// which takes a clock that jumped: checkKeys saw none coming.
func (ks *keySet) sealing(now time.Time) *sealKey {
	var best *sealKey
	t := now.UnixNano()
	for _, k := range ks.keys {
		if k.from <= t && t < k.until && (best == nil || k.from > best.from) {
			best = k
		}
	}
	return best
}

func (ks *keySet) byID(id string) *sealKey {
	if ks == nil {
		return nil
	}
	for _, k := range ks.keys { // at most 16 comparisons of 4 bytes: a map is slower
		if k.id == id {
			return k
		}
	}
	return nil
}

// sealKey is one key, expanded and ready.
type sealKey struct {
	id          string
	from, until int64 // Unix nanoseconds
	position    int   // in the list
	format      Format
	key         Key

	securecookie, compact seal.Sealer
	opened                *atomic.Uint64
}

// The labels are part of the wire format: a change makes every cookie
// unreadable. Each use has its own, so that no two share key bytes.
const (
	labelID                = "cookiesession v1 key id"
	labelSecurecookieHash  = "cookiesession v1 securecookie hash key"
	labelSecurecookieBlock = "cookiesession v1 securecookie block key"
	labelCompactHash       = "cookiesession v1 compact hash key"
	labelCompactBlock      = "cookiesession v1 compact block key"
)

func newSealKey(key Key, position int) (*sealKey, error) {
	ikm := key.material()
	k := &sealKey{
		id: keyID(ikm), position: position, key: key, format: key.Format, opened: new(atomic.Uint64),
		from: unixNano(key.SealFrom, math.MinInt64), until: unixNano(key.OpenUntil, math.MaxInt64),
	}
	if k.format == "" {
		k.format = FormatSecurecookie
	}
	hash, block := expand(ikm, labelSecurecookieHash, 32), expand(ikm, labelSecurecookieBlock, 32)
	if key.Secret.IsZero() { // shared with other programs: used as they are
		hash, block = key.HashKey.bytes(), key.BlockKey.bytes()
	}
	var err, err2 error
	k.securecookie, err = seal.NewSecurecookie(hash, block)
	k.compact, err2 = seal.NewCompact(expand(ikm, labelCompactHash, 32), expand(ikm, labelCompactBlock, 32))
	return k, errors.Join(err, err2)
}

// older reports whether a session sealed with k should be issued anew under
// than. Judged by dates and position alone, never by the clock: instances
// with skewed clocks would toss the session back and forth.
func (k *sealKey) older(than *sealKey) bool {
	return k.from < than.from || k.from == than.from && k.position > than.position
}

// sealer seals in the format of this key.
func (k *sealKey) sealer() seal.Sealer {
	if k.format == FormatCompact {
		return k.compact
	}
	return k.securecookie
}

// open opens a text of either format and counts what it opened.
func (k *sealKey) open(name, text string) ([]byte, error) {
	s := k.securecookie
	if seal.IsCompact(text) {
		s = k.compact
	}
	plain, err := s.Open(name, text)
	if err == nil {
		k.opened.Add(1)
	}
	return plain, err
}

func (k *sealKey) state(now time.Time, sealing *sealKey) KeyState {
	switch t := now.UnixNano(); {
	case k.until <= t:
		return KeyRetired
	case k == sealing:
		return KeySealing
	case k.from > t:
		return KeyPending
	}
	return KeyOpening
}

// keyID names the material on cookies: 24 bits are enough to tell 16 keys
// apart and say nothing about the secret.
func keyID(ikm []byte) string {
	return base64.RawURLEncoding.EncodeToString(expand(ikm, labelID, 3))
}

func expand(ikm []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, nil, label, n)
	if err != nil { // only for lengths that are never asked for
		panic("cookiesession: " + err.Error())
	}
	return out
}

// unixNano is t, or zero where t is the zero time; what 64 bits cannot hold
// becomes the end of time on that side.
func unixNano(t time.Time, zero int64) int64 {
	switch {
	case t.IsZero():
		return zero
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// checkKeys gives every reason why these keys cannot be a ring.
func checkKeys(keys []Key, now time.Time) error {
	switch {
	case len(keys) == 0:
		return errors.New("cookiesession: a keyring needs a key; make a secret with \"cookiesession keys new\"")
	case len(keys) > maxKeys:
		return fmt.Errorf("cookiesession: %d keys; a keyring holds at most %d: drop those past their open_until", len(keys), maxKeys)
	}
	var problems []error
	for i, k := range keys {
		if reason := k.problem(); reason != "" {
			problems = append(problems, fmt.Errorf("cookiesession: %s: %s", keyName(k, i), reason))
		}
	}
	if problems == nil { // the rest needs proper keys
		problems = append(sharedSecrets(keys), sealGap(keys, now))
	}
	return errors.Join(problems...)
}

// keyName is how an error names a key: by its id, or by its place when it has
// no secret to have an id from.
func keyName(k Key, i int) string {
	if id := k.ID(); id != "" {
		return fmt.Sprintf("key %q", id)
	}
	return fmt.Sprintf("key number %d", i+1)
}

func (k Key) problem() string {
	switch pair := !k.HashKey.IsZero() || !k.BlockKey.IsZero(); {
	case k.Secret.IsZero() && !pair:
		return "it has no secret"
	case pair && !k.Secret.IsZero():
		return "it has a secret beside hash_key or block_key; take one or the other"
	case pair && (k.HashKey.IsZero() || k.BlockKey.IsZero()):
		return "hash_key and block_key go together; one is missing"
	case pair && !slices.Contains([]int{32, 64}, len(k.HashKey.bytes())):
		return "hash_key must be 32 or 64 bytes"
	case pair && len(k.BlockKey.bytes()) != 32:
		return "block_key must be 32 bytes"
	}
	switch k.Format {
	case "", FormatSecurecookie, FormatCompact:
		return ""
	}
	return "unknown format" + quoteShort(string(k.Format)) + "; there are \"securecookie\" and \"compact\""
}

// sharedSecrets finds equal ids, and any secret that serves twice in the ring:
// cookies of the one key would be authentic under the other.
func sharedSecrets(keys []Key) (problems []error) {
	ids := map[string]bool{}
	owners := map[string]string{} // of secrets
	for _, k := range keys {
		id := k.ID()
		if ids[id] {
			problems = append(problems, fmt.Errorf("cookiesession: key %q is there twice", id))
			continue
		}
		ids[id] = true
		for _, s := range []Secret{k.Secret, k.HashKey, k.BlockKey} {
			if s.IsZero() {
				continue
			}
			raw := string(s.bytes())
			if owner, shared := owners[raw]; shared {
				problems = append(problems, fmt.Errorf("cookiesession: key %q: shares a secret with key %q", id, owner))
			}
			owners[raw] = id
		}
	}
	return problems
}

// sealGap finds the first instant from now on at which no key would seal.
func sealGap(keys []Key, now time.Time) error {
	t := now.UnixNano()
	for t != math.MaxInt64 {
		end, next := t, int64(math.MaxInt64)
		for _, k := range keys {
			from, until := unixNano(k.SealFrom, math.MinInt64), unixNano(k.OpenUntil, math.MaxInt64)
			if from <= t {
				end = max(end, until)
			} else if until > from {
				next = min(next, from)
			}
		}
		if end == t {
			return gapError(keys, time.Unix(0, t), next, now)
		}
		t = end
	}
	return nil
}

func gapError(keys []Key, from time.Time, next int64, now time.Time) error {
	when := "now"
	if from.After(now) {
		when = "from " + from.UTC().Format(time.RFC3339)
	}
	until := "ever after"
	if next != math.MaxInt64 {
		until = "until " + time.Unix(0, next).UTC().Format(time.RFC3339)
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID()
	}
	return fmt.Errorf("cookiesession: no key would seal %s and %s: move a seal_from or open_until of keys %s, or add a key",
		when, until, strings.Join(ids, ", "))
}

// weakness tells why a secret cannot have been drawn at random, "" if it may
// have been. Text and bytes are both looked at: "abcabcabc…" is a pattern in
// base64 too. A random secret fails any of these less than once in 2^60.
func weakness(text string, raw []byte) string {
	switch {
	case isSample(text, raw):
		return "it is a sample that anybody can read in some documentation"
	case distinct(raw) < 10:
		return "it has too few distinct bytes to be random"
	case isSequence(raw) || isSequence([]byte(text)):
		return "it is a sequence"
	case isPattern(raw) || isPattern([]byte(text)):
		return "it repeats a pattern"
	}
	return ""
}

// samplePrefix begins the bytes of every secret that this repository prints
// as an example, so that none of them can be used.
const samplePrefix = "sample secret"

func isSample(text string, raw []byte) bool {
	return bytes.HasPrefix(raw, []byte(samplePrefix)) || slices.Contains(knownSamples, strings.ToLower(text))
}

// knownSamples are long enough to pass and are copied from tutorials.
var knownSamples = []string{
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI
	"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", // Flask
}

func distinct(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// isSequence: most bytes follow the one before by the same step.
func isSequence(b []byte) bool {
	var steps [256]int
	for i := 1; i < len(b); i++ {
		steps[b[i]-b[i-1]]++
	}
	return 2*slices.Max(steps[:]) >= len(b)-1
}

// isPattern: most bytes equal the one a period before.
func isPattern(b []byte) bool {
	for period := 1; period <= len(b)/2; period++ {
		same := 0
		for i := period; i < len(b); i++ {
			if b[i] == b[i-period] {
				same++
			}
		}
		if 4*same >= 3*(len(b)-period) {
			return true
		}
	}
	return false
}
