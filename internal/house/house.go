// Package house reads the source of the project and computes how it is built:
// which file of the root package uses which other, which package imports
// which, how long and how intricate everything is. Its tests hold that against
// docs/design.md, and the picture there is drawn from it.
//
//	go test ./internal/house          # hold it
//	go test ./internal/house -write   # draw the picture anew
//	go test ./internal/house -v       # print what was measured
package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the path of the core module.
const Module = "github.com/cookiesession/cookiesession"

// House is the source of the core module, as it was read.
type House struct {
	Packages []*Package // sorted by Name

	fset *token.FileSet
	dir  string
}

// Package is one package of the module.
type Package struct {
	Name    string   // its path within the module; "." is the root
	Imports []string // the packages of the module that it imports, as their Names
	Files   []*File  // without tests
	Tests   []string // its test files, as paths within the module

	checked *types.Package // nil but for the root
	info    *types.Info
}

// File is one Go file.
type File struct {
	Name string // without its directory

	text []byte
	ast  *ast.File
}

// Load reads the module whose root is the directory dir. It needs the go
// command. Only the root package is type-checked, because only there it
// matters which file uses which.
func Load(dir string) (*House, error) {
	all, err := list(dir, "./...")
	if err != nil {
		return nil, err
	}
	h := &House{fset: token.NewFileSet(), dir: dir}
	for _, l := range all {
		p, err := h.parse(l)
		if err != nil {
			return nil, err
		}
		h.Packages = append(h.Packages, p)
	}
	root := h.Package(".")
	if root == nil {
		return nil, fmt.Errorf("%s is not the root of %s", dir, Module)
	}
	return h, h.check(root)
}

// Package returns the package of that name, or nil.
func (h *House) Package(name string) *Package {
	for _, p := range h.Packages {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// listed is what the go command says about a package.
type listed struct {
	ImportPath, Dir, Export                     string
	Imports, GoFiles, TestGoFiles, XTestGoFiles []string
}

// list runs go list. The workspace is left out: its other modules are no part
// of the house.
func list(dir string, args ...string) (all []listed, err error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Export,Imports,GoFiles,TestGoFiles,XTestGoFiles"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", cmd.Args, err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		switch err := d.Decode(&l); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, l)
	}
}

// within is the name of a package of the module, "" for any other.
func within(importPath string) string {
	if importPath == Module {
		return "."
	}
	if name, ok := strings.CutPrefix(importPath, Module+"/"); ok {
		return name
	}
	return ""
}

func (h *House) parse(l listed) (*Package, error) {
	// The go command keeps the result of a test until a file or a directory
	// changes that the test itself has read. A new file must be noticed too.
	if _, err := os.ReadDir(l.Dir); err != nil {
		return nil, err
	}
	p := &Package{Name: within(l.ImportPath)}
	for _, path := range l.Imports {
		if name := within(path); name != "" {
			p.Imports = append(p.Imports, name)
		}
	}
	for _, name := range l.GoFiles {
		text, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(h.fset, filepath.Join(l.Dir, name), text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, &File{Name: name, text: text, ast: file})
	}
	for _, name := range slices.Concat(l.TestGoFiles, l.XTestGoFiles) {
		p.Tests = append(p.Tests, filepath.ToSlash(filepath.Join(p.Name, name)))
	}
	return p, nil
}

// check type-checks p. What it imports is known from the export data that the
// compiler leaves in its cache.
func (h *House) check(p *Package) error {
	all, err := list(h.dir, "-export", "-deps", "./"+p.Name)
	if err != nil {
		return err
	}
	exports := map[string]string{}
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	var files []*ast.File
	for _, f := range p.Files {
		files = append(files, f.ast)
	}
	p.info = &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(h.fset, "gc", lookup)}
	p.checked, err = config.Check(Module, h.fset, files, p.info)
	return err
}
