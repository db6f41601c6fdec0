// Package demo is a small shop that keeps everything it knows about a visitor
// in cookies, and shows them.
//
//	GET  /             the shop; counts a visit, but not with ?did=, the page after an experiment
//	GET  /session      the inspector alone, with the page history and the session as JSON
//	GET  /api/state    {"visits","user","basket","rejected","key","cookies","bytes"}, and "binding"; only reads
//	POST /api/visit    counts a visit, answers like /api/state
//	POST /login        form name=Ada; /logout and /logout-everywhere need none
//	POST /basket/add   form sku=anzac; also /basket/remove (sku), /basket/hamper, /basket/empty
//	POST /consent      form allow=yes or allow=no
//	POST /lab/…        forge, copy, replay, expire, flash; steal and thief where sessions are bound
//	POST /lab/keys/…   rotate, announce, retire, lose: only where the keys are the demo's own
//	GET  /healthz      204, without a session
//
// Every POST but /api/visit answers 303. Login, counter, basket and flash live
// in the cookies alone, so any number of processes with the same keys serve
// one visitor. Only "log out everywhere" needs a memory: a list of marks, which
// Config.Revocation spreads between processes.
package demo

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

const (
	cookieName      = "s_demo"
	maxBytes        = 7168
	idleTimeout     = 15 * time.Minute // short, so that the timeline can be seen to move
	absoluteTimeout = 2 * time.Hour
)

// Config is what the command line decides.
type Config struct {
	Keyring   *cookiesession.Keyring // nil: the demo makes its own, and its pages may rotate it
	KeySource string                 // where Keyring comes from, for people
	Insecure  bool                   // leave Secure out of the cookies

	Revocation revocation.Source // of "log out everywhere"; nil: this process alone

	// Binding makes what binds sessions to devices. nil: the site has none of
	// it, as over plain HTTP. It needs Self, which carries a request to this very
	// site: the laboratory plays another client with it.
	Binding func(*cookiesession.Manager) (Binding, error)
	Self    http.RoundTripper
}

// Site is the demo's [http.Handler].
type Site struct {
	http.Handler

	cfg       Config
	sessions  *cookiesession.Manager
	ring      *ring
	revoked   *revocation.List
	binding   Binding // nil: sessions are not bound
	templates *template.Template
	version   string // of the assets, so that browsers may keep them
}

//go:embed site
var files embed.FS

// New returns the demo, ready to serve.
func New(cfg Config) (*Site, error) {
	ring, err := newRing(cfg.Keyring)
	if err != nil {
		return nil, err
	}
	revoked, err := newList(cfg.Revocation)
	if err != nil {
		return nil, err
	}
	d := &Site{cfg: cfg, ring: ring, revoked: revoked, version: assetVersion()}
	d.sessions, err = cookiesession.New(cookiesession.Config{
		Keyring:         ring.Keyring,
		Name:            "demo",
		Insecure:        cfg.Insecure,
		IdleTimeout:     idleTimeout,
		AbsoluteTimeout: absoluteTimeout,
		MaxBytes:        maxBytes,
		TrackViews:      true,
		Consent:         consents,
		Validate:        revoked.Validate,
		OnEvent:         d.onEvent,
	})
	if err != nil {
		return nil, err
	}
	if cfg.Binding != nil {
		if cfg.Self == nil {
			return nil, errors.New("demo: Config.Binding needs Config.Self")
		}
		if d.binding, err = cfg.Binding(d.sessions); err != nil {
			return nil, err
		}
	}
	d.templates, err = template.New("").Funcs(templateFuncs).ParseFS(files, "site/*.html")
	if err != nil {
		return nil, err
	}
	d.Handler = d.routes()
	return d, nil
}

// routes keeps the assets and the laboratory outside the session's Handler:
// the first are no page views, and the second plays the browser, or a thief,
// who has cookies in hand but no session.
func (d *Site) routes() http.Handler {
	shop := http.NewServeMux()
	shop.HandleFunc("GET /{$}", d.showShop)
	shop.HandleFunc("GET /session", d.showSession)
	shop.HandleFunc("GET /api/state", d.state)
	shop.HandleFunc("POST /api/visit", d.visit)
	shop.HandleFunc("POST /login", d.login)
	shop.HandleFunc("POST /logout", d.logout)
	shop.HandleFunc("POST /logout-everywhere", d.logoutEverywhere)
	shop.HandleFunc("POST /basket/{change}", d.changeBasket)
	shop.HandleFunc("POST /consent", d.consent)
	shop.HandleFunc("POST /lab/flash", d.leaveFlash)
	protection := http.NewCrossOriginProtection()

	mux := http.NewServeMux()
	mux.Handle("/", d.handler(shop))
	mux.HandleFunc("POST /lab/forge", d.forge)
	mux.HandleFunc("POST /lab/copy", d.copyCookies)
	mux.HandleFunc("POST /lab/replay", d.replay)
	mux.HandleFunc("POST /lab/expire", d.expire)
	mux.HandleFunc("POST /lab/keys/{change}", d.changeKeys)
	mux.HandleFunc("GET /assets/", d.asset)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /favicon.ico", http.NotFound)

	if d.binding != nil {
		shop.HandleFunc("POST /lab/steal", d.steal)
		mux.HandleFunc("POST /lab/thief", d.askAsThief)
		protection.AddInsecureBypassPattern("POST /.well-known/") // the browser's own requests: these carry proofs
	}
	return secured(protection.Handler(d.remembering(mux)))
}

// secured lets nothing run or load that is not one of the demo's own files:
// markup that slipped into a page would stay markup.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		http.MaxBytesHandler(next, 64<<10).ServeHTTP(w, r)
	})
}

func (d *Site) asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == d.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, files, "site/"+r.URL.Path[len("/assets/"):])
}

func assetVersion() string {
	sum := sha256.New()
	_ = fs.WalkDir(files, "site", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			text, _ := files.ReadFile(path)
			sum.Write(text)
		}
		return err
	})
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))[:8]
}

// onEvent logs as the package would alone, and remembers what concerns this
// request, for the page to show.
func (d *Site) onEvent(ctx context.Context, e cookiesession.Event) {
	if rec := recorderOf(ctx); rec != nil {
		rec.add(e, d.reason(e.Err))
	}
	cookiesession.LogEvent(ctx, e)
}

// reasons names the errors that a cookie or a write is refused with.
var reasons = []struct {
	err  error
	name string
}{
	{cookiesession.ErrInvalid, "ErrInvalid"},
	{cookiesession.ErrUnknownKey, "ErrUnknownKey"},
	{cookiesession.ErrExpired, "ErrExpired"},
	{cookiesession.ErrRevoked, "ErrRevoked"},
	{cookiesession.ErrTooLarge, "ErrTooLarge"},
	{cookiesession.ErrCommitted, "ErrCommitted"},
}

func (d *Site) reason(err error) string {
	if err == nil {
		return ""
	}
	if d.binding != nil && d.binding.Refused(err) {
		return "ErrStale"
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "another error"
}
