package vectors

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cookiesession/cookiesession/internal/testkit"
)

// NaiveKey is a key as a stranger would build it from FORMAT.md, slowly and
// step by step. It is a second implementation to judge the first one by.
type NaiveKey struct {
	ID                                         string
	scHash, scBlock, CompactHash, CompactBlock []byte
}

// Naive is the key of the naive implementation.
func (k Key) Naive() NaiveKey {
	if k.Secret != "" {
		return naiveKeyOf(bytesNamed(k.Secret), nil, nil)
	}
	return naiveKeyOf(nil, bytesNamed(k.HashKey), bytesNamed(k.BlockKey))
}

func naiveKeyOf(secret, hashKey, blockKey []byte) NaiveKey {
	material := append(append(append([]byte{}, secret...), hashKey...), blockKey...)
	k := NaiveKey{
		ID:           base64.RawURLEncoding.EncodeToString(hkdfNaively(material, "cookiesession v1 key id")[:3]),
		scHash:       hkdfNaively(material, "cookiesession v1 securecookie hash key"),
		scBlock:      hkdfNaively(material, "cookiesession v1 securecookie block key"),
		CompactHash:  hkdfNaively(material, "cookiesession v1 compact hash key"),
		CompactBlock: hkdfNaively(material, "cookiesession v1 compact block key"),
	}
	if secret == nil {
		k.scHash, k.scBlock = hashKey, blockKey
	}
	return k
}

// hkdfNaively is RFC 5869 with SHA-256, no salt, and 32 bytes of output.
func hkdfNaively(material []byte, label string) []byte {
	return HMAC(HMAC(make([]byte, 32), material), append([]byte(label), 1))
}

// HMAC is that of the parts one after another, with SHA-256.
func HMAC(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// CTR encrypts or decrypts text with AES in counter mode.
func CTR(key, iv, text []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(text))
	cipher.NewCTR(block, iv).XORKeyStream(out, text)
	return out
}

// SealCompact is the text of a cookie in the format compact.
func (k NaiveKey) SealCompact(name string, iv, plain []byte) string {
	body := append(append([]byte{1}, iv...), CTR(k.CompactBlock, iv, plain)...)
	mac := HMAC(k.CompactHash, []byte{byte(len(name) >> 8), byte(len(name))}, []byte(name), body)
	return base64.RawURLEncoding.EncodeToString(append(body, mac[:16]...))
}

// SealSecurecookie is the text of a cookie in the format securecookie. The date
// is in seconds.
func (k NaiveKey) SealSecurecookie(name string, iv, plain []byte, date int64) string {
	inner := base64.URLEncoding.EncodeToString(append(bytes.Clone(iv), CTR(k.scBlock, iv, plain)...))
	signed := fmt.Sprintf("%d|%s|", date, inner)
	mac := HMAC(k.scHash, []byte(name+"|"), []byte(signed[:len(signed)-1]))
	return base64.URLEncoding.EncodeToString(append([]byte(signed), mac...))
}

var errNaive = errors.New("not authentic")

// Open takes the whole value of a cookie: see Join.
func (k NaiveKey) Open(name, value string) ([]byte, error) {
	id, text, ok := strings.Cut(value, ".")
	if !ok || id != k.ID || text == "" {
		return nil, errNaive
	}
	if text[0] == 'A' {
		return k.OpenCompact(name, text)
	}
	raw, err := base64.URLEncoding.DecodeString(text)
	parts := bytes.SplitN(raw, []byte("|"), 3)
	if err != nil || len(parts) != 3 {
		return nil, errNaive
	}
	mac := HMAC(k.scHash, []byte(name+"|"), parts[0], []byte("|"), parts[1])
	inner, err := base64.URLEncoding.DecodeString(string(parts[1]))
	if err != nil || len(inner) <= 16 || !hmac.Equal(mac, parts[2]) {
		return nil, errNaive
	}
	return CTR(k.scBlock, inner[:16], inner[16:]), nil
}

// OpenCompact takes the text of a cookie in the format compact.
func (k NaiveKey) OpenCompact(name, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < 33 || raw[0] != 1 || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, errNaive
	}
	body, tag := raw[:len(raw)-16], raw[len(raw)-16:]
	mac := HMAC(k.CompactHash, []byte{byte(len(name) >> 8), byte(len(name))}, []byte(name), body)
	if !hmac.Equal(mac[:16], tag) {
		return nil, errNaive
	}
	return CTR(k.CompactBlock, body[1:17], body[17:]), nil
}

// Join gives "<key id>.<text>" of a first cookie's value, cut or not.
func Join(header, name, value string) string {
	parts := strings.SplitN(value, ".", 4)
	if len(parts) < 4 {
		return value
	}
	all := testkit.CookiesOf(header)
	text := parts[3]
	n, _ := strconv.Atoi(parts[1])
	for i := 1; i < n; i++ {
		for _, chunk := range all[name+"."+strconv.Itoa(i)] {
			if rest, ok := strings.CutPrefix(chunk, parts[2]+"."); ok {
				text += rest
				break
			}
		}
	}
	return parts[0] + "." + text
}
