package revocation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// This file feeds the list from its source.

// follow is how far the list has read. Who has the turn owns it.
type follow struct {
	cursor  Cursor
	seen    *table // what a source that began anew has, while that is read
	lost    []Mark // what that has not, to be given back
	trimmed time.Time

	events                []Event // for when the turn is over
	behind, slow, refused bool    // it was reported: reads fail; the clock is known late; lost marks cannot be given back
}

// Run follows the source until ctx ends, and returns why it ended. It is the
// only goroutine of a list, and ends with ctx. A program starts it once. An
// error of the source never ends it.
func (l *List) Run(ctx context.Context) error {
	// A second Run would read everything twice. The error says so, because it is
	// a mistake of the program.
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("cookiesession/revocation: Run runs already")
	}
	defer l.running.Store(false)
	for failures := 0; ctx.Err() == nil; {
		// An error never ends the loop. A list that gave up would let revoked
		// sessions live without a word.
		if err := l.catchUp(ctx); err != nil { // reported there
			failures++
			pause(ctx, backoff(failures))
			continue
		}
		// Old marks are dropped after a successful read only: what the source says
		// of the time is fresh then.
		failures = 0
		l.tidy(ctx, l.clock.passedAt(l.now()))
		l.await(ctx)
	}
	return context.Cause(ctx)
}

// backoff is short: a mark is to be in force a second after the engine is back.
func backoff(failures int) time.Duration {
	// Half of it is random. All instances lose an engine at the same moment, and
	// they must not come back at the same moment.
	d := min(50*time.Millisecond<<min(failures, 4), 400*time.Millisecond)
	return d/2 + rand.N(d/2)
}

func pause(ctx context.Context, d time.Duration) {
	// time.After would keep its timer until it fires, also when the program ends
	// earlier.
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// await returns when the source may have news, or after Poll. Where asking
// fails, reading may work all the same: it is tried soon, but not without end.
func (l *List) await(ctx context.Context) {
	poll := l.cfg.Poll
	// A list without a source has nothing to read. It only drops old marks from
	// time to time.
	if l.alone {
		poll = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	if l.take(ctx) != nil {
		return
	}
	// The turn is given back before the wait: Refresh and Revoke must not wait
	// for news.
	cursor, busy := l.follow.cursor, len(l.follow.lost) > 0
	l.give(ctx)
	if busy {
		pause(ctx, 10*time.Millisecond) // the engine is to serve others too
	} else if err := l.source.Wait(ctx, cursor); err != nil {
		pause(ctx, 250*time.Millisecond)
	}
}

// take waits for the turn to read the source.
func (l *List) take(ctx context.Context) error {
	// A channel and not a mutex, because a caller whose context ends must be
	// able to stop waiting.
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give ends the turn, and then reports what happened: OnEvent may use the list.
func (l *List) give(ctx context.Context) {
	// The events are taken out under the turn. The next one who has it begins
	// with an empty list.
	events := l.follow.events
	l.follow.events = nil
	<-l.turn
	for _, e := range events {
		l.emit(ctx, e)
	}
}

func (f *follow) note(e Event) { f.events = append(f.events, e) }

// Refresh reads the source if what the list knows is older than maxAge: for
// serverless handlers, where nothing runs between requests. It is called
// before the session is looked at. Concurrent calls read once. An error tells
// why the source could not be read. The marks that are known stay in force.
func (l *List) Refresh(ctx context.Context, maxAge time.Duration) error {
	// The usual case costs a look at the clock and nothing else.
	if l.youngerThan(maxAge) {
		return nil
	}
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.give(ctx)
	if l.youngerThan(maxAge) { // another call has read meanwhile
		return nil
	}
	err := l.readAll(ctx)
	if err == nil {
		l.tidyUp(ctx, l.clock.passedAt(l.now()))
	}
	return err
}

func (l *List) youngerThan(maxAge time.Duration) bool {
	// A list that has never heard of its source is never young, whatever its age
	// says.
	age, heard := l.age()
	return heard && age <= maxAge
}

func (l *List) catchUp(ctx context.Context) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.give(ctx)
	return l.readAll(ctx)
}

// readAll reads up to the end. It needs the turn.
func (l *List) readAll(ctx context.Context) error {
	for more := true; more; {
		// The moment before the question counts. The answer may be slow, and marks
		// may come while it is under way.
		asked := l.now() // what was appended before this moment is in the last page
		var err error
		if more, err = l.readPage(ctx, asked); err != nil {
			l.failed(ctx, err)
			return err
		}
		if !more {
			l.asOf.Store(&asked)
		}
	}
	l.caughtUp()
	l.restore(ctx)
	return nil
}

// readPage takes one page. What it learned stays if a later page fails, so a
// long snapshot over a bad line goes on where it broke off.
func (l *List) readPage(ctx context.Context, asked time.Time) (more bool, err error) {
	// Each page has the whole Timeout. A long list of marks over a slow line
	// would never be read otherwise.
	limited, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	f := &l.follow
	page, err := l.source.Read(limited, f.cursor)
	if err != nil {
		return false, fmt.Errorf("cookiesession/revocation: reading the source: %w", err)
	}
	// The source has begun anew. What it has now is collected beside the table,
	// to find out what it has lost.
	if page.Reset {
		f.seen = newTable()
		f.lost = nil
		f.note(Event{Kind: EventReset})
	}
	l.table.put(page.Marks...) // what was known stays: a source that lost data takes nothing away here
	if f.seen != nil {
		f.seen.put(page.Marks...)
	}
	// The cursor moves only after the marks are in force. A program that ends in
	// between reads them again, and that does no harm.
	f.cursor = page.Next
	l.heard(page.Now, asked)
	return page.More, nil
}

// backwards is what a source's clock may go back before it is worth a report.
const backwards = 100 * time.Millisecond

// heard takes what a page says of the source's clock.
func (l *List) heard(said Moment, asked time.Time) {
	f, answered := &l.follow, l.now()
	if back := l.clock.observe(said, asked, answered); back > backwards {
		f.note(Event{Kind: EventClock, Err: fmt.Errorf("cookiesession/revocation: the source's clock has gone back by %v: "+
			"a login of before that may outlive a mark of the same time", back.Round(time.Millisecond))})
	}
	// It is reported when it begins, and not again at each page.
	late := l.clock.uncertainty(answered)
	if slow := late > l.cfg.Settle; slow != f.slow {
		if f.slow = slow; slow {
			f.note(Event{Kind: EventClock, Err: fmt.Errorf("cookiesession/revocation: answers of the source take %v, longer than Config.Settle: "+
				"a login that soon after a mark may have to be repeated", late.Round(time.Millisecond))})
		}
	}
}

const (
	restoreBatch = 1000                   // marks in one call of Restore
	restoreFor   = 200 * time.Millisecond // then news are read again
)

// restore gives a source that began anew the marks that it had and has lost.
// What was trimmed for its age is too old here as well. All instances do this,
// and a source drops what comes twice. Failing is no reason to be behind: what
// the source has is known.
func (l *List) restore(ctx context.Context) {
	f := &l.follow
	if f.seen != nil {
		// The table has everything that this instance has ever read. What the
		// source lacks is the difference.
		f.lost, f.seen = l.table.missing(f.seen), nil
		if len(f.lost) > 0 {
			f.note(Event{Kind: EventRestored, Marks: len(f.lost)})
		}
	}
	for began := time.Now(); len(f.lost) > 0 && time.Since(began) < restoreFor; {
		n := min(len(f.lost), restoreBatch)
		err := l.bounded(ctx, func(ctx context.Context) error { return l.source.Restore(ctx, f.lost[:n]) })
		if err != nil {
			// One report for a row of failures. Restoring is tried again with the next
			// turn.
			if ctx.Err() == nil && !f.refused {
				f.refused = true
				f.note(Event{Kind: EventBehind, Err: fmt.Errorf("cookiesession/revocation: the source does not take back the marks that it lost: %w", err)})
			}
			return
		}
		f.refused = false
		f.lost = f.lost[n:]
	}
}

// bounded gives each call of the source a time of its own: one that hangs must
// not take the time of the next.
func (l *List) bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	return call(ctx)
}

// failed notes why a read failed, and reports the first of a row.
func (l *List) failed(ctx context.Context, err error) {
	if ctx.Err() != nil { // the caller has had enough: that says nothing about the source
		return
	}
	// Status shows each error. The event is for the first one only, or an engine
	// that is away for an hour would fill the log.
	l.setErr(err)
	if f := &l.follow; !f.behind {
		f.behind = true
		f.note(Event{Kind: EventBehind, Err: err})
	}
}

func (l *List) caughtUp() {
	l.setErr(nil)
	// warned is set where Validate was asked before anything was read.
	if f := &l.follow; f.behind || l.warned.Load() {
		f.behind = false
		l.warned.Store(false)
		f.note(Event{Kind: EventCaughtUp, Marks: int(l.table.count.Load())})
	}
}

func (l *List) setErr(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// tidyEvery is how often old marks are dropped, here and at the source.
const tidyEvery = time.Hour

// keepLonger is added to MaxAge: a slow response may have issued a cookie
// after its mark, clocks are apart, and a source must not drop what an
// instance still holds, or that would give it back.
const (
	keepLonger       = time.Hour
	sourceKeepLonger = keepLonger + 2*tidyEvery
)

func (l *List) tidy(ctx context.Context, now Moment) {
	if l.take(ctx) != nil {
		return
	}
	defer l.give(ctx)
	l.tidyUp(ctx, now)
}

// tidyUp needs the turn. The instances begin at different times, so that not
// all of them trim the source at once.
func (l *List) tidyUp(ctx context.Context, now Moment) {
	f, here := &l.follow, l.now()
	if !f.trimmed.IsZero() && here.Sub(f.trimmed) < tidyEvery {
		return
	}
	// The next time is earlier by up to half an hour, at random.
	f.trimmed = here.Add(-rand.N(tidyEvery / 2))
	l.table.drop(now.Add(-l.cfg.MaxAge - keepLonger))
	err := l.bounded(ctx, func(ctx context.Context) error { return l.source.Trim(ctx, l.cfg.MaxAge+sourceKeepLonger) })
	if err != nil && ctx.Err() == nil {
		f.note(Event{Kind: EventBehind, Err: fmt.Errorf("cookiesession/revocation: the source did not drop old marks: %w", err)})
	}
}

// Status is what a list knows of itself.
type Status struct {
	Marks  int           // in force here
	Memory int           // bytes that they take
	AsOf   time.Time     // every mark that the source had then is in force here; zero: it was never read
	Age    time.Duration // since AsOf; 0 for a list without a source
	Stale  bool          // sessions are refused: Age is beyond WhenStale, or the source was never read
	Err    error         // why the last read failed; nil when all is well
	// Uncertainty is how much earlier than it was a login here may be stamped.
	// Above Config.Settle, one that follows a mark so soon may have to be repeated.
	Uncertainty time.Duration
}

// Status tells how the list is, for health checks and dashboards.
func (l *List) Status() Status {
	s := Status{Marks: int(l.table.count.Load()), Memory: l.table.size()}
	age, heard := l.age()
	s.Age, s.Stale = age, l.cfg.WhenStale > 0 && (!heard || age > l.cfg.WhenStale)
	s.AsOf = l.now()
	if !l.alone {
		s.AsOf, s.Uncertainty = time.Time{}, l.clock.uncertainty(s.AsOf)
		if asOf := l.asOf.Load(); asOf != nil {
			s.AsOf = *asOf
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Err = l.err
	return s
}
