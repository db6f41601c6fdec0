package cookiesession

import (
	"context"
	"errors"
	"log/slog"

	"github.com/cookiesession/cookiesession/internal/eventlog"
)

// Why a cookie or a write was refused. [Session.Rejected] and [Event.Err]
// wrap one of the first four. Writers return the last two.
var (
	// ErrInvalid: the cookie is not one that any of our keys sealed for this
	// name, or its payload is of a version this build does not know.
	ErrInvalid = errors.New("cookiesession: invalid cookie")
	// ErrUnknownKey: the keyring has no such key, or no longer opens with it.
	// During a rotation this is an instance that has not seen the new key.
	ErrUnknownKey = errors.New("cookiesession: cookie sealed with an unknown key")
	// ErrExpired: authentic, but past its idle or absolute deadline.
	ErrExpired = errors.New("cookiesession: session expired")
	// ErrRevoked: for [Config].Validate to return (or wrap) when the session
	// must end: every cookie of it is deleted.
	ErrRevoked = errors.New("cookiesession: session revoked")
	// ErrTooLarge: the cookies would not fit into MaxBytes. See [TooLargeError].
	ErrTooLarge = errors.New("cookiesession: session too large")
	// ErrCommitted: the response header has left, or the session is read-only.
	ErrCommitted = errors.New("cookiesession: session already committed")
)

// EventKind says what happened. The values are stable: use them as labels.
type EventKind string

const (
	EventRefused      EventKind = "refused"       // a cookie that came was not accepted; Err says why
	EventIssued       EventKind = "issued"        // a cookie was set; Bytes of names and values
	EventDeleted      EventKind = "deleted"       // a cookie was deleted
	EventWriteRefused EventKind = "write-refused" // a change was not saved; Err says why
	EventLateLook     EventKind = "late-look"     // first look at the session after the header left: the response was not marked as varying
	EventDoubled      EventKind = "doubled"       // several cookies of one name came
	EventRenewed      EventKind = "renewed"       // an unchanged session was issued anew by RenewAfter or SaveEveryRequest
	EventRekeyed      EventKind = "rekeyed"       // an unchanged session was issued anew under a newer key
	EventNested       EventKind = "nested"        // another manager of the same Name is around this one; told once
	EventKeysLoaded   EventKind = "keys-loaded"   // the keyring has new keys
	EventKeysRefused  EventKind = "keys-refused"  // new keys were refused, the old ones stay; Err says why
)

// Event is one thing that happened to a session or a keyring. It never holds
// a cookie's text, a session's values or a secret.
type Event struct {
	Kind       EventKind
	CookieName string // the compartment's first cookie; empty for keyring events
	KeyID      string // the key that sealed or would have opened, if known
	Bytes      int    // names and values of the cookies, where that makes sense
	Err        error
}

// levelOf gives debug level to what a client can cause as often as it likes, such
// as forged cookies. Otherwise a flood of them would flood the log.
func levelOf(kind EventKind) slog.Level {
	switch kind {
	case EventWriteRefused, EventKeysRefused, EventLateLook, EventNested:
		return slog.LevelWarn
	case EventKeysLoaded:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// LogEvent is what happens to events where neither OnEvent nor Logger is set.
// log/slog's default logger logs refused writes, refused keys, late looks and
// nested managers at warn level, new keys at info, everything else at debug. An
// OnEvent that counts may call it to keep the log. With Config.Logger there is one
// already.
func LogEvent(ctx context.Context, e Event) { logEvent(ctx, slog.Default(), e) }

func logEvent(ctx context.Context, log *slog.Logger, e Event) {
	eventlog.Log(ctx, log, levelOf(e.Kind), eventlog.Record{
		Event: string(e.Kind), Cookie: e.CookieName, Key: e.KeyID, Bytes: e.Bytes, Reason: e.Err})
}
