package keyfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/keys"
)

// A revoked key stays in use for as long as the file is not read, so that must
// not be long. The file is small, and reading it every few seconds costs nothing
// that could be noticed.
const (
	readEvery = 5 * time.Second        // a followed file is read again, on use
	readEarly = 500 * time.Millisecond // and when somebody names an unknown key
)

// Follower reads a key file again and again and tells what has changed. It has
// no goroutine: whoever uses the keys asks [Follower.Due], and then calls
// [Follower.Reload]. It compares what it reads, not the time or the size of the
// file, which two contents may share. It is safe for concurrent use.
type Follower struct {
	path string
	read func(path string) ([]byte, error)

	lastRead atomic.Int64 // Unix nanoseconds; 0 before the first

	// reading is held by the one that reads, and by nobody else: the others go
	// on with the keys that they have.
	reading sync.Mutex
	seen    string // a hash of what was read last, and the error; under reading
	refused bool   // whether that was refused; under reading
}

// Follow follows the file at path. read is [Read], but for tests.
func Follow(path string, read func(path string) ([]byte, error)) *Follower {
	return &Follower{path: path, read: read}
}

// Due reports whether the file should be read again.
func (f *Follower) Due(now time.Time) bool { return f.longAgo(now, readEvery) }

// DueEarly reports the same for somebody who needs a key that is not in the
// file as it was read last. A cookie from anybody can name such a key, so the
// file is not read for every one of them.
func (f *Follower) DueEarly(now time.Time) bool { return f.longAgo(now, readEarly) }

// longAgo reports whether the file was read at least wait ago. It is also true
// when that is in the future by more than readEvery: the clock was set back,
// and otherwise the file would not be read until the clock has caught up. A
// little in the future is normal, for a request that began before the reading.
func (f *Follower) longAgo(now time.Time, wait time.Duration) bool {
	ago := now.UnixNano() - f.lastRead.Load()
	return ago >= int64(wait) || ago < -int64(readEvery)
}

// LastRead tells when the file was last read, or tried to.
func (f *Follower) LastRead() time.Time { return time.Unix(0, f.lastRead.Load()) }

// Reload reads the file. What is new it gives to take: the keys, or why they
// are refused. It does not call take when nothing has changed, or when somebody
// else is reading already. The next reading does not begin before take returns.
func (f *Follower) Reload(old *keys.Set, take func(*keys.Set, error)) {
	if !f.reading.TryLock() {
		return
	}
	defer f.reading.Unlock()
	f.lastRead.Store(time.Now().UnixNano())
	data, err := f.read(f.path)
	found := fmt.Sprintf("%x %v", sha256.Sum256(data), err)
	changed := found != f.seen
	f.seen = found
	if !changed && !f.refused {
		return
	}
	// The same file that was refused before is checked again, because a date
	// in it may have been reached. It is not reported twice.
	set, err := f.parse(data, err, old)
	if err == nil || changed {
		take(set, err)
	}
	f.refused = err != nil
}

// parse makes a set of what was read, if anything was. Its error names the file,
// because an application may follow several. The keys of old that are still in
// the file are taken over as they are: they keep their counters.
func (f *Follower) parse(data []byte, err error, old *keys.Set) (*keys.Set, error) {
	var list []keys.Material
	var set *keys.Set
	if err == nil {
		list, err = Parse(data)
	}
	if err == nil {
		set, err = keys.NewSet(list, old, time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("%w (key file %q)", err, f.path)
	}
	return set, nil
}

// Read reads a regular file of bounded size. It is called under traffic, where a
// request must not wait for a file. A wrong path may lead to anything, and
// anything may be put at a right one. So it opens without waiting for the other
// end of a pipe, and then asks what it has opened. To ask about the path first
// would not help: the file could be exchanged in between.
func Read(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("cookiesession: not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cookiesession: %w", err)
	}
	if len(data) > maxFile {
		return nil, errTooLong
	}
	return data, nil
}
