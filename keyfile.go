package cookiesession

import (
	"fmt"
	"path/filepath"

	"github.com/cookiesession/cookiesession/internal/keyfile"
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
	r, f := new(Keyring), keyfile.Follow(path, keyfile.Read)
	r.follow.Store(f)
	r.reload(f)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// ParseKeyring reads secrets separated by commas or line breaks, the one that
// seals first: "secret,older secret", as in one environment variable. A text
// that begins with "{" is read as a key file, dates included.
func ParseKeyring(text string) (*Keyring, error) {
	r := new(Keyring)
	if err := r.replace(keyfile.ParseList(text)); err != nil {
		return nil, err
	}
	return r, nil
}

// ReplaceJSON is [Keyring.Replace] with the keys of a key file's text, at most
// 64 KB. It is for keys that come from elsewhere than a file. Refused keys
// leave everything as it is. The reason is returned, kept for [Keyring.Err] and
// reported as [EventKeysRefused], so the caller need not report it again.
func (r *Keyring) ReplaceJSON(text []byte) error {
	return r.replace(keyfile.Parse(text))
}

// UnmarshalJSON is [Keyring.ReplaceJSON], so that a ring may be a part of an
// application's own configuration. It does not read what [Keyring.MarshalJSON]
// writes, because that has no secrets.
func (r *Keyring) UnmarshalJSON(text []byte) error { return r.ReplaceJSON(text) }
