package wire_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// greedy is a header that declares more than there is, for each kind.
var greedy = map[string][]byte{
	"text":          {0xdb, 255, 255, 255, 255, 'x'},
	"bytes":         {0xc6, 255, 255, 255, 255, 'x'},
	"list":          {0xdd, 255, 255, 255, 255, 1},
	"map":           {0xdf, 255, 255, 255, 255, 1, 1},
	"extension":     {0xc9, 255, 255, 255, 255, 1, 1},
	"short text":    {0xa2, 'x'},
	"short list":    {0x92, 1},
	"short map":     {0x81, 1},
	"half a length": {0xdb, 0, 0, 0},
	"half a number": {0xcf, 0, 0, 0, 0, 0, 0, 0},
	"half a time":   {0xd6, 0xff, 0, 0, 0},
	"no extension":  {0xc7, 0},
	"unused byte":   {0xc1},
	"nothing":       {},
}

func TestNoLengthIsBelievedBeforeTheBytesAreThere(t *testing.T) {
	for name, b := range greedy {
		if n, ok := wire.Skip(b); ok {
			t.Errorf("%s: %d bytes of %d", name, n, len(b))
		}
		inside := slices.Concat([]byte{0x92, 1}, b)
		if _, ok := wire.Skip(inside); ok {
			t.Errorf("%s in a list is walked over", name)
		}
		if allocs := testing.AllocsPerRun(10, func() { wire.Skip(b) }); allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestDepthEndsAt32(t *testing.T) {
	for _, open := range [][]byte{{0x91}, {0x81, 0xa0}, {0xdc, 0, 1}, {0xdf, 0, 0, 0, 1, 1}} {
		nested := func(n int) []byte { return append(bytes.Repeat(open, n), 0xc0) }
		if n, ok := wire.Skip(nested(wire.MaxDepth)); !ok || n != len(nested(wire.MaxDepth)) {
			t.Errorf("%x nested %d deep is refused", open, wire.MaxDepth)
		}
		for _, deep := range []int{wire.MaxDepth + 1, 100_000} {
			if _, ok := wire.Skip(nested(deep)); ok {
				t.Errorf("%x nested %d deep is accepted", open, deep)
			}
		}
	}
	// A map's key counts as deep as its value.
	if _, ok := wire.Skip(append(bytes.Repeat([]byte{0x81}, 33), bytes.Repeat([]byte{1}, 34)...)); ok {
		t.Error("maps as keys of maps, 33 deep, are accepted")
	}
}

// FuzzSkip: what is walked over is what the library decodes, to the byte.
func FuzzSkip(f *testing.F) {
	for _, v := range []any{nil, true, 1, -1, int64(1 << 40), 1.5, float32(1), "text", []byte("bytes"), []any{1, "a"}, map[string]any{"a": []any{1}}, time.Unix(1, 1), time.Unix(-1, 0)} {
		b, err := msgpack.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, b := range greedy {
		f.Add(b)
	}
	f.Add(append(bytes.Repeat([]byte{0x91}, 33), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok := wire.Skip(b)
		if ok != (n > 0) || n > len(b) {
			t.Fatalf("%d of %d bytes, %v", n, len(b), ok)
		}
		if !ok {
			return
		}
		if again, ok := wire.Skip(b[:n]); !ok || again != n {
			t.Fatalf("alone it is %d bytes, not %d", again, n)
		}
		for i := range n {
			if _, ok := wire.Skip(b[:i]); ok {
				t.Fatalf("%d of %d bytes are a value already", i, n)
			}
		}
		in := bytes.NewReader(b[:n])
		if err := msgpack.NewDecoder(in).Skip(); err == nil && in.Len() != 0 {
			t.Errorf("the library leaves %d of %d bytes", in.Len(), n)
		}
	})
}

func TestEachYieldsWhatAListOrAMapHolds(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		kind wire.Kind
		n    int
		want []int64
	}{
		"a list":          {[]byte{0x93, 1, 2, 3, 9}, wire.Array, 3, []int64{1, 2, 3}},
		"a map":           {[]byte{0x82, 1, 2, 3, 4, 9}, wire.Map, 2, []int64{1, 2, 3, 4}},
		"a list cut":      {[]byte{0x92, 1}, wire.Bad, 0, nil},
		"a broken second": {[]byte{0x92, 1, 0xc1}, wire.Array, 2, []int64{1}},
		"a number":        {[]byte{5, 6}, wire.Int, 0, nil},
		"text":            {[]byte{0xa2, 1, 2}, wire.Str, 2, nil},
		"nothing":         {nil, wire.Bad, 0, nil},
	} {
		if kind, n := wire.Count(c.raw); kind != c.kind || n != c.n {
			t.Errorf("%s: kind %d with %d, want %d with %d", name, kind, n, c.kind, c.n)
		}
		var got []int64
		for i, v := range wire.Each(c.raw) {
			x, ok := wire.Int64(v)
			if got = append(got, x); !ok || i != len(got)-1 || len(v) != 1 {
				t.Errorf("%s: % x at %d", name, v, i)
			}
			if len(got) == len(c.want) && name == "a list" {
				break // stopping early is no error
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
