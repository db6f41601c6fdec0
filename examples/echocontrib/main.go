// Command echocontrib is a program written for echo-contrib/session, of which
// only the store has changed.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
)

func main() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	// Before: store := sessions.NewCookieStore([]byte(os.Getenv("OLD_SESSION_KEY")))
	store, err := gorilla.NewStore(cookiesession.Config{Keyring: ring},
		securecookie.CodecsFromPairs([]byte(os.Getenv("OLD_SESSION_KEY")))...)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(routes(store).Start("localhost:8080"))
}

func routes(store sessions.Store) *echo.Echo {
	e := echo.New()
	e.Use(session.Middleware(store))
	e.GET("/", func(c echo.Context) error {
		s, err := session.Get("session", c)
		if err != nil {
			return err
		}
		visits, _ := s.Values["visits"].(int)
		s.Values["visits"] = visits + 1
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("visit %d\n", visits+1))
	})
	e.POST("/logout", func(c echo.Context) error {
		s, err := session.Get("session", c)
		if err != nil {
			return err
		}
		s.Options.MaxAge = -1
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/")
	})
	return e
}
