package caches_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/e2e/caches"
)

// site is what stands behind the cache. Every page of it tells who was seen.
type site struct{ m *cookiesession.Manager }

func newSite(t *testing.T) *site {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring, OnEvent: func(context.Context, cookiesession.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	return &site{m}
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(path, cacheControl string, handle func(http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if cacheControl != "" {
				w.Header().Set("Cache-Control", cacheControl)
			}
			handle(w, r)
		})
	}
	user := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user=%s;", cookiesession.GetOr(s.m.FromContext(r.Context()), "user", "nobody"))
	}
	write := func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.m.FromContext(r.Context()).Add("n", 1); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		user(w, r)
	}
	for _, says := range []string{"", "public, max-age=60", "s-maxage=60"} {
		suffix := regexp.MustCompile(`\W`).ReplaceAllString(says, "")
		page("GET /plain"+suffix, says, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the same for all") })
		page("GET /read"+suffix, says, user)
		page("GET /write"+suffix, says, write)
		page("GET /flash"+suffix, says, func(w http.ResponseWriter, r *http.Request) {
			s.m.FromContext(r.Context()).Flashes()
			user(w, r)
		})
	}
	page("GET /login", "", func(w http.ResponseWriter, r *http.Request) {
		sess := s.m.FromContext(r.Context())
		if err := errors.Join(sess.Set("user", r.FormValue("user")), sess.Flash("notice", "hello")); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		user(w, r)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	site := http.NewServeMux()
	site.Handle("/", s.m.Handler(mux))
	// What goes wrong without us: opened, shown, and nothing said to caches.
	site.HandleFunc("GET /careless", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user=%s;", cookiesession.GetOr(s.m.OpenRequest(r), "user", "nobody"))
	})
	return site
}

// each runs test behind each cache.
func each(t *testing.T, origin func(*testing.T) string, test func(*testing.T, string)) {
	for name, start := range map[string]func(context.Context, string, string) (*caches.Cache, error){
		"nginx": caches.StartNginx, "Varnish": caches.StartVarnish,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := start(context.WithoutCancel(t.Context()), t.TempDir(), origin(t))
			if errors.Is(err, caches.ErrNotInstalled) && os.Getenv("COOKIESESSION_NO_SKIP") != "1" {
				t.Skipf("%v: install nginx-light and varnish to run this", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Stop() })
			test(t, c.URL)
		})
	}
}

// visitor is a browser with a jar of its own.
type visitor struct {
	name, base string
	jar        map[string]string
}

type answer struct {
	body   string
	header http.Header
	hit    bool
}

func (v *visitor) do(t *testing.T, method, path string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	var pairs []string
	for name, value := range v.jar {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	if len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(v.jar, c.Name)
		} else {
			v.jar[c.Name] = c.Value
		}
	}
	a := answer{string(body), res.Header, res.Header.Get("X-Cache") == "HIT"}
	if a.hit && len(res.Header["Set-Cookie"]) > 0 {
		t.Errorf("%s is answered to %s out of the cache with %q", path, v.name, res.Header["Set-Cookie"])
	}
	return a
}

// seen is whom a page has seen.
var seen = regexp.MustCompile(`user=([^;]*);`)

func (a answer) user() string {
	if m := seen.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

// TestNoVisitorSeesAnother is CVE-2023-30861, CVE-2026-27205 (Flask) and
// CVE-2025-48947 (nextjs-auth0) with real caches: three visitors go over every
// page in any order, and each is always themselves.
func TestNoVisitorSeesAnother(t *testing.T) {
	s := newSite(t)
	each(t, s.serve, func(t *testing.T, base string) {
		visitors := []*visitor{{"Ada", base, map[string]string{}}, {"Bob", base, map[string]string{}}, {"nobody", base, map[string]string{}}}
		for _, v := range visitors[:2] {
			if got := v.do(t, "GET", "/login?user="+v.name, nil).user(); got != v.name {
				t.Fatalf("%s is logged in as %q", v.name, got)
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		pages := []string{"/plain", "/read", "/write", "/flash"}
		hits := 0
		for range 600 {
			v := visitors[random.IntN(len(visitors))]
			path := pages[random.IntN(len(pages))] + []string{"", "publicmaxage60", "smaxage60"}[random.IntN(3)]
			a := v.do(t, "GET", path, nil)
			if strings.HasPrefix(path, "/plain") != (a.body == "the same for all") || a.user() != "" && a.user() != v.name {
				t.Errorf("%s gets %q of %s", v.name, a.body, path)
			}
			if a.hit {
				hits++
			}
			s.checkJar(t, v)
			if v.name == "nobody" {
				v.jar = map[string]string{} // always somebody new
			}
		}
		if hits < 100 {
			t.Errorf("only %d of 600 answers came out of the cache: that proves little", hits)
		}
	})
}

// checkJar opens what the visitor holds: the test has the keys.
func (s *site) checkJar(t *testing.T, v *visitor) {
	t.Helper()
	var pairs []string
	for name, value := range v.jar {
		pairs = append(pairs, name+"="+value)
	}
	if got := cookiesession.GetOr(s.m.Open(t.Context(), strings.Join(pairs, "; ")), "user", "nobody"); got != v.name {
		t.Errorf("%s now holds the session of %s", v.name, got)
	}
}

// TestTheCacheWouldMixVisitorsUp: a page that says nothing to caches is given
// to the next visitor. A cache that never did it would prove nothing.
func TestTheCacheWouldMixVisitorsUp(t *testing.T) {
	each(t, newSite(t).serve, func(t *testing.T, base string) {
		ada, bob := &visitor{"Ada", base, map[string]string{}}, &visitor{"Bob", base, map[string]string{}}
		ada.do(t, "GET", "/login?user=Ada", nil)
		bob.do(t, "GET", "/login?user=Bob", nil)
		ada.do(t, "GET", "/careless", nil)
		if a := bob.do(t, "GET", "/careless", nil); !a.hit || a.user() != "Ada" {
			t.Errorf("Bob gets %q, out of the cache %v: this cache is not shared", a.body, a.hit)
		}
	})
}

func TestAPageThatLooksAtNoSessionStaysCacheableAndOneThatDoesVaries(t *testing.T) {
	each(t, newSite(t).serve, func(t *testing.T, base string) {
		ada, bob := &visitor{"Ada", base, map[string]string{}}, &visitor{"Bob", base, map[string]string{}}
		ada.do(t, "GET", "/login?user=Ada", nil)
		ada.do(t, "GET", "/flash", nil) // whose deletion would keep the next page out of the cache
		ada.do(t, "GET", "/plain", nil)
		if a := bob.do(t, "GET", "/plain", nil); !a.hit || len(a.header["Vary"]) > 0 || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("out of the cache %v, Vary %q, Set-Cookie %q", a.hit, a.header["Vary"], a.header["Set-Cookie"])
		}
		carol := &visitor{"Carol", base, map[string]string{}}
		bob.do(t, "GET", "/read", nil)
		if a := carol.do(t, "GET", "/read", nil); !a.hit || !slices.Contains(a.header["Vary"], "Cookie") {
			t.Errorf("two without cookies: out of the cache %v, Vary %q", a.hit, a.header["Vary"])
		}
		if a := ada.do(t, "GET", "/read", nil); a.hit || a.user() != "Ada" || a.header.Get("Cache-Control") != "private" {
			t.Errorf("one with a session: %q out of the cache %v, Cache-Control %q", a.body, a.hit, a.header["Cache-Control"])
		}
	})
}

// serve starts the site for one cache.
func (s *site) serve(t *testing.T) string {
	srv := httptest.NewServer(s.routes())
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// TestTheDemoBehindACache: two people shop at once, each with their own basket.
func TestTheDemoBehindACache(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cookiesession")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/cookiesession")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the demo: %v\n%s", err, out)
	}
	each(t, func(t *testing.T) string { return startDemo(t, program) }, func(t *testing.T, base string) {
		ada, bob := &visitor{"Ada", base, map[string]string{}}, &visitor{"Bob", base, map[string]string{}}
		for i := range 20 {
			for _, v := range []*visitor{ada, bob} {
				if i == 0 {
					v.do(t, "POST", "/login", url.Values{"name": {v.name}})
				}
				other := map[string]string{"Ada": "Bob", "Bob": "Ada"}[v.name]
				for _, path := range []string{"/", "/session", "/api/state"} {
					a := v.do(t, "GET", path, nil)
					if !strings.Contains(a.body, v.name) || strings.Contains(a.body, other) || a.hit {
						t.Fatalf("%s of %s names %s: %v, %s: %v, out of the cache: %v", path, v.name, v.name,
							strings.Contains(a.body, v.name), other, strings.Contains(a.body, other), a.hit)
					}
				}
			}
		}
		asset := regexp.MustCompile(`/assets/[^"]*\.css[^"]*`).FindString(ada.do(t, "GET", "/", nil).body)
		ada.do(t, "GET", asset, nil)
		if a := bob.do(t, "GET", asset, nil); asset == "" || !a.hit {
			t.Errorf("%q is not cached", asset)
		}
	})
}

func startDemo(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "demo", "-addr", "127.0.0.1:0", "-log", "warn")
	cmd.Env = append(os.Environ(), "SESSION_KEYS=")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, addr, ok := strings.Cut(lines.Text(), "http://"); ok {
			addr, _, _ = strings.Cut(addr, " ")
			if _, _, err := net.SplitHostPort(addr); err == nil {
				return addr
			}
		}
	}
	t.Fatal("the demo ended before it listened")
	return ""
}
