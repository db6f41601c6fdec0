package nats_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	revocationnats "github.com/cookiesession/cookiesession/adapters/nats"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const stream = "cookiesession-revocations"

func (s *server) lose(t *testing.T) {
	t.Helper()
	js, err := jetstream.New(s.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
}

func (s *server) source(t *testing.T) *revocationnats.Source {
	t.Helper()
	src, err := revocationnats.New(s.connect(t), revocationnats.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestJetStreamKeepsWhatEverySourceMust(t *testing.T) {
	s := startServer(t)
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		s.lose(t)
		return revocationtest.Engine{
			Open: func(t *testing.T) revocation.Source { return s.source(t) },
			Lose: s.lose,
		}
	})
}

func newRing(t *testing.T) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func quiet(context.Context, revocation.Event) {}

// follow starts an instance and waits until it has read its source.
func follow(t *testing.T, ring *cookiesession.Keyring, src revocation.Source) *revocationtest.Instance {
	t.Helper()
	i := revocationtest.NewInstance(t, ring, revocation.Config{Source: src, OnEvent: quiet})
	eventually(t, "the first read", func() bool { return !i.List.Status().AsOf.IsZero() })
	return i
}

func TestAServerThatIsKilledAndComesBackKeepsItsMarks(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	a, b := follow(t, ring, s.source(t)), follow(t, ring, s.source(t))
	for round := range 2 {
		old := a.Login("user:42")
		if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
			t.Fatal(err)
		}
		s.kill(t)
		fresh := a.Login("user:43")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := a.List.Revoke(ctx, "user:43"); err == nil {
			t.Error("Revoke works without a server")
		}
		cancel()
		if a.Alive(old) || !b.Alive(fresh) {
			t.Errorf("round %d: without a server, the marks that are known count and no others", round)
		}
		s.begin(t)
		eventually(t, "Revoke to work again", func() bool { return a.List.Revoke(t.Context(), "user:43") == nil })
		returned := time.Now()
		eventually(t, "the mark on the other instance", func() bool { return !b.Alive(fresh) })
		if d := time.Since(returned); d > time.Second {
			t.Errorf("round %d: in force on the other instance after %v", round, d)
		}
		if late := follow(t, ring, s.source(t)); late.Alive(old) || late.Alive(fresh) {
			t.Error("an instance that starts later takes revoked sessions")
		}
	}
}

func TestAServerThatComesBackWithoutItsDataIsGivenIt(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	a := follow(t, ring, s.source(t))
	old := a.Login("user:42")
	if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
		t.Fatal(err)
	}
	s.kill(t)
	s.dir = t.TempDir()
	s.begin(t)
	eventually(t, "an instance that starts later to know the mark", func() bool {
		return !follow(t, ring, s.source(t)).Alive(old)
	})
}

func TestWhatSomethingElseHasPublishedIsAnErrorAndNoPanic(t *testing.T) {
	s := startServer(t)
	src := s.source(t)
	js, err := jetstream.New(s.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"", "x", "\x01", "\x01\x00\x00\x00\x00\x00\x00\x00\x00short", "\x03\x00\x00\x00\x00\x00\x00\x00\x00"} {
		if _, err := src.Append(t.Context(), []revocation.Key{{1}}, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "cookiesession.revocations.marks", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Read(t.Context(), ""); err == nil {
			t.Errorf("%q is read without an error", data)
		}
		s.lose(t)
	}
}

func TestANameThatIsNoSubjectIsRefused(t *testing.T) {
	s := startServer(t)
	for _, name := range []string{"a.b", "a*", ">", "a b", "é"} {
		if _, err := revocationnats.New(s.connect(t), revocationnats.Config{Name: name}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// server is a real one with a folder of its own.
type server struct {
	addr, dir string
	cmd       *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	if _, err := exec.LookPath("nats-server"); err != nil {
		if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
			t.Fatal("nats-server is not installed: apt-get install nats-server")
		}
		t.Skip("needs nats-server: apt-get install nats-server")
	}
	s := &server{addr: freeAddr(t), dir: t.TempDir()}
	s.begin(t)
	return s
}

func (s *server) begin(t *testing.T) {
	t.Helper()
	host, port, _ := net.SplitHostPort(s.addr)
	cmd := exec.Command("nats-server", "-a", host, "-p", port, "-js", "-sd", s.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.cmd = cmd
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	js, err := jetstream.New(s.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "nats-server to answer", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := js.AccountInfo(ctx)
		return err == nil
	})
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
}

func (s *server) connect(t *testing.T) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect("nats://"+s.addr, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(0, 0), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
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
