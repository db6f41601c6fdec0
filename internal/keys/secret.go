package keys

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unique"
)

const (
	// minSecretBytes is the size of an AES-256 key. With fewer bytes the secret
	// would be easier to guess than the keys that are derived from it.
	minSecretBytes = 32
	// maxSecretText is in characters. The text may be any file that somebody
	// named by mistake, and the checks take time that grows with its square.
	maxSecretText = 1024
)

// Secret is a text that a key is derived from. A Secret that is not zero has
// passed [ParseSecret]. Equal texts are equal with ==.
type Secret struct {
	// A handle is a pointer. Package fmt prints only its address in places
	// where it calls no methods: for %p and %w, and for an unexported field.
	text unique.Handle[string]
}

// NewSecret makes a secret of 32 random bytes, as 43 characters of base64url.
func NewSecret() Secret {
	for {
		b := make([]byte, minSecretBytes)
		rand.Read(b)
		// Now and then random bytes look weak. ParseSecret would refuse them
		// where somebody else reads the text.
		if s, err := ParseSecret(base64.RawURLEncoding.EncodeToString(b)); err == nil {
			return s
		}
	}
}

// ParseSecret reads the text of a secret: hex where all of it is hex digits,
// else base64url or base64. It drops white space around the text, because files
// end with a line break. It refuses weak secrets. An error names such a secret by
// its fingerprint, so that a person can tell which of several it is.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	raw, err := decode(text)
	if err != nil {
		return Secret{}, fmt.Errorf("cookiesession: secret refused: %w", err)
	}
	s := Secret{unique.Make(text)}
	if reason := weakness(text, raw); reason != "" {
		return Secret{}, fmt.Errorf("cookiesession: %s refused: %s; make one with \"cookiesession keys new\"", s, reason)
	}
	return s, nil
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal gives the text, "" if there is none.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// String gives a fingerprint: "secret(", the id of its key and ")". Package fmt
// uses it for most verbs, for the others see text.
func (s Secret) String() string { return "secret(" + Material{Secret: s}.ID() + ")" }

// bytes decodes the text, nil if there is none.
func (s Secret) bytes() []byte {
	if s.IsZero() {
		return nil
	}
	raw, err := decode(s.Reveal())
	if err != nil {
		panic("cookiesession: a secret that was never parsed")
	}
	return raw
}

// decode is strict: but for the case of hex digits, each encoding has one text
// for given bytes. Otherwise two texts that differ could be one key without
// anybody seeing it. No error quotes the text.
func decode(text string) ([]byte, error) {
	var raw []byte
	var err error
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case strings.HasPrefix(text, "secret("):
		return nil, errors.New("this is only the fingerprint that a secret prints as; Secret.Reveal gives the secret itself")
	case len(text) > maxSecretText:
		return nil, fmt.Errorf("more than %d characters", maxSecretText)
	case strings.Trim(text, "0123456789abcdefABCDEF") == "":
		raw, err = hex.DecodeString(text)
		if err != nil {
			// It could be read as base64, but as another secret than the one
			// that was meant.
			return nil, errors.New("an odd number of hex digits: one was lost")
		}
	default:
		raw, err = decodeBase64(text)
	}
	if err != nil {
		return nil, errors.New("neither hex nor base64url nor base64")
	}
	if len(raw) < minSecretBytes {
		return nil, fmt.Errorf("%d bytes; at least %d are needed", len(raw), minSecretBytes)
	}
	return raw, nil
}

// decodeBase64 accepts both alphabets, but not in one text, and padding or none.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // encoding/base64 would skip them
		return nil, base64.CorruptInputError(0)
	}
	enc := base64.RawURLEncoding
	if strings.ContainsAny(text, "+/") {
		enc = base64.RawStdEncoding
	}
	if strings.HasSuffix(text, "=") {
		enc = enc.WithPadding(base64.StdPadding)
	}
	return enc.Strict().DecodeString(text)
}
