package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// readInput reads a file, or standard input for "-", of at most limit bytes.
// what says what is expected there, for whoever sits before a terminal.
//
// It returns as soon as ctx ends. A read from a terminal or a pipe cannot be
// interrupted, so it stays behind in its goroutine. The process is about to
// end.
func readInput(ctx context.Context, path, what string, limit int64, std stdio) ([]byte, error) {
	if path == "-" && std.terminal {
		fmt.Fprintf(std.err, "Reading %s from this terminal: end the input with Ctrl-D on a line of its own, or give up with Ctrl-C.\n", what)
	}
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readBounded(path, limit, std)
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, errEnded
	case r := <-done:
		return r.data, r.err
	}
}

func readBounded(path string, limit int64, std stdio) ([]byte, error) {
	in, name := std.in, "standard input"
	if path != "-" {
		file, err := os.Open(path) // waits, where it is a named pipe
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in, name = file, path
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes: this is not what is read here", name, limit)
	}
	return data, err
}

// isTerminal reports whether a person may be typing into the file.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device too
	return err != nil || !os.SameFile(info, null)
}
