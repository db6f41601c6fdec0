package seal

import (
	"crypto/hmac"
	"errors"
)

// compact is base64url(version ‖ iv ‖ ciphertext ‖ mac), one layer of base64
// where securecookie has two. The MAC covers the name behind its length, so
// that no name can borrow a byte from what follows it:
//
//	HMAC-SHA-256(len(name) as 2 bytes big-endian ‖ name ‖ version ‖ iv ‖ ciphertext), first 16 bytes
//
// Nothing opens but the very text that was sealed.
type compact struct{ *pair }

var _ Sealer = compact{}

const (
	version = 0x01
	macSize = 16 // 128 bits: what RFC 2104 section 5 allows, half of SHA-256
	maxName = 1<<16 - 1
)

// NewCompact returns the compact format with AES-256 (a blockKey of 32 bytes)
// and HMAC-SHA-256 (a hashKey of at least 32).
func NewCompact(hashKey, blockKey []byte) (Sealer, error) {
	if len(hashKey) < 32 || len(blockKey) != 32 {
		return nil, errors.New("seal: compact needs a hash key of at least 32 bytes and a block key of 32")
	}
	p, err := newPair(hashKey, blockKey)
	return compact{p}, err
}

// Seal implements [Sealer]. The version stands in front, inside of what is
// authenticated: a later version can be told apart without being tried.
func (f compact) Seal(dst []byte, name string, plain []byte) ([]byte, error) {
	if len(name) > maxName {
		return nil, errors.New("seal: name too long")
	}
	s := f.get()
	defer f.put(s)
	s.begin(name)
	body := len(s.msg)
	s.msg = f.appendEncrypted(append(s.msg, version), plain)
	s.msg = append(s.msg, s.sum(len(s.msg))[:macSize]...)
	return appendEncoded(dst, s.msg[body:]), nil
}

// Open compares the MAC in constant time and decrypts only after that. Every
// reason to refuse a text gives the same error.
func (f compact) Open(name, text string) ([]byte, error) {
	if len(text) < f.Len(0) || len(name) > maxName {
		return nil, ErrInvalid
	}
	s := f.get()
	defer f.put(s)
	s.begin(name)
	body := len(s.msg)
	var ok bool
	s.msg, ok = appendDecoded(s.msg, text)
	end := len(s.msg) - macSize
	if !ok || s.msg[body] != version || !hmac.Equal(s.sum(end)[:macSize], s.msg[end:]) {
		return nil, ErrInvalid
	}
	return f.decrypted(s.msg[body+1 : end]), nil
}

// Len implements [Sealer].
func (f compact) Len(n int) int { return encodedLen(1 + ivSize + n + macSize) }

// begin puts into msg what the MAC covers besides the body.
func (s *scratch) begin(name string) {
	s.msg = append(s.msg[:0], byte(len(name)>>8), byte(len(name)))
	s.msg = append(s.msg, name...)
}
