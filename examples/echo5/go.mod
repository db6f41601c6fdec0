// The framework is why this example is a module of its own.
module github.com/cookiesession/cookiesession/examples/echo5

go 1.26

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/labstack/echo/v5 v5.3.1
)

require (
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..
