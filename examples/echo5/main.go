// Command echo5 is a server with a session behind Echo v5.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
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
	log.Fatal(http.ListenAndServe("localhost:8080", serve(sessions, routes(sessions))))
}

func routes(sessions *cookiesession.Manager) *echo.Echo {
	e := echo.New()
	e.Use(middleware.Recover())
	e.GET("/", func(c *echo.Context) error {
		n, err := visits.Add(sessions.Session(c.Request()), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("visit %d\n", n))
	})
	return e
}

// serve wraps Echo from outside, with http.ListenAndServe in place of e.Start.
// Inside, as e.Use(echo.WrapMiddleware(sessions.Handler)), an error that a
// handler returns would be answered only after the header has left with a 200.
func serve(sessions *cookiesession.Manager, e *echo.Echo) http.Handler {
	return sessions.Handler(e)
}
