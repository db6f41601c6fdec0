package main

import (
	"net/http"

	"github.com/gorilla/sessions"
	echosession "github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
)

// echoContrib is echo-contrib/session, which hands gorilla/sessions' store to
// Echo's handlers.
type echoContrib struct{ store *sessions.CookieStore }

func newEchoContrib() contender { return echoContrib{newCookieStore()} }

// echoServer runs next in Echo.
func echoServer(next http.Handler, middleware ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(middleware...)
	e.GET("/*", func(c echo.Context) error {
		next.ServeHTTP(echoWriter{c}, c.Request())
		return nil
	})
	return e
}

// echoWriter is an Echo context as a ResponseWriter, so that the handlers of
// all contenders are the same. It costs an allocation of 16 bytes, also without
// a session.
type echoWriter struct{ c echo.Context }

func (w echoWriter) Header() http.Header         { return w.c.Response().Header() }
func (w echoWriter) Write(b []byte) (int, error) { return w.c.Response().Write(b) }
func (w echoWriter) WriteHeader(status int)      { w.c.Response().WriteHeader(status) }

// bareEcho is Echo without a session.
type bareEcho struct{ harness }

func (bareEcho) name() string                        { return "no session, Echo" }
func (bareEcho) wrap(next http.Handler) http.Handler { return echoServer(next) }

func (e echoContrib) name() string    { return "echo-contrib/session" }
func (e echoContrib) bare() contender { return bareEcho{} }
func (e echoContrib) wrap(next http.Handler) http.Handler {
	return echoServer(next, echosession.Middleware(e.store))
}

func (e echoContrib) features() features { return gorillaSessions(e).features() }

func (e echoContrib) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	c := w.(echoWriter).c
	s, err := echosession.Get(cookie, c)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		s.Values[p.key] = p.value
	}
	return s.Save(c.Request(), c.Response())
}

func (e echoContrib) read(w http.ResponseWriter, r *http.Request) int64 {
	s, err := echosession.Get(cookie, w.(echoWriter).c)
	if err != nil {
		return 0
	}
	id, _ := s.Values["id"].(int64)
	return id
}

func (e echoContrib) count(w http.ResponseWriter, r *http.Request) int64 {
	c := w.(echoWriter).c
	s, err := echosession.Get(cookie, c)
	if err != nil {
		return -1
	}
	if _, ok := s.Values["id"].(int64); !ok {
		return -1
	}
	n, _ := s.Values["counter"].(int64)
	n++
	s.Values["counter"] = n
	if s.Save(c.Request(), c.Response()) != nil {
		return -1
	}
	return n
}
