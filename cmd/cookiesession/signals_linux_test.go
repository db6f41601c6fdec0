package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/cookiesession/cookiesession"
)

// setPipeSize is F_SETPIPE_SZ, which the standard library has no name for.
const setPipeSize = 1031

// ended waits for a process and says how it ended.
func ended(t *testing.T, cmd *exec.Cmd, since time.Time) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitEnded {
		t.Errorf("%v: it ended with %v", cmd.Args[1:], err)
	}
	if took := time.Since(since); took > 3*time.Second { // a machine may be busy; a command that does not listen takes endWithin
		t.Errorf("%v: its end took %v", cmd.Args[1:], took)
	}
}

// TestASignalEndsEveryCommandThatWaits starts real processes: the signal has
// to reach a read that nothing can interrupt. A pipe of one page that takes
// more than a page tells that the command reads.
func TestASignalEndsEveryCommandThatWaits(t *testing.T) {
	path, _ := newKeyFile(t)
	before, _ := os.ReadFile(path)
	for _, args := range [][]string{
		{"inspect"}, {"keys", "check", "-"}, {"keys", "list", "-"}, {"keys", "rotate", "-"}, {"keys", "rotate", "-secret", "-", path},
		{"keys", "new", "-secret", "-", path + "2"}, {"keys", "revoke", "-", "abcd"}, {"keys", "revoke", "-dry-run", "-", "abcd"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			cmd := process(t, "command", args...)
			cmd.Env = append(cmd.Env, "SESSION_KEYS="+cookiesession.NewSecret().Reveal())
			var said bytes.Buffer
			cmd.Stderr = &said
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			syscall.Syscall(syscall.SYS_FCNTL, in.Fd(), setPipeSize, 4096)
			cmd.Stdin = out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			out.Close()
			io.WriteString(in, strings.Repeat("\n", 5000))
			sent := time.Now()
			cmd.Process.Signal(signal)
			ended(t, cmd, sent)
			in.Close()
			if !strings.Contains(said.String(), "ended before it was done; nothing was changed") {
				t.Errorf("%v: %q", args, said.String())
			}
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the key file was changed")
	}
	if left, _ := filepath.Glob(path + "?*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestASignalEndsACommandBehindANamedPipe opens one that nobody writes into
// after the command has begun to read it.
func TestASignalEndsACommandBehindANamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "command", "keys", "check", pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the command has it open
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	sent := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	ended(t, cmd, sent)
}

// TestACommandThatWaitsAtATerminalSaysSo gives it one, and types Ctrl-C.
func TestACommandThatWaitsAtATerminalSaysSo(t *testing.T) {
	for _, test := range []struct {
		args []string
		what string
	}{
		{[]string{"inspect"}, "cookies"}, {[]string{"keys", "check", "-"}, "a key file"}, {[]string{"keys", "new", "-secret", "-"}, "a secret"},
	} {
		keyboard, terminal := openTerminal(t)
		cmd := process(t, "command", test.args...)
		cmd.Env = append(cmd.Env, "SESSION_KEYS="+cookiesession.NewSecret().Reveal())
		cmd.Stdin = terminal
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		messages, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(messages).ReadString('\n')
		if want := "Reading " + test.what + " from this terminal: end the input with Ctrl-D"; !strings.HasPrefix(line, want) {
			t.Errorf("%v says %q", test.args, line)
		}
		sent := time.Now()
		io.WriteString(keyboard, "\x03")
		ended(t, cmd, sent)
		keyboard.Close()
		terminal.Close()
	}
	if got := runLine(t.Context(), nil, "keys", "check", "-"); strings.Contains(got.err, "Reading") {
		t.Errorf("without a terminal it says %q", got.err)
	}
	if null, err := os.Open(os.DevNull); err != nil || isTerminal(null) {
		t.Errorf("%s is no terminal (%v)", os.DevNull, err)
	}
}

// openTerminal makes a pseudo terminal: what is written to the keyboard is
// typed into it.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var number, unlocked int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlocked} {
		if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(arg))); no != 0 {
			t.Fatal(no)
		}
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, terminal
}

// TestLostOutputIsAFailure writes to a device that is always full.
func TestLostOutputIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	path, _ := newKeyFile(t)
	secret := cookiesession.Key{Secret: cookiesession.NewSecret()}
	cookies := cookieHeader(inspectJar(t, secret, cookiesession.Config{}, ada))
	ring := keysLine(t, "", "new", "-").out
	for _, test := range []struct {
		args []string
		in   string
		want string
	}{
		{args: []string{"keys", "new"}}, {args: []string{"keys", "new", "-"}}, {args: []string{"keys", "list", path}}, {args: []string{"keys", "list", "-json", path}},
		{args: []string{"keys", "check", path}}, {args: []string{"keys", "rotate", "-"}, in: ring}, {args: []string{"keys", "revoke", "-dry-run", path, sealingID(t, path)}},
		{args: []string{"keys", "rotate", path}, want: path + " has been changed, but the output was lost"},
		{args: []string{"keys", "new", path + "2"}},
		{args: []string{"inspect"}, in: cookies}, {args: []string{"inspect", "-json"}, in: cookies},
		{args: []string{"help"}}, {args: []string{"help", "demo"}}, {args: []string{"help", "keys"}}, {args: []string{"help", "keys", "rotate"}},
		{args: []string{"help", "inspect"}}, {args: []string{"version"}},
	} {
		var said bytes.Buffer
		env := func(string) string { return secret.Secret.Reveal() }
		code := run(t.Context(), test.args, stdio{in: strings.NewReader(test.in), out: full, err: &said, env: env})
		if code != exitFailed || !strings.Contains(said.String(), "no space left on device") || !strings.Contains(said.String(), test.want) {
			t.Errorf("%v: code %d, %q", test.args, code, said.String())
		}
	}
}
