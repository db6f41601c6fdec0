package main

import (
	"encoding/base64"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/extractors"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/encryptcookie"
	fibersession "github.com/gofiber/fiber/v3/middleware/session"
)

// fiberSession is Fiber's session behind its encryptcookie. The cookie that is
// encrypted is the session's id: the values are in the memory of this process,
// or in a database. Fiber saves on every request, whatever its handler does.
type fiberSession struct{ store *fibersession.Store }

func newFiberSession() contender {
	store := fibersession.NewStore(fibersession.Config{
		IdleTimeout: lifetime, CookieSecure: true, CookieHTTPOnly: true, CookiePath: "/", Extractor: extractors.FromCookie(cookie),
	})
	store.RegisterType(time.Time{})
	return fiberSession{store}
}

// fiberApp runs next in Fiber.
func fiberApp(next http.Handler, middleware ...any) *fiber.App {
	app := fiber.New()
	for _, m := range middleware {
		app.Use(m)
	}
	app.Get("/*", func(c fiber.Ctx) error {
		next.ServeHTTP(fiberWriter{c}, nil)
		return nil
	})
	return app
}

// fiberWriter is a Fiber context as a ResponseWriter, so that the handlers of
// all contenders are the same. It costs an allocation of 16 bytes, also without
// a session. Fiber's sessions set their cookies themselves and need no Header.
type fiberWriter struct{ c fiber.Ctx }

func (w fiberWriter) Header() http.Header         { return nil }
func (w fiberWriter) Write(b []byte) (int, error) { return w.c.Write(b) }
func (w fiberWriter) WriteHeader(status int)      { w.c.Status(status) }

// serveFiber serves app with Fiber's own server, fasthttp, until stop is called.
func serveFiber(app *fiber.App, l net.Listener) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true})
	}()
	return func() {
		app.ShutdownWithTimeout(time.Second)
		l.Close()
		<-done
	}
}

// bareFiber is Fiber without a session.
type bareFiber struct{ harness }

func (bareFiber) name() string { return "no session, Fiber" }
func (bareFiber) wrap(next http.Handler) http.Handler {
	return adaptor.FiberApp(fiberApp(next))
}
func (bareFiber) serveOn(l net.Listener, next http.Handler) (stop func()) {
	return serveFiber(fiberApp(next), l)
}

func (f fiberSession) name() string    { return "fiber, encryptcookie" }
func (f fiberSession) bare() contender { return bareFiber{} }

// wrap goes through Fiber's adaptor for net/http. What that costs is taken off,
// because bareFiber pays it too.
func (f fiberSession) wrap(next http.Handler) http.Handler { return adaptor.FiberApp(f.app(next)) }

func (f fiberSession) serveOn(l net.Listener, next http.Handler) (stop func()) {
	return serveFiber(f.app(next), l)
}

func (f fiberSession) app(next http.Handler) *fiber.App {
	return fiberApp(next,
		encryptcookie.New(encryptcookie.Config{Key: base64.StdEncoding.EncodeToString([]byte(blockKey))}),
		fibersession.New(fibersession.Config{
			Store: f.store, IdleTimeout: lifetime, CookieSecure: true, CookieHTTPOnly: true, Extractor: extractors.FromCookie(cookie),
		}))
}

func (f fiberSession) features() features {
	return features{
		encrypted: "the id; the values stay on the server", expiry: expiryChecked, revocation: "the server's copy is deleted",
		rotation: "no", flash: "on redirects, in another cookie", large: onServer,
	}
}

func (f fiberSession) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	s := fibersession.FromContext(w.(fiberWriter).c)
	for _, p := range pairs {
		s.Set(p.key, p.value)
	}
	return nil
}

func (f fiberSession) read(w http.ResponseWriter, r *http.Request) int64 {
	id, _ := fibersession.FromContext(w.(fiberWriter).c).Get("id").(int64)
	return id
}

func (f fiberSession) count(w http.ResponseWriter, r *http.Request) int64 {
	s := fibersession.FromContext(w.(fiberWriter).c)
	if _, ok := s.Get("id").(int64); !ok {
		return -1
	}
	n, _ := s.Get("counter").(int64)
	n++
	s.Set("counter", n)
	return n
}
