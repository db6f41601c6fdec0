package cookiesession

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/internal/keyfile"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/keys"
)

// Secret is the secret text that a key is derived from. It prints, logs and
// marshals as a fingerprint: "secret(", the id of its key and ")". Only
// [Secret.Reveal] gives the text back. A Secret that is not zero has passed
// [ParseSecret]. Secrets with the same text are equal with ==.
type Secret struct{ secret keys.Secret }

// NewSecret makes a secret of 32 random bytes, as 43 characters of base64url.
func NewSecret() Secret { return Secret{keys.NewSecret()} }

// ParseSecret reads a secret of at least 32 bytes, in at most 1,024 characters.
// A text of hex digits alone is read as hex, any other as base64url or base64,
// padded or not. White space around the text is dropped.
//
// It refuses what was visibly not drawn at random: a sequence, a repeated
// pattern, few distinct bytes, a sample from some documentation, and text made
// of words. Whoever guesses the secret can forge sessions. [NewSecret],
// "cookiesession keys new" and "openssl rand -hex 32" make good ones.
func ParseSecret(text string) (Secret, error) {
	s, err := keys.ParseSecret(text)
	return Secret{s}, err
}

// Reveal gives the text that was parsed or made.
func (s Secret) Reveal() string { return s.secret.Reveal() }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.secret.IsZero() }

// String gives the fingerprint.
func (s Secret) String() string { return s.secret.String() }

// Format writes the fingerprint, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue gives the fingerprint.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives the fingerprint, so that no secret is written by accident.
// A program that writes key files calls [Secret.Reveal].
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSecret] for libraries that read JSON, YAML, TOML,
// flags or environment variables. With an error the secret stays as it was.
func (s *Secret) UnmarshalText(text []byte) error {
	parsed, err := ParseSecret(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// Format is how a key seals. Every key opens both formats.
type Format string

const (
	// FormatSecurecookie is the default. gorilla/securecookie makes the same.
	FormatSecurecookie Format = "securecookie"
	// FormatCompact also has AES-256 and HMAC-SHA-256, but one layer of base64
	// instead of two. It is shorter by a quarter, and faster. Only this package
	// reads it, and programs that follow its FORMAT.md.
	FormatCompact Format = "compact"
)

// Key is one key of a [Keyring]: a secret, when it is used and how it seals. It
// has either a Secret, or a HashKey and a BlockKey. Its JSON is one entry of a
// key file, see [LoadKeyFile].
type Key struct {
	Secret    Secret    `json:"secret,omitzero"`
	HashKey   Secret    `json:"hash_key,omitzero"`   // 32 or 64 bytes, to share keys with other programs
	BlockKey  Secret    `json:"block_key,omitzero"`  // 32 bytes, that use gorilla/securecookie
	SealFrom  time.Time `json:"seal_from,omitzero"`  // it seals from then on, and opens already before
	OpenUntil time.Time `json:"open_until,omitzero"` // it neither opens nor seals from then on; zero: no end
	Format    Format    `json:"format,omitzero"`     // "" is FormatSecurecookie
}

// ID is the name of the key on cookies, in logs and for "cookiesession keys". It
// is 4 characters that are derived from the secret, "" for a key without one.
func (k Key) ID() string { return k.material().ID() }

// UnmarshalJSON reads one entry of a key file. It refuses a field that it does
// not know or that is there twice: with a mistyped date the key would be used at
// another time. With an error the key stays as it was.
func (k *Key) UnmarshalJSON(data []byte) error {
	m, err := keyfile.ParseKey(data)
	if err != nil {
		return err
	}
	*k = Key{
		Secret: Secret{m.Secret}, HashKey: Secret{m.HashKey}, BlockKey: Secret{m.BlockKey},
		SealFrom: m.SealFrom, OpenUntil: m.OpenUntil, Format: Format(m.Format),
	}
	return nil
}

// material is the key as package keys knows it.
func (k Key) material() keys.Material {
	return keys.Material{
		Secret: k.Secret.secret, HashKey: k.HashKey.secret, BlockKey: k.BlockKey.secret,
		SealFrom: k.SealFrom, OpenUntil: k.OpenUntil, Format: string(k.Format),
	}
}

// Keyring holds the keys of one application. One of them seals, and all of them
// open. The key that seals is the one with the latest SealFrom that has passed.
// If two have the same, it is the first in the list.
//
// The keys may be replaced during traffic ([Keyring.Replace]), or follow a file
// ([LoadKeyFile]). A Keyring is safe for concurrent use, takes no lock in a
// request, and must not be copied.
//
// Applications that have the same keys and the same Name read each other's
// sessions. So every application, environment and tenant needs a ring of its
// own.
type Keyring struct{ ring keyring.Ring }

// NewKeyring makes a ring of 1 to 16 keys. It refuses a key without a proper
// secret, two keys that share a secret, and keys whose dates leave a time, now
// or later, at which none of them seals. The error has every reason.
func NewKeyring(keys ...Key) (*Keyring, error) {
	r := new(Keyring)
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace exchanges all keys at once, also during traffic. The ring does not
// follow a file any more. What [NewKeyring] refuses is refused here too, and
// changes nothing. The error is returned, kept for [Keyring.Err] and reported as
// [EventKeysRefused].
func (r *Keyring) Replace(keys ...Key) error {
	return r.ring.Replace(materials(keys), nil)
}

func materials(list []Key) []keys.Material {
	all := make([]keys.Material, len(list))
	for i, k := range list {
		all[i] = k.material()
	}
	return all
}

// Refuse reports that new keys could not be fetched. It is for programs that
// fetch keys from elsewhere and call Replace or ReplaceJSON with them. The keys
// in force stay. The reason is kept for [Keyring.Err] and reported as
// [EventKeysRefused].
func (r *Keyring) Refuse(why error) {
	r.ring.Replace(nil, why)
}

// KeyState says what a key does now. It follows from the key's dates.
type KeyState string

const (
	KeyPending KeyState = "pending" // opens, and will seal from SealFrom on
	KeySealing KeyState = "sealing" // seals and opens
	KeyOpening KeyState = "opening" // opens only: a newer key seals
	KeyRetired KeyState = "retired" // past OpenUntil: neither seals nor opens
)

// KeyStatus tells about one key without telling its secret.
type KeyStatus struct {
	ID        string    `json:"id"`
	State     KeyState  `json:"state"`
	SealFrom  time.Time `json:"seal_from,omitzero"`
	OpenUntil time.Time `json:"open_until,omitzero"`
	Format    Format    `json:"format"`
	Opened    uint64    `json:"opened"` // cookies that this process has opened since it loaded the key
}

// Status tells about every key, in the order of the list. Where a key is in the
// state [KeyOpening], Opened shows whether cookies of it still come.
func (r *Keyring) Status() []KeyStatus {
	now := time.Now()
	set := r.ring.Current(now)
	r.ring.Notify()
	var all []KeyStatus
	for _, k := range set.Status(now) {
		all = append(all, KeyStatus{
			ID: k.ID, State: KeyState(k.State), Format: Format(k.Format),
			SealFrom: k.SealFrom, OpenUntil: k.OpenUntil, Opened: k.Opened,
		})
	}
	return all
}

// Err tells why the last reload or [Keyring.Replace] was refused. It is nil when
// it was not, so that the keys in force are the latest.
func (r *Keyring) Err() error { return r.ring.Err() }

// LastRead tells when the followed file was last read, or could not be read. It
// is zero if the ring follows no file.
func (r *Keyring) LastRead() time.Time { return r.ring.LastRead() }

// String gives the ids of the keys.
func (r *Keyring) String() string {
	return "keyring(" + strings.Join(r.ring.InForce().IDs(), " ") + ")"
}

// Format writes what String gives, whatever the verb.
func (r *Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue gives what String gives.
func (r *Keyring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON gives the [Keyring.Status]. No ring can be made from it.
func (r *Keyring) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string][]KeyStatus{"keys": r.Status()})
}
