//lint:file-ignore SA4000 Asking twice is the test.

package shape_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/vmihailenco/msgpack/v5"
)

// own* have methods of their own, as their names say.
type (
	ownText        struct{ A int }
	ownPointers    struct{ A int }
	ownTextWriter  struct{ A int }
	ownTextReader  struct{ A int }
	ownMixed       struct{ A int }
	ownPackWriter  struct{ A int }
	ownPackReader  struct{ A int }
	ownPackMixed   struct{ A int }
	ownTextAndPack struct{ A int }
	ownCopyReader  struct{ A int }
	ownJSON        struct{ A int }
	stamp          struct{ time.Time }
	stampWithNote  struct {
		time.Time
		Note string
	}
)

func (ownText) MarshalText() ([]byte, error)               { return nil, nil }
func (*ownText) UnmarshalText([]byte) error                { return nil }
func (*ownPointers) MarshalBinary() ([]byte, error)        { return nil, nil }
func (*ownPointers) UnmarshalBinary([]byte) error          { return nil }
func (ownTextWriter) MarshalText() ([]byte, error)         { return nil, nil }
func (*ownTextReader) UnmarshalText([]byte) error          { return nil }
func (ownMixed) MarshalBinary() ([]byte, error)            { return nil, nil }
func (*ownMixed) UnmarshalText([]byte) error               { return nil }
func (ownPackWriter) EncodeMsgpack(*msgpack.Encoder) error { return nil }
func (*ownPackReader) UnmarshalMsgpack([]byte) error       { return nil }
func (ownPackMixed) EncodeMsgpack(*msgpack.Encoder) error  { return nil }
func (*ownPackMixed) UnmarshalMsgpack([]byte) error        { return nil }
func (ownCopyReader) MarshalText() ([]byte, error)         { return nil, nil }
func (ownCopyReader) UnmarshalText([]byte) error           { return nil }
func (ownTextAndPack) MarshalText() ([]byte, error)        { return nil, nil }
func (*ownTextAndPack) UnmarshalMsgpack([]byte) error      { return nil }
func (ownJSON) MarshalJSON() ([]byte, error)               { return nil, nil }
func (*ownJSON) UnmarshalJSON([]byte) error                { return nil }

func TestOwnMethodsCountInPairs(t *testing.T) {
	for _, c := range []struct {
		value            any
		encodes, decodes bool
	}{
		{ownText{}, true, true}, {ownPointers{}, true, true}, {ownPackMixed{}, true, true},
		{ownTextWriter{}, false, false}, {ownTextReader{}, false, false}, {ownMixed{}, false, false},
		{ownTextAndPack{}, false, false},
		{ownPackReader{}, false, true}, {ownCopyReader{}, false, false}, {ownJSON{}, false, false},
		{stamp{}, true, true}, {stampWithNote{}, false, false},
		{url.URL{}, true, true}, {netip.Addr{}, true, true}, {big.Int{}, true, true}, {json.Number(""), false, false},
		{time.Time{}, false, false}, {&ownText{}, false, false}, {5, false, false},
	} {
		s := shape.Of(reflect.TypeOf(c.value))
		if s.Encodes != c.encodes || s.Decodes != c.decodes || s.Why != nil {
			t.Errorf("%T: encodes %v, decodes %v, %v", c.value, s.Encodes, s.Decodes, s.Why)
		}
	}
	if s := shape.Of(reflect.TypeFor[ownPackWriter]()); s.Why == nil {
		t.Error("what nothing reads can be stored")
	}
}

type (
	selfPointer *selfPointer
	two1        *two2
	two2        *two1
)

func TestKindsAreDecided(t *testing.T) {
	type octet byte
	for _, c := range []struct {
		typ    reflect.Type
		kind   reflect.Kind
		stored bool
	}{
		{reflect.TypeFor[time.Time](), shape.Instant, true},
		{reflect.TypeFor[time.Duration](), reflect.Int64, true},
		{reflect.TypeFor[[]byte](), shape.Bytes, true},
		{reflect.TypeFor[[4]octet](), shape.Bytes, true},
		{reflect.TypeFor[[]string](), reflect.Slice, true},
		{reflect.TypeFor[[]chan int](), reflect.Slice, true}, // an empty one can be stored
		{reflect.TypeFor[error](), reflect.Interface, true},
		{reflect.TypeFor[map[string]int](), reflect.Map, true},
		{reflect.TypeFor[map[*int]int](), reflect.Map, false},
		{reflect.TypeFor[chan int](), reflect.Chan, false},
		{reflect.TypeFor[func()](), reflect.Func, false},
		{reflect.TypeFor[complex64](), reflect.Complex64, false},
		{reflect.TypeFor[complex128](), reflect.Complex128, false},
		{reflect.TypeFor[uintptr](), reflect.Uintptr, false},
		{reflect.ValueOf(new(int)).Type(), reflect.Pointer, true},
		{reflect.TypeFor[selfPointer](), reflect.Pointer, false},
		{reflect.TypeFor[two1](), reflect.Pointer, false},
		{pointers(32), reflect.Pointer, true},
		{pointers(33), reflect.Pointer, false},
	} {
		if s := shape.Of(c.typ); s.Kind != c.kind || (s.Why == nil) != c.stored || s.Type != c.typ {
			t.Errorf("%v: %v, %v", c.typ, s.Kind, s.Why)
		}
	}
}

// pointers is a chain of n pointers.
func pointers(n int) reflect.Type {
	t := reflect.TypeFor[int]()
	for range n {
		t = reflect.PointerTo(t)
	}
	return t
}

func TestKeysThatMayChangeAreReadAgain(t *testing.T) {
	for _, c := range []struct {
		typ  reflect.Type
		want bool
	}{
		{reflect.TypeFor[map[string]int](), false}, {reflect.TypeFor[map[time.Duration]any](), false}, {reflect.TypeFor[map[bool]int](), false},
		{reflect.TypeFor[map[any]int](), true}, {reflect.TypeFor[map[float64]int](), true}, {reflect.TypeFor[map[float32]int](), true},
		{reflect.TypeFor[map[[2]any]int](), true}, {reflect.TypeFor[map[struct{ A any }]int](), true}, {reflect.TypeFor[map[error]int](), true},
	} {
		if got := shape.Of(c.typ).Reread; got != c.want {
			t.Errorf("%v: %v", c.typ, got)
		}
	}
}

// decided is looked at before any test runs. One of them fills the cache, and
// what comes after that is decided about anew each time.
type decided struct{ A []decided }

var shapeOfDecided = shape.Of(reflect.TypeFor[decided]())

func TestATypeIsDecidedAboutOnce(t *testing.T) {
	s := shapeOfDecided
	if shape.Of(reflect.TypeFor[decided]()) != s || s.List[0].Shape().Elem.Shape() != s {
		t.Error("one type has two shapes")
	}
	allocations := testing.AllocsPerRun(100, func() { shape.Of(reflect.TypeFor[decided]()).List[0].Shape() })
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	made := func(i int) reflect.Type {
		return reflect.ArrayOf(i, reflect.TypeFor[struct{ Bounded int }]())
	}
	for i := range 6000 {
		shape.Of(made(i))
	}
	first, last := made(0), made(5999)
	if once, twice := shape.Of(first), shape.Of(first); once != twice {
		t.Error("an early type is not cached")
	}
	if once, twice := shape.Of(last), shape.Of(last); once == twice {
		t.Error("every type is cached")
	}
	if s := shape.Of(last); s.Kind != reflect.Array || s.Why != nil || s.Elem.Shape().Kind != reflect.Struct {
		t.Errorf("what is not cached is %v, %v", s.Kind, s.Why)
	}
}
