package house

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Picture draws the files of the root in their layers, and the boxes below
// them. An arrow says that something is used. One that follows from others is
// left out: where a uses b and b uses c, there is no arrow from a to c.
//
// It is SVG by hand, with colours that follow the reader's light or dark page.
// It shows no sizes: a picture that changes with every line would be out of date
// on most days.
func (h *House) Picture(d *Design) string {
	g := h.graph()
	rows := append(slices.Clone(d.Layers), h.levels()...)
	p := picture{nodes: map[string]*node{}}
	for i, row := range rows {
		p.place(row, i, i >= len(d.Layers))
	}
	for range 8 { // enough for the order to come to rest
		for _, row := range rows {
			p.sort(row, g)
		}
	}
	return p.draw(rows, len(d.Layers), reduced(g))
}

// graph has the uses of everything in the picture.
func (h *House) graph() map[string][]string {
	g := map[string][]string{}
	for from, to := range h.Uses() {
		g[from] = slices.Sorted(maps.Keys(to))
	}
	for _, f := range h.Package(".").Files {
		for _, spec := range f.ast.Imports {
			if name := within(strings.Trim(spec.Path.Value, `"`)); name != "" {
				g[f.Name] = append(g[f.Name], name)
			}
		}
	}
	for _, p := range h.Boxes() {
		g[p.Name] = slices.Clone(p.Imports)
	}
	return g
}

// levels are the boxes, those that import no other in the last row.
func (h *House) levels() (rows [][]string) {
	height := map[string]int{}
	var measure func(p *Package) int
	measure = func(p *Package) int {
		n := 0
		for _, name := range p.Imports {
			n = max(n, 1+measure(h.Package(name)))
		}
		height[p.Name] = n
		return n
	}
	for _, p := range h.Boxes() {
		for len(rows) <= measure(p) {
			rows = append(rows, nil)
		}
		rows[height[p.Name]] = append(rows[height[p.Name]], p.Name)
	}
	slices.Reverse(rows)
	return rows
}

// reduced leaves out what follows from the rest.
func reduced(g map[string][]string) map[string][]string {
	reach := Uses{}
	for from, all := range g {
		reach[from] = map[string][]string{}
		for _, to := range all {
			reach[from][to] = nil
		}
	}
	short := map[string][]string{}
	for from, all := range g {
		indirect := map[string]bool{}
		for _, to := range all {
			reach.walk(to, indirect)
		}
		for _, to := range all {
			if !indirect[to] {
				short[from] = append(short[from], to)
			}
		}
	}
	return short
}

const (
	pictureWidth = 960
	nodeHeight   = 28
	rowHeight    = 66
	top          = 56
	boxesBelow   = 24 // room for a line of text above the boxes
)

type node struct {
	x, y, width int // of the middle of its upper edge
	box         bool
}

type picture struct{ nodes map[string]*node }

func (p *picture) place(row []string, at int, box bool) {
	for _, name := range row {
		n := &node{y: top + at*rowHeight, width: max(88, 7*len(label(name))+20), box: box}
		if box {
			n.y += boxesBelow
		}
		p.nodes[name] = n
	}
	p.spread(row)
}

func label(name string) string { return strings.TrimPrefix(name, "internal/") }

// spread sets the nodes of a row side by side.
func (p *picture) spread(row []string) {
	all := 0
	for _, name := range row {
		all += p.nodes[name].width
	}
	gap := max(12, min(60, (pictureWidth-all)/(len(row)+1)))
	x := (pictureWidth - all - gap*(len(row)-1)) / 2
	for _, name := range row {
		n := p.nodes[name]
		n.x = x + n.width/2
		x += n.width + gap
	}
}

// sort brings a row in the order of what it is joined to, so that fewer
// arrows cross.
func (p *picture) sort(row []string, g map[string][]string) {
	middle := map[string]int{}
	for _, name := range row {
		sum, n := 0, 0
		for from, all := range g {
			for _, to := range all {
				switch {
				case from == name && p.nodes[to] != nil:
					sum, n = sum+p.nodes[to].x, n+1
				case to == name && p.nodes[from] != nil:
					sum, n = sum+p.nodes[from].x, n+1
				}
			}
		}
		middle[name] = sum / max(1, n)
	}
	slices.SortStableFunc(row, func(a, b string) int {
		return cmp.Or(cmp.Compare(middle[a], middle[b]), cmp.Compare(a, b))
	})
	p.spread(row)
}

const pictureStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#24292f;text-anchor:middle}.dim{fill:#57606a;font-size:10px}.left{text-anchor:start}
rect{fill:#ddf4ff;stroke:#54aeff}.box{fill:#dafbe1;stroke:#4ac26b}path{fill:none;stroke:#8c959f}marker path{fill:#8c959f;stroke:none}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}rect{fill:#121d2f;stroke:#1f6feb}.box{fill:#12261e;stroke:#238636}path{stroke:#656c76}marker path{fill:#656c76}}
</style>
<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
`

func (p *picture) draw(rows [][]string, layers int, g map[string][]string) string {
	const title = "The house: an arrow is a use, and points down"
	var b strings.Builder
	height := top + len(rows)*rowHeight + 4
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n%s", pictureWidth, height, title, pictureStyle)
	fmt.Fprintf(&b, "<text x=\"12\" y=\"22\" class=\"left\" font-weight=\"600\">%s</text>\n", title)
	fmt.Fprintf(&b, "<text x=\"12\" y=\"40\" class=\"left dim\">the files of the root package</text>\n")
	fmt.Fprintf(&b, "<text x=\"12\" y=\"%d\" class=\"left dim\">boxes under internal, which know nothing of sessions</text>\n", top+layers*rowHeight+8)
	for _, from := range slices.Sorted(maps.Keys(g)) {
		for _, to := range g[from] {
			if a, z := p.nodes[from], p.nodes[to]; a != nil && z != nil {
				y := a.y + nodeHeight
				bend := max(24, (z.y-y)/2)
				fmt.Fprintf(&b, "<path marker-end=\"url(#a)\" d=\"M%d %dC%d %d %d %d %d %d\"/>\n", a.x, y, a.x, y+bend, z.x, z.y-bend, z.x, z.y)
			}
		}
	}
	for _, name := range slices.Concat(rows...) {
		n, class := p.nodes[name], ""
		if n.box {
			class = ` class="box"`
		}
		fmt.Fprintf(&b, "<rect%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>", class, n.x-n.width/2, n.y, n.width, nodeHeight)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">%s</text>\n", n.x, n.y+18, label(name))
	}
	return b.String() + "</svg>\n"
}
