package fleet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	logouts  = 20
	away     = 3 * time.Second // the engine, each time
	inForce  = time.Second     // a mark, on every instance
	tooLong  = time.Second     // a request: the engine is away for longer
	settling = 2 * time.Second // before the first logout
)

// TestAnEngineThatIsKilledTwiceLetsNoRevokedCookieLive is the promise: four
// processes behind nginx, 200 visitors, 20 logouts everywhere, and an engine
// that is killed and started again meanwhile.
func TestAnEngineThatIsKilledTwiceLetsNoRevokedCookieLive(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, kind := range []struct {
		name string
		make func(*testing.T) engine
	}{{"Redis", newRedis}, {"PostgreSQL", newPostgres}} {
		t.Run(kind.name, func(t *testing.T) {
			f := startMembers(t, kind.make(t))
			alive := f.run(t)
			for _, complaint := range f.complaints.list() {
				t.Error(complaint)
			}
			if alive != 0 {
				t.Errorf("%d copied cookies of revoked visitors are accepted", alive)
			}
			for _, addr := range f.addrs {
				if ms := f.slowest(t, addr); ms >= int(tooLong.Milliseconds()) {
					t.Errorf("a request took %d ms: it has waited for the engine", ms)
				}
			}
		})
	}
}

// TestWithoutAListTheCopiesLive is the control: what the test above refuses
// are cookies that would work.
func TestWithoutAListTheCopiesLive(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	f := startMembers(t, nil)
	if alive := f.run(t); alive != logouts*instances {
		t.Errorf("%d copies are accepted, want all %d", alive, logouts*instances)
	}
	for _, complaint := range f.complaints.list() {
		t.Error(complaint)
	}
}

// members is a fleet of the program in the folder member.
type members struct {
	engine     engine // nil: none, and no list
	url        string // of the proxy
	addrs      []string
	requests   atomic.Int64
	complaints complaints
}

func startMembers(t *testing.T, e engine) *members {
	t.Helper()
	nginx, dir := need(t, "nginx", "nginx"), t.TempDir()
	program, keys := filepath.Join(dir, "member"), filepath.Join(dir, "keys.json")
	if out, err := exec.Command("go", "build", "-o", program, "./member").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command("go", "run", "github.com/cookiesession/cookiesession/cmd/cookiesession", "keys", "new", keys).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := &members{engine: e}
	source := ""
	if e != nil {
		source = e.url()
	}
	for range instances {
		addr := freeAddr(t)
		cmd := exec.Command(program, "-addr", addr, "-keys", keys, "-source", source)
		if testing.Verbose() {
			cmd.Stderr = os.Stderr
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		until(t, "an instance answers", func() bool {
			res, err := http.Get("http://" + addr + "/healthz")
			if err == nil {
				res.Body.Close()
			}
			return err == nil && res.StatusCode == 200
		})
		f.addrs = append(f.addrs, addr)
	}
	f.url = "http://" + startProxy(t, nginx, dir, f.addrs)
	return f
}

// run has the visitors act while the first of them log out everywhere, one
// after the other, and the engine is killed twice. It returns how many copies
// were accepted afterwards.
func (f *members) run(t *testing.T) (alive int64) {
	done := make(chan struct{})
	list := make([]*guest, visitors)
	var wg sync.WaitGroup
	for i := range list {
		list[i] = newGuest(f, i)
		list[i].login()
		if i >= logouts {
			wg.Go(func() { list[i].live(done) })
		}
	}
	<-time.After(settling)
	var checks sync.WaitGroup
	var accepted atomic.Int64
	for i, g := range list[:logouts] {
		if f.engine != nil && (i == logouts/4 || i == logouts/2) {
			wg.Go(func() {
				f.engine.kill(t)
				<-time.After(away)
				f.engine.start(t)
			})
		}
		copies := g.cookies()
		g.logoutEverywhere()
		checks.Go(func() { accepted.Add(f.accepted(g, copies)) })
		g.login()
		wg.Go(func() { g.live(done) })
	}
	checks.Wait()
	close(done)
	wg.Wait()
	t.Logf("%d visitors, %d instances, %d requests, %d logouts everywhere", visitors, instances, f.requests.Load(), logouts)
	return accepted.Load()
}

// accepted presents copied cookies to every instance, a second after the logout
// was confirmed and again later.
func (f *members) accepted(g *guest, copies string) (n int64) {
	for _, after := range []time.Duration{inForce, 2 * time.Second} {
		n = 0
		<-time.After(after)
		for _, addr := range f.addrs {
			r, _ := http.NewRequest("GET", "http://"+addr+"/me", nil)
			r.Header.Set("Cookie", copies)
			if g.send(r) != "" {
				n++
			}
		}
		if n > 0 && f.engine != nil {
			return n
		}
	}
	return n
}

func (f *members) slowest(t *testing.T, addr string) int {
	t.Helper()
	res, err := http.Get("http://" + addr + "/slowest")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	ms, err := strconv.Atoi(string(body))
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// guest is a visitor who knows what the site should know.
type guest struct {
	fleet  *members
	client *http.Client
	rnd    *rand.Rand
	name   string
	count  int
}

func newGuest(f *members, i int) *guest {
	jar, _ := cookiejar.New(nil)
	return &guest{fleet: f, client: &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second},
		rnd: rand.New(rand.NewPCG(uint64(i), 8)), name: fmt.Sprintf("Guest%d", i)}
}

func (g *guest) cookies() string {
	u, _ := url.Parse(g.fleet.url)
	var pairs []string
	for _, c := range g.client.Jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

func (g *guest) login() {
	g.ask("POST", "/login", "name", g.name)
	g.count = 0
	g.look()
}

func (g *guest) live(done <-chan struct{}) {
	for {
		select {
		case <-done:
			g.look()
			return
		case <-time.After(time.Duration(g.rnd.Int64N(int64(2 * pause)))):
		}
		switch g.rnd.IntN(10) {
		case 0:
			g.login()
		case 1, 2, 3:
			g.count++
			g.ask("POST", "/count")
		default:
			g.look()
		}
	}
}

func (g *guest) look() {
	if got, want := g.ask("GET", "/me"), fmt.Sprint(g.name, " ", g.count); got != want {
		g.fleet.complaints.add("%s: the site knows %q, it should be %q", g.name, got, want)
		fmt.Sscanf(got, g.name+" %d", &g.count)
	}
}

// logoutEverywhere tries again while the engine is away.
func (g *guest) logoutEverywhere() {
	for deadline := time.Now().Add(time.Minute); ; <-time.After(100 * time.Millisecond) {
		switch answer := g.ask("POST", "/logout-everywhere"); {
		case answer == "done":
			if g.ask("GET", "/me") != "" {
				g.fleet.complaints.add("%s: still logged in", g.name)
			}
			return
		case answer != "again":
			g.fleet.complaints.add("%s: log out everywhere: %q", g.name, answer)
			return
		case time.Now().After(deadline):
			g.fleet.complaints.add("%s: no logout within a minute", g.name)
			return
		}
	}
}

func (g *guest) ask(method, path string, form ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := http.NewRequest(method, g.fleet.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		g.fleet.complaints.add("%v", err)
		return ""
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return g.send(r)
}

func (g *guest) send(r *http.Request) string {
	g.fleet.requests.Add(1)
	client := g.client
	if r.Header.Get("Cookie") != "" { // copies go without the jar
		client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	}
	res, err := client.Do(r)
	if err != nil {
		g.fleet.complaints.add("%s: %v", g.name, err)
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 400 {
		g.fleet.complaints.add("%s: %s %s: %s %v", g.name, r.Method, r.URL.Path, res.Status, err)
		return ""
	}
	return string(body)
}
