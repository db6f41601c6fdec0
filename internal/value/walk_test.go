//lint:file-ignore U1000 The fields are there to be walked over.

package value_test

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/vmihailenco/msgpack/v5"
)

// comesBack checks that v is stored and read as an equal T.
func comesBack[T any](t *testing.T, v T) {
	t.Helper()
	raw, err := encoded(v)
	if err != nil {
		t.Error(err)
		return
	}
	if got, ok := value.Decode[T](raw); !ok || !reflect.DeepEqual(got, v) {
		t.Errorf("%T: %#v comes back as %#v, %v", v, v, got, ok)
	}
}

type base struct{ ID, Other int }
type Base struct{ ID, Other int }
type Numbers struct{ N uint8 }

// clash and clash2 have a name twice, in either order.
type clash struct {
	Base
	ID int
}
type clash2 struct {
	ID int
	Base
}
type twoBases struct {
	Base
	Numbers
	base
}
type embedsPointer struct {
	*Base
	N int
}
type embedsHidden struct {
	*base
	N int
}
type embedsValue struct {
	base
	At time.Time
}

type errorField struct {
	Profile struct {
		Err  error
		Name fmt.Stringer
	}
}

type optional struct {
	Addr  netip.Addr        `msgpack:",omitempty"`
	Any   any               `msgpack:",omitempty"`
	Array [2]int            `msgpack:",omitempty"`
	Slice []int             `msgpack:",omitempty"`
	Map   map[string]int    `msgpack:",omitempty"`
	Inner struct{ A []int } `msgpack:",omitempty"`
	At    time.Time         `msgpack:",omitempty"`
	Semi  alwaysZero        `msgpack:",omitempty"`
	F     float64           `msgpack:",omitempty"`
}

// alwaysZero says of itself that it is empty.
type alwaysZero struct{ A int }

func (alwaysZero) IsZero() bool { return true }

type interned struct {
	A, B string `msgpack:",intern"`
	Any  any    `msgpack:",intern"`
}

type stamped struct {
	time.Time
	Note string
}

type level int

func (l level) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "level %d", l), nil }

type strict string

func (*strict) UnmarshalText([]byte) error { return errors.New("never") }

func TestStructsThatTheLibraryCannotReadBackComeBack(t *testing.T) {
	comesBack(t, errorField{})
	comesBack(t, clash{Base{1, 2}, 3})
	comesBack(t, clash2{3, Base{1, 2}})
	comesBack(t, twoBases{Base{1, 2}, Numbers{3}, base{4, 5}})
	comesBack(t, embedsPointer{nil, 1})
	comesBack(t, embedsPointer{&Base{1, 2}, 1})
	comesBack(t, embedsPointer{&Base{}, 1})
	comesBack(t, embedsHidden{nil, 1})
	if raw := mustEncode(t, embedsHidden{nil, 1}); string(raw) != "\x81\xa1N\x01" {
		t.Errorf("a nil that nobody can read is written: % x", raw)
	}
	comesBack(t, struct{ embedsHidden }{embedsHidden{nil, 1}})
	refused(t, struct{ embedsHidden }{embedsHidden{&base{}, 1}}, ".embedsHidden.base: an embedded pointer to a type that is not exported: only a nil can be read back")
	comesBack(t, embedsValue{base{1, 2}, time.Unix(5, 0).UTC()})
	comesBack(t, interned{"text", "text", "text"})
	comesBack(t, interned{"text", "text", []byte("text")})
	comesBack(t, interned{})
	comesBack(t, stamped{time.Unix(5, 0).UTC(), "note"})
	comesBack(t, level(5))
	comesBack(t, strict("text"))
	comesBack(t, map[any]any{nil: int64(1), "a": nil, int64(7): "b", true: 1.5})
}

func TestWhatIsNotEmptyIsNotLeftOut(t *testing.T) {
	comesBack(t, optional{})
	comesBack(t, optional{
		Addr: netip.MustParseAddr("10.0.0.1"), Any: int64(0), Array: [2]int{0, 1}, Slice: []int{0}, Map: map[string]int{"": 0},
		Inner: struct{ A []int }{[]int{}}, At: time.Unix(0, 0).UTC(), Semi: alwaysZero{5},
	})
	comesBack(t, optional{Any: false, F: -1})
	if raw := mustEncode(t, optional{Slice: []int{}, Map: map[string]int{}}); string(raw) != "\x80" {
		t.Errorf("empty fields are % x", raw)
	}
}

func TestValuesWhosePointerHasTheMethodsAreStoredAnywhere(t *testing.T) {
	u, _ := url.Parse("https://user@example.com/a?b#c")
	comesBack(t, *u)
	comesBack(t, u)
	comesBack(t, []url.URL{*u})
	comesBack(t, map[string]url.URL{"a": *u})
	comesBack(t, struct{ U url.URL }{*u})
	comesBack(t, struct{ U *url.URL }{})
	if got := value.Of(mustEncode(t, []any{*u})); !reflect.DeepEqual(got, []any{[]byte(u.String())}) {
		t.Errorf("in an interface it comes back as %v", got)
	}
}

type unreadable struct{ C chan int }
type onlyWritten struct{ A int }

func (onlyWritten) MarshalMsgpack() ([]byte, error) { return []byte{1}, nil }

type twoValues struct{ A int }

func (twoValues) MarshalMsgpack() ([]byte, error) { return []byte{1, 2}, nil }
func (*twoValues) UnmarshalMsgpack([]byte) error  { return nil }

type noValue struct{ A int }

func (noValue) MarshalMsgpack() ([]byte, error) { return nil, nil }
func (*noValue) UnmarshalMsgpack([]byte) error  { return nil }

type panicking struct{ A int }

func (panicking) MarshalText() ([]byte, error) { panic("the value") }
func (*panicking) UnmarshalText([]byte) error  { panic("the bytes") }

type failing struct{ A int }

func (failing) MarshalText() ([]byte, error) { return nil, errors.New("no") }
func (*failing) UnmarshalText([]byte) error  { return nil }

// day does not read its own zero value.
type day int

func (d day) MarshalText() ([]byte, error) { return []byte{byte(d)}, nil }
func (d *day) UnmarshalText(b []byte) error {
	if *d = day(b[0]); *d == 0 {
		return errFailed
	}
	return nil
}

type panicsLate struct{ A int }

func (panicsLate) MarshalText() ([]byte, error) { return []byte{1}, nil }
func (*panicsLate) UnmarshalText([]byte) error  { panic("the bytes") }

type sameName struct {
	A int `msgpack:"x"`
	B int `msgpack:"x"`
}

type hiddenInList struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads its tag
	*Base
}

type hiddenInList2 struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads its tag
	*base
}

func TestWhatCouldNotBeReadBackIsRefusedWithItsPath(t *testing.T) {
	type user struct{ Profile any }
	withError := errorField{}
	withError.Profile.Err = errors.New("a secret")
	const kind, methods = "this kind of value cannot be stored", "an interface with methods: only a nil can be read back"
	for _, c := range []struct {
		value any
		words string
	}{
		{withError, "a value_test.errorField cannot be stored: .Profile.Err: " + methods},
		{user{withError}, "a value_test.user cannot be stored: .Profile.Profile.Err: " + methods},
		{[]user{{}, {[]any{1, unreadable{}}}}, ": [1].Profile[1].C: " + kind},
		{map[string]any{"secret": unreadable{}}, ": […].C: " + kind},
		{[]error{nil, errors.New("a secret")}, ": [1]: " + methods},
		{make(chan int), "a chan int cannot be stored: " + kind},
		{func() {}, kind}, {1i, kind}, {complex64(1), kind}, {uintptr(1), kind}, {[]uintptr{1}, "[0]: " + kind}, {struct{ P uintptr }{1}, ".P: " + kind},
		{errors.New("a secret"), `none of its fields is exported, so nothing of it would be stored (the tag msgpack:"-" leaves a field out)`},
		{struct{ Mu struct{ state int } }{}, `.Mu: none of its fields is exported, so nothing of it would be stored (the tag msgpack:"-" leaves a field out)`},
		{embedsHidden{&base{}, 1}, ".base: an embedded pointer to a type that is not exported: only a nil can be read back"},
		{struct{ A onlyWritten }{}, ".A: it has a method that writes msgpack and none that reads it"},
		{struct{ A twoValues }{}, ".A: its encoding is not one msgpack value at most 32 deep"},
		{struct {
			A twoValues
			B noValue
		}{}, ".A: its encoding is not one msgpack value at most 32 deep"},
		{noValue{}, "its encoding is not one msgpack value at most 32 deep"},
		{struct{ A panicking }{}, ".A: its encoder panicked"},
		{struct{ A failing }{}, ".A: no"},
		{struct{ Born []day }{[]day{5, 0}}, ".Born[1]: its own decoder does not accept what was written"},
		{&panicsLate{}, "its own decoder does not accept what was written"},
		{sameName{}, ".B: another field is stored under the same name"},
		{hiddenInList{}, ".Base.ID: behind a nil embedded pointer there is nothing to store as an element of a list"},
		{hiddenInList2{}, ".base: an embedded pointer to a type that is not exported cannot be stored in a struct with the tag as_array"},
	} {
		refused(t, c.value, c.words)
	}
}

func TestWhatTheAuthorLeavesOutIsNoReasonToRefuse(t *testing.T) {
	comesBack(t, struct{}{})
	comesBack(t, struct{ _ [0]func() }{})
	comesBack(t, struct {
		C chan int `msgpack:"-"`
	}{})
	comesBack(t, unreadableInside{A: 1})
	comesBack(t, map[string]struct{}{"a": {}})
	comesBack(t, [0]int{})
	comesBack(t, []unreadable(nil))
	comesBack(t, (*unreadable)(nil))
}

type unreadableInside struct {
	mu struct{ state chan int } //lint:ignore U1000 it is there to be left out
	A  int
}

type (
	selfPointer  *selfPointer
	a            *b
	b            *a
	EmbedsItself struct{ *EmbedsItself }
	EmbedsRound  struct{ Round }
	Round        struct{ *EmbedsRound }
	embedsItself struct {
		*embedsItself //lint:ignore U1000 it is there to be left out
		A             int
	}
	node struct {
		Next *node
		Any  any
	}
)

func TestEveryRecursionIsBounded(t *testing.T) {
	const deep, chain = "nested too deep, or it contains itself", "a chain of pointers without an end"
	cycle := &node{}
	cycle.Next = cycle
	loop := map[string]any{}
	loop["self"] = loop
	list := []any{nil}
	list[0] = list
	var hops any
	hops = &hops
	var pointed selfPointer
	pointed = &pointed
	key := &node{}
	key.Any = map[any]any{*key: 1}
	inKey := map[any]any{}
	inKey[&inKey] = 1
	inKeyValue := &node{}
	inKeyValue.Any = map[any]int{inKeyValue: 1}
	for name, c := range map[string]struct {
		value any
		words string
	}{
		"a pointer":                   {cycle, deep},
		"a map":                       {loop, deep},
		"a list":                      {list, deep},
		"an interface":                {hops, chain},
		"a named pointer":             {pointed, chain},
		"a nil of it":                 {selfPointer(nil), chain},
		"two named pointers":          {a(nil), chain},
		"a field of such a type":      {struct{ A a }{}, ".A: " + chain},
		"a pointer in a key":          {inKey, deep},
		"through a key":               {inKeyValue, deep},
		"a struct that embeds itself": {EmbedsItself{}, ".EmbedsItself: it embeds itself"},
		"a round of embedded structs": {EmbedsRound{}, ".Round.EmbedsRound: it embeds itself"},
		"a field of that":             {struct{ Profile EmbedsItself }{}, ".Profile.EmbedsItself: it embeds itself"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.value, c.words) })
	}
}

func TestTypesThatNeverEndAreNotReadEither(t *testing.T) {
	for _, raw := range []string{"\x07", "\x80", "\x90", "\xc0", "\x81\xa1A\xc0"} {
		if v, ok := value.Decode[selfPointer]([]byte(raw)); ok || v != nil {
			t.Errorf("% x is a selfPointer", raw)
		}
		if _, ok := value.Decode[a]([]byte(raw)); ok {
			t.Errorf("% x is an a", raw)
		}
		if _, ok := value.Decode[EmbedsItself]([]byte(raw)); ok {
			t.Errorf("% x is an EmbedsItself", raw)
		}
		if v, ok := value.Decode[*EmbedsRound]([]byte(raw)); ok != (raw == "\xc0") || v != nil {
			t.Errorf("% x is a *EmbedsRound: %v", raw, ok)
		}
		if _, ok := value.Decode[[]struct{ A a }]([]byte("\x91" + raw)); ok != (raw == "\x80") {
			t.Errorf("% x in a list is a struct with an a: %v", raw, ok)
		}
	}
	comesBack(t, embedsItself{A: 1})
}

func TestThirtyTwoPointersAreFollowed(t *testing.T) {
	chain := func(n int) any {
		v := reflect.ValueOf(7)
		for range n {
			p := reflect.New(v.Type())
			p.Elem().Set(v)
			v = p
		}
		return v.Interface()
	}
	if raw := mustEncode(t, chain(32)); string(raw) != "\x07" {
		t.Errorf("% x", raw)
	}
	refused(t, chain(33), "a chain of pointers without an end")
	// Half of these hops are interfaces, so the type is a short one.
	mixed := func(n int) any {
		v := any(7)
		for range n / 2 {
			inner := v
			v = &inner
		}
		return v
	}
	if raw := mustEncode(t, mixed(32)); string(raw) != "\x07" {
		t.Errorf("% x", raw)
	}
	refused(t, mixed(34), "a chain of pointers without an end")
	// In a list the count begins again.
	mustEncode(t, []any{mixed(30), mixed(30)})
	refused(t, []any{mixed(32)}, "[0]: a chain of pointers without an end")
}

func TestThirtyTwoContainersAreTheDeepest(t *testing.T) {
	nested := func(n int, wrap func(any) any) any {
		v := any(7)
		for range n {
			v = wrap(v)
		}
		return v
	}
	for name, wrap := range map[string]func(any) any{
		"lists":   func(v any) any { return []any{v} },
		"arrays":  func(v any) any { return [1]any{v} },
		"maps":    func(v any) any { return map[string]any{"a": v} },
		"structs": func(v any) any { return struct{ A any }{v} },
		"keys":    func(v any) any { return map[any]int{v: 1} },
	} {
		if name == "keys" { // a map is no key: only arrays and structs nest there
			wrap = func(v any) any { return [1]any{v} }
			mustEncode(t, map[any]int{7: 1})
			refused(t, map[any]int{nested(32, wrap): 1}, "nested too deep, or it contains itself")
			continue
		}
		mustEncode(t, nested(32, wrap))
		refused(t, nested(33, wrap), "nested too deep, or it contains itself")
	}
}

// ownMap writes a nested value.
type ownMap struct{ depth int }

func (m ownMap) EncodeMsgpack(e *msgpack.Encoder) error {
	_, err := e.Writer().Write([]byte(strings.Repeat("\x91", m.depth) + "\xc0"))
	return err
}
func (m *ownMap) DecodeMsgpack(d *msgpack.Decoder) error { return d.Skip() }

func TestATypesOwnEncodingCountsIntoTheDepth(t *testing.T) {
	mustEncode(t, ownMap{32})
	mustEncode(t, []ownMap{{31}})
	for _, v := range []any{ownMap{33}, []ownMap{{32}}} {
		refused(t, v, "its encoding is not one msgpack value at most 32 deep")
	}
}
