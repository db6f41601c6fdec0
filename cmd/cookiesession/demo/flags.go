package demo

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
)

const help = `Usage: cookiesession demo [-addr host:port] [-keys file] [-log level] [-insecure]
                          [-tls] [-revocation redis://host:port]

Serves a small shop that keeps everything it knows in the visitor's cookies, and
beside it an inspector that shows those cookies. Ctrl-C ends it.

Keys: the file of -keys, followed while it runs; else the environment variable
SESSION_KEYS ("secret,older secret"); else a key of its own, lost at the end.

-tls binds sessions to the visitor's device: try it in the Chromium that it
prints a line for. -revocation lets several processes share "Log out
everywhere"; the password of the server comes from REDIS_PASSWORD. Both need
packages that the command does not have, so it builds them with the go command.

Examples:
  cookiesession demo
  cookiesession demo -addr 127.0.0.1:9000 -log debug
  SESSION_KEYS=$(openssl rand -base64 32) cookiesession demo
  cookiesession demo -keys keys.json
  cookiesession demo -tls
  cookiesession demo -keys keys.json -revocation redis://127.0.0.1:6379

Flags:
`

// Flags is the demo's command line. Every program that serves the demo has the
// same one.
type Flags struct {
	Addr       string // host:port
	Keys       string // a key file; "": see [Flags.Keyring]
	Revocation string // the URL of a Redis server; "": marks stay in this process
	Log        slog.Level
	Insecure   bool // leave Secure out of the cookies
	TLS        bool // serve HTTPS, and bind sessions to devices
}

// ParseFlags reads a command line without the program's name. It is
// [flag.ErrHelp] where help is asked for: see [PrintHelp]. The error of a wrong
// one repeats parts of it, but never the value of -revocation.
func ParseFlags(args []string) (Flags, error) {
	var f Flags
	set := f.set()
	err := set.Parse(args)
	switch {
	case err != nil:
		return f, err
	case set.NArg() > 0:
		return f, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case f.TLS && f.Insecure:
		return f, errors.New("-insecure is for plain HTTP: leave it out, or -tls")
	}
	return f, checkRevocation(f.Revocation)
}

// PrintHelp says what the flags are for.
func PrintHelp(w io.Writer) {
	fmt.Fprint(w, help)
	set := new(Flags).set()
	set.SetOutput(w)
	set.PrintDefaults()
}

func (f *Flags) set() *flag.FlagSet {
	set := flag.NewFlagSet("demo", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.Addr, "addr", "127.0.0.1:8080", "listen on `host:port`; port 0 takes a free one")
	set.StringVar(&f.Keys, "keys", "", "follow the key `file`")
	set.BoolVar(&f.Insecure, "insecure", false, "leave Secure out of the cookies, for clients that want HTTPS for it even on 127.0.0.1")
	set.BoolVar(&f.TLS, "tls", false, "serve HTTPS with a certificate made at the start, and bind sessions to devices")
	set.StringVar(&f.Revocation, "revocation", "", "share \"Log out everywhere\" with other processes through the Redis server at this `URL`")
	set.TextVar(&f.Log, "log", slog.LevelInfo, "log from this `level` on: debug, info or warn")
	return set
}

// checkRevocation refuses a password in the URL: every user of a machine can
// read the arguments of its programs. No error has the URL.
func checkRevocation(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"redis", "rediss"}, u.Scheme) {
		return errors.New("-revocation wants redis://host:port, or rediss:// for TLS")
	}
	if _, has := u.User.Password(); has {
		return errors.New("-revocation has a password, and every user of this machine can read arguments: give it in REDIS_PASSWORD")
	}
	return nil
}
