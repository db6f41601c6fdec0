package value

import (
	"bytes"
	"reflect"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// The library is more lenient than a session may be: it makes 44 of 300 in a
// uint8, a time of a string, 0 of nil. Checking before it decodes would need
// all of its rules about fields a second time, and every difference would be a
// value that is read although it does not fit. So what is checked is read in
// the same step here. That takes a third to an eighth of the time too.

// read decodes raw into v, which is zero and can be set. It is false where raw
// does not fit. Then v may be half filled.
//
// How deep it recurses is bounded by raw, which is at most wire.MaxDepth deep,
// and by shape, which refuses long chains of pointers.
func read(raw []byte, s *shape.Shape, v reflect.Value) bool {
	kind := wire.KindOf(raw)
	switch {
	// A type with a decoder of its own decides itself what it accepts.
	case s.Decodes:
		return untyped.WithLibrary(raw, func(d *msgpack.Decoder) error { return d.DecodeValue(v) })
	// A type that can never be stored cannot have been stored.
	case s.Why != nil:
		return false
	case kind == wire.Nil:
		return nilable(v.Kind())
	}
	switch s.Kind {
	case reflect.Pointer:
		// A pointer is stored as what it points to. So a program may change a field
		// from T to *T and back.
		v.Set(reflect.New(v.Type().Elem()))
		return read(raw, s.Elem.Shape(), v.Elem())
	case reflect.Interface:
		return readInterface(raw, v)
	case reflect.Slice, reflect.Array:
		return kind == wire.Array && readList(raw, s.Elem.Shape(), v)
	case reflect.Map:
		return kind == wire.Map && readMap(raw, s, v)
	case reflect.Struct:
		return readStruct(raw, &s.Fields, v)
	case shape.Bytes:
		return readBytes(raw, v)
	}
	return readScalar(raw, s.Kind, v)
}

// nilable reports whether a nil can be read as this kind. It is no zero: who
// stored nil has not stored 0, "" or an empty struct.
func nilable(k reflect.Kind) bool {
	return k == reflect.Pointer || k == reflect.Interface || k == reflect.Slice || k == reflect.Map
}

// readScalar reads numbers of any width, as long as they fit: a counter that was
// stored as an int32 is an int64 later. Text is no number and no time, and a
// number is no bool.
func readScalar(raw []byte, kind reflect.Kind, v reflect.Value) bool {
	switch {
	case kind == reflect.Bool:
		v.SetBool(raw[0] == 0xc3)
		return wire.KindOf(raw) == wire.Bool
	case kind == reflect.String:
		text, ok := wire.Text(raw)
		v.SetString(string(text))
		return ok
	case kind == shape.Instant:
		t, ok := wire.Time(raw)
		v.Set(reflect.ValueOf(t))
		return ok
	// The order of these cases covers all kinds of integers and floats, also
	// those of named types.
	case v.CanInt():
		i, ok := wire.Int64(raw)
		v.SetInt(i)
		return ok && !v.OverflowInt(i)
	case v.CanUint():
		u, ok := wire.Uint64(raw)
		v.SetUint(u)
		return ok && !v.OverflowUint(u)
	}
	f, ok := wire.Float64(raw)
	v.SetFloat(f)
	return ok && !v.OverflowFloat(f)
}

// readInterface reads what the encoding alone tells. An interface with methods
// holds only what has these methods, and nothing that is read here has any.
func readInterface(raw []byte, v reflect.Value) bool {
	x, ok := untyped.Read(raw)
	if !ok || v.NumMethod() > 0 {
		return false
	}
	v.Set(reflect.ValueOf(x))
	return true
}

// readBytes reads bytes. Text is not taken for bytes, nor the other way: what is
// stored as text stays text. An array has to be exactly as long.
func readBytes(raw []byte, v reflect.Value) bool {
	// The bytes are copied, because the encoded value is shared by all who read
	// the session.
	b, ok := wire.Bytes(raw)
	if v.Kind() == reflect.Slice {
		v.SetBytes(bytes.Clone(b))
		return ok
	}
	return ok && copy(v.Bytes(), b) == v.Len() && len(b) == v.Len()
}

// ahead is for how many elements room is made before they have been read. An
// element may be far larger in Go than the bytes that claim to be one.
const ahead = 16

// readList reads a slice or an array. An array has to be exactly as long: the
// library would leave what is missing zero.
func readList(raw []byte, elem *shape.Shape, v reflect.Value) bool {
	// The number is what the input says. It is believed only up to a limit, see
	// ahead.
	_, n := wire.Count(raw)
	if v.Kind() == reflect.Array {
		if n != v.Len() {
			return false
		}
	} else {
		v.Set(reflect.MakeSlice(v.Type(), 0, min(n, ahead)))
	}
	for i, element := range wire.Each(raw) {
		// The slice grows with the elements that were read, and never by what the
		// input claims.
		if v.Kind() == reflect.Slice {
			v.Grow(1)
			v.SetLen(i + 1)
		}
		if !read(element, elem, v.Index(i)) {
			return false
		}
	}
	return true
}

// readMap reads a map. One key and one element serve for all pairs: setting them
// into the map copies them.
func readMap(raw []byte, s *shape.Shape, v reflect.Value) bool {
	t := v.Type()
	_, n := wire.Count(raw)
	v.Set(reflect.MakeMapWithSize(t, min(n, ahead)))
	key, elem := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
	for i, part := range wire.Each(raw) {
		if i%2 == 0 {
			key.SetZero()
			// A key of an interface type may hold a list, and a map with such a key
			// would panic.
			if !read(part, s.Key.Shape(), key) || !key.Comparable() {
				return false
			}
			continue
		}
		// What the pair before has left must not stay in the fields that this one
		// does not have.
		elem.SetZero()
		if !read(part, s.Elem.Shape(), elem) {
			return false
		}
		v.SetMapIndex(key, elem)
	}
	return true
}

// readStruct reads a struct by the names of its fields, so that a value may be
// read as another struct than it was stored from. Names that the struct does not
// have are skipped, and fields that raw does not have stay zero: old and new
// versions of a program read each other's sessions. A list is read only by a
// struct with the tag as_array and as many fields.
func readStruct(raw []byte, f *shape.Fields, v reflect.Value) bool {
	kind, n := wire.Count(raw)
	// The positions are the names here, so a list of another length is another
	// struct.
	if kind == wire.Array && f.AsList && n == len(f.List) {
		for i, element := range wire.Each(raw) {
			if !readField(element, f.List[i], v) {
				return false
			}
		}
		return true
	}
	if kind != wire.Map {
		return false
	}
	seen := make([]bool, len(f.ByName)) // a doubled name: nobody could say which one counts
	var x *shape.Field
	for i, part := range wire.Each(raw) {
		if i%2 == 1 {
			if x != nil && !readField(part, x, v) {
				return false
			}
			continue
		}
		// A private field is found as well: the mark is in the header of the name
		// and not in the name.
		name, ok := wire.Text(part)
		if x = f.ByName[string(name)]; !ok || x != nil && seen[x.Seat] {
			return false
		}
		if x != nil {
			seen[x.Seat] = true
		}
	}
	return true
}

// readField reads one field of the struct v. An embedded pointer on the way to it
// is filled.
func readField(raw []byte, x *shape.Field, v reflect.Value) bool {
	field, _ := x.In(v, true)
	return read(raw, x.Shape(), field)
}
