package app_test

import (
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/cloud/app"
)

// A frozen instance runs nothing: whatever a goroutine were for would not happen.
func TestNeitherTheHandlerNorARequestStartsAGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	h, err := app.New(cookiesession.NewSecret().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Body.String() != "visit 1\n" {
		t.Errorf("answered %q", w.Body)
	}
	if after := runtime.NumGoroutine(); after > before { // the one of a test that ran before may have ended meanwhile
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestWithoutKeysThereIsNoHandler(t *testing.T) {
	if h, err := app.New(""); h != nil || err == nil {
		t.Errorf("New gave %v, %v", h, err)
	}
}
