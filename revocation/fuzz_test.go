package revocation_test

import (
	"errors"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// FuzzLogin reads what a session has sealed about its login. Only the keys can
// make it, but a later version may make it otherwise.
func FuzzLogin(f *testing.F) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		f.Fatal(err)
	}
	if err := list.Revoke(f.Context(), "user:42"); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x01id id id idkey key ke"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01id id id id"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		err := revocation.Check(list, [16]byte{1}, sealed)
		whole := len(sealed) >= 19 && sealed[0] == 1 && (len(sealed)-9)%10 == 0
		if refused := err != nil && !errors.Is(err, cookiesession.ErrRevoked); refused == (whole || len(sealed) == 0) {
			t.Errorf("%q: %v", sealed, err)
		}
	})
}
