//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package main

import "errors"

// tryLock refuses: a lock that does not end with its process would block the
// next command, and without one two commands lose each other's keys.
func tryLock(string) (release func(), err error) {
	return nil, errors.New("this system has no lock for it; give \"-\" for the file, which reads standard input and writes standard output")
}
