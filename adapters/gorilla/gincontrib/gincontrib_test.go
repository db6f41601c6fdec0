package gincontrib_test

import (
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla/gincontrib"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func newStore(t *testing.T, old ...securecookie.Codec) gincontrib.Store {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	store, err := gincontrib.NewStore(cookiesession.Config{Keyring: ring}, old...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// program is written for gin-contrib/sessions and knows nothing of its store.
func program(store sessions.Store) *gin.Engine {
	engine := gin.New()
	engine.Use(sessions.Sessions("mysession", store))
	engine.GET("/count", func(c *gin.Context) {
		s := sessions.Default(c)
		n, _ := s.Get("count").(int)
		s.Set("count", n+1)
		if err := s.Save(); err != nil {
			c.String(500, "%v", err)
			return
		}
		c.JSON(200, n+1)
	})
	engine.GET("/flash", func(c *gin.Context) {
		s := sessions.Default(c)
		s.AddFlash("hello")
		if err := s.Save(); err != nil {
			c.String(500, "%v", err)
			return
		}
		c.Redirect(303, "/flashes")
	})
	engine.GET("/flashes", func(c *gin.Context) {
		s := sessions.Default(c)
		flashes := s.Flashes()
		if err := s.Save(); err != nil {
			c.String(500, "%v", err)
			return
		}
		c.JSON(200, flashes)
	})
	engine.GET("/logout", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Clear()
		s.Options(sessions.Options{Path: "/", MaxAge: -1})
		if err := s.Save(); err != nil {
			c.String(500, "%v", err)
		}
	})
	return engine
}

type browser map[string]string

func (b browser) get(t *testing.T, h http.Handler, path string) (string, []*http.Cookie) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for name, value := range b {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= 400 {
		t.Errorf("%s answers %d %s", path, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b, c.Name)
		} else {
			b[c.Name] = c.Value
		}
	}
	return w.Body.String(), w.Result().Cookies()
}

func TestAGinContribProgramRunsUnchanged(t *testing.T) {
	app, b := program(newStore(t)), browser{}
	for _, want := range []string{"1", "2", "3"} {
		if got, _ := b.get(t, app, "/count"); got != want {
			t.Errorf("count %s, want %s", got, want)
		}
	}
	if b["s_mysession"] == "" || len(b) != 1 {
		t.Errorf("cookies: %v", b)
	}
	b.get(t, app, "/flash")
	for _, want := range []string{`["hello"]`, "null"} {
		if got, _ := b.get(t, app, "/flashes"); got != want {
			t.Errorf("flashes %s, want %s", got, want)
		}
	}
	if got, _ := b.get(t, app, "/count"); got != "4" {
		t.Errorf("after the flashes the count is %s", got)
	}
	b.get(t, app, "/logout")
	if len(b) != 0 {
		t.Errorf("after the logout: %v", b)
	}
}

// TestTheSuiteOfGinContribPasses runs what gin-contrib tests its own stores
// with. One case is left out: Options wants a cookie without a Path and with
// Domain=localhost. Without a Path a browser would send the session only to the
// folder of the page that made it, so the Path is "/" here. The next test has
// the rest of that case.
func TestTheSuiteOfGinContribPasses(t *testing.T) {
	fresh := func(t *testing.T) sessions.Store { return newStore(t) }
	t.Run("GetSet", func(t *testing.T) { tester.GetSet(t, fresh) })
	t.Run("DeleteKey", func(t *testing.T) { tester.DeleteKey(t, fresh) })
	t.Run("Flashes", func(t *testing.T) { tester.Flashes(t, fresh) })
	t.Run("Clear", func(t *testing.T) { tester.Clear(t, fresh) })
	t.Run("Many", func(t *testing.T) { tester.Many(t, fresh) })
}

func TestOptionsOfASessionAreThoseOfItsCookie(t *testing.T) {
	store := newStore(t)
	store.Options(sessions.Options{Domain: "example.com"})
	engine := gin.New()
	engine.Use(sessions.Sessions("mysession", store))
	save := func(c *gin.Context, o *sessions.Options) {
		s := sessions.Default(c)
		s.Set("key", "ok")
		if o != nil {
			s.Options(*o)
		}
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	}
	engine.GET("/path", func(c *gin.Context) { save(c, &sessions.Options{Path: "/foo/bar/bat"}) })
	engine.GET("/domain", func(c *gin.Context) { save(c, nil) })
	engine.GET("/expire", func(c *gin.Context) { save(c, &sessions.Options{Path: "/", MaxAge: -1}) })
	engine.GET("/strict", func(c *gin.Context) { save(c, &sessions.Options{Path: "/", SameSite: http.SameSiteStrictMode}) })

	if _, set := (browser{}).get(t, engine, "/path"); len(set) != 1 || set[0].Path != "/foo/bar/bat" {
		t.Errorf("a path of its own: %v", set)
	}
	b := browser{}
	if _, set := b.get(t, engine, "/domain"); len(set) != 1 || set[0].Domain != "example.com" || set[0].Path != "/" {
		t.Errorf("the store's domain: %v", set)
	}
	if _, set := b.get(t, engine, "/expire"); len(set) != 1 || set[0].MaxAge >= 0 {
		t.Errorf("the end: %v", set)
	}
	if _, set := (browser{}).get(t, engine, "/strict"); len(set) != 1 || set[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("SameSite: %v", set)
	}
}

func TestTheOptionsMethodSetsTheDefaults(t *testing.T) {
	store := newStore(t)
	store.Options(sessions.Options{Path: "/app", MaxAge: 60, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	_, set := browser{}.get(t, program(store), "/count")
	if c := set[0]; c.Path != "/app" || c.MaxAge != 60 || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("set: %v", c)
	}
}

func TestASessionOfTheOldCookieStoreIsCarriedOver(t *testing.T) {
	pair := [][]byte{securecookie.GenerateRandomKey(64), securecookie.GenerateRandomKey(32)}
	b := browser{}
	b.get(t, program(cookie.NewStore(pair...)), "/count")
	if b["mysession"] == "" {
		t.Fatalf("no old cookie: %v", b)
	}
	app := program(newStore(t, securecookie.CodecsFromPairs(pair...)...))
	if got, _ := b.get(t, app, "/count"); got != "2" || b["mysession"] != "" || b["s_mysession"] == "" {
		t.Errorf("count %s, cookies %v", got, b)
	}
}

func Example() {
	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := gincontrib.NewStore(cookiesession.Config{Keyring: ring},
		securecookie.CodecsFromPairs([]byte(os.Getenv("OLD_SESSION_KEY")))...)
	if err != nil {
		log.Fatal(err)
	}
	engine := gin.Default()
	engine.Use(sessions.Sessions("mysession", store))
}
