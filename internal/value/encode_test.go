//lint:file-ignore U1000 The field is a tag for the library.

package value_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/vmihailenco/msgpack/v5"
)

// encoded returns the encoding of v.
func encoded(v any) (raw []byte, err error) {
	err = value.Encode(v, func(b []byte, err error) error {
		raw = bytes.Clone(b)
		return err
	})
	return raw, err
}

// mustEncode is encoded for what can be stored.
func mustEncode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := encoded(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// refused checks that v is refused with an error that ends in these words.
func refused(t *testing.T, v any, words string) {
	t.Helper()
	_, err := encoded(v)
	if err == nil || !strings.HasSuffix(err.Error(), words) || !strings.HasPrefix(err.Error(), "cookiesession: a ") {
		t.Errorf("%T: %v, want an error that ends in %q", v, err, words)
	}
}

func TestUsualValuesAreEncodedAsTheLibraryDoes(t *testing.T) {
	type point struct {
		X, Y  int
		Label string `msgpack:"label,omitempty"`
	}
	type list struct {
		_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads its tag
		A, B     int
	}
	for _, v := range []any{
		nil, true, 1, -33, uint8(200), int64(5), uint(5), uint64(5), int64(-1 << 40), uint64(1 << 63), float32(1.5), 1.5, "text", strings.Repeat("x", 300), []byte("bytes"), [3]byte{1, 2, 3},
		[]string(nil), []string{}, []string{"a"}, []any{1, "a", nil}, [2]int{1, 2}, make([]int, 20), map[string]int{"a": 1}, map[int]string(nil),
		map[string]any{"b": 1, "a": 2}, map[string]string{"b": "1", "a": "2"}, point{1, 2, ""}, point{1, 2, "x"}, &point{}, (*point)(nil), []point{{1, 2, "x"}}, list{A: 1, B: 2},
		time.Unix(5, 6), time.Unix(1<<33, 0), time.Unix(-1, 0), time.Minute, []time.Time{time.Unix(5, 0)}, msgpack.RawMessage{0x91, 1},
	} {
		var want bytes.Buffer
		library := msgpack.NewEncoder(&want)
		library.UseCompactInts(true)
		library.SetSortMapKeys(true)
		if err := library.Encode(v); err != nil {
			t.Fatal(err)
		}
		if raw := mustEncode(t, v); !bytes.Equal(raw, want.Bytes()) {
			t.Errorf("%#v is % x, the library makes % x", v, raw, want.Bytes())
		}
	}
}

func TestOneValueIsAsLargeAsOneMebibyteAtMost(t *testing.T) {
	const header = 5 // of text, bytes and lists of this size
	for name, make := range map[string]func(n int) any{
		"bytes":              func(n int) any { return make([]byte, n) },
		"text":               func(n int) any { return strings.Repeat("x", n) },
		"text in an any":     func(n int) any { s := any(strings.Repeat("x", n)); return &s },
		"a list of integers": func(n int) any { return make([]int, n) },
		"a type's own bytes": func(n int) any { return binary{strings.Repeat("x", n)} },
		"what a type writes": func(n int) any { return writes{n + header} },
	} {
		raw, err := encoded(make(value.MaxSize - header))
		if err != nil || len(raw) != value.MaxSize {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
		if _, err := encoded(make(value.MaxSize - header + 1)); !errors.Is(err, value.ErrTooLarge) {
			t.Errorf("%s, one byte larger: %v", name, err)
		}
	}
}

// binary has the methods that the library calls for bytes.
type binary struct{ text string }

func (b binary) MarshalBinary() ([]byte, error)     { return []byte(b.text), nil }
func (b *binary) UnmarshalBinary(data []byte) error { b.text = string(data); return nil }

// writes is a list that writes its elements one by one, size bytes in all.
type writes struct{ size int }

func (w writes) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeArrayLen(w.size - 5); err != nil {
		return err
	}
	for range w.size - 5 {
		if err := e.EncodeInt(1); err != nil {
			return err
		}
	}
	return nil
}
func (w *writes) DecodeMsgpack(d *msgpack.Decoder) error { return d.Skip() }

func TestAFailedEncodeLeavesNothingToTheNext(t *testing.T) {
	for range 3 {
		refused(t, map[string]any{"a": []any{1, make(chan int)}}, "[…][1]: this kind of value cannot be stored")
		if raw := mustEncode(t, map[string]int{"b": 2, "a": 1}); string(raw) != "\x82\xa1a\x01\xa1b\x02" {
			t.Errorf("% x", raw)
		}
	}
}

func TestWhatUseReturnsIsReturned(t *testing.T) {
	own := errors.New("own")
	if err := value.Encode(1, func([]byte, error) error { return own }); err != own {
		t.Error(err)
	}
	if err := value.Encode(make(chan int), func([]byte, error) error { return nil }); err != nil {
		t.Error(err)
	}
}

// greedy changes the list that it stands in.
type greedy struct {
	Text string
	list *[]greedy
	grow bool
}

func (g *greedy) MarshalText() ([]byte, error) {
	if g.grow {
		*g.list = append(*g.list, greedy{})
	} else {
		*g.list = (*g.list)[:1]
	}
	return []byte(g.Text), nil
}
func (g *greedy) UnmarshalText(b []byte) error { g.Text = string(b); return nil }

// forgetful empties the map that it is a key of.
type forgetful string

var forgotten map[forgetful]int

func (f forgetful) MarshalText() ([]byte, error) { clear(forgotten); return []byte(f), nil }
func (f *forgetful) UnmarshalText([]byte) error  { return nil }

func TestATypeThatChangesWhatIsBeingEncodedMakesNoMalformedValue(t *testing.T) {
	shrinking := make([]greedy, 3)
	for i := range shrinking {
		shrinking[i].list = &shrinking
	}
	refused(t, &shrinking, "its encoder panicked")
	growing := make([]greedy, 3, 4)
	for i := range growing {
		growing[i] = greedy{list: &growing, grow: true}
	}
	mustEncode(t, &growing)
	forgotten = map[forgetful]int{"a": 1, "b": 2}
	refused(t, forgotten, "its encoding is not one msgpack value at most 32 deep")
}

// setsEverything leaves the library's encoder in another mode.
type setsEverything struct{}

func (setsEverything) EncodeMsgpack(e *msgpack.Encoder) error {
	e.UseCompactFloats(true)
	e.UseCompactInts(false)
	e.UseArrayEncodedStructs(true)
	e.UseInternedStrings(true)
	e.SetOmitEmpty(true)
	e.SetCustomStructTag("json")
	return e.EncodeString("text")
}
func (*setsEverything) DecodeMsgpack(d *msgpack.Decoder) error { return d.Skip() }

func TestATypesOwnEncoderChangesNothingForTheOthers(t *testing.T) {
	type inner struct {
		A int64 `json:"a"`
	}
	type outer struct {
		First setsEverything
		F     float64
		I     int64
		S, S2 string
		Inner inner
		Again []setsEverything
		Date  interning
	}
	in := outer{F: 3, I: 7, S: "text", S2: "text", Again: make([]setsEverything, 1), Date: interning{"text"}}
	out, ok := value.Decode[outer](mustEncode(t, in))
	if !ok || out.F != 3 || out.I != 7 || out.S != "text" || out.S2 != "text" || out.Date.Word != "text" {
		t.Errorf("%+v, %v", out, ok)
	}
	all, _ := value.Of(mustEncode(t, in)).(map[string]any)
	if all["S2"] != "text" || all["I"] != int64(7) || all["F"] != 3.0 {
		t.Errorf("untyped it is %v", all)
	}
}

// interning writes text as the library does for the tag intern.
type interning struct{ Word string }

func (i interning) EncodeMsgpack(e *msgpack.Encoder) error {
	e.UseInternedStrings(true)
	return e.EncodeString(i.Word)
}
func (i *interning) DecodeMsgpack(d *msgpack.Decoder) (err error) {
	d.UseInternedStrings(true)
	i.Word, err = d.DecodeString()
	return err
}
