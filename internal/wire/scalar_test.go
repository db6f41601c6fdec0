package wire_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// FuzzScalars: every reader agrees with the library, or says no.
func FuzzScalars(f *testing.F) {
	for _, v := range []any{0, -1, int64(math.MinInt64), uint64(math.MaxUint64), 1.5, float32(0.5), "a", []byte("b"), time.Unix(1<<33, 5), time.Unix(1<<35, 999_999_999), time.Time{}, nil} {
		b, err := msgpack.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok := wire.Skip(b)
		if !ok {
			return // nothing else is ever called with it
		}
		b = b[:n]
		var i int64
		if got, ok := wire.Int64(b); ok && (msgpack.Unmarshal(b, &i) != nil || i != got) {
			t.Errorf("an int64 %d, to the library %d", got, i)
		}
		var u uint64
		if got, ok := wire.Uint64(b); ok && (msgpack.Unmarshal(b, &u) != nil || u != got) {
			t.Errorf("a uint64 %d, to the library %d", got, u)
		}
		var x float64
		if got, ok := wire.Float64(b); ok && (msgpack.Unmarshal(b, &x) != nil || x != got && !math.IsNaN(x)) {
			t.Errorf("a float %v, to the library %v", got, x)
		}
		var s string
		if got, ok := wire.Text(b); ok && (msgpack.Unmarshal(b, &s) != nil || s != string(got)) {
			t.Errorf("a text %q, to the library %q", got, s)
		}
		var p []byte
		if got, ok := wire.Bytes(b); ok && (msgpack.Unmarshal(b, &p) != nil || !bytes.Equal(p, got)) {
			t.Errorf("bytes %q, to the library %q", got, p)
		}
		var at time.Time
		if got, ok := wire.Time(b); ok && (msgpack.Unmarshal(b, &at) != nil || !at.Equal(got)) {
			t.Errorf("an instant %v, to the library %v", got, at)
		}
	})
}

func TestWhatIsAppendedIsReadBack(t *testing.T) {
	for _, i := range []int64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxInt64, -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64} {
		b := wire.AppendInt(nil, i)
		if len(b) != wire.SizeInt(i) {
			t.Errorf("%d takes %d bytes, SizeInt says %d", i, len(b), wire.SizeInt(i))
		}
		want, _ := msgpack.Marshal(i)
		if got, ok := wire.Int64(b); !ok || got != i || len(b) > len(want) {
			t.Errorf("%d: %x, read as %d %v", i, b, got, ok)
		}
	}
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		p := bytes.Repeat([]byte{'x'}, n)
		if got, ok := wire.Bytes(wire.AppendBytes(nil, p)); !ok || !bytes.Equal(got, p) {
			t.Errorf("%d bytes come back as %d", n, len(got))
		}
		if got, ok := wire.Text(wire.AppendText(nil, string(p))); !ok || !bytes.Equal(got, p) {
			t.Errorf("%d characters come back as %d", n, len(got))
		}
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1<<32-1, 0), time.Unix(1<<32, 0), time.Unix(5, 5), time.Unix(1<<34-1, 999_999_999), time.Unix(1<<34, 0), time.Unix(-1, 1), {}} {
		b := wire.AppendTime(nil, at)
		var library time.Time
		if got, ok := wire.Time(b); !ok || !got.Equal(at) || msgpack.Unmarshal(b, &library) != nil || !library.Equal(at) {
			t.Errorf("%v comes back as %v, to the library as %v", at, got, library)
		}
	}
}

func TestSizeBytesIsWhatAppendBytesAppends(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 65535, 65536} {
		p := make([]byte, n)
		if got, want := wire.SizeBytes(len(p)), len(wire.AppendBytes(nil, p)); got != want {
			t.Errorf("%d bytes: %d, want %d", n, got, want)
		}
	}
}

func TestAnIntegerCutShortIsNone(t *testing.T) {
	for c := 0xcc; c <= 0xd3; c++ {
		whole := append([]byte{byte(c)}, 5, 5, 5, 5, 5, 5, 5, 5)[:1+1<<(c&3)]
		if _, ok := wire.Int64(whole); !ok {
			t.Errorf("% x is no integer", whole)
		}
		for n := range len(whole) {
			for _, b := range [][]byte{whole[:n], whole[:n:n]} { // what lies behind is not its own
				_, ok := wire.Int64(b)
				_, ok2 := wire.Uint64(b)
				in := wire.NewReader(b)
				if in.Int(); ok || ok2 || !in.Failed() {
					t.Errorf("% x is an integer", b)
				}
			}
		}
	}
	for _, b := range []string{"\xd4\x05\x00", "\xc0", "\xcb\x00\x00\x00\x00\x00\x00\x00\x00", "\xa1\x05"} {
		if i, ok := wire.Int64([]byte(b)); ok {
			t.Errorf("% x is the integer %d", b, i)
		}
	}
	if u, ok := wire.Uint64([]byte{0xd0, 5}); !ok || u != 5 {
		t.Errorf("a 5 with room for a sign is %d, %v", u, ok)
	}
	if _, ok := wire.Uint64([]byte{0xd0, 0x85}); ok {
		t.Error("a negative integer is none without a sign")
	}
}
