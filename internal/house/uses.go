package house

import (
	"fmt"
	"go/ast"
	"maps"
	"path/filepath"
	"slices"
)

// Uses says which file of the root package uses declarations of which other,
// and which ones: from, to, names.
//
// A declaration belongs to the file in which it stands. So a method belongs to
// its own file, not to that of its type, and a field to the file of its
// struct. A call through an interface or a variable uses what that is declared
// as, not what runs in the end.
type Uses map[string]map[string][]string

// Uses computes which file of the root uses which.
func (h *House) Uses() Uses {
	root := h.Package(".")
	uses := Uses{}
	for _, f := range root.Files {
		to := map[string][]string{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			o := root.info.Uses[id]
			if o == nil || o.Pkg() != root.checked {
				return true
			}
			at := filepath.Base(h.fset.Position(o.Pos()).Filename)
			if at != f.Name && !slices.Contains(to[at], o.Name()) {
				to[at] = append(to[at], o.Name())
			}
			return true
		})
		uses[f.Name] = to
	}
	return uses
}

// Layers are the files of the root from top to bottom. Files of one layer do
// not use each other.
type Layers [][]string

// of returns the layer of a file, or -1.
func (l Layers) of(file string) int {
	return slices.IndexFunc(l, func(files []string) bool { return slices.Contains(files, file) })
}

// Upward lists the uses that do not go downward, and the files that stand in
// no layer, or in a layer without being there. It is empty if all is well.
func (u Uses) Upward(layers Layers) (problems []string) {
	for _, files := range layers {
		for _, file := range files {
			if _, ok := u[file]; !ok {
				problems = append(problems, file+" is written down and does not exist")
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(u)) {
		if layers.of(from) < 0 {
			problems = append(problems, from+" is not written down")
			continue
		}
		for _, to := range slices.Sorted(maps.Keys(u[from])) {
			if at := layers.of(to); at >= 0 && at <= layers.of(from) {
				problems = append(problems, fmt.Sprintf("%s uses %s, which is not below it: %v", from, to, u[from][to]))
			}
		}
	}
	return problems
}

// Cycles lists the groups of files that use each other in a circle.
func (u Uses) Cycles() (cycles [][]string) {
	reach := map[string]map[string]bool{}
	for from := range u {
		reach[from] = map[string]bool{}
		u.walk(from, reach[from])
	}
	done := map[string]bool{}
	for _, from := range slices.Sorted(maps.Keys(u)) {
		if !reach[from][from] || done[from] {
			continue
		}
		var cycle []string
		for _, to := range slices.Sorted(maps.Keys(reach[from])) {
			if reach[to][from] {
				cycle = append(cycle, to)
				done[to] = true
			}
		}
		cycles = append(cycles, cycle)
	}
	return cycles
}

// walk adds to seen what from uses, directly or not.
func (u Uses) walk(from string, seen map[string]bool) {
	for to := range u[from] {
		if !seen[to] {
			seen[to] = true
			u.walk(to, seen)
		}
	}
}
