// Package flash has what a request makes of the flash that came, and of flash
// for the next request. It knows nothing of sessions and cookies.
package flash

import (
	"slices"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Writes is what one request does about flash. The zero value has done nothing.
type Writes struct {
	In    wire.Pairs // of what came, what was not taken
	Now   wire.Pairs // for this request: never sent
	Out   wire.Pairs // for the next request
	Kept  Selection  // goes on once more
	Seen  Selection  // read by this request
	Clear bool       // nothing of what came goes on

	taken []string // keys to be taken from what came, once it is opened
}

// Drop drops all flash: what came and what this request made.
func (w *Writes) Drop() {
	w.In, w.Now, w.Out = wire.Pairs{}, wire.Pairs{}, wire.Pairs{}
	w.Clear, w.Kept = true, Selection{}
}

// Came takes over what came, when it has been opened.
func (w *Writes) Came(values wire.Pairs) {
	if !w.Clear {
		w.In = values
	}
	for _, key := range w.taken {
		w.In = w.In.Without(key)
	}
	w.taken = nil
}

// Take removes key from what this request sees and the next one would get.
// later says that what came has not been opened yet: then it is taken from
// there by [Writes.Came].
func (w *Writes) Take(key string, later bool) {
	w.In, w.Now = w.In.Without(key), w.Now.Without(key)
	if later {
		w.taken = append(w.taken, key)
	}
}

// Keep has keys of what came go on once more, or all of it if there are none. A
// request may name any number of keys, so they are not compared with each other.
func (w *Writes) Keep(keys []string) {
	w.Kept.All = w.Kept.All || len(keys) == 0
	w.Kept.keys = append(w.Kept.keys, keys...)
}

// Taken reports whether some of what came has been taken, or will be.
func (w *Writes) Taken(came wire.Pairs) bool { return w.In.Len() < came.Len() || len(w.taken) > 0 }

// Changed reports whether the browser has something to keep or to lose.
func (w *Writes) Changed(came wire.Pairs) bool {
	return w.Out.Len() > 0 || w.Clear || w.Taken(came) || !w.Kept.Empty()
}

// Left is what goes on of what came. After a page that somebody saw that is
// what was kept. After another response that somebody saw (an error page, a
// script's fetch) it is also what that did not read. Else it is all of it.
func (w *Writes) Left(shows, page bool) wire.Pairs {
	left := w.In
	if !shows {
		return left
	}
	for key := range w.In.All() {
		if (page || w.Seen.has(key)) && !w.Kept.has(key) {
			left = left.Without(key)
		}
	}
	return left
}

// Selection is a set of keys, or all of them.
type Selection struct {
	All  bool
	keys []string
}

// Add adds a key.
func (k *Selection) Add(key string) {
	if !k.has(key) {
		k.keys = append(k.keys, key)
	}
}

// Empty reports whether nothing is selected.
func (k *Selection) Empty() bool { return !k.All && len(k.keys) == 0 }

func (k *Selection) has(key string) bool { return k.All || slices.Contains(k.keys, key) }
