// Release makes a release of every module that users import. It changes this
// clone only and never pushes: docs/releasing.md says what comes before and
// after it.
//
//	go run ./internal/release -n 0.2.0    # check, and say what would be done
//	go run ./internal/release 0.2.0       # do it, and print the command that pushes
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	dry := flag.Bool("n", false, "only check, and say what would be done")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./internal/release [-n] 0.2.0")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *dry, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run makes the release in the repository of the working directory. All checks
// come before the first change, so a refusal leaves everything as it was.
func run(text string, dry bool, out io.Writer) error {
	v, err := parseVersion(text)
	if err != nil {
		return err
	}
	dir, err := command("", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if err := check(dir, v); err != nil {
		return err
	}
	modules, err := modulesOf(dir)
	if err != nil {
		return err
	}
	var tags []string
	for _, m := range modules {
		if m.published() {
			tags = append(tags, m.tag(v))
		}
	}
	say(out, v, modules, tags)
	if !dry {
		if err := carryOut(dir, v, modules, tags); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nTo publish it:\n  git push --atomic origin HEAD %s\n", strings.Join(tags, " "))
	return nil
}

// say prints what a release does.
func say(out io.Writer, v version, modules []*module, tags []string) {
	fmt.Fprintf(out, "Release %s, a commit with the versions in these files:\n", v)
	for _, m := range modules {
		for _, path := range m.ours {
			fmt.Fprintf(out, "  %s requires %s %s\n", m.file(), path, v)
		}
	}
	fmt.Fprintln(out, "Tags on that commit:")
	for _, tag := range tags {
		fmt.Fprintln(out, " ", tag)
	}
}

// carryOut makes the commit and its tags. The modules that are not published
// get the versions too: the go command refuses to build a module that requires
// the core at v0.0.0 and an adapter that requires it at a later version.
func carryOut(dir string, v version, modules []*module, tags []string) error {
	for _, m := range modules {
		for _, path := range m.ours {
			if _, err := command(filepath.Join(dir, m.dir), "go", "mod", "edit", "-require="+path+"@"+v.String()); err != nil {
				return err
			}
		}
	}
	changed, err := command(dir, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	// After a release whose tags were removed again there is nothing to change.
	if changed != "" {
		if _, err := command(dir, "git", "commit", "--quiet", "--all", "--message", "Release "+v.String()); err != nil {
			return err
		}
	}
	for _, tag := range tags {
		if _, err := command(dir, "git", "tag", "--annotate", "--message", tag, tag); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program in dir and returns what it printed. The workspace is
// left out, because each module is looked at by itself.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	var errText strings.Builder
	cmd.Stderr = &errText
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(errText.String()))
	}
	return strings.TrimSpace(string(text)), nil
}
