package cookiesession

import (
	"fmt"
	"path/filepath"

	"github.com/cookiesession/cookiesession/internal/keyfile"
)

// LoadKeyFile makes a ring of the keys in a file, and follows the file:
//
//	{"keys": [{"secret": "…", "seal_from": "2026-11-20T10:00:00Z", "open_until": "…", "format": "securecookie"}]}
//
// Each entry is a [Key], of which only the secret is required. "cookiesession
// keys" makes and rotates such files. A file has at most 64 KB.
//
// There is no goroutine that watches the file. Whatever uses the ring reads the
// file again when it was read 5 seconds ago or more. So a process that was
// frozen has the new keys in its first request. While one request reads, the
// others do not wait for it.
//
// The path is resolved and the whole file is read each time. So it does not
// matter how a file is exchanged: by renaming, by writing into it, or by
// symbolic links as in Kubernetes.
//
// A file that is broken, half written, empty or gone, or that has keys which
// [NewKeyring] refuses, changes nothing. It is reported once, as
// [EventKeysRefused] and by [Keyring.Err].
func LoadKeyFile(path string) (*Keyring, error) {
	path, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return nil, fmt.Errorf("cookiesession: key file: %w", err)
	}
	r, f := new(Keyring), keyfile.Follow(path, keyfile.Read)
	r.ring.Follow(f)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// ParseKeyring makes a ring of secrets that are separated by commas or line
// breaks, as in an environment variable: "secret,older secret". The first one
// seals. A text that begins with "{" is read as the text of a key file, with
// its dates. See [LoadKeyFile]. A text has at most 64 KB.
func ParseKeyring(text string) (*Keyring, error) {
	r := new(Keyring)
	if err := r.ring.Replace(keyfile.ParseList(text)); err != nil {
		return nil, err
	}
	return r, nil
}

// ReplaceJSON is [Keyring.Replace] with the keys of a key file's text, at most
// 64 KB. It is for keys that come from elsewhere than a file. Refused keys
// leave everything as it is. The reason is returned, kept for [Keyring.Err] and
// reported as [EventKeysRefused], so the caller need not report it again.
func (r *Keyring) ReplaceJSON(text []byte) error {
	return r.ring.Replace(keyfile.Parse(text))
}

// UnmarshalJSON is [Keyring.ReplaceJSON], so that a ring may be a part of an
// application's own configuration. It does not read what [Keyring.MarshalJSON]
// writes, because that has no secrets.
func (r *Keyring) UnmarshalJSON(text []byte) error { return r.ReplaceJSON(text) }
