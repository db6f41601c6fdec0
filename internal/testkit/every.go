package testkit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// ReadEverything reads the session in every way there is. It is for sessions
// of which nobody knows what they hold: none of these may panic.
func ReadEverything(t testing.TB, s *cookiesession.Session) {
	t.Helper()
	for _, key := range append(s.Keys(), "k") {
		s.Value(key)
		s.Has(key)
		cookiesession.Get[string](s, key)
		cookiesession.Get[int8](s, key)
		cookiesession.Get[uint64](s, key)
		cookiesession.Get[float32](s, key)
		cookiesession.Get[bool](s, key)
		cookiesession.Get[[]byte](s, key)
		cookiesession.Get[time.Time](s, key)
		cookiesession.Get[[]any](s, key)
		cookiesession.Get[[3]int](s, key)
		cookiesession.Get[map[string]any](s, key)
		cookiesession.Get[map[int]string](s, key)
		cookiesession.Get[*struct {
			K []time.Duration
			X any `msgpack:"k"`
		}](s, key)
	}
	s.All()
	s.Flashes()
	s.Views()
	s.ExpiresAt()
	s.Expiry()
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("it has no JSON: %v", err)
	}
	_ = fmt.Sprintf("%v %+v %#v", s, s, s)
}

// WriteEverything changes the session in many ways and commits it.
func WriteEverything(t testing.TB, m *cookiesession.Manager, s *cookiesession.Session) {
	t.Helper()
	for _, key := range s.Keys() {
		_, _ = s.Add(key, 1)
		_ = cookiesession.Edit(s, key, func(v *any) error { return nil })
	}
	_, _ = s.SetDefault("k", 1)
	_ = s.Update(map[string]any{"a": 1, "z": "z"})
	_ = s.Flash("f", 1)
	s.KeepFlash()
	for i, key := range s.Keys() {
		switch i % 3 {
		case 0:
			_ = s.Delete(key)
		case 1:
			cookiesession.Pop[string](s, key)
		}
	}
	if err := m.Commit(http.Header{}, s, 200); err != nil {
		t.Logf("commit: %v", err)
	}
}
