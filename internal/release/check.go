package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// version is major, minor and patch.
type version [3]int

var versionText = regexp.MustCompile(`^v?(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$`)

// parseVersion reads 0.2.0 or v0.2.0. Pre-releases are not made, so their order
// need not be known here.
func parseVersion(text string) (v version, err error) {
	parts := versionText.FindStringSubmatch(text)
	if parts == nil {
		return v, fmt.Errorf("%q is no version: write it as 0.2.0", text)
	}
	for i := range v {
		v[i], _ = strconv.Atoi(parts[i+1]) // digits only, and few
	}
	return v, nil
}

func (v version) String() string { return fmt.Sprintf("v%d.%d.%d", v[0], v[1], v[2]) }

// check reports everything that stands against the release, not only the first.
func check(dir string, v version) error {
	var problems []error
	if v[0] > 1 {
		problems = append(problems, fmt.Errorf("%s needs module paths that end in /v%d: change them first", v, v[0]))
	}
	changed, err := command(dir, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		problems = append(problems, errors.New("the work tree has changes: commit them first"))
	}
	tags, err := command(dir, "git", "tag", "--list")
	if err != nil {
		return err
	}
	problems = append(problems, checkTags(strings.Fields(tags), v))
	text, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	return errors.Join(append(problems, checkChangelog(string(text), v)...)...)
}

// checkTags wants a version above each that was released, of any module: a
// module proxy keeps what it has seen once, so a version cannot be made again.
func checkTags(tags []string, v version) error {
	for _, tag := range tags {
		was, err := parseVersion(tag[strings.LastIndex(tag, "/")+1:])
		if err == nil && slices.Compare(v[:], was[:]) <= 0 {
			return fmt.Errorf("the tag %s is there already: take a later version than that", tag)
		}
	}
	return nil
}

// checkChangelog wants a dated section of the version that says something, and
// nothing in the section of what is not released.
func checkChangelog(text string, v version) (problems []error) {
	heading := regexp.MustCompile(`^` + regexp.QuoteMeta(strings.TrimPrefix(v.String(), "v")) + ` - \d{4}-\d\d-\d\d$`)
	found := false
	for _, section := range strings.Split("\n"+text, "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		empty := strings.TrimSpace(body) == ""
		switch {
		case heading.MatchString(title) && !empty:
			found = true
		case title == "Unreleased" && !empty:
			problems = append(problems, fmt.Errorf("CHANGELOG.md has changes under Unreleased: move them into the section of %s", v))
		}
	}
	if !found {
		problems = append(problems, fmt.Errorf("CHANGELOG.md has no section like \"## %s - 2026-01-31\" with text in it", strings.TrimPrefix(v.String(), "v")))
	}
	return problems
}
