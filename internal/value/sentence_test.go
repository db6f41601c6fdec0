package value_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/value"
)

// What Encode accepts as a T, Decode gives back as an equal T, or Encode says
// no. The types here are made at random; those that people use are below.

// TestTheSentenceHoldsForRandomTypes also checks that equal values have equal
// encodings, and that what was read can be stored and read again.
func TestTheSentenceHoldsForRandomTypes(t *testing.T) {
	const types, values = 2000, 8
	accepted, refused := 0, 0
	var others [][]byte // what was stored of other types
	for seed := range uint64(types) {
		r := &random{rand.New(rand.NewPCG(seed, 15))}
		typ := r.typ(3)
		for _, raw := range others {
			value.Into(raw, reflect.New(typ).Elem()) // does not panic
		}
		others = others[max(0, len(others)-20):]
		for range values {
			v := reflect.New(typ).Elem()
			r.fill(v, 4)
			raw, err := encoded(v.Addr().Interface()) // with the type of an interface
			if err != nil {
				if msg := err.Error(); !strings.HasPrefix(msg, "cookiesession: a ") || strings.Contains(msg, "panicked") {
					t.Fatalf("seed %d: %v", seed, err)
				}
				refused++
				continue
			}
			accepted++
			if again := mustEncode(t, v.Addr().Interface()); !bytes.Equal(raw, again) {
				t.Fatalf("seed %d: %v is % x and % x", seed, typ, raw, again)
			}
			got := reflect.New(typ).Elem()
			if !value.Into(raw, got) {
				t.Fatalf("seed %d: %v\n%#v\nis % x and cannot be read", seed, typ, v, raw)
			}
			if path := different(v, got, ""); path != "" {
				t.Fatalf("seed %d: %v\n%#v\nis % x and comes back as\n%#v\nat %s", seed, typ, v, raw, got, path)
			}
			second, twice := mustEncode(t, got.Addr().Interface()), reflect.New(typ)
			if !value.Into(second, twice.Elem()) || !bytes.Equal(second, mustEncode(t, twice.Interface())) {
				t.Fatalf("seed %d: %v is % x when it came back, and not the same the next time", seed, typ, second)
			}
			value.Of(raw)
			untyped.JSON(raw)
			others = append(others, raw)
		}
	}
	if t.Logf("%d values came back, %d were refused", accepted, refused); accepted < types*values/2 || refused < 10 {
		t.Error("this test shows too little")
	}
}

// random makes types and values.
type random struct{ *rand.Rand }

func pick[T any](r *random, from ...T) T { return from[r.IntN(len(from))] }

func (r *random) typ(depth int) reflect.Type {
	if depth == 0 || r.IntN(4) == 0 {
		return r.leaf()
	}
	switch r.IntN(7) {
	case 0:
		return reflect.PointerTo(r.typ(depth - 1))
	case 1:
		return reflect.SliceOf(r.typ(depth - 1))
	case 2:
		return reflect.ArrayOf(r.IntN(3), r.typ(depth-1))
	case 3:
		key := r.typ(1)
		for !key.Comparable() {
			key = r.typ(1)
		}
		return reflect.MapOf(key, r.typ(depth-1))
	}
	return r.structure(depth)
}

func (r *random) leaf() reflect.Type {
	return pick(r, reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](),
		reflect.TypeFor[int64](), reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint64](),
		reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[[3]byte](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](), reflect.TypeFor[any](), reflect.TypeFor[error](), reflect.TypeFor[fmt.Stringer](),
		reflect.TypeFor[level](), reflect.TypeFor[strict](), reflect.TypeFor[Base](), reflect.TypeFor[embedsValue](), reflect.TypeFor[binary](),
		reflect.TypeFor[stamped](), reflect.TypeFor[spot](), reflect.TypeFor[[]string](), reflect.TypeFor[map[string]any](),
		reflect.TypeFor[map[string]string](), reflect.TypeFor[node](), reflect.TypeFor[chan int](), reflect.TypeFor[clash2](),
		reflect.TypeFor[embedsHidden](), reflect.TypeFor[struct{ embedsHidden }](), reflect.TypeFor[embedsPointer](), reflect.TypeFor[twoBases](),
		reflect.TypeFor[embedsOdd](), reflect.TypeFor[listed](), reflect.TypeFor[aliased](), reflect.TypeFor[embedsItself]())
}

// embedsOdd embeds what is no struct, or is not exported.
type embedsOdd struct {
	Word
	*Number
	word    //lint:ignore U1000 it is there to be left out
	*number //lint:ignore U1000 it is there to be left out
	error
	fmt.Stringer
	moment
	embedsHidden
	Last int
}

type (
	Word   string
	Number int
	word   string
	number int
	moment = time.Time
)

func (r *random) structure(depth int) reflect.Type {
	var fields []reflect.StructField
	if r.IntN(8) == 0 {
		fields = append(fields, reflect.StructField{
			Name: "_msgpack", PkgPath: "p", Type: reflect.TypeFor[struct{}](), Tag: pick[reflect.StructTag](r, `msgpack:",as_array"`, `msgpack:",omitempty"`),
		})
	}
	names := map[string]bool{}
	for range r.IntN(6) {
		f := reflect.StructField{Name: pick(r, "A", "B", "C", "ID", "N", "Other"), Type: r.typ(depth - 1)}
		f.Tag = pick[reflect.StructTag](r, "", "", "", `msgpack:"a"`, `msgpack:"ID"`, `msgpack:",omitempty"`, `msgpack:"-"`, `msgpack:",alias:N"`, `json:"-"`, `json:"x" msgpack:"b,omitempty"`)
		if r.IntN(4) == 0 {
			f = reflect.StructField{Name: "Base", Type: pick(r, reflect.TypeFor[Base](), reflect.TypeFor[*Base]()), Anonymous: true}
			f.Tag = pick[reflect.StructTag](r, "", "", `msgpack:",inline"`, `msgpack:",noinline"`, `msgpack:"base"`, `json:"-"`)
		} else if r.IntN(8) == 0 {
			f.Name, f.PkgPath = "hidden", "p"
		}
		if !names[f.Name] {
			names[f.Name] = true
			fields = append(fields, f)
		}
	}
	return reflect.StructOf(fields)
}

// fill sets v to something.
func (r *random) fill(v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		at := time.Unix(r.Int64N(1<<36)-1<<33, r.Int64N(2)*r.Int64N(1e9)).In(time.FixedZone("zone", r.IntN(9)*1000))
		v.Set(reflect.ValueOf(pick(r, time.Time{}, at, at)))
		return
	case reflect.TypeFor[binary]():
		v.Set(reflect.ValueOf(binary{pick(r, "", "text")}))
		return
	}
	switch k := v.Kind(); {
	case k == reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case v.CanInt():
		v.SetInt(pick(r, 0, 1, -1, r.Int64()>>r.IntN(64), math.MaxInt64, math.MinInt64))
	case v.CanUint():
		v.SetUint(pick(r, 0, 1, r.Uint64()>>r.IntN(64), math.MaxUint64))
	case v.CanFloat():
		v.SetFloat(pick(r, 0, math.Copysign(0, -1), 1, 0.5, r.NormFloat64(), math.Inf(-1), math.NaN(), math.MaxFloat64))
	case k == reflect.String:
		v.SetString(pick(r, "", "text", "\xff\xfe", strings.Repeat("x", r.IntN(300))))
	case k == reflect.Interface:
		r.fillInterface(v)
	case depth == 0 || k == reflect.Chan:
	case k == reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth-1)
		}
	case k == reflect.Slice:
		if n := r.IntN(4) - 1; n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		fallthrough
	case k == reflect.Array:
		for i := range v.Len() {
			r.fill(v.Index(i), depth-1)
		}
	case k == reflect.Map:
		r.fillMap(v, depth)
	case k == reflect.Struct:
		for i := range v.NumField() {
			if isStored(v.Type().Field(i)) {
				r.fill(v.Field(i), depth-1)
			}
		}
	}
}

func (r *random) fillMap(v reflect.Value, depth int) {
	n := r.IntN(5) - 1
	if n >= 0 {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for range n {
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		r.fill(key, depth-1)
		r.fill(elem, depth-1)
		if key.Comparable() {
			v.SetMapIndex(key, elem)
		}
	}
}

func (r *random) fillInterface(v reflect.Value) {
	switch {
	case r.IntN(3) == 0:
	case v.NumMethod() == 0:
		v.Set(reflect.ValueOf(pick[any](r, true, int8(-5), 300, uint64(math.MaxUint64), float32(0.5), 1.5, "text", []byte("bytes"), [2]byte{1, 2},
			[]int{1, -1}, []string(nil), []any{nil, "a", int8(1)}, map[string]int16{"b": 1, "a": 2}, map[int]string{1: "a"}, time.Unix(5, 6), &Base{1, 2}, Base{3, 4}, (*Base)(nil))))
	case r.IntN(8) == 0 && v.Type() == reflect.TypeFor[error]():
		v.Set(reflect.ValueOf(errFailed))
	}
}

// different returns where got is not what want has to come back as, "" if it
// is nowhere. It is what the documentation of the package promises.
func different(want, got reflect.Value, path string) string {
	differs := func(is bool) string {
		if is {
			return path + " (" + want.Type().String() + ")"
		}
		return ""
	}
	switch want.Type() {
	case reflect.TypeFor[time.Time]():
		a, b := want.Interface().(time.Time), got.Interface().(time.Time)
		return differs(!a.Equal(b) || b.Location() != time.UTC)
	case reflect.TypeFor[binary]():
		return differs(want.Interface() != got.Interface())
	}
	switch want.Kind() {
	case reflect.Float32, reflect.Float64:
		a, b := want.Float(), got.Float()
		return differs(a != b && !(math.IsNaN(a) && math.IsNaN(b)))
	case reflect.Interface:
		return differs(!reflect.DeepEqual(asUntyped(want), got.Interface()))
	case reflect.Pointer:
		if want.IsNil() || got.IsNil() {
			return differs(!got.IsNil() || !isNil(want))
		}
		return different(want.Elem(), got.Elem(), path+".*")
	case reflect.Slice, reflect.Array:
		if want.Kind() == reflect.Slice && want.IsNil() != got.IsNil() || want.Len() != got.Len() {
			return differs(true)
		}
		for i := range want.Len() {
			if d := different(want.Index(i), got.Index(i), fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Map:
		return differentMap(want, got, path)
	case reflect.Struct:
		return differentStruct(want, got, path)
	}
	return differs(!want.Equal(got))
}

func differentMap(want, got reflect.Value, path string) string {
	if want.IsNil() != got.IsNil() || want.Len() != got.Len() {
		return path + " (length)"
	}
next:
	for a := want.MapRange(); a.Next(); {
		for b := got.MapRange(); b.Next(); {
			if different(a.Key(), b.Key(), "") == "" && different(a.Value(), b.Value(), "") == "" {
				continue next
			}
		}
		return fmt.Sprintf("%s[%v]", path, a.Key())
	}
	return ""
}

func differentStruct(want, got reflect.Value, path string) string {
	omitEmpty := false
	for i := range want.NumField() {
		f := want.Type().Field(i)
		tag := f.Tag.Get("msgpack")
		omitEmpty = omitEmpty || f.Name == "_msgpack" && strings.Contains(tag, "omitempty")
		a, b := want.Field(i), got.Field(i)
		switch k := a.Kind(); {
		case tag == "-", !isStored(f):
			if !b.IsZero() {
				return path + "." + f.Name + " (is no field to be read)"
			}
			continue
		case (omitEmpty || strings.Contains(tag, "omitempty")) && (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.IsNil():
			continue
		}
		if d := different(a, b, path+"."+f.Name); d != "" {
			return d
		}
	}
	return ""
}

// isStored reports whether a field is exported, or embeds some that are.
func isStored(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]()
}

// isNil reports whether v is a nil, or leads to one by pointers and interfaces.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || isNil(v.Elem())
	case reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}

// asUntyped is what Of returns for v.
func asUntyped(v reflect.Value) any {
	switch {
	case isNil(v):
		return nil
	case v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer:
		return asUntyped(v.Elem())
	case v.CanInt():
		return v.Int()
	case v.CanUint() && v.Uint() > math.MaxInt64:
		return v.Uint()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Type() == reflect.TypeFor[time.Time]():
		return v.Interface().(time.Time).UTC()
	case v.Type() == reflect.TypeFor[Base]():
		return map[string]any{"ID": v.Field(0).Int(), "Other": v.Field(1).Int()}
	case v.Type() == reflect.TypeFor[[2]byte]():
		return []byte{byte(v.Index(0).Uint()), byte(v.Index(1).Uint())}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = asUntyped(v.Index(i))
		}
		return list
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = asUntyped(v.MapIndex(key))
		}
		return out
	case v.Kind() == reflect.Map:
		out := map[any]any{}
		for _, key := range v.MapKeys() {
			out[asUntyped(key)] = asUntyped(v.MapIndex(key))
		}
		return out
	}
	return v.Interface()
}
