package main

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	sessionscookie "github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
)

// ginContrib is gin-contrib/sessions with its cookie store, which is
// gorilla/sessions' one, in a Gin engine without its logger.
type ginContrib struct{ store sessionscookie.Store }

func newGinContrib() contender {
	store := sessionscookie.NewStore([]byte(hashKey), []byte(blockKey))
	store.Options(sessions.Options{
		Path: "/", MaxAge: int(lifetime.Seconds()), HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	})
	return ginContrib{store}
}

// ginEngine runs next in Gin.
func ginEngine(next http.Handler, middleware ...gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode) // it logs what it does otherwise
	e := gin.New()
	e.Use(middleware...)
	e.GET("/*path", func(c *gin.Context) { next.ServeHTTP((*ginWriter)(c), c.Request) })
	return e
}

// ginWriter is a Gin context as a ResponseWriter, so that the handlers of all
// contenders are the same. The conversion costs nothing.
type ginWriter gin.Context

func (w *ginWriter) Header() http.Header         { return w.Writer.Header() }
func (w *ginWriter) Write(b []byte) (int, error) { return w.Writer.Write(b) }
func (w *ginWriter) WriteHeader(status int)      { w.Writer.WriteHeader(status) }

// bareGin is Gin without a session.
type bareGin struct{ harness }

func (bareGin) name() string                        { return "no session, Gin" }
func (bareGin) wrap(next http.Handler) http.Handler { return ginEngine(next) }

func (g ginContrib) name() string    { return "gin-contrib/sessions" }
func (g ginContrib) bare() contender { return bareGin{} }
func (g ginContrib) wrap(next http.Handler) http.Handler {
	return ginEngine(next, sessions.Sessions(cookie, g.store))
}

func (g ginContrib) features() features {
	return features{
		encrypted: encryptedYes, expiry: "30 days, whatever MaxAge says", revocation: revocationNo,
		rotation: "old keys are tried, restart", flash: "yes", large: saveRefused,
	}
}

func (g ginContrib) session(w http.ResponseWriter) sessions.Session {
	return sessions.Default((*gin.Context)(w.(*ginWriter)))
}

func (g ginContrib) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	s := g.session(w)
	for _, p := range pairs {
		s.Set(p.key, p.value)
	}
	return s.Save()
}

func (g ginContrib) read(w http.ResponseWriter, r *http.Request) int64 {
	id, _ := g.session(w).Get("id").(int64)
	return id
}

func (g ginContrib) count(w http.ResponseWriter, r *http.Request) int64 {
	s := g.session(w)
	if _, ok := s.Get("id").(int64); !ok {
		return -1
	}
	n, _ := s.Get("counter").(int64)
	n++
	s.Set("counter", n)
	if s.Save() != nil {
		return -1
	}
	return n
}
