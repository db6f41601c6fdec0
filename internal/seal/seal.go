// Package seal encrypts and authenticates small texts in two formats. It knows
// nothing of sessions or cookies: only names, plaintexts and sealed texts.
//
// Both formats encrypt with AES-256-CTR under a random 16-byte IV, then
// authenticate with HMAC-SHA-256 (encrypt-then-MAC). The name is part of what
// is authenticated, so a text sealed under one name does not open under
// another.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash"
	"sync"
)

// Sealer seals and opens with one pair of keys in one format. It is safe for
// concurrent use.
type Sealer interface {
	// Seal appends to dst the text that plain is sealed to. It neither keeps
	// nor changes plain.
	Seal(dst []byte, name string, plain []byte) ([]byte, error)

	// Open returns what text was sealed from, in memory that nobody else
	// holds, or an error that wraps [ErrInvalid].
	Open(name, text string) ([]byte, error)

	// Len is the length of the text that n bytes are sealed to.
	Len(n int) int
}

// ErrInvalid is the only answer about a text that does not open: why is
// nobody's business.
var ErrInvalid = errors.New("seal: not authentic")

// IsCompact reports whether text is in the compact format, if it is in any.
// The compact format's version byte 0x01 makes the first character an 'A'. The
// securecookie format begins with the first digit of a Unix time, which is 'M',
// 'N' or 'O' in base64. No text can be both.
func IsCompact(text string) bool { return text != "" && text[0] == 'A' }

const ivSize = aes.BlockSize

// pair is a key to encrypt and a key to authenticate, ready for use. Each format
// is given a pair of its own, so a text of one format means nothing in the other.
type pair struct {
	block   cipher.Block
	scratch sync.Pool // of *scratch
}

func newPair(hashKey, blockKey []byte) (*pair, error) {
	block, err := aes.NewCipher(blockKey)
	if err != nil {
		return nil, err
	}
	p := &pair{block: block}
	p.scratch.New = func() any { return &scratch{mac: hmac.New(sha256.New, hashKey)} }
	return p, nil
}

// scratch is what one call needs and nobody keeps. A keyed HMAC and buffers
// that are used again are worth 500 ns and 12 allocations per request.
type scratch struct {
	mac  hash.Hash
	msg  []byte // what is authenticated, in one piece for one Write, and the MAC behind it
	body []byte
	tag  [sha256.Size]byte
}

func (p *pair) get() *scratch { return p.scratch.Get().(*scratch) }

// put keeps s for the next call, unless one long text made it large.
func (p *pair) put(s *scratch) {
	if cap(s.msg)+cap(s.body) <= 64<<10 {
		p.scratch.Put(s)
	}
}

// appendEncrypted appends a new IV and plain, encrypted. The IV is random for
// each call and never comes from a pool: a virtual machine that is restored from
// a snapshot would use the same one twice, and two texts under one IV give away
// what is different between them.
func (p *pair) appendEncrypted(b, plain []byte) []byte {
	iv := len(b)
	b = append(b, make([]byte, ivSize)...)
	rand.Read(b[iv:]) // never fails
	b = append(b, plain...)
	text := b[iv+ivSize:]
	cipher.NewCTR(p.block, b[iv:iv+ivSize]).XORKeyStream(text, text)
	return b
}

// decrypted returns what appendEncrypted appended, in memory of its own. It must
// not be called before the MAC has been checked: what is not authentic is not
// looked at, not even to tell why it is wrong.
func (p *pair) decrypted(b []byte) []byte {
	plain := make([]byte, len(b)-ivSize)
	cipher.NewCTR(p.block, b[:ivSize]).XORKeyStream(plain, b[ivSize:])
	return plain
}

// sum is the HMAC of what msg begins with, up to end. The result is in memory
// of s and stands until the next call.
func (s *scratch) sum(end int) []byte {
	s.mac.Reset()
	s.mac.Write(s.msg[:end])
	return s.mac.Sum(s.tag[:0])
}
