package cookiesession

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cookiesession/cookiesession/internal/value"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// MarshalJSON gives the session as an object for a page or a program: "id",
// "created", "expires_at", "new", "values", "flash" and, with TrackViews,
// "views". All data is in it, except for fields of structs with the tag json:"-".
// A struct with the msgpack tag as_array that has such a field is null. Other json
// tags are not looked at: names are those of the msgpack tags. What a type wrote
// with methods of its own is shown in full. So do not put a session into a page if
// it holds what the visitor must not read. It is safe inside <script>, as all of
// encoding/json's output is. What JSON cannot express (NaN, a year beyond 9999)
// becomes text. It holds no cookie and no key.
func (s *Session) MarshalJSON() ([]byte, error) {
	out, data, flash := s.describe()
	out["values"], out["flash"] = value.Public(data), value.Public(flash)
	return json.Marshal(out)
}

// describe is one look: what another goroutine does meanwhile is in all of it
// or in nothing. Values are decoded later, without the lock.
func (s *Session) describe() (out map[string]any, data, flash wire.Pairs) {
	s.enter()
	defer s.exit()
	out = map[string]any{
		"id":         s.id().String(),
		"created":    value.JSONTime(s.created().UTC()),
		"expires_at": value.JSONTime(s.expiresAt(time.Now()).UTC()),
		"new":        s.isNew(),
	}
	if s.m.policy.TrackViews {
		out["views"] = s.counted()
	}
	return out, s.work.Values, s.readAllFlash()
}

// LogValue gives a fingerprint of the ID and the names of the keys, never a
// value. Logging is no access: a session that nobody looked at is not opened.
func (s *Session) LogValue() slog.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != shown {
		return slog.GroupValue(slog.Bool("opened", false))
	}
	return slog.GroupValue(
		slog.String("id", s.fingerprint()),
		slog.Bool("new", !s.live()),
		slog.Any("keys", keysOf(s.work.Values)),
	)
}

func (s *Session) fingerprint() string {
	id := s.id()
	sum := sha256.Sum256(id[:])
	return hex.EncodeToString(sum[:4])
}

// Format writes what LogValue tells, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) {
	if s == nil {
		io.WriteString(f, "session(nil)")
		return
	}
	io.WriteString(f, "session"+s.LogValue().String())
}
