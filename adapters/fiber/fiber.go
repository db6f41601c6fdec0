// Package fiber is a middleware that gives Fiber v3 handlers a session.
//
// It is not in the core because Fiber is not net/http: its requests and
// responses are fasthttp's, and its net/http adaptor runs a middleware to its
// end before the handlers, so that every change they make would be lost.
package fiber

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cookiesession/cookiesession"
	"github.com/gofiber/fiber/v3"
)

// New makes the middleware. The session is m.FromContext(c.Context()): not c
// itself, in whose values Fiber looks elsewhere.
//
// Put it inside recover and everything else that decides the response, and
// outside all that uses the session. When the handlers return an error, it
// calls the app's error handler at once, as Fiber's logger does, since what is
// saved depends on the status. A panic passes through: nothing is saved, but a
// logout stands. The header leaves after the handlers, so a body stream writer
// comes too late to change the session, and a handler that calls c.End sends
// its response without our cookies.
//
// Fiber refuses requests whose header is longer than its ReadBufferSize, 4096
// bytes by default: a session near MaxBytes needs fiber.Config{ReadBufferSize: 16 << 10}.
func New(m *cookiesession.Manager) fiber.Handler {
	return func(c fiber.Ctx) error {
		s := m.OpenRequest(request(c))
		c.SetContext(m.NewContext(c.Context(), s))
		returned := false
		defer func() {
			if !returned {
				commit(m, c, s, http.StatusInternalServerError)
			}
		}()
		err := c.Next()
		returned = true
		if err != nil {
			if err := c.App().ErrorHandler(c, err); err != nil {
				_ = c.SendStatus(http.StatusInternalServerError) // always nil
			}
		}
		commit(m, c, s, c.Response().StatusCode())
		return nil
	}
}

// request is c's request without its body. Every string is copied: Fiber uses
// the memory again, and what Consent or Validate gets may be kept.
func request(c fiber.Ctx) *http.Request {
	in := &c.Request().Header
	target := string(in.RequestURI())
	u, err := url.ParseRequestURI(target)
	if err != nil {
		u = &url.URL{Path: strings.Clone(c.Path())}
	}
	h := make(http.Header, in.Len())
	for name, value := range in.All() {
		h.Add(string(name), string(value))
	}
	h.Del("Host")
	r := &http.Request{
		Method: string(in.Method()), URL: u, RequestURI: target,
		Proto: string(in.Protocol()), ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Host: string(in.Host()), RemoteAddr: c.RequestCtx().RemoteAddr().String(),
		TLS: c.RequestCtx().TLSConnectionState(), Body: http.NoBody,
	}
	return r.WithContext(c.Context())
}

// commit puts the cookies and cache rules of s into c's response. Commit's
// error is not this response's, as with Manager.Handler: a change that could
// not be saved has been reported as an event, and a session that the handler
// committed itself is no error.
func commit(m *cookiesession.Manager, c fiber.Ctx, s *cookiesession.Session, status int) {
	out := &c.Response().Header
	before := http.Header{}
	for name, value := range out.All() {
		before.Add(string(name), string(value))
	}
	before.Del("Set-Cookie") // so that those the commit adds are known to be ours
	after := before.Clone()
	_ = m.Commit(after, s, status)
	for _, line := range after["Set-Cookie"] {
		out.Add("Set-Cookie", line)
	}
	after.Del("Set-Cookie")
	for name := range before {
		if len(after[name]) == 0 {
			out.Del(name)
		}
	}
	for name, values := range after {
		if slices.Equal(before[name], values) {
			continue
		}
		out.Del(name)
		out.Set(name, strings.Join(values, ", "))
	}
}
