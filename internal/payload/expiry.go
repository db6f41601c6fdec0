package payload

import (
	"math"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Expiry is when a session ends, as it stands in the payload.
type Expiry struct {
	Sec  int64 // of inactivity, or Unix time
	Nsec int32 // with Sec as Unix time
	Kind ExpiryKind
}

// ExpiryKind says what the numbers of an Expiry mean.
type ExpiryKind uint8

const (
	ByPolicy  ExpiryKind = iota // whatever is configured
	ByIdle                      // seconds of inactivity
	ByInstant                   // a time
	ByBrowser                   // with the browser
)

// MaxIdle is the longest [time.Duration] in whole seconds, 292 years.
const MaxIdle = int64(math.MaxInt64 / time.Second)

// Instant is the Expiry at t.
func Instant(t time.Time) Expiry {
	return Expiry{Kind: ByInstant, Sec: t.Unix(), Nsec: int32(t.Nanosecond())}
}

// pack appends nil for the policy, 0 for the browser's end, the seconds of
// inactivity, or a timestamp.
func (e Expiry) pack(b []byte) []byte {
	switch e.Kind {
	case ByBrowser:
		return wire.AppendInt(b, 0)
	case ByIdle:
		return wire.AppendInt(b, e.Sec)
	case ByInstant:
		return wire.AppendTime(b, time.Unix(e.Sec, int64(e.Nsec)))
	}
	return wire.AppendNil(b)
}

// packedLen is len(e.pack(nil)).
func (e Expiry) packedLen() int {
	if e.Kind == ByPolicy { // most of them
		return 1
	}
	var b [16]byte
	return len(e.pack(b[:0]))
}

// unpackExpiry reads what pack wrote.
func unpackExpiry(raw []byte) (Expiry, bool) {
	switch wire.KindOf(raw) {
	case wire.Nil:
		return Expiry{}, true
	case wire.Int:
		sec, ok := wire.Int64(raw)
		if sec == 0 {
			return Expiry{Kind: ByBrowser}, ok
		}
		return Expiry{Kind: ByIdle, Sec: sec}, ok && sec > 0 && sec <= MaxIdle
	}
	t, ok := wire.Time(raw)
	return Instant(t), ok
}
