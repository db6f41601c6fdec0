// Command functions runs the function under the functions framework, as the
// cloud does.
//
//	SESSION_KEYS=$(openssl rand -hex 32) FUNCTION_TARGET=Visits go run ./cmd/functions
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/cookiesession/cookiesession/examples/cloud"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(funcframework.Start(port))
}
