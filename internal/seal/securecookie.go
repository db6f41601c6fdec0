package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strconv"
	"time"

	"github.com/gorilla/securecookie"
)

// secureCookie is the format of gorilla/securecookie,
//
//	base64url(date | base64url(iv ‖ ciphertext) | mac)
//
// both padded, the MAC over "name|date|value". Texts as that library makes them
// are made and opened here: of a request with 7 keys that saves 1,800 of 4,700
// ns and 28 of 35 allocations. Whatever else it might open (line breaks, unused
// bits, odd dates) is for the library itself to judge, so that both give one
// answer about every text.
type secureCookie struct {
	*pair
	library *securecookie.SecureCookie
}

var _ Sealer = (*secureCookie)(nil)

// NewSecurecookie returns the format of gorilla/securecookie with AES-256
// (a blockKey of 32 bytes) and HMAC-SHA-256 (a hashKey of 32 or 64 bytes).
func NewSecurecookie(hashKey, blockKey []byte) (Sealer, error) {
	if n := len(hashKey); n != 32 && n != 64 || len(blockKey) != 32 {
		return nil, errors.New("seal: securecookie needs a hash key of 32 or 64 bytes and a block key of 32")
	}
	p, err := newPair(hashKey, blockKey)
	// The library's own limits are off: the payload has deadlines of its own,
	// and whoever asks decides how long a text may be.
	library := securecookie.New(hashKey, blockKey).MaxAge(0).MaxLength(0).SetSerializer(securecookie.NopEncoder{})
	return &secureCookie{p, library}, err
}

// Seal makes byte for byte what the library would make at this second. The date
// is part of the format. Nobody here judges by it: the payload has times of its
// own.
func (f *secureCookie) Seal(dst []byte, name string, plain []byte) ([]byte, error) {
	s := f.get()
	defer f.put(s)
	s.body = f.appendEncrypted(s.body[:0], plain)
	s.msg = append(append(s.msg[:0], name...), '|')
	date := len(s.msg)
	s.msg = append(strconv.AppendInt(s.msg, time.Now().Unix(), 10), '|')
	s.msg = appendPadded(s.msg, s.body)
	mac := s.sum(len(s.msg))
	s.msg = append(append(s.msg, '|'), mac...)
	return appendPadded(dst, s.msg[date:]), nil
}

// Open opens texts as the library makes them, and hands every other one to the
// library. It decrypts only what is authentic. A text whose MAC is wrong is
// refused here, because in this shape the library would compare the same bytes.
func (f *secureCookie) Open(name, text string) ([]byte, error) {
	s := f.get()
	defer f.put(s)
	s.msg = append(append(s.msg[:0], name...), '|')
	date := len(s.msg)
	var ok bool
	s.msg, ok = appendUnpadded(s.msg, text)
	end := len(s.msg) - 1 - sha256.Size
	if !ok || end < date || s.msg[end] != '|' {
		return f.byLibrary(name, text)
	}
	if !hmac.Equal(s.sum(end), s.msg[end+1:]) {
		return nil, ErrInvalid
	}
	number, value, _ := bytes.Cut(s.msg[date:end], []byte("|"))
	s.body, ok = appendUnpadded(s.body[:0], value)
	if !ok || len(s.body) <= ivSize || !isDate(number) {
		return f.byLibrary(name, text)
	}
	return f.decrypted(s.body), nil
}

// byLibrary lets the library judge. Its errors say what is wrong. Here they
// become the one answer that everybody gets.
func (f *secureCookie) byLibrary(name, text string) ([]byte, error) {
	var plain []byte
	if f.library.Decode(name, text, &plain) != nil {
		return nil, ErrInvalid
	}
	return plain, nil
}

// isDate: digits, as many as a Unix time has for the next 30,000 years.
func isDate(number []byte) bool {
	for _, c := range number {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(number) >= 1 && len(number) <= 12
}

// Len counts a date of 10 digits, which holds until the year 2286.
func (f *secureCookie) Len(n int) int {
	const date = 10
	return paddedLen(date + 1 + paddedLen(ivSize+n) + 1 + sha256.Size)
}

// paddedLen is the length of n bytes in padded base64.
func paddedLen(n int) int { return (n + 2) / 3 * 4 }

// appendPadded appends src in base64 with padding.
func appendPadded(dst, src []byte) []byte {
	dst = appendEncoded(dst, src)
	return append(dst, "=="[:paddedLen(len(src))-encodedLen(len(src))]...)
}

// appendUnpadded is appendDecoded for a text with padding.
func appendUnpadded[T string | []byte](dst []byte, text T) ([]byte, bool) {
	n := len(text)
	if n%4 != 0 {
		return dst, false
	}
	for n > len(text)-2 && n > 0 && text[n-1] == '=' {
		n--
	}
	return appendDecoded(dst, text[:n])
}
