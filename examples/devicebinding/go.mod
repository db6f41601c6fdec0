// The readers of proofs are why this example is a module of its own.
module github.com/cookiesession/cookiesession/examples/devicebinding

go 1.26.0

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/cookiesession/cookiesession/adapters/dbsc v0.0.0
)

require (
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..

replace github.com/cookiesession/cookiesession/adapters/dbsc => ../../adapters/dbsc
