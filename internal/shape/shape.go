// Package shape decides how values of a Go type are stored: which fields a
// struct has there and under which names, whether the type's own methods are
// asked, and why nothing of a type can be stored. It decides once for each
// type. It sees types only, no values and no bytes.
//
// Package value reads and writes by these decisions alone. So what is written,
// what is accepted and what is read cannot differ, and nothing is decided about
// a type while a request waits.
package shape

import (
	"encoding"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// A Shape is what is decided about a type. It is not changed after [Of]
// returned it, and may be used from many goroutines.
type Shape struct {
	Type reflect.Type
	Kind reflect.Kind // that of Type, or Instant or Bytes
	Why  error        // why no value can be stored by its kind; nil if some can

	// Encodes and Decodes say that the library asks the type's own methods.
	Encodes, Decodes bool

	Key, Elem Ref
	Fields    // of a struct

	// Reread says that the keys of a map may differ when they are written and
	// be one when they are read, as int8(1) and int64(1) in an interface.
	Reread bool
}

// Kinds beside those of package reflect.
const (
	Instant reflect.Kind = 64 + iota // time.Time
	Bytes                            // slices and arrays of bytes
)

// A Ref is a type whose shape is looked up when it is first needed. So a type
// may contain itself, and deciding about a type never goes down into others,
// except for embedded structs.
type Ref struct {
	typ   reflect.Type
	shape atomic.Pointer[Shape]
}

// Shape returns the shape of the type.
func (r *Ref) Shape() *Shape {
	s := r.shape.Load()
	if s == nil {
		s = Of(r.typ)
		r.shape.Store(s)
	}
	return s
}

// maxCached bounds the cache of shapes. A program has far fewer types, but it
// can make any number of them with reflect.StructOf. The shapes of further
// types are made again each time. (Package reflect never forgets a type that
// it made.)
const maxCached = 4096

var (
	cache  sync.Map // reflect.Type → *Shape
	cached atomic.Int64
)

// Of returns the shape of t.
func Of(t reflect.Type) *Shape {
	if s, ok := cache.Load(t); ok {
		return s.(*Shape)
	}
	s := decide(t)
	if cached.Load() < maxCached {
		if _, there := cache.LoadOrStore(t, s); !there {
			cached.Add(1)
		}
	}
	return s
}

// What cannot be stored, by type. Everything that depends on a value is an error
// of package value.
var (
	timeType = reflect.TypeFor[time.Time]()

	errKind       = errors.New("this kind of value cannot be stored")
	errChain      = errors.New("a chain of pointers without an end")
	errOneWay     = errors.New("it has a method that writes msgpack and none that reads it")
	errPointerKey = errors.New("a pointer as a key would come back as another one")
)

// decide makes the shape of a type. It looks at the type itself, its methods and,
// for a struct, its fields. What those are is decided when they are needed.
//
// A pointer or an interface to something that cannot be stored is no reason to
// refuse: it may be nil. So is an empty list. That is found out by the value.
func decide(t reflect.Type) *Shape {
	s := &Shape{Type: t, Kind: t.Kind()}
	s.Encodes, s.Decodes, s.Why = ownMethods(t)
	if s.Why != nil || s.Encodes {
		return s
	}
	switch s.Kind {
	case reflect.Pointer:
		s.Elem.typ = t.Elem()
		if endless(t) {
			s.Why = errChain
		}
	case reflect.Slice, reflect.Array:
		s.Elem.typ = t.Elem()
		if t.Elem().Kind() == reflect.Uint8 {
			s.Kind = Bytes
		}
	case reflect.Map:
		s.Key.typ, s.Elem.typ = t.Key(), t.Elem()
		s.Reread = rereads(t.Key().Kind())
		if t.Key().Kind() == reflect.Pointer {
			s.Why = errPointerKey
		}
	case reflect.Struct:
		if t == timeType {
			s.Kind = Instant
		} else {
			s.Fields, s.Why = fieldsOf(t)
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.Uintptr, reflect.UnsafePointer:
		s.Why = errKind
	}
	return s
}

// rereads reports whether keys of a kind need a second look. A NaN is not
// found again. The other kinds may hold an interface.
func rereads(key reflect.Kind) bool {
	switch key {
	case reflect.Interface, reflect.Struct, reflect.Array, reflect.Float32, reflect.Float64:
		return true
	}
	return false
}

// endless reports whether t is a chain of pointers that never ends, as in
// type P *P, or is longer than any value may be deep. Following it would take the
// stack, which no recover stops. A chain of usual length costs one step for each
// pointer.
func endless(t reflect.Type) bool {
	for range wire.MaxDepth + 1 {
		if t.Kind() != reflect.Pointer {
			return false
		}
		t = t.Elem()
	}
	return true
}

// The library looks for these methods in this order, first among those of the
// type and then among those of a pointer to it. JSON methods do not count.
var (
	encoders = []reflect.Type{
		reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler](),
	}
	decoders = []reflect.Type{
		reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
)

// ownMethods reports whether values of t are written and read by methods of
// t. They count as a pair only: what MarshalText wrote, nothing but
// UnmarshalText can be trusted to read. A text or binary method without its
// counterpart is not asked, and the value is stored by its kind. A decoder for
// msgpack counts alone, because it may have to read what the type once was. With
// an encoder for msgpack alone, nobody could read what it wrote.
func ownMethods(t reflect.Type) (encodes, decodes bool, why error) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || t == timeType {
		return false, false, nil // what they hold is asked
	}
	write, read := first(t, encoders), first(reflect.PointerTo(t), decoders)
	if write < 0 {
		write = first(reflect.PointerTo(t), encoders)
	}
	if first(t, decoders) >= 0 { // it decodes into a copy
		read = -1
	}
	forMsgpack := func(method int) bool { return method == 0 || method == 1 }
	switch {
	case write >= 0 && borrowed(t, encoders[write]):
		return false, false, nil
	case forMsgpack(write) && !forMsgpack(read):
		return false, false, errOneWay
	case write >= 0 && (write == read || forMsgpack(write)):
		return true, true, nil
	}
	return false, write < 0 && forMsgpack(read), nil
}

// first returns which of the interfaces t implements first, -1 for none.
func first(t reflect.Type, interfaces []reflect.Type) int {
	for i, in := range interfaces {
		if t.Implements(in) {
			return i
		}
	}
	return -1
}

// borrowed reports whether a method of the struct t may be that of an embedded
// field, which knows nothing of the other fields, as MarshalText in
// struct{ time.Time; Note string }. Such a struct is stored field by field.
func borrowed(t reflect.Type, method reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() == 1 {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (f.Type.Implements(method) || reflect.PointerTo(f.Type).Implements(method)) {
			return true
		}
	}
	return false
}
