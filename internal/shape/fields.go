package shape

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Fields are those of a struct as they are stored.
type Fields struct {
	List    []*Field
	ByName  map[string]*Field // under names and aliases
	AsList  bool              // stored as a list without names, by the tag of a field _msgpack
	Private bool              // some field is private
	Sparse  bool              // some field is not always written
}

// A Field is one of them.
type Field struct {
	Ref
	Path    string // in Go, for errors: .Base.ID
	Encoded []byte // the name, as it is written
	Seat    int    // below len(ByName), another one for each field there
	Private bool   // not for JSON

	// Locked is an embedded pointer to a type that is not exported. Reflection
	// cannot set it, so only a nil can be stored, and it is not written.
	Locked bool

	name      string
	tag       tag
	index     []int // through embedded structs
	omitEmpty bool
}

var (
	errTwice   = errors.New("another field is stored under the same name")
	errItself  = errors.New("it embeds itself")
	errHollow  = errors.New(`none of its fields is exported, so nothing of it would be stored (the tag msgpack:"-" leaves a field out)`)
	errNowhere = errors.New("an embedded pointer to a type that is not exported cannot be stored in a struct with the tag as_array")
)

// fieldsOf returns the fields of a struct and why no value can be stored. The
// names are encoded here, once, together with the mark of a private field: the
// walk only copies them.
func fieldsOf(t reflect.Type) (Fields, error) {
	f, err := collect(t, nil)
	if err != nil {
		return Fields{}, err
	}
	// A reader counts with the seats which fields it has seen: a slice of bools
	// is cheaper than a map of names.
	seat := 0
	for _, x := range f.ByName {
		x.Seat = seat
		seat++
	}
	for _, x := range f.List {
		// The mark of a private field is in the name, so that it costs nothing when
		// a value is written.
		x.Encoded = wire.AppendText(nil, x.name)
		if x.Private {
			x.Encoded = wire.AppendPrivateText(nil, x.name)
		}
		f.Private = f.Private || x.Private
		// A map says first how many fields it has. Where all are always written,
		// nobody has to count.
		f.Sparse = f.Sparse || x.omitEmpty || x.Locked || len(x.index) > 1
		if f.AsList && x.Locked {
			err = Within(x.Path, errNowhere)
		}
	}
	// Without this check a struct with only unexported fields would be stored as
	// an empty map. Its values would be lost, and no error would say so.
	if len(f.List) == 0 && hollow(t) {
		err = errHollow
	}
	return f, err
}

// hollow reports whether a struct has fields, and not all of them are left out
// by a tag. A struct without any field is not hollow: nothing of it is lost, and
// map[string]struct{} is a usual set.
func hollow(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name != "_" && f.Name != "_msgpack" && f.Tag.Get("msgpack") != "-" {
			return true
		}
	}
	return false
}

// collect finds the fields as the library does: by msgpack tags, exported ones
// only, those of embedded structs as if they stood in the outer one. An
// embedded struct of which a name is taken stays a field of its own, so that
// both values are kept. The structs on the way here are outer.
func collect(t reflect.Type, outer []reflect.Type) (f Fields, err error) {
	// A struct can embed a pointer to itself. The library would not end.
	if slices.Contains(outer, t) || len(outer) > wire.MaxDepth {
		return f, errItself
	}
	f.ByName = map[string]*Field{}
	var own []*Field
	embedded := map[*Field]Fields{}
	omitEmpty := false
	for i := range t.NumField() {
		sf := t.Field(i)
		x := newField(sf)
		// The library has a field of this name for tags that are about the whole
		// struct.
		if sf.Name == "_msgpack" {
			f.AsList = x.tag.has("as_array") || x.tag.has("asArray")
			omitEmpty = omitEmpty || x.omitEmpty
		}
		// An embedded struct may be of a type that is not exported, and its
		// exported fields are stored all the same, as encoding/json does.
		if x.tag[0] == "-" || !sf.IsExported() && !embedsStruct(sf) {
			continue
		}
		x.omitEmpty = x.omitEmpty || omitEmpty
		// Only the fields of the struct itself claim their names here. Those of
		// embedded structs have to wait, because a field of the outer struct comes
		// first.
		if own = append(own, x); embedsStruct(sf) && !x.Locked && !x.tag.has("noinline") {
			embedded[x], err = collect(structOf(sf.Type), append(outer, t))
		} else {
			err = f.claim(x)
		}
		if err != nil {
			return f, Within(x.Path, err)
		}
	}
	return f, f.fill(own, embedded)
}

// claim takes the name of x. Two fields of one name cannot both be stored. The
// library would write both, and read the second one twice.
func (f *Fields) claim(x *Field) error {
	if _, taken := f.ByName[x.name]; taken {
		return errTwice
	}
	if !x.Locked {
		f.ByName[x.name] = x
	}
	return nil
}

// fill makes the list, in the order of the struct, and adds the other names
// under which a field is read: aliases, and an embedded struct's own, because it
// may have been a usual field when the value was stored.
func (f *Fields) fill(own []*Field, embedded map[*Field]Fields) error {
	for _, x := range own {
		inner, isEmbedded := embedded[x]
		// No name is taken, so the embedded struct is stored by its fields.
		if isEmbedded && !f.clashes(inner) {
			for _, y := range inner.List {
				y = x.embed(y)
				f.List = append(f.List, y)
				if !y.Locked {
					f.ByName[y.name] = y
				}
			}
			continue
		}
		// A name is taken, so the embedded struct is stored as one field under its
		// own name.
		if isEmbedded {
			if err := f.claim(x); err != nil {
				return Within(x.Path, err)
			}
		}
		f.List = append(f.List, x)
	}
	// Other names come last. They never take the place of a name that a field is
	// written under.
	for _, x := range own {
		for _, name := range append(x.tag.aliases(), x.name) {
			if _, taken := f.ByName[name]; !taken && !x.Locked {
				f.ByName[name] = x
			}
		}
	}
	return nil
}

// clashes reports whether a field of an embedded struct has a name that is taken.
func (f *Fields) clashes(inner Fields) bool {
	return slices.ContainsFunc(inner.List, func(y *Field) bool { return f.ByName[y.name] != nil })
}

// newField reads the tags of a field. A field with the tag json:"-" is private,
// whatever its msgpack tag says: its author does not want it in JSON.
func newField(sf reflect.StructField) *Field {
	// Spaces are taken away as the library does: a tag with a space after the
	// comma is a usual mistake.
	t := tag(strings.Split(strings.ReplaceAll(sf.Tag.Get("msgpack"), " ", ""), ","))
	x := &Field{
		Ref: Ref{typ: sf.Type}, Path: "." + sf.Name, index: sf.Index, name: t[0], tag: t,
		omitEmpty: t.has("omitempty"), Private: sf.Tag.Get("json") == "-",
		Locked: !sf.IsExported() && sf.Type.Kind() == reflect.Pointer,
	}
	if x.name == "" {
		x.name = sf.Name
	}
	return x
}

// embed returns y, a field of the embedded struct x, as one of the outer struct.
func (x *Field) embed(y *Field) *Field {
	return &Field{
		Ref: Ref{typ: y.typ}, Path: x.Path + y.Path, index: slices.Concat(x.index, y.index), name: y.name, tag: y.tag,
		omitEmpty: y.omitEmpty, Private: x.Private || y.Private, Locked: y.Locked,
	}
}

// embedsStruct reports whether a field is an embedded struct, or a pointer to
// one, that is stored by its fields.
func embedsStruct(sf reflect.StructField) bool {
	t := structOf(sf.Type)
	// A time.Time is a struct, and is stored as an instant.
	if !sf.Anonymous || t.Kind() != reflect.Struct || t == timeType {
		return false
	}
	// A struct that encodes itself is one value. Its fields are its own affair.
	encodes, decodes, why := ownMethods(t)
	return !encodes && !decodes && why == nil
}

// In returns the field in a struct. It is false behind an embedded pointer that
// is nil, unless that is to be filled.
func (x *Field) In(v reflect.Value, fill bool) (reflect.Value, bool) {
	for i, step := range x.index {
		// Only an embedded pointer can stand on the way. It is filled when a value
		// is read, and never when one is written.
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !fill {
					return v, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(step)
	}
	return v, true
}

// Present reports whether the field is written. What is empty is left out with
// the tag omitempty. Only the zero value and what has no elements counts as
// empty, whatever an IsZero method says: it has to come back as it was.
func (x *Field) Present(v reflect.Value) bool {
	v, ok := x.In(v, false)
	switch {
	case !ok || x.Locked:
		return false
	case !x.omitEmpty:
		return true
	// An empty slice is not the zero value, but nothing of it would be lost: it
	// has no elements.
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && !x.Shape().Encodes:
		return v.Len() > 0
	}
	return !v.IsZero()
}

// structOf returns what an embedded field is, or points to.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// A tag is a msgpack tag: a name, then options.
type tag []string

func (t tag) has(option string) bool { return slices.Contains(t[1:], option) }

// aliases are other names under which a field is read, so that it can be renamed
// while sessions with the old name are still about.
func (t tag) aliases() (names []string) {
	for _, option := range t {
		if name, is := strings.CutPrefix(option, "alias:"); is {
			names = append(names, name)
		}
	}
	return names
}
