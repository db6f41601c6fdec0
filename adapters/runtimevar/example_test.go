package runtimevar_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	adapter "github.com/cookiesession/cookiesession/adapters/runtimevar"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/httpvar"
)

// With AWS Secrets Manager only the opening differs:
// awssecretsmanager.OpenVariable(client, "sessions/ring", runtimevar.StringDecoder, nil).
func Example() {
	v, err := httpvar.OpenVariable(http.DefaultClient, "https://config.internal/sessions/ring", runtimevar.StringDecoder,
		&httpvar.Options{WaitDuration: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	ring, err := adapter.Follow(context.Background(), v)
	if err != nil {
		log.Fatal(err)
	}
	manager, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8080", manager.Handler(http.DefaultServeMux)))
}
