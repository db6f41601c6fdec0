module github.com/cookiesession/cookiesession/internal/e2e

go 1.26.0

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.22.0
)

require (
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/cookiesession/cookiesession => ../..

require (
	github.com/cookiesession/cookiesession v0.0.0
	github.com/cookiesession/cookiesession/adapters/dbsc v0.0.0
)

replace github.com/cookiesession/cookiesession/adapters/dbsc => ../../adapters/dbsc
