// Command bench measures this package against its peers and against the bare
// primitives, in one program where all of them take turns.
//
// It is a module of its own because the core must not require the peers.
//
//	go run ./internal/bench                 # some minutes: prints everything, renews docs/performance.*
//	go run ./internal/bench -quick -check   # some seconds, for CI: fails where a bound is missed
//	go run ./internal/bench -server         # only whole servers on loopback: requests per second, p50, p99
//	go run ./internal/bench -instructions   # only counts instructions with callgrind (Debian: valgrind)
//	go test -bench . ./internal/bench       # the same contenders, for benchstat and pprof
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The parts of docs/performance.md, each after a comment with this text. The
// first command renews all of them.
const (
	wholeRun         = "go run ./internal/bench"
	inPairs          = "go run ./internal/bench, in pairs"
	serversOnly      = "go run ./internal/bench -server"
	instructionsOnly = "go run ./internal/bench -instructions"
)

func main() {
	quick := flag.Bool("quick", false, "few short rounds, no documents")
	checked := flag.Bool("check", false, "exit with 1 where a bound is missed")
	slack := flag.Float64("slack", 0, "how far -check lets times and ratios miss: 0.1 is ten percent")
	docs := flag.String("docs", "docs", "the folder whose performance.* are renewed; empty: none")
	served := flag.Bool("server", false, "measure whole servers on loopback instead")
	counted := flag.Bool("instructions", false, "count instructions with callgrind instead")
	looped := flag.String("loop", "", "only send this request again and again, for callgrind: who/what/keys")
	n := flag.Int("n", 1000, "how often -loop does")
	flag.Parse()

	switch {
	case *looped != "":
		exit(loop(*looped, *n))
	case *counted:
		exit(printInstructions(*docs))
	case *served:
		exit(printServers(*docs))
	}
	slog.SetLogLoggerLevel(slog.LevelError) // what does not fit is refused on purpose here, to find where that begins
	t := turns{quiet: 150, round: 500 * time.Microsecond}
	if *quick {
		t, *docs = turns{quiet: 20, round: 500 * time.Microsecond}, ""
	}
	r := t.report()
	r.write(os.Stdout)
	if !*quick {
		if err := rest(t, r, *docs); err != nil {
			exit(err)
		}
	}
	if *checked && check(os.Stderr, r.goals, *slack, *quick) > 0 {
		os.Exit(1)
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// rest prints what a quick run leaves out. If dir is not empty, it renews the
// whole page there, also the parts that flags of their own renew. Instructions
// stay as they are where there is no valgrind.
func rest(t turns, r report, dir string) error {
	if dir != "" {
		if err := r.renew(dir); err != nil {
			return err
		}
	}
	if err := errors.Join(printCompared(t, dir), printServers(dir)); err != nil || dir == "" {
		return err
	}
	if _, err := exec.LookPath("valgrind"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: there is no valgrind here: the table of instructions is not renewed")
		return nil
	}
	return printInstructions(dir)
}

// printCompared compares everybody, prints that, and renews it in dir.
func printCompared(t turns, dir string) error {
	var tables bytes.Buffer
	everybody := everyone()
	fmt.Fprintf(&tables, "%s, %d shared cores.\n", when(), runtime.NumCPU())
	writeCompared(&tables, t.compare(everybody))
	writeFeatures(&tables, everybody)
	return printPart(dir, inPairs, tables.Bytes())
}

// printServers measures whole servers, prints that, and renews it in dir.
func printServers(dir string) error {
	l := load{clients: 4, turn: 50 * time.Millisecond, turns: 50, requests: 10_000}
	all, err := l.measure()
	if err != nil {
		return err
	}
	var tables bytes.Buffer
	fmt.Fprintf(&tables, "%s, %d shared cores; ", when(), runtime.NumCPU())
	l.writeServed(&tables, all)
	if dir != "" {
		err = os.WriteFile(filepath.Join(dir, "performance-server.svg"), []byte(serverBars(all)), 0o644)
	}
	return errors.Join(err, printPart(dir, serversOnly, tables.Bytes()))
}

// printInstructions counts instructions, prints them, and renews them in dir.
func printInstructions(dir string) error {
	var table bytes.Buffer
	if err := instructions(&table); err != nil {
		return err
	}
	return printPart(dir, instructionsOnly, table.Bytes())
}

// printPart prints text, and renews it in dir if that is not empty.
func printPart(dir, command string, text []byte) error {
	os.Stdout.Write(text)
	if dir == "" {
		return nil
	}
	return renewPart(dir, command, text)
}

// renew writes the charts and the tables into dir.
func (r report) renew(dir string) error {
	for name, chart := range map[string]string{
		"performance.svg":       r.bars(),
		"performance-bytes.svg": lines("Read, count, write, µs, by the size of the session", "bytes of values", bytesOfCurve, r.bySize),
		"performance-keys.svg":  lines("Read, count, write, µs, by the number of keys", "keys of 20 bytes", keysOfCurve, r.byKeys),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(chart), 0o644); err != nil {
			return err
		}
	}
	var tables bytes.Buffer
	r.write(&tables)
	return renewPart(dir, wholeRun, tables.Bytes())
}

// renewPart puts text between the lines of performance.md that name command.
func renewPart(dir, command string, text []byte) error {
	path := filepath.Join(dir, "performance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+command+" -->\n"), []byte("<!-- end -->\n")
	head, rest, ok := bytes.Cut(page, begin)
	_, tail, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for a text between %q and %q", path, begin, end)
	}
	return os.WriteFile(path, bytes.Join([][]byte{head, begin, text, end, tail}, nil), 0o644)
}
