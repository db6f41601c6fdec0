package keyfile_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/keyfile"
	"github.com/cookiesession/cookiesession/internal/keys"
)

func TestAKeyFileGivesWhatIsWrittenInIt(t *testing.T) {
	a, b, c := keys.NewSecret(), keys.NewSecret(), keys.NewSecret()
	text := fmt.Sprintf(`
		{ "keys": [
			{"secret": %q, "seal_from": "2026-11-20T10:00:00+01:00", "open_until": "9999-12-31T23:59:59.5Z", "format": "compact"},
			{"hash_key": %q, "block_key": %q},
			{"\u0073ecret": %q, "format": "unknown"}
		] } `, a.Reveal(), b.Reveal(), c.Reveal(), " "+b.Reveal()+"\\n")
	text = strings.Replace(text, `\\n`, `\n`, 1)
	got, err := keyfile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	from, until := got[0].SealFrom, got[0].OpenUntil
	if !from.Equal(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)) || until.Year() != 9999 || until.Nanosecond() != 5e8 {
		t.Errorf("the dates are %v and %v", from, until)
	}
	want := []keys.Material{
		{Secret: a, SealFrom: from, OpenUntil: until, Format: keys.Compact},
		{HashKey: b, BlockKey: c},
		{Secret: b, Format: "unknown"}, // for the check of the whole ring
	}
	if !slices.Equal(got, want) {
		t.Errorf("want %v, got %v", want, got)
	}
	if got, err := keyfile.ParseList(text); err != nil || !slices.Equal(got, want) {
		t.Errorf("ParseList gives %v, %v", got, err)
	}
	if got, err := keyfile.ParseKey([]byte(fmt.Sprintf(` {"hash_key": %q, "block_key": %q} `, b.Reveal(), c.Reveal()))); err != nil || got != want[1] {
		t.Errorf("ParseKey gives %v, %v", got, err)
	}
}

// TestTextThatIsNoKeyFileIsRefused: S stands for a secret. Each error says what
// is wrong, and none quotes the secret.
func TestTextThatIsNoKeyFileIsRefused(t *testing.T) {
	secret := keys.NewSecret().Reveal()
	for text, reason := range map[string]string{
		"":                                      "key file: it is empty",
		" \n":                                   "it is empty",
		"xS":                                    "no JSON from line 1 on",
		`"S"`:                                   "it is no JSON object",
		`["S"]`:                                 "it is no JSON object",
		"null":                                  "it is no JSON object",
		`{"keys": [`:                            "no JSON from line 1 on: cut short",
		"{\n\"keys\": [\n{\"secret\": \"S":      "no JSON from line",
		"{\n\"keys\": []\n} x":                  "behind the closing brace",
		`{"keys": []} {}`:                       "behind the closing brace",
		"{\n\"keys\":\n\n[}":                    "no JSON from line 2 on",
		`{"keys": [], "keys": []}`:              `"keys" is there twice`,
		`{"keys": [], "\u006beys": []}`:         `"keys" is there twice`,
		`{"keys": [], "version": 2}`:            `unknown field "version"; it is {"keys": […]}`,
		`{"Keys": []}`:                          `unknown field "Keys"`,
		`{"S": 1}`:                              "unknown field; it is",
		`{"keys": "S"}`:                         `"keys" is no list`,
		`{"keys": {"S": 1}}`:                    `"keys" is no list`,
		`{"keys": [null]}`:                      "key number 1: it is no JSON object",
		`{"keys": ["S"]}`:                       "key number 1: it is no JSON object",
		`{"keys": [{"secret": null}]}`:          `field "secret": its value is no text in quotes`,
		`{"keys": [{"secret": ["S"]}]}`:         `field "secret": its value is no text`,
		`{"keys": [{"secret": 5}]}`:             "no text",
		`{"keys": [{"sEcret": "S"}]}`:           `unknown field "sEcret"; there are secret,`,
		`{"keys": [{"S": "S"}]}`:                "unknown field; there are",
		`{"keys": [{"secret": "S!"}]}`:          "key number 1: secret: secret refused: neither hex",
		`{"keys": [{"hash_key": "S!"}]}`:        "hash_key: secret refused: neither hex",
		`{"keys": [{"block_key": "S!"}]}`:       "block_key: secret refused: neither hex",
		`{"keys": [{"secret": ""}]}`:            "secret: secret refused: it is empty",
		`{"keys": [{"seal_from": "S"}]}`:        "seal_from: no time such as",
		`{"keys": [{"open_until": ""}]}`:        "open_until: no time such as",
		`{"keys": [{"seal_from": 1767225600}]}`: "no text in quotes",
		`{"keys": [{"secret": "S", "format": null}]}`:          `field "format": its value is no text`,
		`{"keys": [{"secret": "S", "secret": "S"}]}`:           `field "secret" is there twice`,
		`{"keys": [{"secret": "S", "seal_from": "tomorrow"}]}`: "\": seal_from: no time", // named by its id
		`{"keys": [{"secret": ""}, {"seal_from": ""}]}`:        "key number 2: seal_from",
	} {
		list, err := keyfile.Parse([]byte(strings.ReplaceAll(text, "S", secret)))
		text = strings.ReplaceAll(text, "\n", " ")
		if err == nil || list != nil {
			t.Errorf("%s was accepted", text)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, reason) || !strings.HasPrefix(msg, "cookiesession: ") || strings.Contains(msg, secret[:12]) {
			t.Errorf("%s: want an error about %q, got %v", text, reason, err)
		}
	}
}

func TestAKeyOfItsOwnIsReadAsStrictly(t *testing.T) {
	for text, reason := range map[string]string{
		"": "cookiesession: it is empty", "[]": "no JSON object", `{"secret": null}`: "no text", `{} {}`: "behind the closing brace", `{"id": "AAAA"}`: `unknown field "id"`,
	} {
		if m, err := keyfile.ParseKey([]byte(text)); err == nil || !strings.Contains(err.Error(), reason) || m != (keys.Material{}) {
			t.Errorf("%s: want an error about %q, got %v", text, reason, err)
		}
	}
	if m, err := keyfile.ParseKey([]byte("{}")); err != nil || m != (keys.Material{}) {
		t.Errorf("a key without fields is for the ring to refuse: %v", err)
	}
}

func TestAListHasOneSecretForEachEntry(t *testing.T) {
	a, b := keys.NewSecret(), keys.NewSecret()
	want := []keys.Material{{Secret: a}, {Secret: b}}
	for name, text := range map[string]string{
		"commas": a.Reveal() + "," + b.Reveal(), "spaces": " " + a.Reveal() + " , " + b.Reveal() + "\n",
		"lines": a.Reveal() + "\r\n\r\n" + b.Reveal() + "\r\n", "both": "\n" + a.Reveal() + "\n" + b.Reveal(),
	} {
		if got, err := keyfile.ParseList(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for text, reason := range map[string]string{
		"S,": "(entry 2 of the list)", ",S": "it is empty (entry 1 of the list)", "S,,S": "(entry 2", "S\n,\nS": "(entry 2", "S,short": "(entry 2", "S S": "neither hex",
	} {
		if list, err := keyfile.ParseList(strings.ReplaceAll(text, "S", a.Reveal())); err == nil || list != nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), a.Reveal()[:12]) {
			t.Errorf("%q: want an error about %q, got %v", text, reason, err)
		}
	}
	if list, err := keyfile.ParseList(" \n"); len(list) != 0 || err != nil {
		t.Errorf("an empty list is for the ring to refuse: %v, %v", list, err)
	}
}

// TestALargeTextIsRefusedWithAShortError: a wrong path, or the wrong value of
// some store, may be anything.
func TestALargeTextIsRefusedWithAShortError(t *testing.T) {
	entries := strings.Repeat("{},", 16) + "{}"
	for text, reason := range map[string]string{
		`{"keys": [` + entries + "]}": "17 keys; a keyring holds at most 16",
		`{"keys": []}`:                "needs a key",
		`{"keys": [` + strings.Repeat(`{"x": 1},`, 7000) + "{}]}":  "7001 keys",
		`{"keys": []}` + strings.Repeat(" ", 64<<10):               "more than 65536 bytes",
		strings.Repeat(keys.NewSecret().Reveal()+",", 64<<10/44+1): "more than 65536 bytes",
	} {
		if list, err := keyfile.ParseList(text); err == nil || list != nil || !strings.Contains(err.Error(), reason) || len(err.Error()) > 200 {
			t.Errorf("%d bytes: want a short error about %q, got %.300v", len(text), reason, err)
		}
		if !strings.HasPrefix(text, "{") {
			continue
		}
		if list, err := keyfile.Parse([]byte(text)); err == nil || list != nil || !strings.Contains(err.Error(), reason) || len(err.Error()) > 200 {
			t.Errorf("%d bytes: want a short error about %q, got %.300v", len(text), reason, err)
		}
	}
}

func TestTheLargestTextIsRead(t *testing.T) {
	text := fmt.Sprintf(`{"keys": [{"secret": %q}]}`, keys.NewSecret().Reveal())
	text += strings.Repeat(" ", 64<<10-len(text))
	if list, err := keyfile.Parse([]byte(text)); err != nil || len(list) != 1 {
		t.Errorf("%d bytes: %d keys, %v", len(text), len(list), err)
	}
	if list, err := keyfile.ParseList(text); err != nil || len(list) != 1 {
		t.Errorf("as a list: %d keys, %v", len(list), err)
	}
}

func TestProblemsComeInAFixedOrder(t *testing.T) {
	text := []byte(`{"seal_from": 1, "open_until": "x", "a": "", "secret": "", "format": null}`)
	_, first := keyfile.ParseKey(text)
	for range 20 {
		if _, err := keyfile.ParseKey(text); err.Error() != first.Error() {
			t.Fatalf("one time %v, another time %v", first, err)
		}
	}
}

// FuzzParse holds that no text leads to a panic, to keys that encoding/json does
// not see, or to an error that quotes the text.
func FuzzParse(f *testing.F) {
	s, p := keys.NewSecret().Reveal(), keys.NewSecret().Reveal()
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"keys":[]}`, `{"keys":[null]}`, `{"keys":null,"keys":[]}`, `{"keys":[{"secret":"` + s + `"`, s + "," + p, s,
		fmt.Sprintf(`{"keys":[{"hash_key":%q,"block_key":%q,"format":"compact"}]}`, s, p),
		fmt.Sprintf(`{"keys":[{"secret":%q,"seal_from":"2026-11-20T10:00:00Z","open_until":"9999-12-31T23:59:59Z"},{"secret":%q}]}`, s, p),
		`{"keys":[{"secret":{"a":[1,2,{"b":null}]}}]}`, `{"\u006beys":[{"secret":"\ud800"}]}`, strings.Repeat(`{"keys":[`, 50), "\ufeff{}", `{"keys":[{"seal_from":"0000-01-01T00:00:00Z"}]}`,
		fmt.Sprintf(`{"keys":[{%q:%q}]}`, s, p), fmt.Sprintf(`{%q:[{"format":%q}]}`, s, p),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := keyfile.Parse([]byte(text))
		if err == nil {
			var other struct{ Keys []map[string]string }
			if err := json.Unmarshal([]byte(text), &other); err != nil || len(other.Keys) != len(list) {
				t.Errorf("encoding/json reads %d keys, want %d: %v", len(other.Keys), len(list), err)
			}
			return
		}
		if list != nil || !strings.HasPrefix(err.Error(), "cookiesession: ") {
			t.Errorf("a refusal with %d keys: %v", len(list), err)
		}
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n\t{}[]:,\"\\", r) }) {
			if len(word) > 20 && strings.Contains(err.Error(), word) {
				t.Errorf("the error quotes %q: %v", word, err)
			}
		}
	})
}
