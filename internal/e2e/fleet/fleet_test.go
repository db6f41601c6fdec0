// Package fleet rotates keys under a fleet: real processes of the demo behind
// a real nginx, visitors with cookie jars, keys that reach each process at its
// own moment.
package fleet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/e2e"
)

const (
	instances = 4
	visitors  = 200
	pause     = 500 * time.Millisecond // of a visitor between two actions, on average
	lag       = time.Second            // an instance gets a new file so much later than the one before it
)

// TestTenRotationsUnderTrafficRejectNobody is the promise: keys are spread
// before they seal. 9 seconds are the slowest file (3), a look at it (5), and
// one for clocks and whole seconds.
func TestTenRotationsUnderTrafficRejectNobody(t *testing.T) {
	f := startFleet(t)
	rejected, seen := f.run(t, plan{rotations: 10, every: 2 * time.Second, after: 9 * time.Second, keep: 15 * time.Second, restart: 2})
	for _, complaint := range f.complaints.list() {
		t.Error(complaint)
	}
	if n := f.refusals.Load(); rejected != 0 || n != 0 {
		t.Errorf("visitors count %d rejected sessions, the instances %d refused cookies", rejected, n)
	}
	if n := f.refusedKeys.Load(); n != 0 {
		t.Errorf("%d key files were refused", n)
	}
	if len(seen) != 11 {
		t.Errorf("cookies were sealed under %d keys; want the first and ten more: %v", len(seen), seen)
	}
}

// TestKeysThatSealAtOnceRejectSomebody is the control: the same fleet has to
// show rejections when keys are not spread before they seal, or the test above
// could not fail.
func TestKeysThatSealAtOnceRejectSomebody(t *testing.T) {
	f := startFleet(t)
	rejected, _ := f.run(t, plan{rotations: 3, every: 2 * time.Second, after: 0, keep: 15 * time.Second, restart: -1})
	if rejected == 0 || f.refusals.Load() == 0 {
		t.Errorf("visitors count %d rejected sessions, the instances %d refused cookies; some were expected", rejected, f.refusals.Load())
	}
	t.Logf("without a delay: %d rejected sessions, %d refused cookies, %d complaints", rejected, f.refusals.Load(), len(f.complaints.list()))
}

// plan is one run.
type plan struct {
	rotations          int
	every, after, keep time.Duration
	restart            int // the rotation after which an instance is restarted
}

// fleet is the instances and the proxy.
type fleet struct {
	program, keys string // the command; the key file that rotations change
	url           string
	nodes         []*node

	refusals, refusedKeys, actions atomic.Int64
	complaints                     complaints
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	nginx := need(t, "nginx", "nginx")
	dir := t.TempDir()
	program, err := e2e.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{program: program, keys: filepath.Join(dir, "keys.json")}
	f.keysCommand(t, "new", f.keys)
	var addrs []string
	for i := range instances {
		n := &node{addr: freeAddr(t), keys: filepath.Join(dir, fmt.Sprint("keys", i), "keys.json"), fleet: f}
		if err := os.Mkdir(filepath.Dir(n.keys), 0o700); err != nil {
			t.Fatal(err)
		}
		n.receive(t, f.ring(t))
		n.start(t)
		t.Cleanup(func() { n.stop() })
		f.nodes, addrs = append(f.nodes, n), append(addrs, n.addr)
	}
	f.url = "http://" + startProxy(t, nginx, dir, addrs)
	return f
}

func (f *fleet) keysCommand(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(f.program, append([]string{"keys"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("keys %v: %v\n%s", args, err, out)
	}
}

func (f *fleet) ring(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(f.keys)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// run has the visitors act while p is carried out, and gives how many sessions
// they saw rejected and under which keys their cookies were.
func (f *fleet) run(t *testing.T, p plan) (rejected int64, keys map[string]int) {
	t.Helper()
	done := make(chan struct{})
	list := make([]*visitor, visitors)
	var wg sync.WaitGroup
	for i := range list {
		list[i] = newVisitor(f, i)
		wg.Go(func() { list[i].live(done) })
	}
	f.rotate(t, p)
	close(done)
	wg.Wait()
	keys = map[string]int{}
	for _, v := range list {
		rejected += v.rejected
		for id := range v.keys {
			keys[id]++
		}
	}
	t.Logf("%d visitors, %d instances, %d actions, %d rotations", visitors, instances, f.actions.Load(), p.rotations)
	return rejected, keys
}

// rotate makes each new file with the real command and hands it to every
// instance in its turn, each at its own moment.
func (f *fleet) rotate(t *testing.T, p plan) {
	t.Helper()
	var wg sync.WaitGroup
	posts := make([]chan parcel, len(f.nodes))
	for i, n := range f.nodes {
		posts[i] = make(chan parcel, p.rotations)
		wg.Go(func() {
			for post := range posts[i] {
				<-time.After(time.Until(post.at))
				n.receive(t, post.ring)
			}
		})
	}
	for i := range p.rotations {
		<-time.After(p.every)
		f.keysCommand(t, "rotate", "-after", p.after.String(), "-keep", p.keep.String(), f.keys)
		for i, post := range posts {
			post <- parcel{time.Now().Add(time.Duration(i) * lag), f.ring(t)}
		}
		if i == p.restart {
			f.nodes[1].restart(t)
		}
	}
	for _, post := range posts {
		close(post)
	}
	wg.Wait()
	<-time.After(p.after + 3*time.Second) // the last key seals, and the first visitors have met it
}

// parcel is a ring on its way to an instance.
type parcel struct {
	at   time.Time
	ring []byte
}

// node is one process of the demo.
type node struct {
	addr, keys string
	fleet      *fleet
	cmd        *exec.Cmd
	read       chan struct{} // closed when its standard error has been read to the end
}

// receive exchanges the instance's own file.
func (n *node) receive(t *testing.T, ring []byte) {
	if err := os.WriteFile(n.keys+".tmp", ring, 0o600); err != nil {
		t.Error(err)
	}
	if err := os.Rename(n.keys+".tmp", n.keys); err != nil {
		t.Error(err)
	}
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command(n.fleet.program, "demo", "-addr", n.addr, "-keys", n.keys, "-log", "debug", "-insecure")
	log, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.read = make(chan struct{})
	go n.fleet.readLog(log, n.read)
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if res, err := http.Get("http://" + n.addr + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("an instance does not answer")
		}
	}
}

func (n *node) stop() {
	n.cmd.Process.Signal(os.Interrupt)
	<-n.read
	n.cmd.Wait()
}

func (n *node) restart(t *testing.T) {
	t.Helper()
	n.stop()
	n.start(t)
}

// readLog counts what the instance refused.
func (f *fleet) readLog(log io.Reader, done chan<- struct{}) {
	defer close(done)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.Contains(line, "event=refused"):
			if f.refusals.Add(1) <= 3 {
				f.complaints.add("an instance: %s", line)
			}
		case strings.Contains(line, "event=keys-refused"):
			f.refusedKeys.Add(1)
			f.complaints.add("an instance: %s", line)
		case strings.Contains(line, "panic"):
			f.complaints.add("an instance: %s", line)
		}
	}
}

// visitor is a person with a browser who remembers what the site should know.
type visitor struct {
	fleet  *fleet
	client *http.Client
	rnd    *rand.Rand
	name   string

	visits, basket int // as it should be
	user           string
	rejected       int64
	keys           map[string]bool // that the cookies were under
}

var transport = &http.Transport{MaxIdleConnsPerHost: visitors}

func newVisitor(f *fleet, i int) *visitor {
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &visitor{fleet: f, client: client, rnd: rand.New(rand.NewPCG(uint64(i), 7)), name: fmt.Sprintf("Visitor %d", i), keys: map[string]bool{}}
}

func (v *visitor) live(done <-chan struct{}) {
	for {
		select {
		case <-done:
			v.look() // what all of it came to
			return
		case <-time.After(time.Duration(v.rnd.Int64N(int64(2 * pause)))):
		}
		v.fleet.actions.Add(1)
		switch n := v.rnd.IntN(20); {
		case n < 9:
			v.count()
		case n < 14:
			v.look()
		case n < 16:
			v.buy()
		case n < 19:
			v.login()
		default:
			v.logout()
		}
	}
}

func (v *visitor) count() {
	v.visits++
	v.compare(v.ask("POST", "/api/visit"))
}

func (v *visitor) look() { v.compare(v.ask("GET", "/api/state")) }

func (v *visitor) buy() {
	v.basket++
	v.ask("POST", "/basket/add", "sku", "anzac")
	v.look()
}

// login reads its flash message on the next page, once.
func (v *visitor) login() {
	v.user = v.name
	v.ask("POST", "/login", "name", v.name)
	v.visits = 1 // the session began anew, and the page counts
	if page := v.ask("GET", "/"); !welcome.MatchString(page) {
		v.complain("the flash message of the login is not on the next page")
	}
	if page := v.ask("GET", "/?did=read"); welcome.MatchString(page) {
		v.complain("the flash message is there a second time")
	}
	v.look()
}

var welcome = regexp.MustCompile(`Welcome, Visitor \d+\.`)

func (v *visitor) logout() {
	v.visits, v.basket, v.user = 0, 0, ""
	v.ask("POST", "/logout")
	v.look()
}

// compare holds the site's memory against the visitor's.
func (v *visitor) compare(answer string) {
	var got struct {
		Visits, Basket      int
		User, Rejected, Key string
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		v.complain("no state: %v", err)
		return
	}
	if got.Key != "" {
		v.keys[got.Key] = true
	}
	if got.Rejected != "" {
		v.rejected++
		v.complain("rejected: %s under key %s", got.Rejected, got.Key)
	} else if got.Visits != v.visits || got.Basket != v.basket || got.User != v.user {
		v.complain("the site knows %+v; it should be %d visits, %d in the basket, user %q", got, v.visits, v.basket, v.user)
	}
	v.visits, v.basket, v.user = got.Visits, got.Basket, got.User // each loss counts once
}

func (v *visitor) ask(method, path string, form ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := http.NewRequest(method, v.fleet.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		v.complain("%v", err)
		return ""
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.complain("%s %s: %v", method, path, err)
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 400 {
		v.complain("%s %s: %s %v", method, path, res.Status, err)
	}
	return string(body)
}

func (v *visitor) complain(format string, args ...any) {
	v.fleet.complaints.add("%s: %s", v.name, fmt.Sprintf(format, args...))
}

// complaints keeps the first few.
type complaints struct {
	mu    sync.Mutex
	first []string
	n     int
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n++; c.n <= 10 {
		c.first = append(c.first, fmt.Sprintf(format, args...))
	}
}

func (c *complaints) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n > len(c.first) {
		return append(c.first[:len(c.first):len(c.first)], fmt.Sprintf("and %d complaints more", c.n-len(c.first)))
	}
	return c.first
}

// startProxy gives the address of an nginx that goes round the instances. It
// repeats a request on the next one when an instance closes the line during a
// restart; POSTs too, for what a lost response counted was lost with it.
func startProxy(t *testing.T, nginx, dir string, addrs []string) string {
	t.Helper()
	addr := freeAddr(t)
	config := fmt.Sprintf(`
daemon off; pid %[1]s/nginx.pid; error_log stderr error; worker_processes 1;
events { worker_connections 2048; }
http {
	access_log off;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	upstream fleet { server %[2]s fail_timeout=1s; }
	server {
		listen %[3]s;
		location / {
			proxy_pass http://fleet;
			proxy_set_header Host $http_host;
			proxy_next_upstream error timeout non_idempotent;
		}
	}
}`, dir, strings.Join(addrs, " fail_timeout=1s; server "), addr)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", path, "-e", "stderr")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if res, err := http.Get("http://" + addr + "/healthz"); err == nil {
			res.Body.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatal("nginx does not answer")
		}
	}
}

// need finds a program, skips without it, and fails where nothing may be skipped.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if path, err := exec.LookPath("/usr/sbin/" + program); err == nil {
		return path
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
		t.Fatalf("%s is not installed: apt-get install %s", program, debian)
	}
	t.Skipf("needs %s: apt-get install %s", program, debian)
	return ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
