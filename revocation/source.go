package revocation

import (
	"context"
	"time"
)

// Moment is a time by the clock of a source: microseconds since 1970. The
// clocks of the instances are never compared with it.
type Moment int64

// MomentOf gives the moment of t.
func MomentOf(t time.Time) Moment { return Moment(t.UnixMicro()) }

// Time gives m as a time in UTC.
func (m Moment) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Add gives the moment d later.
func (m Moment) Add(d time.Duration) Moment { return m + Moment(d.Microseconds()) }

// Mark says that what logged in under Key at At or before is over.
type Mark struct {
	Key Key
	At  Moment
}

// Cursor says how far an instance has read a source. It means something to
// that source alone. The empty one stands before everything.
type Cursor string

// Page is what [Source].Read found.
type Page struct {
	Marks []Mark // in any order; a mark may come again
	Next  Cursor // for the next Read
	Now   Moment // the source's clock, read between the call and its return
	More  bool   // there is more: read on at once
	// Reset says that the source cannot continue from the given cursor: it
	// has dropped what followed, or lost its data. Marks begins anew, with
	// everything that the source has.
	Reset bool
}

// Source spreads marks between instances. A list calls it from several
// goroutines. Its tests are in the package revocationtest.
//
// Errors mean that nothing is known: an Append that failed may have stored its
// marks. A source need not retry, the list does. Contexts bound each call.
type Source interface {
	// Append stores a mark for each key, all of them or none, and returns
	// their moment when they are where they will not be lost: the source's
	// time during the call, but not before atLeast, and later than that of
	// every mark it has returned before.
	Append(ctx context.Context, keys []Key, atLeast Moment) (Moment, error)
	// Read returns what was stored after the cursor. When it returns without
	// More, every mark that was appended before the call has been read.
	Read(ctx context.Context, after Cursor) (Page, error)
	// Wait returns when there may be something after the cursor. It may return
	// early, and never later than ctx, whose end is no error. It sends no more
	// than it must: the list reads every Config.Poll anyway.
	Wait(ctx context.Context, after Cursor) error
	// Restore stores marks that the source has lost, with the moments that
	// they had. One that is there with that moment or a later one stays.
	Restore(ctx context.Context, marks []Mark) error
	// Trim drops marks older than keep, by the source's clock. All instances
	// call it, about once an hour.
	Trim(ctx context.Context, keep time.Duration) error
}
