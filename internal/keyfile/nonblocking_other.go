//go:build !unix

package keyfile

// nonBlocking is no flag: here open does not wait for the other end of a pipe,
// or the system has no pipes among its files.
const nonBlocking = 0
