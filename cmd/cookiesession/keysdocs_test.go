package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cloud stands in for kubectl, aws, etcdctl and docker. It keeps the ring in
// the file $STORE. $FETCH says how a fetch ends. It refuses a key file that
// others could read, and a ring that programs would refuse.
const cloud = `#!/usr/bin/env bash
set -euo pipefail
fetch() {
	case $FETCH in
	works) cat "$STORE" ;;
	fails) echo "connection refused" >&2; exit 1 ;;
	"fails in the middle") head -c 30 "$STORE"; exit 1 ;;
	"finds nothing") ;;
	esac
}
keep() { # a key file
	[ "$(stat -c %a "$1")" = 600 ] || { echo "$1 is not private" >&2; exit 1; }
	cp "$1" "$STORE"
}
first() { [ ! -e "$STORE" ] || { echo "there is one already" >&2; exit 1; }; keep "$1"; }
last="${*: -1}"
case "$(basename "$0") $*" in
"kubectl get secret session-keys -o jsonpath="*) fetch | base64 ;;
"kubectl create secret generic session-keys --from-file="*" --dry-run=client -o yaml") cat "${5#--from-file=}" ;;
"kubectl create secret generic session-keys --from-file="*) first "${5#--from-file=}" ;;
"kubectl apply -f -") cat > applied; [ -s applied ]; mv applied "$STORE" ;;
"aws secretsmanager get-secret-value --secret-id shop/session-keys --query SecretString --output text") fetch ;;
"aws secretsmanager create-secret --name shop/session-keys --secret-string file://"*) first "${last#file://}" ;;
"aws secretsmanager put-secret-value --secret-id shop/session-keys --secret-string file://"*) keep "${last#file://}" ;;
"etcdctl get --keys-only sessions/ring") if [ -e "$STORE" ]; then echo sessions/ring; fi ;;
"etcdctl get --print-value-only sessions/ring") fetch ;;
"etcdctl put sessions/ring") cat > "$STORE" ;;
"docker compose up --detach") first session-keys/keys.json ;;
*) echo "unexpected: $0 $*" >&2; exit 1 ;;
esac
`

// recipes are what the scripts of docs/rotation.md run in: a folder with the
// command and its stand-ins.
type recipes struct {
	blocks             map[string]string
	dir, store, folder string
}

func readRecipes(t *testing.T) recipes {
	t.Helper()
	text, err := os.ReadFile("../../docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	r := recipes{blocks: map[string]string{}, dir: t.TempDir()}
	for _, block := range regexp.MustCompile("(?s)<!-- run: ([a-z ]+) -->\n```(?:sh|bash)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		r.blocks[block[1]] = block[2]
	}
	if n := strings.Count(string(text), "<!-- run"); n != len(r.blocks) {
		t.Fatalf("%d of %d blocks of the document are found", len(r.blocks), n)
	}
	os.Mkdir(filepath.Join(r.dir, "bin"), 0o700)
	if err := os.Symlink(os.Args[0], filepath.Join(r.dir, "bin", "cookiesession")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubectl", "aws", "etcdctl", "docker"} {
		if err := os.WriteFile(filepath.Join(r.dir, "bin", name), []byte(cloud), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// fresh gives a script an empty folder and, for a store that has a ring, one.
func (r *recipes) fresh(t *testing.T, ring bool) {
	t.Helper()
	r.folder = t.TempDir()
	r.store = filepath.Join(t.TempDir(), "store")
	os.Mkdir(filepath.Join(r.folder, "tmp"), 0o700)
	if ring {
		if got := keysLine(t, "", "new", r.store); got.code != exitDone {
			t.Fatal(got.err)
		}
	}
}

func (r *recipes) run(t *testing.T, script, fetch string) error {
	t.Helper()
	// A folder of others' files and an open umask: the script has to see to it.
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "umask 022\n"+script)
	cmd.Dir = r.folder
	cmd.Env = append(os.Environ(), "COOKIESESSION_TEST_PROCESS=command", "STORE="+r.store, "FETCH="+fetch,
		"TMPDIR="+filepath.Join(r.folder, "tmp"), "PATH="+filepath.Join(r.dir, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if left, _ := os.ReadDir(filepath.Join(r.folder, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return err
}

func (r *recipes) stored(t *testing.T) string {
	t.Helper()
	text, _ := os.ReadFile(r.store)
	return string(text)
}

func TestTheRecipesForTheFirstRingMakeOneAndReplaceNone(t *testing.T) {
	r := readRecipes(t)
	for _, name := range []string{"kubernetes", "aws", "etcd", "compose"} {
		t.Run(name, func(t *testing.T) {
			r.fresh(t, false)
			if err := r.run(t, r.blocks[name+" first"], "works"); err != nil {
				t.Fatal(err)
			}
			sealingID(t, r.store)
			before := r.stored(t)
			if err := r.run(t, r.blocks[name+" first"], "works"); err == nil || r.stored(t) != before {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func TestTheRecipesRotateTheRing(t *testing.T) {
	r := readRecipes(t)
	for _, name := range []string{"kubernetes", "aws", "etcd"} {
		t.Run(name, func(t *testing.T) {
			r.fresh(t, true)
			if err := r.run(t, r.blocks[name], "works"); err != nil {
				t.Fatal(err)
			}
			if states := keyStates(t, r.store); len(states) != 2 || !strings.HasSuffix(states[0], " pending") {
				t.Errorf("the ring has %v", states)
			}
		})
	}
	t.Run("compose", func(t *testing.T) {
		r.fresh(t, false)
		if err := r.run(t, r.blocks["compose first"]+r.blocks["compose"], "works"); err != nil {
			t.Fatal(err)
		}
		if states := keyStates(t, filepath.Join(r.folder, "session-keys/keys.json")); len(states) != 2 {
			t.Errorf("the file has %v", states)
		}
	})
}

func TestARecipeWhoseFetchFailsStoresNothing(t *testing.T) {
	r := readRecipes(t)
	for _, name := range []string{"kubernetes", "aws", "etcd"} {
		for _, fetch := range []string{"fails", "fails in the middle", "finds nothing"} {
			t.Run(name+" "+fetch, func(t *testing.T) {
				r.fresh(t, true)
				before := r.stored(t)
				if err := r.run(t, r.blocks[name], fetch); err == nil || r.stored(t) != before {
					t.Errorf("%v; the stored ring is %d bytes long, and was %d", err, len(r.stored(t)), len(before))
				}
			})
		}
	}
}

func TestTheRoutineOfTheDocumentWorks(t *testing.T) {
	r := readRecipes(t)
	r.fresh(t, false)
	keys := filepath.Join(r.folder, "keys.json")
	for _, step := range []struct {
		name string
		keys int
	}{{"routine", 2}, {"leak", 1}, {"back", 1}} {
		script := "set -e\n" + r.blocks[step.name]
		if strings.Contains(script, "pX3w") {
			script = strings.ReplaceAll(script, "pX3w", sealingID(t, keys))
		}
		if err := r.run(t, script, "works"); err != nil {
			t.Fatal(step.name, err)
		}
		if states := keyStates(t, keys); len(states) != step.keys {
			t.Errorf("after %q the file has %v", step.name, states)
		}
	}
}

func TestTheUnitOfTheDocumentIsOne(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
			t.Fatal("systemd-analyze is not installed: apt-get install systemd")
		}
		t.Skip("needs systemd-analyze: apt-get install systemd")
	}
	text, err := os.ReadFile("../../docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	unit := regexp.MustCompile("(?s)```ini\n(.*?)```").FindSubmatch(text)
	if unit == nil {
		t.Fatal("the document has no unit")
	}
	path := filepath.Join(t.TempDir(), "shop.service")
	if err := os.WriteFile(path, unit[1], 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(systemd, "verify", path).CombinedOutput(); err != nil || strings.Contains(string(out), "shop.service") {
		t.Errorf("%v: %s", err, out)
	}
}
