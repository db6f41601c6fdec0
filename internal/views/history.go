package views

import (
	"encoding/binary"
	"math"
	"slices"
)

// This file is the history. It consists of two byte strings:
//
//	paths  those that log refers to: uvarint(length<<1 | counted as unique), text
//	log    one entry per view, oldest first: uvarint(seconds since the one
//	       before), uvarint(index in paths<<1 | no 200), and then uvarint(status)
//
// A path stands there once, however often it was seen, so a view of a page that
// was seen before takes three bytes or so. A time is stored as the distance to the
// view before, because a distance is shorter.
//
// Index and status 0 are a pause: time that passed without a view. It is there
// so that the last entry is always the one whose time is Record.Last.
const pause = 0

// View is one request of the history.
type View struct {
	Path   string
	Time   int64 // Unix time in seconds
	Status int
}

// Len is the number of views in the history.
func (r *Record) Len() int { return r.kept }

// latest is the end of the year 9999. JSON can express no later time.
const latest = 253402300799

// Views calls yield for each view of the history, oldest first, until yield
// returns false. It is an iterator: write "for v := range r.Views".
func (r *Record) Views(yield func(View) bool) {
	// The log has only the differences, and the time of the newest entry is
	// known. So the way back to the oldest one is added up first. A sealed record
	// may have any differences: they are bounded so that the sum cannot overflow.
	newest := min(max(0, r.Last), latest)
	back := int64(0)
	for e, rest, ok := nextEntry(r.log); ok; e, rest, ok = nextEntry(rest) {
		back += min(e.delta, newest+1)
	}
	paths := make([]string, 0, r.texts)
	for text, _, rest, ok := nextPath(r.paths); ok; text, _, rest, ok = nextPath(rest) {
		paths = append(paths, string(text))
	}
	for e, rest, ok := nextEntry(r.log); ok; e, rest, ok = nextEntry(rest) {
		back -= min(e.delta, newest+1)
		if e.status != pause && !yield(View{paths[e.path], max(0, newest-back), e.status}) {
			return
		}
	}
}

// pauseFor lets time pass in the log without a view. Pauses in a row are one:
// a visitor who is only counted must not make the log longer with each request.
func (r *Record) pauseFor(delta int64) {
	if len(r.log) == 0 {
		return
	}
	var last entry
	at := 0
	for rest := r.log; len(rest) > 0; {
		at = len(r.log) - len(rest)
		last, rest, _ = nextEntry(rest)
	}
	if last.status == pause {
		r.log, delta = r.log[:at:at], min(delta+last.delta, maxCount-1)
	}
	if delta > 0 {
		r.log = slices.Clip(appendEntry(r.log, entry{delta: delta, status: pause}))
	}
}

// note returns the index of path in paths, where it is appended if it is
// missing. That a page has been counted is a flag in paths: most pages were
// seen before, and need no hash then.
func (r *Record) note(path string, page bool) (index int) {
	at := 0
	for text, counted, rest, ok := nextPath(r.paths); ok; text, counted, rest, ok = nextPath(rest) {
		if string(text) == path {
			if page && !counted {
				// What r.paths refers to may be a cookie's plaintext, or the paths of a copy
				// of r. A clone may have spare room, which copies of r would share.
				r.paths = slices.Clip(slices.Clone(r.paths))
				r.paths[at] |= 1
				r.count(path)
			}
			return index
		}
		at = len(r.paths) - len(rest)
		index++
	}
	head := uint64(len(path)) << 1
	if page {
		head |= 1
	}
	paths := slices.Grow(r.paths, binary.MaxVarintLen64+len(path))
	r.paths = slices.Clip(append(binary.AppendUvarint(paths, head), path...))
	r.texts++
	if page {
		r.count(path)
	}
	return index
}

// drop takes the oldest views away, and the pauses before those that stay. A
// path that no view refers to any more goes too, and its hash stays behind. The
// time is linear, however many views go.
func (r *Record) drop(views int) {
	for len(r.log) > 0 {
		e, rest, _ := nextEntry(r.log)
		if e.status != pause {
			if views == 0 {
				break
			}
			views--
			r.kept--
		}
		r.log = rest
	}
	var few [usualPaths]int
	places := append(few[:0], make([]int, r.texts)...)
	used := 0
	for e, rest, ok := nextEntry(r.log); ok; e, rest, ok = nextEntry(rest) {
		if e.status != pause && places[e.path] == 0 {
			places[e.path] = 1
			used++
		}
	}
	if used < r.texts {
		r.keepPaths(places)
		r.renumber(places)
	}
}

// usualPaths is as many paths as a history of the usual size has at most. So
// many fit on the stack, and a usual request allocates nothing for them.
const usualPaths = 128

// keepPaths keeps those paths whose place is not 0, and sets their places to
// their new indexes. What is counted as unique stays counted: a path that goes
// leaves its hash in the set, so that it is not counted again.
func (r *Record) keepPaths(places []int) {
	paths := make([]byte, 0, len(r.paths))
	r.texts = 0
	i, at := 0, 0
	for text, counted, rest, ok := nextPath(r.paths); ok; text, counted, rest, ok = nextPath(rest) {
		end := len(r.paths) - len(rest)
		switch {
		case places[i] != 0:
			paths = append(paths, r.paths[at:end]...)
			places[i] = r.texts
			r.texts++
		case counted:
			r.remember(hashPath(text))
		}
		i, at = i+1, end
	}
	r.paths, r.set = slices.Clip(paths), slices.Clip(r.set)
}

// renumber makes the log refer to the new places of its paths. It writes the log
// anew: the old one may be the plaintext that a copy of r still refers to.
func (r *Record) renumber(places []int) {
	log := make([]byte, 0, len(r.log)) // no index grows
	for e, rest, ok := nextEntry(r.log); ok; e, rest, ok = nextEntry(rest) {
		if e.status != pause {
			e.path = places[e.path]
		}
		log = appendEntry(log, e)
	}
	r.log = slices.Clip(log)
}

// entry is one view or pause in the log. A delta is in seconds.
type entry struct {
	delta        int64
	path, status int
}

// appendEntry appends an entry in its shortest form. Most views are pages, so the
// status 200 is one bit of the index, and only another status is written.
func appendEntry(b []byte, e entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.delta))
	if e.status == 200 {
		return binary.AppendUvarint(b, uint64(e.path)<<1)
	}
	b = binary.AppendUvarint(b, uint64(e.path)<<1|1)
	return binary.AppendUvarint(b, uint64(e.status))
}

// nextEntry reads the entry that b begins with. It is false at the end, and
// where no whole entry stands. An index may still be one that no path has.
func nextEntry(b []byte) (e entry, rest []byte, ok bool) {
	delta, b, ok1 := uvarint(b)
	ref, b, ok2 := uvarint(b)
	status, ok3 := uint64(200), true
	if ref&1 == 1 {
		status, b, ok3 = uvarint(b)
	}
	fits := ref>>1 <= math.MaxInt32 && status <= math.MaxInt32
	return entry{delta: int64(delta), path: int(ref >> 1), status: int(status)}, b, ok1 && ok2 && ok3 && fits
}

// nextPath reads the path that b begins with, and whether it has been counted
// as unique. It is false at the end, and where no whole path stands.
func nextPath(b []byte) (text []byte, counted bool, rest []byte, ok bool) {
	n, b, ok := uvarint(b)
	if !ok || n>>1 > uint64(len(b)) {
		return nil, false, nil, false
	}
	return b[:n>>1], n&1 == 1, b[n>>1:], true
}

// uvarint reads a number of at most 53 bits. Its caller checks that it fits in
// an int, which may have 32.
func uvarint(b []byte) (uint64, []byte, bool) {
	if len(b) > 0 && b[0] < 0x80 { // most numbers of a history: 700 ns of a full one
		return uint64(b[0]), b[1:], true
	}
	v, n := binary.Uvarint(b)
	if n <= 0 || v >= maxCount {
		return 0, nil, false
	}
	return v, b[n:], true
}
