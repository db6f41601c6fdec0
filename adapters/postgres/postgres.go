// Package postgres spreads the marks of a revocation list with PostgreSQL, for
// applications that have one anyway and want no further engine.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	…
//	list, err := revocation.New(revocation.Config{Source: postgres.New(pool, "")})
//
// One table holds everything. [Migration] is the SQL that makes it. An instance
// reads the rows behind the last one that it has read. LISTEN tells it when,
// and it looks every Config.Poll anyway.
//
// Rows are numbered by hand, one writer at a time. A sequence would not do: a
// transaction that took the lower number may become visible later, and who
// has read on would never see it. So numbers have no gaps, and a row becomes
// visible before the next one gets its number. This gives a thousand marks a
// second, and marks are few.
package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// defaultTable is the table where New and Migration are given none.
const defaultTable = "cookiesession_revocations"

// page is how many rows one call reads.
const page = 1000

// Source is a [revocation.Source]. One list uses it, from many goroutines.
type Source struct {
	pool  *pgxpool.Pool
	table string // quoted
	lock  int64  // of who writes
	sql   statements

	listen    chan struct{} // full while somebody waits for news
	mu        sync.Mutex
	listening *pgx.Conn // the one that LISTENs; nil: none yet
}

// statements are made once: the table's name cannot be a parameter.
type statements struct{ append, restore, notify, anchor, rows, news, trim string }

// Migration returns the SQL that makes the table: run it once, with your
// other migrations. It changes nothing where the table exists. An empty name is
// cookiesession_revocations. It may have a schema in front. The package's
// folder migration prints it:
//
//	go run github.com/cookiesession/cookiesession/adapters/postgres/migration
func Migration(table string) string {
	name, plain := quoted(table), plainName(table)
	return fmt.Sprintf(`-- Marks that end sessions: what logged in under key at that moment or before is over.
create table if not exists %[1]s (
	seq bigint primary key,      -- without gaps, in the order in which rows became visible
	key bytea not null,          -- 10 bytes of a hash, no text
	at  timestamptz not null
);
create index if not exists %[2]s on %[1]s (at);
create index if not exists %[3]s on %[1]s (key);
`, name, pgx.Identifier{plain + "_at"}.Sanitize(), pgx.Identifier{plain + "_key"}.Sanitize())
}

func quoted(table string) string {
	if table == "" {
		table = defaultTable
	}
	return pgx.Identifier(strings.Split(table, ".")).Sanitize()
}

// plainName is the table's name without a schema.
func plainName(table string) string {
	if table == "" {
		table = defaultTable
	}
	return table[strings.LastIndex(table, ".")+1:]
}

// New makes a source on pool, in the table that [Migration] made. Lists that
// share the table share marks. It takes one connection more than the pool has,
// which listens. [Source.Close] closes it.
//
// A pool behind PgBouncer that hands out connections for single transactions
// hears nothing by LISTEN: marks arrive by polling there.
func New(pool *pgxpool.Pool, table string) *Source {
	// An advisory lock is a number. It follows from the table, so all instances
	// take the same one and other programs hardly ever do.
	hash := fnv.New64a()
	hash.Write([]byte("cookiesession/revocation " + quoted(table)))
	s := &Source{pool: pool, table: quoted(table), lock: int64(hash.Sum64()), listen: make(chan struct{}, 1)}
	s.sql = statements{
		// The moment is later than the last one in the table, so no two calls have
		// the same. It is computed once, for all keys of the call.
		append: s.in(`with m as materialized (
				select greatest(clock_timestamp(), $2::timestamptz, (select max(at) from TABLE) + interval '1 microsecond') as at)
			insert into TABLE (seq, key, at)
			select coalesce((select max(seq) from TABLE), 0) + k.n, k.key, m.at
			from unnest($1::bytea[]) with ordinality as k(key, n), m
			returning at`),
		// A mark that is there with the same or a later moment is not written
		// again.
		restore: s.in(`insert into TABLE (seq, key, at)
			select coalesce((select max(seq) from TABLE), 0) + row_number() over (order by l.n), l.key, l.at
			from unnest($1::bytea[], $2::timestamptz[]) with ordinality as l(key, at, n)
			where not exists (select from TABLE t where t.key = l.key and t.at >= l.at)`),
		notify: `select pg_notify($1, '')`,
		// The row of the cursor is compared whole. Where it is gone or another one,
		// everything is read anew.
		anchor: s.in(`select clock_timestamp(), $1::bigint = 0 or exists (select from TABLE where seq = $1 and key = $2 and at = $3)`),
		rows:   s.in(fmt.Sprintf(`select seq, key, at from TABLE where seq > $1 order by seq limit %d`, page)),
		news:   s.in(`select exists (select from TABLE where seq > $1)`),
		// The last row stays, however old: cursors stand on it.
		trim: s.in(`delete from TABLE where seq in (
				select seq from TABLE where at < clock_timestamp() - make_interval(secs => $1)
				and seq < (select max(seq) from TABLE) limit 10000)`),
	}
	return s
}

func (s *Source) in(sql string) string { return strings.ReplaceAll(sql, "TABLE", s.table) }

// channel is what NOTIFY and LISTEN meet on: the table's name.
func (s *Source) channel() string { return strings.ReplaceAll(s.table, `"`, "") }

// write runs change alone among the writers of this table, and tells the
// others. Read committed, so that what it reads is what the writer before it
// has left.
func (s *Source) write(ctx context.Context, change func(pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		// The lock ends with the transaction, also where the connection breaks.
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", s.lock); err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		// The database sends the notification when the transaction is committed.
		// Nobody hears of a row that is not there.
		_, err := tx.Exec(ctx, s.sql.notify, s.channel())
		return err
	})
}

// Append implements [revocation.Source].
func (s *Source) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (at revocation.Moment, err error) {
	// The driver sends a list of byte slices as one parameter, so one statement
	// serves any number of keys.
	texts := make([][]byte, 0, len(keys))
	for _, k := range keys {
		texts = append(texts, k[:])
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, s.sql.append, texts, atLeast.Time())
		if err != nil {
			return err
		}
		times, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		// A trigger or a rule on the table could keep a row out. Then nothing is
		// certain, and the call must fail.
		if err == nil && len(times) != len(keys) {
			err = errData
		}
		if err == nil {
			at = revocation.MomentOf(times[0])
		}
		return err
	})
	return at, err
}

// Restore implements [revocation.Source].
func (s *Source) Restore(ctx context.Context, marks []revocation.Mark) error {
	// Marks that are given back keep their own moments.
	keys, times := make([][]byte, 0, len(marks)), make([]time.Time, 0, len(marks))
	for _, m := range marks {
		keys, times = append(keys, m.Key[:]), append(times, m.At.Time())
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, s.sql.restore, keys, times)
		return err
	})
}

// Trim implements [revocation.Source].
func (s *Source) Trim(ctx context.Context, keep time.Duration) error {
	// Rows are deleted in portions of 10,000. One large deletion would hold its
	// locks for too long.
	for {
		done, err := s.pool.Exec(ctx, s.sql.trim, keep.Seconds())
		if err != nil || done.RowsAffected() == 0 {
			return err
		}
	}
}

// position is a cursor: the last row that was read, whole. A table that was
// restored from a backup has other rows under the same numbers.
type position struct {
	seq int64
	revocation.Mark
}

var (
	cursorPattern = regexp.MustCompile(`^(\d{1,18})/(-?\d{1,18})/([0-9a-f]{20})$`)
	errCursor     = errors.New("cookiesession/postgres: the cursor is not this source's")
	errData       = errors.New("cookiesession/postgres: the table holds what this package has not written")
)

func parseCursor(c revocation.Cursor) (p position, err error) {
	if c == "" {
		return p, nil
	}
	// A cursor of another source is an error, and not a wrong place in this
	// table.
	parts := cursorPattern.FindStringSubmatch(string(c))
	if parts == nil {
		return p, errCursor
	}
	p.seq, _ = strconv.ParseInt(parts[1], 10, 64) // the pattern lets in what fits
	at, _ := strconv.ParseInt(parts[2], 10, 64)
	key, _ := hex.DecodeString(parts[3])
	p.Mark = revocation.Mark{Key: revocation.Key(key), At: revocation.Moment(at)}
	return p, nil
}

func (p position) cursor() revocation.Cursor {
	return revocation.Cursor(fmt.Sprintf("%d/%d/%x", p.seq, p.At, p.Key[:]))
}

// Read implements [revocation.Source].
func (s *Source) Read(ctx context.Context, after revocation.Cursor) (got revocation.Page, err error) {
	p, err := parseCursor(after)
	if err != nil {
		return got, err
	}
	// The usual case is one round trip to the database.
	whole, err := s.read(ctx, p, &got)
	if err == nil && !whole {
		got.Reset = true
		_, err = s.read(ctx, position{}, &got)
	}
	return got, err
}

// read takes the rows behind p. whole is false where p is no row any more.
func (s *Source) read(ctx context.Context, p position, got *revocation.Page) (whole bool, err error) {
	var batch pgx.Batch // one round trip
	batch.Queue(s.sql.anchor, p.seq, p.Key[:], p.At.Time()).QueryRow(func(row pgx.Row) error {
		var now time.Time
		err := row.Scan(&now, &whole)
		got.Now = revocation.MomentOf(now)
		return err
	})
	// A second read begins with no marks of the first.
	got.Marks = nil
	batch.Queue(s.sql.rows, p.seq).Query(func(rows pgx.Rows) error {
		var key []byte
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&p.seq, &key, &at}, func() error {
			// Converting a shorter slice would panic. The table may have been changed
			// by hand.
			if len(key) != len(p.Key) {
				return errData
			}
			p.Mark = revocation.Mark{Key: revocation.Key(key), At: revocation.MomentOf(at)}
			got.Marks = append(got.Marks, p.Mark)
			return nil
		})
		return err
	})
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return false, err
	}
	got.More, got.Next = len(got.Marks) == page, p.cursor()
	return whole, nil
}

// Wait implements [revocation.Source]. A second call at the same time waits
// for its context alone: there is one connection that listens.
func (s *Source) Wait(ctx context.Context, after revocation.Cursor) error {
	p, err := parseCursor(after)
	if err != nil {
		return err
	}
	// Only one call can use the connection. The others have nothing to wait for
	// but their own end: the first one wakes the list.
	select {
	case s.listen <- struct{}{}:
	default:
		<-ctx.Done()
		return nil
	}
	defer func() { <-s.listen }()
	conn, fresh, err := s.listener(ctx)
	if err == nil && fresh { // what came before it listened was told to nobody
		var news bool
		if err = s.pool.QueryRow(ctx, s.sql.news, p.seq).Scan(&news); news {
			return nil
		}
	}
	if err == nil {
		_, err = conn.WaitForNotification(ctx)
	}
	// The time is over and the connection is still good. That is the usual end
	// of a wait.
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && (conn == nil || !conn.IsClosed()) {
		return nil
	}
	if err != nil { // the connection is broken, or the caller has ended
		s.Close()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listener gives the connection that listens, and whether it is a new one.
func (s *Source) listener(ctx context.Context) (conn *pgx.Conn, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The connection is kept between waits, so that no notification falls
	// between two of them.
	if s.listening != nil && !s.listening.IsClosed() {
		return s.listening, false, nil
	}
	// It is not one of the pool: a connection that listens would be missing
	// there for as long as the program runs.
	conn, err = pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, false, err
	}
	if _, err = conn.Exec(ctx, "listen "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, false, err
	}
	s.listening = conn
	return conn, true, nil
}

// Close closes the connection that listens. A later Wait opens another. It
// is for programs that end a list before themselves. The pool is not closed.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Closing twice is no error.
	if s.listening == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The server is told, for at most a second. A broken connection must not
	// keep a program from ending.
	s.listening.Close(ctx)
	s.listening = nil
}
