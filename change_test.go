package cookiesession_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

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
