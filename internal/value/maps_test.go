package value_test

import (
	"bytes"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

type named map[string]any

type spot struct{ X, Y int }

// everyMap has maps of every kind, at every depth.
func everyMap() any {
	numbers := map[int]string{}
	texts := map[string]int{}
	words := map[spot]bool{}
	for i := range 20 {
		numbers[i*100-500] = "x"
		texts[strings.Repeat("k", i)+string(rune('a'+i))] = i
		words[spot{i, -i}] = true
	}
	return map[string]any{
		"numbers": numbers, "texts": texts, "structs": words,
		"named": named{"b": map[string]string{"y": "1", "x": "2"}, "a": map[string]bool{"y": true, "x": false}, "aa": map[float64]int{2: 1, 1: 2}},
		"any":   map[any]any{1: "a", "b": map[any]int{"y": 1, "x": 2, nil: 3}, true: 2, "a": 3},
		"inside": []any{struct{ M map[netip.Addr]int }{map[netip.Addr]int{
			netip.MustParseAddr("10.0.0.2"): 2, netip.MustParseAddr("10.0.0.1"): 1, netip.MustParseAddr("::1"): 3}}},
		"times": map[time.Time]int{time.Unix(5, 0): 1, time.Unix(4, 0): 2},
	}
}

func TestEqualMapsHaveOneEncoding(t *testing.T) {
	want := mustEncode(t, everyMap())
	for range 20 {
		if got := mustEncode(t, everyMap()); !bytes.Equal(got, want) {
			t.Fatalf("% x\n% x", got, want)
		}
	}
}

// ownMaps writes maps with the library.
type ownMaps struct{ words []string }

func (m ownMaps) EncodeMsgpack(e *msgpack.Encoder) error {
	texts, flags, all := map[string]string{}, map[string]bool{}, map[string]any{}
	for _, w := range m.words {
		texts[w], flags[w], all[w] = w, true, w
	}
	return e.Encode([]any{texts, flags, all})
}
func (m *ownMaps) DecodeMsgpack(d *msgpack.Decoder) error { return d.Skip() }

func TestMapsThatATypesOwnEncoderWritesAreInOrderToo(t *testing.T) {
	v := ownMaps{strings.Split("abcdefghijklmnop", "")}
	want := mustEncode(t, v)
	for range 20 {
		if got := mustEncode(t, v); !bytes.Equal(got, want) {
			t.Fatalf("% x\n% x", got, want)
		}
	}
}

func TestTheKeysOfEveryMapAscend(t *testing.T) {
	maps := 0
	var walk func(raw []byte)
	walk = func(raw []byte) {
		kind, _ := wire.Count(raw)
		if kind == wire.Map {
			maps++
		}
		var last []byte
		for i, v := range wire.Each(raw) {
			if text, ok := wire.Text(v); kind == wire.Map && i%2 == 0 && ok {
				if last != nil && bytes.Compare(last, text) >= 0 && string(text) != "M" {
					t.Errorf("%q comes after %q", text, last)
				}
				last = text
			}
			walk(v)
		}
	}
	raw := mustEncode(t, everyMap())
	if walk(raw); maps < 12 {
		t.Errorf("%d maps: this test shows too little", maps)
	}
	if !bytes.Contains(mustEncode(t, map[string]int{"b": 1, "aa": 2}), []byte("\xa2aa\x02\xa1b")) {
		t.Error("a long key comes after a short one that is greater")
	}
}

func TestKeysThatWouldBeOneWhenReadAreRefused(t *testing.T) {
	const same, unreadable = "two of its keys are the same when they are read back", "a key that could not be read back"
	zone := time.FixedZone("zone", 3600)
	for _, c := range []struct {
		value any
		words string
	}{
		{map[any]int{int8(1): 1, int64(1): 2}, "[…]: " + same},
		{map[any]int{float32(0.5): 1, 0.5: 2}, "[…]: " + same},
		{map[[1]any]int{{float32(0.5)}: 1, {0.5}: 2}, "[…]: " + same},
		{map[struct{ A any }]int{{int8(1)}: 1, {int64(1)}: 2}, "[…]: " + same},
		{map[time.Time]int{time.Unix(5, 0).UTC(): 1, time.Unix(5, 0).In(zone): 2}, same},
		{map[vague]int{"a": 1, "b": 2}, same},
		{map[float64]int{math.NaN(): 1}, "[…]: " + unreadable},
		{map[float32]int{float32(math.NaN()): 1}, "[…]: " + unreadable},
		{map[any]int{math.NaN(): 1}, "[…]: " + unreadable},
		{map[any]int{[1]int{1}: 1}, "[…]: " + unreadable},
		{map[any]int{spot{}: 1}, "[…]: " + unreadable},
		{map[*int]int{new(int): 1}, "a pointer as a key would come back as another one"},
	} {
		refused(t, c.value, c.words)
	}
}

// vague is one text, whatever it is.
type vague string

func (vague) MarshalText() ([]byte, error)  { return []byte("vague"), nil }
func (*vague) UnmarshalText(b []byte) error { return nil }

func TestKeysComeBack(t *testing.T) {
	comesBack(t, map[time.Time]string{time.Unix(5, 6).UTC(): "a", time.Unix(-5, 0).UTC(): "b"})
	comesBack(t, map[any]any{int64(1): int64(2), uint64(math.MaxUint64): "x", 0.5: true, "a": nil, nil: "b", time.Unix(5, 0).UTC(): "c"})
	comesBack(t, map[spot]int{{1, 2}: 3, {0, 0}: 0})
	comesBack(t, map[[2]byte]int{{1, 2}: 3})
	comesBack(t, map[float64]string{1: "a", math.Inf(1): "b", -1: "c"})
	comesBack(t, map[bool]int{true: 1, false: 0})
	comesBack(t, map[netip.Addr]int{netip.MustParseAddr("10.0.0.1"): 1, {}: 2})
	comesBack(t, map[string]map[int8][]map[uint16]string{"a": {-1: {{1: "x"}}}})

	// What is found by a local time is found again.
	at := time.Unix(5, 0).Local()
	got, _ := value.Decode[map[time.Time]int](mustEncode(t, map[time.Time]int{at: 1}))
	if got[at.UTC()] != 1 {
		t.Errorf("%v", got)
	}
	// Value and Get agree on the types of keys.
	raw := mustEncode(t, map[any]any{int8(1): int16(2), uint8(200): float32(0.5)})
	typed, _ := value.Decode[map[any]any](raw)
	if untyped := value.Of(raw); !reflect.DeepEqual(any(typed), untyped) || typed[int64(200)] != 0.5 {
		t.Errorf("%#v and %#v", typed, untyped)
	}
}
