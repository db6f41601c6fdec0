package cookiesession

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	lookEvery = 5 * time.Second        // a followed file is looked at, on use
	lookEarly = 500 * time.Millisecond // and on a cookie with an unknown key id

	maxKeyFile = 64 << 10 // bytes; 16 keys take 4,000
)

// LoadKeyFile makes a ring of the keys in a file and follows it:
//
//	{"keys": [{"secret": "…", "seal_from": "2026-11-20T10:00:00Z", "open_until": "…", "format": "securecookie"}]}
//
// Each entry is a [Key]; only the secret is required. "cookiesession keys"
// makes and rotates such files.
//
// There is no goroutine: whatever uses the ring looks at the file when the
// last look was 5 seconds ago, so a process that was frozen sees the new keys
// in its first request. The file is read, not just examined, through whatever
// symbolic links lead to it at that moment: renames, rewrites in place and
// Kubernetes' exchange of links are all seen. A file that is broken, half
// written, empty, gone or has keys that [NewKeyring] refuses is reported
// once, as [EventKeysRefused] and by [Keyring.Err], and the keys in force stay.
func LoadKeyFile(path string) (*Keyring, error) {
	path, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return nil, fmt.Errorf("cookiesession: key file: %w", err)
	}
	r, f := new(Keyring), &follower{path: path}
	r.follow.Store(f)
	r.look(f)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// LastRead tells when the followed file was last looked at; zero if the ring
// follows none.
func (r *Keyring) LastRead() time.Time {
	f := r.follow.Load()
	if f == nil {
		return time.Time{}
	}
	return time.Unix(0, f.lastLook.Load())
}

// follower is what a ring remembers of the file it follows.
type follower struct {
	path     string
	lastLook atomic.Int64 // Unix nanoseconds; 0 before the first

	// Under Keyring.mu:
	seen    string // what the last look found, to tell whether it is news
	refused bool
}

// due reports whether the last look is at least wait ago. A clock that was
// set back makes it due too, or an hour would pass without a look; less than
// that is only a request that began before the look.
func (f *follower) due(now time.Time, wait time.Duration) bool {
	ago := now.UnixNano() - f.lastLook.Load()
	return ago >= int64(wait) || ago < -int64(lookEvery)
}

// look reads the file and takes over new keys. While one goroutine looks, or
// the keys are being replaced, the others go on with the keys in force.
func (r *Keyring) look(f *follower) {
	if !r.mu.TryLock() {
		return
	}
	e := r.lookLocked(f)
	r.mu.Unlock()
	if e.Kind != "" {
		r.note(e)
	}
}

func (r *Keyring) lookLocked(f *follower) (e Event) {
	if r.follow.Load() != f { // replaced meanwhile
		return e
	}
	f.lastLook.Store(time.Now().UnixNano())
	data, err := readKeyFile(f.path)
	found := fmt.Sprintf("%x %v", sha256.Sum256(data), err)
	news := found != f.seen
	if !news && !f.refused {
		return e
	}
	// A file that was refused is judged again, silently: its dates may have
	// come true meanwhile.
	before := r.err.Load()
	f.seen = found
	var keys []Key
	if err == nil {
		keys, err = parseKeyFile(data)
	}
	ks, err := r.expandKeys(keys, err)
	if err != nil {
		err = fmt.Errorf("%w (key file %q)", err, f.path)
	}
	e = r.install(ks, err)
	f.refused = e.Err != nil
	if f.refused && !news {
		r.err.Store(before)
		return Event{}
	}
	return e
}

// readKeyFile reads a regular file of bounded size: opening a pipe would hang
// the request, and a wrong path may lead to anything.
func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("cookiesession: not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("cookiesession: more than %d bytes: this is no key file", maxKeyFile)
	}
	return data, nil
}

// parseKeys reads a list of secrets, or a key file.
func parseKeys(text string) ([]Key, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return parseKeyFile([]byte(text))
	}
	var keys []Key
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		for entry := range strings.SplitSeq(line, ",") {
			s, err := ParseSecret(entry)
			if err != nil { // an empty entry too: a variable that was not set is no key less
				return nil, fmt.Errorf("%w (entry %d of the list)", err, len(keys)+1)
			}
			keys = append(keys, Key{Secret: s})
		}
	}
	return keys, nil
}

// parseKeyFile reads {"keys":[…]}, strictly.
func parseKeyFile(data []byte) ([]Key, error) {
	fields, err := parseObject(data)
	if err != nil {
		return nil, fmt.Errorf("cookiesession: key file: %w", err)
	}
	var entries []json.RawMessage
	for name, value := range fields {
		if name != "keys" {
			return nil, fmt.Errorf("cookiesession: key file: unknown field%s; it is {\"keys\": […]}", quoteShort(name))
		}
		if json.Unmarshal(value, &entries) != nil {
			return nil, errors.New("cookiesession: key file: \"keys\" is no list")
		}
	}
	keys := make([]Key, len(entries))
	var problems []error
	for i, entry := range entries {
		if keys[i], err = parseKey(entry); err != nil {
			problems = append(problems, fmt.Errorf("cookiesession: %s: %w", keyName(keys[i], i), err))
		}
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return keys, nil
}

// parseKey reads one entry. On an error the key has what could be read, so
// that it can be named. No error quotes a value: it may be a secret that was
// pasted into the wrong place. That is also why encoding/json does not fill
// the struct: its errors and those of time.Time quote.
func parseKey(data []byte) (k Key, err error) {
	fields, err := parseObject(data)
	if err != nil {
		return k, err
	}
	var problems []error
	for name, value := range fields {
		if err := k.setField(name, value); err != nil {
			problems = append(problems, err)
		}
	}
	return k, errors.Join(problems...)
}

func (k *Key) setField(name string, value json.RawMessage) (err error) {
	var text string
	if json.Unmarshal(value, &text) != nil || value[0] != '"' { // null would pass for an empty text
		return fmt.Errorf("field%s: its value is no text in quotes", quoteShort(name))
	}
	switch name {
	case "secret":
		k.Secret, err = ParseSecret(text)
	case "hash_key":
		k.HashKey, err = ParseSecret(text)
	case "block_key":
		k.BlockKey, err = ParseSecret(text)
	case "seal_from":
		k.SealFrom, err = parseTime(text)
	case "open_until":
		k.OpenUntil, err = parseTime(text)
	case "format":
		k.Format = Format(text) // judged with the whole ring
	default:
		return fmt.Errorf("unknown field%s; there are secret, hash_key, block_key, seal_from, open_until and format", quoteShort(name))
	}
	if err != nil {
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "cookiesession: "))
	}
	return nil
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("no time such as \"2026-11-20T10:00:00Z\"")
	}
	return t, nil
}

// parseObject gives the fields of a JSON object. It refuses a field that is
// there twice (of two secrets one would be lost without a word) and anything
// behind the object.
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
			return nil, fmt.Errorf("field%s is there twice", quoteShort(name.(string)))
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

// quoteShort quotes a name that is too short to be a secret.
func quoteShort(name string) string {
	if len(name) > 20 {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}
