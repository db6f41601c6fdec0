package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// ran is what a command line left behind.
type ran struct {
	code     int
	out, err string
}

func runLine(ctx context.Context, env map[string]string, args ...string) ran {
	var out, err bytes.Buffer
	code := run(ctx, args, stdio{in: strings.NewReader(""), out: &out, err: &err, env: func(name string) string { return env[name] }})
	return ran{code, out.String(), err.String()}
}

func TestTheCommandLineSaysWhatToDoNext(t *testing.T) {
	for _, test := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"no command", nil, exitUsage, "", "Usage: cookiesession <command>"},
		{"an unknown command", []string{"dmeo"}, exitUsage, "", `no command "dmeo"; run "cookiesession help"`},
		{"help", []string{"help"}, exitDone, "demo", ""},
		{"help for a command", []string{"help", "demo"}, exitDone, "Examples:", ""},
		{"help for a command of a command", []string{"help", "keys", "rotate"}, exitDone, "Usage: cookiesession keys rotate [-after 1h]", ""},
		{"help for a command of no command", []string{"help", "keys", "turn"}, exitUsage, "", "keys -h"},
		{"help for no command", []string{"help", "help"}, exitUsage, "", "no command"},
		{"the version", []string{"version"}, exitDone, "cookiesession ", ""},
		{"a command's own help", []string{"demo", "-h"}, exitDone, "cookiesession demo -addr 127.0.0.1:9000", ""},
		{"an unknown flag", []string{"demo", "-port", "1"}, exitUsage, "", `"cookiesession demo -h" shows how`},
		{"an unknown level", []string{"demo", "-log", "loud"}, exitUsage, "", `"cookiesession demo -h" shows how`},
		{"a stray argument", []string{"demo", "8080"}, exitUsage, "", `unexpected argument "8080"`},
		{"no address", []string{"demo", "-addr", "nowhere"}, exitFailed, "", "-addr wants host:port"},
		{"TLS without Secure", []string{"demo", "-tls", "-insecure"}, exitUsage, "", "-insecure is for plain HTTP"},
		{"another engine", []string{"demo", "-revocation", "nats://127.0.0.1"}, exitUsage, "", "-revocation wants redis://host:port"},
		{"no key file for the adapters", []string{"demo", "-tls", "-keys", "testdata/none.json"}, exitFailed, "", "cannot use the key file of -keys"},
		{"no key file", []string{"demo", "-keys", "testdata/none.json"}, exitFailed, "", "cannot use the key file of -keys"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := runLine(t.Context(), nil, test.args...)
			if got.code != test.code || !strings.Contains(got.out, test.out) || !strings.Contains(got.err, test.err) {
				t.Errorf("code %d, out %q, err %q", got.code, got.out, got.err)
			}
			if test.err == "" && got.err != "" {
				t.Errorf("standard error says %q", got.err)
			}
		})
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, c := range commands {
		got := runLine(t.Context(), nil, c.name, "-h")
		if got.code != exitDone || !strings.Contains(got.out, "Examples:") || got.err != "" {
			t.Errorf("%s -h: code %d, out %q, err %q", c.name, got.code, got.out, got.err)
		}
	}
}
