package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cookiesession/cookiesession"
)

const maxKeyFile = 64 << 10 // bytes

// readKeys reads a key file that programs will accept: the package itself
// judges it.
func readKeys(ctx context.Context, path string, std stdio) ([]cookiesession.Key, error) {
	data, err := readInput(ctx, path, "a key file", maxKeyFile, std)
	if err != nil {
		return nil, hint(path, nil, err)
	}
	if err := new(cookiesession.Keyring).ReplaceJSON(data); err != nil {
		return nil, hint(path, data, err)
	}
	var file struct{ Keys []cookiesession.Key }
	err = json.Unmarshal(data, &file)
	return file.Keys, err
}

// loadKeyFile is the package's, with what a person may want to do next.
func loadKeyFile(path string) (*cookiesession.Keyring, error) {
	ring, err := cookiesession.LoadKeyFile(path)
	if err == nil {
		return ring, nil
	}
	var data []byte
	if info, statErr := os.Stat(path); statErr == nil && info.Mode().IsRegular() {
		data, _ = readBounded(path, maxKeyFile, stdio{})
	}
	return nil, hint(path, data, err)
}

// hint says what to do about a key file that is not there, or is a file with
// a secret alone, as SESSION_KEYS has it.
func hint(path string, data []byte, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; \"cookiesession keys new %s\" makes a key file", err, path)
	}
	if _, bare := cookiesession.ParseSecret(string(data)); bare != nil {
		return err
	}
	name := path
	if path == "-" {
		name = "standard input"
	}
	return fmt.Errorf("%s is a bare secret and no key file; \"cookiesession keys new -secret %s keys.json\" makes a key file of it", name, path)
}

// encodeKeys is the one place that writes secrets down. It refuses keys that
// no program would accept.
func encodeKeys(keys []cookiesession.Key) ([]byte, error) {
	if _, err := cookiesession.NewKeyring(keys...); err != nil {
		return nil, err
	}
	type entry struct {
		Secret    string               `json:"secret,omitempty"`
		HashKey   string               `json:"hash_key,omitempty"`
		BlockKey  string               `json:"block_key,omitempty"`
		SealFrom  time.Time            `json:"seal_from,omitzero"`
		OpenUntil time.Time            `json:"open_until,omitzero"`
		Format    cookiesession.Format `json:"format,omitempty"`
	}
	var file struct {
		Keys []entry `json:"keys"`
	}
	for _, k := range keys {
		file.Keys = append(file.Keys, entry{k.Secret.Reveal(), k.HashKey.Reveal(), k.BlockKey.Reveal(), k.SealFrom, k.OpenUntil, k.Format})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	return append(text, '\n'), err
}

// createKeyFile makes a file that was not there.
func createKeyFile(ctx context.Context, path string, keys []cookiesession.Key, std stdio) error {
	text, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	if path == "-" {
		_, err := std.out.Write(text)
		return err
	}
	release, err := lockKeyFile(ctx, path)
	if err != nil {
		return err
	}
	defer release()
	there := fmt.Errorf("%s is there already and stays as it is; \"cookiesession keys rotate\" adds a key to it", path)
	if _, err := os.Lstat(path); err == nil {
		return there
	}
	err = putNew(path, text, func(*os.File) error { return nil }, nameIfFree)
	if errors.Is(err, fs.ErrExist) {
		return there
	}
	return err
}

// nameIfFree makes a link. Unlike a rename, that never takes the place of a
// file that another program has just made. Some file systems have no links.
func nameIfFree(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(from, to)
}

// changeFunc makes new keys of old ones, and says what it did.
type changeFunc func(keys []cookiesession.Key, say io.Writer) ([]cookiesession.Key, error)

// changeKeyFile exchanges a file whole: programs that follow it see the old
// one or the new one. One command at a time reads, changes and renames it.
// Otherwise a key would be lost, although some instance may have sealed with it.
func changeKeyFile(ctx context.Context, path string, std stdio, change changeFunc) error {
	var said bytes.Buffer
	if path == "-" {
		return changeStream(ctx, std, &said, change)
	}
	target, err := filepath.EvalSymlinks(path) // links to it stay links
	if err != nil {
		return hint(path, nil, err)
	}
	release, err := lockKeyFile(ctx, target)
	if err != nil {
		return err
	}
	defer release()
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	text, err := changed(ctx, target, std, &said, change)
	if err != nil {
		return err
	}
	likeBefore := func(file *os.File) error {
		if err := sameOwner(file, info); err != nil {
			fmt.Fprintf(std.err, "warning: the new file cannot have the owner of the old one (%v); see that programs can read it\n", err)
		}
		return file.Chmod(info.Mode().Perm())
	}
	if err := putNew(target, text, likeBefore, os.Rename); err != nil {
		return err
	}
	if _, err = said.WriteTo(std.out); err != nil {
		return fmt.Errorf("%s has been changed, but the output was lost: %w; \"cookiesession keys list\" shows what it has now", path, err)
	}
	return nil
}

// putNew writes text beside target and then gives it that name. The caller has
// the lock, so a file that is beside it was left by a command that was killed.
func putNew(target string, text []byte, prepare func(*os.File) error, name func(from, to string) error) error {
	beside := target + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w: a file is made beside it and renamed, so its folder has to be writable", err)
	}
	defer os.Remove(beside) // gone already after a rename
	if err := errors.Join(prepare(file), writeAndSync(file, text)); err != nil {
		return err
	}
	if err := name(beside, target); err != nil {
		return err
	}
	syncFolder(filepath.Dir(target))
	return nil
}

// changeStream is a filter for whoever keeps the ring elsewhere.
func changeStream(ctx context.Context, std stdio, said *bytes.Buffer, change changeFunc) error {
	text, err := changed(ctx, "-", std, said, change)
	if err != nil {
		return err
	}
	if _, err := std.out.Write(text); err != nil {
		return err
	}
	_, err = said.WriteTo(std.err)
	return err
}

func changed(ctx context.Context, path string, std stdio, said *bytes.Buffer, change changeFunc) ([]byte, error) {
	keys, err := readKeys(ctx, path, std)
	if err != nil {
		return nil, fmt.Errorf("%w\nnothing was changed", err)
	}
	if keys, err = change(keys, said); err != nil {
		return nil, err
	}
	return encodeKeys(keys)
}

func writeAndSync(file *os.File, text []byte) error {
	_, err := file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFolder has the new name survive a power failure, where the system can.
func syncFolder(path string) {
	if dir, err := os.Open(path); err == nil {
		dir.Sync()
		dir.Close()
	}
}

// messages go where they do not mix with a key file.
func messages(path string, std stdio) io.Writer {
	if path == "-" {
		return std.err
	}
	return std.out
}
