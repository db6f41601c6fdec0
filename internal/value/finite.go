package value

import (
	"errors"
	"reflect"
	"strings"

	"github.com/cookiesession/cookiesession/internal/wire"
)

var (
	errDeep  = errors.New("nested too deep, or it contains itself")
	errChain = errors.New("a chain of pointers without an end")
)

// finite reports why v cannot be encoded by walking it: because it contains
// itself or is nested deeper than [wire.MaxDepth]. The encoder would follow it
// until the stack overflows, which no recover stops. Types that encode
// themselves are taken at their word.
func finite(v any) error {
	switch v.(type) {
	case nil, bool, string, []byte, []string, map[string]string,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return nil
	}
	budget := 1 << 20
	return finiteValue(reflect.ValueOf(v), 0, 0, &budget)
}

// finiteValue walks v. Arrays, maps and structs count into depth; pointers and
// interfaces, which encode to nothing, into hops. A value with more elements
// than the budget is left to the limit on its size.
func finiteValue(v reflect.Value, depth, hops int, budget *int) error {
	if *budget--; *budget < 0 || !v.IsValid() || flat(v.Type()) {
		return nil
	}
	if depth > wire.MaxDepth {
		return errDeep
	}
	if hops > wire.MaxDepth {
		return errChain
	}
	switch v.Kind() {
	case reflect.Pointer:
		if err := finiteType(v.Type()); err != nil {
			return err
		}
		return finiteValue(v.Elem(), depth, hops+1, budget)
	case reflect.Interface:
		return finiteValue(v.Elem(), depth, hops+1, budget)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := finiteValue(v.Index(i), depth+1, 0, budget); err != nil {
				return err
			}
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			if err := finiteValue(iter.Value(), depth+1, 0, budget); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return finiteFields(v, depth, budget)
	}
	return nil
}

func finiteFields(v reflect.Value, depth int, budget *int) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("msgpack"), ",")
		if name == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		if err := finiteValue(v.Field(i), depth+1, 0, budget); err != nil {
			return err
		}
	}
	return nil
}

// finiteType refuses type P *P: the library builds an encoder for each
// pointer of a type before it looks at the value.
func finiteType(t reflect.Type) error {
	for hops := 0; t.Kind() == reflect.Pointer; hops++ {
		if hops > wire.MaxDepth {
			return errChain
		}
		t = t.Elem()
	}
	return nil
}

// flat reports whether values of t hold no others, or encode themselves.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Map:
		return t == timeType || implementsAny(t, selfEncoding)
	case reflect.Slice, reflect.Array:
		return t.Elem().Kind() < reflect.Array || t.Elem().Kind() == reflect.String || implementsAny(t, selfEncoding)
	}
	return true
}
