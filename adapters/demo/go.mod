// Not in the core because it needs a Redis client and readers of proofs.
module github.com/cookiesession/cookiesession/adapters/demo

go 1.26.0

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/cookiesession/cookiesession/adapters/dbsc v0.0.0
	github.com/cookiesession/cookiesession/adapters/redis v0.0.0
	github.com/redis/go-redis/v9 v9.23.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

replace (
	github.com/cookiesession/cookiesession => ../..
	github.com/cookiesession/cookiesession/adapters/dbsc => ../dbsc
	github.com/cookiesession/cookiesession/adapters/redis => ../redis
)
