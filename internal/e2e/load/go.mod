module github.com/cookiesession/cookiesession/internal/e2e/load

go 1.26

require github.com/cookiesession/cookiesession v0.0.0

require (
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../../..
