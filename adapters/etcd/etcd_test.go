package etcd_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/etcd"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const ringKey = "sessions/ring"

func TestAChangeInEtcdReachesTheRingAndABadOneDoesNot(t *testing.T) {
	s := startServer(t)
	a, b, c := newKey(), newKey(), newKey()
	s.put(t, ringText(a))
	ring := follow(t, s.client(t, s.addr))
	events := watchEvents(t, ring)
	wantSealing(t, ring, a)

	s.put(t, ringText(b, a))
	wantSealing(t, ring, b)
	events.want(t, "keys-loaded")

	s.put(t, "{")
	wantErr(t, ring, "cut short")
	s.put(t, ringText(a, a))
	wantErr(t, ring, "twice")
	if _, err := s.admin.Delete(t.Context(), ringKey); err != nil {
		t.Fatal(err)
	}
	wantErr(t, ring, "does not exist")
	wantSealing(t, ring, b)
	events.want(t, "keys-refused", "keys-refused", "keys-refused")

	s.put(t, ringText(c, b))
	wantSealing(t, ring, c)
	if err := ring.Err(); err != nil {
		t.Errorf("a good value should clear Err: %v", err)
	}
	events.want(t, "keys-loaded")
}

func TestAServerThatIsKilledAndComesBackIsFollowedAgain(t *testing.T) {
	s := startServer(t)
	a, b, c := newKey(), newKey(), newKey()
	s.put(t, ringText(a))
	ring := follow(t, s.client(t, s.addr))
	s.kill(t)
	wantSealing(t, ring, a)
	s.start(t)
	s.put(t, ringText(b, a))
	wantSealing(t, ring, b)
	s.kill(t)
	s.start(t)
	s.put(t, ringText(c, b))
	wantSealing(t, ring, c)
}

// TestARevisionThatWasCompactedAwayIsNoDeadEnd cuts the line, lets history
// move on and be forgotten, and joins the line again.
func TestARevisionThatWasCompactedAwayIsNoDeadEnd(t *testing.T) {
	s := startServer(t)
	line := newLine(t, s.addr)
	a, b := newKey(), newKey()
	s.put(t, ringText(a))
	ring := follow(t, s.client(t, line.addr))
	line.cut()
	for range 20 {
		s.put(t, ringText(newKey()))
	}
	rev := s.put(t, ringText(b, a))
	if _, err := s.admin.Compact(t.Context(), rev, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	wantSealing(t, ring, a)
	line.join()
	wantSealing(t, ring, b)
}

func TestAFirstLoadThatFailsSaysWhy(t *testing.T) {
	s := startServer(t)
	client := s.client(t, s.addr)
	try := func(client *clientv3.Client, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		ring, err := etcd.Follow(ctx, client, ringKey)
		if ring != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ringKey) {
			t.Errorf("want an error about %q that names the key, got %v", want, err)
		}
	}
	try(client, "does not exist")
	s.put(t, "")
	try(client, "empty")
	secret := newKey().Secret.Reveal()
	s.put(t, fmt.Sprintf(`{"keys": [{"secret": %q, "open_until": %[1]q}]}`, secret))
	try(client, "open_until")
	if _, err := etcd.Follow(t.Context(), client, ringKey); strings.Contains(err.Error(), secret) {
		t.Errorf("the error shows the secret: %v", err)
	}
	s.kill(t)
	try(client, "deadline")
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	s := startServer(t)
	a, b := newKey(), newKey()
	s.put(t, ringText(a))
	ctx, cancel := context.WithCancel(t.Context())
	ended, err := etcd.Follow(ctx, s.client(t, s.addr), ringKey)
	if err != nil {
		t.Fatal(err)
	}
	goesOn := follow(t, s.client(t, s.addr))
	cancel()
	s.put(t, ringText(b, a))
	wantSealing(t, goesOn, b)
	if sealing(ended) != a.ID() || ended.Err() != nil {
		t.Error("it still follows, or took its end for a failure", ended.Err())
	}
}

func TestNothingIsPolled(t *testing.T) {
	s := startServer(t)
	line := newLine(t, s.addr)
	s.put(t, ringText(newKey()))
	follow(t, s.client(t, line.addr))
	before := line.bytes()
	<-time.After(2 * time.Second)
	if n := line.bytes() - before; n > 2000 {
		t.Errorf("%d bytes went to the server in 2 quiet seconds", n)
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

func follow(t *testing.T, client *clientv3.Client) *cookiesession.Keyring {
	t.Helper()
	ring, err := etcd.Follow(t.Context(), client, ringKey)
	if err != nil {
		t.Fatal(err)
	}
	return ring
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
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type eventKinds struct {
	mu    sync.Mutex
	kinds []string
}

func watchEvents(t *testing.T, ring *cookiesession.Keyring) *eventKinds {
	t.Helper()
	l := new(eventKinds)
	_, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: func(_ context.Context, e cookiesession.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.kinds = append(l.kinds, string(e.Kind))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *eventKinds) want(t *testing.T, kinds ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.kinds, kinds) {
		t.Errorf("want the events %v, got %v", kinds, l.kinds)
	}
	l.kinds = nil
}

// server is a real etcd with a folder of its own.
type server struct {
	addr, peer, dir string
	cmd             *exec.Cmd
	admin           *clientv3.Client
}

func startServer(t *testing.T) *server {
	t.Helper()
	need(t, "etcd", "etcd-server")
	s := &server{addr: freeAddr(t), peer: freeAddr(t), dir: filepath.Join(t.TempDir(), "data")}
	s.start(t)
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	s.admin = s.client(t, s.addr)
	eventually(t, "etcd to answer", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.admin.Get(ctx, "nothing")
		return err == nil
	})
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	url, peer := "http://"+s.addr, "http://"+s.peer
	s.cmd = exec.Command("etcd", "--name", "one", "--data-dir", s.dir, "--listen-client-urls", url, "--advertise-client-urls", url,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "one="+peer, "--log-level", "error")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
}

func (s *server) client(t *testing.T, addr string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{addr}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// put tries again while a server that was started just now has no leader.
func (s *server) put(t *testing.T, value string) (revision int64) {
	t.Helper()
	eventually(t, "etcd to take a value", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		res, err := s.admin.Put(ctx, ringKey, value)
		if err == nil {
			revision = res.Header.Revision
		}
		return err == nil
	})
	return revision
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

// line is a TCP connection to the server that can be cut.
type line struct {
	addr, to string
	mu       sync.Mutex
	down     bool
	conns    []net.Conn
	sent     int
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ln := &line{addr: l.Addr().String(), to: to}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			ln.carry(conn)
		}
	}()
	return ln
}

func (ln *line) carry(conn net.Conn) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	server, err := net.Dial("tcp", ln.to)
	if err != nil || ln.down {
		conn.Close()
		return
	}
	ln.conns = append(ln.conns, conn, server)
	go func() { io.Copy(conn, server); conn.Close() }()
	go func() { io.Copy(server, io.TeeReader(conn, ln)); server.Close() }()
}

// Write counts what goes to the server.
func (ln *line) Write(p []byte) (int, error) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.sent += len(p)
	return len(p), nil
}

func (ln *line) bytes() int {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.sent
}

func (ln *line) cut() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.down = true
	for _, c := range ln.conns {
		c.Close()
	}
}

func (ln *line) join() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.down = false
}
