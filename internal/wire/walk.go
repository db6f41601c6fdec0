// Package wire walks encoded msgpack without decoding it: lengths and depth
// are checked against the bytes that are there, values are found, kept and
// spliced as they are. It knows nothing of sessions.
//
// Everything here is bounded by the input: no length that the input declares
// is believed before as many bytes have been seen
// (github.com/vmihailenco/msgpack issue 401: 5 bytes cost 512 MiB).
package wire

import (
	"encoding/binary"
	"iter"
)

// MaxDepth is how deep arrays and maps may nest in one value. Whoever walks a
// value recurses once for each level, so this bounds the stack of all of them.
// No session needs more, and every walk stays within a few kilobytes.
const MaxDepth = 32

// Kind is what an encoded value is, whatever the width of its encoding. msgpack
// has up to ten encodings of one number. Whoever reads a session must not care
// which of them a writer chose.
type Kind uint8

const (
	Bad Kind = iota // cut short, or a byte that msgpack does not use
	Nil
	Bool
	Int
	Float
	Str
	Bin
	Array
	Map
	Ext
)

// KindOf returns the kind of the value that b begins with.
func KindOf(b []byte) Kind {
	k, _, _ := head(b)
	return k
}

// Skip returns the length of the value that b begins with. It is false when
// the value is cut short, malformed or nested deeper than [MaxDepth].
func Skip(b []byte) (int, bool) { return skip(b, 0) }

// skip is Skip for a value that stands in depth arrays and maps. Every element
// takes at least one byte, so the time is linear in b whatever b declares.
func skip(b []byte, depth int) (int, bool) {
	kind, at, n := head(b)
	switch kind {
	case Bad:
		return 0, false
	// A map has a key and a value for each of its pairs. To the walk they are
	// elements like others.
	case Map:
		n *= 2
	case Array:
	default:
		return at + n, true
	}
	// This is checked before the elements are, so what is nested too deep costs
	// no more than its first levels.
	if depth == MaxDepth {
		return 0, false
	}
	for ; n > 0; n-- {
		size, ok := skip(b[at:], depth+1)
		if !ok {
			return 0, false
		}
		at += size
	}
	return at, true
}

// Count returns the kind of the value that b begins with and, for an array or
// a map, its number of elements or pairs. For text and bytes it is their
// length.
func Count(b []byte) (Kind, int) {
	kind, _, n := head(b)
	return kind, n
}

// Each walks the elements of the array, or the keys and values of the map,
// that b begins with: key, value, key, value, … It ends early where the bytes
// end, or where [Skip] would be false: check the value with Skip before. What
// it yields is not copied.
func Each(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		kind, at, n := head(b)
		switch kind {
		case Map:
			n *= 2
		case Array:
		default:
			return
		}
		// Every element is measured again here. Keeping the lengths would take
		// memory in proportion to what the input claims.
		for i := range n {
			size, ok := Skip(b[at:])
			if !ok || !yield(i, b[at:at+size]) {
				return
			}
			at += size
		}
	}
}

// head reads the header of the value that b begins with: its kind, the length
// of the header, and how many bytes (or, in an array or map, elements or
// pairs) follow it. Each of those takes at least a byte that must be there, so
// n is never larger than b.
func head(b []byte) (kind Kind, header, n int) {
	if len(b) == 0 {
		return Bad, 0, 0
	}
	c := b[0]
	switch {
	case c <= 0x7f || c >= 0xe0: // fixint
		return Int, 1, 0
	case c <= 0x8f:
		return enough(b, Map, 1, int(c&0x0f))
	case c <= 0x9f:
		return enough(b, Array, 1, int(c&0x0f))
	case c <= 0xbf:
		return enough(b, Str, 1, int(c&0x1f))
	}
	// The table has an entry for each of the 32 first bytes that are left. Bytes
	// that msgpack does not use have no kind there.
	h := headers[c-0xc0]
	if h.kind == Bad || len(b) < 1+int(h.length)+int(h.extra) {
		return Bad, 0, 0
	}
	header = 1 + int(h.length) + int(h.extra)
	// The length stands behind the first byte, in as many bytes as the table
	// says.
	switch h.length {
	case 0:
		return enough(b, h.kind, header, int(h.fixed))
	case 1:
		return enough(b, h.kind, header, int(b[1]))
	case 2:
		return enough(b, h.kind, header, int(binary.BigEndian.Uint16(b[1:])))
	}
	// The comparison is made in 64 bits: where an int has 32, a length of 4 GB
	// would look negative.
	long := binary.BigEndian.Uint32(b[1:])
	if uint64(long) > uint64(len(b)) {
		return Bad, 0, 0
	}
	return enough(b, h.kind, header, int(long))
}

// enough is head's answer, unless b ends before what its header declares.
func enough(b []byte, kind Kind, header, n int) (Kind, int, int) {
	if n > len(b)-header {
		return Bad, 0, 0
	}
	return kind, header, n
}

// headers describes the first bytes 0xc0 to 0xdf: the bytes of a length that
// follow, those of an extension type, and the payload where it has a fixed
// length.
var headers = [0x20]struct {
	kind                 Kind
	length, extra, fixed uint8
}{
	// The index is the first byte less 0xc0.
	0x00: {kind: Nil},
	0x02: {kind: Bool},
	0x03: {kind: Bool},
	0x04: {kind: Bin, length: 1},
	0x05: {kind: Bin, length: 2},
	0x06: {kind: Bin, length: 4},
	0x07: {kind: Ext, length: 1, extra: 1},
	0x08: {kind: Ext, length: 2, extra: 1},
	0x09: {kind: Ext, length: 4, extra: 1},
	0x0a: {kind: Float, fixed: 4},
	0x0b: {kind: Float, fixed: 8},
	0x0c: {kind: Int, fixed: 1},
	0x0d: {kind: Int, fixed: 2},
	0x0e: {kind: Int, fixed: 4},
	0x0f: {kind: Int, fixed: 8},
	0x10: {kind: Int, fixed: 1},
	0x11: {kind: Int, fixed: 2},
	0x12: {kind: Int, fixed: 4},
	0x13: {kind: Int, fixed: 8},
	0x14: {kind: Ext, extra: 1, fixed: 1},
	0x15: {kind: Ext, extra: 1, fixed: 2},
	0x16: {kind: Ext, extra: 1, fixed: 4},
	0x17: {kind: Ext, extra: 1, fixed: 8},
	0x18: {kind: Ext, extra: 1, fixed: 16},
	0x19: {kind: Str, length: 1},
	0x1a: {kind: Str, length: 2},
	0x1b: {kind: Str, length: 4},
	0x1c: {kind: Array, length: 2},
	0x1d: {kind: Array, length: 4},
	0x1e: {kind: Map, length: 2},
	0x1f: {kind: Map, length: 4},
}
