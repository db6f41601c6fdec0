package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

type line struct {
	Level, Msg, Event, Cookie, Key, Reason string
	Bytes                                  int
	Opened                                 int
}

func lines(t *testing.T, out *bytes.Buffer) (all []line) {
	t.Helper()
	for text := range strings.Lines(out.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		all = append(all, l)
	}
	return all
}

func TestEventsAndKeysAreLoggedWithoutAnythingSecret(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: events(logger)})
	if err != nil {
		t.Fatal(err)
	}
	h := serve(logger, sessions)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	cookie := w.Result().Cookies()[0]

	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookie)
	h.ServeHTTP(httptest.NewRecorder(), r)

	r = httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", cookie.Name+"="+cookie.Value[:len(cookie.Value)-8]+"AAAAAAAA")
	h.ServeHTTP(httptest.NewRecorder(), r)
	logKeys(logger, ring)

	var issued, refused, keys int
	for _, l := range lines(t, &out) {
		switch {
		case l.Event == "issued":
			issued++
			if l.Level != "DEBUG" || l.Cookie != "s_session" || l.Key != key.ID() || l.Bytes == 0 {
				t.Errorf("issued: %+v", l)
			}
		case l.Event == "refused":
			refused++
			if l.Level != "DEBUG" || l.Reason == "" {
				t.Errorf("refused: %+v", l)
			}
		case l.Msg == "key":
			keys++
			if l.Key != key.ID() || l.Opened != 1 {
				t.Errorf("key: %+v", l)
			}
		}
	}
	if issued != 3 || refused != 1 || keys != 1 {
		t.Errorf("%d issued, %d refused, %d keys in\n%s", issued, refused, keys, &out)
	}
	for _, secret := range []string{cookie.Value, key.Secret.Reveal(), sessions.Open(t.Context(), cookie.String()).ID()} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestALateWriteIsLoggedAsAnError(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: events(logger)})
	if err != nil {
		t.Fatal(err)
	}
	s := sessions.Open(t.Context())
	if err := sessions.Commit(map[string][]string{}, s, 200); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("user", "ann"); !errors.Is(err, cookiesession.ErrCommitted) {
		t.Errorf("a late Set gives %v", err)
	}
	got := lines(t, &out)
	if len(got) != 2 || got[0].Level != "WARN" || got[0].Event != "late-look" || got[1].Level != "ERROR" || got[1].Event != "write-refused" {
		t.Errorf("logged: %s", &out)
	}
}
