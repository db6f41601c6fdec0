package revocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a source inside one process, for lists that share one: tests of
// several instances, above all. A program of one process needs none: its
// Config.Source is nil.
//
// It keeps a log, as the engines do: positions in it are cursors, and what was
// trimmed or lost is told as they tell it. A simpler one would not show a list
// what the others will.
type Memory struct {
	mu      sync.Mutex
	marks   []Mark // what came after trimmed others
	trimmed int
	last    Moment
	epoch   int // counts the losses of data
	changed chan struct{}
}

// NewMemory makes a source that has no marks.
func NewMemory() *Memory { return &Memory{changed: make(chan struct{})} }

// memoryPage bounds one Page.
const memoryPage = 1000

// Append implements [Source].
func (m *Memory) Append(ctx context.Context, keys []Key, atLeast Moment) (Moment, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Later than the last: where no time passes between two calls, as in a
	// test's bubble, a login between them is later than the first mark and has
	// to fall under the second.
	m.last = max(MomentOf(time.Now()), atLeast, m.last+1)
	for _, k := range keys {
		m.marks = append(m.marks, Mark{k, m.last})
	}
	m.tell()
	return m.last, nil
}

// tell wakes who waits. It needs the lock.
func (m *Memory) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

var errCursor = errors.New("cookiesession/revocation: the cursor is not this source's")

// Read implements [Source].
func (m *Memory) Read(ctx context.Context, after Cursor) (page Page, err error) {
	if err := ctx.Err(); err != nil {
		return page, err
	}
	// The caller's context was checked above, as an engine's client would do it.
	m.mu.Lock()
	defer m.mu.Unlock()
	from, err := m.position(after)
	if err != nil {
		return page, err
	}
	// The cursor is behind what was trimmed, or ahead of what is there. In both
	// cases the reader has to begin anew. Only who had a cursor is told that
	// something was reset.
	if from < m.trimmed || from > m.trimmed+len(m.marks) {
		page.Reset = after != ""
		from = m.trimmed
	}
	rest := m.marks[from-m.trimmed:]
	// A copy, because the caller keeps it and Restore appends to the log.
	page.Marks = slices.Clone(rest[:min(len(rest), memoryPage)])
	page.More = len(rest) > memoryPage
	page.Next = Cursor(fmt.Sprintf("%d/%d", m.epoch, from+len(page.Marks)))
	// The source cannot be earlier than its own last mark, also where marks were
	// restored from a clock ahead.
	page.Now = max(MomentOf(time.Now()), m.last)
	return page, nil
}

// position is how many marks an instance has read. It is -1 for a position in other data.
func (m *Memory) position(after Cursor) (int, error) {
	if after == "" {
		return m.trimmed, nil
	}
	// A cursor has two numbers: which data it belongs to, and how far it has
	// read.
	epoch, position, _ := strings.Cut(string(after), "/")
	e, errEpoch := strconv.Atoi(epoch)
	n, errPosition := strconv.Atoi(position)
	if errEpoch != nil || errPosition != nil {
		return 0, errCursor
	}
	if e != m.epoch {
		return -1, nil
	}
	return n, nil
}

// Wait implements [Source].
func (m *Memory) Wait(ctx context.Context, after Cursor) error {
	m.mu.Lock()
	// The channel is taken under the same lock as the position. A mark that
	// comes right after would otherwise be missed until the next poll.
	changed := m.changed
	from, err := m.position(after)
	news := from != m.trimmed+len(m.marks)
	m.mu.Unlock()
	if err != nil || news {
		return err
	}
	select {
	case <-changed:
	case <-ctx.Done():
	}
	return nil
}

// Restore implements [Source].
func (m *Memory) Restore(ctx context.Context, marks []Mark) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Several instances give back the same marks. Each is taken once, and the
	// latest moment stays.
	have := make(map[Key]Moment, len(m.marks))
	for _, mark := range m.marks {
		have[mark.Key] = max(have[mark.Key], mark.At)
	}
	for _, mark := range marks {
		if at, ok := have[mark.Key]; !ok || at < mark.At {
			m.marks = append(m.marks, mark)
			m.last = max(m.last, mark.At)
		}
	}
	m.tell()
	return nil
}

// Trim implements [Source].
func (m *Memory) Trim(ctx context.Context, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Restored marks may stand behind younger ones. They stay until those are
	// old, too: trimming takes from the front only.
	oldest := MomentOf(time.Now()).Add(-keep)
	// The moments in the log ascend, but for those that were restored.
	n := 0
	for n < len(m.marks) && m.marks[n].At < oldest {
		n++
	}
	m.marks = slices.Clone(m.marks[n:])
	m.trimmed += n
	return nil
}

// Lose forgets every mark, as an engine that comes back without its data does.
func (m *Memory) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The clock goes on: an engine that loses its data does not go back in time.
	m.marks, m.trimmed = nil, 0
	m.epoch++
	m.tell()
}

// alone is the source of a list without one: it keeps nothing, for the list
// has every mark, and its clock is the process's.
type alone struct {
	now func() time.Time

	mu   sync.Mutex
	last Moment
}

// Append keeps no key: the list puts it into its table when this returns.
func (a *alone) Append(_ context.Context, _ []Key, atLeast Moment) (Moment, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Two marks never have one moment, as with every source.
	a.last = max(MomentOf(a.now()), atLeast, a.last+1)
	return a.last, nil
}

func (a *alone) Read(context.Context, Cursor) (Page, error) {
	return Page{Now: MomentOf(a.now())}, nil
}

// Wait wakes nobody: what this process revokes it knows.
func (a *alone) Wait(ctx context.Context, _ Cursor) error {
	<-ctx.Done()
	return nil
}

// There is nothing to give back and nothing to trim: the list itself drops
// what is old.
func (a *alone) Restore(context.Context, []Mark) error     { return nil }
func (a *alone) Trim(context.Context, time.Duration) error { return nil }
