package house

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Design is the order that docs/design.md asks for. It stands there in two
// fenced blocks:
//
//	```rooms    the files of the root, one layer in each line, top to bottom
//	```boxes    a package in each line, and behind a colon what it may import
type Design struct {
	Layers Layers
	Boxes  map[string][]string
}

// Design reads docs/design.md.
func (h *House) Design() (*Design, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, "docs", "design.md"))
	if err != nil {
		return nil, err
	}
	d := &Design{Boxes: map[string][]string{}}
	for _, line := range block(string(text), "rooms") {
		d.Layers = append(d.Layers, strings.Fields(line))
	}
	for _, line := range block(string(text), "boxes") {
		name, imports, _ := strings.Cut(line, ":")
		d.Boxes[strings.TrimSpace(name)] = strings.Fields(imports)
	}
	if len(d.Layers) == 0 || len(d.Boxes) == 0 {
		return nil, fmt.Errorf("docs/design.md has no block of rooms or none of boxes")
	}
	return d, nil
}

// block returns the lines of the first fenced block of that kind.
func block(text, kind string) []string {
	_, text, _ = strings.Cut(text, "\n```"+kind+"\n")
	text, _, _ = strings.Cut(text, "\n```")
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// Boxes are the packages that the root imports, directly or not.
func (h *House) Boxes() (boxes []*Package) {
	seen := map[string]bool{}
	var walk func(p *Package)
	walk = func(p *Package) {
		for _, name := range p.Imports {
			if !seen[name] {
				seen[name] = true
				walk(h.Package(name))
			}
		}
	}
	walk(h.Package("."))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		boxes = append(boxes, h.Package(name))
	}
	return boxes
}

// Foreign lists the imports of packages of the module that d does not have,
// and what d has that is not imported. Only packages under internal and what
// they import are looked at. It is empty if all is well.
func (h *House) Foreign(d *Design) (problems []string) {
	for name := range d.Boxes {
		if h.Package(name) == nil {
			problems = append(problems, name+" is written down and does not exist")
		}
	}
	for _, p := range h.Packages {
		if !strings.HasPrefix(p.Name, "internal/") || len(p.Files) == 0 {
			continue
		}
		may, ok := d.Boxes[p.Name]
		if !ok {
			problems = append(problems, p.Name+" is not written down")
		}
		for _, name := range p.Imports {
			if !slices.Contains(may, name) {
				problems = append(problems, fmt.Sprintf("%s imports %s", p.Name, name))
			}
		}
		for _, name := range may {
			if !slices.Contains(p.Imports, name) {
				problems = append(problems, fmt.Sprintf("%s may import %s and does not", p.Name, name))
			}
		}
	}
	slices.Sort(problems)
	return problems
}
