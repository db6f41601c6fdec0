// Package keyfile reads key files and lists of secrets, and follows a file that
// changes. It makes the material and the sets of package keys from them.
//
// Users see its errors as they are, so the errors begin with the name of the
// module. No error quotes a value that may be a secret.
package keyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/internal/keys"
)

// maxFile is in bytes. 16 keys take 4,000. What is longer is some other file, or
// the wrong value of a store, and reading it must not cost memory.
const maxFile = 64 << 10

var errTooLong = fmt.Errorf("cookiesession: more than %d bytes: this is no key file", maxFile)

// ParseList reads secrets separated by commas or line breaks, or a key file's
// text, which begins with "{".
func ParseList(text string) ([]keys.Material, error) {
	if len(text) > maxFile {
		return nil, errTooLong
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return Parse([]byte(text))
	}
	var list []keys.Material
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		for entry := range strings.SplitSeq(line, ",") {
			// An empty entry is refused too. It may be a variable that was not
			// set, and a key would be missing.
			secret, err := keys.ParseSecret(entry)
			if err != nil {
				return nil, fmt.Errorf("%w (entry %d of the list)", err, len(list)+1)
			}
			list = append(list, keys.Material{Secret: secret})
		}
	}
	return list, nil
}

// Parse reads the text of a key file, {"keys": […]}. It refuses every field
// that it does not know: a mistyped date would change when a key is used.
func Parse(data []byte) ([]keys.Material, error) {
	if len(data) > maxFile {
		return nil, errTooLong
	}
	fields, err := parseObject(data)
	if err != nil {
		return nil, fmt.Errorf("cookiesession: key file: %w", err)
	}
	var entries []json.RawMessage
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "keys" {
			return nil, fmt.Errorf("cookiesession: key file: unknown field%s; it is {\"keys\": […]}", keys.Quote(name))
		}
		if json.Unmarshal(fields[name], &entries) != nil {
			return nil, errors.New("cookiesession: key file: \"keys\" is no list")
		}
	}
	// Checked before the entries are read: thousands of them would give an
	// error with thousands of lines.
	if err := keys.CheckCount(len(entries)); err != nil {
		return nil, err
	}
	list := make([]keys.Material, len(entries))
	var problems []error
	for i, entry := range entries {
		if list[i], err = parseKey(entry); err != nil {
			problems = append(problems, fmt.Errorf("cookiesession: %s: %w", list[i].Name(i), err))
		}
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return list, nil
}

// ParseKey reads one entry of a key file. An entry without a secret is accepted:
// [keys.NewSet] judges whether a key can be made from it.
func ParseKey(data []byte) (keys.Material, error) {
	m, err := parseKey(data)
	if err != nil {
		return keys.Material{}, fmt.Errorf("cookiesession: %w", err)
	}
	return m, nil
}

// parseKey reads one entry. With an error it returns what it could read, so
// that the error can name the key. It does not let encoding/json fill a
// struct: the errors of that package and of package time quote the value, and
// the value may be a secret that was pasted into the wrong field.
func parseKey(data []byte) (m keys.Material, err error) {
	fields, err := parseObject(data)
	if err != nil {
		return m, err
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := setField(&m, name, fields[name]); err != nil {
			problems = append(problems, err)
		}
	}
	return m, errors.Join(problems...)
}

// setField reads one field into m. Every value is a text, so null and numbers
// are refused: a key without the date that somebody meant to give it would seal
// at once, or open for ever.
func setField(m *keys.Material, name string, value json.RawMessage) (err error) {
	var text string
	if json.Unmarshal(value, &text) != nil || value[0] != '"' { // encoding/json takes null for ""
		return fmt.Errorf("field%s: its value is no text in quotes", keys.Quote(name))
	}
	switch name {
	case "secret":
		m.Secret, err = keys.ParseSecret(text)
	case "hash_key":
		m.HashKey, err = keys.ParseSecret(text)
	case "block_key":
		m.BlockKey, err = keys.ParseSecret(text)
	case "seal_from":
		m.SealFrom, err = parseTime(text)
	case "open_until":
		m.OpenUntil, err = parseTime(text)
	case "format":
		m.Format = text // checked with the whole ring
	default:
		return fmt.Errorf("unknown field%s; there are secret, hash_key, block_key, seal_from, open_until and format", keys.Quote(name))
	}
	if err != nil {
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "cookiesession: "))
	}
	return nil
}

// parseTime reads a time with its zone, as RFC 3339 writes it. A date alone
// would leave open when the day begins.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("no time such as \"2026-11-20T10:00:00Z\"")
	}
	return t, nil
}

// parseObject gives the fields of a JSON object. It refuses a field that is
// there twice, because one of two secrets would be lost without a word, and
// anything behind the object.
func parseObject(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, notJSON(dec, data, err)
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		var value json.RawMessage
		name, err := dec.Token()
		if err != nil {
			return nil, notJSON(dec, data, err)
		}
		if err := dec.Decode(&value); err != nil {
			return nil, notJSON(dec, data, err)
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, fmt.Errorf("field%s is there twice", keys.Quote(name.(string)))
		}
		fields[name.(string)] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(dec, data, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is something behind the closing brace")
	}
	return fields, nil
}

// notJSON says where the text stops being a JSON object, without quoting it.
func notJSON(dec *json.Decoder, data []byte, err error) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("it is empty")
	case err == nil:
		return errors.New("it is no JSON object")
	}
	at := min(dec.InputOffset(), int64(len(data)))
	return fmt.Errorf("no JSON from line %d on: cut short, or not written to its end yet?", 1+bytes.Count(data[:at], []byte("\n")))
}
