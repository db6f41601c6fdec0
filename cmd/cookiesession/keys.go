package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cookiesession/cookiesession"
)

const keysHelp = `Usage: cookiesession keys <what> [flags] [FILE]

Makes, rotates and checks key files. A program that loads one with LoadKeyFile
follows it: no restart. "-" for FILE reads standard input; what changes a file
then writes the new one, secrets included, to standard output.

  new [FILE]        print a secret, or make a first key file
  rotate FILE       add a key that seals later, date the end of the old one
  list FILE         ids, states and dates
  revoke FILE ID    after a leak: every session ends
  check FILE        is this file good? For deploy pipelines

"cookiesession keys <what> -h" says more. Secrets come from files and standard
input, never from arguments, which every user of a machine can read. Exit codes:
0 done, 1 refused, 2 wrong command line, 130 ended by a signal.

Examples:
  cookiesession keys new keys.json
  cookiesession keys rotate keys.json
  cookiesession keys check keys.json
`

// keysCommand is one of the things that "keys" does. run gets its FILE and
// what follows it.
type keysCommand struct {
	name, usage, help string
	args              int // how many, 0 for at most one
	flags             func(*flag.FlagSet) any
	run               func(ctx context.Context, args []string, flags any, std stdio) error
}

var keysCommands = []keysCommand{newCommand, rotateCommand, listCommand, revokeCommand, checkCommand}

// runKeys makes, rotates and checks key files.
func runKeys(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		fmt.Fprint(std.err, keysHelp)
		return exitUsage
	}
	for _, c := range keysCommands {
		if c.name == args[0] {
			return c.start(ctx, args[1:], std)
		}
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(std.out, keysHelp)
		return exitDone
	}
	fmt.Fprintln(std.err, "cookiesession keys: there is new, rotate, list, revoke and check; \"cookiesession keys -h\" says more")
	return exitUsage
}

func (c keysCommand) start(ctx context.Context, args []string, std stdio) int {
	fs := flag.NewFlagSet("keys "+c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	flags := c.flags(fs)
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(std.out, "Usage: cookiesession keys %s %s\n\n%s", c.name, c.usage, c.help)
		fs.SetOutput(std.out)
		fs.PrintDefaults()
		return exitDone
	}
	if err == nil {
		err = c.checkArgs(fs.Args())
	}
	if err != nil {
		fmt.Fprintf(std.err, "cookiesession keys %s: %v\nUsage: cookiesession keys %s %s\n", c.name, wrongUsage(err), c.name, c.usage)
		return exitUsage
	}
	if err := c.run(ctx, fs.Args(), flags, std); err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(std.err, "cookiesession keys %s: %s\n", c.name, strings.TrimPrefix(strings.TrimSpace(line), "cookiesession: "))
		}
		return exitFailed
	}
	return exitDone
}

func (c keysCommand) checkArgs(args []string) error {
	for i, arg := range args {
		isID := i == 1 && c.args == 2 // one in 64 ids begins with a dash
		if len(arg) > 1 && arg[0] == '-' && !isID {
			return fmt.Errorf("flag %s has to come before the file", arg)
		}
	}
	switch {
	case len(args) < c.args && len(args) == 0:
		return errors.New("a key file is needed")
	case len(args) < c.args:
		return errors.New("behind the key file the id of a key is needed")
	case len(args) > max(c.args, 1):
		return fmt.Errorf("there are %d arguments too many behind the flags", len(args)-max(c.args, 1))
	}
	return nil
}

func noFlags(*flag.FlagSet) any { return nil }

type newFlags struct {
	format cookiesession.Format
	secret string
}

var newCommand = keysCommand{
	name: "new", usage: "[-format securecookie|compact] [-secret FILE] [FILE]",
	help: `Prints a new secret, or makes a first key file that only its owner may read. It
never overwrites one.

Examples:
  cookiesession keys new                     a secret, say for SESSION_KEYS
  cookiesession keys new keys.json           a key file
  openssl rand -hex 32 | cookiesession keys new -secret - keys.json

Flags:
`,
	flags: func(fs *flag.FlagSet) any {
		f := new(newFlags)
		formatFlag(fs, &f.format, "securecookie (the default) or compact")
		secretFlag(fs, &f.secret)
		return f
	},
	run: func(ctx context.Context, args []string, flags any, std stdio) error {
		f := flags.(*newFlags)
		secret, err := newSecret(ctx, f.secret, std)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			fmt.Fprintln(std.out, secret.Reveal())
			return nil
		}
		key := cookiesession.Key{Secret: secret, Format: f.format}
		if err := createKeyFile(ctx, args[0], []cookiesession.Key{key}, std); err != nil {
			return err
		}
		fmt.Fprintf(messages(args[0], std), "%s: made, with key %s\n", args[0], key.ID())
		return nil
	},
}

type rotateFlags struct {
	newFlags
	after, keep time.Duration
}

var rotateCommand = keysCommand{
	name: "rotate", usage: "[-after 1h] [-keep 336h] [-format securecookie|compact] [-secret FILE] FILE", args: 1,
	help: `Adds a key that seals after a delay, dates the end of the old one and drops keys
that are over. Bring the file to every instance within the delay: until then
each of them already opens what the new key will seal, so no session is lost.

The delay is -after, one hour unless you say otherwise. It has to be at least as
long as the file takes to every instance, plus 5 seconds, plus the difference of
their clocks. Choose -keep at least as long as a session lives: IdleTimeout, or
longer where SetExpiry gives single sessions more.

Examples:
  cookiesession keys rotate keys.json
  cookiesession keys rotate -keep 720h -format compact keys.json
  cookiesession keys rotate - < ring > next && store-ring < next

Flags:
`,
	flags: func(fs *flag.FlagSet) any {
		f := new(rotateFlags)
		fs.DurationVar(&f.after, "after", time.Hour, "the new key seals after this `time`")
		fs.DurationVar(&f.keep, "keep", 14*24*time.Hour, "the old one opens for this `time` more, once it no longer seals")
		formatFlag(fs, &f.format, "securecookie or compact (default: as before)")
		secretFlag(fs, &f.secret)
		return f
	},
	run: func(ctx context.Context, args []string, flags any, std stdio) error {
		f := flags.(*rotateFlags)
		if f.after < 0 || f.keep < 0 {
			return errors.New("-after and -keep cannot be negative")
		}
		secret, err := newSecret(ctx, f.secret, std)
		if err != nil {
			return err
		}
		return changeKeyFile(ctx, args[0], std, func(keys []cookiesession.Key, say io.Writer) ([]cookiesession.Key, error) {
			return rotate(keys, cookiesession.Key{Secret: secret, Format: f.format}, time.Now(), f.after, f.keep, say)
		})
	},
}

// rotate adds next. The others get an end that leaves every session that they
// may still seal the time of keep.
func rotate(keys []cookiesession.Key, next cookiesession.Key, now time.Time, after, keep time.Duration, say io.Writer) ([]cookiesession.Key, error) {
	next.SealFrom = wholeSecond(now.Add(after))
	newest := slices.MaxFunc(keys, func(a, b cookiesession.Key) int {
		return cmp.Or(a.SealFrom.Compare(b.SealFrom), slices.IndexFunc(keys, sameID(b))-slices.IndexFunc(keys, sameID(a)))
	})
	if !newest.SealFrom.Before(next.SealFrom) {
		return nil, fmt.Errorf("key %s is to seal only from %s: rotate after that, or with a longer -after", newest.ID(), date(newest.SealFrom))
	}
	next.Format = cmp.Or(next.Format, newest.Format)
	fmt.Fprintf(say, "added key %s: seals from %s\n", next.ID(), date(next.SealFrom))

	rotated := []cookiesession.Key{next}
	for _, k := range keys {
		if over(k, now) {
			fmt.Fprintf(say, "dropped key %s: over since %s\n", k.ID(), date(k.OpenUntil))
			continue
		}
		end := wholeSecond(sealsUntil(k, append(keys, next), now).Add(keep))
		if k.OpenUntil.IsZero() || k.OpenUntil.Before(end) && mayStillSeal(k, keys, now) {
			k.OpenUntil = end
			fmt.Fprintf(say, "key %s: opens until %s\n", k.ID(), date(end))
		}
		rotated = append(rotated, k)
	}
	if after == 0 {
		fmt.Fprintln(say, "it seals at once: instances that have not read the file yet will reject its cookies")
	} else {
		fmt.Fprintf(say, "bring the file to every instance within %v\n", after)
	}
	return rotated, nil
}

// sealsUntil is when the key that seals next takes over.
func sealsUntil(k cookiesession.Key, keys []cookiesession.Key, now time.Time) time.Time {
	from := k.SealFrom
	if from.Before(now) {
		from = now
	}
	var until time.Time
	for _, other := range keys {
		if other.SealFrom.After(from) && (until.IsZero() || other.SealFrom.Before(until)) {
			until = other.SealFrom
		}
	}
	if until.IsZero() {
		return from
	}
	return until
}

// mayStillSeal: it seals now or is yet to.
func mayStillSeal(k cookiesession.Key, keys []cookiesession.Key, now time.Time) bool {
	if k.SealFrom.After(now) {
		return true
	}
	for i, s := range states(keys) {
		if s == cookiesession.KeySealing {
			return keys[i].ID() == k.ID()
		}
	}
	return false
}

type listFlags struct{ json bool }

var listCommand = keysCommand{
	name: "list", usage: "[-json] FILE", args: 1,
	help: `Prints ids, states and dates, never a secret. A key is "pending" (opens, and will
seal later), "sealing", "opening" (a newer one seals) or "retired".

Examples:
  cookiesession keys list keys.json
  cookiesession keys list -json keys.json | jq -r '.keys[] | select(.state == "sealing").id'

Flags:
`,
	flags: func(fs *flag.FlagSet) any {
		f := new(listFlags)
		fs.BoolVar(&f.json, "json", false, "JSON for programs")
		return f
	},
	run: func(ctx context.Context, args []string, flags any, std stdio) error {
		keys, err := readKeys(ctx, args[0], std)
		if err != nil {
			return err
		}
		if flags.(*listFlags).json {
			return listJSON(keys, std.out)
		}
		w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSTATE\tSEALS FROM\tOPENS UNTIL\tFORMAT")
		for i, s := range states(keys) {
			k := keys[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID(), s, date(k.SealFrom), date(k.OpenUntil), cmp.Or(k.Format, cookiesession.FormatSecurecookie))
		}
		return w.Flush()
	},
}

func listJSON(keys []cookiesession.Key, w io.Writer) error {
	type entry struct {
		ID        string                 `json:"id"`
		State     cookiesession.KeyState `json:"state"`
		SealFrom  time.Time              `json:"seal_from,omitzero"`
		OpenUntil time.Time              `json:"open_until,omitzero"`
		Format    cookiesession.Format   `json:"format"`
	}
	list := make([]entry, len(keys))
	for i, s := range states(keys) {
		k := keys[i]
		list[i] = entry{k.ID(), s, k.SealFrom, k.OpenUntil, cmp.Or(k.Format, cookiesession.FormatSecurecookie)}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"keys": list})
}

type revokeFlags struct{ dryRun bool }

var revokeCommand = keysCommand{
	name: "revoke", usage: "[-dry-run] FILE ID", args: 2,
	help: `For a key that leaked. Rotation does not help then: whoever has the key could
forge sessions, and newer keys have re-issued them since. So the key goes, with
every key that has sealed since it was in the ring, and a new one seals at once.
EVERY SESSION ENDS: all visitors are logged out.

Keys from before stay; where the whole file leaked, name its oldest key.

Examples:
  cookiesession keys revoke -dry-run keys.json pX3w
  cookiesession keys revoke keys.json pX3w

Flags:
`,
	flags: func(fs *flag.FlagSet) any {
		f := new(revokeFlags)
		fs.BoolVar(&f.dryRun, "dry-run", false, "only say which keys would go, and change nothing")
		return f
	},
	run: func(ctx context.Context, args []string, flags any, std stdio) error {
		if flags.(*revokeFlags).dryRun {
			return revokeDry(ctx, args[0], args[1], std)
		}
		return changeKeyFile(ctx, args[0], std, func(keys []cookiesession.Key, say io.Writer) ([]cookiesession.Key, error) {
			revoked, err := revoke(keys, args[1], time.Now(), say)
			if err == nil {
				fmt.Fprintf(say, "added key %s: seals at once\n", revoked[0].ID())
				fmt.Fprintln(say, "EVERY SESSION ENDS: visitors have to log in again, on each instance as soon as it has this file")
			}
			return revoked, err
		})
	},
}

// revokeDry says the same of each key as the real one. The new key is not
// named, because the real one will be another.
func revokeDry(ctx context.Context, path, id string, std stdio) error {
	keys, err := readKeys(ctx, path, std)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	if _, err := revoke(keys, id, time.Now(), &said); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Nothing was changed. Without -dry-run:\n%sadded a new key: seals at once\nEVERY SESSION ENDS\n", said.Bytes())
	return nil
}

// revoke leaves only keys that had stopped sealing before the leaked one was
// there. A key is spread before it seals, and opens from then on, so the key
// before it has also sealed what forgeries turned into.
func revoke(keys []cookiesession.Key, id string, now time.Time, say io.Writer) ([]cookiesession.Key, error) {
	order := slices.Clone(keys) // as they come to seal
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b cookiesession.Key) int { return a.SealFrom.Compare(b.SealFrom) })
	leaked := slices.IndexFunc(order, func(k cookiesession.Key) bool { return k.ID() == id })
	if leaked < 0 {
		return nil, fmt.Errorf("there is no key %q in the file; \"cookiesession keys list\" shows those there are", short(id))
	}
	first := max(leaked-1, 0)
	for i, s := range states(keys) {
		if s == cookiesession.KeySealing { // a leaked key that is pending yet opens already
			first = min(first, slices.IndexFunc(order, sameID(keys[i])))
		}
	}
	next := cookiesession.Key{Secret: cookiesession.NewSecret(), Format: order[len(order)-1].Format}
	revoked := []cookiesession.Key{}
	for i, k := range order {
		switch {
		case i >= first:
			fmt.Fprintf(say, "revoked key %s\n", k.ID())
		case over(k, now):
			fmt.Fprintf(say, "dropped key %s: over since %s\n", k.ID(), date(k.OpenUntil))
		default:
			fmt.Fprintf(say, "kept key %s, which had stopped sealing before\n", k.ID())
			revoked = append(revoked, k)
			// Sealing at once must not depend on the clocks of the fleet: a
			// tie with a date that has passed, won by being first in the list.
			next.SealFrom = k.SealFrom
		}
	}
	slices.Reverse(revoked)
	return append([]cookiesession.Key{next}, revoked...), nil
}

var checkCommand = keysCommand{
	name: "check", usage: "FILE", args: 1,
	help: `Says whether programs will accept the file, with every reason why not, and
whether the file is private: other users of the machine may neither read nor
change it, and its group may not change it. Call it before a file is deployed:
exit code 1 stops the pipeline.

Examples:
  cookiesession keys check keys.json
  kubectl get secret session-keys -o jsonpath='{.data.keys\.json}' | base64 -d | cookiesession keys check -

`,
	flags: noFlags,
	run: func(ctx context.Context, args []string, _ any, std stdio) error {
		keys, err := readKeys(ctx, args[0], std)
		if err = errors.Join(err, checkMode(args[0])); err != nil {
			return err
		}
		for i, s := range states(keys) {
			if s == cookiesession.KeySealing {
				fmt.Fprintf(std.out, "%s: good, %d keys, %s seals\n", args[0], len(keys), keys[i].ID())
			}
		}
		return nil
	},
}

// checkMode refuses a file that others may read or change. The group may read
// it: that is how a Secret of Kubernetes comes to its program.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil || path == "-" || !info.Mode().IsRegular() || runtime.GOOS == "windows" { // which has no such modes
		return nil
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return fmt.Errorf("%s has mode %04o, so more than its owner can read or change it; \"chmod 600 %[1]s\" ends that", path, mode)
	}
	return nil
}

func formatFlag(fs *flag.FlagSet, format *cookiesession.Format, usage string) {
	fs.Func("format", usage, func(text string) error {
		*format = cookiesession.Format(text)
		if *format != cookiesession.FormatSecurecookie && *format != cookiesession.FormatCompact {
			return errors.New("there are securecookie and compact")
		}
		return nil
	})
}

func secretFlag(fs *flag.FlagSet, file *string) {
	fs.StringVar(file, "secret", "", "take the secret from this `file`, \"-\" for standard input, instead of a random one")
}

func newSecret(ctx context.Context, file string, std stdio) (cookiesession.Secret, error) {
	if file == "" {
		return cookiesession.NewSecret(), nil
	}
	text, err := readInput(ctx, file, "a secret", maxKeyFile, std)
	if err != nil {
		return cookiesession.Secret{}, err
	}
	return cookiesession.ParseSecret(string(text))
}

// states are in the order of keys, which are a good ring.
func states(keys []cookiesession.Key) []cookiesession.KeyState {
	ring, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		return nil
	}
	list := make([]cookiesession.KeyState, len(keys))
	for i, s := range ring.Status() {
		list[i] = s.State
	}
	return list
}

func over(k cookiesession.Key, now time.Time) bool {
	return !k.OpenUntil.IsZero() && !k.OpenUntil.After(now)
}

func sameID(k cookiesession.Key) func(cookiesession.Key) bool {
	return func(other cookiesession.Key) bool { return other.ID() == k.ID() }
}

// wholeSecond rounds up, and to UTC: files are read by people.
func wholeSecond(t time.Time) time.Time {
	whole := t.Truncate(time.Second)
	if whole.Before(t) {
		whole = whole.Add(time.Second)
	}
	return whole.UTC()
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
