package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A client without the protocol: it stays logged in, and so does the thief. What
// a browser with the protocol sees is for a browser to show: see internal/e2e.
func TestAClientWithoutTheProtocolIsAskedAndStaysAsItIs(t *testing.T) {
	cert, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	url := "https://" + server.Listener.Addr().String()
	if server.Config.Handler, err = newSite(url, cert, 121*time.Second); err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	body := ""
	for _, path := range []string{"/login", "/copy", "/try"} {
		res, err := client.Post(url+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		body = string(text)
	}
	for _, want := range []string{`id="user">Ada<`, `id="state">pending<`, "copied the cookies", "200: you are Ada; the session is pending"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q:\n%s", want, body)
		}
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
