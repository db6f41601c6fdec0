package keys

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	minSecretBytes = 32
	maxSecretText  = 1024 // characters. The text may be any file, so the work must be bounded
)

// NewSecret makes the text of a secret: 32 random bytes as 43 characters of
// base64url.
func NewSecret() string {
	b := make([]byte, minSecretBytes)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseSecret checks the text of a secret and returns it without the white
// space around it.
func ParseSecret(text string) (string, error) {
	text = strings.TrimSpace(text)
	raw, err := decode(text)
	if err != nil {
		return "", fmt.Errorf("cookiesession: secret refused: %w", err)
	}
	if reason := weakness(text, raw); reason != "" {
		return "", fmt.Errorf("cookiesession: %s refused: %s; make one with \"cookiesession keys new\"", Fingerprint(text), reason)
	}
	return text, nil
}

// Fingerprint is what is printed in place of a secret: "secret(", the id of
// its key and ")".
func Fingerprint(text string) string { return "secret(" + Material{Secret: text}.ID() + ")" }

// secretBytes decodes a text that ParseSecret has returned. It gives nil for "" and
// for any text that it would have refused to decode.
func secretBytes(text string) []byte {
	raw, err := decode(text)
	if err != nil {
		return nil
	}
	return raw
}

// decode is strict: exactly one text of each encoding stands for given bytes.
// Otherwise two texts that look different could be one key. No error quotes
// the text.
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
