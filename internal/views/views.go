// Package views is the record of a visitor's requests: counters, an estimate
// of how many different pages were seen, and a history of the last requests.
// It knows nothing of sessions, cookies and keys.
//
// A record is read from a cookie, gets one request added and is written into
// the next cookie. Its parts stay encoded on this way: they are appended to,
// and decoded only for whoever asks for the history.
package views

import (
	"slices"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Record is what is remembered about the requests of one visitor. The zero
// Record has seen none.
//
// A copy of a Record is independent of it: Add and Shrink write into memory of
// their own. One Record must not be changed by several goroutines at a time.
type Record struct {
	ID              [16]byte // whose requests these are
	Created, Last   int64    // Unix time in seconds: the record's beginning, the last request
	Requests, Pages int64    // Pages are the requests answered 200
	Unique          int64    // different paths among Pages: exact to 256, then an estimate

	set   []byte // hashes of counted paths, see unique.go
	paths []byte // the paths that log refers to, see history.go
	log   []byte // one entry per request, oldest first, see history.go

	// What is in paths and log. It is counted once, when they are read: to walk
	// a full log once more took 650 ns.
	texts, kept int
}

// The payload is a msgpack array:
//
//	[1, id, created, last, requests, pages, unique, set, paths, log]
const (
	// Version is the first element of the payload.
	Version = 1
	// Elements is the length of the array, the version included.
	Elements = 10

	maxCount = 1 << 53 // all numbers are below it
)

// Pack appends the payload to b.
func (r *Record) Pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendArray(b, Elements), Version)
	b = wire.AppendBytes(b, r.ID[:])
	for _, n := range r.numbers() {
		b = wire.AppendInt(b, n)
	}
	return wire.AppendBytes(wire.AppendBytes(wire.AppendBytes(b, r.set), r.paths), r.log)
}

// PackedLen is the number of bytes that Pack appends.
func (r *Record) PackedLen() int {
	const array, version, id = 1, 1, 2 + len(r.ID)
	n := array + version + id + wire.SizeBytes(len(r.set)) + wire.SizeBytes(len(r.paths)) + wire.SizeBytes(len(r.log))
	for _, i := range r.numbers() {
		n += wire.SizeInt(i)
	}
	return n
}

// numbers are the counters in the order of the payload.
func (r *Record) numbers() [5]int64 {
	return [...]int64{r.Created, r.Last, r.Requests, r.Pages, r.Unique}
}

// Reserve is an upper bound for PackedLen after the next request, if the whole
// history has to go. Whoever gives room to other cookies keeps this much back,
// so that the counters always fit.
func (r *Record) Reserve() int {
	const counters = 2 + 18 + 5*9 + 3*3 // at their largest, which leaves room for one more hash
	set := bitmapSize
	if r.Unique < exactPaths { // each path that leaves the history leaves a hash behind
		set = min(set, len(r.set)+hashSize*r.texts)
	}
	return counters + set
}

// Unpack reads the payload from where its version ends, and reports whether
// all of it is sound. What in holds is referred to and not copied, and it is never
// written to. After false the record must not be used.
func (r *Record) Unpack(in *wire.Reader) bool {
	id := in.Bytes()
	copy(r.ID[:], id)
	r.Created, r.Last = in.Int(), in.Int()
	r.Requests, r.Pages, r.Unique = in.Int(), in.Int(), in.Int()
	// Clipped, because what is appended must not go into somebody else's memory.
	r.set, r.paths, r.log = slices.Clip(in.Bytes()), slices.Clip(in.Bytes()), slices.Clip(in.Bytes())
	return in.Done() && len(id) == len(r.ID) && r.sound()
}

// sound is asked about every record that comes from a cookie. The cookie is
// authentic, but another program with the same keys may have made it, or an older
// version with a mistake. It checks what everything else relies on: counters that
// can have been counted, a set of the size that its form has, and entries that
// are whole and refer to a path. It counts the paths and the views.
func (r *Record) sound() bool {
	counters := 0 <= r.Unique && r.Unique <= r.Pages && r.Pages <= r.Requests && r.Requests < maxCount
	return counters && r.soundSet() && r.soundHistory()
}

// soundSet is what keeps the size of the set and the number in Unique in step. A
// set of another size would be read beyond its end, or grow without end.
func (r *Record) soundSet() bool {
	if r.estimated() {
		return len(r.set) == bitmapSize
	}
	return len(r.set)%hashSize == 0 && len(r.set) <= exactPaths*hashSize
}

// soundHistory walks over paths and log once. After it, no function here asks
// again whether an entry is whole: only a sealed record or Add gets this far.
func (r *Record) soundHistory() bool {
	r.texts, r.kept = 0, 0
	for rest := r.paths; len(rest) > 0; r.texts++ {
		var ok bool
		if _, _, rest, ok = nextPath(rest); !ok {
			return false
		}
	}
	for rest := r.log; len(rest) > 0; {
		e, next, ok := nextEntry(rest)
		view := e.path < r.texts && e.status >= 100 && e.status <= 999
		switch {
		case ok && view:
			r.kept++
		case !ok || e.status != pause || e.path != 0:
			return false
		}
		rest = next
	}
	return true
}

// Errors is the number of requests that were no pages.
func (r *Record) Errors() int64 { return r.Requests - r.Pages }

// Add counts one request at the Unix time now and appends it to the history,
// which keeps at most size views. Without a path the request is counted, and
// the history only lets time pass. A path is copied once, however long it is.
func (r *Record) Add(path string, now int64, status, size int) {
	delta := min(max(0, now-r.Last), maxCount-1)
	r.Requests++
	r.Last = max(r.Last, now)
	if status == 200 {
		r.Pages++
	}
	if path == "" {
		r.pauseFor(delta)
		return
	}
	index := r.note(path, status == 200)
	status = min(max(status, 100), 999) // any other would make the whole record unsound
	r.log = slices.Clip(appendEntry(r.log, entry{delta: delta, path: index, status: status}))
	if r.kept++; r.kept > size {
		r.drop(r.kept - size)
	}
}
