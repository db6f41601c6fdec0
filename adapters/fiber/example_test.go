package fiber_test

import (
	"fmt"
	"log"
	"os"

	"github.com/cookiesession/cookiesession"
	sessions "github.com/cookiesession/cookiesession/adapters/fiber"
	"github.com/gofiber/fiber/v3"
)

var visits = cookiesession.NewField[int]("visits")

func Example() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	app := fiber.New()
	app.Use(sessions.New(m))
	app.Get("/", func(c fiber.Ctx) error {
		n, err := visits.Add(m.FromContext(c.Context()), 1)
		if err != nil {
			return err
		}
		return c.SendString(fmt.Sprintf("visit %d\n", n))
	})
	log.Fatal(app.Listen(":3000"))
}
