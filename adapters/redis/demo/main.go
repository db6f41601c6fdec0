// Command demo is the shop of "cookiesession demo", for several processes: "Log
// out everywhere" in one of them ends the copies of cookies in all.
//
//	SESSION_KEYS=$(go run ./cmd/cookiesession keys new); export SESSION_KEYS
//	go run ./adapters/redis/demo -addr 127.0.0.1:8081 -revocation redis://127.0.0.1:6379 &
//	go run ./adapters/redis/demo -addr 127.0.0.1:8082 -revocation redis://127.0.0.1:6379
//
// It is not a flag of the command itself, because that is in the core module,
// which requires no Redis client.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/redis"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
	goredis "github.com/redis/go-redis/v9"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on `host:port`; port 0 takes a free one")
	from := flag.String("revocation", "redis://127.0.0.1:6379", "the `URL` of the Redis server that the processes share")
	insecure := flag.Bool("insecure", false, "leave Secure out of the cookies")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *from, *insecure); err != nil {
		log.Fatal(err)
	}
}

// run serves the demo until ctx ends.
func run(ctx context.Context, addr, from string, insecure bool) error {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		return fmt.Errorf("cannot use SESSION_KEYS, which all processes must share: %w", err)
	}
	options, err := goredis.ParseURL(from)
	if err != nil {
		return fmt.Errorf("cannot use -revocation: %w", err)
	}
	options.ContextTimeoutEnabled = true
	client := goredis.NewClient(options)
	defer client.Close()
	site, err := demo.New(demo.Config{
		Keyring: ring, KeySource: "SESSION_KEYS in the environment", Insecure: insecure, Revocation: redis.New(client, "cookiesession:demo"),
	})
	if err != nil {
		return err
	}
	go site.Run(ctx)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("cookiesession demo: http://%s (Ctrl-C ends it)\n", l.Addr())
	server := &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
