package cookiesession_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// A service whose key file systemd hands over.
func ExampleLoadKeyFile() {
	ring, err := cookiesession.LoadKeyFile(filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), "keys.json"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/", sessions.Handler(http.NotFoundHandler()))
}

// TestEveryWayToExchangeAFileIsSeen gives each way a file under key a and
// wants the ring to be under key b at the next look.
func TestEveryWayToExchangeAFileIsSeen(t *testing.T) {
	for name, exchange := range map[string]struct {
		path   func(t *testing.T, dir, old string) string // makes the file
		change func(t *testing.T, dir, path, text string)
	}{
		"rename over": {plainKeyFile, func(t *testing.T, dir, path, text string) {
			writeKeyFile(t, path+".new", text)
			mustWork(t, os.Rename(path+".new", path))
		}},
		"truncate and rewrite": {plainKeyFile, func(t *testing.T, dir, path, text string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			mustWork(t, err)
			_, err = f.WriteString(text)
			mustWork(t, err)
			mustWork(t, f.Close())
		}},
		"rewrite of the same size with the same time": {plainKeyFile, func(t *testing.T, dir, path, text string) {
			info, err := os.Stat(path)
			mustWork(t, err)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			mustWork(t, err)
			_, err = f.WriteString(text)
			mustWork(t, err)
			mustWork(t, f.Close())
			mustWork(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		}},
		"remove and make anew": {plainKeyFile, func(t *testing.T, dir, path, text string) {
			mustWork(t, os.Remove(path))
			writeKeyFile(t, path, text)
		}},
		"Kubernetes' exchange of ..data": {kubernetesKeyFile, func(t *testing.T, dir, path, text string) {
			mustWork(t, os.Mkdir(filepath.Join(dir, "..2026_2"), 0o755))
			writeKeyFile(t, filepath.Join(dir, "..2026_2", "keys.json"), text)
			mustWork(t, os.Symlink("..2026_2", filepath.Join(dir, "..data_tmp")))
			mustWork(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
			mustWork(t, os.RemoveAll(filepath.Join(dir, "..2026_1")))
		}},
		"a retargeted link": {linkedKeyFile, func(t *testing.T, dir, path, text string) {
			writeKeyFile(t, filepath.Join(dir, "b"), text)
			mustWork(t, os.Remove(path))
			mustWork(t, os.Symlink(filepath.Join(dir, "b"), path))
		}},
		"a linked folder exchanged": {func(t *testing.T, dir, old string) string {
			mustWork(t, os.Mkdir(filepath.Join(dir, "release1"), 0o755))
			writeKeyFile(t, filepath.Join(dir, "release1", "keys.json"), old)
			mustWork(t, os.Symlink("release1", filepath.Join(dir, "current")))
			return filepath.Join(dir, "current", "keys.json")
		}, func(t *testing.T, dir, path, text string) {
			mustWork(t, os.Mkdir(filepath.Join(dir, "release2"), 0o755))
			writeKeyFile(t, filepath.Join(dir, "release2", "keys.json"), text)
			mustWork(t, os.Remove(filepath.Join(dir, "current")))
			mustWork(t, os.Symlink("release2", filepath.Join(dir, "current")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, dir := cookiesession.NewSecret(), cookiesession.NewSecret(), t.TempDir()
				path := exchange.path(t, dir, keyFileText(a))
				ring, err := cookiesession.LoadKeyFile(path)
				mustWork(t, err)
				var events ringEvents
				ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add})
				wantSealing(t, ring, a)
				exchange.change(t, dir, path, keyFileText(b))
				time.Sleep(5*time.Second - time.Nanosecond)
				wantSealing(t, ring, a) // not so often
				time.Sleep(time.Nanosecond)
				wantSealing(t, ring, b)
				time.Sleep(time.Hour)
				wantSealing(t, ring, b)
				if got, want := events.kinds(), []string{"keys-loaded " + keyID(b)}; !slices.Equal(got, want) {
					t.Errorf("want the events %q, got %q", want, got)
				}
				if ago := time.Since(ring.LastRead()); ago != 0 {
					t.Errorf("the file was last read %v ago, but it was due", ago)
				}
			})
		})
	}
}

func TestAHandlerThatTakesLongReadsTheFileNoMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := plainKeyFile(t, t.TempDir(), keyFileText(cookiesession.NewSecret()))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		s := ringManager(t, cookiesession.Config{Keyring: ring}).Open(t.Context())
		s.Has("k")
		time.Sleep(time.Hour)
		mustWork(t, ring.Err())
		read := ring.LastRead()
		time.Sleep(time.Second)
		mustWork(t, s.Set("k", 1))
		if !ring.LastRead().Equal(read) {
			t.Error("a Set read the file a second after it had been read")
		}
	})
}

func TestABadFileIsReportedOnceAndTheOldKeysStay(t *testing.T) {
	other := cookiesession.NewSecret()
	for name, spoil := range map[string]struct {
		bad    func(path, good string) error
		reason string
	}{
		"half written":     {func(p, good string) error { return os.WriteFile(p, []byte(good[:len(good)/2]), 0o600) }, "cut short"},
		"without its end":  {func(p, good string) error { return os.WriteFile(p, []byte(good[:len(good)-1]), 0o600) }, "cut short"},
		"emptied":          {func(p, good string) error { return os.Truncate(p, 0) }, "empty"},
		"broken":           {func(p, good string) error { return os.WriteFile(p, []byte("keys: []"), 0o600) }, "JSON"},
		"binary":           {func(p, good string) error { return os.WriteFile(p, []byte{0, 1, 2, 0xff}, 0o600) }, "JSON"},
		"a list":           {func(p, good string) error { return os.WriteFile(p, []byte("[]"), 0o600) }, "no JSON object"},
		"something behind": {func(p, good string) error { return os.WriteFile(p, []byte(good+good), 0o600) }, "behind the closing brace"},
		"no keys":          {func(p, good string) error { return os.WriteFile(p, []byte(`{"keys": []}`), 0o600) }, "needs a key"},
		"null keys":        {func(p, good string) error { return os.WriteFile(p, []byte(`{"keys": null}`), 0o600) }, "needs a key"},
		"an empty object":  {func(p, good string) error { return os.WriteFile(p, []byte(`{}`), 0o600) }, "needs a key"},
		"keys are no list": {func(p, good string) error { return os.WriteFile(p, []byte(`{"keys": {}}`), 0o600) }, "no list"},
		"a null key":       {func(p, good string) error { return os.WriteFile(p, []byte(`{"keys": [null]}`), 0o600) }, "key number 1"},
		"an unknown field": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "}]", `, "sealfrom": "1"}]`, 1)), 0o600)
		}, `unknown field "sealfrom"`},
		"an unknown member": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "{", `{"version": 2, `, 1)), 0o600)
		}, `unknown field "version"`},
		"a field twice": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "[{", fmt.Sprintf(`[{"secret": %q, `, other.Reveal()), 1)), 0o600)
		}, `"secret" is there twice`},
		"a bad time": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "}]", `, "open_until": "tomorrow"}]`, 1)), 0o600)
		}, "open_until: no time"},
		"an unknown format": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "}]", `, "format": "gob"}]`, 1)), 0o600)
		}, `unknown format "gob"`},
		"a format that is no text": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "}]", `, "format": 5}]`, 1)), 0o600)
		}, "no text"},
		"a format that is null": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "}]", `, "format": null}]`, 1)), 0o600)
		}, "no text"},
		"a key twice": {func(p, good string) error {
			return os.WriteFile(p, []byte(strings.Replace(good, "[{", fmt.Sprintf(`[{"secret": %[1]q}, {"secret": %[1]q}, {`, other.Reveal()), 1)), 0o600)
		}, "there twice"},
		"too large":   {func(p, good string) error { return os.WriteFile(p, []byte(good+strings.Repeat(" ", 64<<10)), 0o600) }, "bytes"},
		"missing":     {removeFile, "no such file"},
		"a folder":    {func(p, good string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "not a regular file"},
		"a pipe":      {func(p, good string) error { return errors.Join(os.Remove(p), exec.Command("mkfifo", p).Run()) }, "not a regular file"},
		"a dead link": {func(p, good string) error { return errors.Join(os.Remove(p), os.Symlink("nowhere", p)) }, "no such file"},
		"a link loop": {func(p, good string) error { return errors.Join(os.Remove(p), os.Symlink(p, p)) }, "symbolic links"},
		"a file in place of its folder": {func(p, good string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(p)), os.WriteFile(filepath.Dir(p), nil, 0o600))
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
				path := plainKeyFile(t, t.TempDir(), keyFileText(a))
				ring, err := cookiesession.LoadKeyFile(path)
				mustWork(t, err)
				var events ringEvents
				visitor := &ringVisitor{handler: ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add}))}
				mustWork(t, spoil.bad(path, keyFileText(a)))
				for i := range 10 {
					time.Sleep(6 * time.Second)
					if got := visitor.get(); got != fmt.Sprint(i+1) {
						t.Fatalf("visit %d counted %s", i+1, got)
					}
				}
				wantSealing(t, ring, a)
				if err := ring.Err(); err == nil || !strings.Contains(err.Error(), spoil.reason) || !strings.Contains(err.Error(), path) {
					t.Errorf("want an error about %q that names the file, got %v", spoil.reason, err)
				}
				if got := events.kinds(); !slices.Equal(got, []string{"keys-refused "}) {
					t.Errorf("it should be reported exactly once, got %q", got)
				}
				if _, err := cookiesession.LoadKeyFile(path); err == nil || !strings.Contains(err.Error(), spoil.reason) {
					t.Errorf("a first load should fail for the same reason, got %v", err)
				}

				if err := os.RemoveAll(path); err != nil { // its folder is a file
					mustWork(t, os.Remove(filepath.Dir(path)))
				}
				mustWork(t, os.MkdirAll(filepath.Dir(path), 0o700))
				writeKeyFile(t, path, keyFileText(b, a))
				time.Sleep(5 * time.Second)
				wantSealing(t, ring, b)
				if ring.Err() != nil {
					t.Errorf("a good file should clear Err: %v", ring.Err())
				}
				if got := events.kinds(); !slices.Equal(got, []string{"keys-loaded " + keyID(b)}) {
					t.Errorf("the recovery should be reported, got %q", got)
				}
			})
		})
	}
}

func TestTheSameGoodFileAgainClearsTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		mustWork(t, os.Truncate(path, 0))
		time.Sleep(5 * time.Second)
		if ring.Err() == nil {
			t.Fatal("an emptied file was not noticed")
		}
		writeKeyFile(t, path, keyFileText(a))
		time.Sleep(5 * time.Second)
		if ring.Err() != nil {
			t.Error("the old content is good again, but Err stays:", ring.Err())
		}
	})
}

func TestAFileWhoseDatesComeTrueIsTakenWithoutAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		var events ringEvents
		ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add})
		writeKeyFile(t, path, fmt.Sprintf(`{"keys": [{"secret": %q, "seal_from": "2000-01-01T01:00:00Z"}]}`, b.Reveal()))
		time.Sleep(59 * time.Minute)
		wantSealing(t, ring, a)
		time.Sleep(2 * time.Minute)
		wantSealing(t, ring, b)
		if got, want := events.kinds(), []string{"keys-refused ", "keys-loaded " + keyID(b)}; !slices.Equal(got, want) {
			t.Errorf("want the events %q, got %q", want, got)
		}
	})
}

func TestAFrozenProcessSeesTheNewKeysInItsFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		visitor := &ringVisitor{handler: ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add}))}
		visitor.get()
		writeKeyFile(t, path, keyFileText(b, a))
		time.Sleep(72 * time.Hour) // nothing runs: no goroutine would have looked
		if got := visitor.get(); got != "2" || visitor.keyID() != keyID(b) {
			t.Errorf("the first request after the thaw counted %s under key %s; want 2 under %s", got, visitor.keyID(), keyID(b))
		}
	})
}

// TestAnUnknownKeyIsLookedForAtOnceButNotByEveryForgery: between two ordinary
// looks, a cookie under a key that is in the file already must open, and a
// flood of made-up ids must not become a flood of reads.
func TestAnUnknownKeyIsLookedForAtOnceButNotByEveryForgery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		m := ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: new(ringEvents).add})

		elsewhere, err := cookiesession.NewKeyring(cookiesession.Key{Secret: b})
		mustWork(t, err)
		visitor := &ringVisitor{handler: ringCounter(ringManager(t, cookiesession.Config{Keyring: elsewhere, OnEvent: new(ringEvents).add}))}
		visitor.get()
		writeKeyFile(t, path, keyFileText(b, a))
		time.Sleep(500*time.Millisecond - time.Nanosecond)
		if s := m.Open(t.Context(), visitor.header()); !errors.Is(s.Rejected(), cookiesession.ErrUnknownKey) {
			t.Errorf("before half a second has passed the file should not be read again, got %v", s.Rejected())
		}
		time.Sleep(time.Nanosecond)
		if s := m.Open(t.Context(), visitor.header()); s.IsNew() {
			t.Errorf("the key was in the file: %v", s.Rejected())
		}

		reads, last := 0, ring.LastRead()
		for range 1000 { // 10 seconds
			m.Open(t.Context(), "s_session=none.MTc2MzYzMjAwMHw").Has("x")
			if at := ring.LastRead(); at != last {
				reads, last = reads+1, at
			}
			time.Sleep(10 * time.Millisecond)
		}
		if reads == 0 || reads > 20 {
			t.Errorf("10 seconds of forged key ids caused %d reads; want some, at most 20", reads)
		}
	})
}

func TestReplaceEndsFollowingAndARefusedOneDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		if ring.Replace() == nil {
			t.Fatal("a ring without keys was accepted")
		}
		writeKeyFile(t, path, keyFileText(b))
		time.Sleep(5 * time.Second)
		wantSealing(t, ring, b)
		mustWork(t, ring.Replace(cookiesession.Key{Secret: c}))
		writeKeyFile(t, path, keyFileText(a))
		time.Sleep(time.Minute)
		wantSealing(t, ring, c)
		if !ring.LastRead().IsZero() {
			t.Error("a ring that follows no file should have read none")
		}
	})
}

// TestAListenerMayAskAnythingAndHoldsUpNobody: events come without a lock.
func TestAListenerMayAskAnythingAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
		path := plainKeyFile(t, t.TempDir(), keyFileText(a))
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		release := make(chan struct{})
		var called atomic.Bool
		ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: func(_ context.Context, e cookiesession.Event) {
			if e.Kind != cookiesession.EventKeysLoaded || called.Swap(true) {
				return
			}
			<-release
			ring.Status()
			if err := ring.Replace(cookiesession.Key{Secret: c}); err != nil {
				t.Error(err)
			}
		}})
		writeKeyFile(t, path, keyFileText(b))
		time.Sleep(5 * time.Second)
		go ring.Status() // finds the new file and hangs in the listener
		synctest.Wait()
		wantSealing(t, ring, b)
		time.Sleep(5 * time.Second)
		wantSealing(t, ring, b)
		close(release)
		synctest.Wait()
		wantSealing(t, ring, c)
	})
}

func TestAFollowedFileIsReadByOneAtATimeUnderTraffic(t *testing.T) {
	secrets := []cookiesession.Secret{cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()}
	path := plainKeyFile(t, t.TempDir(), keyFileText(secrets...))
	synctest.Test(t, func(t *testing.T) {
		ring, err := cookiesession.LoadKeyFile(path)
		mustWork(t, err)
		var events ringEvents
		handler := ringCounter(ringManager(t, cookiesession.Config{Keyring: ring, OnEvent: events.add}))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				visitor := &ringVisitor{handler: handler}
				for i := range 60 {
					if got := visitor.get(); got != fmt.Sprint(i+1) {
						t.Errorf("visit %d counted %s", i+1, got)
						return
					}
					time.Sleep(time.Second)
				}
			})
		}
		for i := range 10 {
			time.Sleep(5 * time.Second)
			writeKeyFile(t, path+".new", keyFileText(secrets[i%3], secrets[(i+1)%3], secrets[(i+2)%3]))
			mustWork(t, os.Rename(path+".new", path))
		}
		wg.Wait()
		if n := len(events.kinds()); n == 0 || n > 10 {
			t.Errorf("10 changes were reported %d times", n)
		}
	})
}

func TestTheWorkingDirectoryMayChange(t *testing.T) {
	a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
	dir := t.TempDir()
	t.Chdir(dir)
	synctest.Test(t, func(t *testing.T) {
		writeKeyFile(t, "keys.json", keyFileText(a))
		ring, err := cookiesession.LoadKeyFile("keys.json")
		mustWork(t, err)
		mustWork(t, os.Chdir(os.TempDir()))
		writeKeyFile(t, filepath.Join(dir, "keys.json"), keyFileText(b))
		time.Sleep(5 * time.Second)
		wantSealing(t, ring, b)
	})
}

func TestFollowingAFileAllocatesNothingBetweenLooks(t *testing.T) {
	ring, err := cookiesession.LoadKeyFile(plainKeyFile(t, t.TempDir(), keyFileText(cookiesession.NewSecret())))
	mustWork(t, err)
	ring.Err()
	if n := testing.AllocsPerRun(100, func() { ring.Err() }); n > 0.1 { // one look in a very slow run
		t.Errorf("looking whether a look is due allocates %v times", n)
	}
}

func TestParseKeyringTakesAListOrAKeyFile(t *testing.T) {
	a, b := cookiesession.NewSecret(), cookiesession.NewSecret()
	ids := []string{cookiesession.Key{Secret: a}.ID(), cookiesession.Key{Secret: b}.ID()}
	for name, text := range map[string]string{
		"commas":               a.Reveal() + "," + b.Reveal(),
		"commas and spaces":    "  " + a.Reveal() + " , " + b.Reveal() + "\n",
		"lines":                a.Reveal() + "\r\n\n" + b.Reveal() + "\n",
		"a key file":           fmt.Sprintf(`{"keys": [{"secret": %q}, {"secret": %q}]}`, a.Reveal(), b.Reveal()),
		"a key file with room": fmt.Sprintf("\n {\"keys\":\n[{\"secret\": %q}, {\"secret\": %q}]} ", a.Reveal(), b.Reveal()),
	} {
		ring, err := cookiesession.ParseKeyring(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		st := ring.Status()
		if len(st) != 2 || st[0].ID != ids[0] || st[1].ID != ids[1] || st[0].State != cookiesession.KeySealing || st[1].State != cookiesession.KeyOpening {
			t.Errorf("%s: want the first to seal and the second to open, got %+v", name, st)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "line breaks": "\n\n", "a missing older one": a.Reveal() + ",", "a missing newer one": "," + a.Reveal(),
		"a missing one between": a.Reveal() + ",," + b.Reveal(), "one twice": a.Reveal() + "," + a.Reveal(), "a short one": a.Reveal() + ",short",
	} {
		if _, err := cookiesession.ParseKeyring(text); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestKeysAreAPartOfAnApplicationsOwnConfiguration(t *testing.T) {
	s := cookiesession.NewSecret()
	var cfg struct {
		Listen string
		Ring   cookiesession.Keyring  `json:"ring"`
		Other  *cookiesession.Keyring `json:"other"`
		Keys   []cookiesession.Key    `json:"list"`
		Until  time.Time              `json:"until"`
	}
	text := fmt.Sprintf(`{"listen": ":80", "ring": {"keys": [{"secret": %[1]q}]}, "other": {"keys": [{"secret": %[1]q, "format": "compact"}]},
		"list": [{"secret": %[1]q, "seal_from": "2026-11-20T10:00:00+01:00", "open_until": null}]}`, s.Reveal())
	if err := json.Unmarshal([]byte(text), &cfg); err == nil || !strings.Contains(err.Error(), "open_until") {
		t.Errorf("a date that is null was accepted: %v", err)
	}
	text = strings.Replace(text, `, "open_until": null`, "", 1)
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	id := cookiesession.Key{Secret: s}.ID()
	if cfg.Ring.Status()[0].ID != id || cfg.Other.Status()[0].Format != cookiesession.FormatCompact || cfg.Keys[0].ID() != id || cfg.Keys[0].SealFrom.UTC().Hour() != 9 {
		t.Errorf("decoded something else: %+v", cfg.Keys)
	}
	back, err := json.Marshal(cfg.Keys)
	if err != nil || !strings.Contains(string(back), "secret("+id+")") || strings.Contains(string(back), "hash_key") {
		t.Errorf("a key should marshal as its fingerprint, without absent fields: %s %v", back, err)
	}
	if err := json.Unmarshal(back, &cfg.Keys); err == nil || !strings.Contains(err.Error(), "Reveal") {
		t.Errorf("a marshalled fingerprint was read as a secret: %v", err)
	}
	var f flag.FlagSet
	var fromFlag cookiesession.Secret
	f.TextVar(&fromFlag, "key", cookiesession.Secret{}, "")
	if err := f.Parse([]string{"-key", s.Reveal()}); err != nil || fromFlag != s {
		t.Error("a secret should be readable through encoding.TextUnmarshaler", err)
	}
}

// TestNoErrorQuotesASecret pastes secrets where they do not belong.
func TestNoErrorQuotesASecret(t *testing.T) {
	s := cookiesession.NewSecret().Reveal()
	for _, text := range []string{
		`"%s"`, `["%s"]`, `{"%s": 1}`, `{"keys": "%s"}`, `{"keys": ["%s"]}`, `{"keys": {"%s": 1}}`,
		`{"keys": [{"%s": 1}]}`, `{"keys": [{"secret": ["%s"]}]}`, `{"keys": [{"secret": "x %s"}]}`, `{"keys": [{"secret": "%s !"}]}`,
		`{"keys": [{"seal_from": "%s"}]}`, `{"keys": [{"secret": "%[1]s", "open_until": "%[1]s"}]}`, `{"keys": [{"secret": "%[1]s", "format": "%[1]s"}]}`,
		`{"keys": [{"secret": "%[1]s", "secret": "%[1]s"}]}`, `{"keys": [{"secret": "%[1]s"}, {"secret": "%[1]s"}]}`,
		`{"keys": [{"hash_key": "%s"}]}`, `{"keys": [{"secret": "%[1]s", "hash_key": "%[1]s", "block_key": "%[1]s"}]}`,
		`{"keys": [{"secret": "%s"}]} x`, `{"keys": [{"secret": "%s"`, `{"keys": [{"secret": "%s`, `{"keys": [{"secret": %s}]}`, `%s`,
		`{"keys": [{"secret": "%s", "open_until": "2001-01-01T00:00:00Z"}]}`,
	} {
		text = fmt.Sprintf(text, s)
		path := filepath.Join(t.TempDir(), "keys.json")
		os.WriteFile(path, []byte(text), 0o600)
		_, fileErr := cookiesession.LoadKeyFile(path)
		_, listErr := cookiesession.ParseKeyring(text + ",")
		var ring cookiesession.Keyring
		var key cookiesession.Key
		for from, err := range map[string]error{
			"LoadKeyFile": fileErr, "ParseKeyring": listErr, "Keyring": json.Unmarshal([]byte(text), &ring), "UnmarshalJSON": ring.UnmarshalJSON([]byte(text)), "ReplaceJSON": ring.ReplaceJSON([]byte(text)), "Key": key.UnmarshalJSON([]byte(text)),
		} {
			if err == nil {
				t.Errorf("%s accepts %s", from, strings.ReplaceAll(text, s, "SECRET"))
				continue
			}
			if msg := fmt.Sprintf("%v %+v %#v %q", err, err, err, err); strings.Contains(msg, s[:12]) {
				t.Errorf("%s quotes the secret: %v", from, err)
			}
		}
	}
}

func FuzzParseKeyFile(f *testing.F) {
	s, p := cookiesession.NewSecret(), cookiesession.NewSecret()
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"keys":[]}`, `{"keys":[null]}`, `{"keys":null,"keys":[]}`, keyFileText(s), keyFileText(s, p), keyFileText(s)[:30],
		fmt.Sprintf(`{"keys":[{"hash_key":%q,"block_key":%q,"format":"compact"}]}`, s.Reveal(), p.Reveal()),
		fmt.Sprintf(`{"keys":[{"secret":%q,"seal_from":"2026-11-20T10:00:00Z","open_until":"9999-12-31T23:59:59Z"},{"secret":%q}]}`, s.Reveal(), p.Reveal()),
		`{"keys":[{"secret":{"a":[1,2,{"b":null}]}}]}`, `{"\u006beys":[{"secret":"\ud800"}]}`, strings.Repeat(`{"keys":[`, 50), "\ufeff{}", `{"keys":[{"seal_from":"0000-01-01T00:00:00Z"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ring cookiesession.Keyring
		err := ring.UnmarshalJSON(data)
		if (err == nil) != (len(ring.Status()) > 0) {
			t.Fatalf("keys and error disagree: %v %v", err, ring.Status())
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "cookiesession: ") {
				t.Errorf("an error without its origin: %v", err)
			}
			return
		}
		if n := len(ring.Status()); n > 16 || !json.Valid(data) {
			t.Errorf("%d keys from a text that should be refused", n)
		}
		sealing := 0
		for _, k := range ring.Status() {
			if k.State == cookiesession.KeySealing {
				sealing++
			}
		}
		if sealing != 1 {
			t.Errorf("%d keys seal", sealing)
		}
	})
}

func keyFileText(secrets ...cookiesession.Secret) string {
	var entries []string
	for _, s := range secrets {
		entries = append(entries, fmt.Sprintf(`{"secret": %q}`, s.Reveal()))
	}
	return `{"keys": [` + strings.Join(entries, ", ") + "]}"
}

func keyID(s cookiesession.Secret) string { return cookiesession.Key{Secret: s}.ID() }

func plainKeyFile(t *testing.T, dir, text string) string {
	path := filepath.Join(dir, "keys.json")
	writeKeyFile(t, path, text)
	return path
}

// kubernetesKeyFile is how the kubelet lays out a mounted Secret.
func kubernetesKeyFile(t *testing.T, dir, text string) string {
	mustWork(t, os.Mkdir(filepath.Join(dir, "..2026_1"), 0o755))
	writeKeyFile(t, filepath.Join(dir, "..2026_1", "keys.json"), text)
	mustWork(t, os.Symlink("..2026_1", filepath.Join(dir, "..data")))
	path := filepath.Join(dir, "keys.json")
	mustWork(t, os.Symlink(filepath.Join("..data", "keys.json"), path))
	return path
}

func linkedKeyFile(t *testing.T, dir, text string) string {
	writeKeyFile(t, filepath.Join(dir, "a"), text)
	path := filepath.Join(dir, "keys.json")
	mustWork(t, os.Symlink(filepath.Join(dir, "a"), path))
	return path
}

func writeKeyFile(t *testing.T, path, text string) {
	t.Helper()
	mustWork(t, os.WriteFile(path, []byte(text), 0o600))
}

func removeFile(path, _ string) error { return os.Remove(path) }

// wantSealing asks for the status, which is use: it looks at the file if due.
func wantSealing(t *testing.T, ring *cookiesession.Keyring, s cookiesession.Secret) {
	t.Helper()
	for _, k := range ring.Status() {
		if k.State == cookiesession.KeySealing && k.ID != keyID(s) {
			t.Fatalf("want key %s to seal, but %s does (%v)", keyID(s), k.ID, ring.Err())
		}
	}
}

func mustWork(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ringEvents is an OnEvent that remembers.
type ringEvents struct {
	mu   sync.Mutex
	list []cookiesession.Event
}

func (l *ringEvents) add(_ context.Context, e cookiesession.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, e)
}

// kinds gives what happened to keys since it was last asked: kind and key id.
func (l *ringEvents) kinds() (kinds []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.list {
		if e.Kind == cookiesession.EventKeysLoaded || e.Kind == cookiesession.EventKeysRefused {
			kinds = append(kinds, string(e.Kind)+" "+e.KeyID)
		}
	}
	l.list = nil
	return kinds
}
