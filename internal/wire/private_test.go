package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

func TestAPrivateKeyIsTheSameTextToEveryReader(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535} {
		text := strings.Repeat("k", n)
		b := wire.AppendPrivateText(nil, text)
		if got, ok := wire.Text(b); !ok || string(got) != text {
			t.Errorf("%d characters come back as %d", n, len(got))
		}
		var library string
		if err := msgpack.Unmarshal(b, &library); err != nil || library != text {
			t.Errorf("to the library %d characters are %d, %v", n, len(library), err)
		}
		if !wire.Private(b) {
			t.Errorf("%d characters are not private", n)
		}
	}
}

func TestAPrivateArrayIsTheSameArrayToEveryReader(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 1000} {
		b := append(wire.AppendPrivateArray(nil, n), bytes.Repeat([]byte{7}, n)...)
		var library []int
		if err := msgpack.Unmarshal(b, &library); err != nil || len(library) != n {
			t.Errorf("to the library %d elements are %d, %v", n, len(library), err)
		}
		if size, ok := wire.Skip(b); !ok || size != len(b) || !wire.Private(b) {
			t.Errorf("%d elements: %d of %d bytes, private %v", n, size, len(b), wire.Private(b))
		}
	}
}

func TestNothingThatNeedsItsHeaderIsPrivate(t *testing.T) {
	for name, v := range map[string]any{
		"short text": "k", "text": strings.Repeat("k", 40), "long text": strings.Repeat("k", 300), "very long text": strings.Repeat("k", 65536),
		"a list": []int{1}, "a long list": make([]bool, 300), "a very long list": make([]bool, 65536),
		"bytes": make([]byte, 65536), "a map": map[string]int{"a": 1}, "nil": nil, "a number": 1 << 40,
	} {
		b, err := msgpack.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if wire.Private(b) {
			t.Errorf("%s is private", name)
		}
	}
	if wire.Private(nil) || wire.Private([]byte{0xdb, 0, 0}) {
		t.Error("what is cut short is private")
	}
}
