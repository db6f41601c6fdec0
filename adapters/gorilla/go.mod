// Not in the core because it needs gorilla/sessions.
module github.com/cookiesession/cookiesession/adapters/gorilla

go 1.26

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/gorilla/securecookie v1.1.2
	github.com/gorilla/sessions v1.4.0
)

require (
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..
