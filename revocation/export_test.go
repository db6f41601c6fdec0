package revocation

import "time"

// SetClock gives a list a clock of its own: a simulation has several.
func SetClock(l *List, now func() time.Time) { l.now = now }

// HoldWriters keeps every writer of the list's marks waiting until release.
func HoldWriters(l *List) (release func()) {
	l.table.mu.Lock()
	return l.table.mu.Unlock
}

// Put adds marks as a source would.
func Put(l *List, marks ...Mark) { l.table.put(marks...) }

// KeyOf is the key of a text.
func KeyOf(text string) Key { return keyOf(text) }
