package value

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"slices"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/cookiesession/cookiesession/internal/wire"
)

var (
	errDoubled = errors.New("two of its keys are the same when they are read back")
	errKey     = errors.New("a key that could not be read back")
)

// Go gives the pairs of a map in another order each time. They are written in
// the order of their keys, so that equal sessions have equal payloads. The
// library sorts map[string]string, map[string]bool and map[string]any only.
// Sorting what has been encoded works for every kind of key, and compares bytes
// instead of Go values of any type.

// A pair is where one pair of a map stands in the output.
type pair struct{ key, value, end int }

// mapping writes the pairs as they come and puts them in order afterwards. The
// pairs of an inner map are sorted before those of the outer one. A path does not
// name the key, because a key of a map can be data of a visitor.
func (e *encoder) mapping(v reflect.Value, s *shape.Shape, depth int) error {
	if err := e.msgpack.EncodeMapLen(v.Len()); err != nil {
		return err
	}
	// The pairs of outer maps are in the same slice, before first. They are left
	// alone.
	start, first := len(e.out.b), len(e.pairs)
	// One key and one element serve for all pairs, so the walk allocates nothing
	// for each of them.
	key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	var seen reflect.Value
	// Only keys of an interface type can become equal when they are read. Other
	// maps pay nothing for the check.
	if s.Reread {
		seen = reflect.MakeMap(v.Type())
	}
	for iter := v.MapRange(); iter.Next(); {
		key.SetIterKey(iter)
		// Copying into a variable makes the element addressable, which methods of a
		// pointer need.
		elem.SetIterValue(iter)
		at := pair{key: len(e.out.b)}
		err := e.value(key, s.Key.Shape(), depth, 0)
		at.value = len(e.out.b)
		if err == nil && s.Reread {
			err = reread(e.out.b[at.key:], s, seen)
		}
		if err == nil {
			err = e.value(elem, s.Elem.Shape(), depth, 0)
		}
		if err != nil {
			return shape.Within("[…]", err)
		}
		at.end = len(e.out.b)
		e.pairs = append(e.pairs, at)
	}
	err := e.sort(start, e.pairs[first:])
	e.pairs = e.pairs[:first]
	return err
}

// reread reads an encoded key back and puts it into seen, a map like the one
// that is written. Keys that differ in Go can be one when they are read: int8(1)
// and int64(1) in an interface. Then one of the two values would be lost without
// a word. Other keys cannot be keys any more, such as a struct in an interface.
func reread(raw []byte, s *shape.Shape, seen reflect.Value) error {
	key := reflect.New(seen.Type().Key()).Elem()
	if !read(raw, s.Key.Shape(), key) || !key.Comparable() {
		return errKey
	}
	if seen.MapIndex(key).IsValid() {
		return errDoubled
	}
	seen.SetMapIndex(key, reflect.Zero(seen.Type().Elem()))
	if !seen.MapIndex(key).IsValid() { // a NaN is not found again
		return errKey
	}
	return nil
}

// sort puts the pairs that begin at start in the order of their keys: texts by
// their bytes, everything else by the bytes of its encoding.
func (e *encoder) sort(start int, pairs []pair) error {
	out := e.out.b
	slices.SortFunc(pairs, func(a, b pair) int {
		x, y := out[a.key:a.value], out[b.key:b.value]
		return cmp.Or(bytes.Compare(content(x), content(y)), bytes.Compare(x, y))
	})
	// The pairs are copied aside and written back in order. The scratch is kept
	// for the next map.
	e.scratch = append(e.scratch[:0], out[start:]...)
	e.out.b = out[:start]
	var last []byte
	for _, p := range pairs {
		raw := e.scratch[p.key-start : p.end-start]
		// Equal keys stand beside each other now, so one comparison finds a doubled
		// one.
		if key := raw[:p.value-p.key]; !bytes.Equal(key, last) {
			last = key
		} else {
			return errDoubled
		}
		e.out.b = append(e.out.b, raw...)
	}
	return nil
}

// content is what a key is sorted by.
func content(key []byte) []byte {
	// Without the header: its length would otherwise come before the text, and
	// "b" before "aa".
	if text, ok := wire.Text(key); ok {
		return text
	}
	return key
}
