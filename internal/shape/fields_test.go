//lint:file-ignore SA5008,U1000 The types here have odd tags and unused fields on purpose.

package shape_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/cookiesession/cookiesession/internal/wire"
)

type (
	Base   struct{ ID, Other int }
	hidden struct{ H int }
	holder struct {
		*hidden
		A int
	}
	Note   string
	note   string
	moment = time.Time
	inner  struct {
		Base   `msgpack:",inline"`
		Secret string `json:"-"`
	}
	Round   struct{ *Rounder }
	Rounder struct{ Round }
)

func TestFieldsAreFoundByTheTagsOfTheLibrary(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		list  string // names, in the order of the list; "*" behind a private one, "!" behind a locked one
		named string // other names under which fields are read
	}{
		"usual": {struct{ A, B int }{}, "A B", ""},
		"tags": {struct {
			A int `msgpack:"a"`
			B int `msgpack:"b,omitempty"`
			C int `msgpack:"-"`
			D int `msgpack:",omitempty"`
			E int `json:"e"`
		}{}, "a b D E", ""},
		"with spaces": {struct {
			A int `msgpack:"a, omitempty, alias:b"`
		}{}, "a", "b"},
		"not exported": {struct {
			A int
			b int
			hidden
		}{}, "A H", "hidden"},
		"aliases": {struct {
			A int `msgpack:"a,alias:x,alias:y"`
			B int `msgpack:",alias:A,alias:x"`
		}{}, "a B", "A x y"},
		"an alias that is a name": {struct {
			A int `msgpack:",alias:B"`
			B int
		}{}, "A B", ""},
		"embedded": {struct {
			Base
			A int
		}{}, "ID Other A", "Base"},
		"embedded pointer": {struct {
			*Base
			A int
		}{}, "ID Other A", "Base"},
		"embedded, not inlined": {struct {
			Base `msgpack:",noinline"`
			A    int
		}{}, "Base A", ""},
		"embedded, renamed": {struct {
			Base `msgpack:"base"`
			A    int
		}{}, "ID Other A", "base"},
		"embedded, left out": {struct {
			Base `msgpack:"-"`
			A    int
		}{}, "A", ""},
		"a name before": {struct {
			ID int
			Base
		}{}, "ID Base", ""},
		"a name behind": {struct {
			Base
			ID int
		}{}, "Base ID", ""},
		"a name, inline": {struct {
			ID   int
			Base `msgpack:",inline"`
		}{}, "ID Base", ""},
		"two of one name": {struct {
			Base
			inner
		}{}, "ID Other inner", "Base"},
		"no struct": {struct {
			Note
			A int
		}{}, "Note A", ""},
		"no struct, hidden": {struct {
			note
			A int
		}{}, "A", ""},
		"a time": {struct{ time.Time }{}, "", ""},
		"a time with a note": {struct {
			time.Time
			A int
		}{}, "Time A", ""},
		"a time, hidden": {struct {
			moment
			A int
		}{}, "A", ""},
		"locked": {struct {
			*hidden
			A int
		}{}, "hidden! A", ""},
		"private": {struct {
			A int `json:"-"`
			B int `json:"b"`
			C int `json:"-" msgpack:"c"`
		}{}, "A* B c*", ""},
		"locked, inside":  {struct{ holder }{}, "hidden! A", "holder"},
		"private, inside": {struct{ inner }{}, "ID Other Secret*", "inner"},
		"private, embedded": {struct {
			Base `json:"-"`
			A    int
		}{}, "ID* Other* A", "Base"},
	} {
		s := shape.Of(reflect.TypeOf(c.value))
		if s.Why != nil {
			t.Errorf("%s: %v", name, s.Why)
		}
		var list []string
		listed := map[string]bool{}
		for _, x := range s.List {
			text, _ := wire.Text(x.Encoded)
			listed[string(text)] = true
			mark := map[bool]string{true: "*"}[wire.Private(x.Encoded)] + map[bool]string{true: "!"}[x.Locked]
			list = append(list, string(text)+mark)
			if x.Private != wire.Private(x.Encoded) || !x.Locked && s.ByName[string(text)] != x {
				t.Errorf("%s: %s is not read as it is written", name, text)
			}
		}
		if got := strings.Join(list, " "); got != c.list {
			t.Errorf("%s: %s, want %s", name, got, c.list)
		}
		want := map[string]bool{}
		for _, other := range strings.Fields(c.named) {
			want[other] = true
		}
		seats := map[int]*shape.Field{}
		for other, x := range s.ByName {
			if !listed[other] && !want[other] {
				t.Errorf("%s: %q is read", name, other)
			}
			if delete(want, other); x.Seat >= len(s.ByName) || seats[x.Seat] != nil && seats[x.Seat] != x {
				t.Errorf("%s: %q has seat %d", name, other, x.Seat)
			}
			seats[x.Seat] = x
		}
		if len(want) > 0 {
			t.Errorf("%s: not read: %v", name, want)
		}
	}
}

func TestWhyAStructCannotBeStored(t *testing.T) {
	const hollow = `none of its fields is exported, so nothing of it would be stored (the tag msgpack:"-" leaves a field out)`
	for name, c := range map[string]struct {
		value any
		why   string
	}{
		"nothing exported":        {struct{ a int }{}, hollow},
		"nothing exported inside": {struct{ note }{}, hollow},
		"nothing at all":          {struct{}{}, ""},
		"only a blank":            {struct{ _ int }{}, ""},
		"left out by a tag": {struct {
			A chan int `msgpack:"-"`
		}{}, ""},
		"one left out by a tag": {struct {
			A int `msgpack:"-"`
			b int
		}{}, hollow},
		"one name for two": {struct {
			A int
			B int `msgpack:"A"`
		}{}, ".B: another field is stored under the same name"},
		"an embedded one's name": {struct {
			ID int
			A  int `msgpack:"Base"`
			Base
		}{}, ".Base: another field is stored under the same name"},
		"it embeds itself":        {Round{}, ".Rounder.Round: it embeds itself"},
		"inside it embeds itself": {struct{ Round }{}, ".Round.Rounder.Round: it embeds itself"},
		"locked in a list": {struct {
			_msgpack int `msgpack:",asArray"`
			*hidden
		}{}, ".hidden: an embedded pointer to a type that is not exported cannot be stored in a struct with the tag as_array"},
	} {
		s := shape.Of(reflect.TypeOf(c.value))
		if got := fmt.Sprint(s.Why); got != c.why && (c.why != "" || s.Why != nil) {
			t.Errorf("%s: %s, want %s", name, got, c.why)
		}
	}
}

func TestStructsOfStructsInAChainAreBounded(t *testing.T) {
	typ := reflect.TypeFor[Base]()
	for range 40 {
		typ = reflect.StructOf([]reflect.StructField{{Name: "Inner", Type: typ, Anonymous: true}})
	}
	if s := shape.Of(typ); s.Why == nil {
		t.Error("40 embedded structs are collected")
	}
}

func TestAListIsMadeByTheTag(t *testing.T) {
	for tag, want := range map[string]bool{"as_array": true, "asArray": true, "as_arrays": false, "": false} {
		typ := reflect.StructOf([]reflect.StructField{
			{Name: "_msgpack", PkgPath: "p", Type: reflect.TypeFor[int](), Tag: reflect.StructTag(`msgpack:",` + tag + `"`)},
			{Name: "A", Type: reflect.TypeFor[int]()},
		})
		if s := shape.Of(typ); s.AsList != want || len(s.List) != 1 {
			t.Errorf("%q: %v", tag, s.AsList)
		}
	}
}

func TestWhatIsEmptyIsLeftOutWithTheTagOmitempty(t *testing.T) {
	type all struct {
		_msgpack int `msgpack:",omitempty"` //lint:ignore U1000 the library reads its tag
		A        []int
		B        map[string]int
		C        *Base
		D        string
		E        float64
		F        any
	}
	for name, c := range map[string]struct {
		value all
		want  string
	}{
		"zero":      {all{}, ""},
		"empty":     {all{A: []int{}, B: map[string]int{}}, ""},
		"something": {all{A: []int{0}, B: map[string]int{"": 0}, C: &Base{}, D: "d", E: 1, F: 0}, "ABCDEF"},
		"nil":       {all{F: (*int)(nil)}, "F"},
	} {
		got := ""
		for _, x := range shape.Of(reflect.TypeFor[all]()).List {
			if x.Present(reflect.ValueOf(c.value)) {
				got += x.Path[1:]
			}
		}
		if got != c.want {
			t.Errorf("%s: %q is written, want %q", name, got, c.want)
		}
	}
}

// ownList has methods of its own: they are asked also where it is empty.
type ownList []int

func (ownList) MarshalText() ([]byte, error) { return nil, nil }
func (*ownList) UnmarshalText([]byte) error  { return nil }

func TestAnEmptyListWithMethodsOfItsOwnIsNotLeftOut(t *testing.T) {
	type list struct {
		L ownList `msgpack:",omitempty"`
	}
	x := shape.Of(reflect.TypeFor[list]()).List[0]
	if !x.Present(reflect.ValueOf(list{ownList{}})) || x.Present(reflect.ValueOf(list{})) {
		t.Error("it is left out, or a nil is not")
	}
}

func TestAnEmbeddedPointerIsFilledOnlyWhereThatIsWanted(t *testing.T) {
	type outer struct {
		*Base
		A int
	}
	x := shape.Of(reflect.TypeFor[outer]()).ByName["Other"]
	var v outer
	if _, ok := x.In(reflect.ValueOf(&v).Elem(), false); ok || v.Base != nil || x.Present(reflect.ValueOf(v)) {
		t.Error("a field behind a nil is there")
	}
	field, ok := x.In(reflect.ValueOf(&v).Elem(), true)
	if field.SetInt(7); !ok || v.Base == nil || v.Other != 7 {
		t.Errorf("%+v, %v", v.Base, ok)
	}
}

func TestOnlyTheTagMinusMakesAFieldPrivate(t *testing.T) {
	for tag, want := range map[string]bool{`json:"-"`: true, `json:"-,"`: false, `json:"-,omitempty"`: false, `json:"a"`: false, ``: false, `xml:"-"`: false} {
		typ := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: reflect.StructTag(tag)}})
		if s := shape.Of(typ); s.List[0].Private != want || s.Private != want {
			t.Errorf("%s: %v", tag, s.Private)
		}
	}
}
