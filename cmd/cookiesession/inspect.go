package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/cookiesession/cookiesession"
)

const inspectHelp = `Usage: cookiesession inspect [-keys file] [-name name] [-json] [-keys-only] [-idle d] [-absolute d] < cookies

Opens session cookies and prints what is in them. It reads standard input: a
Cookie: or Set-Cookie: header line, name=value pairs, or the value of a cookie
alone, any number of lines; a long session needs all of its cookies. Cookies
are no arguments, because every user of a machine can read those. Nothing is
changed, and no secret is printed.

Keys: the file of -keys, else the environment variable SESSION_KEYS.

A cookie does not say how long its application lets it live; -idle and
-absolute do. Exit codes: 0 every cookie was opened, 1 one was refused (its
reason is printed), 2 the command line was wrong.

Examples:
  cookiesession inspect -keys keys.json < cookies.txt
  curl -sI https://example.com/ | cookiesession inspect -keys keys.json -keys-only
  pbpaste | SESSION_KEYS=$(cat secret) cookiesession inspect -name s_session -json

Flags:
`

type inspectFlags struct {
	keys, name     string
	json, keysOnly bool
	idle, absolute time.Duration
}

// runInspect prints what is in the cookies on standard input.
func runInspect(ctx context.Context, args []string, std stdio) int {
	var f inspectFlags
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&f.keys, "keys", "", "take the keys from this key `file`")
	flags.StringVar(&f.name, "name", "", "look at the cookies of this `name` only, flash and views included; a value alone has it (default s_session)")
	flags.BoolVar(&f.json, "json", false, "print JSON, for programs")
	flags.BoolVar(&f.keysOnly, "keys-only", false, "leave out what is stored: values and visited paths")
	flags.DurationVar(&f.idle, "idle", 14*24*time.Hour, "the application's IdleTimeout")
	flags.DurationVar(&f.absolute, "absolute", 0, "the application's AbsoluteTimeout; 0: none")

	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = errors.New("unexpected argument: cookies are read from standard input")
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(std.out, inspectHelp)
		flags.SetOutput(std.out)
		flags.PrintDefaults()
		return exitDone
	case err != nil:
		fmt.Fprintf(std.err, "cookiesession inspect: %v; \"cookiesession inspect -h\" shows how\n", wrongUsage(err))
		return exitUsage
	}
	refused, err := inspect(ctx, f, std)
	if err != nil {
		fmt.Fprintf(std.err, "cookiesession inspect: %v\n", err)
	}
	if refused || err != nil {
		return exitFailed
	}
	return exitDone
}

func inspect(ctx context.Context, f inspectFlags, std stdio) (refused bool, err error) {
	ring, err := inspectKeys(f.keys, std)
	if err != nil {
		return false, err
	}
	text, err := readInput(ctx, "-", "cookies", maxInput, std)
	if err != nil {
		return false, err
	}
	jars, err := readCookies(text, f.name)
	if err != nil {
		return false, err
	}
	opener := opener{ctx: ctx, ring: ring, flags: f, now: time.Now()}
	var reports []report
	for _, j := range jars {
		reports = append(reports, opener.open(j)...)
	}
	for _, r := range reports {
		refused = refused || r.Refused != ""
	}
	if f.json {
		return refused, printJSON(std.out, reports)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		r.print(std.out, opener.now)
	}
	return refused, nil
}

func inspectKeys(file string, std stdio) (ring *cookiesession.Keyring, err error) {
	switch text := std.env("SESSION_KEYS"); {
	case file != "":
		if ring, err = loadKeyFile(file); err != nil {
			return nil, fmt.Errorf("cannot use the key file of -keys: %w", err)
		}
	case text != "":
		if ring, err = cookiesession.ParseKeyring(text); err != nil {
			return nil, fmt.Errorf("cannot use SESSION_KEYS: %w", err)
		}
	default:
		return nil, errors.New("no keys: -keys names a key file, or SESSION_KEYS has the secrets")
	}
	return ring, nil
}
