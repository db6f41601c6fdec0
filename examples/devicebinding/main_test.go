package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A client without the protocol stays logged in. What a browser with the protocol
// sees is for a browser to show: see internal/e2e/binding.
func TestAClientWithoutTheProtocolIsAskedAndStaysAsItIs(t *testing.T) {
	handler, err := newSite(121 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	client := server.Client()
	client.Jar, _ = cookiejar.New(nil)
	page := func(path string) string {
		res, err := client.Post(server.URL+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	body := page("/login")
	for _, want := range []string{`id="user">Ada<`, `id="state">pending<`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page after the login has no %q:\n%s", want, body)
		}
	}
	if body := page("/logout"); !strings.Contains(body, `id="user"><`) {
		t.Errorf("somebody is logged in after the logout:\n%s", body)
	}
}

func TestItServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	var out bytes.Buffer
	if err := run(ctx, "127.0.0.1:0", 121*time.Second, &out); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "--ignore-certificate-errors-spki-list=") {
		t.Errorf("it prints %q", &out)
	}
	if err := run(t.Context(), "127.0.0.1:0", time.Minute, io.Discard); err == nil {
		t.Error("a lifetime of a minute is accepted")
	}
}
