package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// module is one go.mod of the repository.
type module struct {
	name string   // its module path
	dir  string   // within the repository, with slashes; "." is the core
	ours []string // the modules of the repository that it requires, as their names
}

// modulesOf reads every go.mod that git knows. A module stands behind those
// that it requires, so the core comes first. Where the tags are pushed or read
// one after the other, no tag then needs one that is not there yet.
func modulesOf(dir string) ([]*module, error) {
	files, err := command(dir, "git", "ls-files", "--", "go.mod", "*/go.mod")
	if err != nil {
		return nil, err
	}
	var all []*module
	for file := range strings.FieldsSeq(files) {
		m, err := readModule(dir, path.Dir(file))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return ordered(all)
}

// readModule asks the go command for the content of a go.mod. Reading it here
// would need golang.org/x/mod, and the core requires two modules only.
func readModule(dir, within string) (*module, error) {
	text, err := command(filepath.Join(dir, within), "go", "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Module  struct{ Path string }
		Require []struct{ Path string }
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return nil, err
	}
	m := &module{name: file.Module.Path, dir: within}
	for _, r := range file.Require {
		m.ours = append(m.ours, r.Path)
	}
	return m, nil
}

// ordered leaves in ours what is of the repository, and puts each module behind
// those that it requires, by name where that leaves a choice.
func ordered(all []*module) (done []*module, err error) {
	slices.SortFunc(all, func(a, b *module) int { return cmp.Compare(a.dir, b.dir) })
	names := map[string]bool{}
	for _, m := range all {
		names[m.name] = true
	}
	placed := map[string]bool{}
	for _, m := range all {
		m.ours = slices.DeleteFunc(m.ours, func(name string) bool { return !names[name] })
	}
	for len(done) < len(all) {
		i := slices.IndexFunc(all, func(m *module) bool {
			return !placed[m.name] && !slices.ContainsFunc(m.ours, func(name string) bool { return !placed[name] })
		})
		if i < 0 {
			return nil, errors.New("modules of the repository require each other in a circle: take one of the requirements out")
		}
		placed[all[i].name] = true
		done = append(done, all[i])
	}
	return done, nil
}

// published tells whether users import m: the core and the adapters. Examples
// are for copying, and nobody outside may import what is under internal.
func (m *module) published() bool {
	return m.dir == "." || strings.HasPrefix(m.dir, "adapters/")
}

// tag is how the go command names a version of a module that stands below the
// root of its repository.
func (m *module) tag(v version) string { return path.Join(m.dir, v.String()) }

func (m *module) file() string { return path.Join(m.dir, "go.mod") }
