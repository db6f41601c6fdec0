package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// A road is a way out of a handler. However a response leaves, the session goes
// with it, once. Each road is taken on a real server in both protocols, and what
// was saved is what the next request of the browser shows.

// roadSite is a server, and one browser with a cookie jar that visits it.
type roadSite struct {
	m        *cookiesession.Manager
	ring     *cookiesession.Keyring
	events   *testkit.Events
	url      string
	client   *http.Client
	answered chan struct{} // closed when the response to /road is in
}

// eachProtocol runs test with a server in HTTP/1.1 and with one in HTTP/2. The
// handler that build makes is at /road. There are three more pages: /before stores
// k=before, /now shows k, and /flashes shows the flash.
func eachProtocol(t *testing.T, build func(*roadSite) http.Handler, test func(*testing.T, *roadSite)) {
	t.Helper()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			site := &roadSite{ring: testkit.Ring(t), events: new(testkit.Events), answered: make(chan struct{})}
			site.m = testkit.Manager(t, cookiesession.Config{Keyring: site.ring, OnEvent: site.events.Add})
			site.start(t, proto, build(site))
			test(t, site)
		})
	}
}

func (s *roadSite) start(t *testing.T, proto string, road http.Handler) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/road", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != proto {
			panic("spoke " + r.Proto)
		}
		road.ServeHTTP(w, r)
	}))
	mux.Handle("/before", s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		testkit.Must(s.m.FromContext(r.Context()).Set("k", "before"))
	})))
	mux.Handle("/now", s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, s.m.FromContext(r.Context()).Value("k"))
	})))
	mux.Handle("/flashes", s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, s.m.FromContext(r.Context()).Flashes())
	})))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = proto == "HTTP/2.0"
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.url, s.client = server.URL, server.Client()
	s.client.Jar = jar
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// roadAnswer is a response, its body, and the headers of the 1xx before it.
type roadAnswer struct {
	*http.Response
	body  string
	hints []textproto.MIMEHeader
}

// cookies gives the names of the final header's Set-Cookie lines, in order;
// the name of one that deletes begins with a minus sign.
func (a roadAnswer) cookies() string {
	var names []string
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			c.Name = "-" + c.Name
		}
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func (s *roadSite) get(t *testing.T, path string) roadAnswer {
	t.Helper()
	answer, err := s.do(t, http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (s *roadSite) do(t *testing.T, method, path string, header http.Header) (answer roadAnswer, err error) {
	t.Helper()
	var hints []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			hints = append(hints, h)
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := s.client.Do(req)
	if err != nil {
		return roadAnswer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return roadAnswer{res, string(body), hints}, err
}

// now is what the browser's next request finds under k.
func (s *roadSite) now(t *testing.T) string {
	t.Helper()
	return s.get(t, "/now").body
}

// handler is a handler of the site that gets its session, too.
func (s *roadSite) handler(f func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session)) http.Handler {
	return s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(w, r, s.m.FromContext(r.Context()))
	}))
}

// saves is a handler that stores k=after and then does what road does.
func (s *roadSite) saves(road http.HandlerFunc) http.Handler {
	return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		testkit.Must(session.Set("k", "after"))
		road(w, r)
	})
}

// destroys is a handler that ends the session and then does what road does.
func (s *roadSite) destroys(road http.HandlerFunc) http.Handler {
	return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		testkit.Must(session.Destroy())
		road(w, r)
	})
}

// recovers answers 500 for a handler that panics, as frameworks do.
func recovers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "recovered", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// bare hides everything but the three methods that a ResponseWriter must have, as
// many logging middlewares do. frank tells what it wraps.
type bare struct{ http.ResponseWriter }

type frank struct{ http.ResponseWriter }

func (w frank) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func behind(wrap func(http.ResponseWriter) http.ResponseWriter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
}

func wrapBare(w http.ResponseWriter) http.ResponseWriter  { return bare{w} }
func wrapFrank(w http.ResponseWriter) http.ResponseWriter { return frank{w} }

// cancels gives the request a context that ends when next calls cancel. For a
// TimeoutHandler within, that is the moment at which its time is up.
func cancels(next func(cancel func()) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		next(cancel).ServeHTTP(w, r.WithContext(ctx))
	})
}

// plainReader hides WriteTo, so that io.Copy goes through the writer's ReadFrom.
type plainReader struct{ io.Reader }

// page is longer than any buffer on its way.
var page = strings.Repeat("a line of the page\n", 20_000)

func checkRoad(t *testing.T, answer roadAnswer, status int, body, cookies string) {
	t.Helper()
	if answer.StatusCode != status {
		t.Errorf("status %d, want %d", answer.StatusCode, status)
	}
	if answer.body != body {
		t.Errorf("body of %d bytes, want %d: %.60q", len(answer.body), len(body), answer.body)
	}
	if got := answer.cookies(); got != cookies {
		t.Errorf("cookies %q, want %q", got, cookies)
	}
	if cookies != "" {
		checkKeptOutOfCaches(t, answer)
	}
	for _, hint := range answer.hints {
		if len(hint["Set-Cookie"]) != 0 {
			t.Errorf("a cookie in the early hints: %q", hint)
		}
	}
}

// checkKeptOutOfCaches checks what a response says to caches if it sets a cookie
// of ours.
func checkKeptOutOfCaches(t *testing.T, answer roadAnswer) {
	t.Helper()
	if got := answer.Header.Values("Vary"); !slices.Equal(got, []string{"Cookie"}) {
		t.Errorf("Vary %q", got)
	}
	control := answer.Header.Get("Cache-Control")
	if !strings.Contains(control, "private") && !strings.Contains(control, "no-store") {
		t.Errorf("Cache-Control %q", control)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// roadProxy passes requests on to a server that runs backend.
func roadProxy(s *roadSite, backend http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		server := httptest.NewServer(backend)
		defer server.Close()
		target, err := url.Parse(server.URL)
		testkit.Must(err)
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		proxy.FlushInterval = -1
		proxy.ServeHTTP(w, r)
	}
}
