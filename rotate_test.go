package cookiesession_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/template"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/seal"
	"github.com/gorilla/securecookie"
)

// Keys from wherever an application keeps its configuration.
func ExampleKeyring_Refuse() {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		log.Fatal(err)
	}
	fetch := func() ([]byte, error) { return nil, errors.New("the configuration service is away") }

	if text, err := fetch(); err != nil {
		ring.Refuse(err) // told to OnEvent and kept for Err; the keys in force stay
	} else if err := ring.ReplaceJSON(text); err != nil {
		log.Print(err) // told and kept already
	}
	fmt.Println(ring.Err())
	fmt.Println(ring.Status()[0].State)
	// Output:
	// the configuration service is away
	// sealing
}

// Secrets print, log and marshal as a fingerprint.
func ExampleSecret() {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	text, err := json.Marshal(key)
	fmt.Println(string(text) == fmt.Sprintf(`{"secret":"secret(%s)"}`, key.ID()), err)
	// Output: true <nil>
}

func TestASecretIsReadAsHexOrBase64(t *testing.T) {
	raw := randomBytes32(t)
	for name, text := range map[string]string{
		"hex":                     hex.EncodeToString(raw),
		"hex in capitals":         strings.ToUpper(hex.EncodeToString(raw)),
		"base64url":               base64.RawURLEncoding.EncodeToString(raw),
		"base64url with padding":  base64.URLEncoding.EncodeToString(raw),
		"base64":                  base64.RawStdEncoding.EncodeToString(raw),
		"base64 with padding":     base64.StdEncoding.EncodeToString(raw),
		"white space around it":   "\n\t " + hex.EncodeToString(raw) + "\u00a0\r\n",
		"a file's last line feed": base64.StdEncoding.EncodeToString(raw) + "\n",
	} {
		s, err := cookiesession.ParseSecret(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Reveal() != strings.TrimSpace(text) {
			t.Errorf("%s: Reveal gives another text than was parsed", name)
		}
		want, _ := cookiesession.ParseSecret(hex.EncodeToString(raw))
		if (cookiesession.Key{Secret: s}).ID() != (cookiesession.Key{Secret: want}).ID() {
			t.Errorf("%s: the same bytes give another key", name)
		}
	}
}

func TestSecretsThatAnybodyCouldGuessOrThatWereMistypedAreRefused(t *testing.T) {
	raw := randomBytes32(t)
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ name, text, reason string }{
		{"nothing", "", "empty"},
		{"white space", " \n", "empty"},
		{"a variable that was not filled in", "${SESSION_KEY}", "neither hex nor base64"},
		{"31 bytes", hex.EncodeToString(raw[:31]), "31 bytes"},
		{"31 bytes in base64", b64(raw[:31]), "31 bytes"},
		{"a lost hex digit", hex.EncodeToString(raw)[1:], "odd number"},
		{"base64 with a lost character", b64(raw)[1:], "neither"},
		{"base64 with surplus bits", base64.RawURLEncoding.EncodeToString(raw)[:42] + "B", "neither"},
		{"a line break inside", b64(raw)[:20] + "\n" + b64(raw)[20:], "neither"},
		{"both alphabets at once", "+_" + b64(raw)[2:], "neither"},
		{"text in another script", strings.Repeat("ключ", 20), "neither"},
		{"a whole file", strings.Repeat("A", 5000), "1024"},
		{"a fingerprint", cookiesession.NewSecret().String(), "Reveal"},
		{"zeros", strings.Repeat("00", 32), "few distinct"},
		{"one letter", strings.Repeat("x", 64), "few distinct"},
		{"counting bytes", hex.EncodeToString(countingBytes(32, 1)), "sequence"},
		{"counting backwards", hex.EncodeToString(countingBytes(64, -1)), "sequence"},
		{"counting by sevens", hex.EncodeToString(countingBytes(40, 7)), "sequence"},
		{"the alphabet as text", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "sequence"},
		{"the alphabet as bytes", b64([]byte("abcdefghijklmnopqrstuvwxyz012345")), "sequence"},
		{"16 random bytes, twice", hex.EncodeToString(append(raw[:16:16], raw[:16]...)), "repeats"},
		{"a word over and over", strings.Repeat("change_this_secret_now", 3), "repeats"},
		{"a phrase over and over", b64([]byte("correct horse battery correct horse battery staple")), "repeats"},
		{"FastAPI's sample", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "sample"},
		{"Flask's sample in capitals", strings.ToUpper("192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"), "sample"},
		{"our own documents' sample", b64([]byte("sample secret: make one with cookiesession keys new")), "sample"},
	} {
		_, err := cookiesession.ParseSecret(c.text)
		if err == nil || !strings.Contains(err.Error(), c.reason) || !strings.HasPrefix(err.Error(), "cookiesession: ") {
			t.Errorf("%s: want an error about %q, got %v", c.name, c.reason, err)
		}
		if err != nil && len(c.text) > 12 && strings.Contains(err.Error(), strings.TrimSpace(c.text)) && c.reason != "Reveal" {
			t.Errorf("%s: the error quotes the secret: %v", c.name, err)
		}
	}
}

func TestRandomSecretsAreNeverTakenForWeak(t *testing.T) {
	for range 5000 {
		s := cookiesession.NewSecret()
		raw, err := base64.RawURLEncoding.DecodeString(s.Reveal())
		if err != nil || len(raw) != 32 {
			t.Fatal("NewSecret is not 32 bytes of base64url")
		}
		for _, text := range []string{s.Reveal(), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)} {
			if _, err := cookiesession.ParseSecret(text); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDocumentsPrintNoSecretThatCouldBeUsed(t *testing.T) {
	candidate := regexp.MustCompile(`[A-Za-z0-9+/_-]{43,}=*`)
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".md" && ext != ".json" && ext != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, word := range candidate.FindAllString(string(text), -1) {
			looksRandom := strings.ContainsAny(word, "0123456789") && strings.ToLower(word) != word || len(word) == 64
			if s, err := cookiesession.ParseSecret(word); err == nil && looksRandom {
				t.Errorf("%s prints %v, which somebody will copy; begin its bytes with %q instead", path, s, "sample secret")
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal("no document was read", err)
	}
}

// TestNoFormShowsASecret walks what prints, logs, marshals or panics.
func TestNoFormShowsASecret(t *testing.T) {
	s, hash, block := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: s}, cookiesession.Key{HashKey: hash, BlockKey: block})
	if err != nil {
		t.Fatal(err)
	}
	key := cookiesession.Key{Secret: s, HashKey: hash, BlockKey: block}
	shown := func(how, text string) {
		t.Helper()
		for _, s := range []cookiesession.Secret{s, hash, block} {
			raw, _ := base64.RawURLEncoding.DecodeString(s.Reveal())
			for _, leak := range []string{
				s.Reveal(), s.Reveal()[:12], string(raw), string(raw[:8]), hex.EncodeToString(raw[:8]), strings.ToUpper(hex.EncodeToString(raw[:8])),
				base64.StdEncoding.EncodeToString(raw)[:12], hex.EncodeToString([]byte(s.Reveal()))[:16],
				strings.Trim(fmt.Sprint(raw[:8]), "[]"), strings.TrimSuffix(fmt.Sprintf("%#v", raw[:8]), "}")[len("[]byte{"):],
			} {
				if strings.Contains(text, leak) {
					t.Errorf("%s shows a secret: %s", how, text)
				}
			}
		}
	}
	type outside struct { // fmt cannot call methods of unexported fields
		secret cookiesession.Secret
		key    cookiesession.Key
		keys   []cookiesession.Key
		byID   map[string]cookiesession.Key
		ring   *cookiesession.Keyring
	}
	type exported struct {
		Secret cookiesession.Secret
		Key    *cookiesession.Key
		Any    any
		Ring   *cookiesession.Keyring
		Status []cookiesession.KeyStatus
	}
	type config struct { // as an application embeds a ring in its configuration
		Ring  cookiesession.Keyring
		Array [1]cookiesession.Key
		inner struct {
			ring cookiesession.Keyring
			any  any
		}
	}
	cfg := config{Array: [1]cookiesession.Key{key}}
	cfg.inner.any = key
	text := fmt.Appendf(nil, `{"keys": [{"secret": %q}, {"hash_key": %q, "block_key": %q}]}`, s.Reveal(), hash.Reveal(), block.Reveal())
	refusal := cfg.Ring.Replace(key, key)
	if err := errors.Join(cfg.Ring.ReplaceJSON(text), cfg.inner.ring.ReplaceJSON(text)); err != nil || refusal == nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"exported fields": exported{s, &key, key, ring, ring.Status()}, "a configuration": &cfg, "Config": cookiesession.Config{Keyring: ring},
		"a refusal": refusal, "an event": cookiesession.Event{Kind: cookiesession.EventKeysRefused, KeyID: key.ID(), Err: refusal}, "a function": s.Reveal, "any": []any{s, &key, ring},
		"Secret": s, "*Secret": &s, "[]Secret": []cookiesession.Secret{s}, "map": map[cookiesession.Secret]cookiesession.Secret{s: hash},
		"Key": key, "*Key": &key, "[]Key": []cookiesession.Key{key}, "*Keyring": ring, "[]*Keyring": []*cookiesession.Keyring{ring}, "Status": ring.Status(),
		"unexported fields": outside{s, key, []cookiesession.Key{key}, map[string]cookiesession.Key{"k": key}, ring}, "an error": fmt.Errorf("with %v and %v", s, key),
	}
	for name, v := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", " ", "0", "-", "# ", "+#", "40", ".3", "-60.50"} {
				format := "%" + flags + string(verb)
				shown(name+" in "+format, fmt.Sprintf(format, v))
			}
		}
		text, _ := json.Marshal(v)
		shown(name+" in JSON", string(text))
		text, _ = xml.Marshal(v)
		shown(name+" in XML", string(text))
		var b strings.Builder
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("m", "v", v, slog.Group("g", slog.Any("v", v)))
		}
		template.Must(template.New("").Parse("{{.}} {{print .}} {{html .}} {{js .}}")).Execute(&b, v)
		shown(name+" in a log or template", b.String())
		func() {
			defer func() { shown(name+" in a panic", fmt.Sprint(recover())) }()
			panic(v)
		}()
	}
	if got := fmt.Sprint(s); got != "secret("+(cookiesession.Key{Secret: s}).ID()+")" {
		t.Errorf("the fingerprint should name the key by its id, got %s", got)
	}
	var f flag.FlagSet
	f.TextVar(new(cookiesession.Secret), "key", s, "a `secret`")
	var usage strings.Builder
	f.SetOutput(&usage)
	f.PrintDefaults()
	shown("a flag's default", usage.String())
}

func TestARingThatWouldLockSomebodyOutIsRefusedWithTheKeysNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a, b, c := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
		with := func(k cookiesession.Key, from, until time.Duration) cookiesession.Key {
			if from != 0 {
				k.SealFrom = now.Add(from)
			}
			if until != 0 {
				k.OpenUntil = now.Add(until)
			}
			return k
		}
		hash, block := cookiesession.NewSecret(), cookiesession.NewSecret()
		long, _ := cookiesession.ParseSecret(base64.RawURLEncoding.EncodeToString(append(randomBytes32(t), randomBytes32(t)...)))
		odd, _ := cookiesession.ParseSecret(base64.RawURLEncoding.EncodeToString(append(randomBytes32(t), 1)))
		sameBytes, _ := base64.RawURLEncoding.DecodeString(a.Secret.Reveal())
		inHex, _ := cookiesession.ParseSecret(hex.EncodeToString(sameBytes))
		many := make([]cookiesession.Key, 17)
		for i := range many {
			many[i].Secret = cookiesession.NewSecret()
		}
		for _, tc := range []struct {
			name   string
			keys   []cookiesession.Key
			reason string // "" is accepted
			ids    []string
		}{
			{"no keys", nil, "needs a key", nil},
			{"one key", []cookiesession.Key{a}, "", nil},
			{"16 keys", many[:16], "", nil},
			{"17 keys", many, "at most 16", nil},
			{"a key without a secret", []cookiesession.Key{a, {}}, "key number 2: it has no secret", nil},
			{"the same key twice", []cookiesession.Key{a, b, a}, "there twice", []string{a.ID()}},
			{"the same secret written as hex and as base64", []cookiesession.Key{a, {Secret: inHex}}, "there twice", []string{a.ID()}},
			{"a pair", []cookiesession.Key{{HashKey: hash, BlockKey: block}}, "", nil},
			{"a pair with a hash key of 64 bytes", []cookiesession.Key{{HashKey: long, BlockKey: block}}, "", nil},
			{"a hash key alone", []cookiesession.Key{{HashKey: hash}}, "one is missing", []string{cookiesession.Key{HashKey: hash}.ID()}},
			{"a block key alone", []cookiesession.Key{{BlockKey: hash}}, "one is missing", nil},
			{"a secret beside a pair", []cookiesession.Key{{Secret: a.Secret, HashKey: hash, BlockKey: block}}, "one or the other", nil},
			{"a hash key of 33 bytes", []cookiesession.Key{{HashKey: odd, BlockKey: block}}, "32 or 64", nil},
			{"a block key of 64 bytes", []cookiesession.Key{{HashKey: hash, BlockKey: long}}, "32 bytes", nil},
			{"two keys with one hash key", []cookiesession.Key{{HashKey: hash, BlockKey: block}, {HashKey: hash, BlockKey: cookiesession.NewSecret()}}, "shares a secret", []string{cookiesession.Key{HashKey: hash, BlockKey: block}.ID()}},
			{"two keys with one block key", []cookiesession.Key{{HashKey: hash, BlockKey: block}, {HashKey: cookiesession.NewSecret(), BlockKey: block}}, "shares a secret", nil},
			{"a hash key that is another's block key", []cookiesession.Key{{HashKey: hash, BlockKey: block}, {HashKey: block, BlockKey: cookiesession.NewSecret()}}, "shares a secret", nil},
			{"an unknown format", []cookiesession.Key{{Secret: a.Secret, Format: "jwt"}}, `unknown format "jwt"`, []string{a.ID()}},
			{"every problem at once", []cookiesession.Key{{Secret: a.Secret, Format: "jwt"}, {}}, "key number 2", []string{a.ID()}},

			{"only a pending key", []cookiesession.Key{with(a, time.Hour, 0)}, "no key would seal now and until 2000-01-01T01:00:00Z", []string{a.ID()}},
			{"only a key that ends", []cookiesession.Key{with(a, 0, time.Hour)}, "from 2000-01-01T01:00:00Z and ever after", []string{a.ID()}},
			{"only a retired key", []cookiesession.Key{with(a, 0, -time.Hour)}, "no key would seal now", []string{a.ID()}},
			{"a key that ends this very instant", []cookiesession.Key{{Secret: a.Secret, OpenUntil: now}}, "no key would seal now", nil},
			{"a gap of a second", []cookiesession.Key{with(a, 0, time.Hour), with(b, time.Hour+time.Second, 0)}, "from 2000-01-01T01:00:00Z and until 2000-01-01T01:00:01Z", []string{a.ID(), b.ID()}},
			{"a gap after two keys", []cookiesession.Key{with(c, -time.Hour, 2*time.Hour), with(a, 0, time.Hour), with(b, time.Hour, 3*time.Hour)}, "from 2000-01-01T03:00:00Z", nil},
			{"a seamless change", []cookiesession.Key{with(a, 0, time.Hour), with(b, time.Hour, 0)}, "", nil},
			{"a retired key beside a good one", []cookiesession.Key{with(a, 0, -time.Hour), b}, "", nil},
			{"a key that ends before it would seal", []cookiesession.Key{with(a, 2*time.Hour, time.Hour), b}, "", nil},
			{"dates beyond what 64 bits of nanoseconds hold", []cookiesession.Key{{Secret: a.Secret, SealFrom: time.Date(1500, 1, 2, 0, 0, 0, 0, time.UTC), OpenUntil: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}}, "", nil},
		} {
			_, err := cookiesession.NewKeyring(tc.keys...)
			if tc.reason == "" {
				if err != nil {
					t.Errorf("%s: %v", tc.name, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("%s: want an error about %q, got %v", tc.name, tc.reason, err)
				continue
			}
			for _, id := range tc.ids {
				if !strings.Contains(err.Error(), id) {
					t.Errorf("%s: the error does not name key %s: %v", tc.name, id, err)
				}
			}
		}
	})
}

func TestWhatAKeyDoesFollowsFromItsDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		old := cookiesession.Key{Secret: cookiesession.NewSecret(), OpenUntil: start.Add(10 * time.Hour)}
		next := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: start.Add(time.Hour)}
		twin := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: start.Add(time.Hour), Format: cookiesession.FormatCompact}
		ring, err := cookiesession.NewKeyring(old, next, twin)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name string
			at   time.Duration
			want []cookiesession.KeyState
		}{
			{"at first the old key seals", 0, []cookiesession.KeyState{cookiesession.KeySealing, cookiesession.KeyPending, cookiesession.KeyPending}},
			{"a nanosecond before the change", time.Hour - 1, []cookiesession.KeyState{cookiesession.KeySealing, cookiesession.KeyPending, cookiesession.KeyPending}},
			{"from seal_from on, the first in the list on a tie", time.Hour, []cookiesession.KeyState{cookiesession.KeyOpening, cookiesession.KeySealing, cookiesession.KeyOpening}},
			{"a nanosecond before the end", 10*time.Hour - 1, []cookiesession.KeyState{cookiesession.KeyOpening, cookiesession.KeySealing, cookiesession.KeyOpening}},
			{"at open_until it is over", 10 * time.Hour, []cookiesession.KeyState{cookiesession.KeyRetired, cookiesession.KeySealing, cookiesession.KeyOpening}},
		} {
			time.Sleep(time.Until(start.Add(step.at)))
			var got []cookiesession.KeyState
			for _, k := range ring.Status() {
				got = append(got, k.State)
			}
			if !slices.Equal(got, step.want) {
				t.Errorf("%s: want %v, got %v", step.name, step.want, got)
			}
		}
		got := ring.Status()
		if got[0].ID != old.ID() || !got[0].OpenUntil.Equal(old.OpenUntil) || !got[1].SealFrom.Equal(next.SealFrom) || got[0].Format != cookiesession.FormatSecurecookie || got[2].Format != cookiesession.FormatCompact {
			t.Errorf("Status does not tell the keys' own ids, dates and formats: %+v", got)
		}
	})
}

func TestAnOlderKeySealsAgainWhenTheNewerOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lasting := cookiesession.Key{Secret: cookiesession.NewSecret()}
		guest := cookiesession.Key{Secret: cookiesession.NewSecret(), OpenUntil: time.Now().Add(time.Hour)}
		ring, err := cookiesession.NewKeyring(guest, lasting)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]cookiesession.KeyState{
			{cookiesession.KeySealing, cookiesession.KeyOpening},
			{cookiesession.KeyRetired, cookiesession.KeySealing},
		} {
			st := ring.Status()
			if got := []cookiesession.KeyState{st[0].State, st[1].State}; !slices.Equal(got, want) {
				t.Errorf("want %v, got %v", want, got)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestWhatAKeyIsExpandedTo opens cookies with keys derived here, by the labels
// that the format documents.
func TestWhatAKeyIsExpandedTo(t *testing.T) {
	derive := func(ikm []byte, label string) []byte {
		out, err := hkdf.Key(sha256.New, ikm, nil, "cookiesession v1 "+label, 32)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	raw := func(s cookiesession.Secret) []byte {
		b, _ := base64.RawURLEncoding.DecodeString(s.Reveal())
		return b
	}
	secret, hash, block := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
	pair := slices.Concat(raw(hash), raw(block))
	for name, c := range map[string]struct {
		key                                    cookiesession.Key
		hash, block, compactHash, compactBlock []byte
	}{
		"a secret": {cookiesession.Key{Secret: secret},
			derive(raw(secret), "securecookie hash key"), derive(raw(secret), "securecookie block key"),
			derive(raw(secret), "compact hash key"), derive(raw(secret), "compact block key")},
		"a pair": {cookiesession.Key{HashKey: hash, BlockKey: block},
			raw(hash), raw(block), derive(pair, "compact hash key"), derive(pair, "compact block key")},
	} {
		sealed := func(f cookiesession.Format) string {
			c.key.Format = f
			ring, err := cookiesession.NewKeyring(c.key)
			if err != nil {
				t.Fatal(err)
			}
			visitor := &ringVisitor{handler: ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add}))}
			visitor.get()
			return strings.TrimPrefix(visitor.cookies["s_session"], c.key.ID()+".")
		}
		var plain []byte
		gorilla := securecookie.New(c.hash, c.block).SetSerializer(securecookie.NopEncoder{}).MaxAge(0)
		if err := gorilla.Decode("s_session", sealed(cookiesession.FormatSecurecookie), &plain); err != nil || len(plain) == 0 {
			t.Errorf("%s: gorilla/securecookie with the same keys does not open the cookie: %v", name, err)
		}
		compact, err := seal.NewCompact(c.compactHash, c.compactBlock)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compact.Open("s_session", sealed(cookiesession.FormatCompact)); err != nil {
			t.Errorf("%s: the compact format is sealed with other keys: %v", name, err)
		}
	}
}

func TestAReplacementIsWholeOrNotAtAll(t *testing.T) {
	a, b := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(a)
	if err != nil {
		t.Fatal(err)
	}
	var events ringEvents
	ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add})
	if err := ring.Replace(b, b); err == nil {
		t.Fatal("a bad replacement was accepted")
	} else if !errors.Is(ring.Err(), err) {
		t.Errorf("Err should give the refusal, got %v", ring.Err())
	}
	if st := ring.Status(); len(st) != 1 || st[0].ID != a.ID() {
		t.Errorf("a refused replacement changed the ring: %+v", st)
	}
	if err := ring.Replace(b, a); err != nil || ring.Err() != nil {
		t.Errorf("a good replacement: %v, and Err %v", err, ring.Err())
	}
	if err := ring.ReplaceJSON([]byte(`{"keys": [`)); err == nil || !errors.Is(ring.Err(), err) {
		t.Error("a text that is no key file should be refused and kept for Err")
	}
	status, err := json.Marshal(ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.ReplaceJSON(status); err == nil {
		t.Error("the status of a ring was taken for keys")
	}
	if st := ring.Status(); len(st) != 2 || st[0].ID != b.ID() {
		t.Errorf("a refused text changed the ring: %+v", st)
	}
	if err := ring.ReplaceJSON(fmt.Appendf(nil, `{"keys": [{"secret": %q}]}`, a.Secret.Reveal())); err != nil || ring.Err() != nil {
		t.Errorf("a good text: %v, and Err %v", err, ring.Err())
	}
	if st := ring.Status(); len(st) != 1 || st[0].ID != a.ID() {
		t.Errorf("want the key of the text: %+v", st)
	}
	want := []string{"keys-refused ", "keys-loaded " + b.ID(), "keys-refused ", "keys-refused ", "keys-loaded " + a.ID()}
	if got := events.kinds(); !slices.Equal(got, want) {
		t.Errorf("want the events %q, got %q", want, got)
	}
}

func TestNobodyIsLostWhileKeysChangeDuringTraffic(t *testing.T) {
	a, b, c := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: cookiesession.FormatCompact}
	ring, err := cookiesession.NewKeyring(a, b, c)
	if err != nil {
		t.Fatal(err)
	}
	handler := ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			visitor := &ringVisitor{handler: handler}
			for i := 1; i <= 100; i++ {
				if got := visitor.get(); got != fmt.Sprint(i) {
					t.Errorf("visit %d counted %s", i, got)
					return
				}
			}
		})
	}
	wg.Go(func() {
		orders := [][]cookiesession.Key{{a, b, c}, {b, c, a}, {c, a, b}}
		for i := range 100 {
			if err := ring.Replace(orders[i%3]...); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}

// TestOneRotationFromBothEnds is a fleet of two whose instances learn of the
// new key at different times.
func TestOneRotationFromBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := cookiesession.Key{Secret: cookiesession.NewSecret()}
		early, _ := cookiesession.NewKeyring(old)
		late, _ := cookiesession.NewKeyring(old)
		var events ringEvents
		instances := []http.Handler{
			ringCounter(ringManager(t, cookiesession.Config{Keyring: early, OnEvent: events.add})),
			ringCounter(ringManager(t, cookiesession.Config{Keyring: late, OnEvent: events.add})),
		}
		visitor, n := &ringVisitor{}, 0
		visit := func(instance int) {
			t.Helper()
			n++
			visitor.handler = instances[instance]
			if got := visitor.get(); got != fmt.Sprint(n) {
				t.Fatalf("visit %d counted %s: the session was lost", n, got)
			}
		}
		visit(0)
		next := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(time.Hour)}
		old.OpenUntil = next.SealFrom.Add(24 * time.Hour)
		if err := early.Replace(next, old); err != nil {
			t.Fatal(err)
		}
		visit(0)
		visit(1) // has not heard of the new key, and need not
		time.Sleep(50 * time.Minute)
		if err := late.Replace(next, old); err != nil {
			t.Fatal(err)
		}
		visit(1)
		time.Sleep(10 * time.Minute)
		visit(1)
		if got := visitor.keyID(); got != next.ID() {
			t.Errorf("after seal_from the cookie should be under %s, is under %s", next.ID(), got)
		}
		if st := early.Status(); st[1].State != cookiesession.KeyOpening || st[1].Opened == 0 {
			t.Errorf("Status should count what the old key opened: %+v", st)
		}
		opened := early.Status()[1].Opened
		if err := early.Replace(next, old); err != nil || early.Status()[1].Opened != opened {
			t.Error("a key that stays should keep its count", err)
		}
		before := visitor.cookies
		time.Sleep(24 * time.Hour)
		visit(0)
		stale := &ringVisitor{handler: instances[0], cookies: map[string]string{"s_session": old.ID() + before["s_session"][4:]}}
		if got := stale.get(); got != "1" {
			t.Error("a key past its open_until still opens")
		}
	})
}

// TestAKeyPastItsEndOpensNothing replays a cookie that is itself still alive.
func TestAKeyPastItsEndOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := cookiesession.Key{Secret: cookiesession.NewSecret(), OpenUntil: time.Now().Add(time.Hour)}
		next := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(time.Minute)}
		ring, err := cookiesession.NewKeyring(old, next)
		if err != nil {
			t.Fatal(err)
		}
		m := ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add})
		visitor := &ringVisitor{handler: ringCounter(m)}
		visitor.get()
		header := visitor.header()
		time.Sleep(time.Hour - time.Second)
		if s := m.Open(t.Context(), header); s.IsNew() {
			t.Errorf("a second before its end the key should open, got %v", s.Rejected())
		}
		time.Sleep(time.Second)
		if s := m.Open(t.Context(), header); !s.IsNew() || !errors.Is(s.Rejected(), cookiesession.ErrUnknownKey) {
			t.Errorf("at its end the key should be unknown, got %v", s.Rejected())
		}
	})
}

// TestOnlyTheNameOfAKeyIsTakenForOne: what stands in its place may be anything
// that a client sends. Events carry the name of a key into logs, so nothing
// else may get there.
func TestOnlyTheNameOfAKeyIsTakenForOne(t *testing.T) {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id   string
		want error
	}{
		{"none", cookiesession.ErrUnknownKey},
		{"-_09", cookiesession.ErrUnknownKey},
		{"a!bc", cookiesession.ErrInvalid},
		{"a+b/", cookiesession.ErrInvalid},
		{"ab==", cookiesession.ErrInvalid},
		{"\x1b[2J", cookiesession.ErrInvalid},
		{"<i>x", cookiesession.ErrInvalid},
		{"äö", cookiesession.ErrInvalid},
		{"ab%0", cookiesession.ErrInvalid},
		{"....", cookiesession.ErrInvalid},
		{"abc", cookiesession.ErrInvalid},
		{"abcde", cookiesession.ErrInvalid},
	} {
		var events ringEvents
		m := ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add})
		s := m.Open(t.Context(), "s_session="+c.id+".MTc2MzYzMjAwMHw")
		if got := s.Rejected(); !errors.Is(got, c.want) {
			t.Errorf("%q: want %v, got %v", c.id, c.want, got)
		}
		named := ""
		if c.want == cookiesession.ErrUnknownKey {
			named = c.id
		}
		if len(events.list) != 1 || events.list[0].KeyID != named {
			t.Errorf("%q: want one event with the key %q, got %+v", c.id, named, events.list)
		}
	}
}

func TestChangingAKeysFormatInPlaceLogsNobodyOut(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	pair := cookiesession.Key{HashKey: cookiesession.NewSecret(), BlockKey: cookiesession.NewSecret()}
	for name, k := range map[string]cookiesession.Key{"a secret": key, "a pair": pair} {
		ring, err := cookiesession.NewKeyring(k)
		if err != nil {
			t.Fatal(err)
		}
		visitor := &ringVisitor{handler: ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add}))}
		for i, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact, cookiesession.FormatSecurecookie, "", cookiesession.FormatCompact} {
			k.Format = format
			if err := ring.Replace(k); err != nil {
				t.Fatal(err)
			}
			if got := visitor.get(); got != fmt.Sprint(i+1) {
				t.Errorf("%s: with format %q visit %d counted %s", name, format, i+1, got)
			}
			text := strings.TrimPrefix(visitor.cookies["s_session"], k.ID()+".")
			if compact := strings.HasPrefix(text, "A"); compact != (format == cookiesession.FormatCompact) {
				t.Errorf("%s: the cookie is not in format %q", name, format)
			}
		}
	}
}

func TestAZeroKeyringIsRefusedAndAsksForNothing(t *testing.T) {
	var zero cookiesession.Keyring
	if zero.Status() != nil || zero.Err() != nil || fmt.Sprint(&zero) != "keyring()" || !zero.LastRead().IsZero() {
		t.Error("a zero Keyring should have nothing to tell")
	}
	for name, ring := range map[string]*cookiesession.Keyring{"zero": &zero, "nil": nil} {
		if _, err := cookiesession.New(cookiesession.Config{Keyring: ring}); err == nil {
			t.Errorf("New accepted a %s keyring", name)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{
		"", " ", "secret(AAAA)", "00", strings.Repeat("0", 64), strings.Repeat("a1", 32), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", "\u00a0\ufeff",
		cookiesession.NewSecret().Reveal(), cookiesession.NewSecret().Reveal() + "=", "+/" + cookiesession.NewSecret().Reveal(), strings.Repeat("A", 2000), "\x00\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cookiesession.ParseSecret(text)
		if err != nil {
			if !s.IsZero() || !strings.HasPrefix(err.Error(), "cookiesession: ") {
				t.Errorf("a refusal that is none: %v %v", s, err)
			}
			return
		}
		if s.Reveal() != strings.TrimSpace(text) {
			t.Error("Reveal gives another text")
		}
		if again, err := cookiesession.ParseSecret(s.Reveal()); err != nil || again != s {
			t.Error("what was revealed does not parse to the same secret", err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v %x", s, s, s), s.Reveal()) {
			t.Error("it prints itself")
		}
		if _, err := cookiesession.NewKeyring(cookiesession.Key{Secret: s}); err != nil {
			t.Error("a parsed secret should make a key", err)
		}
	})
}

func randomBytes32(t *testing.T) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cookiesession.NewSecret().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func countingBytes(n, step int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * step)
	}
	return b
}

func ringManager(t *testing.T, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ringCounter answers how often the visitor has been there.
func ringCounter(m *cookiesession.Manager) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := m.FromContext(r.Context()).Add("n", 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, n)
	}))
}

// ringVisitor keeps cookies, deletions included, and nothing else of a ringVisitor.
type ringVisitor struct {
	handler http.Handler
	cookies map[string]string
}

func (b *ringVisitor) get() string {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", b.header())
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if b.cookies == nil {
		b.cookies = map[string]string{}
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w.Body.String()
}

func (b *ringVisitor) header() string {
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

func (b *ringVisitor) keyID() string {
	id, _, _ := strings.Cut(b.cookies["s_session"], ".")
	return id
}
