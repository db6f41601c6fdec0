package revocation

import (
	"context"
	"log/slog"
)

// EventKind says what happened. The values are stable: use them as labels.
type EventKind string

const (
	EventMarked      EventKind = "marked"       // Revoke has stored Marks marks
	EventMarkRefused EventKind = "mark-refused" // Revoke failed; Err says why
	EventBehind      EventKind = "behind"       // the source cannot be read or trimmed, or was never read; Err says why. Once until it works again
	EventCaughtUp    EventKind = "caught-up"    // the source is read again
	EventReset       EventKind = "reset"        // the source could not continue where this instance was; everything is read anew
	EventRestored    EventKind = "restored"     // the source has lost Marks marks, and gets them back from this instance
	EventClock       EventKind = "clock"        // the source's clock has gone back, or is known too late; Err says how much
)

// Event is one thing that happened to a list. It never holds a key.
type Event struct {
	Kind  EventKind
	Marks int // how many, where that makes sense
	Err   error
}

// emit reports e to OnEvent, or to log/slog. No lock may be held.
func (l *List) emit(ctx context.Context, e Event) {
	if l.cfg.OnEvent != nil {
		l.cfg.OnEvent(ctx, e)
		return
	}
	LogEvent(ctx, e)
}

// LogEvent is what happens to events when OnEvent is nil: they are logged by
// log/slog's default logger, marks at debug level, catching up at info, the
// rest at warn.
func LogEvent(ctx context.Context, e Event) {
	level := slog.LevelWarn
	switch e.Kind {
	case EventMarked:
		level = slog.LevelDebug
	case EventCaughtUp:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{slog.String("event", string(e.Kind))}
	if e.Marks != 0 {
		attrs = append(attrs, slog.Int("marks", e.Marks))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("reason", e.Err))
	}
	slog.Default().LogAttrs(ctx, level, "cookiesession/revocation", attrs...)
}
