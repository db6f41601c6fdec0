package acceptance_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

// documents are the Markdown files of the repository by path. The test goes on
// in the repository's folder.
func documents(t *testing.T) map[string]string {
	t.Helper()
	t.Chdir(testkit.Root(t))
	docs := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md", "adapters/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			docs[path] = string(text)
		}
	}
	if docs["README.md"] == "" {
		t.Fatal("there is no README.md")
	}
	return docs
}

var (
	fenced  = regexp.MustCompile("(?s)```.*?```")
	code    = regexp.MustCompile("`[^`\\n]*`") // f[T](x) in it is no link
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|<img[^>]* src="([^"]+)"|srcset="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	docs := documents(t)
	for path, text := range docs {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(fenced.ReplaceAllString(text, ""), ""), -1) {
			target := m[1] + m[2] + m[3]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			at := path
			if file != "" {
				at = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s: link to %s: %v", path, target, err)
			} else if anchor != "" && strings.HasSuffix(at, ".md") && !anchors(docs[at])[anchor] {
				t.Errorf("%s: link to %s: no such heading", path, target)
			}
		}
	}
}

// anchors are the fragments that GitHub gives to the headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		plain := strings.NewReplacer("`", "", "*", "").Replace(strings.ToLower(m[1]))
		id := regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(plain, "")
		all[strings.ReplaceAll(strings.TrimSpace(id), " ", "-")] = true
	}
	return all
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestEveryGoBlockInTheDocumentsIsCompiledCode: the lines of a block of Go in a
// document stand in a Go file of this repository. A whole program also builds by
// itself.
func TestEveryGoBlockInTheDocumentsIsCompiledCode(t *testing.T) {
	sources := goSources(t)
	for path, text := range documents(t) {
		for _, m := range goBlock.FindAllStringSubmatch(text, -1) {
			block := m[1]
			if strings.Contains(block, "package main\n") {
				builds(t, path, block)
			}
			if !standsIn(sources, block) { // .ci/run looks for ignored errors in the examples
				t.Errorf("%s: this block stands in no Go file:\n%s", path, block)
			}
		}
	}
}

// TestLogoutIsANounAndLogOutAVerb: a visitor logs out, and that is a logout. The
// same for login and log in.
func TestLogoutIsANounAndLogOutAVerb(t *testing.T) {
	texts := documents(t)
	testkit.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	}))
	for path, text := range texts {
		for _, wrong := range misspelt.FindAllString(text, -1) {
			t.Errorf("%s: %q", path, wrong)
		}
	}
}

// misspelt is written in two parts, so that this file has none of it.
var misspelt = regexp.MustCompile(`(?i)\blog` + `-(in|out)s?\b|\b(to|must|can|cannot|will|who) log(in|out)\b|\b(a|an|each|every|at|after|before) log (in|out)\b`)

func builds(t *testing.T, path, program string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "vet", file).CombinedOutput()
	if err != nil {
		t.Errorf("%s: its program does not build: %v\n%s", path, err, out)
	}
}

func goSources(t *testing.T) (sources []string) {
	t.Helper()
	t.Chdir(testkit.Root(t))
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources = append(sources, normal(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// standsIn reports whether one of the sources has the lines of the block. A line
// "…" stands for lines that are left out. White space makes no difference.
func standsIn(sources []string, block string) bool {
	for part := range strings.SplitSeq(block, "…\n") {
		part = normal(part)
		found := false
		for _, source := range sources {
			if found = strings.Contains(source, part); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func normal(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestTheReadmeCanBeReadInTenMinutes(t *testing.T) {
	text := documents(t)["README.md"]
	if n := strings.Count(text, "\n"); n > 172 {
		t.Errorf("%d lines; at most 172", n)
	}
	program := goBlock.FindStringSubmatch(text)
	if program == nil || !strings.Contains(program[1], "package main") || linesOfCode(program[1]) > 25 {
		t.Error("its first block is not a program of at most 25 lines of code")
	}
}

func linesOfCode(program string) (n int) {
	for line := range strings.Lines(program) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// TestTheReadmesQuestionsAreAList: Markdown makes one paragraph of lines that
// have no empty line between them.
func TestTheReadmesQuestionsAreAList(t *testing.T) {
	_, text, found := strings.Cut(documents(t)["README.md"], "\n## Questions\n\n")
	text, _, ended := strings.Cut(text, "\n\nMore: ")
	if !found || !ended {
		t.Fatal("there are no questions")
	}
	questions := strings.Split(text, "\n\n")
	if len(questions) < 5 {
		t.Fatalf("%d questions", len(questions))
	}
	for _, q := range questions {
		first, rest, _ := strings.Cut(q, "\n")
		if !strings.HasPrefix(first, "- **") || !strings.Contains(first, "?** ") {
			t.Errorf("not an item with its question: %q", first)
		}
		for line := range strings.Lines(rest) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("this line does not belong to its item: %q", line)
			}
		}
	}
}

// TestTheReadmesFiguresOfCostHaveTheirUnit: each row of the table says what its
// figures count.
func TestTheReadmesFiguresOfCostHaveTheirUnit(t *testing.T) {
	_, text, _ := strings.Cut(documents(t)["README.md"], "\n## What it costs\n")
	rows := regexp.MustCompile(`(?m)^\|[^|]+\|([^|]*)\|.*[0-9].*$`).FindAllStringSubmatch(text, -1)
	if len(rows) < 4 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if unit := strings.TrimSpace(row[1]); unit != "µs" && unit != "allocations" && unit != "bytes" {
			t.Errorf("no unit in %q", row[0])
		}
	}
}

// TestSecurityDocumentNamesTestsThatThereAre: every promise of SECURITY.md names
// the test that holds it, so no such test may be renamed or removed in silence.
func TestSecurityDocumentNamesTestsThatThereAre(t *testing.T) {
	t.Chdir(testkit.Root(t))
	var tests strings.Builder
	testkit.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	}))
	for _, document := range []string{"SECURITY.md", "docs/testing.md"} {
		text, err := os.ReadFile(document)
		testkit.NoError(t, err)
		names := regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w+`).FindAllString(string(text), -1)
		if len(names) < 5 {
			t.Errorf("%s names %d tests", document, len(names))
		}
		for _, name := range names {
			if !strings.Contains(tests.String(), "func "+name+"(") {
				t.Errorf("%s names %s, which is no test", document, name)
			}
		}
	}
}

// TestTheRotationPeriodIsWhatTheIVsAllow computes the figures of SECURITY.md.
func TestTheRotationPeriodIsWhatTheIVsAllow(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(testkit.Root(t), "SECURITY.md"))
	testkit.NoError(t, err)
	const perSecond, month, blocks = 1e6, 30 * 86400, 1 << 9
	most := math.Sqrt(math.Exp2(128) * math.Exp2(-32) / blocks)
	says := []string{fmt.Sprintf("= 2^%.1f = %.1f million million cookies", math.Log2(most), most/1e12)}
	for _, compartments := range []float64{1, 3} {
		q := compartments * perSecond * month
		says = append(says, fmt.Sprintf("2^%.1f | 2^%.1f | %.0f days", math.Log2(q), 2*math.Log2(q)+math.Log2(blocks)-128, most/(compartments*perSecond)/86400))
		if q > most {
			t.Errorf("a month of %v cookies under one key is too many", q)
		}
	}
	for _, want := range says {
		if !strings.Contains(string(document), want) {
			t.Errorf("SECURITY.md does not say %q", want)
		}
	}
	longest, _ := cookiesession.New(cookiesession.Config{Keyring: (&vectors.Vector{Keys: []vectors.Key{vectors.OneKey}}).Ring(t)})
	s := longest.Open(t.Context())
	if err := s.Set("k", make([]byte, blocks*16)); !errors.Is(err, cookiesession.ErrTooLarge) {
		t.Errorf("a payload of more than %d blocks fits: %v", blocks, err)
	}
}
