package redis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/redis"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
	goredis "github.com/redis/go-redis/v9"
)

func engine(client goredis.UniversalClient) revocationtest.Engine {
	return revocationtest.Engine{
		Open: func(*testing.T) revocation.Source { return redis.New(client, "") },
		Lose: func(t *testing.T) {
			t.Helper()
			if err := client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestRedisKeepsWhatEverySourceMust(t *testing.T) {
	s := startServer(t)
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		client := s.client(t)
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return engine(client)
	})
}

func TestValkeyKeepsWhatEverySourceMust(t *testing.T) {
	need(t, "valkey-server", "valkey-server (Debian 12 has it in bookworm-backports)")
	s := &server{program: "valkey-server", addr: freeAddr(t), dir: t.TempDir()}
	s.begin(t)
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		client := s.client(t)
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return engine(client)
	})
}

func TestRedisClusterKeepsWhatEverySourceMust(t *testing.T) {
	addrs := startCluster(t)
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		client := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
		t.Cleanup(func() { client.Close() })
		flush := func(t *testing.T) {
			t.Helper()
			if err := client.ForEachMaster(t.Context(), func(ctx context.Context, c *goredis.Client) error { return c.FlushAll(ctx).Err() }); err != nil {
				t.Fatal(err)
			}
		}
		flush(t)
		e := engine(client)
		e.Lose = flush
		return e
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
	a, b := follow(t, ring, redis.New(s.client(t), "")), follow(t, ring, redis.New(s.client(t), ""))
	for round := range 2 {
		old := a.Login("user:42")
		if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
			t.Fatal(err)
		}
		s.kill(t)
		fresh := a.Login("user:43")
		if err := a.List.Revoke(t.Context(), "user:43"); err == nil {
			t.Error("Revoke works without a server")
		}
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
		if late := follow(t, ring, redis.New(s.client(t), "")); late.Alive(old) || late.Alive(fresh) {
			t.Error("an instance that starts later takes revoked sessions")
		}
	}
}

func TestAServerThatComesBackWithoutItsDataIsGivenIt(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	a := follow(t, ring, redis.New(s.client(t), ""))
	old := a.Login("user:42")
	if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
		t.Fatal(err)
	}
	s.kill(t)
	s.dir = t.TempDir()
	s.begin(t)
	eventually(t, "an instance that starts later to know the mark", func() bool {
		return !follow(t, ring, redis.New(s.client(t), "")).Alive(old)
	})
}

// A replica that was a moment behind takes over, and the time of its machine
// is a little earlier: new entries get ids that are not after those it lost.
func TestAFailoverThatLosesTheLastMarksIsNoticed(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	client := s.client(t)
	a := follow(t, ring, redis.New(client, ""))
	first, second := a.Login("user:1"), a.Login("user:2")
	if err := a.List.Revoke(t.Context(), "user:1"); err != nil {
		t.Fatal(err)
	}
	dumps := map[string]string{}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	for _, k := range keys {
		if dumps[k], err = client.Dump(t.Context(), k).Result(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.List.Revoke(t.Context(), "user:2"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.TxPipelined(t.Context(), func(p goredis.Pipeliner) error {
		for k, d := range dumps {
			p.RestoreReplace(t.Context(), k, 0, d)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an instance that starts later to know both marks", func() bool {
		late := follow(t, ring, redis.New(s.client(t), ""))
		return !late.Alive(first) && !late.Alive(second)
	})
}

func TestAnEvictedKeyIsNoticed(t *testing.T) {
	for _, part := range []string{"log", "marks", "head"} {
		t.Run(part, func(t *testing.T) {
			s, ring := startServer(t), newRing(t)
			client := s.client(t)
			a := follow(t, ring, redis.New(client, ""))
			old := a.Login("user:42")
			if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
				t.Fatal(err)
			}
			if n, err := client.Del(t.Context(), "{cookiesession:revocation}:"+part).Result(); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			eventually(t, "an instance that starts later to know the mark", func() bool {
				return !follow(t, ring, redis.New(s.client(t), "")).Alive(old)
			})
		})
	}
}

// The stream keeps about 10,000 entries. One who was away for more reads the
// sorted set.
func TestAStreamThatWasTrimmedWhileAnInstanceWasAwayIsReadAnew(t *testing.T) {
	s := startServer(t)
	client := s.client(t)
	src := redis.New(client, "")
	away, err := src.Read(t.Context(), "")
	for err == nil && away.More {
		away, err = src.Read(t.Context(), away.Next)
	}
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const marks = 12_000
	for w := range 20 {
		wg.Go(func() {
			for i := range marks / 20 {
				if _, err := src.Append(t.Context(), []revocation.Key{{byte(w), byte(i >> 8), byte(i)}}, 0); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := client.XLen(t.Context(), "{cookiesession:revocation}:log").Val(); n >= marks {
		t.Fatalf("the stream still has %d entries: nothing is tested", n)
	}
	has, resets := map[revocation.Key]bool{}, 0
	for got := (revocation.Page{Next: away.Next, More: true}); got.More; {
		if got, err = src.Read(t.Context(), got.Next); err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Marks {
			has[m.Key] = true
		}
		if got.Reset {
			resets++
		}
	}
	if len(has) != marks || resets != 1 {
		t.Errorf("%d marks of %d were read, with %d resets", len(has), marks, resets)
	}
}

func TestWhatSomethingElseHasWrittenIsAnErrorAndNoPanic(t *testing.T) {
	s := startServer(t)
	client := s.client(t)
	for name, spoil := range map[string]func(ctx context.Context) error{
		"a member that is no key": func(ctx context.Context) error {
			return client.ZAdd(ctx, "{cookiesession:revocation}:marks", goredis.Z{Score: 1, Member: "short"}).Err()
		},
		"a score that is no moment": func(ctx context.Context) error {
			return client.ZAdd(ctx, "{cookiesession:revocation}:marks", goredis.Z{Score: 1.5, Member: "ten bytes!"}).Err()
		},
		"another type": func(ctx context.Context) error {
			return client.Set(ctx, "{cookiesession:revocation}:marks", "x", 0).Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(client.FlushAll(t.Context()).Err(), spoil(t.Context())); err != nil {
				t.Fatal(err)
			}
			if _, err := redis.New(client, "").Read(t.Context(), ""); err == nil {
				t.Error("it is read without an error")
			}
		})
	}
}

func TestPrefixesKeepListsApart(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	a, b := follow(t, ring, redis.New(s.client(t), "shop")), follow(t, ring, redis.New(s.client(t), "forum"))
	cookie := a.Login("user:42")
	if err := b.List.Revoke(t.Context(), "user:42"); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Second)
	if !a.Alive(cookie) {
		t.Error("a mark of one prefix is in force under another")
	}
}

// TestAQuietServerIsAskedLittle holds what an instance costs its server.
func TestAQuietServerIsAskedLittle(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	follow(t, ring, redis.New(s.client(t), ""))
	client := s.client(t)
	commands := func() (n int) {
		info := client.Info(t.Context(), "commandstats").Val()
		for _, line := range strings.Split(info, "\r\n") {
			var calls int
			name, rest, _ := strings.Cut(line, ":")
			if name == "cmdstat_evalsha" || name == "cmdstat_xread" {
				fmt.Sscanf(rest, "calls=%d", &calls)
				n += calls
			}
		}
		return n
	}
	before := commands()
	<-time.After(3 * time.Second)
	if n := commands() - before; n > 24 { // 2 scripts, their XREAD and 2 waits each second
		t.Errorf("%d commands in 3 quiet seconds", n)
	}
}

// server is a real one with a folder of its own.
type server struct {
	program, addr, dir string
	extra              []string
	cmd                *exec.Cmd
}

func startServer(t *testing.T, extra ...string) *server {
	t.Helper()
	need(t, "redis-server", "redis-server")
	s := &server{program: "redis-server", addr: freeAddr(t), dir: t.TempDir(), extra: extra}
	s.begin(t)
	return s
}

func (s *server) begin(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "yes", "--logfile", ""}, s.extra...)
	cmd := exec.Command(s.program, args...)
	cmd.Stdout = io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.cmd = cmd
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client := goredis.NewClient(&goredis.Options{Addr: s.addr})
	defer client.Close()
	eventually(t, "the server to answer", func() bool { return client.Ping(t.Context()).Err() == nil })
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
}

func (s *server) client(t *testing.T) *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: s.addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	return client
}

// startCluster gives the addresses of three masters that share the slots.
func startCluster(t *testing.T) (addrs []string) {
	t.Helper()
	var clients []*goredis.Client
	for i := range 3 {
		s := startServer(t, "--cluster-enabled", "yes")
		clients, addrs = append(clients, s.client(t)), append(addrs, s.addr)
		if err := clients[i].ClusterAddSlotsRange(t.Context(), i*16384/3, (i+1)*16384/3-1).Err(); err != nil {
			t.Fatal(err)
		}
		host, port, _ := net.SplitHostPort(addrs[0])
		if err := clients[i].ClusterMeet(t.Context(), host, port).Err(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the cluster to be whole", func() bool {
		for _, c := range clients {
			info := c.ClusterInfo(t.Context()).Val()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return false
			}
		}
		return true
	})
	return addrs
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

// need skips without a program, and fails where nothing may be skipped.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
		t.Fatalf("%s is not installed: apt-get install %s", program, debian)
	}
	t.Skipf("needs %s: apt-get install %s", program, debian)
}
