// Package keys turns secret text into keys that seal and open. It refuses
// secrets and rings that would be unsafe, and holds the keys that are in force
// together. It knows names and sealed texts only, nothing of cookies or of what
// is sealed.
//
// The keyring of the root package is built on it. Users see its errors as they
// are, so the errors begin with the name of the module. No error quotes a
// value that may be a secret.
package keys

import (
	"cmp"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/seal"
)

// The formats in which a key can seal. Every key opens both.
const (
	Securecookie = "securecookie"
	Compact      = "compact"
)

// Material is what one key is made from: either a Secret, or a HashKey and a
// BlockKey.
type Material struct {
	Secret, HashKey, BlockKey Secret
	SealFrom, OpenUntil       time.Time // zero: always, and for ever
	Format                    string    // "" is Securecookie
}

// ID is the name of the key on cookies and in messages, "" where there is no
// secret to derive it from.
func (m Material) ID() string {
	if ikm := m.ikm(); len(ikm) > 0 {
		return keyID(ikm)
	}
	return ""
}

func (m Material) secrets() [3]Secret { return [...]Secret{m.Secret, m.HashKey, m.BlockKey} }

// ikm is the input keying material: the bytes that everything about the key is
// derived from.
func (m Material) ikm() (ikm []byte) {
	for _, s := range m.secrets() {
		ikm = append(ikm, s.bytes()...)
	}
	return ikm
}

func (m Material) from() int64  { return unixNano(m.SealFrom, math.MinInt64) }
func (m Material) until() int64 { return unixNano(m.OpenUntil, math.MaxInt64) }

// unixNano is t in Unix nanoseconds, or zero where t is the zero time. An int64
// holds the years 1678 to 2262. A time outside becomes the nearest that it holds.
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

// problem says why no key can be made from m, "" if one can.
func (m Material) problem() string {
	switch pair := !m.HashKey.IsZero() || !m.BlockKey.IsZero(); {
	case m.Secret.IsZero() && !pair:
		return "it has no secret"
	case pair && !m.Secret.IsZero():
		return "it has a secret beside hash_key or block_key; take one or the other"
	case pair && (m.HashKey.IsZero() || m.BlockKey.IsZero()):
		return "hash_key and block_key go together; one is missing"
	case pair && !slices.Contains([]int{32, 64}, len(m.HashKey.bytes())):
		return "hash_key must be 32 or 64 bytes"
	case pair && len(m.BlockKey.bytes()) != 32:
		return "block_key must be 32 bytes"
	}
	switch m.Format {
	case "", Securecookie, Compact:
		return ""
	}
	return "unknown format" + Quote(m.Format) + "; there are \"securecookie\" and \"compact\""
}

// Quote quotes a name for an error, after a space. It gives "" for a name that
// is so long that it may be a secret in the wrong place.
func Quote(name string) string {
	if len(name) > 20 {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}

// Key is one key, ready to seal and to open. It is safe for concurrent use.
type Key struct {
	id          string
	from, until int64     // Unix nanoseconds
	position    int       // in the ring's list
	sealFrom    time.Time // and as it was given, with its zone
	openUntil   time.Time
	format      string

	securecookie, compact seal.Sealer

	// opened is shared with the key of the same id in the sets before and
	// after, so that a reload does not reset the count.
	opened *atomic.Uint64
}

// The labels of the derivation are part of the wire format: with another label
// no cookie that exists can be opened. Each use has its own label, so that no
// two uses share key bytes.
const (
	labelID                = "cookiesession v1 key id"
	labelSecurecookieHash  = "cookiesession v1 securecookie hash key"
	labelSecurecookieBlock = "cookiesession v1 securecookie block key"
	labelCompactHash       = "cookiesession v1 compact hash key"
	labelCompactBlock      = "cookiesession v1 compact block key"
)

// newKey expands material that has no problem. Both formats are made ready: a
// key opens both, so that the format of a key can be changed at any time.
func newKey(m Material, position int) (*Key, error) {
	ikm := m.ikm()
	k := &Key{
		id: keyID(ikm), from: m.from(), until: m.until(), position: position,
		sealFrom: m.SealFrom, openUntil: m.OpenUntil, format: cmp.Or(m.Format, Securecookie), opened: new(atomic.Uint64),
	}
	hash, block := derive(ikm, labelSecurecookieHash, 32), derive(ikm, labelSecurecookieBlock, 32)
	if m.Secret.IsZero() {
		// A pair is shared with other gorilla/securecookie programs, which use
		// the two keys as they are.
		hash, block = m.HashKey.bytes(), m.BlockKey.bytes()
	}
	var err, err2 error
	k.securecookie, err = seal.NewSecurecookie(hash, block)
	k.compact, err2 = seal.NewCompact(derive(ikm, labelCompactHash, 32), derive(ikm, labelCompactBlock, 32))
	return k, errors.Join(err, err2)
}

// keyID names the keying material on cookies. 3 bytes are enough to tell 16
// keys apart, and too few to say anything about the secret.
func keyID(ikm []byte) string {
	return base64.RawURLEncoding.EncodeToString(derive(ikm, labelID, 3))
}

func derive(ikm []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, nil, label, n)
	if err != nil { // only for a length above 8160
		panic("cookiesession: " + err.Error())
	}
	return out
}

// ID is 4 characters of base64url.
func (k *Key) ID() string { return k.id }

// Sealer seals in the format of this key.
func (k *Key) Sealer() seal.Sealer {
	if k.format == Compact {
		return k.compact
	}
	return k.securecookie
}

// Open opens a text of either format, and counts it if it opened.
func (k *Key) Open(name, text string) ([]byte, error) {
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

// OlderThan reports whether what k has sealed should be sealed again with
// other. Dates and position alone decide, never the clock. Otherwise two
// instances whose clocks differ would seal the same cookie again and again.
func (k *Key) OlderThan(other *Key) bool {
	return k.from < other.from || k.from == other.from && k.position > other.position
}

// Retired reports whether the key is past its end. It opens nothing any more.
func (k *Key) Retired(now time.Time) bool { return k.until <= now.UnixNano() }
