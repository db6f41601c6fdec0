package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	lockWait  = 10 * time.Second // another change takes milliseconds
	lockRetry = 5 * time.Millisecond
)

// errLocked is what tryLock returns while somebody else has the lock.
var errLocked = errors.New("locked")

// lockKeyFile lets one command at a time read, change and rename the key file
// target. The lock is not on the file itself: a rename puts another file in
// its place, and whoever waited for the old one would then change it beside
// somebody else. The kernel drops the lock when its process ends, however it
// ends, so a command that was killed blocks nobody.
func lockKeyFile(ctx context.Context, target string) (release func(), err error) {
	for end := time.Now().Add(lockWait); ; {
		release, err = tryLock(target)
		switch {
		case err == nil:
			return release, nil
		case !errors.Is(err, errLocked):
			return nil, fmt.Errorf("cannot lock the folder of %s: %w", target, err)
		case time.Now().After(end):
			return nil, fmt.Errorf("another program has locked %s for %v: try again when it has ended; nothing was changed", filepath.Dir(target), lockWait)
		}
		select {
		case <-ctx.Done():
			return nil, errEnded
		case <-time.After(lockRetry):
		}
	}
}
