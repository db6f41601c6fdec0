// Command gin is a server with a session behind Gin, by Gin's own kind of
// middleware; see session.go.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/cookiesession/cookiesession"
	"github.com/gin-gonic/gin"
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
	engine := gin.New()
	engine.Use(gin.Logger(), gin.Recovery(), Sessions(sessions))
	pages(engine, sessions)
	log.Fatal(engine.Run("localhost:8080"))
}

func pages(engine *gin.Engine, sessions *cookiesession.Manager) {
	engine.GET("/", func(c *gin.Context) {
		n, err := visits.Add(sessions.Session(c.Request), 1)
		if err != nil {
			c.String(http.StatusInternalServerError, "%v", err)
			return
		}
		c.String(http.StatusOK, "visit %d\n", n)
	})
}
