package fiber_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	sessions "github.com/cookiesession/cookiesession/adapters/fiber"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"
)

func manager(t *testing.T, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keyring = ring
	cfg.OnEvent = func(context.Context, cookiesession.Event) {}
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// app counts visits in front of every ending a handler can have.
func app(m *cookiesession.Manager, middleware fiber.Handler) *fiber.App {
	app := fiber.New()
	app.Use(recovery.New(), middleware)
	count := func(c fiber.Ctx) string {
		n, err := m.FromContext(c.Context()).Add("visits", 1)
		if err != nil {
			return err.Error()
		}
		return strconv.FormatInt(n, 10)
	}
	app.Get("/", func(c fiber.Ctx) error { return c.SendString(count(c)) })
	app.Get("/empty", func(c fiber.Ctx) error { count(c); return nil })
	app.Get("/redirect", func(c fiber.Ctx) error { count(c); return c.Redirect().To("/") })
	app.Get("/error", func(c fiber.Ctx) error { count(c); return errors.New("no database") })
	app.Get("/teapot", func(c fiber.Ctx) error { count(c); return fiber.NewError(418, "teapot") })
	app.Get("/503", func(c fiber.Ctx) error { count(c); return c.SendStatus(503) })
	app.Get("/panic", func(c fiber.Ctx) error { count(c); panic("lost") })
	app.Get("/logout", func(c fiber.Ctx) error {
		if err := m.FromContext(c.Context()).Destroy(); err != nil {
			return err
		}
		panic("after the logout")
	})
	app.Get("/stream", func(c fiber.Ctx) error {
		count(c)
		s := m.FromContext(c.Context())
		return c.SendStreamWriter(func(w *bufio.Writer) { fmt.Fprint(w, s.Set("late", true)) })
	})
	app.Get("/peek", func(c fiber.Ctx) error { return c.SendString("nothing touched") })
	return app
}

// visit sends the cookies kept so far and keeps those that come back.
func visit(t *testing.T, app *fiber.App, jar map[string]string, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := app.Test(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(jar, c.Name)
		} else {
			jar[c.Name] = c.Value
		}
	}
	return res, string(body)
}

func TestWhatIsSavedFollowsHowTheHandlerEnds(t *testing.T) {
	tests := []struct {
		path   string
		status int
		saved  bool
	}{
		{"/", 200, true},
		{"/empty", 200, true},
		{"/redirect", 303, true},
		{"/teapot", 418, true},
		{"/error", 500, false},
		{"/503", 503, false},
		{"/panic", 500, false},
		{"/stream", 200, true},
		{"/missing", 404, false},
		{"/peek", 200, false},
	}
	m := manager(t, cookiesession.Config{})
	app := app(m, sessions.New(m))
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			jar := map[string]string{}
			if res, body := visit(t, app, jar, test.path); res.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, test.status, body)
			}
			want := "1"
			if test.saved {
				want = "2"
			}
			if _, body := visit(t, app, jar, "/"); body != want {
				t.Errorf("the next request counts %s, want %s", body, want)
			}
		})
	}
}

func TestALogoutStandsThroughAPanic(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app, jar := app(m, sessions.New(m)), map[string]string{}
	visit(t, app, jar, "/")
	if res, _ := visit(t, app, jar, "/logout"); res.StatusCode != 500 || len(jar) != 0 {
		t.Errorf("status %d; left in the browser: %v", res.StatusCode, jar)
	}
}

func TestAWriteFromTheBodyStreamIsRefused(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	_, body := visit(t, app(m, sessions.New(m)), map[string]string{}, "/stream")
	if body != cookiesession.ErrCommitted.Error() {
		t.Errorf("the late write gave %q", body)
	}
}

// What does not work: if this begins to fail, c.End waits for the middleware.
func TestEndSendsTheResponseBeforeTheCommit(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app, jar := fiber.New(), map[string]string{}
	app.Use(sessions.New(m))
	app.Get("/", func(c fiber.Ctx) error {
		if err := m.FromContext(c.Context()).Set("user", "ann"); err != nil {
			return err
		}
		return c.End()
	})
	if res, _ := visit(t, app, jar, "/"); res.StatusCode != 200 || len(jar) != 0 {
		t.Errorf("status %d, cookies %v", res.StatusCode, jar)
	}
}

func TestCacheFieldsAreMerged(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app := fiber.New()
	app.Use(sessions.New(m))
	app.Get("/", func(c fiber.Ctx) error {
		c.Vary("Accept-Encoding")
		c.Set("Cache-Control", "public, max-age=60")
		c.Set("CDN-Cache-Control", "max-age=60")
		c.Cookie(&fiber.Cookie{Name: "theme", Value: "dark"})
		return m.FromContext(c.Context()).Set("user", "ann")
	})
	res, _ := visit(t, app, map[string]string{}, "/")
	if got := res.Header.Values("Vary"); strings.Join(got, ", ") != "Accept-Encoding, Cookie" {
		t.Errorf("Vary: %q", got)
	}
	if got := res.Header.Get("Cache-Control"); strings.Contains(got, "public") || !strings.Contains(got, "private") {
		t.Errorf("Cache-Control: %q", got)
	}
	if got, ok := res.Header["Cdn-Cache-Control"]; ok {
		t.Errorf("CDN-Cache-Control: %q", got)
	}
	if got := res.Cookies(); len(got) != 2 {
		t.Errorf("cookies: %v", got)
	}
}

func TestALongSessionNeedsALargerReadBuffer(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app, jar := fiber.New(fiber.Config{ReadBufferSize: 16 << 10}), map[string]string{}
	app.Use(sessions.New(m))
	long := strings.Repeat("long ", 700)
	app.Get("/set", func(c fiber.Ctx) error { return m.FromContext(c.Context()).Set("text", long) })
	app.Get("/get", func(c fiber.Ctx) error {
		return c.SendString(cookiesession.GetOr(m.FromContext(c.Context()), "text", ""))
	})
	visit(t, app, jar, "/set")
	if _, body := visit(t, app, jar, "/get"); len(jar) < 2 || body != long {
		t.Errorf("%d cookies, %d bytes came back, want %d", len(jar), len(body), len(long))
	}
}

func TestConsentAndHistorySeeTheRequest(t *testing.T) {
	var seen *http.Request
	m := manager(t, cookiesession.Config{TrackViews: true, Consent: func(r *http.Request) bool {
		seen = r
		return r.Header.Get("X-Consent") == "yes"
	}})
	app, jar := app(m, sessions.New(m)), map[string]string{}
	visit(t, app, jar, "/empty?a=b")
	if len(jar) != 0 {
		t.Errorf("set without permission: %v", jar)
	}
	if seen.Method != "GET" || seen.URL.Path != "/empty" || seen.URL.Query().Get("a") != "b" || seen.Host != "example.com" {
		t.Errorf("consent was asked about %s %s at %s", seen.Method, seen.URL, seen.Host)
	}
	visit(t, app, jar, "/empty", "X-Consent", "yes")
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("X-Consent", "yes")
	views := m.OpenRequest(r).Views()
	if len(views.History) == 0 || views.History[0].Path != "/empty" || views.History[0].Status != 200 {
		t.Errorf("views: %+v", views)
	}
}

func TestFiberContextItselfIsNoSessionContext(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app := fiber.New()
	app.Use(sessions.New(m))
	app.Get("/", func(c fiber.Ctx) (err error) {
		defer func() { err = c.SendString(fmt.Sprint(recover())) }()
		m.FromContext(context.Context(c))
		return nil
	})
	if _, body := visit(t, app, map[string]string{}, "/"); !strings.Contains(body, "context") {
		t.Errorf("FromContext(c) says %q", body)
	}
}

// Why this package exists: Fiber's adaptor commits the session before the
// handlers run, and hands on no context that has it. If this begins to fail,
// the adaptor has learnt to run handlers inside a net/http middleware.
func TestFibersOwnAdaptorRunsHandlersWithoutTheSession(t *testing.T) {
	m := manager(t, cookiesession.Config{})
	app := fiber.New()
	app.Use(adaptor.HTTPMiddleware(m.Handler))
	app.Get("/", func(c fiber.Ctx) (err error) {
		defer func() { err = c.SendString(fmt.Sprint(recover())) }()
		m.FromContext(c)
		return nil
	})
	if _, body := visit(t, app, map[string]string{}, "/"); !strings.Contains(body, "no session") {
		t.Errorf("FromContext(c) gave %q", body)
	}
}
