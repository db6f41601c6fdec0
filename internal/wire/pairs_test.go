package wire_test

import (
	"bytes"
	"math/rand/v2"
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
