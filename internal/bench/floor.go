package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"hash"

	"github.com/gorilla/securecookie"
)

// A floor seals and opens bytes and does nothing else: no msgpack, no cookies,
// no request. What a session costs beyond it is ours to save.
type floor interface {
	name() string
	seal(plain []byte) string
	open(text string) []byte
}

// primitives is the least the standard library allows for encrypted and
// authenticated text: AES-256-CTR under a random IV, HMAC-SHA-256 over it, one
// base64 layer; every buffer and hash state used again.
type primitives struct {
	block         cipher.Block
	mac           hash.Hash
	buf, out, sum []byte
}

func newPrimitives() floor {
	block, err := aes.NewCipher([]byte(blockKey))
	if err != nil {
		panic(err)
	}
	return &primitives{
		block: block, mac: hmac.New(sha256.New, []byte(hashKey)),
		buf: make([]byte, 0, 8192), out: make([]byte, 0, 8192), sum: make([]byte, 0, sha256.Size),
	}
}

func (p *primitives) name() string { return "bare primitives" }

func (p *primitives) seal(plain []byte) string {
	b := p.buf[:aes.BlockSize+len(plain)]
	rand.Read(b[:aes.BlockSize])
	cipher.NewCTR(p.block, b[:aes.BlockSize]).XORKeyStream(b[aes.BlockSize:], plain)
	p.mac.Reset()
	p.mac.Write(b)
	b = p.mac.Sum(b)
	p.out = base64.RawURLEncoding.AppendEncode(p.out[:0], b)
	return string(p.out)
}

func (p *primitives) open(text string) []byte {
	p.out = append(p.out[:0], text...)
	b, err := base64.RawURLEncoding.AppendDecode(p.buf[:0], p.out)
	if err != nil || len(b) < aes.BlockSize+sha256.Size {
		return nil
	}
	body, tag := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	p.mac.Reset()
	p.mac.Write(body)
	if p.sum = p.mac.Sum(p.sum[:0]); !hmac.Equal(p.sum, tag) {
		return nil
	}
	plain := make([]byte, len(body)-aes.BlockSize)
	cipher.NewCTR(p.block, body[:aes.BlockSize]).XORKeyStream(plain, body[aes.BlockSize:])
	return plain
}

// rawSecurecookie is gorilla/securecookie on bytes that are already encoded.
type rawSecurecookie struct{ codec *securecookie.SecureCookie }

func newRawSecurecookie() floor {
	codec := securecookie.New([]byte(hashKey), []byte(blockKey)).
		MaxAge(0).MaxLength(0).SetSerializer(securecookie.NopEncoder{})
	return rawSecurecookie{codec}
}

func (r rawSecurecookie) name() string { return "raw gorilla/securecookie" }

// seal hands over a copy: NopEncoder encrypts what it is given in place.
func (r rawSecurecookie) seal(plain []byte) string {
	text, err := r.codec.Encode(cookie, bytes.Clone(plain))
	if err != nil {
		panic(err)
	}
	return text
}

func (r rawSecurecookie) open(text string) []byte {
	var plain []byte
	if r.codec.Decode(cookie, text, &plain) != nil {
		return nil
	}
	return plain
}

// bothWays is what one request costs at the least: open what came, seal it again.
func bothWays(f floor, size int) func() {
	text := f.seal(bytes.Repeat([]byte("m"), size))
	return func() { text = f.seal(f.open(text)) }
}
