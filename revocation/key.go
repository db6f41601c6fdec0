package revocation

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Key is what sources and sessions hold of a key's text: 80 bits. They hold no
// text, so that an engine's disk and its backups name no users.
//
// Users choose their names, so a key must not be forced to equal another one.
// The bits are SHA-256's: to hit one given key takes 2^79 tries. A shorter,
// seeded hash would do inside one process, but sessions outlive it.
type Key [10]byte

const (
	maxKeyLen = 1024 // bytes of a key's text
	maxKeys   = 16   // of one Login or Revoke: each takes 10 bytes of the cookie

	// fromID marks keys that are session ids. They need no hash, for an id is
	// random already, and none of the others may be made to look like one.
	fromID = 0x80
)

// keyOf gives the key of a text of the application's.
func keyOf(text string) Key {
	sum := sha256.Sum256([]byte("cookiesession revocation key 1\x00" + text))
	sum[0] &^= fromID
	return Key(sum[:len(Key{})])
}

// keyOfID gives the key of a session's id: no hash on the request path.
func keyOfID(id [16]byte) Key {
	id[0] |= fromID
	return Key(id[:len(Key{})])
}

// words are the key as the table compares it.
func (k Key) words() (high uint64, low uint16) { return words(k[:]) }

// words is for the request path: a Key would be handed on in memory, words are
// in registers. That halves a check.
func words(k []byte) (high uint64, low uint16) {
	high = binary.BigEndian.Uint64(k)
	if high == 0 { // marks a free place in the table
		high = 1
	}
	return high, binary.BigEndian.Uint16(k[8:])
}

func keyOfWords(high uint64, low uint16) (k Key) {
	binary.BigEndian.PutUint64(k[:], high)
	binary.BigEndian.PutUint16(k[8:], low)
	return k
}

var errKey = fmt.Errorf("cookiesession/revocation: a key must have 1 to %d bytes", maxKeyLen)

// loginKeys are the keys of a login.
func loginKeys(texts []string) ([]Key, error) {
	if len(texts) > maxKeys {
		return nil, fmt.Errorf("cookiesession/revocation: %d keys; a login has at most %d", len(texts), maxKeys)
	}
	keys := make([]Key, 0, len(texts))
	for _, text := range texts {
		if text == "" || len(text) > maxKeyLen {
			return nil, errKey
		}
		keys = append(keys, keyOf(text))
	}
	return keys, nil
}

// revokedKeys are the keys that marks are made for. A text that could be a
// session's id may be one of the application's all the same (22 characters of
// base64url are a common form of user ids), so both are marked.
func revokedKeys(texts []string) ([]Key, error) {
	if len(texts) == 0 {
		return nil, errors.New("cookiesession/revocation: Revoke needs a key")
	}
	keys, err := loginKeys(texts)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		var id [16]byte
		if len(text) != base64.RawURLEncoding.EncodedLen(len(id)) {
			continue
		}
		if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(text)); err == nil && n == len(id) {
			keys = append(keys, keyOfID(id))
		}
	}
	return keys, nil
}

// login is what a session remembers of its login, sealed with its data.
type login struct {
	at    Moment
	first []byte // the key of the id under which it logged in
	keys  []byte // the others, one after the other
}

// A login's encoding begins with a version. Behind it are the moment (8 bytes,
// big-endian), the id and the keys.
const (
	loginVersion = 1
	loginHead    = 1 + 8
)

// encodeLogin puts the id under which the session logs in before the keys: one
// that changes its id later is still found by the id that the application
// knows.
func encodeLogin(at Moment, id [16]byte, keys []Key) []byte {
	b := make([]byte, 0, loginHead+(1+len(keys))*len(Key{}))
	b = append(b, loginVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	first := keyOfID(id)
	b = append(b, first[:]...)
	for _, k := range keys {
		b = append(b, k[:]...)
	}
	return slices.Clip(b)
}

// decodeLogin allocates nothing: keys stays in b.
func decodeLogin(b []byte) (l login, ok bool) {
	if len(b) < loginHead+len(Key{}) || b[0] != loginVersion || (len(b)-loginHead)%len(Key{}) != 0 {
		return login{}, false
	}
	const k = loginHead + len(Key{})
	return login{at: Moment(binary.BigEndian.Uint64(b[1:])), first: b[loginHead:k], keys: b[k:]}, true
}
