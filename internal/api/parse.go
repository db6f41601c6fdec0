package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// start begins the description of a package. Behind the name of the package its
// path stands in a comment.
const start = "package "

// packages are what a record describes.
type packages []*types.Package

func (all packages) find(path string) *types.Package {
	for _, p := range all {
		if p.Path() == path {
			return p
		}
	}
	return nil
}

// parse reads a record. What a package imports comes from the code of today, in
// old records too, so a type of another package is the same in both.
func parse(record string, importer importer) (all packages, err error) {
	for i, text := range strings.Split("\n"+record, "\n"+start) {
		if i == 0 {
			continue // what stands before the first package is nothing
		}
		head, _, _ := strings.Cut(text, "\n")
		_, path, _ := strings.Cut(head, " // ")
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, start+text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		fill(file)
		config := types.Config{Importer: importer, IgnoreFuncBodies: true}
		p, err := config.Check(path, fset, []*ast.File{file}, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// fill gives functions an empty body: the type checker wants one of a generic
// function, and is told not to look into it.
func fill(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = &ast.BlockStmt{}
		}
	}
}
