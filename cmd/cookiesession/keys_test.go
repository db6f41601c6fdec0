package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// keysLine runs "keys" with args, and fails the test if what it prints has a
// secret in it that the key file holds.
func keysLine(t *testing.T, in string, args ...string) ran {
	t.Helper()
	var out, err bytes.Buffer
	secrets := revealed(t, args)
	code := run(t.Context(), append([]string{"keys"}, args...), stdio{in: strings.NewReader(in), out: &out, err: &err, env: func(string) string { return "" }})
	if !slices.Contains(args, "-") && len(args) > 1 {
		for _, s := range append(secrets, revealed(t, args)...) {
			if strings.Contains(out.String()+err.String(), s) {
				t.Errorf("keys %v prints a secret", args)
			}
		}
	}
	return ran{code, out.String(), err.String()}
}

// revealed gives the secrets in the files among args.
func revealed(t *testing.T, args []string) (secrets []string) {
	for _, arg := range args {
		var file struct{ Keys []map[string]string }
		text, _ := os.ReadFile(arg)
		json.Unmarshal(text, &file)
		for _, k := range file.Keys {
			for _, field := range []string{"secret", "hash_key", "block_key"} {
				if k[field] != "" {
					secrets = append(secrets, k[field])
				}
			}
		}
	}
	return secrets
}

// keyStates is "list" in short: "id state" of every key.
func keyStates(t *testing.T, path string) (list []string) {
	t.Helper()
	got := keysLine(t, "", "list", "-json", path)
	var file struct {
		Keys []struct{ ID, State string }
	}
	if err := json.Unmarshal([]byte(got.out), &file); err != nil || got.code != exitDone {
		t.Fatalf("list -json: %v %+v", err, got)
	}
	for _, k := range file.Keys {
		list = append(list, k.ID+" "+k.State)
	}
	return list
}

func newKeyFile(t *testing.T) (path, id string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.json")
	if got := keysLine(t, "", "new", path); got.code != exitDone {
		t.Fatal(got.err)
	}
	return path, sealingID(t, path)
}

func sealingID(t *testing.T, path string) string {
	t.Helper()
	for _, k := range keyStates(t, path) {
		if id, ok := strings.CutSuffix(k, " sealing"); ok {
			return id
		}
	}
	t.Fatal("no key seals")
	return ""
}

func TestKeysNewMakesASecretOrAFirstFile(t *testing.T) {
	got := keysLine(t, "", "new")
	if _, err := cookiesession.ParseSecret(got.out); err != nil || got.code != exitDone {
		t.Errorf("it printed no secret: %v", err)
	}
	path, _ := newKeyFile(t)
	if _, err := cookiesession.LoadKeyFile(path); err != nil {
		t.Error(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	before, _ := os.ReadFile(path)
	got = keysLine(t, "", "new", path)
	if after, _ := os.ReadFile(path); got.code != exitFailed || !strings.Contains(got.err, "rotate") || !bytes.Equal(before, after) {
		t.Errorf("a second \"new\" should leave the file alone and say what to do: %+v", got)
	}
}

func TestKeysTakeASecretFromAFileOrStandardInputButNotFromAnArgument(t *testing.T) {
	s := cookiesession.NewSecret()
	id := cookiesession.Key{Secret: s}.ID()
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	if got := keysLine(t, s.Reveal()+"\n", "new", "-secret", "-", path); got.code != exitDone || sealingID(t, path) != id {
		t.Errorf("the secret of standard input was not taken: %+v", got)
	}
	next := cookiesession.NewSecret()
	os.WriteFile(filepath.Join(dir, "secret"), []byte(next.Reveal()), 0o600)
	if got := keysLine(t, "", "rotate", "-secret", filepath.Join(dir, "secret"), path); got.code != exitDone || !strings.Contains(got.out, cookiesession.Key{Secret: next}.ID()) {
		t.Errorf("the secret of a file was not taken: %+v", got)
	}
	if got := keysLine(t, "too short", "rotate", "-secret", "-", path); got.code != exitFailed {
		t.Errorf("a bad secret was taken: %+v", got)
	}
}

func TestKeysRotateDatesBothKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // from 2000-01-01T00:00:00Z on
		path, old := newKeyFile(t)
		got := keysLine(t, "", "rotate", path)
		if got.code != exitDone || !strings.Contains(got.out, "seals from 2000-01-01T01:00:00Z") || !strings.Contains(got.out, "key "+old+": opens until 2000-01-15T01:00:00Z") {
			t.Fatalf("%+v", got)
		}
		states := keyStates(t, path)
		next := states[0][:4]
		if want := []string{next + " pending", old + " sealing"}; !slices.Equal(states, want) {
			t.Errorf("at first want %v, got %v", want, states)
		}
		time.Sleep(time.Hour)
		if want, got := []string{next + " sealing", old + " opening"}, keyStates(t, path); !slices.Equal(got, want) {
			t.Errorf("after an hour want %v, got %v", want, got)
		}
		time.Sleep(14 * 24 * time.Hour)
		if want, got := []string{next + " sealing", old + " retired"}, keyStates(t, path); !slices.Equal(got, want) {
			t.Errorf("after 14 days more want %v, got %v", want, got)
		}
		got = keysLine(t, "", "rotate", "-after", "90s", "-keep", "1h", "-format", "compact", path)
		if !strings.Contains(got.out, "dropped key "+old) || len(keyStates(t, path)) != 2 {
			t.Errorf("a key that is over should be dropped: %+v", got)
		}
		text, _ := os.ReadFile(path)
		if strings.Count(string(text), `"format": "compact"`) != 1 {
			t.Errorf("-format is the new key's alone: %d", strings.Count(string(text), "compact"))
		}
		time.Sleep(2 * time.Minute)
		keysLine(t, "", "rotate", path)
		text, _ = os.ReadFile(path)
		if strings.Count(string(text), `"format": "compact"`) != 2 {
			t.Error("without -format the new key should be like the newest")
		}
	})
}

// TestNoSeriesOfRotationsLosesASession rotates at odd moments with odd delays.
// Whatever key seals at a moment has to open for -keep from then on, in every
// later state of the file.
func TestNoSeriesOfRotationsLosesASession(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			const keep = 10 * time.Hour
			path, _ := newKeyFile(t)
			owed := map[string]time.Time{} // until when a key has to open
			rotations := 0
			for range 120 {
				time.Sleep(time.Duration(rnd.Int64N(int64(time.Hour))))
				open := map[string]bool{}
				for _, k := range keyStates(t, path) {
					id, state, _ := strings.Cut(k, " ")
					open[id] = state != "retired"
					if state == "sealing" {
						owed[id] = time.Now().Add(keep)
					}
				}
				for id, until := range owed {
					if time.Now().Before(until) && !open[id] {
						t.Fatalf("seed %d: key %s no longer opens, but sealed %v ago", seed, id, keep-time.Until(until))
					}
				}
				if rnd.IntN(3) == 0 {
					after := time.Duration(rnd.Int64N(int64(3 * time.Hour)))
					got := keysLine(t, "", "rotate", "-after", after.String(), "-keep", keep.String(), path)
					if got.code == exitDone {
						rotations++
					} else if !strings.Contains(got.err, "rotate after that") && !strings.Contains(got.err, "at most 16") {
						t.Fatal(got.err)
					}
				}
			}
			if rotations < 10 {
				t.Errorf("seed %d: only %d rotations", seed, rotations)
			}
		})
	}
}

func TestKeysRotateExtendsAnEndThatWouldLoseSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys.json")
		a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
		os.WriteFile(path, fmt.Appendf(nil, `{"keys": [{"secret": %q, "open_until": "2000-01-01T02:00:00Z"}, {"secret": %q}]}`, a.Reveal(), b.Reveal()), 0o600)
		got := keysLine(t, "", "rotate", path)
		for _, want := range []string{
			"key " + cookiesession.Key{Secret: a}.ID() + ": opens until 2000-01-15T01:00:00Z",
			"key " + cookiesession.Key{Secret: b}.ID() + ": opens until",
		} {
			if !strings.Contains(got.out, want) {
				t.Errorf("want %q in %+v", want, got)
			}
		}
	})
}

func TestKeysRotateRefusesAndLeavesTheFileAlone(t *testing.T) {
	good := fmt.Sprintf(`{"keys": [{"secret": %q}]}`, cookiesession.NewSecret().Reveal())
	pending := strings.Replace(good, "}]", fmt.Sprintf(`}, {"secret": %q, "seal_from": "2999-01-01T00:00:00Z"}]`, cookiesession.NewSecret().Reveal()), 1)
	var many []string
	for range 16 {
		many = append(many, fmt.Sprintf(`{"secret": %q}`, cookiesession.NewSecret().Reveal()))
	}
	for _, c := range []struct {
		name, text string
		flags      []string
		code       int
		err        string
	}{
		{"a broken file", good[:20], nil, exitFailed, "nothing was changed"},
		{"an empty file", "", nil, exitFailed, "it is empty"},
		{"a file without a sealing key", `{"keys": []}`, nil, exitFailed, "needs a key"},
		{"an unknown field", strings.Replace(good, "secret", "sekret", 1), nil, exitFailed, `"sekret"`},
		{"a key that is to seal after the new one", pending, nil, exitFailed, "to seal only from 2999"},
		{"a 17th key", `{"keys": [` + strings.Join(many, ",") + `]}`, nil, exitFailed, "at most 16"},
		{"a delay in the past", good, []string{"-after", "-1h"}, exitFailed, "negative"},
		{"a delay that is none", good, []string{"-after", "soon"}, exitUsage, "Usage:"},
		{"a format that is none", good, []string{"-format", "jwt"}, exitUsage, "securecookie and compact"},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		os.WriteFile(path, []byte(c.text), 0o600)
		got := keysLine(t, "", append(append([]string{"rotate"}, c.flags...), path)...)
		if got.code != c.code || !strings.Contains(got.err, c.err) || got.out != "" {
			t.Errorf("%s: want code %d and %q, got %+v", c.name, c.code, c.err, got)
		}
		if text, _ := os.ReadFile(path); string(text) != c.text {
			t.Errorf("%s: the file was changed", c.name)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
			t.Errorf("%s: left behind %v", c.name, left)
		}
	}
}

func TestKeysRotateKeepsModeAndLinks(t *testing.T) {
	path, _ := newKeyFile(t)
	os.Chmod(path, 0o640)
	link := filepath.Join(t.TempDir(), "link.json")
	os.Symlink(path, link)
	before, _ := os.Stat(path)
	if got := keysLine(t, "", "rotate", link); got.code != exitDone {
		t.Fatal(got.err)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
	after, _ := os.Stat(path)
	if after.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v", after.Mode())
	}
	if os.SameFile(before, after) {
		t.Error("the file was written in place: a reader may see half of it")
	}
}

func TestKeysRevokeTakesEverythingThatForgeriesMayHaveTurnedInto(t *testing.T) {
	for _, c := range []struct {
		name    string
		revoke  int // of the keys a, b, c, d: d seals and e is pending
		pending bool
		keeps   string
	}{
		{"the sealing key goes with the one that sealed while it was pending", 3, false, "ab"},
		{"an older key goes with every later one", 1, false, ""},
		{"the oldest key leaves nothing", 0, false, ""},
		{"a pending key opens already: what seals goes too", 4, true, "abc"},
	} {
		synctest.Test(t, func(t *testing.T) {
			path, first := newKeyFile(t)
			ids := []string{first}
			for range 3 {
				keysLine(t, "", "rotate", path)
				ids = append(ids, keyStates(t, path)[0][:4])
				time.Sleep(2 * time.Hour)
			}
			if c.pending {
				keysLine(t, "", "rotate", path)
				ids = append(ids, keyStates(t, path)[0][:4])
			}
			got := keysLine(t, "", "revoke", path, ids[c.revoke])
			if got.code != exitDone || !strings.Contains(got.out, "EVERY SESSION ENDS") {
				t.Fatalf("%s: %+v", c.name, got)
			}
			states := keyStates(t, path)
			kept := ""
			for _, k := range states[1:] {
				kept = string(rune('a'+slices.Index(ids, k[:4]))) + kept
			}
			if kept != c.keeps || !strings.HasSuffix(states[0], " sealing") || slices.Contains(ids, states[0][:4]) {
				t.Errorf("%s: want a new key that seals and %q kept, got %v of %v", c.name, c.keeps, states, ids)
			}
		})
	}
	path, _ := newKeyFile(t)
	before, _ := os.ReadFile(path)
	got := keysLine(t, "", "revoke", path, "none")
	if after, _ := os.ReadFile(path); got.code != exitFailed || !strings.Contains(got.err, `no key "none"`) || !bytes.Equal(before, after) {
		t.Errorf("an unknown id: %+v", got)
	}
}

func TestKeysRevokeInAListWithoutDates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	a, b, c := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
	os.WriteFile(path, fmt.Appendf(nil, `{"keys": [{"secret": %q}, {"secret": %q}, {"secret": %q}]}`, a.Reveal(), b.Reveal(), c.Reveal()), 0o600)
	keysLine(t, "", "revoke", path, cookiesession.Key{Secret: a}.ID())
	states := keyStates(t, path)
	if len(states) != 2 || !strings.HasSuffix(states[0], "sealing") || states[1] != (cookiesession.Key{Secret: c}).ID()+" opening" {
		t.Errorf("the first in the list and the one before it should go: %v", states)
	}
}

func TestKeysCheckGivesEveryReason(t *testing.T) {
	path, id := newKeyFile(t)
	if got := keysLine(t, "", "check", path); got.code != exitDone || !strings.Contains(got.out, id) || got.err != "" {
		t.Errorf("a good file: %+v", got)
	}
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o660: false, 0o602: false} {
		os.Chmod(path, mode)
		if got := keysLine(t, "", "check", path); (got.code == exitDone) != good || strings.Contains(got.err, "chmod 600 "+path) == good {
			t.Errorf("a file of mode %04o: %+v", mode, got)
		}
	}
	bad := `{"keys": [{"secret": "0123"}, {"format": "jwt", "secrets": ""}]}`
	got := keysLine(t, bad, "check", "-")
	for _, want := range []string{"key number 1", "2 bytes", "key number 2", `unknown field "secrets"`} {
		if !strings.Contains(got.err, want) {
			t.Errorf("want %q among the reasons, got %s", want, got.err)
		}
	}
	if got.code != exitFailed || got.out != "" {
		t.Errorf("a bad file: %+v", got)
	}
	if got := keysLine(t, "", "check", path+".none"); got.code != exitFailed || !strings.Contains(got.err, `"cookiesession keys new `+path+`.none" makes a key file`) {
		t.Errorf("a missing file: %+v", got)
	}
}

func TestKeysAreAFilterForRingsThatAreKeptElsewhere(t *testing.T) {
	made := keysLine(t, "", "new", "-")
	rotated := keysLine(t, made.out, "rotate", "-")
	if rotated.code != exitDone || !strings.Contains(rotated.err, "added key") {
		t.Fatalf("%+v", rotated)
	}
	ring, err := cookiesession.ParseKeyring(rotated.out)
	if err != nil || len(ring.Status()) != 2 {
		t.Errorf("rotate - should print the new file alone: %v", err)
	}
	listed := keysLine(t, rotated.out, "list", "-")
	if listed.code != exitDone || strings.Count(listed.out, "\n") != 3 || !strings.Contains(listed.out, "pending") {
		t.Errorf("%+v", listed)
	}
}

func TestKeysRecogniseABareSecret(t *testing.T) {
	secret := cookiesession.NewSecret().Reveal() + "\n"
	path := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(path, []byte(secret), 0o600)
	want := path + ` is a bare secret and no key file; "cookiesession keys new -secret ` + path + ` keys.json" makes a key file of it`
	for _, args := range [][]string{{"keys", "check", path}, {"keys", "rotate", path}, {"inspect", "-keys", path}, {"demo", "-keys", path}} {
		got := runLine(t.Context(), nil, args...)
		if got.code != exitFailed || !strings.Contains(got.err, want) || strings.Contains(got.out+got.err, secret[:43]) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := keysLine(t, secret, "check", "-"); !strings.Contains(got.err, "standard input is a bare secret") {
		t.Errorf("%+v", got)
	}
}

func TestADryRevocationSaysTheSameAndChangesNothing(t *testing.T) {
	path, first := newKeyFile(t)
	keysLine(t, "", "rotate", path)
	before, _ := os.ReadFile(path)
	dry := keysLine(t, "", "revoke", "-dry-run", path, first)
	if after, _ := os.ReadFile(path); dry.code != exitDone || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %+v", dry)
	}
	real := keysLine(t, "", "revoke", path, first)
	for line := range strings.Lines(real.out) {
		if strings.HasPrefix(line, "revoked") && !strings.Contains(dry.out, line) {
			t.Errorf("%q is not in\n%s", line, dry.out)
		}
	}
	if strings.Count(real.out, "revoked") != 2 || !strings.HasPrefix(dry.out, "Nothing was changed.") {
		t.Errorf("%q and %q", dry.out, real.out)
	}
	if got := keysLine(t, "", "revoke", "-dry-run", path, "none"); got.code != exitFailed || !strings.Contains(got.err, `no key "none"`) {
		t.Errorf("an unknown id: %+v", got)
	}
}

func TestKeysUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, exitUsage, "rotate FILE"},
		{"help", []string{"-h"}, exitDone, "Examples:"},
		{"something else", []string{"rotated"}, exitUsage, "keys -h"},
		{"no file", []string{"rotate"}, exitUsage, "a key file is needed\nUsage: cookiesession keys rotate"},
		{"neither file nor id", []string{"revoke"}, exitUsage, "a key file is needed"},
		{"two files", []string{"check", "a", "b"}, exitUsage, "1 arguments too many"},
		{"a flag behind the file", []string{"list", "keys.json", "-json"}, exitUsage, "before the file"},
		{"an unknown flag", []string{"list", "-yaml", "keys.json"}, exitUsage, "Usage:"},
		{"no id", []string{"revoke", "keys.json"}, exitUsage, "the id of a key is needed"},
	} {
		got := keysLine(t, "", c.args...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) || (c.code == exitDone) != (got.err == "") {
			t.Errorf("%s: want code %d and %q, got %+v", c.name, c.code, c.want, got)
		}
	}
	for _, c := range keysCommands {
		got := keysLine(t, "", c.name, "-h")
		if got.code != exitDone || !strings.Contains(got.out, "Example") || !strings.Contains(got.out, "cookiesession keys "+c.name) {
			t.Errorf("keys %s -h: %+v", c.name, got)
		}
	}
}

// TestTheBuiltCommandRotatesAFileThatIsFollowed is the whole routine with the
// real binary and the real clock.
func TestTheBuiltCommandRotatesAFileThatIsFollowed(t *testing.T) {
	dir := t.TempDir()
	bin, path := filepath.Join(dir, "cookiesession"), filepath.Join(dir, "keys.json")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(bin, append([]string{"keys"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	command("new", path)
	command("rotate", "-after", "1h", path)
	ring, err := cookiesession.LoadKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := ring.Status(); len(st) != 2 || st[0].State != cookiesession.KeyPending || st[1].State != cookiesession.KeySealing {
		t.Errorf("want a pending and a sealing key, got %+v", st)
	}
	if out := command("list", path); !strings.Contains(out, "pending") {
		t.Error(out)
	}
	command("check", path)
	os.Truncate(path, 0)
	out, err := exec.Command(bin, "keys", "check", path).CombinedOutput()
	if code := err.(*exec.ExitError).ExitCode(); code != exitFailed {
		t.Errorf("check of an empty file: code %d, %s", code, out)
	}
}

func TestKeysRevokeTakesAnIDThatBeginsWithADash(t *testing.T) {
	var key cookiesession.Key
	for !strings.HasPrefix(key.ID(), "-") { // one in 64
		key.Secret = cookiesession.NewSecret()
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	text := `{"keys":[{"secret":"` + key.Secret.Reveal() + `"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := keysLine(t, "", "revoke", path, key.ID()); got.code != exitDone {
		t.Errorf("%+v", got)
	}
}
