package binding_test

import (
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/e2e"
)

// demoVisitor is someone with a browser in front of the demo, which the
// command builds with its adapters.
type demoVisitor struct {
	e2e.Visitor
	demo *e2e.Demo
}

func newDemoVisitor(t *testing.T, scripts bool) *demoVisitor {
	program, err := e2e.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	demo, err := e2e.Start(program, nil, "-tls", "-addr", "127.0.0.1:0", "-log", "warn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := demo.Stop(); err != nil {
			t.Errorf("the demo did not end cleanly: %v", err)
		}
	})
	return &demoVisitor{e2e.Visitor{T: t, Browser: bindingChromium(t, demo.Key, scripts)}, demo}
}

// logIn logs in and waits until the browser has bound the session.
func (v *demoVisitor) logIn() {
	v.Helper()
	v.Visit(v.demo.URL)
	v.Sees("#binding", "unbound")
	if err := v.Browser.Type("#name", "Ada"); err != nil {
		v.Fatal(err)
	}
	v.Click("#login")
	v.Sees("#user", "Ada")
	v.isBound()
}

func (v *demoVisitor) isBound() {
	v.Helper()
	v.Eventually(func() bool {
		v.Visit(v.demo.URL)
		return v.Browser.Text("#binding") == "bound"
	}, func() string { return "the session is " + v.Browser.Text("#binding") })
	v.Sees("#user", "Ada")
	v.Sees("#binding-says", "A copy of the cookies is worthless")
}

// This takes as long as the shortest bound cookie lives.
func TestTheDemoShowsABoundSessionAndItsThief(t *testing.T) {
	t.Parallel()
	v := newDemoVisitor(t, true)
	v.logIn()
	v.Click("#steal")
	v.Sees("#told", "now plays another client")
	v.Sees("#stolen", "Refused in 2:")
	ends := time.Now().Add(152 * time.Second) // lifetime, what the server adds, and whole seconds
	v.Click("#ask")
	v.Sees("#heard", "you are Ada; the session is bound")
	<-time.After(time.Until(ends))
	v.Click("#ask")
	v.Sees("#heard", "you are nobody; the session is stale")
	v.Sees("#heard", "you are Ada; the session is bound") // what was heard before stays
	v.Sees("#stolen", "The copied proof has ended")
	v.Sees("#user", "Ada") // the browser goes on
	v.Sees("#binding", "bound")
	v.isBound()
}

func TestTheDemosBindingNeedsNoJavaScript(t *testing.T) {
	t.Parallel()
	v := newDemoVisitor(t, false)
	v.logIn()
	v.Click("#ask")
	v.Sees("#told", "Nothing was copied yet")
	v.Click("#steal")
	v.Sees("#stolen", "Refused in 2:")
	v.Click("#ask")
	v.Sees("#heard", "you are Ada; the session is bound")
	v.Click("#look")
	v.Sees("#told", "how the session is bound now")
	v.Sees("#binding", "bound")
	v.Click("#everywhere") // copies end at once
	v.Sees("#told", "Logged out everywhere")
	v.Sees("#binding", "unbound")
	v.Click("#ask")
	v.Sees("#heard", "you are nobody; the session is unbound")
}
