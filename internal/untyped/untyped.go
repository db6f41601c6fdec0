// Package untyped reads encoded values for those who do not know the Go type
// that they were made of: what Value, All, templates and JSON show.
package untyped

import (
	"bytes"
	"reflect"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// Of returns raw, one encoded value, without a type of the caller's: integers
// as int64 (uint64 above), floats as float64, maps as map[string]any
// (map[any]any where a key is no text), lists as []any, times in UTC. An
// extension is what the application has registered with the library for it. It
// is nil where something is not known to the library, or cannot be a key in Go.
func Of(raw []byte) any {
	v, _ := Read(raw)
	return v
}

// Read is [Of], and false where that is nil because it cannot tell.
func Read(raw []byte) (any, bool) { return read(raw, everything) }

// extent says how much of a value is wanted.
type extent bool

const (
	everything extent = false
	public     extent = true // without what is private
)

// read is where all values without a type come from. Almost every number fits in
// an int64, so a caller needs a second case only for those above it. It recurses as deep as raw
// is, which is wire.MaxDepth at most. It allocates no more than raw has bytes for,
// times the size of an interface: no count is believed before that.
func read(raw []byte, want extent) (v any, ok bool) {
	switch kind, n := wire.Count(raw); kind {
	case wire.Nil:
		return nil, true
	case wire.Bool:
		return raw[0] == 0xc3, true
	case wire.Int:
		if i, ok := wire.Int64(raw); ok {
			return i, true
		}
		return wire.Uint64(raw)
	case wire.Float:
		return wire.Float64(raw)
	case wire.Str:
		text, _ := wire.Text(raw)
		return string(text), true
	case wire.Bin:
		b, _ := wire.Bytes(raw)
		// A copy: the caller may change it, and the encoded value is shared.
		return bytes.Clone(b), true
	case wire.Array:
		return list(raw, n, want)
	case wire.Map:
		return mapping(raw, n, want)
	}
	if t, ok := wire.Time(raw); ok {
		return t, true
	}
	// An extension has a meaning only where the application has registered it.
	// So the library reads it.
	ok = WithLibrary(raw, func(d *msgpack.Decoder) (err error) {
		v, err = d.DecodeInterface()
		return err
	})
	if _, isTime := v.(time.Time); isTime || !ok {
		return nil, false // a time that wire.Time refuses has a second of more than 10⁹ nanoseconds
	}
	return v, true
}

// list reads an array. The list is made at once in its whole length, because
// wire.Count has seen a byte for each element. One element that is not known makes all of it unknown: a
// list with a hole would have other positions.
func list(raw []byte, n int, want extent) (any, bool) {
	// A struct that is stored as a list has no names. So one private field hides
	// all of it.
	if want == public && wire.Private(raw) {
		return nil, true
	}
	out := make([]any, n)
	for i, element := range wire.Each(raw) {
		v, ok := read(element, want)
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// mapping reads a map. As long as all keys are text it is a map[string]any, which
// templates and JSON can use. One other key makes it a map[any]any, which is made
// only then. A list or a map cannot be a key in Go, and putting one into a map
// would panic.
func mapping(raw []byte, n int, want extent) (any, bool) {
	texts, others := make(map[string]any, n), map[any]any(nil)
	var rawKey []byte
	for i, part := range wire.Each(raw) {
		if i%2 == 0 {
			rawKey = part
			continue
		}
		// The value of a private field is not even decoded.
		if want == public && wire.Private(rawKey) {
			continue
		}
		v, ok := read(part, want)
		if !ok {
			return nil, false
		}
		if text, ok := keyText(rawKey); ok {
			texts[text] = v
			continue
		}
		key, ok := read(rawKey, want)
		if !ok || key != nil && !reflect.ValueOf(key).Comparable() || key != key { // a NaN is not found again
			return nil, false
		}
		if others == nil {
			others = map[any]any{}
		}
		others[key] = v
	}
	if others == nil {
		return texts, true
	}
	for key, v := range texts {
		others[key] = v
	}
	return others, true
}

// keyText returns a key as text. Bytes are text here: types that encode
// themselves, such as a UUID, are bytes.
func keyText(raw []byte) (string, bool) {
	text, ok := wire.Text(raw)
	if !ok {
		text, ok = wire.Bytes(raw)
	}
	return string(text), ok
}

// decoder decodes one value after another. It comes from a pool, because a new one
// for each value would be an allocation that nobody needs. Before it goes back,
// everything that it decoded has left it.
type decoder struct {
	msgpack *msgpack.Decoder
	in      bytes.Reader
}

var decoders = sync.Pool{New: func() any { return &decoder{msgpack: msgpack.NewDecoder(nil)} }}

// WithLibrary lends decode a decoder of the library that reads raw. It is false
// when decode returns an error or panics.
func WithLibrary(raw []byte, decode func(*msgpack.Decoder) error) (ok bool) {
	// A type's own decoder may panic on bytes that it did not write. That would
	// be an error of every request for as long as the cookie lives.
	defer func() { ok = recover() == nil && ok }()
	d := decoders.Get().(*decoder)
	d.in.Reset(raw)
	d.msgpack.Reset(&d.in)
	// The cost of a new decoder is paid only where a value could not be read.
	if decode(d.msgpack) != nil {
		return false // and this decoder is in an unknown state: dropped
	}
	decoders.Put(d)
	return true
}
