package seal

import (
	"errors"
	"sync"

	"github.com/gorilla/securecookie"
)

// secureCookie is the format of gorilla/securecookie, made and opened by that
// library: base64url("date|base64url(iv ‖ ciphertext)|mac"), the MAC over
// "name|date|value".
type secureCookie struct {
	codec *securecookie.SecureCookie
}

var _ Sealer = (*secureCookie)(nil)

// NewSecurecookie returns the format of gorilla/securecookie with AES-256
// (a blockKey of 32 bytes) and HMAC-SHA-256 (a hashKey of 32 or 64 bytes).
func NewSecurecookie(hashKey, blockKey []byte) (Sealer, error) {
	if n := len(hashKey); n != 32 && n != 64 || len(blockKey) != 32 {
		return nil, errors.New("seal: securecookie needs a hash key of 32 or 64 bytes and a block key of 32")
	}
	// The library's own limits are off: the payload has deadlines of its own,
	// and whoever asks decides how long a text may be.
	codec := securecookie.New(hashKey, blockKey).MaxAge(0).MaxLength(0).SetSerializer(asIs{})
	if _, err := codec.Encode("", &[]byte{}); err != nil {
		return nil, err
	}
	return &secureCookie{codec}, nil
}

func (f *secureCookie) Seal(dst []byte, name string, plain []byte) ([]byte, error) {
	// The library encrypts in place what the serializer gives it: a copy.
	copied := plains.Get().(*[]byte)
	defer plains.Put(copied)
	*copied = append((*copied)[:0], plain...)
	text, err := f.codec.Encode(name, copied)
	if err != nil {
		return nil, err
	}
	return append(dst, text...), nil
}

func (f *secureCookie) Open(name, text string) ([]byte, error) {
	var plain []byte
	if f.codec.Decode(name, text, &plain) != nil {
		return nil, ErrInvalid
	}
	return plain, nil
}

// Len counts a date of 10 digits, which holds until the year 2286.
func (f *secureCookie) Len(n int) int {
	const date, mac = 10, 32
	return padded(date + 1 + padded(ivSize+n) + 1 + mac)
}

// padded is the length of n bytes in padded base64.
func padded(n int) int { return (n + 2) / 3 * 4 }

// plains holds scratch buffers of *[]byte.
var plains = sync.Pool{New: func() any { return new([]byte) }}

// asIs hands *[]byte through the library unchanged. (NopEncoder does the same
// for []byte, with an allocation each time.)
type asIs struct{}

func (asIs) Serialize(src any) ([]byte, error) { return *src.(*[]byte), nil }

func (asIs) Deserialize(src []byte, dst any) error {
	*dst.(*[]byte) = src
	return nil
}
