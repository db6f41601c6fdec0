package demo

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
)

// announceAhead is how long a new key is spread before it seals. A real
// rollout takes minutes. Nobody watches a page that long.
const announceAhead = 20 * time.Second

// maxKeys bounds the ring that visitors may turn.
const maxKeys = 5

// ring is a keyring that the demo's pages may rotate, if it is the demo's own.
type ring struct {
	*cookiesession.Keyring
	live bool

	mu   sync.Mutex
	keys []cookiesession.Key // newest first
}

func newRing(given *cookiesession.Keyring) (*ring, error) {
	if given != nil {
		return &ring{Keyring: given}, nil
	}
	keys := []cookiesession.Key{{Secret: cookiesession.NewSecret()}}
	made, err := cookiesession.NewKeyring(keys...)
	return &ring{Keyring: made, live: true, keys: keys}, err
}

var errNotOurs = errors.New("demo: the operator rotates these keys")

// change replaces the ring by what f makes of its keys, or leaves it alone.
func (r *ring) change(f func([]cookiesession.Key) []cookiesession.Key) error {
	if !r.live {
		return errNotOurs
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := f(slices.Clone(r.keys))
	if err := r.Replace(keys...); err != nil {
		return err
	}
	r.keys = keys
	return nil
}

// add puts a key in front that seals from then on. A key announced before
// gives way: it has sealed nothing yet.
func (r *ring) add(from time.Time) error {
	now := time.Now()
	return r.change(func(keys []cookiesession.Key) []cookiesession.Key {
		keys = slices.DeleteFunc(keys, func(k cookiesession.Key) bool { return k.SealFrom.After(now) })
		keys = slices.Insert(keys, 0, cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: from})
		return keys[:min(len(keys), maxKeys)]
	})
}

// retire ends every key that only opens. Whoever came back since the rotation
// has been re-issued by then.
func (r *ring) retire() error {
	now := time.Now()
	opening := make(map[string]bool)
	for _, k := range r.Status() {
		opening[k.ID] = k.State == cookiesession.KeyOpening
	}
	return r.change(func(keys []cookiesession.Key) []cookiesession.Key {
		for i := range keys {
			if opening[keys[i].ID()] {
				keys[i].OpenUntil = now
			}
		}
		return keys
	})
}

// lose is the accident: a deployment that came up with other keys.
func (r *ring) lose() error {
	return r.change(func([]cookiesession.Key) []cookiesession.Key {
		return []cookiesession.Key{{Secret: cookiesession.NewSecret()}}
	})
}
