// Package eventlog writes what happened to a session as one line of log/slog.
package eventlog

import (
	"context"
	"log/slog"
)

// Record is what one line tells. Fields that are zero are left out.
type Record struct {
	Event, Cookie, Key string
	Bytes              int
	Reason             error
}

// Log writes the line, where the logger wants lines of that level.
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
