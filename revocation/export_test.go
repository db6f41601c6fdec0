package revocation

import "time"

// SetClock gives a list a clock of its own: a simulation has several.
func SetClock(l *List, now func() time.Time) {
	l.now, l.wallNow = now, func() time.Time { return now().Round(0) }
}

// SetWallClock lets the wall clock of a list differ from the one that measures
// what has passed.
func SetWallClock(l *List, now func() time.Time) {
	l.wallNow = func() time.Time { return now().Round(0) }
}

// HoldWriters keeps every writer of the list's marks waiting until release.
func HoldWriters(l *List) (release func()) {
	l.table.mu.Lock()
	return l.table.mu.Unlock
}

// Put adds marks as a source would.
func Put(l *List, marks ...Mark) { l.table.put(marks...) }

// KeyOf is the key of a text.
func KeyOf(text string) Key { return keyOf(text) }

// Check compares a login that a session has sealed with the marks.
func Check(l *List, id [16]byte, sealed []byte) error { return l.check(id, sealed) }

// Table is the memory of a list, by itself.
type Table struct{ *table }

func NewTable() Table                      { return Table{newTable()} }
func (t Table) Put(marks ...Mark)          { t.put(marks...) }
func (t Table) Find(k Key) (Moment, bool)  { return t.find(k) }
func (t Table) Drop(oldest Moment)         { t.drop(oldest) }
func (t Table) Count() int                 { return int(t.count.Load()) }
func (t Table) Missing(other Table) []Mark { return t.missing(other.table) }
func (t Table) Size() int                  { return t.size() }
