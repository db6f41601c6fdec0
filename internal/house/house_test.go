package house_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession/internal/house"
)

var write = flag.Bool("write", false, "draw "+picturePath+" anew")

const (
	project     = "../.."
	picturePath = "docs/img/house.svg"
)

// What the house may be at most. Whoever comes near a limit looks for what to
// take out first.
const (
	rootCode           = 2300 // lines of code of the root
	boxCode            = 550  // of each box
	houseCode          = 6900 // of the root and the boxes: about what they have. It should only go down
	functionLines      = 40
	functionComplexity = 15
	requestFlags       = 12
	testFileLines      = 800
	commentShare       = 25 // percent of the lines, at least
)

var loaded = sync.OnceValues(func() (*house.House, error) { return house.Load(project) })

func load(t *testing.T) *house.House {
	t.Helper()
	h, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func design(t *testing.T, h *house.House) *house.Design {
	t.Helper()
	d, err := h.Design()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFilesOfTheRootUseOnlyWhatIsBelowThem(t *testing.T) {
	h := load(t)
	uses := h.Uses()
	if testing.Verbose() {
		for _, from := range slices.Sorted(maps.Keys(uses)) {
			for _, to := range slices.Sorted(maps.Keys(uses[from])) {
				t.Logf("%-16s %-16s %s", from, to, strings.Join(uses[from][to], " "))
			}
		}
	}
	for _, files := range uses.Cycles() {
		t.Errorf("in a circle: %v", files)
	}
	for _, problem := range uses.Upward(design(t, h).Layers) {
		t.Error(problem)
	}
}

func TestBoxesImportOnlyWhatTheDesignSays(t *testing.T) {
	h := load(t)
	for _, problem := range h.Foreign(design(t, h)) {
		t.Error(problem)
	}
}

// TestTheBoxesKnowNothingOfSessions: what the root imports cannot import it,
// but neither may another package under internal, unless it is for tests.
func TestTheBoxesKnowNothingOfSessions(t *testing.T) {
	for _, p := range load(t).Packages {
		name, internal := strings.CutPrefix(p.Name, "internal/")
		if internal && slices.Contains(p.Imports, ".") && !slices.Contains([]string{"acceptance", "testkit", "vectors"}, name) {
			t.Errorf("%s imports the root", p.Name)
		}
	}
}

// core is the root with its boxes.
func core(h *house.House) []*house.Package {
	return append([]*house.Package{h.Package(".")}, h.Boxes()...)
}

func TestThePackagesStaySmall(t *testing.T) {
	h := load(t)
	var all house.Lines
	for _, p := range core(h) {
		lines, limit := p.Lines(), boxCode
		if p.Name == "." {
			limit = rootCode
		}
		all = all.Add(lines)
		t.Logf("%-24s %4d lines of code, %2.0f %% comments", p.Name, lines.Code, lines.Share())
		if lines.Code > limit {
			t.Errorf("%s has %d lines of code, at most %d", p.Name, lines.Code, limit)
		}
	}
	t.Logf("%-24s %4d lines of code, %2.0f %% comments", "together", all.Code, all.Share())
	if all.Code > houseCode {
		t.Errorf("the root and its boxes have %d lines of code, at most %d", all.Code, houseCode)
	}
	if all.Share() < commentShare {
		t.Errorf("%.1f %% of the lines have comments, at least %d %%", all.Share(), commentShare)
	}
}

func TestFunctionsStaySmall(t *testing.T) {
	h := load(t)
	for _, p := range core(h) {
		for _, f := range h.Functions(p) {
			if f.Lines > functionLines || f.Complexity > functionComplexity {
				t.Errorf("%s in %s/%s: %d lines, at most %d; complexity %d, at most %d",
					f.Name, p.Name, f.File, f.Lines, functionLines, f.Complexity, functionComplexity)
			}
		}
	}
}

func TestARequestHasFewFlags(t *testing.T) {
	if flags := load(t).Flags(); len(flags) > requestFlags {
		t.Errorf("%d flags, at most %d: %v", len(flags), requestFlags, flags)
	}
}

func TestTestFilesStaySmall(t *testing.T) {
	h := load(t)
	for _, p := range h.Packages {
		lines, err := h.TestLines(p)
		if err != nil {
			t.Fatal(err)
		}
		for path, n := range lines {
			if n > testFileLines {
				t.Errorf("%s has %d lines, at most %d", path, n, testFileLines)
			}
		}
	}
}

func TestThePictureIsUpToDate(t *testing.T) {
	h := load(t)
	want := h.Picture(design(t, h))
	path := filepath.Join(project, picturePath)
	if *write {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not up to date: go test ./internal/house -write draws it anew (%v)", picturePath, err)
	}
}

// crooked is a small project in which everything is wrong that can be.
var crooked = map[string]string{
	"go.mod": "module " + house.Module + "\n\ngo 1.26\n",
	"top.go": `package cookiesession

// Session is
// described in two lines.
type Session struct {
	inner[int]
	*settings
	open bool // a flag
	kind kind
	list []note
	when Exported
}

func (s *Session) Up() { s.down() } /* one */
`,
	"middle.go": `package cookiesession

import "github.com/cookiesession/cookiesession/internal/low"

type kind uint8

type inner[T any] struct {
	flag  bool
	other [2]deep
	bytes byte
}

type deep struct{ set bool }

func (s *Session) down() { helper(low.X) }
`,
	"bottom.go": `package cookiesession

type settings struct{ on bool }

type note struct{ loud bool }

type Exported struct{ loud bool }

func helper(n int) {
	for range n {
		if n > 1 && n < 3 || n == 5 {
			continue
		}
		switch n {
		case 1, 2:
		case 3:
		default:
		}
	}
	_ = func() { new(Session).Up() }
}
`,
	"internal/low/low.go":   "package low\n\nimport \"" + house.Module + "/internal/lower\"\n\nconst X = lower.X\n",
	"internal/lower/low.go": "package lower\n\nconst X = 1\n\nconst Text = `\n\n`\n",
	"docs/design.md": "# Design\n\n```rooms\ntop.go\nbottom.go lost.go\n```\n\n```boxes\n" +
		"internal/low:\ninternal/lower: internal/low\ninternal/none:\n```\n",
}

func crookedHouse(t *testing.T) *house.House {
	t.Helper()
	dir := t.TempDir()
	for name, text := range crooked {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := house.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s:\n%s\nwant\n%s", what, g, w)
	}
}

func TestACrookedHouseIsFoundOut(t *testing.T) {
	h := crookedHouse(t)
	d := design(t, h)
	equal(t, "the uses", h.Uses(), "map[bottom.go:map[top.go:[Session Up]] "+
		"middle.go:map[bottom.go:[helper] top.go:[Session]] "+
		"top.go:map[bottom.go:[settings note Exported] middle.go:[inner kind down]]]")
	equal(t, "the circles", h.Uses().Cycles(), "[[bottom.go middle.go top.go]]")
	equal(t, "what goes up", strings.Join(h.Uses().Upward(d.Layers), "\n"), `lost.go is written down and does not exist
bottom.go uses top.go, which is not below it: [Session Up]
middle.go is not written down`)
	equal(t, "the imports", strings.Join(h.Foreign(d), "\n"), `internal/low imports internal/lower
internal/lower may import internal/low and does not
internal/none is written down and does not exist`)
	equal(t, "the flags", h.Flags(), "[inner.flag deep.set Session.open Session.kind]")
	equal(t, "the boxes", len(h.Boxes()), 2)
}

func TestACrookedHouseIsMeasured(t *testing.T) {
	h := crookedHouse(t)
	lines := map[string]house.Lines{}
	for _, p := range h.Packages {
		for _, f := range p.Files {
			lines[p.Name+"/"+f.Name] = f.Lines()
		}
	}
	equal(t, "the lines", lines, "map[./bottom.go:{17 0 17} ./middle.go:{10 0 10} ./top.go:{10 4 12} internal/low/low.go:{3 0 3} internal/lower/low.go:{5 0 5}]")
	equal(t, "the functions", h.Functions(h.Package(".")), "[{helper bottom.go 13 7} {Session.down middle.go 1 1} {Session.Up top.go 1 1}]")
	equal(t, "the share", house.Lines{Code: 35, Comments: 10, All: 40}.Share(), 25)
}

func TestThePictureShowsEachUseOnceAndNoneThatFollows(t *testing.T) {
	h := crookedHouse(t)
	picture := h.Picture(&house.Design{Layers: house.Layers{{"top.go"}, {"middle.go"}, {"bottom.go"}}})
	for _, name := range []string{"top.go", "middle.go", "bottom.go", "low", "lower"} {
		equal(t, "how often "+name+" is drawn", strings.Count(picture, ">"+name+"<"), 1)
	}
	equal(t, "the style is for dark pages too", strings.Contains(picture, "prefers-color-scheme:dark"), true)
}
