// Package e2e drives the demo, the real program, with the browsers of the
// machine: what a browser keeps, sends and deletes is for it alone to say.
//
// Its own module: a browser's remote control has no place among what the core
// requires.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// ErrNoBrowser says that a browser is not installed.
var ErrNoBrowser = errors.New("no such browser on this machine")

// Build compiles the command into folder and returns the program's path.
func Build(ctx context.Context, folder string) (string, error) {
	return BuildPackage(ctx, folder, "./cmd/cookiesession")
}

// BuildPackage is Build for another program, named from the folder of the project.
func BuildPackage(ctx context.Context, folder, pkg string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	program := filepath.Join(folder, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, pkg)
	cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return program, nil
}

// Demo is one running process of the demo.
type Demo struct {
	URL string
	Key string // with -tls: the hash of the certificate's key, as Chromium takes it

	cmd *exec.Cmd
}

var (
	address = regexp.MustCompile(`https?://\S+`)
	keyHash = regexp.MustCompile(`--ignore-certificate-errors-spki-list=(\S+)`)
)

// Start runs program's demo and waits until it has said where it listens. env
// is added to an environment without SESSION_KEYS.
func Start(program string, env []string, args ...string) (*Demo, error) {
	cmd := exec.Command(program, append([]string{"demo"}, args...)...)
	cmd.Env = append(append(os.Environ(), "SESSION_KEYS="), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	demo := &Demo{cmd: cmd}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if demo.URL == "" {
			demo.URL = address.FindString(lines.Text())
		}
		if found := keyHash.FindStringSubmatch(lines.Text()); found != nil {
			demo.Key = found[1]
		}
		if demo.URL != "" && (demo.Key != "" || !strings.HasPrefix(demo.URL, "https:")) {
			return demo, nil
		}
	}
	return nil, fmt.Errorf("the demo ended before it listened: %w", cmd.Wait())
}

// Stop ends the demo as Ctrl-C does. An error says that it did not end well.
func (d *Demo) Stop() error {
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	late := time.AfterFunc(10*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	return d.cmd.Wait()
}

// Browser is as much of a browser as the checks need. CSS selectors choose what
// comes first in the page.
type Browser interface {
	Open(url string) error
	Click(css string) error
	Type(css, text string) error
	Text(css string) string     // as a reader sees it; empty if it is not there
	Cookies() ([]Cookie, error) // all that the browser would send to the page that is open
	Close() error
}

// Cookie is a cookie as the browser tells of it.
type Cookie struct {
	Name, Value, Path string
	Secure, HTTPOnly  bool
	SameSite          string
	Expiry            int64 // Unix time, seconds; below 1: with the browser
}

func look(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: looked for %v", ErrNoBrowser, names)
}
