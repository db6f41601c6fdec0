package value

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// The walk goes through a value and has the library write its parts. The
// library could write all of it in one call. But it does not sort most maps, it
// follows a value that contains itself until the stack overflows (which no
// recover stops), and it writes structs that it cannot read.

var (
	errDeep     = errors.New("nested too deep, or it contains itself")
	errChain    = errors.New("a chain of pointers without an end")
	errMethods  = errors.New("an interface with methods: only a nil can be read back")
	errOwnBytes = errors.New("its own decoder does not accept what was written")
	errNotASlot = errors.New("an embedded pointer to a type that is not exported: only a nil can be read back")
)

// value writes v, whose type has the shape s. It is called for every part of a
// value, at any depth.
//
// Two counts bound the recursion. Arrays, maps and structs count into depth, keys as well as
// elements: that is how deep the encoding becomes. Pointers and interfaces are
// written as what they hold, so a cycle of them alone has no depth. They count
// into hops, which begins again at each array, map or struct.
//
// Where the type has a decoder of its own, that is tried. Many do not accept what
// their own encoder makes of the zero value, and a struct with one such field
// could not be read at all.
func (e *encoder) value(v reflect.Value, s *shape.Shape, depth, hops int) error {
	// The shortest way to know that a decoder accepts a value is to let it read
	// the value.
	start := len(e.out.b)
	err := e.write(v, s, depth, hops)
	if err == nil && s.Decodes && !read(e.out.b[start:], s, reflect.New(s.Type).Elem()) {
		return errOwnBytes
	}
	return err
}

func (e *encoder) write(v reflect.Value, s *shape.Shape, depth, hops int) error {
	switch {
	// A type with methods of its own comes first, whatever its kind is.
	case s.Encodes:
		return e.itself(v)
	case s.Why != nil:
		return s.Why
	}
	switch s.Kind {
	case reflect.Pointer, reflect.Interface:
		return e.follow(v, s, depth, hops)
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		return e.container(v, s, depth)
	case reflect.Bool:
		return e.msgpack.EncodeBool(v.Bool())
	case reflect.String:
		return e.msgpack.EncodeString(v.String())
	// The width is kept. A float32 that became a float64 would have other digits
	// as text.
	case reflect.Float32:
		return e.msgpack.EncodeFloat32(float32(v.Float()))
	case reflect.Float64:
		return e.msgpack.EncodeFloat64(v.Float())
	// Without the monotonic clock and the time zone: the same instant is the
	// same bytes everywhere.
	case shape.Instant:
		return e.msgpack.EncodeTime(*addressable(v).Addr().Interface().(*time.Time))
	case shape.Bytes:
		return e.msgpack.EncodeBytes(addressable(v).Bytes())
	}
	// The library writes each integer in its shortest form, so a type may be
	// widened later.
	if v.CanInt() {
		return e.msgpack.EncodeInt(v.Int())
	}
	return e.msgpack.EncodeUint(v.Uint())
}

// follow writes what a pointer or an interface holds. An interface with methods
// may hold any type, and nothing in the encoding says which one: it is refused,
// unless it holds nothing.
func (e *encoder) follow(v reflect.Value, s *shape.Shape, depth, hops int) error {
	switch {
	case v.IsNil():
		return e.msgpack.EncodeNil()
	// Nobody builds such a chain on purpose, but a pointer to itself is one.
	case hops == wire.MaxDepth:
		return errChain
	case s.Kind == reflect.Pointer:
		return e.value(v.Elem(), s.Elem.Shape(), depth, hops+1)
	case v.NumMethod() > 0:
		return errMethods
	}
	v = v.Elem()
	return e.value(v, shape.Of(v.Type()), depth, hops+1)
}

// container writes what has elements. Only these are nested, so the depth is
// checked here. A nil slice or map is told from an empty one.
func (e *encoder) container(v reflect.Value, s *shape.Shape, depth int) error {
	// Get gives back a nil for a nil, and an empty slice for an empty one.
	if (s.Kind == reflect.Slice || s.Kind == reflect.Map) && v.IsNil() {
		return e.msgpack.EncodeNil()
	}
	if depth == wire.MaxDepth {
		return errDeep
	}
	switch s.Kind {
	case reflect.Map:
		return e.mapping(v, s, depth+1)
	case reflect.Struct:
		return e.structure(v, &s.Fields, depth+1)
	}
	return e.list(v, s.Elem.Shape(), depth+1)
}

// list writes a slice or an array. Its length is read once: methods of an
// element may change the slice meanwhile. If it is shorter then, that is a panic,
// which encode catches.
func (e *encoder) list(v reflect.Value, elem *shape.Shape, depth int) error {
	// A header that promises more than follows would make the whole payload
	// unreadable.
	n := v.Len()
	if err := e.msgpack.EncodeArrayLen(n); err != nil {
		return err
	}
	for i := range n {
		if err := e.value(v.Index(i), elem, depth, 0); err != nil {
			return shape.Within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return nil
}

// itself has the library call a type's own encoder.
func (e *encoder) itself(v reflect.Value) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	// The encoder has settings. The method may change them, so they are set
	// before it and after it.
	start := len(e.out.b)
	e.configure()
	err = e.msgpack.EncodeValue(addressable(v))
	e.configure()
	if err != nil {
		return err
	}
	// It may write anything. Two values too many in one field and none in the
	// next would be well-formed in all.
	written := e.out.b[start:]
	if n, ok := wire.Skip(written); !ok || n != len(written) {
		return errMalformed
	}
	return nil
}

// addressable returns v or, where v has no address, a copy that has one: the
// methods of a type may be those of its pointer.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	// The copy is for the method. What the method changes in it does not reach
	// the value of the caller.
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// structure writes the fields of a struct that are stored, as a map with their
// names or, with the tag as_array, as a list. The number of the fields stands in
// front of them, so those that are left out have to be counted first.
func (e *encoder) structure(v reflect.Value, f *shape.Fields, depth int) error {
	// A list always has all of its elements: an element that is left out would
	// move the others.
	n := len(f.List)
	if f.Sparse && !f.AsList {
		n = 0
		for _, x := range f.List {
			if x.Present(v) {
				n++
			}
		}
	}
	if err := e.fieldsHeader(f, n); err != nil {
		return err
	}
	for _, x := range f.List {
		if err := e.field(v, f, x, depth); err != nil {
			return shape.Within(x.Path, err)
		}
	}
	return nil
}

// fieldsHeader writes the header of a struct of n fields. A list has no names
// that could be private, so there the whole list is.
func (e *encoder) fieldsHeader(f *shape.Fields, n int) error {
	switch {
	case !f.AsList:
		return e.msgpack.EncodeMapLen(n)
	case f.Private:
		_, err := e.out.Write(wire.AppendPrivateArray(nil, n))
		return err
	}
	return e.msgpack.EncodeArrayLen(n)
}

// field writes one field with its name, or nothing where it is not present. The
// name has been encoded when the type was met first.
func (e *encoder) field(v reflect.Value, f *shape.Fields, x *shape.Field, depth int) error {
	field, ok := x.In(v, false)
	switch {
	// Reading could not put it back, so storing it would lose it.
	case x.Locked && ok && !field.IsNil():
		return errNotASlot
	// A nil in its place would be read back as an empty struct, not as a nil
	// pointer.
	case f.AsList && !ok:
		return errNilEmbedded
	case f.AsList:
	case f.Sparse && !x.Present(v):
		return nil
	default:
		if _, err := e.out.Write(x.Encoded); err != nil {
			return err
		}
	}
	return e.value(field, x.Shape(), depth, 0)
}

var errNilEmbedded = errors.New("behind a nil embedded pointer there is nothing to store as an element of a list")
