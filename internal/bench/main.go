// Command bench measures this package against its peers and against the bare
// primitives, in one program where all of them take turns.
//
// It is a module of its own because the core must not require the peers.
//
//	go run ./internal/bench                 # about two minutes: prints everything, renews docs/performance.*
//	go run ./internal/bench -quick -check   # some seconds, for CI: fails where a bound is missed
//	go run ./internal/bench -instructions   # counts instructions with callgrind (Debian: valgrind)
//	go test -bench . ./internal/bench       # the same contenders, for benchstat and pprof
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

func main() {
	quick := flag.Bool("quick", false, "few short rounds, no documents")
	checked := flag.Bool("check", false, "exit with 1 where a bound is missed")
	slack := flag.Float64("slack", 0, "how far -check lets times and ratios miss: 0.1 is ten percent")
	docs := flag.String("docs", "docs", "the folder whose performance.* are renewed; empty: none")
	counted := flag.Bool("instructions", false, "count instructions with callgrind instead")
	looped := flag.String("loop", "", "only send this request again and again, for callgrind: who/what/keys")
	n := flag.Int("n", 1000, "how often -loop does")
	flag.Parse()

	switch {
	case *looped != "":
		exit(loop(*looped, *n))
	case *counted:
		var table bytes.Buffer
		err := instructions(&table)
		os.Stdout.Write(table.Bytes())
		if err == nil && *docs != "" {
			err = renewPart(*docs, "go run ./internal/bench -instructions", table.Bytes())
		}
		exit(err)
	}
	slog.SetLogLoggerLevel(slog.LevelError) // what does not fit is refused on purpose here, to find where that begins
	t := turns{quiet: 150, round: 500 * time.Microsecond}
	if *quick {
		t, *docs = turns{quiet: 20, round: 500 * time.Microsecond}, ""
	}
	r := t.report()
	r.write(os.Stdout)
	if *docs != "" {
		if err := r.renew(*docs); err != nil {
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
	return renewPart(dir, "go run ./internal/bench", tables.Bytes())
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
