package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fake is a version that this project will not reach, so nobody can take what
// the test makes for a release.
const fake = "v0.987654.0"

// TestAUserBuildsAgainstARelease makes a release of the whole project in a
// scratch repository. From then on nothing knows the work tree: the go command
// reads the tags as it would read those of a server, and a user's program is
// built from what it made of them. A module that still required the core at
// v0.0.0 would fail here.
func TestAUserBuildsAgainstARelease(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program with heavy dependencies")
	}
	u := newUser(t, release(t))
	t.Run("a program with two adapters", func(t *testing.T) {
		u := u.at(t)
		u.write(t, "go.mod", "module example.com/shop\n\ngo 1.26.0\n\nrequire (\n\t"+strings.Join([]string{
			core + " " + fake, core + "/adapters/gorilla " + fake, core + "/adapters/redis " + fake}, "\n\t")+"\n)\n")
		u.write(t, "go.sum", sums(t))
		u.write(t, "main.go", program)
		if out := u.must(t, "go", "run", "."); !strings.HasSuffix(out, "one visit") {
			t.Errorf("the program says %q", out)
		}
		if list := u.must(t, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}{{with .Replace}} replaced{{end}}", "all"); strings.Contains(list, "replaced") || strings.Count(list, fake) != 3 {
			t.Errorf("not each module of ours is taken at %s:\n%s", fake, list)
		}
	})
	t.Run("a program with every module", func(t *testing.T) {
		u := u.at(t)
		u.write(t, "go.mod", "module example.com/shop\n\ngo 1.26.0\n\nrequire (\n\t"+strings.Join(u.modules, "\n\t")+"\n)\n")
		for edge := range strings.Lines(u.must(t, "go", "mod", "graph")) {
			for _, end := range strings.Fields(edge) {
				if strings.HasPrefix(end, core) && !strings.HasSuffix(end, "@"+fake) {
					t.Errorf("a module requires what was not released: %s", edge)
				}
			}
		}
	})
	t.Run("the command, installed", func(t *testing.T) {
		u := u.at(t)
		u.must(t, "go", "install", core+"/cmd/cookiesession@"+fake)
		if out := u.must(t, filepath.Join(u.dir, "bin", "cookiesession"), "version"); !strings.Contains(out, fake) {
			t.Errorf("the command does not know its version: %s", out)
		}
	})
	t.Run("the command, as a tool of a program", func(t *testing.T) {
		u := u.at(t)
		u.write(t, "go.mod", "module example.com/shop\n\ngo 1.26.0\n")
		u.must(t, "go", "get", "-tool", core+"/cmd/cookiesession@"+fake)
		if out := u.must(t, "go", "tool", "cookiesession", "keys", "new"); len(out) < 43 {
			t.Error("the tool makes no key")
		}
	})
}

// program uses the core and two adapters without any server.
const program = `package main

import (
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/cookiesession/cookiesession/adapters/redis"
	"github.com/cookiesession/cookiesession/revocation"
)

var _ revocation.Source = (*redis.Source)(nil)

func main() {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		log.Fatal(err)
	}
	store, err := gorilla.NewStore(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
	session, err := store.New(r, "shop")
	if err != nil {
		log.Fatal(err)
	}
	session.Values["visits"] = "one visit"
	if err := store.Save(r, w, session); err != nil || len(w.Result().Cookies()) == 0 {
		log.Fatal("no cookie: ", err)
	}
	fmt.Println(session.Values["visits"])
}
`

// release copies the work tree with its changes that are not committed, and
// makes a release of it. There is no clone of the history: CI has only a part
// of it. Files are read one by one, so that the go command notices when one
// has changed and does not reuse the result of this test.
func release(t *testing.T) (dir string) {
	t.Helper()
	project, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	names, err := execute(project, os.Environ(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	if err != nil {
		skip(t, "the project is no Git repository: "+names)
	}
	files := map[string]string{}
	for name := range strings.SplitSeq(strings.Trim(names, "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(project, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	changes := regexp.MustCompile(`(?m)^## Unreleased\n`).ReplaceAllString(files["CHANGELOG.md"], "")
	files["CHANGELOG.md"] = changes + "\n## " + fake[1:] + " - 2026-01-31\n\n- A test.\n"
	dir = repository(t, files)
	must(t, dir, releaser, fake)
	return dir
}

// skip leaves a test out where something is missing, but not in CI.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// user is somebody who knows the released modules only.
type user struct {
	dir     string
	env     []string
	modules []string // each as it stands in a go.mod
}

// newUser makes module proxies of files. The first has our modules: the go
// command itself makes it from the tags, in the way in which a public proxy
// does. Git is told that the project's address is the scratch repository. The
// second is the machine's own cache, so that nothing of others is loaded twice.
//
// All modules go into a cache of the test. In the machine's own cache a version
// that nobody released would stay for ever.
func newUser(t *testing.T, repository string) *user {
	t.Helper()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "proxy"), filepath.Join(must(t, dir, "go", "env", "GOMODCACHE"), "cache", "download")
	u := &user{dir: dir, env: environment(
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+fileURL(repository)+".insteadOf", "GIT_CONFIG_VALUE_0=https://"+core,
		"GOFLAGS=-mod=mod -modcacherw -trimpath -ldflags=-w", "GONOSUMDB="+core+","+core+"/*", "GOPRIVATE=", "GONOPROXY=none",
		"GOPROXY=direct", "GOMODCACHE="+first, "GOTOOLCHAIN=local")}
	download := []string{"mod", "download"}
	for tag := range strings.FieldsSeq(must(t, repository, "git", "tag")) {
		path := strings.TrimSuffix(core+"/"+strings.TrimSuffix(tag, fake), "/")
		u.modules, download = append(u.modules, path+" "+fake), append(download, path+"@"+fake)
	}
	u.must(t, "go", download...)
	u.env = append(u.env, "GOMODCACHE="+filepath.Join(dir, "cache"), "GOPROXY="+
		fileURL(filepath.Join(first, "cache", "download"))+","+fileURL(second)+","+must(t, dir, "go", "env", "GOPROXY"))
	return u
}

func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	return "file://" + path
}

// at gives the user an empty directory outside of any module.
func (u *user) at(t *testing.T) *user {
	dir := t.TempDir()
	return &user{dir: dir, env: append(slices.Clone(u.env), "GOBIN="+filepath.Join(dir, "bin")), modules: u.modules}
}

func (u *user) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (u *user) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := execute(u.dir, u.env, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// sums are the checksums that this repository has of its dependencies. With them
// the go command need not ask the checksum database for each.
func sums(t *testing.T) (all string) {
	t.Helper()
	for _, name := range []string{"../../go.sum", "../../adapters/gorilla/go.sum", "../../adapters/redis/go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}
