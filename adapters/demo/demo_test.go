package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	goredis "github.com/redis/go-redis/v9"
)

var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "cookiesession-demo-test-")
	if err == nil {
		defer os.RemoveAll(folder)
		program = filepath.Join(folder, "demo")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// startDemo gives the address of one process of the demo, and the process.
func startDemo(t *testing.T, env []string, args ...string) (string, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"-addr", "127.0.0.1:0", "-log", "warn"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address := regexp.MustCompile(`https?://\S+`).FindString(lines.Text()); address != "" {
			return address, cmd
		}
	}
	t.Fatalf("the demo printed no address: %v", lines.Err())
	return "", nil
}

// visitor is a browser that goes to either process: cookies know no ports.
type visitor struct {
	*testing.T
	client *http.Client
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Timeout: 10 * time.Second}}
}

func (v *visitor) post(address string, form url.Values) string {
	v.Helper()
	res, err := v.client.PostForm(address, form)
	if err != nil {
		v.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		v.Fatalf("%s: %s, %v", address, res.Status, err)
	}
	return string(page)
}

func (v *visitor) user(address string) (user string) {
	v.Helper()
	res, err := v.client.Get(address + "/api/state")
	if err != nil {
		v.Fatal(err)
	}
	defer res.Body.Close()
	state := struct{ User string }{}
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		v.Fatal(err)
	}
	return state.User
}

func TestALogoutEverywhereInOneDemoEndsCopiesInTheOther(t *testing.T) {
	server := startRedis(t, "swordfish")
	env := []string{"SESSION_KEYS=" + cookiesession.NewSecret().Reveal(), "REDIS_PASSWORD=swordfish"}
	one, _ := startDemo(t, env, "-revocation", "redis://"+server, "-insecure")
	two, _ := startDemo(t, env, "-revocation", "redis://"+server, "-insecure")
	ada, thief := newVisitor(t), newVisitor(t)
	ada.post(one+"/login", url.Values{"name": {"Ada"}})
	u, _ := url.Parse(two)
	thief.client.Jar.SetCookies(u, ada.client.Jar.Cookies(u))
	if got := thief.user(two); got != "Ada" {
		t.Fatalf("the copy is of %q", got)
	}
	ada.post(one+"/logout-everywhere", nil)
	returned := time.Now()
	eventually(t, "the copy to end in the other process", func() bool { return thief.user(two) == "" })
	if d := time.Since(returned); d > time.Second {
		t.Errorf("the copy was alive for %v", d)
	}
	ada.post(two+"/login", url.Values{"name": {"Ada"}})
	if got := ada.user(one); got != "Ada" {
		t.Errorf("after another login: %q", got)
	}
}

func TestTheCertificateIsForThisMachineAndThisProcess(t *testing.T) {
	var serials []string
	for range 2 {
		address, _ := startDemo(t, nil, "-tls")
		host := strings.TrimPrefix(address, "https://")
		if host == address {
			t.Fatalf("the address is %s", address)
		}
		connection, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true}) // to see the certificate
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		leaf := connection.ConnectionState().PeerCertificates[0]
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			if err := leaf.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
		if leaf.PublicKeyAlgorithm != x509.ECDSA || leaf.IsCA {
			t.Errorf("the key is %v; an authority: %t", leaf.PublicKeyAlgorithm, leaf.IsCA)
		}
		serials = append(serials, leaf.SerialNumber.String())
	}
	if serials[0] == serials[1] {
		t.Error("two processes have one certificate")
	}
}

// A client without the protocol is asked and stays as it is, and so does its
// thief. What a browser with the protocol sees is tested in internal/e2e.
func TestTheThiefAsksTheDemoItselfOverTLS(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		if l, err := net.Listen("tcp", addr); err != nil {
			t.Logf("not on %s: %v", addr, err)
			continue
		} else {
			l.Close()
		}
		address, _ := startDemo(t, nil, "-tls", "-addr", addr)
		v := newVisitor(t)
		v.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // made at its start
		v.post(address+"/login", url.Values{"name": {"Ada"}})
		v.post(address+"/lab/steal", nil)
		page := v.post(address+"/lab/thief", nil)
		for _, want := range []string{`id="user">Ada<`, `id="binding">pending<`, "No bound cookie was copied", " you are Ada; the session is pending<"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page has no %q", addr, want)
			}
		}
		v.post(address+"/logout-everywhere", nil)
		if page := v.post(address+"/lab/thief", nil); !strings.Contains(page, " you are nobody; the session is unbound<") {
			t.Errorf("%s: after a logout everywhere the copy lives", addr)
		}
	}
}

func TestASignalEndsTheDemoCleanly(t *testing.T) {
	for _, sent := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		_, cmd := startDemo(t, nil, "-tls")
		cmd.Process.Signal(sent)
		cmd.Process.Signal(os.Interrupt) // a terminal sends one, too
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: it ended with %v", sent, err)
		}
	}
}

func TestAWrongCommandLineIsTold(t *testing.T) {
	for want, args := range map[string][]string{
		"-insecure is for plain HTTP": {"-tls", "-insecure"},
		"give it in REDIS_PASSWORD":   {"-revocation", "redis://:swordfish@127.0.0.1:1"},
		"-revocation wants redis":     {"-revocation", "127.0.0.1"},
	} {
		out, err := exec.Command(program, args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) || strings.Contains(string(out), "swordfish") {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}

// startRedis gives the address of a server with a password.
func startRedis(t *testing.T, password string) string {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
			t.Fatal("redis-server is not installed: apt-get install redis-server")
		}
		t.Skip("needs redis-server: apt-get install redis-server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--requirepass", password)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client := goredis.NewClient(&goredis.Options{Addr: addr, Password: password})
	defer client.Close()
	eventually(t, "the server to answer", func() bool { return client.Ping(t.Context()).Err() == nil })
	return addr
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
