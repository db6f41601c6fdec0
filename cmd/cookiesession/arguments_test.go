package main

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/cookiesession/cookiesession"
)

// secretsToHide are secrets in every form that the package takes.
func secretsToHide(t *testing.T) map[string]string {
	t.Helper()
	url := cookiesession.NewSecret().Reveal()
	raw, err := base64.RawURLEncoding.DecodeString(url)
	if err != nil {
		t.Fatal(err)
	}
	dashed, slashed := "", ""
	for dashed == "" || slashed == "" {
		text := cookiesession.NewSecret().Reveal()
		std := strings.NewReplacer("-", "+", "_", "/").Replace(text) + "="
		if text[0] == '-' {
			dashed = text
		}
		if i := strings.Index(std, "/"); i > 5 && i < 35 {
			slashed = std
		}
	}
	return map[string]string{
		"base64url": url, "hex": hex.EncodeToString(raw), "one that begins like a flag": dashed, "one with a slash": slashed,
	}
}

func TestNoArgumentIsPrintedThatLooksLikeASecret(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := runLine(t.Context(), nil, "keys", "new", "f"); got.code != exitDone {
		t.Fatal(got.err)
	}
	lines := [][]string{
		{"S"}, {"-S"}, {"--S"}, {"-S=1"}, {"help", "S"}, {"help", "keys", "S"}, {"version", "S"},
		{"inspect", "S"}, {"inspect", "-idle", "S"}, {"inspect", "-idle=S"}, {"inspect", "-name", "S"}, {"inspect", "-keys", "./S"},
		{"inspect", "-json=S"}, {"inspect", "s_session=abcd.S"}, {"inspect", "Cookie: s_session=abcd.2.tags.S; a=b"},
		{"demo", "S"}, {"demo", "-addr", "S"}, {"demo", "-addr", "S:80"}, {"demo", "-log", "S"}, {"demo", "-keys=S"}, {"demo", "-insecure=S"}, {"demo", "-tls=S"}, {"demo", "-revocation", "redis://S"},
		{"keys", "S"}, {"keys", "new", "S"}, {"keys", "new", "-format", "S"}, {"keys", "new", "-secret", "S"}, {"keys", "rotate", "-secret=S", "f"},
		{"keys", "rotate", "-after", "S", "f"}, {"keys", "rotate", "f", "S"}, {"keys", "list", "S"}, {"keys", "list", "./S"}, {"keys", "list", "../S"},
		{"keys", "list", "none/S"}, {"keys", "list", "S.json"}, {"keys", "check", "/tmp/S"}, {"keys", "revoke", "f", "S"}, {"keys", "check", "-", "S"},
		{"keys", "list", "SESSION_KEYS=S"}, {"keys", "list", "S,S"}, {"keys", "list", `{"secret":"S"}`}, {"keys", "list", " S\n"}, {"keys", "list", "f=S"},
	}
	for form, secret := range secretsToHide(t) {
		for _, line := range lines {
			args := make([]string, len(line))
			for i, arg := range line {
				args[i] = strings.ReplaceAll(arg, "S", secret)
				if arg == "SESSION_KEYS=S" {
					args[i] = "SESSION_KEYS=" + secret
				}
			}
			got := runLine(t.Context(), nil, args...)
			if got.code != exitUsage || !strings.Contains(got.err, "looks like a secret") {
				t.Errorf("%s: %v: code %d", form, line, got.code)
			}
			if strings.Contains(got.out+got.err, secret[3:20]) {
				t.Errorf("%s: %v prints it", form, line)
			}
		}
	}
	left, _ := os.ReadDir(".")
	if len(left) != 1 {
		t.Errorf("files were made: %v", left)
	}
}

func TestThePasswordOfAURLIsNotPrinted(t *testing.T) {
	for _, url := range []string{"redis://:pass@127.0.0.1:6379", "redis://ada:pass@[::1]/0", "rediss://ada:p%41ss:word@redis.test"} {
		for _, args := range [][]string{{"demo", "-revocation", url}, {"demo", "-revocation=" + url}, {"demo", "-addr", url}, {"keys", "list", url}} {
			got := runLine(t.Context(), nil, args...)
			if got.code != exitUsage || !strings.Contains(got.err, "REDIS_PASSWORD") || strings.Contains(got.out+got.err, url) || strings.Contains(got.err, "ss@") {
				t.Errorf("%v: code %d, %q", args, got.code, got.err)
			}
		}
	}
}

func TestHalfASecretIsNotPrintedEither(t *testing.T) {
	half := cookiesession.NewSecret().Reveal()[:25]
	for _, args := range [][]string{
		{half}, {"-" + half}, {"help", half}, {"inspect", half}, {"inspect", "-idle", half}, {"inspect", "-" + half}, {"inspect", "-json=" + half},
		{"demo", half}, {"demo", "-log", half}, {"demo", "-insecure=" + half}, {"keys", half}, {"keys", "new", "-format", half},
		{"keys", "rotate", "-after", half, "f"}, {"keys", "rotate", "f", "-" + half}, {"keys", "list", "-" + half},
	} {
		got := runLine(t.Context(), nil, args...)
		if got.code != exitUsage || strings.Contains(got.out+got.err, half[3:20]) {
			t.Errorf("%v: code %d, it is printed", args, got.code)
		}
	}
}

func TestNoArgumentReachesTheTerminalAsAnEscapeSequence(t *testing.T) {
	t.Chdir(t.TempDir())
	const name = "k\x1b[2J\u009b31m\u202e.json"
	for _, args := range [][]string{
		{"keys", "list", name}, {"keys", "new", name}, {"keys", "check", name}, {"keys", "rotate", name}, {"keys", "revoke", name, "\x1b[2J"},
		{"keys", "new", name}, {name}, {"-" + name}, {"help", name}, {"demo", "-addr", name}, {"inspect", "-keys", "none" + name}, {"inspect", "-name", name},
	} {
		got := runLine(t.Context(), map[string]string{"SESSION_KEYS": cookiesession.NewSecret().Reveal()}, args...)
		if i := strings.IndexFunc(got.out+got.err, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 || got.out+got.err == "" {
			t.Errorf("%q prints %q", args, got.out+got.err)
		}
	}
}

// TestOrdinaryArgumentsAreNoSecrets has names that are long, and names that
// could be secrets but are there.
func TestOrdinaryArgumentsAreNoSecrets(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "0123456789abcdef0f1e2d3c4b5a69788796a5b4c3d2e1f00123456789abcdef", "_data")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys.json", "session-keys-of-the-shop.json", "a/b/c/d/e/f/g/h.json"} {
		path := filepath.Join(folder, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		for _, args := range [][]string{{"keys", "new", path}, {"keys", "list", path}, {"keys", "rotate", "-secret=", path}, {"keys", "check", path}} {
			if got := runLine(t.Context(), nil, args...); got.code != exitDone {
				t.Errorf("%v: %s", args, got.err)
			}
		}
	}
}
