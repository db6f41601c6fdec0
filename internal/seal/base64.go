package seal

import (
	"encoding/binary"
	"slices"
)

// base64url (RFC 4648 section 5), six bytes at a time and strict: nothing
// decodes but the very text that was encoded. Both ways take about half the
// time of encoding/base64: of a request with 7 keys 60 ns in compact and 250 in
// securecookie, with 23 keys 620, an eighth of it. The tables are 12 KB.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// digits2 are the two digits that 12 bits become, the first one in the low byte.
var digits2 = func() (t [1 << 12]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// values holds, for each of the four places in a group, the 24 bits that a
// digit there stands for. For what is no digit it holds noDigit.
var values = func() (t [4][256]uint32) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = noDigit
		}
		for i, c := range []byte(alphabet) {
			t[place][c] = uint32(i) << (18 - 6*place)
		}
	}
	return t
}()

const noDigit = 1 << 31

// encodedLen is the length of n bytes in base64 without padding.
func encodedLen(n int) int { return (n*8 + 5) / 6 }

// appendEncoded appends src in base64 without padding.
func appendEncoded(dst, src []byte) []byte {
	n := encodedLen(len(src))
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	dst = dst[:len(dst)+n]
	for len(src) >= 8 && len(out) >= 8 { // 6 bytes, read as 8
		v := binary.BigEndian.Uint64(src)
		binary.LittleEndian.PutUint64(out, uint64(digits2[v>>52])|uint64(digits2[v>>40&0xfff])<<16|
			uint64(digits2[v>>28&0xfff])<<32|uint64(digits2[v>>16&0xfff])<<48)
		src, out = src[6:], out[8:]
	}
	var v uint64 // the last 7 bytes at most
	for i, c := range src {
		v |= uint64(c) << (56 - 8*i)
	}
	for i := range out {
		out[i] = alphabet[v>>(58-6*i)&63]
	}
	return dst
}

// appendDecoded appends what text, base64 without padding, stands for. It is
// false for everything that appendEncoded would not have made: other
// characters, line breaks, unused bits that are not zero.
func appendDecoded[T string | []byte](dst []byte, text T) ([]byte, bool) {
	n := len(text) * 6 / 8
	dst = slices.Grow(dst, n+2) // 2 more are written to, behind the result
	out := dst[len(dst) : len(dst)+n+2]
	dst = dst[:len(dst)+n]
	var seen uint32
	for len(text) >= 8 && len(out) >= 8 { // 6 bytes, written as 8
		a := values[0][text[0]] | values[1][text[1]] | values[2][text[2]] | values[3][text[3]]
		b := values[0][text[4]] | values[1][text[5]] | values[2][text[6]] | values[3][text[7]]
		seen |= a | b
		binary.BigEndian.PutUint64(out, uint64(a)<<40|uint64(b)<<16)
		text, out = text[8:], out[6:]
	}
	var v uint64 // the last 7 characters at most
	for i := range len(text) {
		d := values[3][text[i]]
		seen |= d
		v |= uint64(d&63) << (58 - 6*i)
	}
	for i := range len(text) * 6 / 8 {
		out[i] = byte(v >> 56)
		v <<= 8
	}
	return dst, seen&noDigit == 0 && len(text)%4 != 1 && v == 0
}
