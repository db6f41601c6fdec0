// Not in the core because it needs readers of JSON Web Signatures and of structured fields.
module github.com/cookiesession/cookiesession/adapters/dbsc

go 1.26.0

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/dunglas/httpsfv v1.1.2
	github.com/go-jose/go-jose/v4 v4.1.9
)

require (
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..
