//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// tryLock locks the folder, so that nothing is left behind that a person has
// to remove. Network file systems lock only what is open for writing, which a
// folder cannot be. There a file beside target is locked and stays.
func tryLock(target string) (release func(), err error) {
	folder, err := os.Open(filepath.Dir(target))
	if err != nil {
		return nil, err
	}
	release, err = flock(folder)
	if slices.ContainsFunc([]error{syscall.EBADF, syscall.EINVAL, syscall.ENOTSUP, syscall.ENOLCK}, func(e error) bool { return errors.Is(err, e) }) {
		return tryLockFile(target + ".lock")
	}
	return release, err
}

// tryLockFile never removes the file: whoever waits for it would get the lock
// on a file that nobody else finds.
func tryLockFile(path string) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return flock(file)
}

// flock closes the file when the lock is not to be had, or is released.
func flock(file *os.File) (release func(), err error) {
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { file.Close() }, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			err = errLocked
		}
		file.Close()
		return nil, err
	}
}
