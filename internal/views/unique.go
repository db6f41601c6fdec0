package views

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// This file counts different paths. A cookie has no room for a list of them, so
// there are two forms of a set:
//
//	exact      to 256 unique paths: a hash of 4 bytes for each counted path that
//	           is no longer in paths. Those in paths have a flag instead.
//	estimated  from then on: a bitmap of 8192 bits with one for each counted
//	           path, in paths or not, for linear counting (Whang, Vander-Zanden,
//	           Taylor 1990). Its standard error is under 1 % to 10,000 paths.
const (
	exactPaths = 256
	hashSize   = 4
	bitmapSize = 1024 // bytes
	bitmapBits = 8 * bitmapSize
)

// estimated reports whether the set has become a bitmap.
func (r *Record) estimated() bool { return r.Unique > exactPaths }

// count counts path, which has just got its flag in paths.
func (r *Record) count(path string) {
	hash := hashPath(path)
	switch {
	case r.estimated():
		r.mark(hash)
	case !r.remembers(hash):
		if r.Unique++; r.estimated() {
			r.becomeBitmap()
		}
	}
}

// remember keeps the hash of a counted path that leaves paths. There is room
// for it in every set that Add has made.
func (r *Record) remember(hash uint32) {
	if !r.estimated() && len(r.set) < exactPaths*hashSize && !r.remembers(hash) {
		r.set = binary.BigEndian.AppendUint32(r.set, hash)
	}
}

func (r *Record) remembers(hash uint32) bool {
	for set := r.set; len(set) > 0; set = set[hashSize:] {
		if binary.BigEndian.Uint32(set) == hash {
			return true
		}
	}
	return false
}

// becomeBitmap turns 257 exact paths into a bitmap.
func (r *Record) becomeBitmap() {
	hashes := r.set
	r.set = make([]byte, bitmapSize)
	for ; len(hashes) > 0; hashes = hashes[hashSize:] {
		r.setBit(binary.BigEndian.Uint32(hashes))
	}
	for text, counted, rest, ok := nextPath(r.paths); ok; text, counted, rest, ok = nextPath(rest) {
		if counted {
			r.setBit(hashPath(text))
		}
	}
	r.estimate()
}

// mark puts a hash into the bitmap and estimates anew. Where the bit is set
// already, the path was probably counted before, and nothing changes.
func (r *Record) mark(hash uint32) {
	if bit := hash % bitmapBits; r.set[bit/8]&(1<<(bit%8)) == 0 {
		r.set = slices.Clone(r.set)
		r.setBit(hash)
		r.estimate()
	}
}

func (r *Record) setBit(hash uint32) {
	bit := hash % bitmapBits
	r.set[bit/8] |= 1 << (bit % 8)
}

// estimate works out Unique from the bits that are still zero. It never falls:
// a visitor who sees one more page has not seen fewer.
func (r *Record) estimate() {
	ones := 0
	for _, b := range r.set {
		ones += bits.OnesCount8(b)
	}
	zeros := max(1, bitmapBits-ones)
	unique := int64(math.Round(-bitmapBits * math.Log(float64(zeros)/bitmapBits)))
	r.Unique = min(max(unique, r.Unique, exactPaths+1), r.Pages)
}

// hashPath is FNV-1a, stirred by the finalizer of MurmurHash3. Without it,
// paths that differ only in their last characters would lie close together in
// the bitmap. It needs no key: a visitor who makes paths that collide falsifies
// the count of his own pages only.
func hashPath[T string | []byte](path T) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return uint32(h ^ h>>33)
}
