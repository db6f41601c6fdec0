package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// timeExt is msgpack's own extension type for instants.
const timeExt = 0xff

// The readers of scalars take a value of any width and say no where it is of
// another kind. None of them converts: 1.0 is no integer, "1" no number, and nil
// is nothing but nil. They agree with the library wherever they say yes.

// Int64 returns the integer that b begins with, if it is one that an int64 holds.
func Int64(b []byte) (int64, bool) {
	i, size := takeInt64(b)
	return i, size > 0
}

// Uint64 returns the integer that b begins with, if it is not negative.
func Uint64(b []byte) (uint64, bool) {
	u, negative, size := integer(b)
	return u, size > 0 && !negative
}

// takeInt64 returns the length of what Int64 returns too, 0 where it is false.
func takeInt64(b []byte) (i int64, size int) {
	u, negative, size := integer(b)
	if !negative && u > math.MaxInt64 {
		return 0, 0
	}
	return int64(u), size
}

// integer returns any integer in 64 bits, whether they are a negative one, and
// the length of its encoding, 0 where b begins with something else.
func integer(b []byte) (u uint64, negative bool, size int) {
	if len(b) == 0 {
		return 0, false, 0
	}
	switch c := b[0]; {
	case c <= 0x7f:
		return uint64(c), false, 1
	case c >= 0xe0:
		return uint64(int64(int8(c))), true, 1
	case c < 0xcc || c > 0xd3:
		return 0, false, 0
	}
	width := 1 << (b[0] & 3) // 0xcc to 0xcf have no sign, 0xd0 to 0xd3 do
	if size = 1 + width; len(b) < size {
		return 0, false, 0
	}
	for _, c := range b[1:size] {
		u = u<<8 | uint64(c)
	}
	if b[0] < 0xd0 {
		return u, false, size
	}
	unused := 64 - 8*width
	i := int64(u<<unused) >> unused
	return uint64(i), i < 0, size
}

// Float64 returns the floating-point number that b is.
func Float64(b []byte) (float64, bool) {
	kind, header, n := head(b)
	if kind != Float {
		return 0, false
	}
	if n == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[header:]))), true
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[header:])), true
}

// Text returns the bytes of the string that b is, not copied.
func Text(b []byte) ([]byte, bool) {
	kind, header, n := head(b)
	if kind != Str {
		return nil, false
	}
	return b[header : header+n], true
}

// Bytes returns the bytes of the byte string that b is, not copied.
func Bytes(b []byte) ([]byte, bool) {
	kind, header, n := head(b)
	if kind != Bin {
		return nil, false
	}
	return b[header : header+n], true
}

// Time returns the instant that b is, in UTC. One with a second of 10⁹
// nanoseconds or more is none: nobody writes it, and programs would differ about
// what it means.
func Time(b []byte) (time.Time, bool) {
	kind, header, n := head(b)
	if kind != Ext || b[header-1] != timeExt {
		return time.Time{}, false
	}
	b = b[header : header+n]
	var sec, nsec uint64
	switch n {
	case 4:
		sec = uint64(binary.BigEndian.Uint32(b))
	case 8:
		both := binary.BigEndian.Uint64(b)
		sec, nsec = both&(1<<34-1), both>>34
	case 12:
		sec, nsec = binary.BigEndian.Uint64(b[4:]), uint64(binary.BigEndian.Uint32(b))
	default:
		return time.Time{}, false
	}
	if nsec >= 1e9 {
		return time.Time{}, false
	}
	return time.Unix(int64(sec), int64(nsec)).UTC(), true
}

// AppendInt appends i in its shortest encoding.
func AppendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0:
		return appendUint(b, uint64(i))
	case i >= -32:
		return append(b, byte(i))
	case i >= math.MinInt8:
		return append(b, 0xd0, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(i))
}

// SizeInt is the length of what AppendInt appends. It is found by appending,
// to an array on the stack, so it cannot differ.
func SizeInt(i int64) int {
	var b [9]byte
	return len(AppendInt(b[:0], i))
}

func appendUint(b []byte, u uint64) []byte {
	switch {
	case u <= 0x7f:
		return append(b, byte(u))
	case u <= math.MaxUint8:
		return append(b, 0xcc, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(u))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), u)
}

// AppendBytes appends p as a byte string.
func AppendBytes(b, p []byte) []byte { return append(appendLength(b, 0xc4, len(p)), p...) }

// appendLength appends a header with a length of 8, 16 or 32 bits. The codes of
// the three stand behind each other, and the first one is code.
func appendLength(b []byte, code byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, code, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, code+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code+2), uint32(n))
}

// What is appended has the shortest encoding, as the library writes it, with one
// exception: a private key, see [AppendPrivateText].

// SizeBytes is the length of what AppendBytes appends for n bytes.
func SizeBytes(n int) int {
	switch {
	case n <= math.MaxUint8:
		return 2 + n
	case n <= math.MaxUint16:
		return 3 + n
	}
	return 5 + n
}

// AppendText appends s as a string.
func AppendText(b []byte, s string) []byte {
	if n := len(s); n <= 31 {
		b = append(b, 0xa0|byte(n))
	} else {
		b = appendLength(b, 0xd9, n)
	}
	return append(b, s...)
}

// AppendTime appends t in the shortest of msgpack's three encodings.
func AppendTime(b []byte, t time.Time) []byte {
	sec, nsec := uint64(t.Unix()), uint64(t.Nanosecond())
	switch {
	case sec>>32 == 0 && nsec == 0:
		return binary.BigEndian.AppendUint32(append(b, 0xd6, timeExt), uint32(sec))
	case sec>>34 == 0:
		return binary.BigEndian.AppendUint64(append(b, 0xd7, timeExt), nsec<<34|sec)
	}
	b = binary.BigEndian.AppendUint32(append(b, 0xc7, 12, timeExt), uint32(nsec))
	return binary.BigEndian.AppendUint64(b, sec)
}

// AppendNil appends nil.
func AppendNil(b []byte) []byte { return append(b, 0xc0) }

// AppendArray appends the header of an array of n elements, at most 15.
func AppendArray(b []byte, n int) []byte { return append(b, 0x90|byte(n)) }
