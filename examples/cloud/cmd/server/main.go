// Command server is the container that Cloud Run starts, and a plain server.
//
//	SESSION_KEYS=$(openssl rand -hex 32) go run ./cmd/server
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession/examples/cloud/app"
)

func main() {
	h, err := app.New(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	port := os.Getenv("PORT") // Cloud Run says where to listen
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(":"+port, h))
}
