package keys_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/keys"
)

func TestTheSameBytesAreTheSameKeyInEveryEncoding(t *testing.T) {
	raw := random(32)
	want := keys.Material{Secret: parsed(t, base64.RawURLEncoding.EncodeToString(raw))}.ID()
	if len(want) != 4 {
		t.Fatalf("an id should be 4 characters, got %q", want)
	}
	for name, text := range map[string]string{
		"hex":                   hex.EncodeToString(raw),
		"hex in capitals":       strings.ToUpper(hex.EncodeToString(raw)),
		"base64url with an end": base64.URLEncoding.EncodeToString(raw),
		"base64":                base64.RawStdEncoding.EncodeToString(raw),
		"base64 with an end":    base64.StdEncoding.EncodeToString(raw),
		"white space around it": "\u00a0\t" + hex.EncodeToString(raw) + "\r\n",
	} {
		s, err := keys.ParseSecret(text)
		if err != nil || s.Reveal() != strings.TrimSpace(text) {
			t.Errorf("%s: want the text without white space, got %v", name, err)
		}
		if got := (keys.Material{Secret: s}).ID(); got != want {
			t.Errorf("%s: want the id %s, got %s", name, want, got)
		}
	}
}

// TestOneOtherCharacterIsAnotherSecret goes through every change of one
// character. None may decode to the same bytes.
func TestOneOtherCharacterIsAnotherSecret(t *testing.T) {
	s := keys.NewSecret()
	text, cookie := s.Reveal(), sealed(t, only(t, keys.Material{Secret: s}).Sealer())
	for i := range text {
		for c := range byte(128) {
			if c == '+' || c == '/' { // in the other alphabet of base64 it is the same where it stands for - or _
				continue
			}
			changed, err := keys.ParseSecret(text[:i] + string(c) + text[i+1:])
			if err != nil || changed == s {
				continue
			}
			if _, err := only(t, keys.Material{Secret: changed}).Open("name", cookie); err == nil {
				t.Errorf("with %q at %d it is the same secret", c, i)
			}
		}
		if _, err := keys.ParseSecret(text[:i] + text[i+1:]); err == nil {
			t.Errorf("without the character at %d it was accepted", i)
		}
	}
}

func TestSecretsThatWereMistypedAreRefusedWithTheReason(t *testing.T) {
	raw := random(32)
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ name, text, reason string }{
		{"nothing", "", "it is empty"},
		{"31 bytes", hex.EncodeToString(raw[:31]), "31 bytes; at least 32"},
		{"a lost hex digit", hex.EncodeToString(raw)[1:], "odd number"},
		{"a lost character of base64", b64(raw)[1:], "neither"},
		{"unused bits that are not zero", base64.RawURLEncoding.EncodeToString(raw)[:42] + "B", "neither"},
		{"a line break inside", b64(raw)[:20] + "\n" + b64(raw)[20:], "neither"},
		{"a carriage return inside", b64(raw)[:20] + "\r" + b64(raw)[20:], "neither"},
		{"both alphabets of base64", "+_" + b64(raw)[2:], "neither"},
		{"1,025 characters", strings.Repeat("A", 1025), "more than 1024"},
		{"what a secret prints as", keys.NewSecret().String(), "only the fingerprint"},
	} {
		s, err := keys.ParseSecret(c.text)
		if err == nil || !s.IsZero() || !strings.Contains(err.Error(), c.reason) || !strings.HasPrefix(err.Error(), "cookiesession: secret refused: ") {
			t.Errorf("%s: want an error about %q, got %v", c.name, c.reason, err)
		}
	}
}

func TestTheLongestSecretIsAccepted(t *testing.T) {
	if _, err := keys.ParseSecret(base64.RawURLEncoding.EncodeToString(random(768))); err != nil {
		t.Errorf("1,024 characters: %v", err)
	}
}

func TestWeakSecretsAreRefusedAndNamedByTheirFingerprint(t *testing.T) {
	raw := random(32)
	sequence := func(n, step int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * step)
		}
		return hex.EncodeToString(b)
	}
	for _, c := range []struct{ name, text, reason string }{
		{"one byte", strings.Repeat("00", 32), "few distinct"},
		{"9 distinct bytes", hex.EncodeToString(bytes.Repeat([]byte("\x01\x99\x37\xf0\x5a\xc3\x20\x88\x6e"), 4)), "few distinct"},
		{"counting bytes", sequence(32, 1), "a sequence"},
		{"counting backwards", sequence(64, -1), "a sequence"},
		{"the alphabet as text", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "a sequence"},
		{"random bytes, twice", hex.EncodeToString(bytes.Repeat(raw[:16], 2)), "a pattern"},
		{"a phrase again and again", strings.Repeat("change_this_secret_now", 3), "a pattern"},
		{"FastAPI's sample", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "a sample"},
		{"a sample of our documents", base64.RawURLEncoding.EncodeToString(append([]byte("sample secret"), raw...)), "a sample"},
	} {
		_, err := keys.ParseSecret(c.text)
		if err == nil || !strings.Contains(err.Error(), c.reason) || !strings.HasPrefix(err.Error(), "cookiesession: secret(") ||
			strings.Contains(err.Error(), c.text[:12]) {
			t.Errorf("%s: want an error about %q, got %v", c.name, c.reason, err)
		}
	}
}

// TestHalfOfTheStepsMakeASequence: chance does not make that many equal steps.
func TestHalfOfTheStepsMakeASequence(t *testing.T) {
	for equal, reason := range map[int]string{15: "", 16: "a sequence"} { // of 32 steps
		b := []byte{100}
		for i := range 32 {
			step := byte(1)
			if i%2 == 1 || i/2 >= equal {
				step = byte(20 + 7*i)
			}
			b = append(b, b[i]+step)
		}
		_, err := keys.ParseSecret(hex.EncodeToString(b))
		if (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("%d equal steps: want a refusal of %q, got %v", equal, reason, err)
		}
	}
}

func TestNoSecretHasNoID(t *testing.T) {
	var none keys.Secret
	if (keys.Material{}).ID() != "" || none.String() != "secret()" || none.Reveal() != "" {
		t.Error("it has")
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{
		"", " ", "secret(AAAA)", "00", strings.Repeat("0", 64), strings.Repeat("a1", 32), "\u00a0\ufeff", "+_" + keys.NewSecret().Reveal(),
		keys.NewSecret().Reveal(), keys.NewSecret().Reveal() + "=", strings.Repeat("A", 2000), "\x00\xff", "correct-horse-battery-staple-correct-horse-battery",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keys.ParseSecret(text)
		if err != nil {
			if !s.IsZero() || !strings.HasPrefix(err.Error(), "cookiesession: ") {
				t.Errorf("a refusal with a secret: %v", err)
			}
			if n := len(strings.TrimSpace(text)); n > 20 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
				t.Errorf("the error quotes the text: %v", err)
			}
			return
		}
		if again, err := keys.ParseSecret(s.Reveal()); err != nil || again != s || s.Reveal() != strings.TrimSpace(text) {
			t.Errorf("the revealed text does not parse to the same secret: %v", err)
		}
		if len((keys.Material{Secret: s}).ID()) != 4 {
			t.Error("an accepted secret has no id")
		}
	})
}
