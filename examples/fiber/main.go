// Command fiber is a server with a session behind Fiber v3.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/cookiesession/cookiesession"
	sessionfiber "github.com/cookiesession/cookiesession/adapters/fiber"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
)

var visits = cookiesession.NewField[int]("visits")

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(routes(sessions).Listen("localhost:8080"))
}

func routes(sessions *cookiesession.Manager) *fiber.App {
	app := fiber.New()
	app.Use(recover.New(), sessionfiber.New(sessions))
	app.Get("/", func(c fiber.Ctx) error {
		n, err := visits.Add(sessions.FromContext(c.Context()), 1)
		if err != nil {
			return err
		}
		return c.SendString(fmt.Sprintf("visit %d\n", n))
	})
	return app
}
