package main

import (
	"errors"
	"syscall"
)

const (
	fileFlagDeleteOnClose = 0x04000000
	errorSharingViolation = syscall.Errno(32)
	errorDeletePending    = syscall.Errno(303)
)

// tryLock opens a file that nobody else can open meanwhile. Windows removes it
// when the handle is closed, also when the process was ended. While that
// happens, opening it is refused as if the account had no right to.
func tryLock(target string) (release func(), err error) {
	path, err := syscall.UTF16PtrFromString(target + ".lock")
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, fileFlagDeleteOnClose, 0)
	for _, busy := range []error{errorSharingViolation, errorDeletePending, syscall.ERROR_ACCESS_DENIED} {
		if errors.Is(err, busy) {
			return nil, errLocked
		}
	}
	if err != nil {
		return nil, err
	}
	return func() { syscall.CloseHandle(handle) }, nil
}
