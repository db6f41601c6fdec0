package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// adaptersDemo is the demo with device binding and shared revocation. Both need
// packages that the core module does not require, so it is a module of its own.
const adaptersDemo = "github.com/cookiesession/cookiesession/adapters/demo"

// runAdapters builds adapters/demo and runs it with the same arguments until it
// ends. Its exit code is the result.
//
// The go command finds the module where it finds this command's own: in the
// workspace of a checkout, or among the requirements of the user's module. So
// nothing is downloaded that the user has not asked for.
func runAdapters(ctx context.Context, args []string, std stdio) int {
	folder, err := os.MkdirTemp("", "cookiesession-demo-")
	if err != nil {
		fmt.Fprintf(std.err, "cookiesession demo: no folder to build in: %v\n", err)
		return exitFailed
	}
	defer os.RemoveAll(folder)
	program, err := buildAdapters(ctx, folder, std)
	if err != nil {
		fmt.Fprintf(std.err, "cookiesession demo: %v\n", err)
		return exitFailed
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
	cmd.Env = environment(std)
	endGently(ctx, cmd)
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			err = errEnded
		}
		fmt.Fprintf(std.err, "cookiesession demo: cannot run what was built: %v\n", err)
		return exitFailed
	}
	// A running program needs no file. Removed now, it does not stay where this
	// process is killed. Windows refuses that, and has it removed at the end.
	os.RemoveAll(folder)
	_ = cmd.Wait() // the exit code says all
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return exitFailed // a signal that was sent to it alone
}

// buildAdapters returns the path of the program.
func buildAdapters(ctx context.Context, folder string, std stdio) (string, error) {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("-tls and -revocation need packages that are built with the go command, and there is none in PATH. "+
			"Install Go from https://go.dev/dl and run: go get -tool %s", adaptersDemo)
	}
	fmt.Fprintln(std.err, "Building the demo with its adapters. The first time takes some seconds.")
	program := filepath.Join(folder, "demo")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(ctx, goCommand, "build", "-buildvcs=false", "-o", program, adaptersDemo)
	endGently(ctx, build)
	said, err := build.CombinedOutput()
	switch {
	case err == nil:
		return program, nil
	case ctx.Err() != nil:
		return "", errEnded
	case exec.CommandContext(ctx, goCommand, "list", "-find", adaptersDemo).Run() != nil:
		return "", fmt.Errorf("-tls and -revocation need the module %s, and the Go module of this folder does not require it. "+
			"Get it and try again: go get -tool %s", adaptersDemo, adaptersDemo)
	}
	return "", fmt.Errorf("cannot build %s: %w\n%s", adaptersDemo, err, said[:min(len(said), 4000)])
}

// endGently passes the signal that ended this command on to another program.
// That one has less time to end than this one.
func endGently(ctx context.Context, cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		by := endedBy{os.Interrupt}
		errors.As(context.Cause(ctx), &by)
		if err := cmd.Process.Signal(by.Signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return cmd.Process.Kill() // Windows has no such signals
		}
		return nil
	}
	cmd.WaitDelay = endWithin - time.Second/2
}

// environment is that of this process, with the keys of std.
func environment(std stdio) []string {
	env := os.Environ()
	for _, name := range []string{"SESSION_KEYS", "REDIS_PASSWORD"} {
		env = append(env, name+"="+std.env(name)) // the last one counts
	}
	return env
}
