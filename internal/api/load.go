package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	goimporter "go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const module = "github.com/cookiesession/cookiesession"

type importer = types.Importer

// exports are the released packages, as the compiler sees them.
type exports struct {
	paths    []string // sorted
	importer importer
}

// released tells whether users import a package: it is no command, and it is
// not under a place that is not released. New packages are so in the record
// without anybody thinking of it.
func released(path, name string) bool {
	within := strings.TrimPrefix(path+"/", module+"/")
	unreleased := []string{"internal/", "examples/", "cmd/"}
	return name != "main" && !strings.Contains(path, "/internal/") &&
		!slices.ContainsFunc(unreleased, func(place string) bool { return strings.HasPrefix(within, place) })
}

// load asks the go command for the packages of the workspace and for the export
// data that the compiler leaves in its cache.
func load(dir string) (*exports, error) {
	all, err := goList(dir, "work")
	if err != nil {
		return nil, err
	}
	e := &exports{}
	for _, l := range all {
		if released(l.ImportPath, l.Name) {
			e.paths = append(e.paths, l.ImportPath)
		}
	}
	slices.Sort(e.paths)
	deps, err := goList(dir, append([]string{"-export", "-deps"}, e.paths...)...)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, l := range deps {
		files[l.ImportPath] = l.Export
	}
	e.importer = compiled(files)
	return e, nil
}

// compiled imports packages from files of export data.
func compiled(files map[string]string) importer {
	return goimporter.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("the package %s is not there any more", path)
		}
		return os.Open(files[path])
	})
}

type listed struct{ ImportPath, Name, Export string }

func goList(dir string, args ...string) (all []listed, err error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Export"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", cmd.Args, err)
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
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
