package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// startDemo runs the demo on a free port and returns its address, and an end
// that waits for the exit code.
func startDemo(t *testing.T, env map[string]string, args ...string) (string, func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"demo", "-addr", "127.0.0.1:0"}, args...),
			stdio{in: strings.NewReader(""), out: in, err: io.Discard, env: func(name string) string { return env[name] }})
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	url := ""
	for url == "" && lines.Scan() {
		url = regexp.MustCompile(`http://\S+`).FindString(lines.Text())
	}
	if url == "" {
		t.Fatalf("the demo printed no address; it ended with %d", <-done)
	}
	go io.Copy(io.Discard, out)
	return url, func() int { cancel(); return <-done }
}

func TestTheDemoServesUntilItIsToldToEnd(t *testing.T) {
	url, end := startDemo(t, nil)
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || len(res.Header["Set-Cookie"]) == 0 {
		t.Errorf("status %d, header %v", res.StatusCode, res.Header)
	}
	if code := end(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
	if res, err := http.Get(url); err == nil {
		res.Body.Close()
		t.Error("it still answers")
	}
}

func TestABusyPortIsAClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := runLine(t.Context(), nil, "demo", "-addr", l.Addr().String())
	if got.code != exitFailed || !strings.Contains(got.err, "is in use by another program; end that one, or choose another port") {
		t.Errorf("code %d, err %q", got.code, got.err)
	}
}

func TestTheDemosKeysComeFromTheEnvironment(t *testing.T) {
	env := map[string]string{"SESSION_KEYS": cookiesession.NewSecret().Reveal()}
	var cookies []*http.Cookie
	for range 2 {
		url, end := startDemo(t, env, "-insecure")
		r, _ := http.NewRequest("GET", url+"/api/state", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if cookies != nil && !strings.Contains(string(text), `"visits":1`) {
			t.Errorf("after a restart with the same keys: %s", text)
		}
		res, err = http.Post(url+"/api/visit", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		cookies = res.Cookies()
		if code := end(); code != exitDone {
			t.Errorf("it ended with %d", code)
		}
	}
}

func TestWeakKeysAreRefusedWithAWayOut(t *testing.T) {
	got := runLine(t.Context(), map[string]string{"SESSION_KEYS": "secret"}, "demo")
	if got.code != exitFailed || !strings.Contains(got.err, "openssl rand") {
		t.Errorf("code %d, err %q", got.code, got.err)
	}
	if strings.Contains(got.err, `"secret"`) {
		t.Error("the error repeats the secret")
	}
}

func TestTheDemoFollowsAKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	text := `{"keys":[{"secret":"` + cookiesession.NewSecret().Reveal() + `"}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	url, end := startDemo(t, nil, "-keys", file)
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(page), "The operator rotates these") || strings.Contains(string(page), `id="rotate"`) {
		t.Error("the page lets visitors rotate the keys of a file")
	}
	if code := end(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}
