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

// Lines counts the lines of a package or of a file that are not empty. A line
// may have both code and a comment.
type Lines struct{ Code, Comments, All int }

// Share is the part of the lines that has a comment, in percent.
func (l Lines) Share() float64 { return 100 * float64(l.Comments) / float64(max(1, l.All)) }

// Add returns the sum of both.
func (l Lines) Add(m Lines) Lines {
	return Lines{l.Code + m.Code, l.Comments + m.Comments, l.All + m.All}
}

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
	code, comments, all := map[int]bool{}, map[int]bool{}, map[int]bool{}
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return Lines{len(code), len(comments), len(all)}
		case tok == token.SEMICOLON && text == "\n": // not written
			continue
		}
		lines := code
		if tok == token.COMMENT {
			lines = comments
		}
		first := file.Line(pos)
		for i := range 1 + bytes.Count([]byte(text), []byte("\n")) {
			lines[first+i], all[first+i] = true, true
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
// enumerations in Session and in the structs of the root that it is made of. A
// generic struct counts once. Values that a caller makes or that are kept in
// lists are no state: exported types, and what stands in a slice, are not looked
// into. Nor is what belongs to the manager.
func (h *House) Flags() (flags []string) {
	root := h.Package(".").checked
	seen := map[types.Object]bool{root.Scope().Lookup("settings"): true}
	var walk func(t types.Type)
	walk = func(t types.Type) {
		switch u := t.(type) {
		case *types.Pointer:
			walk(u.Elem())
		case *types.Array:
			walk(u.Elem())
		case *types.Named:
			o := u.Obj()
			s, ok := u.Underlying().(*types.Struct)
			if !ok || seen[o] || o.Pkg() != root || o.Exported() && o.Name() != "Session" {
				return
			}
			seen[o] = true
			for field := range s.Fields() {
				if isFlag(field.Type()) {
					flags = append(flags, o.Name()+"."+field.Name())
				}
				walk(field.Type())
			}
		}
	}
	walk(root.Scope().Lookup("Session").Type())
	return flags
}

// isFlag reports whether t is a bool or an enumeration, which is a named
// integer of one byte.
func isFlag(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	_, named := t.(*types.Named)
	return ok && (basic.Kind() == types.Bool || basic.Kind() == types.Uint8 && named)
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
