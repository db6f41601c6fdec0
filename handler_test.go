package cookiesession_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestACookieThatTheApplicationSetStaysAsItIs(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "s_session_mine", Value: "2"})
		testkit.Must(m.FromContext(r.Context()).Set("k", 1))
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "3"})
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 4 || lines[0] != "a=1" || lines[1] != "s_session_mine=2" || lines[2] != "b=3" || !strings.HasPrefix(lines[3], "s_session=") {
		t.Errorf("Set-Cookie: %q", lines)
	}
}

func TestTheHandlerCommitsASessionThatIsInTheContextAlready(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	r := httptest.NewRequest("GET", "/", nil)
	s := m.OpenRequest(r)
	testkit.Must(s.Set("before", 1))
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		testkit.Equal(t, "session", m.FromContext(r.Context()), s)
	})).ServeHTTP(w, r.WithContext(m.NewContext(r.Context(), s)))
	testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: w.Header()}.Names(), "s_session")
	testkit.Equal(t, "a write after it", s.Set("k", 1), cookiesession.ErrCommitted)
}

// verbs are more than fmt knows.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "% x", "%#x", "%t", "%b", "%o", "%c", "%e", "%U", "%p", "%T", "%10v", "%!"}

// printed is v in every way in which programs print.
func printed(v any) map[string]string {
	all := map[string]string{"Sprint": fmt.Sprint(v), "Sprintln": fmt.Sprintln(v), "error": fmt.Errorf("wrapped: %v", v).Error()}
	for _, verb := range verbs {
		all[verb] = fmt.Sprintf(verb, v)
		all[verb+" in a list"] = fmt.Sprintf(verb, []any{v})
		all[verb+" in a field"] = fmt.Sprintf(verb, struct{ V any }{v})
		all[verb+" in a field that is not exported"] = fmt.Sprintf(verb, struct{ v any }{v})
		all[verb+" in a map"] = fmt.Sprintf(verb, map[string]any{"v": v})
	}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("logged", "v", v, "in a field", struct{ V any }{v}, "not exported", struct{ v any }{v})
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("logged", "v", v, "in a field", struct{ V any }{v})
	all["slog as text"], all["slog as JSON"] = text.String(), structured.String()
	encoded, err := json.Marshal(v)
	all["JSON"] = fmt.Sprint(string(encoded), err)
	log := new(bytes.Buffer)
	stdlog.New(log, "", 0).Print(v)
	all["log"] = log.String()
	return all
}

// TestNothingOfOursPrintsASecret prints all that a handler, an event and
// Validate can get hold of.
func TestNothingOfOursPrintsASecret(t *testing.T) {
	type field struct{ s *cookiesession.Session }
	type withContext struct{ ctx context.Context }
	type withManager struct{ m *cookiesession.Manager }
	type withWriter struct{ w http.ResponseWriter }
	type key struct{}
	const value, flash, authorization = "planted-value", "planted-flash", "planted-authorization"
	secrets := []string{value, flash, authorization}
	held := func(place, text string, secrets []string) {
		for _, secret := range secrets {
			for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%d", []byte(secret)), fmt.Sprintf("% x", secret)} {
				if strings.Contains(text, form) {
					t.Fatalf("%s shows %q: %s", place, secret, text)
				}
			}
		}
	}
	print := func(place string, things map[string]any) {
		for name, v := range things {
			for how, text := range printed(v) {
				planted := secrets
				if strings.Contains(how, "JSON") { // MarshalJSON is for the values
					planted = secrets[2:]
				}
				held(fmt.Sprint(place, ": ", how, " of ", name), text, planted)
			}
		}
	}
	sessionThings := func(ctx context.Context, m *cookiesession.Manager, s *cookiesession.Session) map[string]any {
		return map[string]any{
			"session": s, "struct with a session": field{s}, "pointer to one": &field{s}, "list": []*cookiesession.Session{s}, "structs": []field{{s}},
			"context": ctx, "struct with a context": withContext{ctx}, "pointer to that": &withContext{ctx},
			"manager": m, "struct with a manager": withManager{m},
		}
	}
	secret := cookiesession.NewSecret()
	secrets = append(secrets, secret.Reveal())
	var m *cookiesession.Manager
	m = testkit.Manager(t, cookiesession.Config{
		Keyring: testkit.Ring(t, secret), TrackViews: true, MaxBytes: 2000,
		OnEvent: func(ctx context.Context, e cookiesession.Event) {
			things := map[string]any{"event": e, "pointer to an event": &e, "context": ctx, "error": e.Err}
			print("event "+string(e.Kind), things)
		},
		Validate: func(ctx context.Context, s *cookiesession.Session) error {
			print("Validate", sessionThings(ctx, m, s))
			return nil
		},
	})
	v := &testkit.Visitor{T: t, M: m, Jar: testkit.NewJar(t)}
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("k", value)(s)
		testkit.Flash("f", flash)(s)
	})
	for _, c := range v.Cookies() {
		secrets = append(secrets, c.Value, c.Value[5:])
	}
	r := v.Request("/")
	r.Header.Set("Authorization", authorization)
	var panicked any
	func() {
		defer func() { panicked = recover() }()
		v.Serve(r, func(w http.ResponseWriter, r *http.Request) {
			ctx, s := r.Context(), m.FromContext(r.Context())
			print("a handler, before it has looked", sessionThings(ctx, m, s))
			s.Len()
			_ = s.Set("large", strings.Repeat(value, 1000)) // the event of a refusal
			print("a handler", sessionThings(ctx, m, s))
			derived, cancel := context.WithTimeout(context.WithValue(ctx, key{}, 1), time.Hour)
			defer cancel()
			print("a handler, derived", map[string]any{"context": derived, "without cancel": context.WithoutCancel(derived), "struct": withContext{derived}})
			print("a handler's writer", map[string]any{"writer": w, "struct": withWriter{w}})
			testkit.Set("more", 1)(s)
			w.WriteHeader(http.StatusOK)
			for _, c := range (testkit.Answer{Header: w.Header()}).Cookies() {
				if c.Value != "" {
					secrets = append(secrets, c.Value)
				}
			}
			print("a writer after the header", map[string]any{"writer": w, "struct": withWriter{w}})
			panic(ctx)
		})
	}()
	print("a panic", map[string]any{"value": panicked})
	if text := fmt.Sprint(panicked); !strings.Contains(text, "WithSession") {
		t.Errorf("the handler did not panic with its context: %s", text)
	}
}

// TestTwoHandlersCommitASessionOnce: NewContext lets a program hand one session
// to any number of handlers.
func TestTwoHandlersCommitASessionOnce(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	handler := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = m.FromContext(r.Context()).Set("k", 1)
	}))
	for range 200 {
		r := httptest.NewRequest("GET", "/", nil)
		s := m.OpenRequest(r)
		testkit.Must(s.Set("k", 0))
		r = r.WithContext(m.NewContext(r.Context(), s))
		writers := []*httptest.ResponseRecorder{httptest.NewRecorder(), httptest.NewRecorder()}
		start := make(chan struct{})
		var all sync.WaitGroup
		for _, w := range writers {
			all.Go(func() {
				<-start
				handler.ServeHTTP(w, r.Clone(r.Context()))
			})
		}
		close(start)
		all.Wait()
		if n := len(writers[0].Header()["Set-Cookie"]) + len(writers[1].Header()["Set-Cookie"]); n != 1 {
			t.Fatalf("the session was committed %d times", n)
		}
	}
}

func TestTwoManagersOfOneNameNestedAreToldOnce(t *testing.T) {
	events := new(testkit.Events)
	ring := testkit.Ring(t)
	outer := testkit.QuietManager(t, cookiesession.Config{Keyring: ring}, "")
	inner := testkit.Manager(t, cookiesession.Config{Keyring: ring, OnEvent: events.Add})
	another := testkit.Manager(t, cookiesession.Config{Keyring: ring, Name: "another", OnEvent: events.Add})
	page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inner.FromContext(r.Context()).Len()
		another.FromContext(r.Context()).Len()
		outer.FromContext(r.Context()).Len()
	})
	handler := outer.Handler(inner.Handler(another.Handler(page)))
	for range 3 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	all := events.All()
	if len(all) != 1 || all[0].Kind != cookiesession.EventNested || all[0].CookieName != "s_session" || !strings.Contains(fmt.Sprint(all[0].Err), "one Name") {
		t.Errorf("events: %v, want one that tells of the nesting", all)
	}
	inner.Handler(page).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(
		outer.NewContext(another.NewContext(t.Context(), another.Open(t.Context())), outer.Open(t.Context()))))
	testkit.Equal(t, "further events", len(events.All()), 0)
}
