package etcd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestTheCommandsOfTheDocumentRotateAFollowedRing runs the etcd block of
// docs/rotation.md with the real etcdctl.
func TestTheCommandsOfTheDocumentRotateAFollowedRing(t *testing.T) {
	need(t, "etcdctl", "etcd-client")
	s := startServer(t)
	text, err := os.ReadFile("../../docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- run: etcd -->\n```bash\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the document has no block to run")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "cookiesession"), "./cmd/cookiesession")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.put(t, ringText(newKey()))
	ring := follow(t, s.client(t, s.addr))
	rotate := exec.CommandContext(t.Context(), "bash", "-c", string(block[1]))
	rotate.Dir = dir
	rotate.Env = append(os.Environ(), "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS="+s.addr, "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := rotate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "the ring to have a pending key", func() bool {
		st := ring.Status()
		return len(st) == 2 && st[0].SealFrom.After(time.Now()) && !st[1].OpenUntil.IsZero()
	})
}

// need skips without a program, and fails where nothing may be skipped.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
		t.Fatalf("%s is not installed: apt-get install %s", program, debian)
	}
	t.Skipf("needs %s: apt-get install %s", program, debian)
}
