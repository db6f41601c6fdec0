//lint:file-ignore U1000 The field is a tag for the library.

package value_test

import (
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/vmihailenco/msgpack/v5"
)

// reads checks that raw is read as a T, or is none.
func reads[T any](t *testing.T, raw []byte, want T, ok bool) {
	t.Helper()
	if got, gotOK := value.Decode[T](raw); gotOK != ok || !reflect.DeepEqual(got, want) {
		t.Errorf("% x as %T: %#v, %v; want %#v, %v", raw, want, got, gotOK, want, ok)
	}
}

type embedsNumbers struct {
	Numbers
	Text string
}
type inlines struct {
	N       int
	Numbers `msgpack:",inline"`
}
type aliased struct {
	N uint8 `msgpack:"n,alias:number,alias:count"`
	M uint8 `msgpack:"m,alias:n"`
}
type listed struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads its tag
	Numbers  `msgpack:",inline"`
	Text     string
}

func TestWhatDoesNotFitInAStructIsNotRead(t *testing.T) {
	for _, n := range []int{7, 300} {
		fits := n == 7
		u := func() uint8 {
			if fits {
				return 7
			}
			return 0
		}()
		pick := func(v any) any {
			if fits {
				return v
			}
			return reflect.Zero(reflect.TypeOf(v)).Interface()
		}
		flat, moved := mustEncode(t, map[string]any{"N": n}), mustEncode(t, map[string]any{"Numbers": map[string]any{"N": n}})
		reads(t, flat, pick(embedsNumbers{Numbers: Numbers{u}}).(embedsNumbers), fits)
		reads(t, moved, pick(embedsNumbers{Numbers: Numbers{u}}).(embedsNumbers), fits)
		reads(t, moved, pick(inlines{Numbers: Numbers{u}}).(inlines), fits)
		reads(t, flat, inlines{N: n}, true)
		for _, name := range []string{"n", "number", "count"} {
			reads(t, mustEncode(t, map[string]int{name: n}), pick(aliased{N: u}).(aliased), fits)
		}
		reads(t, mustEncode(t, []any{n, "x"}), pick(listed{Numbers: Numbers{u}, Text: "x"}).(listed), fits)
	}
	comesBack(t, listed{Numbers: Numbers{7}, Text: "x"})
	comesBack(t, inlines{7, Numbers{8}})
	comesBack(t, aliased{7, 8})
}

func TestAStructIsReadByItsNames(t *testing.T) {
	type other struct {
		ID   int64
		More []string
	}
	raw := mustEncode(t, Base{7, 8})
	reads(t, raw, other{ID: 7}, true)
	reads(t, raw, struct{}{}, true)
	reads(t, raw, map[string]int{"ID": 7, "Other": 8}, true)
	reads(t, mustEncode(t, map[string]string{"ID": "7"}), other{}, false)
	reads(t, []byte("\x82\xa2ID\x07\xa2ID\x08"), other{}, false)         // a doubled name
	reads(t, []byte("\x82\xa1n\x07\xa5count\x08"), aliased{}, false)     // the same field by two names
	reads(t, []byte("\x81\x01\x07"), other{}, false)                     // a number as a name
	reads(t, []byte("\xc0"), other{}, false)                             // nil is no struct
	reads(t, []byte("\xc0"), (*other)(nil), true)                        // but a pointer
	reads(t, []byte("\x92\x07\x90"), other{}, false)                     // a list is none either
	reads(t, []byte("\x93\x07\xa0\x01"), listed{}, false)                // one element too many
	reads(t, []byte("\x81\xa1N\x07"), listed{Numbers: Numbers{7}}, true) // names are read too
	reads(t, mustEncode(t, []any{"x", 7}), listed{}, false)
}

func TestAnEmbeddedPointerThatCannotBeSetIsNotRead(t *testing.T) {
	for _, raw := range [][]byte{mustEncode(t, map[string]any{"base": base{1, 2}, "N": 7}), mustEncode(t, map[string]any{"base": nil, "N": 7}), mustEncode(t, map[string]any{"ID": 1, "N": 7})} {
		reads(t, raw, embedsHidden{nil, 7}, true)
		reads(t, raw, struct{ embedsHidden }{embedsHidden{nil, 7}}, true)
	}
}

func TestNilIsReadWhereThereIsANil(t *testing.T) {
	raw := []byte{0xc0}
	reads(t, raw, []int(nil), true)
	reads(t, raw, []byte(nil), true)
	reads(t, raw, map[string]int(nil), true)
	reads(t, raw, (*int)(nil), true)
	reads[any](t, raw, nil, true)
	reads[error](t, raw, nil, true)
	reads(t, raw, 0, false)
	reads(t, raw, "", false)
	reads(t, raw, [0]int{}, false)
	reads(t, raw, [2]byte{}, false)
	reads(t, raw, time.Time{}, false)
	reads[error](t, []byte("\xa1x"), nil, false)
}

func TestListsAndBytesAreReadWithTheirLength(t *testing.T) {
	list := mustEncode(t, []int{1, 2, 3})
	reads(t, list, []uint8(nil), false)
	reads(t, list, [3]int8{1, 2, 3}, true)
	reads(t, list, [2]int{}, false)
	reads(t, list, [4]int{}, false)
	reads(t, mustEncode(t, []byte("abc")), [3]byte{'a', 'b', 'c'}, true)
	reads(t, mustEncode(t, []byte("abc")), [2]byte{}, false)
	reads(t, mustEncode(t, []byte("abc")), [4]byte{}, false)
	reads(t, mustEncode(t, "abc"), []byte(nil), false)
	reads(t, mustEncode(t, []byte{}), []byte{}, true)
	reads(t, mustEncode(t, make([]int, 100)), make([]int16, 100), true)
	type octet uint8
	comesBack(t, []octet{1, 2})
	comesBack(t, [20]octet{1, 2})
	comesBack(t, map[string][20]octet{"a": {1}})
}

func TestAListIsNotBelievedBeforeItsElementsHaveBeenRead(t *testing.T) {
	type large [1 << 16]uint64 // half a megabyte
	raw := mustEncode(t, make([]int, 10_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, ok := value.Decode[[]large](raw); ok {
		t.Error("numbers are arrays")
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 64<<20 {
		t.Errorf("%d bytes for %d", allocated, len(raw))
	}
}

func TestWhatCannotBeAKeyIsNotRead(t *testing.T) {
	for _, raw := range []string{"\x81\x91\x01\x01", "\x81\x80\x01", "\x81\xc4\x01k\x01"} { // a list, a map, bytes
		reads(t, []byte(raw), map[any]int(nil), false)
	}
	reads(t, []byte("\x81\x91\x91\x01\x01"), map[[1]any]int(nil), false) // a list in an array
	reads(t, []byte("\x81\x91\x01\x01"), map[[1]any]int{{int64(1)}: 1}, true)
}

func TestTimesAreInUTCWhereverTheyStand(t *testing.T) {
	type times struct {
		base2
		At   time.Time
		List []time.Time
		Map  map[time.Time]*time.Time
		Any  any
	}
	at := time.Unix(5, 6).In(time.FixedZone("zone", 3600))
	utc := at.UTC()
	raw := mustEncode(t, times{base2{at}, at, []time.Time{at}, map[time.Time]*time.Time{at: &at}, []any{at}})
	reads(t, raw, times{base2{utc}, utc, []time.Time{utc}, map[time.Time]*time.Time{utc: &utc}, []any{utc}}, true)
}

type base2 struct{ Inner time.Time }

// registered is an application's extension.
type registered struct{ N byte }

func (r *registered) MarshalMsgpack() ([]byte, error) { return []byte{r.N}, nil }
func (r *registered) UnmarshalMsgpack(b []byte) error { r.N = b[0]; return nil }

func TestAnExtensionOfTheApplicationIsReadByTheLibrary(t *testing.T) {
	msgpack.RegisterExt(5, (*registered)(nil))
	defer msgpack.UnregisterExt(5)
	raw := mustEncode(t, map[string]any{"a": &registered{7}, "b": registered{8}})
	want := map[string]any{"a": &registered{7}, "b": &registered{8}}
	reads(t, raw, want, true)
	if got := value.Of(raw); !reflect.DeepEqual(got, any(want)) {
		t.Errorf("%v", got)
	}
	reads(t, raw, map[string]registered{"a": {7}, "b": {8}}, true)
	reads(t, raw, map[string]*registered{"a": {7}, "b": {8}}, true)
	reads(t, raw, map[string]int(nil), false)
	reads(t, raw, map[string]string(nil), false)
	reads(t, raw, map[string]map[string]int(nil), false)
}
