package otel_test

import (
	"log"
	"os"

	"github.com/cookiesession/cookiesession"
	sessions "github.com/cookiesession/cookiesession/adapters/otel"
	"go.opentelemetry.io/otel"
)

func Example() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	count, err := sessions.OnEvent(otel.Meter("shop"), ring, cookiesession.LogEvent)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: count}); err != nil {
		log.Fatal(err)
	}
}
