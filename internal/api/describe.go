package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// record describes all packages. It is Go source without bodies, with one line
// for each thing that is exported: people read it in a review, and the type
// checker reads it to compare two of them.
func (e *exports) record() (string, error) {
	var text strings.Builder
	for i, path := range e.paths {
		p, err := e.importer.Import(path)
		if err != nil {
			return "", err
		}
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(describe(p))
	}
	return text.String(), nil
}

// describer writes one package.
type describer struct {
	p       *types.Package
	body    bytes.Buffer
	imports map[string]string // names by path
}

func describe(p *types.Package) string {
	d := &describer{p: p, imports: map[string]string{}}
	for _, name := range p.Scope().Names() { // sorted
		if obj := p.Scope().Lookup(name); obj.Exported() {
			d.object(obj)
		}
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s%s // %s\n\n", start, p.Name(), p.Path())
	paths := make([]string, 0, len(d.imports))
	for path := range d.imports {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		name := d.imports[path] + " "
		if strings.HasSuffix("/"+path, "/"+d.imports[path]) {
			name = "" // it says nothing that the path does not
		}
		fmt.Fprintf(&head, "import %s%q\n", name, path)
	}
	return head.String() + "\n" + d.body.String()
}

func (d *describer) line(format string, args ...any) { fmt.Fprintf(&d.body, format+"\n", args...) }

// text is a type as source. Packages are qualified by their names. Where two of
// them have one name, the second gets a number.
func (d *describer) text(t types.Type) string { return types.TypeString(t, d.qualify) }

func (d *describer) qualify(p *types.Package) string {
	if p == d.p {
		return ""
	}
	if d.imports[p.Path()] == "" {
		name := p.Name()
		for n := 2; d.taken(name); n++ {
			name = fmt.Sprint(p.Name(), n)
		}
		d.imports[p.Path()] = name
	}
	return d.imports[p.Path()]
}

func (d *describer) taken(name string) bool {
	for _, other := range d.imports {
		if other == name {
			return true
		}
	}
	return false
}

func (d *describer) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		of := " " + d.text(obj.Type())
		if basic, ok := obj.Type().(*types.Basic); ok && basic.Info()&types.IsUntyped != 0 {
			of = ""
		}
		d.line("const %s%s = %s", obj.Name(), of, obj.Val().ExactString())
	case *types.Var:
		d.line("var %s %s", obj.Name(), d.text(obj.Type()))
	case *types.Func:
		d.line("func %s%s", obj.Name(), d.signature(obj))
	case *types.TypeName:
		d.typeName(obj)
	}
}

func (d *describer) signature(f *types.Func) string {
	return strings.TrimPrefix(d.text(f.Type()), "func")
}

func (d *describer) typeName(obj *types.TypeName) {
	named, ok := obj.Type().(*types.Named)
	if !ok || obj.IsAlias() {
		d.line("type %s = %s", obj.Name(), d.text(types.Unalias(obj.Type())))
		return
	}
	head := "type " + obj.Name() + d.parameters(named.TypeParams())
	switch under := named.Underlying().(type) {
	case *types.Struct:
		d.structure(head, named, under)
	case *types.Interface:
		d.iface(head, under)
	default:
		d.line("%s %s", head, d.text(under))
	}
	d.methods(named)
}

func (d *describer) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var parts []string
	for p := range list.TypeParams() {
		parts = append(parts, p.Obj().Name()+" "+d.text(p.Constraint()))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// structure writes the exported fields. The others are no concern of users but
// for two facts: that there are some, and whether values can be compared. One
// field without a name says both.
func (d *describer) structure(head string, named *types.Named, s *types.Struct) {
	d.line("%s struct {", head)
	hidden := false
	for i := range s.NumFields() {
		f, tag := s.Field(i), ""
		if !f.Exported() {
			hidden = true
			continue
		}
		if s.Tag(i) != "" {
			tag = fmt.Sprintf(" %q", s.Tag(i))
		}
		if f.Embedded() {
			d.line("\t%s%s", d.text(f.Type()), tag)
		} else {
			d.line("\t%s %s%s", f.Name(), d.text(f.Type()), tag)
		}
	}
	switch {
	case hidden && types.Comparable(named):
		d.line("\t_ int")
	case hidden:
		d.line("\t_ func()")
	}
	d.line("}")
}

// iface writes an interface with all of its methods, also those that it has from
// another. One without a name means that nobody else can implement it.
func (d *describer) iface(head string, i *types.Interface) {
	if !i.IsMethodSet() {
		d.line("%s %s", head, d.text(i))
		return
	}
	d.line("%s interface {", head)
	hidden := false
	for m := range i.Methods() {
		if !m.Exported() {
			hidden = true
			continue
		}
		d.line("\t%s%s", m.Name(), d.signature(m))
	}
	if hidden {
		d.line("\thidden()")
	}
	d.line("}")
}

// methods writes the methods of a type, and those that it has from a field that
// is not in the record because its name is not exported. Methods of another
// package that come through such a field are left out: go doc does not show
// them, and nobody was promised them.
func (d *describer) methods(named *types.Named) {
	if types.IsInterface(named) {
		return
	}
	s, _ := named.Underlying().(*types.Struct)
	value, all := types.NewMethodSet(named), types.NewMethodSet(types.NewPointer(named))
	var found []*types.Selection
	for i := range all.Len() {
		m := all.At(i)
		if m.Obj().Exported() && m.Obj().Pkg() == d.p && (len(m.Index()) == 1 || !s.Field(m.Index()[0]).Exported()) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *types.Selection) int { return cmp.Compare(a.Obj().Name(), b.Obj().Name()) })
	for _, m := range found {
		f, pointer := m.Obj().(*types.Func), "*"
		if value.Lookup(nil, f.Name()) != nil {
			pointer = ""
		}
		d.line("func (%s%s) %s%s", pointer, receiver(named, f), f.Name(), d.signature(f))
	}
}

// receiver names the type of a method with the type parameters as that method
// calls them, without what they are limited to.
func receiver(named *types.Named, f *types.Func) string {
	var names []string
	for p := range f.Signature().RecvTypeParams().TypeParams() {
		names = append(names, p.Obj().Name())
	}
	if names == nil {
		return named.Obj().Name()
	}
	return named.Obj().Name() + "[" + strings.Join(names, ", ") + "]"
}
