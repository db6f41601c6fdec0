package cookiesession_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestUpdateStoresAllOrNone(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{MaxBytes: 1024})
	v.Page(k)
	v.Page(func(s *cookiesession.Session) {
		if err := s.Update(map[string]any{"a": 1, "b": make(chan int), "c": 3}); err == nil {
			t.Error("a channel was stored")
		}
		if err := s.Update(map[string]any{"a": 1, "b": strings.Repeat("x", 2000)}); !errors.Is(err, cookiesession.ErrTooLarge) {
			t.Errorf("too much gives %v", err)
		}
		testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[k:1]")
		testkit.Equal(t, "Modified", s.Modified(), false)
		testkit.NoError(t, s.Update(nil))
		testkit.Equal(t, "Modified by nothing", s.Modified(), false)
		testkit.NoError(t, s.Update(map[string]any{"k": 2, "a": "x"}))
	})
	v.Has("a:x k:2")
}

func TestWritesAfterTheCommitAreRefusedAndReadsGoOn(t *testing.T) {
	var refused int
	v := testkit.NewVisitor(t, cookiesession.Config{OnEvent: testkit.Counts(&refused, cookiesession.EventWriteRefused)})
	v.Page(k)
	s := v.Now()
	s.Len()
	testkit.NoError(t, v.M.Commit(http.Header{}, s, 200))
	for name, write := range map[string]func() error{
		"Set":        func() error { return s.Set("k", 2) },
		"SetDefault": func() error { _, err := s.SetDefault("new", 2); return err },
		"Update":     func() error { return s.Update(map[string]any{"k": 2}) },
		"Add":        func() error { _, err := s.Add("k", 2); return err },
		"Edit":       func() error { return cookiesession.Edit(s, "k", func(n *int) error { *n = 2; return nil }) },
		"Delete":     func() error { return s.Delete("k") },
		"Clear":      s.Clear,
		"Destroy":    s.Destroy,
		"CycleID":    s.CycleID,
		"Flash":      func() error { return s.Flash("k", 2) },
		"FlashNow":   func() error { return s.FlashNow("k", 2) },
		"Commit":     func() error { return v.M.Commit(http.Header{}, s, 200) },
	} {
		if err := write(); !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("%s returns %v", name, err)
		}
	}
	_, ok := cookiesession.Pop[int](s, "k")
	testkit.Equal(t, "Pop", ok, false)
	testkit.Equal(t, "told", refused, 12) // all but Commit, and Pop
	for _, write := range []func(){s.MarkModified, s.SetTestCookie, s.DeleteTestCookie, s.Allow, s.Deny, s.ClearFlash, func() { s.KeepFlash() }, func() { s.SetExpiry(cookiesession.Expiry{}) }} {
		write()
	}
	testkit.Equal(t, "told of those without an error too", refused, 20)
	testkit.Equal(t, "the data", fmt.Sprint(s.All()), "map[k:1]")
}

// counted counts how many of its kind are encoded. Each takes n bytes.
type counted struct {
	encoded *int
	n       int
}

func (c counted) MarshalText() ([]byte, error) {
	*c.encoded++
	return make([]byte, c.n), nil
}

func (c *counted) UnmarshalText(text []byte) error {
	c.n = len(text)
	return nil
}

// TestUpdateStopsAtTheLimit counts how much of a large form is encoded, and
// measures the memory that it takes. Memory grows where time would, and it is
// the same on a busy machine.
func TestUpdateStopsAtTheLimit(t *testing.T) {
	for name, c := range map[string]struct{ keys, each, most int }{
		"20,000 short values":    {20_000, 1, 20_000},
		"20,000 values of 300 B": {20_000, 300, 1000},
		"3 values of 300 KB":     {3, 300_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := testkit.Manager(t, cookiesession.Config{OnEvent: new(testkit.Events).Add})
			encoded, form := 0, map[string]any{}
			for i := range c.keys {
				form[fmt.Sprintf("field %07d", i)] = counted{&encoded, c.each}
			}
			s := m.Open(t.Context())
			s.Len()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := s.Update(form)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, cookiesession.ErrTooLarge) || s.Len() != 0 {
				t.Errorf("%d keys are stored: %v", s.Len(), err)
			}
			if encoded > c.most {
				t.Errorf("%d values were encoded, want at most %d", encoded, c.most)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("it took %d bytes", took)
			}
		})
	}
}

func TestManyKeysToKeepOrToDeleteCostInProportion(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("k", 1)(s)
		testkit.Flash("f", 1)(s)
	})
	keys := make([]string, 30_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("field %07d", i)
	}
	start := time.Now()
	v.Page(func(s *cookiesession.Session) {
		s.KeepFlash(keys...)
		testkit.NoError(t, s.Delete(keys...))
		s.KeepFlash("f")
	})
	if took := time.Since(start); took > 1500*time.Millisecond*testkit.RaceFactor {
		t.Errorf("it took %v", took)
	}
	v.Has("f:1 k:1")
}

func TestAnErrorThatNamesALongKeyIsShort(t *testing.T) {
	s := testkit.QuietManager(t, cookiesession.Config{}, "").Open(t.Context())
	if err := s.Set(strings.Repeat("k", 300_000), 1); !errors.Is(err, cookiesession.ErrTooLarge) || len(err.Error()) > 300 {
		t.Errorf("the error has %d characters", len(fmt.Sprint(err)))
	}
}
