package keyfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession/internal/keyfile"
	"github.com/cookiesession/cookiesession/internal/keys"
)

func TestAFileIsDueEveryFiveSecondsAndEarlierForAnUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := keyfile.Follow("keys.json", func(string) ([]byte, error) { return nil, fs.ErrNotExist })
		if !f.Due(time.Now()) || !f.DueEarly(time.Now()) {
			t.Error("a file that was never read is not due")
		}
		f.Reload(nil, func(*keys.Set, error) {})
		read := time.Now()
		if !f.LastRead().Equal(read) {
			t.Errorf("it was read at %v, not at %v", read, f.LastRead())
		}
		for _, c := range []struct {
			name       string
			after      time.Duration
			due, early bool
		}{
			{"at once", 0, false, false},
			{"just before half a second", 500*time.Millisecond - 1, false, false},
			{"after half a second", 500 * time.Millisecond, false, true},
			{"just before five seconds", 5*time.Second - 1, false, true},
			{"after five seconds", 5 * time.Second, true, true},
			{"a request that began five seconds before the reading", -5 * time.Second, false, false},
			{"a clock that was set back by more", -5*time.Second - 1, true, true},
		} {
			if due, early := f.Due(read.Add(c.after)), f.DueEarly(read.Add(c.after)); due != c.due || early != c.early {
				t.Errorf("%s: due %v, early %v", c.name, due, early)
			}
		}
	})
}

// file is a key file in memory that a test can change, and what a Follower told
// about it.
type file struct {
	text string
	err  error
	set  *keys.Set
	told []string
}

func (f *file) read(string) ([]byte, error) { return []byte(f.text), f.err }

// reload gives what the Follower tells: "loaded" and the ids, or the error.
func (f *file) reload(from *keyfile.Follower) string {
	f.told = nil
	from.Reload(f.set, func(set *keys.Set, err error) {
		if err != nil {
			f.told = append(f.told, err.Error())
			return
		}
		f.set = set
		f.told = append(f.told, "loaded "+strings.Join(set.IDs(), " "))
	})
	return strings.Join(f.told, "; ")
}

func TestOnlyWhatHasChangedIsTold(t *testing.T) {
	a, b := keys.NewSecret(), keys.NewSecret() // in the bubble FIPS 140 mode gives no random bytes
	synctest.Test(t, func(t *testing.T) {
		id := func(s keys.Secret) string { return keys.Material{Secret: s}.ID() }
		text := func(s keys.Secret, more string) string {
			return fmt.Sprintf(`{"keys": [{"secret": %q%s}]}`, s.Reveal(), more)
		}
		var f file
		follower := keyfile.Follow("/etc/keys.json", f.read)
		for _, step := range []struct {
			name  string
			text  string
			err   error
			wait  time.Duration
			wants []string // what the news contain; none: no news
		}{
			{"the first reading", text(a, ""), nil, 0, []string{"loaded " + id(a)}},
			{"the same again", text(a, ""), nil, 0, nil},
			{"other keys", text(b, ""), nil, 0, []string{"loaded " + id(b)}},
			{"a broken file", `{"keys": [`, nil, 0, []string{"cut short", `(key file "/etc/keys.json")`}},
			{"the same broken file", `{"keys": [`, nil, time.Hour, nil},
			{"broken in another way", `{"keys": `, nil, 0, []string{"cut short"}},
			{"a file that cannot be read", "", errors.New("cookiesession: on fire"), 0, []string{"cookiesession: on fire (key file"}},
			{"the same error again", "", errors.New("cookiesession: on fire"), 0, nil},
			{"another error", "", errors.New("cookiesession: wet"), 0, []string{"wet"}},
			{"the keys that are in force", text(b, ""), nil, 0, []string{"loaded " + id(b)}},
			{"keys that seal only later", text(a, `, "seal_from": "2000-01-01T02:00:00Z"`), nil, 0, []string{"no key would seal"}},
			{"before that time", text(a, `, "seal_from": "2000-01-01T02:00:00Z"`), nil, 59 * time.Minute, nil},
			{"at that time", text(a, `, "seal_from": "2000-01-01T02:00:00Z"`), nil, time.Minute, []string{"loaded " + id(a)}},
			{"and later", text(a, `, "seal_from": "2000-01-01T02:00:00Z"`), nil, time.Minute, nil},
		} {
			time.Sleep(step.wait)
			f.text, f.err = step.text, step.err
			got := f.reload(follower)
			if (got == "") != (step.wants == nil) || len(f.told) > 1 {
				t.Errorf("%s: the news are %q", step.name, got)
			}
			for _, want := range step.wants {
				if !strings.Contains(got, want) {
					t.Errorf("%s: want news of %q, got %q", step.name, want, got)
				}
			}
		}
	})
}

func TestAReloadTakesOverTheCounts(t *testing.T) {
	a, b := keys.NewSecret(), keys.NewSecret()
	f := file{text: fmt.Sprintf(`{"keys": [{"secret": %q}]}`, a.Reveal())}
	follower := keyfile.Follow("keys.json", f.read)
	f.reload(follower)
	k := f.set.ByID(f.set.IDs()[0])
	text, _ := k.Sealer().Seal(nil, "name", []byte("plain"))
	if _, err := k.Open("name", string(text)); err != nil {
		t.Fatal(err)
	}
	f.text = fmt.Sprintf(`{"keys": [{"secret": %q}, {"secret": %q}]}`, b.Reveal(), a.Reveal())
	f.reload(follower)
	if st := f.set.Status(time.Now()); len(st) != 2 || st[1].Opened != 1 {
		t.Errorf("want the second of two keys with a count of 1, got %+v", st)
	}
}

// TestNobodyWaitsForAFileThatHangs: a network file system may not answer.
func TestNobodyWaitsForAFileThatHangs(t *testing.T) {
	began, answer := make(chan bool, 1), make(chan error)
	f := keyfile.Follow("keys.json", func(string) ([]byte, error) {
		began <- true
		return nil, <-answer
	})
	taken := make(chan error, 2)
	take := func(_ *keys.Set, err error) { taken <- err }
	go f.Reload(nil, take)
	<-began
	if f.Due(time.Now()) {
		t.Error("the file is due although it is being read")
	}
	second := make(chan bool)
	go func() {
		f.Reload(nil, take)
		close(second)
	}()
	select {
	case <-second:
	case <-time.After(10 * time.Second):
		t.Fatal("a second reader waits for the first")
	}
	if len(began) != 0 || len(taken) != 0 {
		t.Error("the file is read by two at once, or something is told before it was read")
	}
	answer <- fs.ErrNotExist
	if err := <-taken; !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("want the answer of the first, got %v", err)
	}
	go func() { answer <- fs.ErrPermission }()
	for len(began) == 0 { // until the first has left
		f.Reload(nil, take)
	}
	if err := <-taken; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("want the answer of the next reading, got %v", err)
	}
}

// TestTheNextReadingWaitsUntilTheLastOneIsTaken: otherwise older keys could be
// taken after newer ones, and would stay.
func TestTheNextReadingWaitsUntilTheLastOneIsTaken(t *testing.T) {
	reads := 0
	f := keyfile.Follow("keys.json", func(string) ([]byte, error) {
		reads++
		return nil, fmt.Errorf("error %d", reads)
	})
	f.Reload(nil, func(*keys.Set, error) {
		f.Reload(nil, func(*keys.Set, error) { t.Error("taken within taking") })
	})
	if reads != 1 {
		t.Errorf("%d readings", reads)
	}
}

// TestAPipeIsRefusedAtOnce: the path may lead to a pipe from one reading to the
// next, and nobody may ever write to it.
func TestAPipeIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if out, err := exec.Command("mkfifo", path).CombinedOutput(); err != nil {
		t.Skipf("no pipe to test with: %v %s", err, out)
	}
	done := make(chan error)
	go func() {
		_, err := keyfile.Read(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("want an error about the kind of file, got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for somebody to write into the pipe")
	}
}

func TestOnlyARegularFileOfBoundedSizeIsRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"empty": 0, "largest": 64 << 10, "too large": 64<<10 + 1} {
		if err := os.WriteFile(path(name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("largest", path("link")); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"empty": 0, "largest": 64 << 10, "link": 64 << 10} {
		if data, err := keyfile.Read(path(name)); err != nil || len(data) != size {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	for name, reason := range map[string]string{"too large": "more than 65536 bytes", ".": "not a regular file", "missing": "no such file"} {
		data, err := keyfile.Read(path(name))
		if err == nil || data != nil || !strings.Contains(err.Error(), reason) || !strings.HasPrefix(err.Error(), "cookiesession: ") {
			t.Errorf("%s: want an error about %q, got %v", name, reason, err)
		}
	}
	if _, err := keyfile.Read("/dev/zero"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("/dev/zero: %v", err)
	}
	if _, err := keyfile.Read(path("missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is not fs.ErrNotExist: %v", err)
	}
}
