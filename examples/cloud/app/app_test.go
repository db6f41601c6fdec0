package app_test

import (
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/cloud/app"
)

// A frozen instance runs nothing: whatever a goroutine were for would not happen.
func TestNeitherTheHandlerNorARequestStartsAGoroutine(t *testing.T) {
	before := goroutines()
	h, err := app.New(cookiesession.NewSecret().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Body.String() != "visit 1\n" {
		t.Errorf("answered %q", w.Body)
	}
	for _, g := range goroutines() { // by name: one of an earlier test may have ended meanwhile
		if !slices.Contains(before, g) {
			t.Errorf("%s was started", g)
		}
	}
}

func goroutines() []string {
	stacks := make([]byte, 1<<20)
	return regexp.MustCompile(`(?m)^goroutine \d+`).FindAllString(string(stacks[:runtime.Stack(stacks, true)]), -1)
}

func TestWithoutKeysThereIsNoHandler(t *testing.T) {
	if h, err := app.New(""); h != nil || err == nil {
		t.Errorf("New gave %v, %v", h, err)
	}
}
