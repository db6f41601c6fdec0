// Command lambda is an ordinary http.Handler with a session, run by AWS Lambda
// behind an API Gateway HTTP API. For handlers of events there is
// adapters/lambda.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
	"github.com/cookiesession/cookiesession"
)

var visits = cookiesession.NewField[int]("visits")

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	// Behind a REST API it is httpadapter.New, behind a load balancer
	// httpadapter.NewALB, and behind a function URL that streams
	// lambdaurl.Start(serve(sessions)).
	lambda.Start(httpadapter.NewV2(serve(sessions)).ProxyWithContext)
}

func serve(sessions *cookiesession.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.Add(sessions.Session(r), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := fmt.Fprintf(w, "visit %d\n", n); err != nil {
			log.Print(err)
		}
	})
	return sessions.Handler(mux)
}
