// Command cookiesession shows, rotates and looks into cookie-only sessions.
//
//	cookiesession demo      a small shop that shows what its cookies hold
//	cookiesession keys      makes, rotates, lists, revokes and checks key files
//	cookiesession inspect   what is in a cookie, or why it is refused
//	cookiesession help      what there is, and examples
//
// Exit codes: 0 done, 1 it could not be done (the message says what to do
// next), 2 the command line was wrong, 130 a signal ended it.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitEnded  = 130 // as shells say of Ctrl-C
)

// errEnded is what a command returns that a signal ended.
var errEnded = errors.New("ended before it was done; nothing was changed")

// stdio is all of the process that a command may touch, so that tests run
// commands without one.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	terminal bool // a person may be typing what is read from in
}

type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, std stdio) int
}

var commands = []command{
	{"demo", "a small shop that shows what its cookies hold", runDemo},
	{"keys", "makes, rotates, lists, revokes and checks key files", runKeys},
	{"inspect", "shows what is in a cookie, or why it is refused", runInspect},
}

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr, os.Getenv, isTerminal(os.Stdin)})
	}()
	select {
	case code := <-done:
		os.Exit(code)
	case s := <-signals:
		signal.Stop(signals) // a second one ends the process at once
		cancel(endedBy{s})
	}
	select {
	case code := <-done:
		if code == exitFailed {
			code = exitEnded
		}
		os.Exit(code)
	case <-time.After(endWithin): // say output that nobody reads
		os.Exit(exitEnded)
	}
}

// endedBy is the cause of a context that a signal ended.
type endedBy struct{ os.Signal }

func (e endedBy) Error() string { return "ended by a signal: " + e.Signal.String() }

// endWithin is how long a command may take after a signal. Only the demo takes
// any time: it lets its last requests end.
const endWithin = demo.ShutdownWait + time.Second

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	std.err = &output{to: std.err}
	if err := refuseSecrets(args); err != nil {
		fmt.Fprintf(std.err, "cookiesession: %v\n", err)
		return exitUsage
	}
	out := &output{to: std.out}
	std.out = out
	code := start(ctx, args, std)
	if code == exitDone && out.err != nil {
		fmt.Fprintf(std.err, "cookiesession: the output was lost: %v\n", out.err)
		return exitFailed
	}
	return code
}

// output is where everything is printed. It remembers that something was lost,
// so that no command has to look after each line: a secret that was not printed
// must not look like one that was. And it lets no control character through,
// because terminals obey these: names of files and cookies come from others.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	_, err := io.WriteString(o.to, printable(string(p)))
	if err != nil {
		o.err = cmp.Or(o.err, err)
		return 0, err
	}
	return len(p), nil
}

// printable keeps line breaks and tabs, which the commands print themselves.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func start(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		usage(std.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return help(ctx, args[1:], std)
	case "version", "-version", "--version":
		fmt.Fprintln(std.out, "cookiesession", version())
		return exitDone
	}
	if c, ok := find(args[0]); ok {
		return c.run(ctx, args[1:], std)
	}
	return unknown(args[0], std)
}

// help asks the command itself: its own -h is the only description to keep true.
func help(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		usage(std.out)
		return exitDone
	}
	if c, ok := find(args[0]); ok {
		return c.run(ctx, append(slices.Clone(args[1:]), "-h"), std)
	}
	return unknown(args[0], std)
}

func unknown(name string, std stdio) int {
	fmt.Fprintf(std.err, "cookiesession: there is no command %q; run \"cookiesession help\" for those there are\n", short(name))
	return exitUsage
}

func find(name string) (command, bool) {
	for _, c := range commands {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func usage(w io.Writer) {
	fmt.Fprint(w, "cookiesession keeps a visitor's whole session in encrypted cookies.\n\nUsage: cookiesession <command> [arguments]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "  version   which build this is\n  help      this text; \"help <command>\" says more and gives examples\n")
}
