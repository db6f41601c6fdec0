// Package eventlog writes what happened to a session as one line of log/slog. It
// knows no events: which one it was, and at which level it is logged, is for the
// caller to say.
package eventlog

import (
	"context"
	"log/slog"
)

// Record is what one line tells. Fields that are zero are left out. It has no room
// for the text of a cookie. The Reason is an error of ours, which shows no secret, or
// one that the application's Validate gave.
type Record struct {
	Event, Cookie, Key string
	Bytes              int
	Reason             error
}

// Log writes the line, where the logger wants lines of that level. It asks first:
// most events are logged at debug level, which is off on most servers, and then
// the line is not even put together.
func Log(ctx context.Context, log *slog.Logger, level slog.Level, r Record) {
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("event", r.Event)}
	if r.Cookie != "" {
		attrs = append(attrs, slog.String("cookie", r.Cookie))
	}
	if r.Key != "" {
		attrs = append(attrs, slog.String("key", r.Key))
	}
	if r.Bytes != 0 {
		attrs = append(attrs, slog.Int("bytes", r.Bytes))
	}
	if r.Reason != nil {
		attrs = append(attrs, slog.Any("reason", r.Reason))
	}
	log.LogAttrs(ctx, level, "cookiesession", attrs...)
}
