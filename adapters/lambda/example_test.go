package lambda_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/lambda"
)

// One manager for the life of the process; the handler finds its session in
// the context.
var visits = cookiesession.NewField[int]("visits")

func Example() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	awslambda.Start(lambda.HTTPAPI(sessions, func(ctx context.Context, _ events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		n, err := visits.Add(sessions.FromContext(ctx), 1)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: fmt.Sprintf("visit %d\n", n)}, nil
	}))
}
