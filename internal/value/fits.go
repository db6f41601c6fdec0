package value

import (
	"encoding"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// fits reports whether the encoded value is a t, at every depth. The decoder
// is more lenient than a session may be: it makes 44 of 300 in a uint8, a time
// of a string, 0 of nil. A struct may lack fields and have more than the
// value has; a nil fits what can be nil. Types that decode themselves are
// asked by decoding.
func fits(value []byte, t reflect.Type) bool {
	if t == timeType {
		_, ok := wire.Time(value)
		return ok
	}
	if decodesItself(t) {
		return true
	}
	if wire.KindOf(value) == wire.Ext { // an application's own, known to the decoder alone
		return t.Kind() != reflect.Map
	}
	switch t.Kind() {
	case reflect.Bool:
		return wire.KindOf(value) == wire.Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, ok := wire.Int64(value)
		return ok && !t.OverflowInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, ok := wire.Uint64(value)
		return ok && !t.OverflowUint(u)
	case reflect.Float32, reflect.Float64:
		f, ok := wire.Float64(value)
		return ok && !t.OverflowFloat(f)
	case reflect.String:
		return wire.KindOf(value) == wire.Str
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Pointer:
		return wire.KindOf(value) == wire.Nil || t.Elem() != t && fits(value, t.Elem())
	case reflect.Slice, reflect.Array:
		return fitsList(value, t)
	case reflect.Map:
		return wire.KindOf(value) == wire.Nil || fitsMap(value, t)
	case reflect.Struct:
		return fitsStruct(value, t)
	}
	return false
}

func fitsList(value []byte, t reflect.Type) bool {
	kind, n := wire.Count(value)
	if kind == wire.Nil {
		return t.Kind() == reflect.Slice
	}
	if t.Kind() == reflect.Array && n != t.Len() {
		return false
	}
	if t.Elem().Kind() == reflect.Uint8 {
		return kind == wire.Bin
	}
	return kind == wire.Array && each(value, func(_ int, v []byte) bool { return fits(v, t.Elem()) })
}

func fitsMap(value []byte, t reflect.Type) bool {
	return wire.KindOf(value) == wire.Map && each(value, func(i int, v []byte) bool {
		if i%2 == 0 {
			return fits(v, t.Key())
		}
		return fits(v, t.Elem())
	})
}

func fitsStruct(value []byte, t reflect.Type) bool {
	known := fieldsOf(t)
	switch kind, n := wire.Count(value); kind {
	case wire.Map:
		// A field that is there twice makes the library decode into what an
		// interface already holds, which panics.
		seen := make([]bool, len(known.list))
		field, isField := 0, false
		return each(value, func(i int, v []byte) bool {
			if i%2 == 1 {
				return !isField || fits(v, known.list[field])
			}
			name, ok := wire.Text(v)
			if field, isField = known.byName[string(name)]; isField {
				ok = ok && !seen[field]
				seen[field] = true
			}
			return ok
		})
	case wire.Array:
		return known.asArray && n == len(known.list) && each(value, func(i int, v []byte) bool { return fits(v, known.list[i]) })
	}
	return false
}

// each calls f for the elements of an array, or the keys and values of a map,
// as long as it is true.
func each(value []byte, f func(i int, v []byte) bool) bool {
	for i, v := range wire.Each(value) {
		if !f(i, v) {
			return false
		}
	}
	return true
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	selfDecoding = []reflect.Type{
		reflect.TypeFor[msgpack.CustomDecoder](),
		reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
	}
	selfEncoding = []reflect.Type{
		reflect.TypeFor[msgpack.CustomEncoder](),
		reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](),
	}
)

func decodesItself(t reflect.Type) bool { return implementsAny(t, selfDecoding) }

func implementsAny(t reflect.Type, interfaces []reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	for _, i := range interfaces {
		if t.Implements(i) || reflect.PointerTo(t).Implements(i) {
			return true
		}
	}
	return false
}

// fields are those of a struct as the library stores them.
type fields struct {
	byName  map[string]int // index into list
	list    []reflect.Type
	asArray bool // stored as a list, by the tag of a field _msgpack
}

var fieldCache sync.Map // reflect.Type → *fields

func fieldsOf(t reflect.Type) *fields {
	if f, ok := fieldCache.Load(t); ok {
		return f.(*fields)
	}
	f := &fields{byName: map[string]int{}}
	for i := range t.NumField() {
		f.add(t.Field(i))
	}
	fieldCache.Store(t, f)
	return f
}

// add follows the library's rules: msgpack tags, exported fields only,
// embedded structs inlined unless they encode themselves, say "noinline" or
// have a field that is there already.
func (f *fields) add(field reflect.StructField) {
	name, options, _ := strings.Cut(field.Tag.Get("msgpack"), ",")
	if field.Name == "_msgpack" {
		f.asArray = hasOption(options, "as_array") || hasOption(options, "asArray")
	}
	if name == "-" || !field.IsExported() && !field.Anonymous {
		return
	}
	if field.Anonymous && !hasOption(options, "noinline") && f.inline(field.Type) {
		return
	}
	if name == "" {
		name = field.Name
	}
	f.byName[name] = len(f.list)
	for option := range strings.SplitSeq(options, ",") {
		if alias, ok := strings.CutPrefix(option, "alias:"); ok {
			f.byName[alias] = len(f.list)
		}
	}
	f.list = append(f.list, field.Type)
}

func (f *fields) inline(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == timeType || decodesItself(t) || implementsAny(t, selfEncoding) {
		return false
	}
	inner := fieldsOf(t)
	for name := range inner.byName {
		if _, ok := f.byName[name]; ok {
			return false
		}
	}
	for name, i := range inner.byName {
		f.byName[name] = len(f.list) + i
	}
	f.list = append(f.list, inner.list...)
	return true
}

func hasOption(options, want string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == want {
			return true
		}
	}
	return false
}
