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
	// Small numbers are their own first byte. Everything else that is an integer
	// has a first byte from 0xcc to 0xd3.
	switch c := b[0]; {
	case c <= 0x7f:
		return uint64(c), false, 1
	case c >= 0xe0:
		return uint64(int64(int8(c))), true, 1
	case c < 0xcc || c > 0xd3:
		return 0, false, 0
	}
	// The low two bits of the first byte say the width: 1, 2, 4 or 8 bytes. So
	// no table is needed.
	width := 1 << (b[0] & 3) // 0xcc to 0xcf have no sign, 0xd0 to 0xd3 do
	if size = 1 + width; len(b) < size {
		return 0, false, 0
	}
	// A loop and not encoding/binary, because all four widths are one loop.
	for _, c := range b[1:size] {
		u = u<<8 | uint64(c)
	}
	if b[0] < 0xd0 {
		return u, false, size
	}
	// Shifting up and down again copies the sign into the upper bits.
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
	// A float32 has an exact float64, so a program that reads the wider type
	// loses nothing.
	if n == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[header:]))), true
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[header:])), true
}

// Text returns the bytes of the string that b is, not copied.
func Text(b []byte) ([]byte, bool) { return inside(b, Str) }

// Bytes returns the bytes of the byte string that b is, not copied.
func Bytes(b []byte) ([]byte, bool) { return inside(b, Bin) }

// inside returns what stands behind the header, if b is of that kind.
func inside(b []byte, want Kind) ([]byte, bool) {
	kind, header, n := head(b)
	if kind != want {
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
	// msgpack has three encodings of an instant. The shortest has whole seconds
	// until 2106. The middle one has 34 bits of seconds and 30 of nanoseconds.
	// The longest has every instant that Go has, those before 1970 too.
	b = b[header : header+n]
	var sec, nsec uint64
	switch n {
	// The widths are 4, 8 and 12 bytes, and no others.
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
	// Without this check one instant would have several encodings, and the
	// libraries of other languages would read different ones.
	if nsec >= 1e9 {
		return time.Time{}, false
	}
	return time.Unix(int64(sec), int64(nsec)).UTC(), true
}

// AppendInt appends i in its shortest encoding.
func AppendInt(b []byte, i int64) []byte {
	// A number that is not negative is written without a sign, as the library
	// does. So two equal numbers have equal bytes, whatever their type in Go.
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
	// No integer takes more than 9 bytes: the first one and 8 of the number.
	var b [9]byte
	return len(AppendInt(b[:0], i))
}

// appendUint appends u in its shortest encoding. The limits are those of the
// widths that msgpack has.
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
	// Nothing that fits in cookies has a length of 32 bits. A caller may still
	// ask for one, and gets a right answer.
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
	// A short string has its length in its first byte. Most keys and most values
	// of a session are that short.
	if n := len(s); n <= 31 {
		b = append(b, 0xa0|byte(n))
	} else {
		b = appendLength(b, 0xd9, n)
	}
	return append(b, s...)
}

// AppendTime appends t in the shortest of msgpack's three encodings.
func AppendTime(b []byte, t time.Time) []byte {
	// A time before 1970 has a negative second. As an unsigned number that is
	// above all limits below, so it takes the longest encoding.
	sec, nsec := uint64(t.Unix()), uint64(t.Nanosecond())
	switch {
	case sec>>32 == 0 && nsec == 0:
		return binary.BigEndian.AppendUint32(append(b, 0xd6, timeExt), uint32(sec))
	// 30 bits of nanoseconds stand above 34 bits of seconds. That holds all
	// times until the year 2514.
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
