package views

import "github.com/cookiesession/cookiesession/internal/wire"

// Shrink drops the oldest views until fits allows the packed length, and no
// view more. It reports whether that was possible; without any history it may
// not be. The time is linear in the record, and fits is called about once for
// each view that goes.
func (r *Record) Shrink(fits func(packedLen int) bool) bool {
	for !fits(r.PackedLen()) { // once, if every path is referred to, as in all that Add makes
		if len(r.log) == 0 {
			return false
		}
		r.drop(r.surplus(fits))
	}
	return true
}

// surplus counts the views that have to go. It works on lengths only. To drop
// one view after the other and to write the record anew each time is quadratic:
// it took a second where the history was full and one path was 100 KB long.
func (r *Record) surplus(fits func(packedLen int) bool) (views int) {
	var few [usualPaths]usage
	kept := remainder{r, len(r.set), len(r.paths), len(r.log), r.usages(few[:0]), farIndexes}
	for log := r.log; len(log) > 0; {
		e, left, _ := nextEntry(log)
		size := len(log) - len(left)
		if log = left; e.status == pause {
			kept.logLen -= size
			continue
		}
		if fits(kept.packedLen()) {
			break
		}
		kept.drop(e.path, size)
		views++
	}
	return views
}

// usage is what the log has to do with one path.
type usage struct {
	at           int   // of the path within paths
	views, saved int32 // views that refer to it; bytes that a reference is shorter than in log
}

// usages appends the usage of each path to u.
func (r *Record) usages(u []usage) []usage {
	for rest := r.paths; len(rest) > 0; {
		u = append(u, usage{at: len(r.paths) - len(rest)})
		_, _, rest, _ = nextPath(rest)
	}
	for rest := r.log; len(rest) > 0; {
		var e entry
		if e, rest, _ = nextEntry(rest); e.status != pause {
			u[e.path].views++
		}
	}
	return u
}

// remainder is the lengths of a record without its oldest views.
type remainder struct {
	*Record
	setLen, pathsLen, logLen int
	usages                   []usage
	far                      [3]int
}

// farIndexes are the first indexes whose references take 2, 3 and 4 bytes. As
// paths before them go, the paths there come nearer and their references
// become shorter.
var farIndexes = [3]int{1 << 6, 1 << 13, 1 << 20}

func (r *remainder) packedLen() int {
	return r.countersLen() + wire.SizeBytes(r.setLen) + wire.SizeBytes(r.pathsLen) + wire.SizeBytes(r.logLen)
}

// drop takes away a view of that path, whose entry had size bytes in the log.
func (r *remainder) drop(path, size int) {
	u := &r.usages[path]
	r.logLen -= size - int(u.saved)
	if u.views--; u.views > 0 {
		return
	}
	text, counted, left, _ := nextPath(r.paths[u.at:])
	r.pathsLen -= len(r.paths) - u.at - len(left)
	if counted && !r.estimated() && !r.remembers(hashPath(text)) {
		r.setLen += hashSize
	}
	r.moveUp(path)
}

// moveUp takes a path out of the order of paths, which moves those behind it.
func (r *remainder) moveUp(path int) {
	for i, far := range r.far {
		if path > far || far >= len(r.usages) {
			continue
		}
		if u := &r.usages[far]; path < far {
			u.saved++
			r.logLen -= int(u.views)
		}
		for far++; far < len(r.usages) && r.usages[far].views == 0; {
			far++
		}
		r.far[i] = far
	}
}
