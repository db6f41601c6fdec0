//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// sameOwner gives the file the owner of the one it replaces: a program under
// its own account has to go on reading its keys.
func sameOwner(file *os.File, as fs.FileInfo) error {
	st, ok := as.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return file.Chown(int(st.Uid), int(st.Gid))
}
