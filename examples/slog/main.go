// Command slog logs what happens to sessions, in lines to count and to search,
// with the standard library alone.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./examples/slog
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/cookiesession/cookiesession"
)

var visits = cookiesession.NewField[int]("visits")

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: events(logger)})
	if err != nil {
		log.Fatal(err)
	}
	// Which keys still open cookies tells when an old one can go.
	go func() {
		for range time.Tick(time.Minute) {
			logKeys(logger, ring)
		}
	}()
	log.Fatal(http.ListenAndServe("localhost:8080", serve(logger, sessions)))
}

// events logs every event. The levels are a choice: what a client can cause at
// will is no reason to wake anyone up.
func events(logger *slog.Logger) func(context.Context, cookiesession.Event) {
	return func(ctx context.Context, e cookiesession.Event) {
		level := slog.LevelDebug
		switch e.Kind {
		case cookiesession.EventWriteRefused, cookiesession.EventKeysRefused:
			level = slog.LevelError // a change or a rotation was lost
		case cookiesession.EventLateLook:
			level = slog.LevelWarn
		case cookiesession.EventKeysLoaded:
			level = slog.LevelInfo
		}
		// An event has no cookie text, value or secret to keep out of a log.
		logger.LogAttrs(ctx, level, "session",
			slog.String("event", string(e.Kind)),
			slog.String("cookie", e.CookieName),
			slog.String("key", e.KeyID),
			slog.Int("bytes", e.Bytes),
			slog.Any("reason", e.Err))
	}
}

func logKeys(logger *slog.Logger, ring *cookiesession.Keyring) {
	for _, key := range ring.Status() {
		logger.Info("key", "key", key.ID, "state", string(key.State), "opened", key.Opened)
	}
}

func serve(logger *slog.Logger, sessions *cookiesession.Manager) http.Handler {
	return sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		n, err := visits.Add(s, 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		// A session logs as a fingerprint of its ID and the names of its keys.
		logger.InfoContext(r.Context(), "visit", "session", s)
		if _, err := fmt.Fprintf(w, "visit %d\n", n); err != nil {
			logger.ErrorContext(r.Context(), "no answer", "reason", err)
		}
	}))
}
