package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Visitor is somebody with a browser, in a test. What goes wrong ends the test.
type Visitor struct {
	*testing.T
	Browser Browser
}

// Begin starts a browser with a profile of its own, and closes it at the end of
// the test. Without that browser on the machine the test is skipped, but not in
// CI.
func Begin[B Browser](t *testing.T, start func(ctx context.Context, profile string) (B, error)) B {
	t.Helper()
	browser, err := start(t.Context(), Profile(t))
	if errors.Is(err, ErrNoBrowser) && os.Getenv("COOKIESESSION_NO_SKIP") != "1" {
		t.Skipf("%v: install chromium and firefox-esr to run this", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Close() })
	return browser
}

// Profile makes a folder for a browser's profile. The folder may still change
// while it is removed: browsers write for a moment after they have ended.
func Profile(t *testing.T) string {
	folder, err := os.MkdirTemp("", "cookiesession-profile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for until := time.Now().Add(5 * time.Second); os.RemoveAll(folder) != nil && time.Now().Before(until); {
		}
	})
	return folder
}

// Visit opens a page and waits until it is loaded.
func (v *Visitor) Visit(url string) {
	v.Helper()
	if err := v.Browser.Open(url); err != nil {
		v.Fatal(err)
	}
}

// Click clicks on the first element that css selects.
func (v *Visitor) Click(css string) {
	v.Helper()
	if err := v.Browser.Click(css); err != nil {
		v.Fatalf("clicking %s: %v", css, err)
	}
}

// Sees waits until the text of css contains want. An empty want means no text.
func (v *Visitor) Sees(css, want string) {
	v.Helper()
	var text string
	v.Eventually(func() bool {
		text = v.Browser.Text(css)
		return want != "" && strings.Contains(text, want) || want == "" && text == ""
	}, func() string { return fmt.Sprintf("%s reads %q, want %q", css, text, want) })
}

// Holds waits until the browser has exactly these cookies of the session.
func (v *Visitor) Holds(want ...string) {
	v.Helper()
	var names []string
	v.Eventually(func() bool {
		names = nil
		for _, c := range v.Cookies() {
			names = append(names, c.Name)
		}
		return same(names, want)
	}, func() string { return fmt.Sprintf("the browser holds %v, want %v", names, want) })
}

// Eventually asks again and again, because another process draws the page.
func (v *Visitor) Eventually(ok func() bool, problem func() string) {
	v.Helper()
	late := time.After(20 * time.Second)
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for !ok() {
		select {
		case <-late:
			v.Fatal(problem())
		case <-every.C:
		}
	}
}

// Cookies returns the cookies of the session that the browser would send.
func (v *Visitor) Cookies() (ours []Cookie) {
	v.Helper()
	all, err := v.Browser.Cookies()
	if err != nil {
		v.Fatal(err)
	}
	for _, c := range all {
		if strings.HasPrefix(c.Name, "s_") {
			ours = append(ours, c)
		}
	}
	return ours
}

func same(a, b []string) bool {
	counts := make(map[string]int)
	for _, s := range a {
		counts[s]++
	}
	for _, s := range b {
		counts[s]--
	}
	for _, n := range counts {
		if n != 0 {
			return false
		}
	}
	return true
}
