package cookiesession

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// viewRecord is the views payload:
//
//	[1, id, created, last, requests, pages, unique, set, paths, log]
//
// Set, paths and log are byte strings in forms of their own, appended to
// rather than decoded at each request:
//
//	set    the paths counted as unique that are no longer in paths: to 256
//	       unique paths 4 bytes of hash each, from then on a bitmap of 8192
//	paths  those that log refers to: uvarint(length<<1 | counted as unique), text
//	log    one entry per view, oldest first: uvarint(seconds since the one
//	       before), uvarint(index in paths<<1 | no 200), and then uvarint(status);
//	       index and status 0 are a pause: time that passed without a view
type viewRecord struct {
	id              sessionID
	created, last   int64
	requests, pages int64
	unique          int64
	set, paths, log []byte

	kept int // views in log; not in the payload: walking a full log once more took 650 ns
}

func (v *viewRecord) pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendArray(b, 10), 1)
	b = wire.AppendBytes(b, v.id[:])
	for _, n := range []int64{v.created, v.last, v.requests, v.pages, v.unique} {
		b = wire.AppendInt(b, n)
	}
	return wire.AppendBytes(wire.AppendBytes(wire.AppendBytes(b, v.set), v.paths), v.log)
}

// packedLen is len(v.pack(nil)).
func (v *viewRecord) packedLen() int {
	const array, version, id = 1, 1, 2 + len(v.id)
	n := array + version + id + wire.SizeBytes(v.set) + wire.SizeBytes(v.paths) + wire.SizeBytes(v.log)
	for _, i := range []int64{v.created, v.last, v.requests, v.pages, v.unique} {
		n += wire.SizeInt(i)
	}
	return n
}

func (v *viewRecord) entries() wire.Pairs { return wire.Pairs{} }

// accept is record.accept for views.
func (v *viewRecord) accept(plain []byte, now time.Time, _ *policy) (latest int64, err error) {
	in, _, err := readPayload(plain, 10)
	if err != nil {
		return 0, err
	}
	okID := v.id.set(in.Bytes())
	v.created, v.last = in.Int(), in.Int()
	v.requests, v.pages, v.unique = in.Int(), in.Int(), in.Int()
	// Clipped: what is appended goes into memory of its own.
	v.set, v.paths, v.log = slices.Clip(in.Bytes()), slices.Clip(in.Bytes()), slices.Clip(in.Bytes())
	soon := now.Unix() + maxSkew
	if !in.Done() || !okID || !v.sound() || v.created > soon || v.last > soon {
		return 0, ErrInvalid
	}
	return v.last, nil
}

func (v *viewRecord) reserve() int {
	const counters = 2 + 18 + 5*9 + 3*3 // at their largest
	n := counters + len(v.set)
	if !v.counted() { // each path that leaves the history leaves a hash behind
		for rest := v.paths; len(rest) > 0; n += hashSize {
			_, _, rest, _ = nextPath(rest)
		}
	}
	return n
}

// errors is the number of requests that were no pages.
func (v *viewRecord) errors() int64 { return v.requests - v.pages }

const (
	exactPaths = 256
	bitmapSize = 1024 // bytes
	hashSize   = 4
	maxCount   = 1 << 53
)

// sound checks what everything else relies on: counters that count, a set of
// the size that its mode has, entries that are whole and refer to paths. It
// counts the entries.
func (v *viewRecord) sound() bool {
	counters := 0 <= v.unique && v.unique <= v.pages && v.pages <= v.requests && v.requests < maxCount
	if !counters || v.counted() && len(v.set) != bitmapSize || !v.counted() && (len(v.set)%hashSize != 0 || len(v.set) > exactPaths*hashSize) {
		return false
	}
	paths := 0
	for rest := v.paths; len(rest) > 0; paths++ {
		var ok bool
		if _, _, rest, ok = nextPath(rest); !ok {
			return false
		}
	}
	v.kept = 0
	for rest := v.log; len(rest) > 0; {
		e, left, ok := nextEntry(rest)
		view := e.path < paths && e.status >= 100 && e.status <= 999
		switch {
		case ok && view:
			v.kept++
		case !ok || e.status != pause || e.path != 0:
			return false
		}
		rest = left
	}
	return true
}

// counted reports whether the set has become a bitmap.
func (v *viewRecord) counted() bool { return v.unique > exactPaths }

// add counts one request and appends it to the history, which keeps at most
// size entries.
func (v *viewRecord) add(path string, now int64, status, size int) {
	delta := max(0, now-v.last)
	v.requests++
	v.last = max(v.last, now)
	if status == 200 {
		v.pages++
	}
	if path == "" {
		v.pauseFor(delta)
		return
	}
	index := v.indexOf(path)
	if status == 200 {
		v.countUnique(index, path)
	}
	v.log = appendEntry(v.log, entry{delta: delta, path: index, status: status})
	for v.kept++; v.kept > size; {
		v.dropOldest()
	}
}

// pauseFor lets time pass in the log without a view: for a session that was
// opened without a request. Pauses in a row are one.
func (v *viewRecord) pauseFor(delta int64) {
	at, last := 0, entry{status: 200}
	for rest := v.log; len(rest) > 0; {
		at = len(v.log) - len(rest)
		last, rest, _ = nextEntry(rest)
	}
	if last.status == pause {
		v.log, delta = v.log[:at:at], delta+last.delta
	}
	if delta > 0 && len(v.log) > 0 {
		v.log = appendEntry(v.log, entry{delta: delta, status: pause})
	}
}

// indexOf finds path in paths, or appends it there.
func (v *viewRecord) indexOf(path string) (index int) {
	for rest := v.paths; len(rest) > 0; index++ {
		var text []byte
		if text, _, rest, _ = nextPath(rest); string(text) == path {
			return index
		}
	}
	v.paths = append(binary.AppendUvarint(v.paths, uint64(len(path))<<1), path...)
	return index
}

// countUnique counts path, which stands at index, unless that was done. The
// flag in paths says so without a hash; hashes are kept for those that left.
func (v *viewRecord) countUnique(index int, path string) {
	at := v.pathAt(index)
	if v.paths[at]&1 == 1 {
		return
	}
	v.paths = slices.Clone(v.paths)
	v.paths[at] |= 1
	hash := hashPath(path)
	switch {
	case v.counted():
		v.mark(hash)
	case !v.remembers(hash):
		if v.unique++; v.counted() {
			v.becomeBitmap()
		}
	}
}

// pathAt is the offset of the path with that index.
func (v *viewRecord) pathAt(index int) (at int) {
	for rest := v.paths; index > 0; index-- {
		_, _, rest, _ = nextPath(rest)
		at = len(v.paths) - len(rest)
	}
	return at
}

func (v *viewRecord) remembers(hash uint32) bool {
	for set := v.set; len(set) > 0; set = set[hashSize:] {
		if binary.BigEndian.Uint32(set) == hash {
			return true
		}
	}
	return false
}

// becomeBitmap turns 257 exact paths into a bitmap for linear counting
// (Whang, Vander-Zanden, Taylor 1990), whose standard error at 8192 bits is
// under 1 % to 10,000 paths.
func (v *viewRecord) becomeBitmap() {
	hashes := v.set
	v.set = make([]byte, bitmapSize)
	for ; len(hashes) > 0; hashes = hashes[hashSize:] {
		v.mark(binary.BigEndian.Uint32(hashes))
	}
	for rest := v.paths; len(rest) > 0; {
		var text []byte
		var unique bool
		if text, unique, rest, _ = nextPath(rest); unique {
			v.mark(hashPath(string(text)))
		}
	}
}

// mark puts a hash into the bitmap and estimates anew.
func (v *viewRecord) mark(hash uint32) {
	bit := hash % (8 * bitmapSize)
	if v.set[bit/8]&(1<<(bit%8)) != 0 {
		return
	}
	v.set = slices.Clone(v.set)
	v.set[bit/8] |= 1 << (bit % 8)
	ones := 0
	for _, b := range v.set {
		ones += bits.OnesCount8(b)
	}
	const size = 8 * bitmapSize
	zeros := max(1, size-ones)
	estimate := int64(math.Round(-size * math.Log(float64(zeros)/size)))
	v.unique = min(max(estimate, v.unique, exactPaths+1), v.pages)
}

// hashPath is FNV-1a, stirred (by the finalizer of MurmurHash3) so that paths
// that differ in their last characters spread over the bitmap. It needs no
// key: visitors who make paths collide miscount themselves.
func hashPath(path string) uint32 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(path) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return uint32(h ^ h>>33)
}

// dropOldest takes the oldest entry away, and its path if no other refers to
// it: then its hash stays behind.
func (v *viewRecord) dropOldest() {
	oldest, rest, _ := nextEntry(v.log)
	used := oldest.status == pause
	if !used {
		v.kept--
	}
	for left := rest; len(left) > 0 && !used; {
		var e entry
		e, left, _ = nextEntry(left)
		used = e.path == oldest.path && e.status != pause
	}
	if used {
		v.log = slices.Clip(rest)
		return
	}
	v.log = make([]byte, 0, len(rest))
	for len(rest) > 0 {
		var e entry
		if e, rest, _ = nextEntry(rest); e.path > oldest.path {
			e.path--
		}
		v.log = appendEntry(v.log, e)
	}
	v.removePath(oldest.path)
}

func (v *viewRecord) removePath(index int) {
	at := v.pathAt(index)
	text, unique, rest, _ := nextPath(v.paths[at:])
	hash := hashPath(string(text))
	if unique && !v.counted() && !v.remembers(hash) {
		v.set = binary.BigEndian.AppendUint32(v.set, hash)
	}
	v.paths = slices.Concat(v.paths[:at], rest)
}

// history decodes it, oldest first.
func (v *viewRecord) history() []PageView {
	var paths []string
	for rest := v.paths; len(rest) > 0; {
		var text []byte
		text, _, rest, _ = nextPath(rest)
		paths = append(paths, string(text))
	}
	views := make([]PageView, 0, v.kept)
	for rest := v.log; len(rest) > 0; {
		var e entry
		e, rest, _ = nextEntry(rest)
		v := PageView{Status: e.status, Time: time.Unix(e.delta, 0)}
		if e.status != pause {
			v.Path = paths[e.path]
		}
		views = append(views, v)
	}
	// The log has differences, and when the last one was.
	at := max(0, v.last)
	for i := len(views) - 1; i >= 0; i-- {
		delta := views[i].Time.Unix()
		views[i].Time = time.Unix(at, 0).UTC()
		at = max(0, at-delta) // what JSON can express, whatever was sealed
	}
	return slices.DeleteFunc(views, func(p PageView) bool { return p.Status == pause })
}

// shrink drops history until a payload of so many bytes fits, and reports
// whether that was possible.
func (v *viewRecord) shrink(fits func(n int) bool) bool {
	for !fits(v.packedLen()) {
		if len(v.log) == 0 {
			return false
		}
		v.dropOldest()
	}
	return true
}

// pause is the status of an entry that is no view.
const pause = 0

// entry is one view in the log.
type entry struct {
	delta        int64
	path, status int
}

func appendEntry(b []byte, e entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.delta))
	if e.status == 200 {
		return binary.AppendUvarint(b, uint64(e.path)<<1)
	}
	b = binary.AppendUvarint(b, uint64(e.path)<<1|1)
	return binary.AppendUvarint(b, uint64(e.status))
}

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

// nextPath reads a path and whether it has been counted as unique.
func nextPath(b []byte) (text []byte, unique bool, rest []byte, ok bool) {
	n, b, ok := uvarint(b)
	if !ok || n>>1 > uint64(len(b)) {
		return nil, false, nil, false
	}
	return b[:n>>1], n&1 == 1, b[n>>1:], true
}

// uvarint reads a number of at most 53 bits. Whoever makes an int of it looks
// first whether it fits: an int may have 32.
func uvarint(b []byte) (uint64, []byte, bool) {
	if len(b) > 0 && b[0] < 0x80 { // most of a history: 700 ns of a full one
		return uint64(b[0]), b[1:], true
	}
	v, n := binary.Uvarint(b)
	if n <= 0 || v >= maxCount {
		return 0, nil, false
	}
	return v, b[n:], true
}
