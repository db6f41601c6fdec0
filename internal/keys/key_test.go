package keys_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/seal"
)

// TestEachUseHasKeyBytesOfItsOwn derives the keys here once more, with the
// labels that FORMAT.md names.
func TestEachUseHasKeyBytesOfItsOwn(t *testing.T) {
	secret, hash, block := keys.NewSecret(), keys.NewSecret(), keys.NewSecret()
	pair := slices.Concat(raw(hash), raw(block))
	for _, c := range []struct {
		name        string
		material    keys.Material
		ikm         []byte
		hash, block []byte // for the securecookie format
	}{
		{"a secret", keys.Material{Secret: secret}, raw(secret),
			expand(raw(secret), "securecookie hash key", 32), expand(raw(secret), "securecookie block key", 32)},
		{"a pair", keys.Material{HashKey: hash, BlockKey: block}, pair, raw(hash), raw(block)},
	} {
		securecookie, err := seal.NewSecurecookie(c.hash, c.block)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := seal.NewCompact(expand(c.ikm, "compact hash key", 32), expand(c.ikm, "compact block key", 32))
		if err != nil {
			t.Fatal(err)
		}
		for format, other := range map[string]seal.Sealer{keys.Securecookie: securecookie, keys.Compact: compact, "": securecookie} {
			c.material.Format = format
			k := only(t, c.material)
			text := sealed(t, k.Sealer())
			if plain, err := other.Open("name", text); err != nil || string(plain) != "plain" {
				t.Errorf("%s, format %q: the documented keys do not open what it sealed: %v", c.name, format, err)
			}
		}
		if want := base64.RawURLEncoding.EncodeToString(expand(c.ikm, "key id", 3)); c.material.ID() != want || only(t, c.material).ID() != want {
			t.Errorf("%s: want the id %s, got %s", c.name, want, c.material.ID())
		}
	}
}

func TestAKeyOpensBothFormatsAndCountsWhatItOpened(t *testing.T) {
	m := keys.Material{Secret: keys.NewSecret()}
	other := only(t, keys.Material{Secret: keys.NewSecret()})
	for _, format := range []string{keys.Securecookie, keys.Compact} {
		m.Format = format
		set := ring(t, m)
		k := set.ByID(m.ID())
		for _, in := range []string{keys.Securecookie, keys.Compact} {
			m.Format = in
			text := sealed(t, only(t, m).Sealer())
			if plain, err := k.Open("name", text); err != nil || string(plain) != "plain" {
				t.Errorf("a key in format %s does not open %s: %v", format, in, err)
			}
			if _, err := k.Open("another name", text); err == nil {
				t.Error("it opened under another name")
			}
			if _, err := other.Open("name", text); err == nil {
				t.Error("another key opened it")
			}
		}
		if got := set.Status(time.Now())[0].Opened; got != 2 {
			t.Errorf("want 2 counted, got %d", got)
		}
	}
}

func TestOlderIsDecidedByDatesThenByPosition(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	material := func(from time.Time) keys.Material { return keys.Material{Secret: keys.NewSecret(), SealFrom: from} }
	always, first, twin, far := material(time.Time{}), material(start), material(start), material(start.Add(50*365*24*time.Hour))
	set := ring(t, always, first, twin, far)
	get := func(m keys.Material) *keys.Key { return set.ByID(m.ID()) }
	for _, c := range []struct {
		name     string
		old, new keys.Material
	}{
		{"a key without a date is older than one with", always, first},
		{"the second in the list is older on a tie", twin, first},
		{"a pending key is newer already", first, far},
	} {
		if !get(c.old).OlderThan(get(c.new)) || get(c.new).OlderThan(get(c.old)) {
			t.Errorf("not so: %s", c.name)
		}
	}
	if get(first).OlderThan(get(first)) {
		t.Error("a key is older than itself")
	}
}

// TestNoVerbPrintsASecretOrWhatIsDerivedFromIt: package fmt calls no methods
// for some verbs, and none of an unexported field.
func TestNoVerbPrintsASecretOrWhatIsDerivedFromIt(t *testing.T) {
	s := keys.NewSecret()
	m := keys.Material{Secret: s}
	set := ring(t, m)
	k := set.ByID(m.ID())
	type outside struct {
		secret   keys.Secret
		material keys.Material
		pointer  *keys.Material
		key      *keys.Key
		value    keys.Key
		set      *keys.Set
	}
	leaks := []string{s.Reveal()[:12], hex.EncodeToString([]byte(s.Reveal()[:12]))}
	for _, b := range [][]byte{
		raw(s), expand(raw(s), "securecookie hash key", 32), expand(raw(s), "securecookie block key", 32),
		expand(raw(s), "compact hash key", 32), expand(raw(s), "compact block key", 32),
	} {
		leaks = append(leaks, string(b[:6]), hex.EncodeToString(b[:6]), strings.Trim(fmt.Sprint(b[:6]), "[]"), strings.Trim(fmt.Sprintf("%#v", b[:6]), "[]byte{}"))
	}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, v := range []any{
			s, &s, m, &m, []keys.Material{m}, map[string]keys.Material{"k": m}, keys.Material{HashKey: s, BlockKey: s},
			k, *k, set, *set, outside{s, m, &m, k, *k, set}, &outside{s, m, &m, k, *k, set},
		} {
			text := fmt.Sprintf("%"+string(verb)+" %#"+string(verb)+" %+"+string(verb), v, v, v)
			for _, leak := range leaks {
				if strings.Contains(text, leak) {
					t.Errorf("%%%c of a %T shows a secret", verb, v)
				}
			}
		}
	}
	if got := fmt.Sprint(s); got != "secret("+m.ID()+")" {
		t.Errorf("got %s", got)
	}
}

func TestALongNameIsNotQuoted(t *testing.T) {
	for name, want := range map[string]string{"": ` ""`, "jwt": ` "jwt"`, strings.Repeat("x", 20): ` "` + strings.Repeat("x", 20) + `"`, strings.Repeat("x", 21): ""} {
		if got := keys.Quote(name); got != want {
			t.Errorf("%d characters: want %q, got %q", len(name), want, got)
		}
	}
}

// raw is the bytes of a secret that NewSecret has made.
func raw(s keys.Secret) []byte {
	b, _ := base64.RawURLEncoding.DecodeString(s.Reveal())
	return b
}

func expand(ikm []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, nil, "cookiesession v1 "+label, n)
	if err != nil {
		panic(err)
	}
	return out
}

func sealed(t *testing.T, s seal.Sealer) string {
	t.Helper()
	text, err := s.Seal(nil, "name", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ring(t *testing.T, materials ...keys.Material) *keys.Set {
	t.Helper()
	set, err := keys.NewSet(materials, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// only gives the key of a ring that has no other.
func only(t *testing.T, m keys.Material) *keys.Key {
	t.Helper()
	return ring(t, m).ByID(m.ID())
}
