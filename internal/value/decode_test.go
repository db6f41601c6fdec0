package value_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

func TestScalarsAreReadOnlyWhereTheyFit(t *testing.T) {
	for _, raw := range []any{0, 127, 128, 300, -1, -129, 70000, int64(1) << 40, int64(math.MinInt64), uint64(math.MaxUint64), "7", "", 7.0, true, nil, []byte("7"), []int{7}} {
		b := mustEncode(t, raw)
		i, isInt := raw.(int)
		if !isInt {
			var i64 int64
			if i64, isInt = raw.(int64); isInt {
				i = int(i64)
			}
		}
		check := func(name string, ok, want bool, zero bool) {
			if ok != want || !ok && !zero {
				t.Errorf("%v as %s: %v", raw, name, ok)
			}
		}
		v1, ok := value.Decode[int](b)
		check("int", ok, isInt, v1 == 0)
		v2, ok := value.Decode[int8](b)
		check("int8", ok, isInt && int(int8(i)) == i, v2 == 0)
		v3, ok := value.Decode[uint8](b)
		check("uint8", ok, isInt && int(uint8(i)) == i, v3 == 0)
		v4, ok := value.Decode[uint64](b)
		check("uint64", ok, isInt && i >= 0 || raw == uint64(math.MaxUint64), v4 == 0)
		v5, ok := value.Decode[string](b)
		_, isText := raw.(string)
		check("string", ok, isText, v5 == "")
		v6, ok := value.Decode[float64](b)
		check("float64", ok, raw == 7.0, v6 == 0)
		v7, ok := value.Decode[bool](b)
		check("bool", ok, raw == true, !v7)
		v8, ok := value.Decode[time.Time](b)
		check("time.Time", ok, false, v8.IsZero())
		v9, ok := value.Decode[*int](b)
		check("*int", ok, isInt || raw == nil, v9 == nil)
	}
	if _, ok := value.Decode[float32](mustEncode(t, 1e300)); ok {
		t.Error("1e300 is a float32")
	}
	if f, ok := value.Decode[float32](mustEncode(t, 1.5)); !ok || f != 1.5 {
		t.Error("1.5 is no float32")
	}
}

func TestATypesOwnDecoderMayPanic(t *testing.T) {
	raw := mustEncode(t, map[string]any{"A": "text"})
	if v, ok := value.Decode[struct{ A panicking }](raw); ok || v.A.A != 0 {
		t.Errorf("%v, %v", v, ok)
	}
	if v, ok := value.Decode[map[string]*panicking](raw); ok || v != nil {
		t.Errorf("%v, %v", v, ok)
	}
	// And the next decode is not disturbed.
	if v, ok := value.Decode[struct{ A string }](raw); !ok || v.A != "text" {
		t.Errorf("%v, %v", v, ok)
	}
}

// moved reads what it once was, a text, and what it is now.
type moved struct{ Name string }

func (m *moved) DecodeMsgpack(d *msgpack.Decoder) error {
	if name, err := d.DecodeString(); err == nil {
		m.Name = name
		return nil
	}
	return errFailed
}

// migrated reads what it once was, a text, and what it is now, a struct.
type migrated struct {
	Name string
	Age  int
}

func (m *migrated) UnmarshalMsgpack(b []byte) error {
	type now migrated
	if wire.KindOf(b) == wire.Map {
		return msgpack.Unmarshal(b, (*now)(m))
	}
	return msgpack.Unmarshal(b, &m.Name)
}

var errFailed = wireError("no")

type wireError string

func (e wireError) Error() string { return string(e) }

func TestADecoderForMsgpackIsAskedWithoutAnEncoder(t *testing.T) {
	got, ok := value.Decode[[]moved](mustEncode(t, []string{"a", "b"}))
	if !ok || !reflect.DeepEqual(got, []moved{{"a"}, {"b"}}) {
		t.Errorf("%v, %v", got, ok)
	}
	if _, ok := value.Decode[moved](mustEncode(t, 5)); ok {
		t.Error("an error of the decoder is no error")
	}
	// But then it has to read what is stored now.
	refused(t, []moved{{"a"}}, "[0]: its own decoder does not accept what was written")
	comesBack(t, []migrated{{"a", 5}})
	if got, ok := value.Decode[migrated](mustEncode(t, "b")); !ok || got.Name != "b" {
		t.Errorf("%v, %v", got, ok)
	}
}

// FuzzDecode: no bytes that the walk accepts make decoding panic, and what is
// no T gives the zero T.
func FuzzDecode(f *testing.F) {
	for _, v := range []any{0, -1, 300, uint64(1 << 63), 1.5, "a", []byte("b"), time.Unix(1<<33, 5), nil, []any{1, "a"}, map[string]any{"A": "x"}, map[string]int{"a": 1}, map[any]any{nil: 1, true: 2}} {
		f.Add(mustEncode(f, v))
	}
	f.Add([]byte{0xd6, 0x05, 1, 2, 3, 4})
	f.Add([]byte{0x81, 0x91, 1, 0x90}) // a list as a key
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok := wire.Skip(b)
		if !ok {
			return // nothing else is ever called with it
		}
		b = b[:n]
		value.Of(b)
		untyped.JSON(b)
		if v, ok := value.Decode[map[string]int8](b); !ok && v != nil {
			t.Errorf("a map[string]int8 %v that is none", v)
		}
		if v, ok := value.Decode[map[any][]time.Time](b); !ok && v != nil {
			t.Errorf("a map[any][]time.Time %v that is none", v)
		}
		if v, ok := value.Decode[[]uint16](b); !ok && v != nil {
			t.Errorf("a []uint16 %v that is none", v)
		}
		if v, ok := value.Decode[struct{ A *string }](b); !ok && v.A != nil {
			t.Errorf("a struct %v that is none", v)
		}
	})
}
