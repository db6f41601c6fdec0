package main

import (
	"errors"
	"testing"

	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
)

func TestFiber(t *testing.T) {
	m := exampletest.Manager(t)
	app := routes(m)
	app.Get("/empty", func(c fiber.Ctx) error {
		exampletest.Count(t, m, c.Context())
		return nil
	})
	app.Get("/error", func(c fiber.Ctx) error {
		exampletest.Count(t, m, c.Context())
		return errors.New("no database")
	})
	app.Get("/panic", func(c fiber.Ctx) error {
		exampletest.Count(t, m, c.Context())
		panic("lost")
	})
	exampletest.Run(t, adaptor.FiberApp(app))
}
