package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// TestMain makes the test binary the command, or a program that works with
// it, where a test needs a process of its own.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == builtName {
		builtProgram()
	}
	switch os.Getenv("COOKIESESSION_TEST_PROCESS") {
	case "command":
		main()
	case "change keys":
		changeKeysOften(os.Args[1], os.Args[2])
	case "hold the lock":
		holdLock(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

// process is this test binary as one of the programs above.
func process(t *testing.T, as string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "COOKIESESSION_TEST_PROCESS="+as)
	return cmd
}

// changeKeysOften rotates and revokes, and prints what the commands that were
// done have said. A command that refuses must have changed nothing.
func changeKeysOften(path, rounds string) {
	n, _ := strconv.Atoi(rounds)
	for i := range n {
		args := []string{"keys", "rotate", "-after", fmt.Sprint(i+1) + "m", path}
		if i%4 == 3 {
			args = []string{"keys", "revoke", "--", path, firstID(path)}
		}
		var out, err bytes.Buffer
		code := run(context.Background(), args, stdio{in: strings.NewReader(""), out: &out, err: &err, env: os.Getenv})
		refused := regexp.MustCompile("to seal only from|at most 16|there is no key").MatchString(err.String())
		switch {
		case code == exitDone:
			os.Stdout.Write(out.Bytes())
		case !refused:
			fmt.Print("unexpected: ", err.String())
		}
	}
}

// firstID is the id of the first key in the file.
func firstID(path string) string {
	ring, err := cookiesession.LoadKeyFile(path)
	if err != nil {
		fmt.Println("unexpected:", err)
		return ""
	}
	return ring.Status()[0].ID
}

// TestSixProcessesLoseNoKey has six processes change one file, each a
// thousand times in all. The keys in the file must be those that were
// printed as added and not as gone.
func TestSixProcessesLoseNoKey(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 60
	}
	path, first := newKeyFile(t)
	var workers []*exec.Cmd
	said := make([]bytes.Buffer, 6)
	for i := range said {
		cmd := process(t, "change keys", path, fmt.Sprint(rounds/len(said)))
		cmd.Stdout, cmd.Stderr = &said[i], &said[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		workers = append(workers, cmd)
	}
	for i, cmd := range workers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	want, changes := map[string]bool{first: true}, 0
	lines := regexp.MustCompile(`(?m)^(added|revoked|dropped|unexpected:).*`)
	var gone []string
	for i := range said {
		for _, line := range lines.FindAllString(said[i].String(), -1) {
			switch words := strings.Fields(strings.ReplaceAll(line, ":", "")); words[0] {
			case "added":
				want[words[2]] = true
				changes++
			case "unexpected":
				t.Error(line)
			default:
				gone = append(gone, words[2])
			}
		}
	}
	for _, id := range gone {
		delete(want, id)
	}
	var got []string
	for _, k := range keyStates(t, path) {
		got = append(got, k[:4])
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Errorf("after %d changes the file has %v; the commands said %v", changes, got, want)
	}
	if changes < rounds/4 {
		t.Errorf("only %d changes: this test shows little", changes)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// holdLock holds the lock until the process is killed, in the middle of a
// change: the new file is written and not renamed yet.
func holdLock(path string) {
	if _, err := lockKeyFile(context.Background(), path); err != nil {
		fmt.Println(err)
	}
	os.WriteFile(path+".new", []byte("half"), 0o600)
	fmt.Println("locked")
	time.Sleep(time.Minute) // it is killed before
}

func TestAProcessThatDiesBlocksNobody(t *testing.T) {
	path, _ := newKeyFile(t)
	holder := process(t, "hold the lock", path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("locked\n"))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "locked\n" {
		t.Fatalf("%q %v", line, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if got := runLine(ended, nil, "keys", "rotate", path); got.code == exitDone || !strings.Contains(got.err, "nothing was changed") {
		t.Errorf("beside a process that has the lock: %+v", got)
	}
	holder.Process.Kill()
	holder.Wait()
	if got := keysLine(t, "", "rotate", path); got.code != exitDone || len(keyStates(t, path)) != 2 {
		t.Errorf("after its end: %+v", got)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
