package untyped_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

func library(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhatIsReadDoesNotDependOnTheWidthOfItsEncoding(t *testing.T) {
	at := time.Unix(5, 6)
	for _, c := range []struct{ stored, want any }{
		{nil, nil}, {true, true}, {false, false},
		{int8(5), int64(5)}, {int16(-300), int64(-300)}, {int32(70000), int64(70000)}, {int64(5), int64(5)}, {uint8(200), int64(200)},
		{uint64(5), int64(5)}, {uint64(math.MaxInt64), int64(math.MaxInt64)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{float32(0.5), 0.5}, {1.5, 1.5}, {"text", "text"}, {"", ""}, {[]byte("b"), []byte("b")}, {[]byte{}, []byte{}},
		{[]int8{1, 2}, []any{int64(1), int64(2)}}, {[]any{}, []any{}}, {at, at.UTC()}, {[]time.Time{at}, []any{at.UTC()}},
		{map[string]uint8{"a": 1}, map[string]any{"a": int64(1)}}, {map[string]any{}, map[string]any{}},
		{map[int8]string{1: "a"}, map[any]any{int64(1): "a"}}, {map[any]any{nil: 1, "a": 2, 0.5: 3}, map[any]any{nil: int64(1), "a": int64(2), 0.5: int64(3)}},
		{map[time.Time]int{at: 1}, map[any]any{at.UTC(): int64(1)}}, {map[[2]byte]int{{'a', 'b'}: 1}, map[string]any{"ab": int64(1)}},
	} {
		if got := untyped.Of(library(t, c.stored)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v is %#v, want %#v", c.stored, got, c.want)
		}
	}
}

func TestWhatCannotBeToldIsNil(t *testing.T) {
	for name, raw := range map[string]string{
		"an extension that nobody registered": "\xd4\x05\x01",
		"one in a list":                       "\x92\x01\xd4\x05\x01",
		"one in a map":                        "\x81\xa1a\xd4\x05\x01",
		"one as a key":                        "\x81\xd4\x05\x01\x01",
		"a list as a key":                     "\x81\x91\x01\x01",
		"a map as a key":                      "\x81\x80\x01",
		"a NaN as a key":                      "\x81\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01\x01",
		"a reference to an interned text":     "\xd4\x80\x00",
		"a time with too many nanoseconds":    "\xd7\xff\xff\xff\xff\xfc\x00\x00\x00\x00",
		"a time of no length":                 "\xc7\x00\xff",
		"nothing":                             "",
	} {
		if v, ok := untyped.Read([]byte(raw)); ok || v != nil || untyped.Of([]byte(raw)) != nil {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
	}
	if v, ok := untyped.Read([]byte{0xc0}); !ok || v != nil {
		t.Errorf("nil is %v, %v", v, ok)
	}
}

func TestAPanicWhileDecodingIsAnError(t *testing.T) {
	if untyped.WithLibrary([]byte{1}, func(*msgpack.Decoder) error { panic("lost") }) {
		t.Error("it was read")
	}
	read := 0
	for range 3 { // no decoder is left in the middle of something
		if !untyped.WithLibrary([]byte{7}, func(d *msgpack.Decoder) (err error) { read, err = d.DecodeInt(); return err }) || read != 7 {
			t.Error(read)
		}
		untyped.WithLibrary([]byte("\x92\x01"), func(d *msgpack.Decoder) error { _, err := d.DecodeSlice(); return err })
	}
}

// FuzzRead: nothing that the walk accepts makes reading panic, and what was read
// is the same when the library writes it and it is read again.
func FuzzRead(f *testing.F) {
	for _, v := range []any{nil, 1, "a", []any{1, "b"}, map[string]any{"a": []byte("b")}, 1.5, time.Unix(1, 2), map[any]any{nil: 1, true: 2}} {
		raw, err := msgpack.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, ok := wire.Skip(raw)
		if !ok {
			return // nothing else is ever called with it
		}
		raw = raw[:n]
		untyped.JSON(raw)
		got, ok := untyped.Read(raw)
		if !ok {
			return
		}
		again, err := msgpack.Marshal(got)
		if err != nil {
			t.Fatalf("%#v of % x: %v", got, raw, err)
		}
		if twice, ok := untyped.Read(again); !ok || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", twice) {
			t.Errorf("% x is %#v, and that is %#v", raw, got, twice)
		}
	})
}
