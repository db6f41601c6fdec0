package main

import (
	"bufio"
	"net"
	"net/http"

	"github.com/cookiesession/cookiesession"
	"github.com/gin-gonic/gin"
)

// Sessions gives Gin handlers a session:
// sessions.FromContext(c.Request.Context()), not c itself, in whose values Gin
// looks elsewhere. Put it after gin.Recovery, and before whatever decides the
// status of the response. http.ListenAndServe(addr, sessions.Handler(engine))
// does the same without it.
//
// It is not sessions.Handler with c.Next() inside: Gin would go on writing to
// the ResponseWriter it had before, and the cookies would be lost.
func Sessions(m *cookiesession.Manager) gin.HandlerFunc {
	return func(c *gin.Context) {
		s := m.OpenRequest(c.Request)
		c.Request = c.Request.WithContext(m.NewContext(c.Request.Context(), s))
		w := &writer{ResponseWriter: c.Writer, manager: m, session: s}
		c.Writer = w
		returned := false
		defer func() {
			if !returned {
				w.commit(http.StatusInternalServerError) // nothing is saved, but a logout stands
			}
		}()
		c.Next()
		returned = true
		w.commit(w.Status()) // Gin itself writes the header of an empty response, past c.Writer
	}
}

// writer commits the session before the first byte, on every way out that
// gin.ResponseWriter has.
type writer struct {
	gin.ResponseWriter
	manager *cookiesession.Manager
	session *cookiesession.Session
}

// commit does something once; after that Commit has only ErrCommitted to say.
func (w *writer) commit(status int) {
	if !w.Written() {
		_ = w.manager.Commit(w.Header(), w.session, status)
	}
}

func (w *writer) WriteHeaderNow() {
	w.commit(w.Status())
	w.ResponseWriter.WriteHeaderNow()
}

func (w *writer) Write(p []byte) (int, error) {
	w.commit(w.Status())
	return w.ResponseWriter.Write(p)
}

func (w *writer) WriteString(s string) (int, error) {
	w.commit(w.Status())
	return w.ResponseWriter.WriteString(s)
}

func (w *writer) Flush() {
	w.commit(w.Status())
	w.ResponseWriter.Flush()
}

// Hijack leaves the cookies in the header for the hijacker to send.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.commit(w.Status())
	return w.ResponseWriter.Hijack()
}

// Unwrap is for http.ResponseController: only what cannot write the header
// first is reached through it, because Flush and Hijack are found here.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
