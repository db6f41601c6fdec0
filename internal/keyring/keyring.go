// Package keyring keeps the keys in force while they are exchanged during
// traffic, and follows a file. It knows nothing of sessions and cookies.
package keyring

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/keyfile"
	"github.com/cookiesession/cookiesession/internal/keys"
)

// Ring is the keys of one application. It is safe for concurrent use, takes no
// lock in a request, and must not be copied.
type Ring struct {
	keys   atomic.Pointer[keys.Set]         // nil: a zero Ring
	follow atomic.Pointer[keyfile.Follower] // nil: the ring follows no file
	err    atomic.Pointer[error]            // of the last exchange; nil: it was not refused

	// mu is held while the keys are exchanged, never while a file is read.
	mu sync.Mutex

	listening sync.Mutex   // for the two below
	listeners []func(News) // of the managers that use the ring; it only grows
	news      []News       // that nobody has been told yet
	hasNews   atomic.Bool  // so that Notify costs no lock where there is none
}

// News is one exchange of keys.
type News struct {
	KeyID string // the key that seals now
	Err   error  // why the new keys were refused; nil: they are in force
}

// Follow begins to follow a file, and reads it. A file that is refused at that
// time is followed too: it may be mended later, and Err tells until then.
func (r *Ring) Follow(f *keyfile.Follower) {
	r.follow.Store(f)
	r.reload(f)
}

// Err tells why the last exchange was refused, nil if it was not.
func (r *Ring) Err() error {
	r.Current(time.Now())
	r.Notify()
	if err := r.err.Load(); err != nil {
		return *err
	}
	return nil
}

// LastRead tells when the followed file was last read. It is zero if the ring
// follows none.
func (r *Ring) LastRead() time.Time {
	if f := r.follow.Load(); f != nil {
		return f.LastRead()
	}
	return time.Time{}
}

// InForce gives the keys in force. It never reads the file.
func (r *Ring) InForce() *keys.Set { return r.keys.Load() }

// Current gives the keys in force. It reads the followed file first when that
// is due. Otherwise it costs two atomic loads and a comparison.
func (r *Ring) Current(now time.Time) *keys.Set {
	if f := r.follow.Load(); f != nil && f.Due(now) {
		r.reload(f)
	}
	return r.keys.Load()
}

// Find gives the key that a cookie names, nil if there is none or it is past
// its end. An unknown name may be a key that this process has not read yet, so
// the file is read early for it.
func (r *Ring) Find(id string, now time.Time) *keys.Key {
	k := r.Current(now).ByID(id)
	if k == nil {
		if f := r.follow.Load(); f != nil && f.DueEarly(now) {
			r.reload(f)
			k = r.InForce().ByID(id)
		}
	}
	if k == nil || k.Retired(now) {
		return nil
	}
	return k
}

// reload reads the file and takes over new keys. Nobody waits for it: while one
// goroutine reads, the others go on with the keys in force, and mu is free.
func (r *Ring) reload(f *keyfile.Follower) {
	f.Reload(r.InForce(), func(set *keys.Set, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.follow.Load() == f { // not replaced while the file was read
			r.install(set, err)
		}
	})
}

// Replace puts new keys in force and ends following a file. With an err it
// reports why the keys could not be fetched or read.
func (r *Ring) Replace(list []keys.Material, err error) error {
	err = r.exchange(list, err)
	r.Notify()
	return err
}

// exchange is Replace without telling anybody. Keys that are refused leave the
// old ones in force, and the file is still followed: a bad value must not end
// every session.
func (r *Ring) exchange(list []keys.Material, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var set *keys.Set
	if err == nil {
		set, err = keys.NewSet(list, r.InForce(), time.Now())
	}
	if err == nil {
		r.follow.Store(nil)
	}
	r.install(set, err)
	return err
}

// install puts a set in force, or keeps the error. The caller holds mu, so that
// events come in the order of the exchanges.
func (r *Ring) install(set *keys.Set, err error) {
	if err != nil {
		r.err.Store(&err)
		r.note(News{Err: err})
		return
	}
	r.keys.Store(set)
	r.err.Store(nil)
	var n News
	if k := set.Sealing(time.Now()); k != nil {
		n.KeyID = k.ID()
	}
	r.note(n)
}

// Attach has tell called with every exchange of keys, and with every refusal.
// There is no way to detach: managers live as long as the program, as rings do.
func (r *Ring) Attach(tell func(News)) {
	r.listening.Lock()
	defer r.listening.Unlock()
	r.listeners = append(r.listeners, tell)
}

// note keeps an event for notify. It calls no listener itself: the caller may
// hold the lock of a session, and a listener may use that session.
func (r *Ring) note(n News) {
	r.listening.Lock()
	defer r.listening.Unlock()
	r.news = append(r.news, n)
	r.hasNews.Store(true)
}

// Notify reports what was noted. The caller holds no lock: a listener may ask
// the ring and the session anything.
func (r *Ring) Notify() {
	if !r.hasNews.Load() {
		return
	}
	r.listening.Lock()
	news, listeners := r.news, slices.Clone(r.listeners)
	r.news = nil
	r.hasNews.Store(false)
	r.listening.Unlock()
	for _, n := range news {
		for _, tell := range listeners {
			tell(n)
		}
	}
}
