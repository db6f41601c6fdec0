package main

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
	"github.com/labstack/echo/v5"
)

func endings(t *testing.T, m *cookiesession.Manager, e *echo.Echo) *echo.Echo {
	e.GET("/empty", func(c *echo.Context) error {
		exampletest.Count(t, m, c.Request().Context())
		return nil
	})
	e.GET("/error", func(c *echo.Context) error {
		exampletest.Count(t, m, c.Request().Context())
		return errors.New("no database")
	})
	e.GET("/panic", func(c *echo.Context) error {
		exampletest.Count(t, m, c.Request().Context())
		panic("lost")
	})
	e.Logger = slog.New(slog.DiscardHandler) // the panic is meant
	return e
}

func TestEcho(t *testing.T) {
	m := exampletest.Manager(t)
	exampletest.Run(t, serve(m, endings(t, m, routes(m))))
}

// What does not work: the reason for wrapping from outside. If this begins to
// fail, echo.WrapMiddleware has learnt to hand errors on.
func TestWrapMiddlewareAnswersAReturnedErrorWith200(t *testing.T) {
	m := exampletest.Manager(t)
	e := routes(m)
	e.Use(echo.WrapMiddleware(m.Handler))
	b := exampletest.NewBrowser(t, endings(t, m, e))
	if res, _ := b.Get(t, "/error"); res.StatusCode != 200 || len(res.Cookies()) != 1 {
		t.Errorf("status %d, cookies %v", res.StatusCode, res.Cookies())
	}
}
