package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// builtName is the name of what the command builds.
const builtName = "demo"

// builtProgram is what fakeGo builds. It says what it was given, or with
// -revocation by which signal it was ended.
func builtProgram() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if os.Args[1] == "-revocation" {
		fmt.Println("ready")
		s := (<-signals).(syscall.Signal)
		os.Exit(100 + int(s))
	}
	fmt.Printf("%q keys %s\n", os.Args[1:], os.Getenv("SESSION_KEYS"))
	io.Copy(os.Stdout, os.Stdin)
	fmt.Fprintln(os.Stderr, "problem")
	os.Exit(7)
}

// fakeGo puts a go command in front of PATH that makes a copy of this program.
// What is made in temporary folders is made in the one that is returned.
func fakeGo(t *testing.T) (temporary string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the go command of this test is a shell script")
	}
	bin, temporary := t.TempDir(), t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncp '%s' \"$4\" && test \"$5\" = %s\n", os.Args[0], adaptersDemo)
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", temporary)
	return temporary
}

func isEmpty(t *testing.T, folder string) {
	t.Helper()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestTheDemoWithAdaptersIsAnotherProgramWithTheSameArguments(t *testing.T) {
	temporary := fakeGo(t)
	secret := cookiesession.NewSecret().Reveal()
	var out, messages bytes.Buffer
	code := run(t.Context(), []string{"demo", "-tls", "-addr", "a b:1"}, stdio{
		in: strings.NewReader("typed"), out: &out, err: &messages, env: func(name string) string {
			return map[string]string{"SESSION_KEYS": secret}[name]
		}})
	if want := `["-tls" "-addr" "a b:1"] keys ` + secret + "\ntyped"; code != 7 || out.String() != want || !strings.HasSuffix(messages.String(), "\nproblem\n") {
		t.Errorf("code %d, out %q, err %q", code, &out, &messages)
	}
	isEmpty(t, temporary)
}

func TestASignalReachesTheDemoWithAdapters(t *testing.T) {
	temporary := fakeGo(t)
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := process(t, "command", "demo", "-revocation", "redis://127.0.0.1:1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if line, _ := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("it says %q", line)
		}
		isEmpty(t, temporary) // already now: this process may be killed
		cmd.Process.Signal(sent)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 100+int(sent) {
			t.Errorf("%v: it ended with %v, want %d", sent, err, 100+int(sent))
		}
	}
}

func TestASignalEndsTheBuildOfTheDemo(t *testing.T) {
	temporary := fakeGo(t)
	folder := filepath.SplitList(os.Getenv("PATH"))[0]
	script := "#!/bin/sh\ntrap 'exit 1' INT TERM\necho building >&2\nwhile :; do sleep 0.05; done\n"
	if err := os.WriteFile(filepath.Join(folder, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "command", "demo", "-tls")
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(messages)
	if line, _ := lines.ReadString('\n'); !strings.HasPrefix(line, "Building the demo") {
		t.Fatalf("it says %q", line)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(lines)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitEnded || !strings.Contains(string(rest), errEnded.Error()) {
		t.Errorf("it ended with %v and said %q", err, rest)
	}
	isEmpty(t, temporary)
}

func TestTheDemoSaysWhatIsMissingForItsAdapters(t *testing.T) {
	path := os.Getenv("PATH")
	fakeGo(t)
	broken := filepath.SplitList(os.Getenv("PATH"))[0]
	script := "#!/bin/sh\n[ $1 = list ] || { echo it is broken; exit 3; }\n"
	if err := os.WriteFile(filepath.Join(broken, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	module := t.TempDir()
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module example.com/shop\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ folder, path, want string }{
		"no go command":           {module, t.TempDir(), "there is none in PATH. Install Go"},
		"not in this module":      {module, path, "the Go module of this folder does not require it. Get it"},
		"not in a module at all":  {t.TempDir(), path, "the Go module of this folder does not require it. Get it"},
		"a build that goes wrong": {module, broken, "cannot build " + adaptersDemo + ": exit status 3\nit is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(test.folder)
			t.Setenv("GOWORK", "off")
			t.Setenv("GOFLAGS", "-mod=readonly")
			t.Setenv("GOPROXY", "off")
			t.Setenv("PATH", test.path)
			got := runLine(t.Context(), nil, "demo", "-tls")
			if got.code != exitFailed || !strings.Contains(got.err, test.want) || got.out != "" {
				t.Errorf("code %d, out %q, err %q", got.code, got.out, got.err)
			}
			if missing := strings.HasPrefix(name, "no"); missing && !strings.HasSuffix(got.err, "go get -tool "+adaptersDemo+"\n") {
				t.Errorf("it does not end with what to do: %q", got.err)
			}
		})
	}
}
