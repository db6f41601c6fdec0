package postgres_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/postgres"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/cookiesession/cookiesession/revocation/revocationtest"
	"github.com/jackc/pgx/v5/pgxpool"
)

func migrate(t *testing.T, pool *pgxpool.Pool, table string) {
	t.Helper()
	for range 2 { // again changes nothing
		if _, err := pool.Exec(t.Context(), postgres.Migration(table)); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, pool *pgxpool.Pool, table string) *postgres.Source {
	src := postgres.New(pool, table)
	t.Cleanup(src.Close)
	return src
}

func TestPostgreSQLKeepsWhatEverySourceMust(t *testing.T) {
	s := startServer(t)
	pool := s.pool(t)
	if _, err := pool.Exec(t.Context(), "create schema web"); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	revocationtest.Run(t, func(t *testing.T) revocationtest.Engine {
		table := fmt.Sprint("web.Marks", n.Add(1)) // capitals and a schema: names are quoted
		migrate(t, pool, table)
		return revocationtest.Engine{
			Open: func(t *testing.T) revocation.Source { return open(t, pool, table) },
			Lose: func(t *testing.T) {
				t.Helper()
				schema, name, _ := strings.Cut(table, ".")
				if _, err := pool.Exec(t.Context(), fmt.Sprintf("truncate %q.%q", schema, name)); err != nil {
					t.Fatal(err)
				}
			},
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
func follow(t *testing.T, ring *cookiesession.Keyring, cfg revocation.Config) *revocationtest.Instance {
	t.Helper()
	cfg.OnEvent = quiet
	i := revocationtest.NewInstance(t, ring, cfg)
	eventually(t, "the first read", func() bool { return !i.List.Status().AsOf.IsZero() })
	return i
}

func TestAServerThatIsKilledAndComesBackKeepsItsMarks(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	migrate(t, s.pool(t), "")
	instance := func() *revocationtest.Instance {
		return follow(t, ring, revocation.Config{Source: open(t, s.pool(t), "")})
	}
	a, b := instance(), instance()
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
		if late := instance(); late.Alive(old) || late.Alive(fresh) {
			t.Error("an instance that starts later takes revoked sessions")
		}
	}
}

// One transaction takes its number first and becomes visible last: its commit
// is made slow. Nobody may read past it.
func TestNoReaderPassesARowThatIsNotYetVisible(t *testing.T) {
	s := startServer(t)
	pool := s.pool(t)
	migrate(t, pool, "")
	if _, err := pool.Exec(t.Context(), `
		create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return null; end $$;
		create constraint trigger dawdle after insert on cookiesession_revocations deferrable initially deferred
			for each row when (new.key = '\x01000000000000000000') execute function dawdle()`); err != nil {
		t.Fatal(err)
	}
	src := open(t, pool, "")
	appended := make(chan error, 2)
	for _, k := range []revocation.Key{{1}, {2}} {
		go func() {
			_, err := open(t, pool, "").Append(t.Context(), []revocation.Key{k}, 0)
			appended <- err
		}()
		<-time.After(100 * time.Millisecond)
	}
	var got revocation.Page
	has := map[revocation.Key]bool{}
	read := func() {
		var err error
		if got, err = src.Read(t.Context(), got.Next); err != nil || got.Reset {
			t.Fatal(got, err)
		}
		for _, m := range got.Marks {
			has[m.Key] = true
		}
	}
	for pending := 2; pending > 0; {
		select {
		case err := <-appended:
			if pending--; err != nil {
				t.Fatal(err)
			}
		default:
		}
		read()
	}
	if read(); len(has) != 2 {
		t.Errorf("%d marks are read, want both", len(has))
	}
}

// deaf is a pool behind PgBouncer: nothing is heard by LISTEN.
type deaf struct{ revocation.Source }

func (d deaf) Wait(ctx context.Context, _ revocation.Cursor) error { <-ctx.Done(); return nil }

func TestWithoutNotificationsPollingIsEnough(t *testing.T) {
	s, ring := startServer(t), newRing(t)
	pool := s.pool(t)
	migrate(t, pool, "")
	a := follow(t, ring, revocation.Config{Source: open(t, pool, "")})
	b := follow(t, ring, revocation.Config{Source: deaf{open(t, pool, "")}})
	for range 5 {
		cookie := b.Login("user:42")
		if err := a.List.Revoke(t.Context(), "user:42"); err != nil {
			t.Fatal(err)
		}
		returned := time.Now()
		eventually(t, "the mark on the other instance", func() bool { return !b.Alive(cookie) })
		if d := time.Since(returned); d > time.Second {
			t.Errorf("in force on the other instance after %v", d)
		}
	}
}

func TestAConnectionThatListensAndIsCutIsReplaced(t *testing.T) {
	s := startServer(t)
	pool := s.pool(t)
	migrate(t, pool, "")
	src, other := open(t, pool, ""), open(t, pool, "")
	got, err := src.Read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := src.Wait(ctx, got.Next); err != nil {
			t.Error(err)
		}
		cancel()
		if _, err := pool.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'"); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Append(t.Context(), []revocation.Key{{1}}, 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		began := time.Now()
		if err := src.Wait(ctx, got.Next); err != nil { // it may tell of the cut, and then again of the mark
			err = src.Wait(ctx, got.Next)
			if err != nil {
				t.Error(err)
			}
		}
		cancel()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("the mark was told after %v", d)
		}
		if got, err = src.Read(t.Context(), got.Next); err != nil || len(got.Marks) != 1 {
			t.Fatal(got, err)
		}
	}
}

func TestCloseLeavesNoConnection(t *testing.T) {
	s := startServer(t)
	pool := s.pool(t)
	migrate(t, pool, "")
	src := open(t, pool, "")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := src.Wait(ctx, ""); err != nil {
		t.Fatal(err)
	}
	listeners := func() (n int) {
		if err := pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where query like 'listen%'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := listeners(); n != 1 {
		t.Fatalf("%d connections listen", n)
	}
	src.Close()
	eventually(t, "the connection to end", func() bool { return listeners() == 0 })
}

func TestTheMigrationIsPrinted(t *testing.T) {
	out, err := exec.Command("go", "run", "./migration", "web.marks").Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != postgres.Migration("web.marks") || !strings.Contains(string(out), `"web"."marks"`) {
		t.Errorf("printed:\n%s", out)
	}
}
