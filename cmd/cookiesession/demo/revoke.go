package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
)

// maxRevoked bounds what strangers can make the demo remember.
const maxRevoked = 1000

// notBefore holds, per user, the time before which no login counts. It is the
// whole of what "log out everywhere" needs of a server; a real site keeps this
// column in its table of users.
type notBefore struct {
	mu    sync.Mutex
	times map[string]int64
}

func (n *notBefore) set(user string, t time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.times == nil || len(n.times) >= maxRevoked {
		n.times = make(map[string]int64)
	}
	n.times[user] = t.UnixMicro()
}

func (n *notBefore) validate(_ context.Context, s *cookiesession.Session) error {
	user, ok := cookiesession.Get[string](s, keyUser)
	if !ok {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if cookiesession.GetOr[int64](s, keyLoginAt, 0) <= n.times[user] {
		return fmt.Errorf("%w: logged out everywhere since", cookiesession.ErrRevoked)
	}
	return nil
}
