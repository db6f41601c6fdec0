package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
	"github.com/gin-gonic/gin"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func endings(t *testing.T, m *cookiesession.Manager, engine *gin.Engine) *gin.Engine {
	pages(engine, m)
	engine.GET("/empty", func(c *gin.Context) { exampletest.Count(t, m, c.Request.Context()) })
	engine.GET("/error", func(c *gin.Context) {
		exampletest.Count(t, m, c.Request.Context())
		_ = c.AbortWithError(http.StatusInternalServerError, errors.New("no database")) // it returns what it was given
	})
	engine.GET("/panic", func(c *gin.Context) {
		exampletest.Count(t, m, c.Request.Context())
		panic("lost")
	})
	engine.GET("/nocontent", func(c *gin.Context) {
		exampletest.Count(t, m, c.Request.Context())
		c.Status(http.StatusNoContent)
	})
	engine.GET("/redirect", func(c *gin.Context) {
		exampletest.Count(t, m, c.Request.Context())
		c.Redirect(http.StatusSeeOther, "/")
	})
	engine.GET("/stream", func(c *gin.Context) {
		exampletest.Count(t, m, c.Request.Context())
		rest := 2
		c.Stream(func(w io.Writer) bool {
			_, err := fmt.Fprint(w, m.FromContext(c.Request.Context()).Set("late", true), "\n")
			rest--
			return err == nil && rest > 0
		})
	})
	engine.GET("/logout", func(c *gin.Context) {
		if err := m.FromContext(c.Request.Context()).Destroy(); err != nil {
			t.Error(err)
		}
		panic("after the logout")
	})
	return engine
}

// inside and around are the two ways that work.
func inside(t *testing.T, m *cookiesession.Manager) http.Handler {
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(io.Discard), Sessions(m))
	return endings(t, m, engine)
}

func around(t *testing.T, m *cookiesession.Manager) http.Handler {
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(io.Discard))
	return m.Handler(endings(t, m, engine))
}

var ways = map[string]func(*testing.T, *cookiesession.Manager) http.Handler{"middleware": inside, "around the engine": around}

func TestGin(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { exampletest.Run(t, way(t, exampletest.Manager(t))) })
	}
}

func TestGinsOtherEndings(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			b := exampletest.NewBrowser(t, way(t, exampletest.Manager(t)))
			for i, path := range []string{"/nocontent", "/redirect"} {
				b.Get(t, path)
				if _, body := b.Get(t, "/"); body != fmt.Sprintf("visit %d\n", 2*i+2) {
					t.Errorf("after %s: %q", path, body)
				}
			}
			if res, _ := b.Get(t, "/logout"); res.StatusCode != 500 {
				t.Errorf("logout and panic: status %d", res.StatusCode)
			}
			if _, body := b.Get(t, "/"); body != "visit 1\n" {
				t.Errorf("after a logout and a panic: %q", body)
			}
		})
	}
}

func TestAStreamIsCommittedBeforeItsFirstByte(t *testing.T) {
	for name, way := range ways {
		b := exampletest.NewBrowser(t, way(t, exampletest.Manager(t)))
		// The first step writes its line after its Set, so both Sets see the state
		// of the header: the first in time, the second too late.
		if _, body := b.Get(t, "/stream"); body != "<nil>\n"+cookiesession.ErrCommitted.Error()+"\n" {
			t.Errorf("%s: the stream said %q", name, body)
		}
		if _, body := b.Get(t, "/"); body != "visit 2\n" {
			t.Errorf("%s: after the stream: %q", name, body)
		}
	}
}

// What does not work: if this begins to fail, Gin has learnt to write through
// the ResponseWriter of a wrapped net/http middleware.
func TestNextInsideAWrappedHandlerLosesTheCookie(t *testing.T) {
	m := exampletest.Manager(t)
	engine := gin.New()
	engine.Use(func(c *gin.Context) {
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
	})
	b := exampletest.NewBrowser(t, endings(t, m, engine))
	if res, body := b.Get(t, "/"); body != "visit 1\n" || len(res.Cookies()) != 0 {
		t.Errorf("%q, cookies %v", body, res.Cookies())
	}
}

func TestFromContextOfGinsContextSaysWhichToPass(t *testing.T) {
	m := exampletest.Manager(t)
	engine := gin.New()
	engine.Use(Sessions(m))
	engine.GET("/", func(c *gin.Context) {
		defer func() { c.String(200, "%v", recover()) }()
		m.FromContext(c)
	})
	b := exampletest.NewBrowser(t, engine)
	if _, body := b.Get(t, "/"); !strings.Contains(body, "c.Request.Context()") {
		t.Errorf("it says %q", body)
	}
}
