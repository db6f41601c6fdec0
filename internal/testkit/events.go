package testkit

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// Events collects what a manager reports. Its method Add is a Config.OnEvent.
type Events struct {
	mu  sync.Mutex
	all []cookiesession.Event
}

// Add appends one event.
func (l *Events) Add(_ context.Context, e cookiesession.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// All returns what was reported since the last call of All or Take.
func (l *Events) All() (all []cookiesession.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, l.all = l.all, nil
	return all
}

// Take is All as text: "kind cookie, kind cookie".
func (l *Events) Take() string {
	var texts []string
	for _, e := range l.All() {
		texts = append(texts, strings.TrimSpace(string(e.Kind)+" "+e.CookieName))
	}
	return strings.Join(texts, ", ")
}

// Of returns the events of one kind that are collected, and leaves them.
func (l *Events) Of(kind cookiesession.EventKind) []cookiesession.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(e cookiesession.Event) bool { return e.Kind != kind })
}

// NothingRefused is a Config.OnEvent for tests in which no write may be refused.
func NothingRefused(t testing.TB) func(context.Context, cookiesession.Event) {
	return func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			t.Errorf("refused: %v", e.Err)
		}
	}
}

// Counts is a Config.OnEvent that counts one kind.
func Counts(n *int, kind cookiesession.EventKind) func(context.Context, cookiesession.Event) {
	return func(_ context.Context, e cookiesession.Event) {
		if e.Kind == kind {
			*n++
		}
	}
}

// Validates is a Config.Validate that returns what verdict holds.
func Validates(verdict *error) func(context.Context, *cookiesession.Session) error {
	return func(context.Context, *cookiesession.Session) error { return *verdict }
}
