module github.com/cookiesession/cookiesession/internal/e2e

go 1.26.0

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.22.0
	github.com/cookiesession/cookiesession v0.0.0
	github.com/cookiesession/cookiesession/adapters/dbsc v0.0.0
	github.com/cookiesession/cookiesession/adapters/postgres v0.0.0
	github.com/cookiesession/cookiesession/adapters/redis v0.0.0
	github.com/jackc/pgx/v5 v5.13.0
	github.com/redis/go-redis/v9 v9.23.0
	golang.org/x/net v0.62.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/cookiesession/cookiesession => ../..
	github.com/cookiesession/cookiesession/adapters/dbsc => ../../adapters/dbsc
	github.com/cookiesession/cookiesession/adapters/postgres => ../../adapters/postgres
	github.com/cookiesession/cookiesession/adapters/redis => ../../adapters/redis
)
