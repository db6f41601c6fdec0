// Package seal encrypts and authenticates small texts in two formats. It knows
// nothing of sessions or cookies: only names, plaintexts and sealed texts.
//
// Both formats encrypt with AES-256-CTR under a random 16-byte IV, then
// authenticate with HMAC-SHA-256 (encrypt-then-MAC). The name is part of what
// is authenticated, so a text sealed under one name does not open under
// another.
package seal

import "errors"

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
// The compact format's version byte 0x01 makes the first character an 'A';
// the securecookie format begins with the first digit of a Unix time, base64
// 'M', 'N' or 'O'. No text can be both.
func IsCompact(text string) bool { return text != "" && text[0] == 'A' }
