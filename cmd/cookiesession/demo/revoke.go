package demo

import (
	"context"
	"errors"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// maxMarks bounds what strangers can make the demo remember: 2 MB.
const maxMarks = 100_000

var errFull = errors.New("too many users have logged out everywhere: the demo remembers no more of them")

// newList makes the list of what "log out everywhere" has ended: it is the
// whole of what that needs of a server.
func newList(source revocation.Source) (*revocation.List, error) {
	return revocation.New(revocation.Config{Source: source, MaxAge: absoluteTimeout})
}

// Run follows the source of marks until ctx ends.
func (d *Site) Run(ctx context.Context) error { return d.revoked.Run(ctx) }

// userKey is under which a user's logins are ended.
func userKey(user string) string { return "user:" + user }

// endLogins ends every login of the user of s.
func (d *Site) endLogins(ctx context.Context, s *cookiesession.Session) error {
	user, ok := cookiesession.Get[string](s, keyUser)
	if !ok {
		return nil
	}
	if d.revoked.Status().Marks >= maxMarks {
		return errFull
	}
	return d.revoked.Revoke(ctx, userKey(user))
}
