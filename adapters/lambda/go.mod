// Not in the core because it needs aws-lambda-go, for the types of events.
module github.com/cookiesession/cookiesession/adapters/lambda

go 1.26

require (
	github.com/aws/aws-lambda-go v1.55.1
	github.com/cookiesession/cookiesession v0.0.0
)

require (
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..
