package acceptance_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// planted are secrets that stand where a request has them. Whatever an
// application prints of ours, none of them may be in it: logs are read by more
// people than hold the keys.
type planted struct {
	cookie  []string // what stands in the Cookie header
	header  []string // what stands in other fields of the request
	values  []string // of the session
	keys    []string // the texts of secrets
	derived [][]byte // the bytes of secrets
}

// visit has a manager answer one request with all of the planted secrets in it,
// and calls print with what a handler, a hook and an operator can get hold of.
func (p *planted) visit(t *testing.T, print func(where, what string, value any)) {
	t.Helper()
	secret, hashKey, blockKey := cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()
	for _, s := range []cookiesession.Secret{secret, hashKey, blockKey} {
		p.keys = append(p.keys, s.Reveal())
		raw, err := base64.RawURLEncoding.DecodeString(s.Reveal())
		testkit.NoError(t, err)
		p.derived = append(p.derived, raw)
	}
	keys := []cookiesession.Key{{Secret: secret}, {HashKey: hashKey, BlockKey: blockKey}}
	ring := testkit.Keyring(t, keys...)
	cfg := cookiesession.Config{Keyring: ring, TrackViews: true, OnEvent: func(context.Context, cookiesession.Event) {}}
	p.values = []string{"planted-value", "planted-flash"}
	jar := testkit.CommitAfter(t, testkit.Manager(t, cfg), "", func(s *cookiesession.Session) {
		testkit.Must(s.Set("k", p.values[0]))
		testkit.Must(s.Flash("f", p.values[1]))
	})
	for _, values := range testkit.CookiesOf(jar) {
		p.cookie = append(p.cookie, values[0][5:30]) // behind the key id
	}
	p.cookie = append(p.cookie, "planted-cookie")
	p.header = []string{"planted-authorization"}

	var m *cookiesession.Manager
	cfg.Validate = func(ctx context.Context, s *cookiesession.Session) error {
		print("Validate", "its context", ctx)
		print("Validate", "its session", s)
		print("Validate", "the manager", m)
		return nil
	}
	cfg.OnEvent = func(ctx context.Context, e cookiesession.Event) {
		print("OnEvent", "its context", ctx)
		print("OnEvent", "the event", e)
		print("OnEvent", "the session", m.FromContext(ctx))
	}
	m = testkit.Manager(t, cfg)
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Cookie", "other=planted-cookie; "+jar)
	r.Header.Set("Authorization", "Bearer planted-authorization")
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		print("a handler", "a session that nobody has looked at", s)
		for what, value := range handlerHolds(m, s, w, r) {
			print("a handler", what, value)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	alone := m.OpenRequest(r)
	print("a program", "a session that OpenRequest opened", alone)
	alone.Has("k")
	print("a program", "the same after a look", struct{ s *cookiesession.Session }{alone})
	print("a program", "a context of NewContext", m.NewContext(r.Context(), alone))
	cfg.Validate = func(_ context.Context, s *cookiesession.Session) error { panic(s.All()) }
	cfg.OnEvent = func(_ context.Context, e cookiesession.Event) { print("OnEvent", "the event of a panic", e) }
	print("a program", "why Validate gave no answer", testkit.Manager(t, cfg).OpenRequest(r).Rejected())
	for what, value := range operatorHolds(m, &cfg, ring, keys) {
		print("an operator", what, value)
	}
}

// handlerHolds is what a handler can print, some of it in types of its own.
func handlerHolds(m *cookiesession.Manager, s *cookiesession.Session, w http.ResponseWriter, r *http.Request) map[string]any {
	s.Has("k")
	var all any = struct {
		session *cookiesession.Session
		manager *cookiesession.Manager
		more    any
	}{s, m, s}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), struct{ k int }{}, 1))
	defer cancel()
	channel := s.Set("channel", make(chan string, 1))
	var tooLarge *cookiesession.TooLargeError
	errors.As(s.Set("large", strings.Repeat("planted-value", 1000)), &tooLarge)
	_, overflow := s.Add("k", 1)
	return map[string]any{
		"the session":                           s,
		"a pointer to it":                       &s,
		"a list of it":                          []*cookiesession.Session{s},
		"a map with it":                         map[string]*cookiesession.Session{"s": s},
		"a map by it":                           map[*cookiesession.Session]bool{s: true},
		"a struct that holds it":                struct{ Session *cookiesession.Session }{s},
		"a struct that hides it":                struct{ session *cookiesession.Session }{s},
		"a pointer to a struct that hides it":   &struct{ session *cookiesession.Session }{s},
		"a struct that embeds it":               struct{ *cookiesession.Session }{s},
		"a struct that hides a list of it":      struct{ sessions []*cookiesession.Session }{[]*cookiesession.Session{s}},
		"a struct that hides everything":        all,
		"an interface in a struct":              struct{ any }{s},
		"the context":                           r.Context(),
		"a context made of it":                  ctx,
		"a struct that embeds the context":      struct{ context.Context }{r.Context()},
		"a list of contexts":                    []context.Context{r.Context(), ctx},
		"the writer":                            w,
		"a struct that hides the writer":        struct{ w http.ResponseWriter }{w},
		"the views":                             s.Views(),
		"the expiry":                            s.Expiry(),
		"an idle time":                          cookiesession.Idle(time.Hour),
		"what templates get":                    cookiesession.FuncMap(s),
		"what a log gets":                       s.LogValue(),
		"the error of a channel":                channel,
		"the error of what is too large":        tooLarge,
		"the error of a counter":                overflow,
		"the error of an edit":                  cookiesession.Edit(s, "k", func(*int) error { return nil }),
		"the error of a value that will not go": s.Set("func", func() string { return "planted-value" }),
		"why a cookie was refused":              m.Open(r.Context(), "s_session=planted-cookie").Rejected(),
		"why another was":                       m.Open(r.Context(), "s_session=AAAA.planted-cookie").Rejected(),
		"a panic of ours":                       recovered(func() { m.FromContext(context.Background()) }),
	}
}

// operatorHolds is what the program that sets everything up can print.
func operatorHolds(m *cookiesession.Manager, cfg *cookiesession.Config, ring *cookiesession.Keyring, keys []cookiesession.Key) map[string]any {
	weak := keys[0].Secret.Reveal()
	_, parse := cookiesession.ParseSecret(weak + " " + weak)
	_, list := cookiesession.ParseKeyring(weak + "," + weak)
	_, twice := cookiesession.NewKeyring(keys[0], keys[0])
	_, config := cookiesession.New(cookiesession.Config{Name: "a b", Path: "x"})
	var problem *cookiesession.ConfigError
	errors.As(config, &problem)
	return map[string]any{
		"the manager":                   m,
		"the manager's value":           reflect.ValueOf(m).Elem().Interface(),
		"a struct that hides a manager": struct{ m *cookiesession.Manager }{m},
		"the handler":                   m.Handler(http.NotFoundHandler()),
		"the config":                    reflect.ValueOf(cfg).Elem().Interface(),
		"a pointer to the config":       cfg,
		"a struct that hides a config":  struct{ cfg *cookiesession.Config }{cfg},
		"the ring":                      ring,
		"the ring's value":              reflect.ValueOf(ring).Elem().Interface(),
		"a struct that hides a ring":    struct{ ring *cookiesession.Keyring }{ring},
		"the state of its keys":         ring.Status(),
		"a key":                         keys[0],
		"a pointer to a key":            &keys[1],
		"keys":                          keys,
		"a struct that hides keys":      struct{ keys []cookiesession.Key }{keys},
		"a struct that hides a key":     struct{ key *cookiesession.Key }{&keys[1]},
		"a secret":                      keys[0].Secret,
		"a struct that hides a secret":  struct{ secret cookiesession.Secret }{keys[0].Secret},
		"a secret behind a pointer":     struct{ secret *cookiesession.Secret }{&keys[0].Secret},
		"why a secret was refused":      parse,
		"why a list was refused":        list,
		"why a ring was refused":        twice,
		"why a config was refused":      config,
		"a problem of a config":         problem,
	}
}

func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

// TestNothingOfOursPrintsASecret prints all that an application can get of this
// package, in every verb of fmt and through both handlers of log/slog. The JSON
// of a session is for pages: it shows values, and nothing else that is planted.
func TestNothingOfOursPrintsASecret(t *testing.T) {
	var mu sync.Mutex // events come from any goroutine
	type text struct{ what, way, text string }
	var texts []text
	p := new(planted)
	p.visit(t, func(where, what string, value any) {
		all := printedInEveryWay(value) // may open a session, and so call a hook that prints
		mu.Lock()
		defer mu.Unlock()
		for way, printed := range all {
			texts = append(texts, text{where + ": " + what, way, printed})
		}
	})
	if len(texts) < 1000 {
		t.Fatalf("%d texts; this test would show nothing", len(texts))
	}
	inJSON := shapesOf(slices.Concat(p.cookie, p.header, p.keys), p.derived)
	everywhere := slices.Concat(inJSON, shapesOf(p.values, nil))
	shown := map[string]bool{} // once for each thing is enough
	for _, x := range texts {
		shapes := everywhere
		if strings.Contains(x.way, "JSON") {
			shapes = inJSON
		}
		if found := findSecret(x.text, shapes); found != "" && !shown[x.what] {
			shown[x.what] = true
			t.Errorf("%s, printed by %s, shows %s:\n%.500s", x.what, x.way, found, x.text)
		}
	}
}

// printedInEveryWay maps a way to print to what it gives.
func printedInEveryWay(value any) map[string]string {
	texts := map[string]string{}
	for _, flags := range []string{"", "+", "#", "# "} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if (verb <= 'Z' || verb >= 'a') && verb != 'w' { // which only Errorf has
				format := "%" + flags + string(verb)
				texts[format] = fmt.Sprintf(format, value)
			}
		}
	}
	texts["Sprint"] = fmt.Sprint(value)
	texts["Errorf"] = fmt.Errorf("it went wrong: %v", value).Error()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog's text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog's JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		log := slog.New(handler(&b)).With("before", value)
		log.Info("look", "value", value, slog.Group("group", slog.Any("value", value)))
		texts[name] = b.String()
	}
	if text, err := json.MarshalIndent(value, "", " "); err == nil {
		texts["JSON"] = string(text)
	}
	return texts
}

// shape is one way in which fmt or encoding/json may show a secret.
type shape struct{ of, text string }

// shapesOf are those of the first bytes of each secret.
func shapesOf(secrets []string, raw [][]byte) (all []shape) {
	for _, secret := range secrets {
		raw = append(raw, []byte(secret))
	}
	for _, b := range raw {
		part := b[:min(15, len(b)/3*3)]
		decimal := strings.Trim(fmt.Sprint(part), "[]")
		of := fmt.Sprintf("the secret that begins %.6q", b)
		for _, text := range []string{
			string(part),
			decimal, strings.ReplaceAll(decimal, " ", ", "),
			strings.Trim(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte"), "{}"),
			hex.EncodeToString(part), fmt.Sprintf("%X", part), fmt.Sprintf("% x", part), fmt.Sprintf("% X", part), fmt.Sprintf("%# x", part), fmt.Sprintf("%# X", part),
			base64.StdEncoding.EncodeToString(part), base64.URLEncoding.EncodeToString(part),
		} {
			all = append(all, shape{of, text})
		}
	}
	return all
}

// findSecret says whose shape is in the text, "" if there is none.
func findSecret(text string, shapes []shape) string {
	for _, s := range shapes {
		if strings.Contains(text, s.text) {
			return s.of
		}
	}
	return ""
}
