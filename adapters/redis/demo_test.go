package redis_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// startDemo gives the address of one process of the demo.
func startDemo(t *testing.T, program, keys, redis string) string {
	t.Helper()
	cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-revocation", redis, "-insecure")
	cmd.Env = append(os.Environ(), "SESSION_KEYS="+keys)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	address := regexp.MustCompile(`http://\S+`).FindString(line)
	if err != nil || address == "" {
		t.Fatalf("the demo says %q, %v", line, err)
	}
	return address
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
	return &visitor{t, &http.Client{Jar: jar}}
}

func (v *visitor) post(address string, form url.Values) {
	v.Helper()
	res, err := v.client.PostForm(address, form)
	if err != nil {
		v.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		v.Fatalf("%s: %s", address, res.Status)
	}
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
	s := startServer(t)
	program := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-o", program, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keys := cookiesession.NewSecret().Reveal()
	one, two := startDemo(t, program, keys, "redis://"+s.addr), startDemo(t, program, keys, "redis://"+s.addr)
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
		t.Errorf("after another log-in: %q", got)
	}
}
