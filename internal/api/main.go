// Api keeps the record of everything that the released packages export, in
// testdata/api.txt, and tells which changes break users.
//
//	go run ./internal/api           # fail where the code and the record differ
//	go run ./internal/api -write    # renew the record
//
// Both refuse a break that CHANGELOG.md does not name: see docs/releasing.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/exp/apidiff"
)

func main() {
	write := flag.Bool("write", false, "renew the record")
	dir := flag.String("dir", ".", "the root of the project")
	flag.Parse()
	if err := run(*dir, *write); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, write bool) error {
	file := filepath.Join(dir, "testdata", "api.txt")
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changelog, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	exports, err := load(dir)
	if err != nil {
		return err
	}
	now, err := exports.record()
	if err != nil {
		return err
	}
	if now == string(before) {
		return nil
	}
	changes, err := compare(string(before), now, exports.importer)
	if err != nil {
		return err
	}
	if err := refuse(changes, string(changelog)); err != nil {
		return err
	}
	if write {
		return os.WriteFile(file, []byte(now), 0o644)
	}
	return fmt.Errorf("testdata/api.txt is not up to date: go run ./internal/api -write renews it\n%s", list(changes))
}

// change is one difference between two records.
type change struct {
	name   string // as CHANGELOG.md has to name it
	text   string
	breaks bool
}

// compare lists the differences between two records. The judgement about each
// is that of apidiff.
func compare(before, now string, importer importer) (changes []change, err error) {
	old, err := parse(before, importer)
	if err != nil {
		return nil, fmt.Errorf("testdata/api.txt: %w", err)
	}
	current, err := parse(now, importer)
	if err != nil {
		return nil, err
	}
	for _, p := range old {
		next := current.find(p.Path())
		if next == nil {
			changes = append(changes, change{p.Name(), "package " + p.Path() + ": removed", true})
			continue
		}
		for _, c := range apidiff.Changes(p, next).Changes {
			// The root package is meant where the changelog names none.
			name := strings.TrimPrefix(p.Name()+"."+symbol(c.Message), "cookiesession.")
			changes = append(changes, change{name, p.Name() + ": " + c.Message, !c.Compatible})
		}
	}
	for _, p := range current {
		if old.find(p.Path()) == nil {
			changes = append(changes, change{p.Name(), "package " + p.Path() + ": added", false})
		}
	}
	return changes, nil
}

// refuse gives an error for the breaks that the changelog does not name.
func refuse(changes []change, changelog string) error {
	var silent []change
	for _, c := range changes {
		if c.breaks && !named(changelog, c.name) {
			silent = append(silent, c)
		}
	}
	if silent == nil {
		return nil
	}
	text := "these changes break users. Take them back, or name each in CHANGELOG.md, in backticks,\n" +
		"in a list under \"### Removed\" or \"### Changed\" of \"## Unreleased\":\n"
	for _, c := range silent {
		text += fmt.Sprintf("  %s (to be named `%s`)\n", c.text, c.name)
	}
	return errors.New(text)
}

func list(changes []change) (text string) {
	for _, c := range changes {
		text += "  " + c.text + "\n"
	}
	return text
}
