package otel_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/otel"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type fixture struct {
	*cookiesession.Manager
	ring   *cookiesession.Keyring
	reader *sdk.ManualReader
	cookie string // the Cookie header of the next request
}

func newFixture(t *testing.T, ring *cookiesession.Keyring, cfg cookiesession.Config) *fixture {
	t.Helper()
	reader := sdk.NewManualReader()
	meter := sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("test")
	onEvent, err := otel.OnEvent(meter, ring, cfg.OnEvent)
	if cfg.OnEvent == nil {
		onEvent, err = otel.OnEvent(meter, ring)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keyring, cfg.OnEvent = ring, onEvent
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{Manager: m, ring: ring, reader: reader}
}

func key() cookiesession.Key { return cookiesession.Key{Secret: cookiesession.NewSecret()} }

func keyring(t *testing.T, keys ...cookiesession.Key) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// serve runs one request and keeps the session's cookie.
func (f *fixture) serve(h http.HandlerFunc) {
	r := httptest.NewRequest("GET", "/", nil)
	if f.cookie != "" {
		r.Header.Set("Cookie", f.cookie)
	}
	w := httptest.NewRecorder()
	f.Handler(h).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		f.cookie = c.Name + "=" + c.Value
	}
}

func (f *fixture) set(key string, value any) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { _ = f.FromContext(r.Context()).Set(key, value) }
}

func (f *fixture) look(_ http.ResponseWriter, r *http.Request) { f.FromContext(r.Context()).Len() }

// value is the counter's value, or the histogram's count, for these attributes:
// pairs of key and value, all there are. -1: there is no such series.
func (f *fixture) value(t *testing.T, name string, pairs ...string) int64 {
	t.Helper()
	var attrs []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		attrs = append(attrs, attribute.String("cookiesession."+pairs[i], pairs[i+1]))
	}
	want := attribute.NewSet(attrs...)
	var all metricdata.ResourceMetrics
	if err := f.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "cookiesession."+name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Attributes.Equals(&want) {
						return p.Value
					}
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					if p.Attributes.Equals(&want) {
						return int64(p.Count)
					}
				}
			}
		}
	}
	return -1
}

func (f *fixture) expect(t *testing.T, want int64, name string, pairs ...string) {
	t.Helper()
	if got := f.value(t, name, pairs...); got != want {
		t.Errorf("%s%q is %d, want %d", name, pairs, got, want)
	}
}

func TestIssuedOpenedAndDeletedCookiesAreCounted(t *testing.T) {
	k := key()
	f := newFixture(t, keyring(t, k), cookiesession.Config{})
	f.expect(t, 0, "cookies.opened", "key_id", k.ID())
	f.serve(f.set("user", "ann"))
	f.expect(t, 1, "cookies.issued", "cookie", "s_session", "key_id", k.ID())
	f.expect(t, 1, "cookies.size", "cookie", "s_session")
	f.serve(f.look)
	f.expect(t, 1, "cookies.opened", "key_id", k.ID())
	f.serve(func(_ http.ResponseWriter, r *http.Request) { _ = f.FromContext(r.Context()).Destroy() })
	f.expect(t, 1, "cookies.deleted", "cookie", "s_session")
}

func TestARenewalIsCountedApartFromChanges(t *testing.T) {
	k := key()
	f := newFixture(t, keyring(t, k), cookiesession.Config{SaveEveryRequest: true})
	f.serve(f.set("user", "ann"))
	f.serve(f.look)
	f.serve(f.look)
	f.expect(t, 1, "cookies.issued", "cookie", "s_session", "key_id", k.ID())
	f.expect(t, 2, "cookies.renewed", "cookie", "s_session", "key_id", k.ID())
	f.expect(t, 3, "cookies.size", "cookie", "s_session")
}

func TestTheSizeIsThatOfNamesAndValues(t *testing.T) {
	f := newFixture(t, keyring(t, key()), cookiesession.Config{})
	f.serve(f.set("user", "ann"))
	var all metricdata.ResourceMetrics
	if err := f.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if h, ok := m.Data.(metricdata.Histogram[int64]); ok {
			if want := int64(len(f.cookie) - len("=")); h.DataPoints[0].Sum != want {
				t.Errorf("recorded %d bytes, want %d", h.DataPoints[0].Sum, want)
			}
			return
		}
	}
	t.Error("there is no histogram")
}

func TestRefusedCookiesAreCountedByReason(t *testing.T) {
	revoked := false
	failed := error(nil)
	k := key()
	f := newFixture(t, keyring(t, k), cookiesession.Config{Validate: func(context.Context, *cookiesession.Session) error {
		if revoked {
			return cookiesession.ErrRevoked
		}
		return failed
	}})
	f.serve(f.set("user", "ann"))
	good := f.cookie

	f.cookie = good[:len(good)-8] + "AAAAAAAA"
	f.serve(f.look)
	f.expect(t, 1, "cookies.refused", "cookie", "s_session", "reason", "invalid", "key_id", k.ID())

	f.cookie, failed = good, errors.New("database at 10.0.0.7 is down")
	f.serve(f.look)
	f.expect(t, 1, "cookies.refused", "cookie", "s_session", "reason", "other", "key_id", k.ID())

	f.cookie, revoked = good, true
	f.serve(f.look)
	f.expect(t, 1, "cookies.refused", "cookie", "s_session", "reason", "revoked", "key_id", k.ID())
}

func TestMadeUpKeyIDsMakeNoSeries(t *testing.T) {
	f := newFixture(t, keyring(t, key()), cookiesession.Config{})
	for _, id := range []string{"AAAA", "BBBB", "CCCC"} {
		f.cookie = "s_session=" + id + ".whatever"
		f.serve(f.look)
	}
	f.expect(t, 3, "cookies.refused", "cookie", "s_session", "reason", "unknown-key")
}

func TestAReIssueUnderANewerKeyIsCounted(t *testing.T) {
	older, newer := key(), key()
	ring := keyring(t, older)
	f := newFixture(t, ring, cookiesession.Config{})
	f.serve(f.set("user", "ann"))
	if err := ring.Replace(newer, older); err != nil {
		t.Fatal(err)
	}
	f.serve(f.look)
	f.expect(t, 1, "cookies.rekeyed", "cookie", "s_session", "key_id", newer.ID())
	f.expect(t, 1, "cookies.opened", "key_id", older.ID())
	f.expect(t, 0, "cookies.opened", "key_id", newer.ID())
}

func TestRefusedWritesAndLateLooksAreCounted(t *testing.T) {
	f := newFixture(t, keyring(t, key()), cookiesession.Config{})
	f.serve(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = f.FromContext(r.Context()).Set("user", "ann")
	})
	f.expect(t, 1, "writes.refused", "reason", "committed")
	f.expect(t, 1, "late_looks")
	f.serve(f.set("text", strings.Repeat("long ", 2000)))
	f.expect(t, 1, "writes.refused", "reason", "too-large")
}

func TestSeveralCookiesOfOneNameAreCounted(t *testing.T) {
	f := newFixture(t, keyring(t, key()), cookiesession.Config{})
	f.serve(f.set("user", "ann"))
	first := f.cookie
	f.cookie = ""
	f.serve(f.set("user", "bob"))
	f.cookie = first + "; " + f.cookie
	f.serve(f.look)
	f.expect(t, 1, "cookies.doubled", "cookie", "s_session")
}

func TestKeyFileReloadsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := func() string { return `{"keys":[{"secret":"` + cookiesession.NewSecret().Reveal() + `"}]}` }
	synctest.Test(t, func(t *testing.T) {
		write(fresh())
		ring, err := cookiesession.LoadKeyFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := newFixture(t, ring, cookiesession.Config{})
		f.serve(f.set("user", "ann"))
		write(fresh())
		time.Sleep(time.Minute)
		f.serve(f.look)
		f.expect(t, 1, "keys.reloads", "outcome", "loaded")
		f.expect(t, 1, "cookies.refused", "cookie", "s_session", "reason", "unknown-key")
		write("{")
		time.Sleep(time.Minute)
		f.serve(f.look)
		f.expect(t, 1, "keys.reloads", "outcome", "refused")
	})
}

func TestTheNextFunctionHearsEveryEvent(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, keyring(t, key()), cookiesession.Config{OnEvent: func(_ context.Context, e cookiesession.Event) {
		log.WriteString(string(e.Kind))
	}})
	f.serve(f.set("user", "ann"))
	if log.String() != "issued" {
		t.Errorf("heard %q", log.String())
	}
}
