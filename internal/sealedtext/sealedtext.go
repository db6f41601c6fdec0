// Package sealedtext seals short texts for a purpose and until a time, with the
// keys that also seal the cookies. Device binding seals its challenges and its
// cookie with it. It knows nothing of sessions.
package sealedtext

import (
	"errors"
	"fmt"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// Max is how many bytes a text may have. It is sealed to less than three times
// as many.
const Max = 4096

var errNoKey = errors.New("cookiesession: Seal: no key of the ring seals at this time")

// Seal returns "<key id>.<sealed text>". base is what the names of the
// manager's cookies begin with, so that no other manager opens the text. The end
// is sealed with the text, in whole seconds and rounded up: nothing may end a
// little earlier than somebody has asked for.
func Seal(ring *keyring.Ring, base, purpose string, plain []byte, until time.Time) (string, error) {
	if len(plain) > Max {
		return "", fmt.Errorf("cookiesession: Seal: %d bytes; at most %d are sealed", len(plain), Max)
	}
	now := time.Now()
	key := ring.Current(now).Sealing(now)
	ring.Notify()
	if key == nil {
		return "", errNoKey
	}
	t := payload.Text{Until: lifetime.Ceil(until), Text: plain}
	text, err := key.Sealer().Seal(append([]byte(key.ID()), '.'), name(base, purpose), t.Pack(nil))
	if err != nil {
		return "", fmt.Errorf("cookiesession: Seal: %w", err)
	}
	return string(text), nil
}

// Open opens what Seal sealed. The standing is Alive, Expired, Unreadable (the
// ring has no such key) or Invalid. The text is returned where it is authentic:
// with Alive and with Expired. Anybody can send a text of any length, so one that
// is longer than all that Seal makes is refused before anything is decoded.
func Open(ring *keyring.Ring, base, purpose, text string) ([]byte, decide.Standing) {
	keyID, rest, ok := cookie.SplitKeyID(text)
	if !ok || len(text) > 3*Max {
		return nil, decide.Invalid
	}
	now := time.Now()
	key := ring.Find(keyID, now)
	ring.Notify()
	if key == nil {
		return nil, decide.Unreadable
	}
	t, ok := open(key, name(base, purpose), rest)
	switch {
	case !ok:
		return nil, decide.Invalid
	case t.Until <= now.Unix():
		return t.Text, decide.Expired
	}
	return t.Text, decide.Alive
}

// open opens what stands behind the key id. Why a text does not open is not told:
// whoever sends forged ones must learn nothing from the answers.
func open(key *keys.Key, name, text string) (t payload.Text, ok bool) {
	plain, err := key.Open(name, text)
	if err != nil {
		return t, false
	}
	return t, t.Unpack(plain) == nil
}

// name is the name under which texts of one purpose are sealed. No cookie has an
// "@" in its name, so a text is never taken for a cookie.
func name(base, purpose string) string { return base + "@" + purpose }
