// Command demo is the shop of "cookiesession demo" with all that the core
// module has no packages for: sessions that are bound to a device (-tls), and
// "Log out everywhere" for several processes (-revocation).
//
//	go run ./adapters/demo -tls
//
//	SESSION_KEYS=$(go run ./cmd/cookiesession keys new); export SESSION_KEYS
//	go run ./adapters/demo -addr 127.0.0.1:8081 -revocation redis://127.0.0.1:6379 &
//	go run ./adapters/demo -addr 127.0.0.1:8082 -revocation redis://127.0.0.1:6379
//
// "cookiesession demo" with one of the two flags builds this program and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
	"github.com/cookiesession/cookiesession/adapters/redis"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
	"github.com/cookiesession/cookiesession/revocation"
	goredis "github.com/redis/go-redis/v9"
)

// main keeps the signals to the end: at a terminal Ctrl-C comes twice, from
// the terminal and from the command that started this program.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	host := demo.Host{Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Binding: bind, Source: openRedis}
	flags, err := demo.ParseFlags(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		demo.PrintHelp(os.Stdout)
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "cookiesession demo: %v; \"cookiesession demo -h\" shows how\n", err)
		os.Exit(2)
	}
	if err := flags.Serve(ctx, host); err != nil {
		fmt.Fprintf(os.Stderr, "cookiesession demo: %v\n", err)
		os.Exit(1)
	}
}

// lifetime is the shortest one that dbsc accepts, because visitors of the
// demo wait for the end of a bound cookie. A site takes 10 minutes.
const lifetime = 2*time.Minute + time.Second

// binding is dbsc's for the demo, which knows no types of dbsc.
type binding struct{ *dbsc.Binding }

func bind(sessions *cookiesession.Manager) (demo.Binding, error) {
	b, err := dbsc.New(sessions, dbsc.Config{Lifetime: lifetime})
	return binding{b}, err
}

func (b binding) State(r *http.Request) string { return b.Binding.State(r).String() }

func (b binding) Refused(err error) bool { return errors.Is(err, dbsc.ErrStale) }

// openRedis opens the source of marks that several processes share.
func openRedis(url string) (revocation.Source, func(), error) {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return nil, nil, errors.New("cannot use the URL of -revocation: it wants redis://host:port/database")
	}
	options.Password = os.Getenv("REDIS_PASSWORD") // arguments are for everybody to read
	options.ContextTimeoutEnabled = true
	client := goredis.NewClient(options)
	return redis.New(client, "cookiesession:demo"), func() { _ = client.Close() }, nil
}
