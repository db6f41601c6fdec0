package keyring_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession/internal/keyfile"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/keys"
)

// file is a key file in memory that counts how often it is read.
type file struct {
	text  string
	reads int
	hang  chan bool // nil: it answers at once
}

func (f *file) read(string) ([]byte, error) {
	f.reads++
	text := f.text
	if f.hang != nil {
		<-f.hang
	}
	return []byte(text), nil
}

func follow(t *testing.T, f *file) *keyring.Ring {
	t.Helper()
	r := new(keyring.Ring)
	r.Follow(keyfile.Follow("keys.json", f.read))
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

func of(secrets ...keys.Secret) (list []keys.Material) {
	for _, s := range secrets {
		list = append(list, keys.Material{Secret: s})
	}
	return list
}

func ids(list []keys.Material) (all []string) {
	for _, m := range list {
		all = append(all, m.ID())
	}
	return all
}

func fileOf(s keys.Secret) string { return fmt.Sprintf(`{"keys": [{"secret": %q}]}`, s.Reveal()) }

func TestAZeroRingHasNoKeysAndNothingToTell(t *testing.T) {
	var r keyring.Ring
	now := time.Now()
	if r.InForce() != nil || r.Current(now) != nil || r.Find("none", now) != nil || r.Err() != nil || !r.LastRead().IsZero() {
		t.Error("it has")
	}
	r.Notify()
}

func TestKeysAreReplacedWholeOrNotAtAll(t *testing.T) {
	a, b := of(keys.NewSecret()), of(keys.NewSecret(), keys.NewSecret())
	var r keyring.Ring
	var told []keyring.News
	r.Attach(func(n keyring.News) { told = append(told, n) })
	why := errors.New("the store is away")
	for _, step := range []struct {
		name    string
		list    []keys.Material
		err     error
		refused bool
		inForce []keys.Material
	}{
		{"the first keys", a, nil, false, a},
		{"a key twice", slices.Concat(b, b), nil, true, a},
		{"keys that could not be had", nil, why, true, a},
		{"other keys", b, nil, false, b},
	} {
		told = nil
		err := r.Replace(step.list, step.err)
		if (err != nil) != step.refused || step.err != nil && !errors.Is(err, step.err) || !errors.Is(r.Err(), err) {
			t.Errorf("%s: returned %v, and Err is %v", step.name, err, r.Err())
		}
		if got := r.InForce().IDs(); !slices.Equal(got, ids(step.inForce)) {
			t.Errorf("%s: the keys in force are %v", step.name, got)
		}
		if len(told) != 1 || !errors.Is(told[0].Err, err) || !step.refused && told[0].KeyID != step.inForce[0].ID() {
			t.Errorf("%s: told %+v", step.name, told)
		}
	}
}

func TestAFileIsReadWhenItIsDueAndEarlyForAnUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keys.NewSecret(), keys.NewSecret()
		f := &file{text: fileOf(a)}
		r := follow(t, f)
		start := time.Now()
		f.text = fileOf(b)
		aID, bID := ids(of(a))[0], ids(of(b))[0]
		for _, step := range []struct {
			name  string
			after time.Duration
			id    string
			found bool
			reads int
		}{
			{"a known key, at once", 0, aID, true, 1},
			{"an unknown key, too soon", 500*time.Millisecond - 1, bID, false, 1},
			{"a known key, before five seconds", 500 * time.Millisecond, aID, true, 1},
			{"an unknown key after half a second", 500 * time.Millisecond, bID, true, 2},
			{"the key that is gone, too soon", 600 * time.Millisecond, aID, false, 2},
			{"the key that is gone", time.Second, aID, false, 3},
			{"a known key after five seconds", 6 * time.Second, bID, true, 4},
		} {
			time.Sleep(time.Until(start.Add(step.after)))
			k := r.Find(step.id, time.Now())
			if (k != nil) != step.found || k != nil && k.ID() != step.id || f.reads != step.reads {
				t.Errorf("%s: found %v after %d readings", step.name, k != nil, f.reads)
			}
			if got := r.InForce(); got == nil || f.reads != step.reads {
				t.Errorf("%s: asking for the keys in force has read the file", step.name)
			}
		}
	})
}

func TestAKeyPastItsEndIsNotFound(t *testing.T) {
	now := time.Now()
	guest := keys.Material{Secret: keys.NewSecret(), OpenUntil: now.Add(time.Hour)}
	var r keyring.Ring
	if err := r.Replace(append(of(keys.NewSecret()), guest), nil); err != nil {
		t.Fatal(err)
	}
	if r.Find(guest.ID(), now.Add(time.Hour-1)) == nil || r.Find(guest.ID(), now.Add(time.Hour)) != nil {
		t.Error("it ends too early or too late")
	}
}

// TestNothingWaitsForAFileThatHangs: while one goroutine reads, the others go on
// with the keys in force, and these can be replaced. What the file then says is
// not taken any more.
func TestNothingWaitsForAFileThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := keys.NewSecret(), keys.NewSecret(), keys.NewSecret()
		f := &file{text: fileOf(a)}
		r := follow(t, f)
		var told []keyring.News
		r.Attach(func(n keyring.News) { told = append(told, n) })
		r.Notify()
		told = nil

		f.text, f.hang = fileOf(b), make(chan bool)
		time.Sleep(5 * time.Second)
		go r.Current(time.Now())
		synctest.Wait()
		time.Sleep(time.Hour)
		if got := r.Current(time.Now()).IDs(); !slices.Equal(got, ids(of(a))) || r.Find("none", time.Now()) != nil {
			t.Errorf("while the file hangs the keys are %v", got)
		}
		if err := r.Replace(of(c), nil); err != nil {
			t.Fatal(err)
		}
		close(f.hang)
		synctest.Wait()
		if got := r.Current(time.Now()).IDs(); !slices.Equal(got, ids(of(c))) || f.reads != 2 || r.Err() != nil {
			t.Errorf("after %d readings the keys are %v, %v", f.reads, got, r.Err())
		}
		if len(told) != 1 || told[0].KeyID != ids(of(c))[0] {
			t.Errorf("told %+v", told)
		}
	})
}

func TestARefusedReplacementDoesNotEndFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keys.NewSecret(), keys.NewSecret()
		f := &file{text: fileOf(a)}
		r := follow(t, f)
		if r.Replace(nil, nil) == nil {
			t.Fatal("no keys were accepted")
		}
		f.text = fileOf(b)
		time.Sleep(5 * time.Second)
		if got := r.Current(time.Now()).IDs(); !slices.Equal(got, ids(of(b))) || r.Err() != nil || !r.LastRead().Equal(time.Now()) {
			t.Errorf("the keys are %v, %v", got, r.Err())
		}
	})
}

// TestAListenerMayAskAndChangeTheRing: it is called without a lock.
func TestAListenerMayAskAndChangeTheRing(t *testing.T) {
	a, b := of(keys.NewSecret()), of(keys.NewSecret())
	var r keyring.Ring
	var order []string
	r.Attach(func(n keyring.News) {
		order = append(order, n.KeyID)
		if n.KeyID == a[0].ID() {
			r.Attach(func(n keyring.News) { order = append(order, "late "+n.KeyID) })
			if err := r.Replace(b, nil); err != nil || r.Err() != nil {
				t.Error(err)
			}
		}
	})
	if err := r.Replace(a, nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{a[0].ID(), b[0].ID(), "late " + b[0].ID()}; !slices.Equal(order, want) {
		t.Errorf("want the news %v, got %v", want, order)
	}
}
