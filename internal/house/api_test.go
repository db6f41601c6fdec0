package house_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheRecordedAPIIsUpToDate runs the command of internal/api: it fails where
// the exported API and testdata/api.txt differ, and where a break is not named
// in CHANGELOG.md.
//
// The test stands here because the go command keeps the result of a test until
// a file of its module changes, and the root's directory has all of the files.
func TestTheRecordedAPIIsUpToDate(t *testing.T) {
	if _, err := os.Stat(filepath.Join(project, "internal", "api", "go.mod")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the module of the command is not here: the core alone was downloaded")
	}
	read(t, project)
	cmd := exec.Command("go", "run", "./internal/api")
	cmd.Dir = project
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// read opens what the record depends on, so that the go command knows it.
func read(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "node_modules"):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.work" || name == "api.txt" || name == "CHANGELOG.md":
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
