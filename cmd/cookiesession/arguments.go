package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cookiesession/cookiesession"
)

// maxEcho is the longest word of a wrong command line that is repeated. It is
// too short for a secret and long enough for every command and flag.
const maxEcho = 20

// refuseSecrets looks at every argument before anything else does. Every user
// of a machine can read the arguments of its programs, and error messages
// would repeat them into terminals and logs. No message has the argument.
func refuseSecrets(args []string) error {
	for i, arg := range args {
		if holdsSecret(arg) {
			return fmt.Errorf("argument %d looks like a secret or a cookie, and every user of this machine can read arguments: "+
				"give secrets in a file, on standard input or in SESSION_KEYS, a password in REDIS_PASSWORD, and cookies on standard input; make another secret", i+1)
		}
	}
	return nil
}

var (
	secretText  = regexp.MustCompile(`[A-Za-z0-9+/_-]+=*`)
	secretNames = regexp.MustCompile(`[A-Za-z0-9+_-]+=*`) // of a path
	inURL       = regexp.MustCompile(`://[^/@\s]*:[^/@\s]+@`)
)

// holdsSecret looks for a secret anywhere in an argument: behind a flag and
// "=", in a list, in a path, beside a port, as the password of a URL. The part of
// a path that exists is no secret: names of 64 hex digits are common in container
// systems.
func holdsSecret(arg string) bool {
	if inURL.MatchString(arg) {
		return true
	}
	flag, value, isFlag := strings.Cut(arg, "=")
	if isFlag && strings.HasPrefix(flag, "-") && !holdsSecret(flag) {
		arg = value
	}
	arg = newPart(arg)
	for _, word := range append(secretText.FindAllString(arg, -1), secretNames.FindAllString(arg, -1)...) {
		if isSecret(word) {
			return true
		}
	}
	return false
}

// isSecret tries a word from each place where a secret may begin in it: one in
// 64 begins with a dash, as flags do, and every other one in base64 has a
// slash, as paths have.
func isSecret(word string) bool {
	for i := range word {
		if i > 0 && word[i-1] != '/' && word[i-1] != '-' {
			continue
		}
		for _, text := range []string{word[i:], strings.TrimRight(word[i:], "=")} {
			if _, err := cookiesession.ParseSecret(text); err == nil {
				return true
			}
		}
	}
	return false
}

// newPart drops the folders of a path that are there, and all of one that is.
func newPart(path string) string {
	if _, err := os.Lstat(path); err == nil {
		return ""
	}
	for folder := filepath.Dir(path); folder != "." && folder != string(filepath.Separator); folder = filepath.Dir(folder) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return strings.TrimPrefix(path, folder)
		}
	}
	return path
}

var longWord = regexp.MustCompile(fmt.Sprintf(`[^\s"]{%d,}`, maxEcho+1))

// short leaves long words out of a text about a wrong command line: a part of
// a secret, or one that was mistyped, does not look like a secret.
func short(text string) string { return longWord.ReplaceAllString(text, "…") }

// wrongUsage is short in the form of an error.
func wrongUsage(err error) error { return errors.New(short(err.Error())) }
