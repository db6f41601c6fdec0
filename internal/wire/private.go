package wire

import "encoding/binary"

// A private key is a key of a map, inside a value, that must not reach a page.
// It is marked by its header, which has a length of 32 bits without need.
// Every reader of msgpack takes it for the same text, so the mark changes
// nothing for other programs. It travels with the session: a program that
// shows a value need not know the Go type that it was made of. In the same way
// an array can be private as a whole.

// AppendPrivateText appends s as a private key.
func AppendPrivateText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(len(s))), s...)
}

// AppendPrivateArray appends the header of a private array of n elements.
func AppendPrivateArray(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0xdd), uint32(n))
}

// Private reports whether b, one encoded value, is a private key or array.
func Private(b []byte) bool {
	kind, n := Count(b)
	return (kind == Str && b[0] == 0xdb || kind == Array && b[0] == 0xdd) && n <= 0xffff
}
