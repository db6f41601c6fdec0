// Package revocation ends sessions everywhere, now, and asks no store about
// it while a request waits.
//
// A cookie can be copied, and nothing in it can know that the visitor has
// logged out. So every instance of a program keeps a list of marks. A mark is
// a key and a moment: what logged in at or before that moment under that key
// is over. Marks are few, so that each instance has all of them in memory, and
// a [Source] spreads them: the adapters redis, postgres and nats, or one of
// your own. Without a source the list is of this process alone.
//
//	list, err := revocation.New(revocation.Config{Source: source})
//	…
//	go list.Run(ctx)
//	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: list.Validate})
//
// and in handlers
//
//	list.Login(s, "user:42")          // at login
//	list.End(ctx, s)                  // at logout: no copy brings it back
//	list.Revoke(ctx, "user:42")       // every session of the user that logged in until now
//	list.Revoke(ctx, id)              // one session, by its ID
//
// # What is certain
//
// A session that logged in before Revoke was called is over: on this instance
// when Revoke returns, on the others as soon as the mark has reached them,
// which takes milliseconds. One that logs in after Revoke has returned is in,
// on every instance. Clocks of instances may differ by any amount, for their
// logins are stamped with the source's time. What is uncertain about that
// time ends sessions and never keeps them: see docs/revocation.md.
package revocation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession"
)

// Config says how a [List] works. The zero value of every field is a safe
// default.
type Config struct {
	_ [0]func() // keyed literals only, not comparable

	// Source spreads the marks. nil: this process alone, and no longer than it
	// lives.
	Source Source
	// MaxAge is how long marks are kept. They take about 22 bytes each. It must
	// not be shorter than the time for which a cookie opens after it was
	// issued: IdleTimeout, or the longest SetExpiry. All instances need the
	// same. The default is 400 days. No browser keeps a cookie for longer.
	MaxAge time.Duration
	// WhenStale is for how long sessions are trusted without word from the
	// source. After that Validate gives [ErrStale] for all of them: they are
	// hidden, and their cookies stay. A list that has never heard of its source
	// trusts none. Validate then reads the clock each time, which takes about 50 ns.
	// 0: go on with the marks that are known, for ever. [List.Status] and
	// [EventBehind] tell.
	WhenStale time.Duration
	// Poll is how often the source is read although it told of nothing new. The
	// default is 500 ms. A mark is never in force later than that elsewhere, even
	// if notifications are lost.
	Poll time.Duration
	// Settle is how long Revoke waits after its source has the mark, so that a
	// login after its return is stamped later on every instance, and so that
	// the mark has reached the others. The default is 100 ms. An instance whose
	// answers from the source take longer than that gives [EventClock].
	Settle time.Duration
	// Timeout bounds every call of the source. Revoke as a whole takes twice as
	// long at most. The default is 5 s.
	Timeout time.Duration
	// OnEvent is told what happens. nil: [LogEvent]. It is called with no lock
	// held, by several goroutines at once.
	OnEvent func(context.Context, Event)
}

// ErrStale is what Validate returns when Config.WhenStale has passed. It is
// not [cookiesession.ErrRevoked]: nobody is logged out by it.
var ErrStale = errors.New("cookiesession/revocation: too long without word from the source of marks")

// Both are cookiesession.ErrRevoked. Made once, so that a check allocates nothing.
var (
	errEnded = fmt.Errorf("%w: this session was ended", cookiesession.ErrRevoked)
	errOver  = fmt.Errorf("%w: its login is over", cookiesession.ErrRevoked)
)

var errMetadata = errors.New("cookiesession/revocation: the session's login is written by a later version")

// metadata is the name under which a session remembers its login.
const metadata = "revocation"

// List is what one instance knows of the marks. It may be used from many
// goroutines.
type List struct {
	cfg     Config
	source  Source
	alone   bool
	table   *table
	clock   clock
	created time.Time

	asOf    atomic.Pointer[time.Time] // every mark of before then is in the table; nil: never read
	running atomic.Bool
	warned  atomic.Bool // of a list that nobody feeds

	turn   chan struct{} // full while somebody reads the source and owns follow
	follow follow

	mu  sync.Mutex
	err error // why the last read failed

	// time.Now, with its monotonic part and without. Tests have instances with
	// different clocks, and suspended ones, where the two disagree.
	now, wallNow func() time.Time
}

// New makes a list. It reads nothing yet: [List.Run] or [List.Refresh] does.
func New(cfg Config) (*List, error) {
	setDefault(&cfg.MaxAge, 400*24*time.Hour)
	setDefault(&cfg.Poll, 500*time.Millisecond)
	setDefault(&cfg.Settle, 100*time.Millisecond)
	setDefault(&cfg.Timeout, 5*time.Second)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l := &List{cfg: cfg, source: cfg.Source, table: newTable(), created: time.Now(), turn: make(chan struct{}, 1)}
	l.now, l.wallNow = time.Now, func() time.Time { return time.Now().Round(0) }
	if l.source == nil {
		l.alone = true
		l.source = &alone{now: l.wall}
		l.asOf.Store(&l.created)
	}
	return l, nil
}

// wall is the time of a list without a source: the wall clock of its start
// and what has passed since, so that nobody who sets the clock changes it.
func (l *List) wall() time.Time { return l.created.Add(time.Since(l.created)) }

func setDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// check reports every problem at once.
func (c *Config) check() error {
	var problems []error
	for _, f := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"MaxAge", c.MaxAge, time.Minute, 4 * 365 * 24 * time.Hour},
		{"WhenStale", c.WhenStale, 0, math.MaxInt64},
		{"Poll", c.Poll, 10 * time.Millisecond, time.Hour},
		{"Settle", c.Settle, time.Microsecond, time.Minute},
		{"Timeout", c.Timeout, 10 * time.Millisecond, time.Hour},
	} {
		if f.value < f.least || f.value > f.most {
			problems = append(problems, fmt.Errorf("cookiesession/revocation: Config.%s: %v is not between %v and %v", f.name, f.value, f.least, f.most))
		}
	}
	if c.Settle >= c.Timeout {
		problems = append(problems, fmt.Errorf("cookiesession/revocation: Config.Settle: %v is not shorter than Timeout, %v", c.Settle, c.Timeout))
	}
	return errors.Join(problems...)
}

// Login marks the moment from which s counts as logged in under keys, and
// gives it a new ID ([cookiesession.Session.CycleID]). Call it where a password
// was checked, not at every request. Destroy the session before it, and set what
// is to stay: a new ID alone keeps data that somebody may have planted. Keys are the application's names for what
// may be ended together: "user:42", or an identity provider's session. There
// may be 16, and none: every session can be ended by its ID. The session keeps
// 10 bytes of each and no text. Another Login replaces the first.
//
// On an error the session is not logged in, as far as the list can tell.
func (l *List) Login(s *cookiesession.Session, keys ...string) error {
	hashed, err := loginKeys(keys)
	if err != nil {
		return err
	}
	if err := s.CycleID(); err != nil {
		return err
	}
	var known Moment
	for _, k := range hashed {
		at, _ := l.table.find(k)
		known = max(known, at)
	}
	return s.SetMetadata(metadata, encodeLogin(l.stamp(known), s.IDBytes(), hashed))
}

func (l *List) stamp(known Moment) Moment {
	now := l.now()
	if l.alone {
		l.clock.observe(MomentOf(l.wall()), now, now)
	}
	return l.clock.stamp(now, known)
}

// LoggedIn returns when s logged in by [List.Login], by the source's clock. It is
// false if it did not. An application that adopts a list can refuse logins
// from before it.
func (l *List) LoggedIn(s *cookiesession.Session) (time.Time, bool) {
	in, ok := decodeLogin(s.Metadata(metadata))
	return in.at.Time(), ok
}

// Marked returns when key was revoked last, by the source's clock. It is false if it
// was not, as far as this instance knows. It is for logins that somebody else
// has begun: an identity provider may end its session before the visitor comes
// back from it.
func (l *List) Marked(key string) (time.Time, bool) {
	at, ok := l.table.find(keyOf(key))
	return at.Time(), ok
}

// Revoke ends every session that has logged in under one of the keys until
// now. A key that is a session's ID ends that session, whatever it knows of
// logins. It returns when the source has the marks and Config.Settle has
// passed there: a login from then on is in.
//
// An error means that the marks may not have been stored, or may not have
// reached the other instances: try again, and do not tell the visitor that all is well. It is
// reported as [EventMarkRefused] too. Doing it twice does no harm.
func (l *List) Revoke(ctx context.Context, keys ...string) error {
	hashed, err := revokedKeys(keys)
	if err != nil {
		return err
	}
	return l.revoke(ctx, hashed)
}

// End logs s out: [cookiesession.Session.Destroy] for this browser, and a mark
// that no copy of its cookies and no slower response survives, not even one that has
// changed its ID since. The cookies are deleted even if the mark cannot be
// made. The error is that of [List.Revoke].
func (l *List) End(ctx context.Context, s *cookiesession.Session) error {
	keys := []Key{keyOfID(s.IDBytes())}
	if in, ok := decodeLogin(s.Metadata(metadata)); ok && Key(in.first) != keys[0] {
		keys = append(keys, Key(in.first))
	}
	err := s.Destroy()
	return errors.Join(err, l.revoke(ctx, keys))
}

func (l *List) revoke(ctx context.Context, keys []Key) error {
	err := l.appendMarks(ctx, keys)
	if err == nil && !l.alone {
		err = l.settle(ctx)
	}
	if err != nil {
		l.emit(ctx, Event{Kind: EventMarkRefused, Marks: len(keys), Err: err})
		return err
	}
	l.emit(ctx, Event{Kind: EventMarked, Marks: len(keys)})
	return nil
}

func (l *List) appendMarks(ctx context.Context, keys []Key) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	at, err := l.source.Append(ctx, keys, l.clock.latest())
	if err != nil {
		return fmt.Errorf("cookiesession/revocation: the source did not take the mark: %w", err)
	}
	for _, k := range keys {
		l.table.put(Mark{k, at}) // in force here before anything comes back
	}
	if l.alone {
		l.tidy(ctx, at) // there may be no Run that does it
	}
	return nil
}

// settle waits until logins are stamped after the mark on every instance,
// and then asks the source for one more word. With that it was still there for
// as long as the others needed to get the mark.
func (l *List) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	pause(ctx, l.cfg.Settle+l.cfg.Settle/drift)
	for failures := 1; ; failures++ {
		err := l.catchUp(ctx)
		if err == nil {
			return nil
		}
		if pause(ctx, backoff(failures)); ctx.Err() != nil {
			return fmt.Errorf("cookiesession/revocation: the mark is stored, but the source has not answered since: %w", err)
		}
	}
}

// Validate is for [cookiesession.Config].Validate: it tells whether s is over,
// from memory alone. The error is cookiesession.ErrRevoked, or [ErrStale] where
// Config.WhenStale asks for it. It takes no lock that a writer holds, allocates
// nothing and waits for nobody.
//
// An application that checks something of its own calls both:
//
//	if err := list.Validate(ctx, s); err != nil {
//		return err
//	}
func (l *List) Validate(ctx context.Context, s *cookiesession.Session) error {
	if l.asOf.Load() == nil || l.cfg.WhenStale > 0 {
		if err := l.fresh(ctx); err != nil {
			return err
		}
	}
	if l.table.count.Load() == 0 {
		return nil
	}
	id, sealed := s.Identity(metadata)
	return l.check(id, sealed)
}

// check compares a session's id and its login with the marks.
func (l *List) check(id [16]byte, sealed []byte) error {
	id[0] |= fromID // as keyOfID
	if l.table.has(id[:]) {
		return errEnded // an ID is given once: its mark needs no moment
	}
	if len(sealed) == 0 {
		return nil // it has not logged in
	}
	in, ok := decodeLogin(sealed)
	if !ok {
		return errMetadata
	}
	if !bytes.Equal(in.first, id[:len(Key{})]) && l.table.has(in.first) {
		return errEnded
	}
	for rest := in.keys; len(rest) > 0; rest = rest[len(Key{}):] {
		if at, ok := l.table.lookup(words(rest)); ok && in.at <= at {
			return errOver
		}
	}
	return nil
}

// fresh is apart from Validate because a list that is fed and trusted for ever
// need not know the time.
func (l *List) fresh(ctx context.Context) error {
	age, heard := l.age()
	if !heard && l.warned.CompareAndSwap(false, true) {
		l.emit(ctx, Event{Kind: EventBehind, Err: errNeverRead})
	}
	if l.cfg.WhenStale > 0 && (!heard || age > l.cfg.WhenStale) {
		return ErrStale
	}
	return nil
}

var errNeverRead = errors.New("cookiesession/revocation: no mark has been read from the source yet: does Run run, or does Refresh come first?")

// age is how old the knowledge is. A suspended machine stops the monotonic
// clock, and the wall clock may be set: the longer one counts.
func (l *List) age() (age time.Duration, heard bool) {
	if l.alone {
		return 0, true
	}
	asOf := l.asOf.Load()
	if asOf == nil {
		return 0, false
	}
	return max(l.now().Sub(*asOf), l.wallNow().Sub(asOf.Round(0)), 0), true
}
