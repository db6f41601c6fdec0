package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// thief is another client, with cookies that it has copied. It has one copy at
// a time and remembers its last answers.
type thief struct {
	url    string
	client *http.Client

	mu      sync.Mutex
	cookies []string
	heard   []string
}

const maxHeard = 12

// newThief trusts the site's certificate, as every client of the site does.
func newThief(url string, cert tls.Certificate) *thief {
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &thief{url: url, client: &http.Client{Transport: transport, Timeout: 5 * time.Second}}
}

func (t *thief) take(cookies []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cookies = slices.Clone(cookies)
	t.hear("copied the cookies")
}

// try asks the site who the copied session belongs to.
func (t *thief) try(ctx context.Context) {
	t.mu.Lock()
	cookies := t.cookies
	t.mu.Unlock()
	answer, err := t.ask(ctx, cookies)
	if err != nil {
		answer = "no answer"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hear(answer)
}

func (t *thief) ask(ctx context.Context, cookies []string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", t.url+"/whoami", nil)
	if err != nil {
		return "", err
	}
	r.Header["Cookie"] = cookies
	res, err := t.client.Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1000))
	return fmt.Sprintf("%d: %s", res.StatusCode, body), errors.Join(err, res.Body.Close())
}

// hear needs the lock.
func (t *thief) hear(text string) {
	t.heard = append(t.heard, time.Now().Format(time.TimeOnly)+" "+text)
	t.heard = t.heard[max(0, len(t.heard)-maxHeard):]
}

func (t *thief) answers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.heard)
}
