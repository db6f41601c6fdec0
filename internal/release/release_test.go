package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const core = "github.com/cookiesession/cookiesession"

// releaser is the command, built once.
var releaser string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		panic(err)
	}
	releaser = filepath.Join(dir, "release")
	code := 1
	if out, err := exec.Command("go", "build", "-o", releaser, ".").CombinedOutput(); err != nil {
		os.Stderr.Write(out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// small is a repository with what matters for a release. The adapter a stands
// before b in every list and requires it.
var small = map[string]string{
	"go.mod":                "module " + core + "\n\ngo 1.26\n",
	"adapters/a/go.mod":     moduleText("adapters/a", "../..", "", "adapters/b"),
	"adapters/b/go.mod":     moduleText("adapters/b", "../..", ""),
	"adapters/b/sub/go.mod": moduleText("adapters/b/sub", "../../..", "", "adapters/b"),
	"examples/x/go.mod":     moduleText("examples/x", "../..", "", "adapters/a", "adapters/b"),
	"internal/e2e/go.mod":   moduleText("internal/e2e", "../.."),
	"CHANGELOG.md":          "# Changes\n\n## Unreleased\n\n## 0.2.0 - 2026-11-27\n\n- Something.\n\n## 0.1.0 - 2026-11-01\n\n- The first.\n",
}

// moduleText is a go.mod that requires others of the repository; "" is the core.
func moduleText(name, root string, requires ...string) string {
	text := "// Why it stands apart.\nmodule " + core + "/" + name + "\n\ngo 1.26\n"
	for _, r := range requires {
		path := strings.TrimSuffix(core+"/"+r, "/")
		text += "\nrequire " + path + " v0.0.0\n\nreplace " + path + " => " + filepath.ToSlash(filepath.Join(root, r)) + "\n"
	}
	return text
}

// repository makes a Git repository of files in a directory of its own.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "git", "init", "--quiet")
	must(t, dir, "git", "add", "--all")
	must(t, dir, "git", "commit", "--quiet", "--message", "Begin")
	return dir
}

// environment lets Git commit on a machine where nobody has a name, and keeps
// the settings of the developer out.
func environment(more ...string) []string {
	return append(os.Environ(), append([]string{"GOWORK=off", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com"}, more...)...)
}

func execute(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := execute(dir, environment(), name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

func TestAReleaseTagsWhatUsersImportTheCoreFirst(t *testing.T) {
	dir := repository(t, small)
	must(t, dir, "git", "tag", "v0.1.0")
	before := must(t, dir, "git", "rev-parse", "HEAD")
	out := must(t, dir, releaser, "0.2.0")
	want := "git push --atomic origin HEAD v0.2.0 adapters/b/v0.2.0 adapters/a/v0.2.0 adapters/b/sub/v0.2.0"
	if !strings.HasSuffix(out, want) {
		t.Errorf("the command for the push is not %q:\n%s", want, out)
	}
	tags := must(t, dir, "git", "tag", "--points-at", "HEAD")
	if want := "adapters/a/v0.2.0\nadapters/b/sub/v0.2.0\nadapters/b/v0.2.0\nv0.2.0"; tags != want {
		t.Errorf("the tags are\n%s\nwant\n%s", tags, want)
	}
	if parent := must(t, dir, "git", "rev-parse", "HEAD^"); parent != before {
		t.Error("a release is one commit")
	}
	if status := must(t, dir, "git", "status", "--porcelain"); status != "" {
		t.Errorf("the release left changes behind:\n%s", status)
	}
}

func TestAReleaseSetsTheVersionInEveryModuleAndKeepsTheRest(t *testing.T) {
	dir := repository(t, small)
	must(t, dir, releaser, "v0.2.0")
	for name, before := range small {
		if filepath.Base(name) != "go.mod" {
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if want := strings.ReplaceAll(before, " v0.0.0", " v0.2.0"); err != nil || string(got) != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	dir := repository(t, small)
	before := must(t, dir, "git", "rev-parse", "HEAD")
	out := must(t, dir, releaser, "-n", "0.2.0")
	for _, want := range []string{"adapters/a/go.mod requires " + core + "/adapters/b v0.2.0", "examples/x/go.mod", "adapters/b/sub/v0.2.0", "git push"} {
		if !strings.Contains(out, want) {
			t.Errorf("the dry run does not say %q:\n%s", want, out)
		}
	}
	after := must(t, dir, "git", "rev-parse", "HEAD") + must(t, dir, "git", "tag") + must(t, dir, "git", "status", "--porcelain")
	if after != before {
		t.Errorf("the dry run changed something: %s", after)
	}
}

func TestAReleaseWhoseTagsWereRemovedCanBeMadeAgain(t *testing.T) {
	dir := repository(t, small)
	must(t, dir, releaser, "0.2.0")
	head := must(t, dir, "git", "rev-parse", "HEAD")
	for tag := range strings.FieldsSeq(must(t, dir, "git", "tag")) {
		must(t, dir, "git", "tag", "--delete", tag)
	}
	must(t, dir, releaser, "0.2.0")
	if got := must(t, dir, "git", "rev-parse", "v0.2.0^{commit}"); got != head {
		t.Errorf("the tag is at %s, want %s", got, head)
	}
}

func TestAReleaseIsRefused(t *testing.T) {
	changelog := func(text string) map[string]string { return map[string]string{"CHANGELOG.md": "# Changes\n\n" + text} }
	for _, test := range []struct {
		name    string
		version string
		files   map[string]string // in place of those of small
		prepare []string          // a command before
		want    string
	}{
		{"what is no version", "0.2", nil, nil, `"0.2" is no version`},
		{"a pre-release", "0.2.0-rc.1", nil, nil, "is no version"},
		{"a major version that the module paths do not name", "2.0.0", nil, nil, "/v2"},
		{"the version of a tag", "0.2.0", nil, []string{"git", "tag", "v0.2.0"}, "v0.2.0 is there already"},
		{"an earlier version than a tag", "0.2.0", nil, []string{"git", "tag", "v0.10.0"}, "v0.10.0 is there already"},
		{"the version of a tag of an adapter", "0.2.0", nil, []string{"git", "tag", "adapters/a/v0.2.0"}, "adapters/a/v0.2.0 is there already"},
		{"a file that is not committed", "0.2.0", nil, []string{"touch", "new.go"}, "the work tree has changes"},
		{"no section", "0.3.0", nil, nil, "no section"},
		{"a section without a date", "0.2.0", changelog("## 0.2.0\n\n- A.\n"), nil, "no section"},
		{"a section without a text", "0.2.0", changelog("## 0.2.0 - 2026-11-27\n\n## 0.1.0 - 2026-11-01\n\n- A.\n"), nil, "no section"},
		{"changes under Unreleased", "0.2.0", changelog("## Unreleased\n\n- B.\n\n## 0.2.0 - 2026-11-27\n\n- A.\n"), nil, "under Unreleased"},
		{"modules in a circle", "0.2.0", map[string]string{"adapters/b/go.mod": moduleText("adapters/b", "../..", "", "adapters/a")}, nil, "in a circle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{}
			for name, text := range small {
				files[name] = text
			}
			for name, text := range test.files {
				files[name] = text
			}
			dir := repository(t, files)
			if test.prepare != nil {
				must(t, dir, test.prepare[0], test.prepare[1:]...)
			}
			before := must(t, dir, "git", "rev-parse", "HEAD") + must(t, dir, "git", "tag")
			out, err := execute(dir, environment(), releaser, test.version)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("want a refusal that says %q, got %v:\n%s", test.want, err, out)
			}
			if after := must(t, dir, "git", "rev-parse", "HEAD") + must(t, dir, "git", "tag"); after != before {
				t.Error("a refusal changed something")
			}
		})
	}
}
