package fleet

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/adapters/postgres"
	"github.com/jackc/pgx/v5"
)

// engine is a real server that can be killed and started again on its data.
type engine interface {
	url() string
	start(t *testing.T)
	kill(t *testing.T)
}

type redisServer struct {
	addr, dir string
	cmd       *exec.Cmd
}

func newRedis(t *testing.T) engine {
	need(t, "redis-server", "redis-server")
	s := &redisServer{addr: freeAddr(t), dir: t.TempDir()}
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *redisServer) url() string { return "redis://" + s.addr }

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "yes", "--logfile", "")
	s.cmd.Stdout = io.Discard
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "Redis listens", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

func (s *redisServer) kill(t *testing.T) {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// postgresServer runs as the user of Debian's package: it refuses to be root.
type postgresServer struct {
	bin, addr, dir string
	as             *syscall.Credential
	cmd            *exec.Cmd
}

func newPostgres(t *testing.T) engine {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		need(t, "initdb", "postgresql")
	}
	s := &postgresServer{addr: freeAddr(t)}
	if len(found) > 0 {
		s.bin = filepath.Dir(found[len(found)-1])
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "fleet-postgres"); err != nil { // t.TempDir lets no other user in
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	if os.Geteuid() == 0 {
		s.giveTo(t, "postgres")
	}
	if out, err := s.command("initdb", "-D", s.dir+"/data", "-A", "trust", "-U", "postgres", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	s.migrate(t)
	return s
}

func (s *postgresServer) giveTo(t *testing.T, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func (s *postgresServer) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.Env = s.dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func (s *postgresServer) url() string {
	return "postgres://postgres@" + s.addr + "/postgres?sslmode=disable"
}

func (s *postgresServer) start(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = s.command("postgres", "-D", s.dir+"/data", "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories="+s.dir, "-c", "fsync=off") // only a killed machine would need fsync
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "PostgreSQL answers", func() bool { return s.execute(t.Context(), "select 1") == nil })
}

func (s *postgresServer) execute(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (s *postgresServer) migrate(t *testing.T) {
	t.Helper()
	if err := s.execute(t.Context(), postgres.Migration("")); err != nil {
		t.Fatal(err)
	}
}

// kill ends all its processes at once, as a crash does.
func (s *postgresServer) kill(t *testing.T) {
	s.cmd.Process.Signal(syscall.SIGQUIT)
	s.cmd.Wait()
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain until %s", what)
		}
	}
}
