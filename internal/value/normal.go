package value

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// decodeMap decodes a map into an interface: as map[string]any, or, where a
// key is no string, as map[any]any. The library's own does only the former.
// The number of pairs has been checked by [wire.Skip].
func decodeMap(d *msgpack.Decoder) (any, error) {
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return nil, err
	}
	texts, others := make(map[string]any, n), map[any]any(nil)
	for range n {
		key, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		value, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		if text, ok := key.(string); ok {
			texts[text] = value
			continue
		}
		if key = normal(key); !reflect.ValueOf(key).Comparable() || key != key { // NaN, found again by nobody
			return nil, fmt.Errorf("a %T as a key", key)
		}
		if others == nil {
			others = map[any]any{}
		}
		others[key] = value
	}
	if others == nil {
		return texts, nil
	}
	for key, value := range texts {
		others[key] = value
	}
	return others, nil
}

// normalize makes what was decoded into an interface, anywhere below the
// pointer v, independent of the width it was encoded in: integers are int64
// (uint64 above), floats float64. Times are in UTC.
func normalize(v reflect.Value) {
	if holdsFree(v.Type().Elem(), 0) {
		normalizeValue(v.Elem())
	}
}

func normalizeValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() && v.NumMethod() == 0 && v.CanSet() {
			v.Set(reflect.ValueOf(normal(v.Interface())))
		}
	case reflect.Pointer:
		normalizeValue(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			normalizeValue(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() || !v.CanSet() {
			return
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for iter := v.MapRange(); iter.Next(); {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(iter.Value())
			normalizeValue(value)
			out.SetMapIndex(iter.Key(), value)
		}
		v.Set(out)
	case reflect.Struct:
		if v.Type() == timeType {
			if v.CanSet() {
				v.Set(reflect.ValueOf(v.Interface().(time.Time).UTC()))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				normalizeValue(v.Field(i))
			}
		}
	}
}

func normal(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v)
		}
	case float32:
		return float64(v)
	case time.Time:
		return v.UTC()
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = normal(v[key])
		}
	case map[any]any:
		out := make(map[any]any, len(v)) // another one: a NaN as a key would make v grow
		for key, value := range v {
			out[key] = normal(value)
		}
		return out
	}
	return v
}

// holdsFree reports whether a t may hold an interface or a time.
func holdsFree(t reflect.Type, depth int) bool {
	if t == timeType || t.Kind() == reflect.Interface || depth > wire.MaxDepth {
		return true
	}
	if decodesItself(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsFree(t.Elem(), depth+1)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsFree(t.Field(i).Type, depth+1) {
				return true
			}
		}
	}
	return false
}
