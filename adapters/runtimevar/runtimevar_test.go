package runtimevar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/cookiesession/cookiesession"
	adapter "github.com/cookiesession/cookiesession/adapters/runtimevar"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/awssecretsmanager"
	"gocloud.dev/runtimevar/constantvar"
	"gocloud.dev/runtimevar/filevar"
	"gocloud.dev/runtimevar/httpvar"
)

// source is where the value comes from.
type source interface {
	set(t *testing.T, text string)
	fail(t *testing.T)
	open(t *testing.T, d *runtimevar.Decoder) *runtimevar.Variable
}

type fileSource struct{ path string }

func (s fileSource) set(t *testing.T, text string) {
	if err := os.WriteFile(s.path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		t.Fatal(err)
	}
}

func (s fileSource) fail(t *testing.T) {
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
}

func (s fileSource) open(t *testing.T, d *runtimevar.Decoder) *runtimevar.Variable {
	return opened(t)(filevar.OpenVariable(s.path, d, &filevar.Options{WaitDuration: 20 * time.Millisecond}))
}

type httpSource struct {
	url  string
	text *atomic.Pointer[string] // nil: the server is ill
}

func newHTTPSource(t *testing.T) httpSource {
	s := httpSource{text: new(atomic.Pointer[string])}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := s.text.Load(); text != nil {
			fmt.Fprint(w, *text)
		} else {
			http.Error(w, "ill", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s httpSource) set(t *testing.T, text string) { s.text.Store(&text) }
func (s httpSource) fail(t *testing.T)             { s.text.Store(nil) }
func (s httpSource) open(t *testing.T, d *runtimevar.Decoder) *runtimevar.Variable {
	return opened(t)(httpvar.OpenVariable(http.DefaultClient, s.url, d, &httpvar.Options{WaitDuration: 20 * time.Millisecond}))
}

// secretSource speaks as much of AWS Secrets Manager as its driver asks for.
type secretSource struct {
	client *secretsmanager.Client
	text   *atomic.Pointer[string] // nil: the service is ill
}

func newSecretSource(t *testing.T) secretSource {
	s := secretSource{text: new(atomic.Pointer[string])}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := s.text.Load()
		if text == nil {
			http.Error(w, `{"__type": "AccessDeniedException"}`, http.StatusBadRequest)
			return
		}
		answer := map[string]any{"Name": "shop/session-keys", "VersionId": fmt.Sprintf("%p", text)}
		switch r.Header.Get("X-Amz-Target") {
		case "secretsmanager.GetSecretValue":
			answer["SecretString"] = *text
		case "secretsmanager.DescribeSecret":
			answer["LastChangedDate"] = 1.7e9
		}
		json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	s.client = secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(server.URL), Region: "eu-central-1", Credentials: aws.AnonymousCredentials{}, Retryer: aws.NopRetryer{},
	})
	return s
}

func (s secretSource) set(t *testing.T, text string) { s.text.Store(&text) }
func (s secretSource) fail(t *testing.T)             { s.text.Store(nil) }
func (s secretSource) open(t *testing.T, d *runtimevar.Decoder) *runtimevar.Variable {
	return opened(t)(awssecretsmanager.OpenVariable(s.client, "shop/session-keys", d, &awssecretsmanager.Options{WaitDuration: 20 * time.Millisecond}))
}

// opened closes the variable at the test's end.
func opened(t *testing.T) func(*runtimevar.Variable, error) *runtimevar.Variable {
	return func(v *runtimevar.Variable, err error) *runtimevar.Variable {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.Close() })
		return v
	}
}

func sources(t *testing.T) map[string]source {
	return map[string]source{
		"a file": fileSource{filepath.Join(t.TempDir(), "keys.json")},
		"a URL":  newHTTPSource(t),
		"AWS":    newSecretSource(t),
	}
}

func TestAChangedVariableReachesTheRingAndABadOneDoesNot(t *testing.T) {
	for name, s := range sources(t) {
		for kind, decoder := range map[string]*runtimevar.Decoder{"string": runtimevar.StringDecoder, "[]byte": runtimevar.BytesDecoder} {
			t.Run(name+" as "+kind, func(t *testing.T) {
				a, b, c := newKey(), newKey(), newKey()
				s.set(t, ringText(a))
				ring, err := adapter.Follow(t.Context(), s.open(t, decoder))
				if err != nil {
					t.Fatal(err)
				}
				var refused atomic.Int32
				if _, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: func(_ context.Context, e cookiesession.Event) {
					if e.Kind == cookiesession.EventKeysRefused {
						refused.Add(1)
					}
				}}); err != nil {
					t.Fatal(err)
				}
				wantSealing(t, ring, a)
				s.set(t, ringText(b, a))
				wantSealing(t, ring, b)
				s.set(t, "{")
				wantErr(t, ring, "cut short")
				s.fail(t)
				wantErr(t, ring, "cannot be read")
				wantSealing(t, ring, b)
				if n := refused.Load(); n != 2 {
					t.Errorf("two failures were reported %d times", n)
				}
				s.set(t, ringText(c, b))
				wantSealing(t, ring, c)
				if ring.Err() != nil {
					t.Errorf("a good value should clear Err: %v", ring.Err())
				}
			})
		}
	}
}

func TestAFirstLoadThatFailsSaysWhy(t *testing.T) {
	secret := newKey().Secret.Reveal()
	for name, s := range sources(t) {
		for _, c := range []struct{ text, want string }{
			{"", "empty"},
			{fmt.Sprintf(`{"keys": [{"secret": %q, "format": %[1]q}]}`, secret), "unknown format"},
		} {
			s.set(t, c.text)
			_, err := adapter.Follow(t.Context(), s.open(t, runtimevar.StringDecoder))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: want an error about %q without the secret, got %v", name, c.want, err)
			}
		}
		s.fail(t)
		if _, err := adapter.Follow(t.Context(), s.open(t, runtimevar.StringDecoder)); err == nil || !strings.Contains(err.Error(), "no first value") {
			t.Errorf("%s that is not there: %v", name, err)
		}
	}
	v := constantvar.New(42)
	defer v.Close()
	if _, err := adapter.Follow(t.Context(), v); err == nil || !strings.Contains(err.Error(), "StringDecoder") {
		t.Errorf("a value that is no text: %v", err)
	}
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	s := newHTTPSource(t)
	a, b := newKey(), newKey()
	s.set(t, ringText(a))
	ctx, cancel := context.WithCancel(t.Context())
	ended, err := adapter.Follow(ctx, s.open(t, runtimevar.StringDecoder))
	if err != nil {
		t.Fatal(err)
	}
	goesOn, err := adapter.Follow(t.Context(), s.open(t, runtimevar.StringDecoder))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	s.set(t, ringText(b, a))
	wantSealing(t, goesOn, b)
	if sealing(ended) != a.ID() || ended.Err() != nil {
		t.Error("it still follows, or took its end for a failure", ended.Err())
	}
}

func newKey() cookiesession.Key { return cookiesession.Key{Secret: cookiesession.NewSecret()} }

func ringText(keys ...cookiesession.Key) string {
	var entries []string
	for _, k := range keys {
		entries = append(entries, fmt.Sprintf(`{"secret": %q}`, k.Secret.Reveal()))
	}
	return `{"keys": [` + strings.Join(entries, ", ") + "]}"
}

func sealing(ring *cookiesession.Keyring) string {
	for _, k := range ring.Status() {
		if k.State == cookiesession.KeySealing {
			return k.ID
		}
	}
	return ""
}

func wantSealing(t *testing.T, ring *cookiesession.Keyring, k cookiesession.Key) {
	t.Helper()
	eventually(t, "key "+k.ID()+" to seal", func() bool { return sealing(ring) == k.ID() })
}

func wantErr(t *testing.T, ring *cookiesession.Keyring, part string) {
	t.Helper()
	eventually(t, "an error about "+part, func() bool { return ring.Err() != nil && strings.Contains(ring.Err().Error(), part) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
