package keys_test

import (
	"encoding/base64"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/keys"
)

// randomSecrets is how many a test tries. The figure in the comment of isWords
// is that of a million: go test ./internal/keys -run Words -v -random 1000000
var randomSecrets = flag.Int("random", 50_000, "how many random secrets are tried")

// TestWordsAreFoundAndRandomSecretsAreNot measures what isWords is worth. Every
// run measures the same texts, as long as the documents have the same words.
func TestWordsAreFoundAndRandomSecretsAreNot(t *testing.T) {
	rng := rand.New(rand.NewPCG(2026, 11))
	tutorials := strings.Fields("a and app auth change cookie default dev for generate hash here in jwt key long me my of please production prod random " +
		"secret server session sessions signing string strong super test that the this to token top use user very web with your")
	for _, c := range []struct {
		name    string
		words   []string
		atLeast int
	}{
		{"the words in the documents of this repository", documentWords(t), 940},
		{"the words that secrets in tutorials have", tutorials, 920},
	} {
		refused := 0
		for range 1000 {
			if _, err := keys.ParseSecret(passphrase(rng, c.words)); err != nil {
				refused++
			}
		}
		t.Logf("%d of 1,000 passphrases are refused that are made of %s (%d words)", refused, c.name, len(c.words))
		if refused < c.atLeast {
			t.Errorf("want at least %d", c.atLeast)
		}
	}
	raw := make([]byte, 32)
	for range *randomSecrets {
		fill(rng, raw)
		if text := base64.RawURLEncoding.EncodeToString(raw); !accepted(text) {
			t.Errorf("the random secret %s is refused", text)
		}
	}
	t.Logf("%d random secrets were tried", *randomSecrets)
}

func accepted(text string) bool {
	_, err := keys.ParseSecret(text)
	return err == nil
}

// TestRandomTextInOtherAlphabetsIsNotTakenForWords: what other programs make is
// as good as ours.
func TestRandomTextInOtherAlphabetsIsNotTakenForWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(2026, 12))
	raw := make([]byte, 32)
	of := func(n int, alphabet string) func() string {
		return func() string {
			b := make([]byte, n)
			for i := range b {
				b[i] = alphabet[rng.IntN(len(alphabet))]
			}
			return string(b)
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for _, c := range []struct {
		name string
		text func() string
	}{
		{"hex", func() string { return hex.EncodeToString(raw) }},
		{"base64 of hex", func() string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(raw))) }},
		{"base64 of base64", func() string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(raw)))
		}},
		{"small letters", of(64, letters)},
		{"capital letters", of(64, strings.ToUpper(letters))},
		{"base32", of(56, strings.ToUpper(letters)+"234567")},
		{"base32, small", of(56, letters+"234567")},
		{"base36", of(64, letters+"0123456789")},
		{"base58", of(64, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")},
		{"two UUIDs", func() string {
			h := hex.EncodeToString(raw)
			return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32] + h[32:40], h[40:44], h[44:48], h[48:52], h[52:]}, "-")
		}},
	} {
		for range 5_000 {
			fill(rng, raw)
			if s := c.text(); !accepted(s) {
				t.Fatalf("%s: %s is refused", c.name, s)
			}
		}
	}
}

func TestWordsInEveryShapeAreFound(t *testing.T) {
	for _, text := range []string{
		"my-very-secret-session-key-for-the-web-app-2024",
		"MyVerySecretSessionKeyForTheWebApplication00",
		"MY_VERY_SECRET_SESSION_KEY_FOR_THE_WEB_APPLI",
		"thisisaverysecretsessionkeypleasechangeitnow",
		base64.StdEncoding.EncodeToString([]byte("correct horse battery staple and some more")),
		hex.EncodeToString([]byte("please change this secret in production")),
	} {
		if _, err := keys.ParseSecret(text); err == nil || !strings.Contains(err.Error(), "made of words") {
			t.Errorf("%s: want a refusal of words, got %v", text, err)
		}
	}
}

// Letters of hex digits alone follow one another as in English by chance, so
// they are not judged.
func TestHexDigitsAreNotTakenForWords(t *testing.T) {
	for _, text := range []string{
		"face-bed-a-dad-faced-added-be-bead-bed-a-face-ad",
		"ace-added-a-ace-decade-deed-bad-fade-add-added-a",
	} {
		if _, err := keys.ParseSecret(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// passphrase makes words into a text that is a secret in every other respect.
func passphrase(rng *rand.Rand, words []string) string {
	for {
		var list []string
		for n := 0; n < 43; n += len(list[len(list)-1]) + 1 {
			list = append(list, words[rng.IntN(len(words))])
		}
		text := strings.Join(list, "-")
		switch rng.IntN(5) {
		case 0:
			text = strings.ReplaceAll(text, "-", "_")
		case 1:
			text = strings.ToUpper(strings.ReplaceAll(text, "-", "_"))
		case 2:
			text = ""
			for _, w := range list {
				text += strings.ToUpper(w[:1]) + w[1:]
			}
		case 3:
			text = strings.Join(list, "")
		}
		text += []string{"", "2024", "-2025", "123", "1"}[rng.IntN(5)]
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(text); err == nil && len(raw) >= 32 {
			return text
		}
	}
}

// documentWords gives the words of this repository's documents.
func documentWords(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatal("no documents", err)
	}
	word := regexp.MustCompile(`[ (][A-Za-z]?[a-z]{1,11}[ ,.:;)]`)
	var words []string
	for _, path := range append(paths, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range word.FindAllString(string(text), -1) {
			words = append(words, strings.ToLower(w[1:len(w)-1]))
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func fill(rng *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}
