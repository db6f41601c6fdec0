package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

const demoHelp = `Usage: cookiesession demo [-addr host:port] [-keys file] [-log level] [-insecure]

Serves a small shop that keeps everything it knows in the visitor's cookies, and
beside it an inspector that shows those cookies. Ctrl-C ends it.

Keys: the file of -keys, followed while it runs; else the environment variable
SESSION_KEYS ("secret,older secret"); else a key of its own, lost at the end.

Examples:
  cookiesession demo
  cookiesession demo -addr 127.0.0.1:9000 -log debug
  SESSION_KEYS=$(openssl rand -base64 32) cookiesession demo
  cookiesession demo -keys keys.json

Flags:
`

// runDemo serves the demo until ctx ends.
func runDemo(ctx context.Context, args []string, std stdio) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	addr := flags.String("addr", "127.0.0.1:8080", "listen on `host:port`; port 0 takes a free one")
	file := flags.String("keys", "", "follow the key `file`")
	insecure := flags.Bool("insecure", false, "leave Secure out of the cookies, for clients that want HTTPS for it even on 127.0.0.1")
	var level slog.Level
	flags.TextVar(&level, "log", slog.LevelInfo, "log from this `level` on: debug, info or warn")

	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(std.out, demoHelp)
		flags.SetOutput(std.out)
		flags.PrintDefaults()
		return exitDone
	case err != nil:
		fmt.Fprintf(std.err, "cookiesession demo: %v; \"cookiesession demo -h\" shows how\n", wrongUsage(err))
		return exitUsage
	}

	slog.SetDefault(slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level})))
	cfg := demo.Config{Insecure: *insecure}
	if err := demoKeys(&cfg, *file, std); err != nil {
		fmt.Fprintf(std.err, "cookiesession demo: %v\n", err)
		return exitFailed
	}
	if err := serveDemo(ctx, *addr, cfg, std); err != nil {
		fmt.Fprintf(std.err, "cookiesession demo: %v\n", err)
		return exitFailed
	}
	return exitDone
}

// demoKeys leaves cfg without a ring where the demo shall make one itself:
// only such a ring may be rotated from its pages.
func demoKeys(cfg *demo.Config, file string, std stdio) (err error) {
	switch text := std.env("SESSION_KEYS"); {
	case file != "":
		cfg.KeySource = "the key file " + file
		cfg.Keyring, err = loadKeyFile(file)
		if err != nil {
			return fmt.Errorf("cannot use the key file of -keys: %w", err)
		}
	case text != "":
		cfg.KeySource = "SESSION_KEYS in the environment"
		cfg.Keyring, err = cookiesession.ParseKeyring(text)
		if err != nil {
			return fmt.Errorf("cannot use SESSION_KEYS: %w; \"openssl rand -base64 32\" makes a good one", err)
		}
	default:
		fmt.Fprintln(std.out, "No key given: made one that will not outlive this process. SESSION_KEYS or -keys give lasting ones.")
	}
	return nil
}

func serveDemo(ctx context.Context, addr string, cfg demo.Config, std stdio) error {
	site, err := demo.New(cfg)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return listenError(addr, err)
	}
	if host, _, _ := net.SplitHostPort(l.Addr().String()); !net.ParseIP(host).IsLoopback() && !cfg.Insecure {
		fmt.Fprintln(std.out, "Not only this machine can reach it: browsers elsewhere keep its cookies over HTTPS only (or see -insecure).")
	}
	fmt.Fprintf(std.out, "cookiesession demo: http://%s (Ctrl-C ends it)\n", l.Addr())
	return serveUntil(ctx, l, site)
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use by another program; end that one, or choose another port: cookiesession demo -addr 127.0.0.1:0", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("not allowed to listen on %s; ports above 1023 need no rights: cookiesession demo -addr 127.0.0.1:8080", addr)
	}
	return fmt.Errorf("cannot listen: %w; -addr wants host:port, say 127.0.0.1:8080", err)
}

// shutdownWait is how long requests in flight may take after Ctrl-C.
const shutdownWait = 3 * time.Second

// serveUntil lets requests in flight finish, but not for ever: whoever
// pressed Ctrl-C is waiting.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("stopped serving: %w", err)
	case <-ctx.Done():
	}
	shut, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	if err := srv.Shutdown(shut); err != nil {
		return srv.Close()
	}
	return nil
}
