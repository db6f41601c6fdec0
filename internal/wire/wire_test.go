package wire_test

import (
	"bytes"
	"math"
	"math/rand/v2"
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

// TestPairsAreASortedMap holds Pairs against a Go map through any changes.
func TestPairsAreASortedMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var pairs wire.Pairs
	model := map[string]int64{}
	for range 500 {
		key := string(rune('a'+random.IntN(26))) + string(make([]byte, random.IntN(4)))
		before, size := pairs, pairs.Size()
		if random.IntN(3) == 0 {
			pairs = pairs.Without(key)
			delete(model, key)
		} else {
			i := random.Int64N(1 << 40)
			pairs = pairs.With(key, wire.AppendInt(nil, i))
			model[key] = i
		}
		if before.Size() != size {
			t.Fatal("a change has touched what others may hold")
		}
		comparePairs(t, pairs, model)
	}
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

func comparePairs(t *testing.T, pairs wire.Pairs, model map[string]int64) {
	t.Helper()
	if pairs.Len() != len(model) {
		t.Fatalf("%d pairs, want %d", pairs.Len(), len(model))
	}
	last := ""
	for key, raw := range pairs.All() {
		got, ok := wire.Int64(raw)
		if want, there := model[key]; !ok || !there || got != want || last > key {
			t.Fatalf("%q: %d, want %d", key, got, want)
		}
		if raw2, ok := pairs.Get(key); !ok || !bytes.Equal(raw, raw2) {
			t.Fatalf("%q is not found", key)
		}
		last = key
	}
	b := pairs.Append(nil)
	in := wire.NewReader(b)
	again := in.Pairs()
	if !in.Done() || again.Len() != len(model) || len(b) != pairs.Size() {
		t.Fatalf("%d bytes for %d, done %v", len(b), pairs.Size(), in.Done())
	}
}

func TestMapsThatReadersWouldDifferAboutAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"a doubled key":                 {0x82, 0xa1, 'k', 1, 0xa1, 'k', 2},
		"keys out of order":             {0x82, 0xa1, 'k', 1, 0xa1, 'j', 2},
		"a number as a key":             {0x81, 1, 1},
		"bytes as a key":                {0x81, 0xc4, 1, 'k', 1},
		"a doubled empty key":           {0x82, 0xa0, 1, 0xa0, 2},
		"the same key in a longer form": {0x82, 0xa1, 'k', 1, 0xd9, 1, 'k', 2},
		"a list":                        {0x90},
		"a key cut off":                 {0x81, 0xa5, 'k'},
		"a value missing":               {0x81, 0xa1, 'k'},
		"more than there is":            {0xde, 255, 255, 0xa1, 'k', 1},
	} {
		in := wire.NewReader(b)
		if pairs := in.Pairs(); in.Done() || !in.Failed() || pairs.Len() != 0 {
			t.Errorf("%s is accepted, with %d pairs", name, pairs.Len())
		}
	}
}

func TestAReaderStaysFailed(t *testing.T) {
	in := wire.NewReader([]byte{0x92, 0xa1, 'x', 7})
	if in.Array() != 2 || in.Int() != 0 || !in.Failed() {
		t.Error("text is taken for an integer")
	}
	if got := in.Int(); got != 0 || in.Done() || in.Array() != 0 || in.Value() != nil || in.Bytes() != nil {
		t.Errorf("after that it reads on: %d", got)
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

func TestAReaderThatFailedReadsNothingMore(t *testing.T) {
	in := wire.NewReader([]byte{5, 6, 7})
	in.Array()
	if i, b := in.Int(), in.Value(); i != 0 || b != nil || in.Done() {
		t.Errorf("it reads %d and % x", i, b)
	}
}
