// Package caches puts real shared caches, nginx and Varnish, in front of
// sites with sessions: what they store and hand to others is for them to say.
//
// Its own module, as all that needs programs which the core does not.
package caches

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ErrNotInstalled says that a cache is not on this machine.
var ErrNotInstalled = errors.New("not installed")

// Cache is one running cache.
type Cache struct {
	URL string

	cmd *exec.Cmd
}

// nginxConf caches whatever the response's Cache-Control and Vary do not
// forbid, also without a word of it, for a minute; and, as some CDNs do, what
// sets cookies too. By itself nginx would not, and prove nothing about us.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	proxy_cache_path %[1]s/cache keys_zone=shared:1m;
	proxy_buffer_size 32k;
	proxy_buffers 8 32k;
	server {
		listen %[2]s;
		location / {
			proxy_pass http://%[3]s;
			proxy_cache shared;
			proxy_cache_key $request_uri;
			proxy_cache_valid any 1m;
			proxy_ignore_headers Set-Cookie;
			add_header X-Cache $upstream_cache_status always;
		}
	}
}
`

// StartNginx starts nginx with proxy_cache in front of origin (host:port).
func StartNginx(ctx context.Context, folder, origin string) (*Cache, error) {
	return start(ctx, "nginx", "/usr/sbin/nginx", func(path, addr string) (*exec.Cmd, error) {
		conf := filepath.Join(folder, "nginx.conf")
		err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, folder, addr, origin), 0o600)
		return exec.CommandContext(ctx, path, "-p", folder, "-c", conf, "-e", "stderr"), err
	})
}

// varnishVCL looks into the cache for visitors with cookies too, and stores
// what sets cookies: Varnish's own rules would do neither.
const varnishVCL = `
vcl 4.1;
backend default { .host = "%s"; .port = "%s"; }
sub vcl_recv {
	if (req.method == "GET") { return (hash); }
}
sub vcl_hash {
	hash_data(req.url);
	return (lookup);
}
sub vcl_backend_response {
	if (beresp.http.Cache-Control ~ "(?i)no-cache|no-store|private" || beresp.http.Vary == "*") {
		set beresp.uncacheable = true;
	}
	return (deliver);
}
sub vcl_deliver {
	if (obj.hits > 0) { set resp.http.X-Cache = "HIT"; } else { set resp.http.X-Cache = "MISS"; }
}
`

// StartVarnish starts Varnish in front of origin (host:port).
func StartVarnish(ctx context.Context, folder, origin string) (*Cache, error) {
	return start(ctx, "varnishd", "/usr/sbin/varnishd", func(path, addr string) (*exec.Cmd, error) {
		host, port, err := net.SplitHostPort(origin)
		if err != nil {
			return nil, err
		}
		vcl := filepath.Join(folder, "shared.vcl")
		err = os.WriteFile(vcl, fmt.Appendf(nil, varnishVCL, host, port), 0o644)
		return exec.CommandContext(ctx, path, "-F", "-n", folder, "-f", vcl, "-a", addr, "-s", "malloc,16m", "-t", "60",
			"-j", "none", "-p", "http_resp_hdr_len=32k", "-p", "http_resp_size=64k", "-p", "workspace_backend=256k", "-p", "workspace_client=256k"), err
	})
}

// start runs a cache on a free port and waits until it answers.
func start(ctx context.Context, name, elsewhere string, command func(path, addr string) (*exec.Cmd, error)) (*Cache, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(elsewhere)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNotInstalled)
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd, err := command(path, addr)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &Cache{URL: "http://" + addr, cmd: cmd}
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/healthz", nil)
		if err != nil {
			return nil, err
		}
		if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
			res.Body.Close()
			if res.StatusCode < 300 {
				return c, nil
			}
		}
	}
	_ = c.Stop()
	return nil, fmt.Errorf("%s does not answer on %s:\n%s", name, addr, &said)
}

// Stop ends it.
func (c *Cache) Stop() error {
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	late := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	return c.cmd.Wait()
}

// freeAddress may be taken by another before it is used; then the start fails.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
