package house

import (
	"bytes"
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
)

// Lines counts the lines of a package or of a file. A line of code has
// something other than a comment; a line that has both counts twice.
type Lines struct{ Code, Comments int }

// Share is the part of the lines that has comments, in percent.
func (l Lines) Share() float64 { return 100 * float64(l.Comments) / float64(max(1, l.Code+l.Comments)) }

// Add returns the sum of both.
func (l Lines) Add(m Lines) Lines { return Lines{l.Code + m.Code, l.Comments + m.Comments} }

// Lines counts the lines of the package without its tests.
func (p *Package) Lines() (sum Lines) {
	for _, f := range p.Files {
		sum = sum.Add(f.Lines())
	}
	return sum
}

// Lines counts the lines of the file.
func (f *File) Lines() Lines {
	var s scanner.Scanner
	set := token.NewFileSet()
	file := set.AddFile(f.Name, -1, len(f.text))
	s.Init(file, f.text, nil, scanner.ScanComments)
	code, comments := map[int]bool{}, map[int]bool{}
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return Lines{len(code), len(comments)}
		case tok == token.SEMICOLON && text == "\n": // not written
			continue
		}
		lines := code
		if tok == token.COMMENT {
			lines = comments
		}
		first := file.Line(pos)
		for i := range 1 + bytes.Count([]byte(text), []byte("\n")) {
			lines[first+i] = true
		}
	}
}

// Function is how long and how intricate one function is.
type Function struct {
	Name       string // with the type of its receiver
	File       string
	Lines      int
	Complexity int // cyclomatic: one, and one more for each branch, loop, case, && and ||
}

// Functions measures the functions of the package. What stands in a function
// literal counts for the function around it.
func (h *House) Functions(p *Package) (all []Function) {
	for _, f := range p.Files {
		for _, d := range f.ast.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				lines := h.fset.Position(d.End()).Line - h.fset.Position(d.Pos()).Line + 1
				all = append(all, Function{nameOf(d), f.Name, lines, complexity(d)})
			}
		}
	}
	return all
}

func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.Ident:
			return u.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

func complexity(d *ast.FuncDecl) int {
	n := 1
	ast.Inspect(d, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if node.List != nil { // default is no branch of its own
				n++
			}
		case *ast.CommClause:
			if node.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if node.Op == token.LAND || node.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

// Flags lists the fields that hold the state of one request: the bools and the
// enumerations within Session and the structs that it is made of. What belongs
// to the manager is not looked into.
func (h *House) Flags() (flags []string) {
	root := h.Package(".")
	seen := map[types.Type]bool{root.checked.Scope().Lookup("settings").Type(): true}
	var walk func(name string, t types.Type)
	walk = func(name string, t types.Type) {
		if isFlag(t) {
			flags = append(flags, name)
			return
		}
		switch u := t.(type) {
		case *types.Pointer:
			walk(name, u.Elem())
			return
		case *types.Slice:
			walk(name, u.Elem())
			return
		case *types.Array:
			walk(name, u.Elem())
			return
		}
		s, ok := t.Underlying().(*types.Struct)
		if !ok || seen[t] || !ours(t) {
			return
		}
		seen[t] = true
		for field := range s.Fields() {
			walk(short(t)+"."+field.Name(), field.Type())
		}
	}
	walk("", root.checked.Scope().Lookup("Session").Type())
	return flags
}

// isFlag reports whether t is a bool or an enumeration: a named integer of one
// byte, of this module.
func isFlag(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	if !ok {
		return false
	}
	return basic.Kind() == types.Bool || basic.Kind() == types.Uint8 && ours(t)
}

func ours(t types.Type) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Pkg() != nil && within(n.Obj().Pkg().Path()) != ""
}

func short(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == Module {
			return ""
		}
		return p.Name()
	})
}

// TestLines is the number of lines of each test file of the package.
func (h *House) TestLines(p *Package) (map[string]int, error) {
	lines := map[string]int{}
	for _, path := range p.Tests {
		text, err := os.ReadFile(filepath.Join(h.dir, path))
		if err != nil {
			return nil, err
		}
		lines[path] = bytes.Count(text, []byte("\n"))
	}
	return lines, nil
}
