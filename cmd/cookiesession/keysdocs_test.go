package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cloud plays kubectl and aws: it keeps the ring in a file beside it.
const cloud = `#!/bin/sh
case "$*" in
"get secret session-keys -o jsonpath="*) base64 < "$STORE" ;;
"create secret generic session-keys --from-file=keys.json --dry-run=client -o yaml") cat keys.json ;;
"apply -f -") cat > "$STORE" ;;
"secretsmanager get-secret-value --secret-id shop/session-keys --query SecretString --output text") cat "$STORE" ;;
"secretsmanager put-secret-value --secret-id shop/session-keys --secret-string file://keys.json") cat keys.json > "$STORE" ;;
*) echo "unexpected: $0 $*" >&2; exit 1 ;;
esac
`

// TestTheCommandsOfTheDocumentWork runs the marked blocks of docs/rotation.md
// one after the other, as someone would who follows it.
func TestTheCommandsOfTheDocumentWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- run -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 5 {
		t.Fatalf("the document has %d blocks to run; this test knows of 5", len(blocks))
	}
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "cookiesession"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"kubectl", "aws"} {
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte(cloud), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, block := range blocks {
		script := block[1]
		if keys := filepath.Join(dir, "keys.json"); strings.Contains(script, "pX3w") {
			script = strings.ReplaceAll(script, "pX3w", sealingID(t, keys))
		}
		os.Remove(store)
		if got := keysLine(t, "", "new", store); got.code != exitDone {
			t.Fatal(got.err)
		}
		cmd := exec.Command("sh", "-e", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "STORE="+store, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		if states := keyStates(t, store); (len(states) == 2 && strings.HasSuffix(states[0], "pending")) != (i >= 3) {
			t.Errorf("the fourth and the fifth block, and no other, should rotate what the cloud has; block %d left %v", i+1, states)
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
