package wire_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cookiesession/cookiesession/internal/wire"
)

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

// pairsOf makes pairs of the bytes of a fuzzer: each takes a key of up to 2 bytes
// and a small number. Keys come in any order and more than once.
func pairsOf(b []byte) (pairs wire.Pairs, model map[string]int64) {
	model = map[string]int64{}
	for len(b) > 1 {
		n := min(int(b[0]%3), len(b)-1)
		key, value := string(b[1:1+n]), int64(b[0])
		b = b[1+n:]
		pairs = pairs.With(key, wire.AppendInt(nil, value))
		model[key] = value
	}
	return pairs, model
}

// FuzzMergeAndBuilder holds the two ways that take linear time against With,
// which is quadratic for many keys.
func FuzzMergeAndBuilder(f *testing.F) {
	f.Add([]byte("\x01a\x01b\x02cd"), []byte("\x01a\x01c\x02cd"))
	f.Add([]byte("\x01b"), []byte("\x01a"))
	f.Add([]byte("\x01a"), []byte("\x01b"))
	f.Add([]byte("\x00"), []byte{})
	f.Add([]byte("\x00\x01a"), []byte("\x00\x01\xff"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		pairs, model := pairsOf(first)
		other, above := pairsOf(second)
		before, beforeOther := pairs.Append(nil), other.Append(nil)
		merged, want := pairs.Merge(other), pairs
		for key, raw := range other.All() {
			want = want.With(key, raw)
			model[key] = above[key]
		}
		if got := merged.Append(nil); !bytes.Equal(got, want.Append(nil)) || merged.Len() != want.Len() || merged.Size() != len(got) {
			t.Errorf("merged %x, want %x", got, want.Append(nil))
		}
		comparePairs(t, merged, model)
		if !bytes.Equal(pairs.Append(nil), before) || !bytes.Equal(other.Append(nil), beforeOther) {
			t.Error("merging has changed what was merged")
		}
		var b wire.Builder
		for key, raw := range want.All() {
			b.Add(key, raw)
		}
		built := b.Pairs()
		if !bytes.Equal(built.Append(nil), want.Append(nil)) || built.Len() != want.Len() {
			t.Errorf("built %x, want %x", built.Append(nil), want.Append(nil))
		}
	})
}

func TestMergeTakesTheValueOfTheOther(t *testing.T) {
	make := func(keys string, value int64) (p wire.Pairs) {
		for _, key := range keys {
			p = p.With(string(key), wire.AppendInt(nil, value))
		}
		return p
	}
	for _, c := range []struct{ pairs, other, want string }{
		{"", "", ""},
		{"", "ab", "a2 b2 "},
		{"ab", "", "a1 b1 "},
		{"ac", "b", "a1 b2 c1 "},
		{"b", "ac", "a2 b1 c2 "},
		{"abc", "b", "a1 b2 c1 "},
		{"abc", "abc", "a2 b2 c2 "},
		{"ab", "cd", "a1 b1 c2 d2 "},
		{"cd", "ab", "a2 b2 c1 d1 "},
	} {
		got := ""
		for key, raw := range make(c.pairs, 1).Merge(make(c.other, 2)).All() {
			i, _ := wire.Int64(raw)
			got += fmt.Sprintf("%s%d ", key, i)
		}
		if got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.pairs, c.other, got, c.want)
		}
	}
}

// TestManyKeysCostInProportion compares the memory that 4,000 keys take with
// that of 8,000. Memory shows what time would, and is the same on a busy
// machine: With copies all pairs for each key, which takes 64 times as much.
func TestManyKeysCostInProportion(t *testing.T) {
	fill := func(n, from int) wire.Pairs {
		var b wire.Builder
		for i := range n {
			b.Add(fmt.Sprintf("%08d", 2*i+from), wire.AppendInt(nil, 1))
		}
		return b.Pairs()
	}
	for name, work := range map[string]func(n int){
		"Builder": func(n int) { fill(n, 0) },
		"Merge":   func(n int) { fill(n, 0).Merge(fill(n, 1)) },
	} {
		bytes := func(n int) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			work(n)
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if small, large := bytes(1000), bytes(8000); large > 16*small {
			t.Errorf("%s: %d bytes for 1,000 keys, %d for 8,000", name, small, large)
		}
	}
}
