package vectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// Opened is what a payload says. Values are tagged with their types: see Tag.
type Opened struct {
	ID       string         `json:"id,omitempty"` // as Session.ID gives it
	Created  int64          `json:"created,omitempty"`
	Modified int64          `json:"modified,omitempty"`
	Expiry   any            `json:"expiry,omitempty"`  // absent: policy; else {"browser":true}, {"idle":seconds} or {"at":time}
	Expires  int64          `json:"expires,omitempty"` // of flash of version 1
	Made     int64          `json:"made,omitempty"`    // of flash of version 2
	Values   map[string]any `json:"values,omitempty"`

	Metadata map[string][]byte `json:"metadata,omitempty"`

	Last     int64  `json:"last,omitempty"`
	Requests int    `json:"requests,omitempty"`
	Pages    int    `json:"pages,omitempty"`
	Unique   int    `json:"unique,omitempty"`
	History  []View `json:"history,omitempty"`

	Until int64  `json:"until,omitempty"` // of a sealed text
	Text  []byte `json:"text,omitempty"`
}

// View is one page view of a history.
type View struct {
	Path   string `json:"path"`
	Time   int64  `json:"time"`
	Status int    `json:"status"`
}

// Check opens the vector with the package itself, now, and compares what a
// session shows with what the vector wants.
func (v *Vector) Check(t *testing.T) {
	if v.Compartment == "text" {
		v.checkText(t)
		return
	}
	var refusals []error
	m := v.ManagerSealing(t, cookiesession.FormatSecurecookie, func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventRefused && e.CookieName == v.CookieName() {
			refusals = append(refusals, e.Err)
		}
	})
	s := m.Open(t.Context(), v.Cookie)
	got := v.open(s)
	if v.Refused != "" {
		v.checkRefused(t, m, s, refusals)
		return
	}
	if len(refusals) != 0 {
		t.Fatalf("refused: %v", refusals)
	}
	want := *v.Want
	want.Modified, want.Last, want.Expires, want.Made = 0, 0, 0, 0 // not to be seen from outside; the stranger's reader compares the payload
	if v.Compartment == "flash" {
		want.ID = ""
	}
	if g, w := JSON(t, got), JSON(t, &want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

var reasons = map[string]error{
	"invalid": cookiesession.ErrInvalid, "unknown key": cookiesession.ErrUnknownKey, "expired": cookiesession.ErrExpired,
}

// checkText is Check for a sealed text.
func (v *Vector) checkText(t *testing.T) {
	got, err := v.ManagerSealing(t, cookiesession.FormatSecurecookie, nil).Unseal(v.Purpose, v.Cookie)
	switch {
	case v.Refused != "":
		if reason := reasons[v.Refused]; reason == nil || !errors.Is(err, reason) {
			t.Errorf("refused with %v, want %q", err, v.Refused)
		}
	case err != nil || string(got) != string(v.Want.Text):
		t.Errorf("%q, %v; want %q", got, err, v.Want.Text)
	}
}

func (v *Vector) checkRefused(t *testing.T, m *cookiesession.Manager, s *cookiesession.Session, refusals []error) {
	reason := reasons[v.Refused]
	if len(refusals) != 1 || reason == nil || !errors.Is(refusals[0], reason) {
		t.Errorf("refused with %v, want %q once", refusals, v.Refused)
	}
	if v.Compartment != "data" {
		return
	}
	if s.Len() != 0 || !s.IsNew() || !errors.Is(s.Rejected(), reason) {
		t.Errorf("%d values of a refused session are shown: new %v, rejected %v", s.Len(), s.IsNew(), s.Rejected())
	}
	h := http.Header{}
	if err := m.Commit(h, s, 200); err != nil {
		t.Error(err)
	}
	if deleted := len(h["Set-Cookie"]) > 0; deleted != (v.Refused == "expired") {
		t.Errorf("a response that only looked sets %q", h["Set-Cookie"])
	}
}

// open asks the session everything that the vector's payload may say.
func (v *Vector) open(s *cookiesession.Session) *Opened {
	switch v.Compartment {
	case "flash":
		return &Opened{Values: TagAll(s.Flashes())}
	case "views":
		seen := s.Views()
		got := &Opened{ID: s.ID(), Created: s.Created().Unix(), Requests: seen.Requests - 1, Pages: seen.Pages - 1, Unique: seen.UniquePages}
		for _, p := range seen.History {
			got.History = append(got.History, View{p.Path, p.Time.Unix(), p.Status})
		}
		return got
	}
	got := &Opened{ID: s.ID(), Created: s.Created().Unix(), Values: TagAll(s.All())}
	if v.Want != nil {
		for name := range v.Want.Metadata {
			if got.Metadata == nil {
				got.Metadata = map[string][]byte{}
			}
			got.Metadata[name] = s.Metadata(name)
		}
	}
	switch e := s.Expiry(); {
	case e == cookiesession.Expiry{}:
	case e == cookiesession.BrowserClose():
		got.Expiry = map[string]any{"browser": true}
	default: // the vector knows the one it has
		want, _ := v.wantExpiry().(map[string]any)
		if at, ok := want["at"].(string); ok {
			if when, err := time.Parse(time.RFC3339Nano, at); err == nil && e == cookiesession.At(when) {
				got.Expiry = want
			}
		} else if sec, ok := want["idle"].(float64); ok && e == cookiesession.Idle(time.Duration(sec)*time.Second) {
			got.Expiry = want
		}
	}
	return got
}

func (v *Vector) wantExpiry() any {
	if v.Want == nil {
		return nil
	}
	return v.Want.Expiry
}

// TagAll is Tag for every value of a map.
func TagAll(values map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		out[k] = Tag(v)
	}
	return out
}

// Tag writes a value so that JSON in any language keeps its type.
func Tag(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		return map[string]any{"bool": v}
	case int64, uint64:
		return map[string]any{"int": fmt.Sprint(v)}
	case float64:
		return map[string]any{"float": v}
	case string:
		return map[string]any{"str": v}
	case []byte:
		return map[string]any{"bin": v}
	case time.Time:
		return map[string]any{"time": v.UTC().Format(time.RFC3339Nano)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = Tag(v[i])
		}
		return map[string]any{"list": list}
	case map[string]any:
		return map[string]any{"map": TagAll(v)}
	}
	return map[string]any{"unknown": fmt.Sprintf("%T", v)}
}

// JSON is v as encoding/json writes it.
func JSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	testkit.NoError(t, err)
	return string(text)
}
