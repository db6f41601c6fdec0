package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// Host is what a program lends to the demo that it serves.
type Host struct {
	Out, Err io.Writer
	Env      func(string) string

	// LoadKeyFile follows the file of -keys. nil: [cookiesession.LoadKeyFile].
	LoadKeyFile func(path string) (*cookiesession.Keyring, error)
	// Binding is [Config].Binding, for -tls.
	Binding func(*cookiesession.Manager) (Binding, error)
	// Source opens what is behind the URL of -revocation. close ends it.
	Source func(url string) (source revocation.Source, close func(), err error)
}

// Keyring returns the ring that the flags and the environment choose, and where
// it comes from. Both are empty where the demo shall make a key itself: only
// such a ring may be rotated from its pages.
func (f Flags) Keyring(h Host) (ring *cookiesession.Keyring, from string, err error) {
	switch text := h.Env("SESSION_KEYS"); {
	case f.Keys != "":
		load := h.LoadKeyFile
		if load == nil {
			load = cookiesession.LoadKeyFile
		}
		if ring, err = load(f.Keys); err != nil {
			return nil, "", fmt.Errorf("cannot use the key file of -keys: %w", err)
		}
		return ring, "the key file " + f.Keys, nil
	case text != "":
		if ring, err = cookiesession.ParseKeyring(text); err != nil {
			return nil, "", fmt.Errorf("cannot use SESSION_KEYS: %w; \"openssl rand -base64 32\" makes a good one", err)
		}
		return ring, "SESSION_KEYS in the environment", nil
	}
	return nil, "", nil
}

// Serve serves the demo until ctx ends, and sets the default logger of
// [log/slog]. Requests in flight have [ShutdownWait] then.
func (f Flags) Serve(ctx context.Context, h Host) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(h.Err, &slog.HandlerOptions{Level: f.Log})))
	cfg := Config{Insecure: f.Insecure}
	var err error
	if cfg.Keyring, cfg.KeySource, err = f.Keyring(h); err != nil {
		return err
	}
	f.sayKeys(h.Out, cfg.Keyring != nil)
	// The source is opened here and read only when the site follows it: a server
	// that is away keeps nobody from the shop.
	if f.Revocation != "" {
		source, closeSource, err := h.Source(f.Revocation)
		if err != nil {
			return err
		}
		defer closeSource()
		cfg.Revocation = source
	}
	// It listens before there is a site, because the thief of the site has to
	// know where to ask. Connections wait until then.
	l, err := net.Listen("tcp", f.Addr)
	if err != nil {
		return listenError(f.Addr, err)
	}
	defer l.Close()
	var cert *tls.Certificate
	if f.TLS {
		if cert, err = newCertificate(); err != nil {
			return err
		}
		cfg.Binding, cfg.Self = h.Binding, transportTo(l.Addr(), cert)
	}
	site, err := New(cfg)
	if err != nil {
		return err
	}
	f.sayAddress(h.Out, l.Addr(), cert)
	defer site.follow(ctx)()
	return serveUntil(ctx, l, cert, site)
}

// sayKeys says nothing of keys that were given: these are the operator's.
func (f Flags) sayKeys(out io.Writer, given bool) {
	switch {
	case !given && f.Revocation != "":
		fmt.Fprintln(out, "No key given: made one that no other process has. Give all that share -revocation the same SESSION_KEYS or -keys.")
	case !given:
		fmt.Fprintln(out, "No key given: made one that will not outlive this process. SESSION_KEYS or -keys give lasting ones.")
	}
}

// sayAddress prints the address last: programs that start the demo wait for it.
// With TLS the line for Chromium follows, and nothing after that.
func (f Flags) sayAddress(out io.Writer, addr net.Addr, cert *tls.Certificate) {
	if cert != nil {
		fmt.Fprintf(out, "cookiesession demo: https://%s (Ctrl-C ends it)\n", addr)
		fmt.Fprint(out, tryLine("https://"+addr.String()+"/", cert))
		return
	}
	if host, _, _ := net.SplitHostPort(addr.String()); !net.ParseIP(host).IsLoopback() && !f.Insecure {
		fmt.Fprintln(out, "Not only this machine can reach it: browsers elsewhere keep its cookies over HTTPS only (or see -insecure).")
	}
	fmt.Fprintf(out, "cookiesession demo: http://%s (Ctrl-C ends it)\n", addr)
}

// follow follows the source of marks, if there is one. What it returns ends
// that and waits for it, so that the source can be closed.
func (d *Site) follow(ctx context.Context) (end func()) {
	if d.cfg.Revocation == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { _ = d.revoked.Run(ctx) }) // what fails is logged there
	return func() { cancel(); following.Wait() }
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

// ShutdownWait is how long requests in flight may take after Ctrl-C.
const ShutdownWait = 3 * time.Second

// serveUntil lets requests in flight finish, but not for ever: whoever
// pressed Ctrl-C is waiting. A nil cert means plain HTTP.
func serveUntil(ctx context.Context, l net.Listener, cert *tls.Certificate, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	serve := func() error { return srv.Serve(l) }
	if cert != nil {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
		serve = func() error { return srv.ServeTLS(l, "", "") }
	}
	done := make(chan error, 1)
	go func() { done <- serve() }()
	select {
	case err := <-done:
		return fmt.Errorf("stopped serving: %w", err)
	case <-ctx.Done():
	}
	shut, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownWait)
	defer cancel()
	if err := srv.Shutdown(shut); err != nil {
		return srv.Close()
	}
	return nil
}
