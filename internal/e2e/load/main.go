// The load command serves the demo, and a page that flushes, and sends readers,
// writers, shoppers, streams and forgers at them over loopback. It fails on any
// answer that is not what that client must get, and when goroutines or memory
// grow. Run it with the race detector:
//
//	go run -race ./internal/e2e/load -for 2m
//
// Its own module: it is no part of what users build.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

func main() {
	length := flag.Duration("for", 2*time.Minute, "how long")
	clients := flag.Int("clients", 4, "how many of each kind")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err := run(*length, *clients); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(length time.Duration, clients int) error {
	atFirst := runtime.NumGoroutine()
	site, err := newSite()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()

	r := &record{kinds: map[string][]time.Duration{}, base: "http://" + l.Addr().String()}
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var all sync.WaitGroup
	for i := range clients {
		for _, k := range kinds {
			all.Go(func() { r.drive(ctx, k, i) })
		}
	}
	samples := watch(ctx, length)
	all.Wait()
	transport.CloseIdleConnections()
	if err := srv.Shutdown(context.Background()); err != nil {
		return err
	}
	return errors.Join(r.report(length), judge(samples), leaked(atFirst))
}

// newSite is the demo, and beside it a page that flushes as it goes.
func newSite() (http.Handler, error) {
	shop, err := demo.New(demo.Config{Insecure: true})
	if err != nil {
		return nil, err
	}
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret(), Format: cookiesession.FormatCompact})
	if err != nil {
		return nil, err
	}
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring, Name: "stream", Insecure: true})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", shop)
	mux.Handle("GET /stream", m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := m.FromContext(r.Context()).Add("n", 1)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		for range 5 {
			fmt.Fprintf(w, "n=%d\n", n)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
		}
	})))
	return mux, nil
}

type sample struct {
	at         time.Duration
	goroutines int
	heap       uint64
}

// watch takes ten samples, each after a collection.
func watch(ctx context.Context, length time.Duration) (samples []sample) {
	start := time.Now()
	tick := time.NewTicker(length / 11)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			samples = append(samples, sample{time.Since(start), runtime.NumGoroutine(), m.HeapAlloc})
		}
	}
}

// judge holds the last samples against the first ones.
func judge(samples []sample) error {
	for _, s := range samples {
		fmt.Printf("after %6s: %4d goroutines, %5.1f MB of heap\n", s.at.Round(time.Second), s.goroutines, float64(s.heap)/1e6)
	}
	if len(samples) < 6 {
		return errors.New("too few samples: run it longer")
	}
	early, late := samples[:3], samples[len(samples)-3:]
	most := func(of []sample, f func(sample) float64) float64 {
		return f(slices.MaxFunc(of, func(a, b sample) int { return int(f(a) - f(b)) }))
	}
	goroutines := func(s sample) float64 { return float64(s.goroutines) }
	heap := func(s sample) float64 { return float64(s.heap) }
	var problems []error
	if most(late, goroutines) > 1.3*most(early, goroutines)+10 {
		problems = append(problems, errors.New("goroutines grow"))
	}
	if most(late, heap) > 1.3*most(early, heap)+4e6 {
		problems = append(problems, errors.New("memory grows"))
	}
	return errors.Join(problems...)
}

// leaked waits for the goroutines of closed connections to end.
func leaked(atFirst int) error {
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); runtime.Gosched() {
		if runtime.NumGoroutine() <= atFirst+1 {
			return nil
		}
	}
	return fmt.Errorf("%d goroutines are left of %d", runtime.NumGoroutine(), atFirst)
}
