package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"sync"
)

// compact is base64url(version ‖ iv ‖ ciphertext ‖ mac), one layer of base64
// where securecookie has two. The MAC covers the name behind its length, so
// that no name can borrow a byte from what follows it:
//
//	HMAC-SHA-256(len(name) as 2 bytes big-endian ‖ name ‖ version ‖ iv ‖ ciphertext), first 16 bytes
type compact struct {
	block cipher.Block
	pool  sync.Pool // of *compactScratch
}

var _ Sealer = (*compact)(nil)

const (
	version = 0x01
	ivSize  = aes.BlockSize
	macSize = 16 // 128 bits: what RFC 2104 section 5 allows, half of SHA-256
	maxName = 1<<16 - 1
)

// strict refuses trailing bits. It still skips line breaks: Open compares the
// lengths, so that nothing but the very text that was sealed opens.
var strict = base64.RawURLEncoding.Strict()

// compactScratch is what one call needs; keeping the keyed HMAC and the
// buffer is worth 500 ns and 12 allocations per request.
type compactScratch struct {
	mac  hash.Hash
	text []byte // of a text to be decoded
	msg  []byte // len(name) ‖ name ‖ version ‖ iv ‖ ciphertext ‖ mac: one buffer, one Write
}

// NewCompact returns the compact format with AES-256 (a blockKey of 32 bytes)
// and HMAC-SHA-256 (a hashKey of at least 32).
func NewCompact(hashKey, blockKey []byte) (Sealer, error) {
	if len(hashKey) < 32 || len(blockKey) != 32 {
		return nil, errors.New("seal: compact needs a hash key of at least 32 bytes and a block key of 32")
	}
	block, err := aes.NewCipher(blockKey)
	if err != nil {
		return nil, err
	}
	f := &compact{block: block}
	f.pool.New = func() any { return &compactScratch{mac: hmac.New(sha256.New, hashKey)} }
	return f, nil
}

func (f *compact) Seal(dst []byte, name string, plain []byte) ([]byte, error) {
	if len(name) > maxName {
		return nil, errors.New("seal: name too long")
	}
	s := f.pool.Get().(*compactScratch)
	defer f.release(s)

	s.start(name)
	body := len(s.msg)
	s.msg = append(s.msg, version)
	iv := len(s.msg)
	s.msg = append(s.msg, make([]byte, ivSize)...)
	rand.Read(s.msg[iv:]) // never fails
	s.msg = append(s.msg, plain...)
	text := s.msg[iv+ivSize:]
	cipher.NewCTR(f.block, s.msg[iv:iv+ivSize]).XORKeyStream(text, text)
	s.msg = append(s.msg, s.sum(s.msg)[:macSize]...)
	return base64.RawURLEncoding.AppendEncode(dst, s.msg[body:]), nil
}

func (f *compact) Open(name, text string) ([]byte, error) {
	n := strict.DecodedLen(len(text))
	if n < 1+ivSize+macSize || len(name) > maxName {
		return nil, ErrInvalid
	}
	s := f.pool.Get().(*compactScratch)
	defer f.release(s)

	s.start(name)
	head := len(s.msg)
	s.text = append(s.text[:0], text...)
	var err error
	s.msg, err = strict.AppendDecode(s.msg, s.text)
	body := s.msg[head:]
	if err != nil || strict.EncodedLen(len(body)) != len(text) || body[0] != version {
		return nil, ErrInvalid
	}
	mac := body[n-macSize:]
	if !hmac.Equal(s.sum(s.msg[:len(s.msg)-macSize])[:macSize], mac) {
		return nil, ErrInvalid
	}
	iv, sealed := body[1:1+ivSize], body[1+ivSize:n-macSize]
	plain := make([]byte, len(sealed))
	cipher.NewCTR(f.block, iv).XORKeyStream(plain, sealed)
	return plain, nil
}

func (f *compact) Len(n int) int {
	return base64.RawURLEncoding.EncodedLen(1 + ivSize + n + macSize)
}

// release keeps s for the next call, unless one long text made it large.
func (f *compact) release(s *compactScratch) {
	if cap(s.msg)+cap(s.text) <= 64<<10 {
		f.pool.Put(s)
	}
}

// start begins msg with what the MAC covers besides the body.
func (s *compactScratch) start(name string) {
	s.msg = append(s.msg[:0], byte(len(name)>>8), byte(len(name)))
	s.msg = append(s.msg, name...)
}

// sum appends the HMAC of msg behind it, in memory that msg may reuse.
func (s *compactScratch) sum(msg []byte) []byte {
	s.mac.Reset()
	s.mac.Write(msg)
	s.text = s.mac.Sum(s.text[:0])
	return s.text
}
