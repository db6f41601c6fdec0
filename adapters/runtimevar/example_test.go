package runtimevar_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/cookiesession/cookiesession"
	adapter "github.com/cookiesession/cookiesession/adapters/runtimevar"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/awssecretsmanager"
	"gocloud.dev/runtimevar/httpvar"
)

func Example() {
	v, err := httpvar.OpenVariable(http.DefaultClient, "https://config.internal/sessions/ring", runtimevar.StringDecoder,
		&httpvar.Options{WaitDuration: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	ring, err := adapter.Follow(context.Background(), v)
	if err != nil {
		log.Fatal(err)
	}
	manager, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	err = http.ListenAndServe(":8080", manager.Handler(http.DefaultServeMux))
	log.Fatal(errors.Join(err, v.Close()))
}

// The ring as one secret of AWS Secrets Manager.
func Example_secretsManager() {
	ctx := context.Background()
	client := secretsmanager.New(secretsmanager.Options{Region: "eu-central-1"}) // or NewFromConfig
	v, err := awssecretsmanager.OpenVariable(client, "shop/session-keys", runtimevar.StringDecoder,
		&awssecretsmanager.Options{WaitDuration: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	ring, err := adapter.Follow(ctx, v)
	if err != nil {
		log.Fatal(err)
	}
	log.Print(ring)
}
