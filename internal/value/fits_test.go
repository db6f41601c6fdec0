package value_test

import (
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// FuzzDecode: no bytes that the walk accepts make decoding panic, and what is
// no T gives the zero T.
func FuzzDecode(f *testing.F) {
	for _, v := range []any{0, -1, 300, uint64(1 << 63), 1.5, "a", []byte("b"), time.Unix(1<<33, 5), nil, []any{1, "a"}, map[string]any{"A": "x"}, map[string]int{"a": 1}} {
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
		value.Of(b)
		if v, ok := value.Decode[map[string]int8](b); !ok && v != nil {
			t.Errorf("a map[string]int8 %v that is none", v)
		}
		if v, ok := value.Decode[[]uint16](b); !ok && v != nil {
			t.Errorf("a []uint16 %v that is none", v)
		}
		if v, ok := value.Decode[struct{ A *string }](b); !ok && v.A != nil {
			t.Errorf("a struct %v that is none", v)
		}
	})
}
