// The framework is why this example is a module of its own.
module github.com/cookiesession/cookiesession/examples/gorillamux

go 1.26

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/gorilla/handlers v1.5.2
	github.com/gorilla/mux v1.8.1
)

require (
	github.com/felixge/httpsnoop v1.0.3 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..
