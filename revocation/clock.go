package revocation

import (
	"sync"
	"time"
)

// clock knows how late it is at the source, from below: what it tells has
// passed there for certain.
//
// A source that said c in an answer that was here at b was at c or later at
// b, and the time since b is measured without any clock being set. How far
// behind that can be is known too: the time the answer took, and what clocks
// gain or lose on each other since. The wall clock of this machine plays no
// part, so it does not matter how wrong it is.
//
// From below, because a login must never be stamped later than it was: it
// would outlive a mark that was made after it. Stamped too early, it may fall
// under a mark that was made just before it, and the visitor logs in again.
// So errors of clocks end sessions and never keep them.
type clock struct {
	mu      sync.Mutex
	heard   bool
	at      Moment        // what the source said
	when    time.Time     // when that was here
	latency time.Duration // what the answer took
	last    Moment        // the latest stamp: stamps do not go back
}

const (
	// drift is what two clocks gain or lose on each other, as a fraction: 1 ms
	// each second. Computers' clocks are ten times better, and NTP corrects
	// them by half of it at most.
	drift = 1000
	// skew is how wrong this machine's clock may be, for a list that has never
	// heard of its source. It is what the sessions themselves allow.
	skew = 5 * time.Minute
	// keepReading is how long a good reading is preferred to a newer one.
	keepReading = time.Minute
)

// observe takes a reading of the source's clock, said between asked and
// answered. back is by how much the source's clock has gone back, if it has.
func (c *clock) observe(said Moment, asked, answered time.Time) (back time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	latency := answered.Sub(asked)
	if c.heard {
		here := c.passed(answered)
		if latest := said.Add(latency); latest < here {
			back = here.Time().Sub(latest.Time())
		} else if said < here && answered.Sub(c.when) < keepReading {
			return 0 // the one that we have is the better one
		}
	}
	c.heard, c.at, c.when, c.latency = true, said, answered, latency
	return back
}

// passed is the moment that the source's clock has passed at now.
func (c *clock) passed(now time.Time) Moment {
	since := max(now.Sub(c.when), 0)
	return c.at.Add(since - since/drift)
}

func (c *clock) passedAt(now time.Time) Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed(now)
}

// stamp is the moment of a login at now: after that of every mark of its
// keys that is known here, for it comes after them.
func (c *clock) stamp(now time.Time, known Moment) Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := MomentOf(now.Add(-skew))
	if c.heard {
		at = c.passed(now)
	}
	at = max(at, known+1)
	c.last = max(c.last, at)
	return at
}

// latest is not before any stamp that was given here.
func (c *clock) latest() Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// uncertainty is how far behind the source stamps may be.
func (c *clock) uncertainty(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.heard {
		return 2 * skew
	}
	since := max(now.Sub(c.when), 0)
	return c.latency + 2*since/drift
}
