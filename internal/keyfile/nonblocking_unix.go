//go:build unix

package keyfile

import "syscall"

// nonBlocking has open return at once where path leads to a pipe that nobody
// writes to.
const nonBlocking = syscall.O_NONBLOCK
