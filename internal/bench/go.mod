module github.com/cookiesession/cookiesession/internal/bench

go 1.26.0

require github.com/cookiesession/cookiesession v0.0.0

require (
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/gorilla/securecookie v1.1.2
	github.com/gorilla/sessions v1.4.0
	github.com/vmihailenco/msgpack/v5 v5.4.1
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..

require github.com/cookiesession/cookiesession/adapters/dbsc v0.0.0

require (
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
)

replace github.com/cookiesession/cookiesession/adapters/dbsc => ../../adapters/dbsc
