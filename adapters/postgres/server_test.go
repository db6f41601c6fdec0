package postgres_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// server is a real one with a folder of its own.
type server struct {
	bin, dir, addr string
	as             *syscall.Credential // PostgreSQL refuses to run as root
	cmd            *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{bin: binaries(t), addr: freeAddr(t)}
	var err error
	if s.dir, err = os.MkdirTemp("", "revocation-postgres"); err != nil { // t.TempDir lets no other user in
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	if os.Geteuid() == 0 {
		s.as = credential(t, "postgres")
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.command("initdb", "-D", s.dir+"/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.begin(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

// binaries gives the folder of initdb and postgres: Debian keeps them out of PATH.
func binaries(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") != "" {
		t.Fatal("PostgreSQL is not installed: apt-get install postgresql")
	}
	t.Skip("needs PostgreSQL: apt-get install postgresql")
	return ""
}

func credential(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if errUID != nil || errGID != nil {
		t.Fatal(u)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func (s *server) begin(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = s.command("postgres", "-D", s.dir+"/data", "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+s.dir,
		"-c", "fsync=off", "-c", "max_connections=200") // a killed process loses nothing without fsync: only a killed machine does
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	eventually(t, "PostgreSQL to answer", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return pool.Ping(ctx) == nil
	})
}

// kill ends it without a chance to tidy up; it recovers at the next start.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Error(err)
	}
	s.cmd.Wait()
	s.cmd = nil
}

func (s *server) url() string { return "postgres://postgres@" + s.addr + "/postgres?sslmode=disable" }

func (s *server) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
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
