package cookiesession_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// The roads out of a handler: however a response leaves, the session goes with
// it, once. Each is walked on a real server in both protocols, and what was
// saved is what the browser's next request shows.

// roadEvents collects what a manager reports.
type roadEvents struct {
	mu  sync.Mutex
	all []cookiesession.Event
}

func (e *roadEvents) add(_ context.Context, event cookiesession.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *roadEvents) of(kind cookiesession.EventKind) []cookiesession.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.all), func(event cookiesession.Event) bool { return event.Kind != kind })
}

func roadManager(t *testing.T, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	if cfg.Keyring == nil {
		cfg.Keyring = roadRing(t)
	}
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func roadRing(t *testing.T) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// roadSite is a server and one browser of it, with a cookie jar.
type roadSite struct {
	m        *cookiesession.Manager
	ring     *cookiesession.Keyring
	events   *roadEvents
	url      string
	client   *http.Client
	answered chan struct{} // closed when the response to /road is in
}

// eachProtocol runs test against build's handler on HTTP/1.1 and on HTTP/2.
// The site has more pages: /before stores k=before, /now shows k, and /flashes
// what was flashed.
func eachProtocol(t *testing.T, build func(*roadSite) http.Handler, test func(*testing.T, *roadSite)) {
	t.Helper()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			site := &roadSite{ring: roadRing(t), events: new(roadEvents), answered: make(chan struct{})}
			site.m = roadManager(t, cookiesession.Config{Keyring: site.ring, OnEvent: site.events.add})
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
		must(s.m.FromContext(r.Context()).Set("k", "before"))
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

// must panics on an error that would make the test pointless.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// roadAnswer is a response, its body and the informational headers before it.
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

// now is what the next request of the browser finds under k.
func (s *roadSite) now(t *testing.T) string {
	t.Helper()
	return s.get(t, "/now").body
}

// handler wraps one that has the session at hand.
func (s *roadSite) handler(f func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session)) http.Handler {
	return s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(w, r, s.m.FromContext(r.Context()))
	}))
}

// saves stores k=after and then goes down road.
func (s *roadSite) saves(road http.HandlerFunc) http.Handler {
	return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		must(session.Set("k", "after"))
		road(w, r)
	})
}

// destroys ends the session and then goes down road.
func (s *roadSite) destroys(road http.HandlerFunc) http.Handler {
	return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
		must(session.Destroy())
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

// bare hides everything but the three methods that a ResponseWriter must have,
// as many a logging middleware does; frank is one that says what it wraps.
type bare struct{ http.ResponseWriter }

type frank struct{ http.ResponseWriter }

func (w frank) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func behind(wrap func(http.ResponseWriter) http.ResponseWriter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
}

func wrapBare(w http.ResponseWriter) http.ResponseWriter  { return bare{w} }
func wrapFrank(w http.ResponseWriter) http.ResponseWriter { return frank{w} }

// cancels gives the request a context that the returned function ends: a
// TimeoutHandler whose time is up exactly then.
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

func TestEveryRoadOutCarriesTheSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	must(os.WriteFile(file, []byte(page), 0o600))
	serve := func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(file)
		must(err)
		defer f.Close()
		w.Header().Set("Etag", `"1"`)
		http.ServeContent(w, r, "page.txt", time.Time{}, f)
	}

	const saved, deleted = "s_session", "-s_session"
	for _, road := range []struct {
		name    string
		build   func(*roadSite) http.Handler
		method  string      // default GET
		header  http.Header // of the request
		status  int         // 0: no response at all
		body    string
		cookies string
		now     string // what the next request finds: before, after or nothing
	}{
		{name: "writes nothing",
			build:  func(s *roadSite) http.Handler { return s.saves(func(http.ResponseWriter, *http.Request) {}) },
			status: 200, cookies: saved, now: "after"},
		{name: "writes a body",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello"); fmt.Fprint(w, ", world") })
			},
			status: 200, body: "hello, world", cookies: saved, now: "after"},
		{name: "writes a string",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
			},
			status: 200, body: "hello", cookies: saved, now: "after"},
		{name: "writes no bytes",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) })
			},
			status: 200, cookies: saved, now: "after"},
		{name: "writes more than fits into a buffer",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) })
			},
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "writes two headers",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(404) })
			},
			status: 201, cookies: saved, now: "after"},
		{name: "recovers from a status that is none",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) {
					defer func() { recover(); w.WriteHeader(404) }()
					w.WriteHeader(7)
				})
			},
			status: 404, cookies: saved, now: "after"},
		{name: "redirects",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/now", http.StatusSeeOther) })
			},
			status: 303, body: "<a href=\"/now\">See Other</a>.\n\n", cookies: saved, now: "after"},
		{name: "flushes before it writes",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.WriteString(w, "late") })
			},
			status: 200, body: "late", cookies: saved, now: "after"},
		{name: "flushes through a ResponseController before it writes",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) {
					must(http.NewResponseController(w).Flush())
					io.WriteString(w, "late")
				})
			},
			status: 200, body: "late", cookies: saved, now: "after"},
		{name: "sends early hints first",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					w.Header().Set("Link", "</style.css>; rel=preload; as=style")
					w.WriteHeader(http.StatusEarlyHints)
					must(session.Set("k", "after"))
					w.WriteHeader(200)
					io.WriteString(w, "page")
				})
			},
			status: 200, body: "page", cookies: saved, now: "after"},
		{name: "sends early hints and nothing else",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })
			},
			status: 200, cookies: saved, now: "after"},
		{name: "has no content",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
			},
			status: 204, cookies: saved, now: "after"},
		{name: "is not modified",
			build:  func(s *roadSite) http.Handler { return s.saves(serve) },
			header: http.Header{"If-None-Match": {`"1"`}},
			status: 304, cookies: saved, now: "after"},
		{name: "serves a file",
			build:  func(s *roadSite) http.Handler { return s.saves(serve) },
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "serves a range of a file",
			build:  func(s *roadSite) http.Handler { return s.saves(serve) },
			header: http.Header{"Range": {"bytes=2-5"}},
			status: 206, body: page[2:6], cookies: saved, now: "after"},
		{name: "answers HEAD",
			build:  func(s *roadSite) http.Handler { return s.saves(serve) },
			method: http.MethodHead,
			status: 200, cookies: saved, now: "after"},
		{name: "copies a source",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, plainReader{strings.NewReader(page)}) })
			},
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "copies a source that fails at once, and says so",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) {
					if _, err := io.Copy(w, plainReader{brokenReader{}}); err != nil {
						http.Error(w, "no upstream", http.StatusBadGateway)
					}
				})
			},
			status: 502, body: "no upstream\n", now: "before"},
		{name: "is told to fail after it stored something",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", 500) })
			},
			status: 500, body: "sorry\n", now: "before"},
		{name: "is told to fail with an error of the client's",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who?", 499) })
			},
			status: 499, body: "who?\n", cookies: saved, now: "after"},

		{name: "within a TimeoutHandler",
			build: func(s *roadSite) http.Handler {
				return http.TimeoutHandler(s.saves(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "in time") }), time.Hour, "")
			},
			status: 200, body: "in time", cookies: saved, now: "after"},
		{name: "around a TimeoutHandler",
			build: func(s *roadSite) http.Handler {
				inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(s.m.FromContext(r.Context()).Set("k", "after"))
					io.WriteString(w, "in time")
				})
				return s.m.Handler(http.TimeoutHandler(inner, time.Hour, ""))
			},
			status: 200, body: "in time", cookies: saved, now: "after"},
		{name: "within a TimeoutHandler whose time is up",
			build: func(s *roadSite) http.Handler {
				return cancels(func(cancel func()) http.Handler {
					return http.TimeoutHandler(s.saves(func(w http.ResponseWriter, _ *http.Request) {
						io.WriteString(w, "lost")
						cancel()
						<-s.answered
					}), time.Hour, "")
				})
			},
			status: 503, now: "before"},
		{name: "around a TimeoutHandler whose time is up",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(cancels(func(cancel func()) http.Handler {
					return http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						must(s.m.FromContext(r.Context()).Set("k", "after"))
						cancel()
						<-s.answered
					}), time.Hour, "")
				}))
			},
			status: 503, now: "before"},
		{name: "logs out, around a TimeoutHandler whose time is up",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(cancels(func(cancel func()) http.Handler {
					return http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						must(s.m.FromContext(r.Context()).Destroy())
						cancel()
						<-s.answered
					}), time.Hour, "")
				}))
			},
			status: 503, cookies: deleted, now: "<nil>"},

		{name: "panics",
			build: func(s *roadSite) http.Handler {
				return recovers(s.saves(func(http.ResponseWriter, *http.Request) { panic("oops") }))
			},
			status: 500, body: "recovered\n", now: "before"},
		{name: "panics after the header left",
			build: func(s *roadSite) http.Handler {
				return recovers(s.saves(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(200)
					panic("oops")
				}))
			},
			status: 200, body: "recovered\n", cookies: saved, now: "after"},
		{name: "panics within, and the handler itself recovers",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(recovers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(s.m.FromContext(r.Context()).Set("k", "after"))
					panic("oops")
				})))
			},
			status: 500, body: "recovered\n", now: "before"},
		{name: "panics around a TimeoutHandler",
			build: func(s *roadSite) http.Handler {
				return recovers(s.m.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(s.m.FromContext(r.Context()).Destroy())
					panic("oops")
				}), time.Hour, "")))
			},
			status: 500, body: "recovered\n", cookies: deleted, now: "<nil>"},
		{name: "panics and nobody recovers",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(http.ResponseWriter, *http.Request) { panic("oops") })
			},
			now: "before"},
		{name: "aborts",
			build: func(s *roadSite) http.Handler {
				return s.saves(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			},
			now: "before"},

		{name: "logs out",
			build:  func(s *roadSite) http.Handler { return s.destroys(func(http.ResponseWriter, *http.Request) {}) },
			status: 200, cookies: deleted, now: "<nil>"},
		{name: "logs out and flushes before it writes",
			build: func(s *roadSite) http.Handler {
				return s.destroys(func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.WriteString(w, "bye") })
			},
			status: 200, body: "bye", cookies: deleted, now: "<nil>"},
		{name: "logs out and fails",
			build: func(s *roadSite) http.Handler {
				return s.destroys(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", 500) })
			},
			status: 500, body: "sorry\n", cookies: deleted, now: "<nil>"},
		{name: "logs out and panics",
			build: func(s *roadSite) http.Handler {
				return recovers(s.destroys(func(http.ResponseWriter, *http.Request) { panic("oops") }))
			},
			status: 500, body: "recovered\n", cookies: deleted, now: "<nil>"},
		{name: "logs out, stores something and panics",
			build: func(s *roadSite) http.Handler {
				return recovers(s.handler(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					must(session.Destroy())
					must(session.Set("k", "after"))
					panic("oops")
				}))
			},
			status: 500, body: "recovered\n", cookies: deleted, now: "<nil>"},
		{name: "logs out, stores something and fails",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					must(session.Destroy())
					must(session.Set("k", "after"))
					w.WriteHeader(503)
				})
			},
			status: 503, cookies: deleted, now: "<nil>"},
		{name: "logs out and in again",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					must(session.Destroy())
					must(session.Set("k", "after"))
				})
			},
			status: 200, cookies: saved, now: "after"},
		{name: "takes the last value away and fails: only Destroy is carried out",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					must(session.Delete("k"))
					w.WriteHeader(500)
				})
			},
			status: 500, now: "before"},

		{name: "nested in itself",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(s.saves(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "once") }))
			},
			status: 200, body: "once", cookies: saved, now: "after"},
		{name: "nested in itself, writing nothing",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(s.saves(func(http.ResponseWriter, *http.Request) {}))
			},
			status: 200, cookies: saved, now: "after"},
		{name: "nested in itself, stored by the outer after the inner returned",
			build: func(s *roadSite) http.Handler {
				inner := s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				return s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					inner.ServeHTTP(w, r)
					must(s.m.FromContext(r.Context()).Set("k", "after"))
				}))
			},
			status: 200, cookies: saved, now: "after"},
		{name: "nested in itself, logging out and panicking",
			build: func(s *roadSite) http.Handler {
				return recovers(s.m.Handler(s.destroys(func(http.ResponseWriter, *http.Request) { panic("oops") })))
			},
			status: 500, body: "recovered\n", cookies: deleted, now: "<nil>"},

		{name: "with a session that was opened further out",
			build: func(s *roadSite) http.Handler {
				next := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "adopted") }))
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					session := s.m.OpenRequest(r)
					must(session.Set("k", "after"))
					next.ServeHTTP(w, r.WithContext(s.m.NewContext(r.Context(), session)))
				})
			},
			status: 200, body: "adopted", cookies: saved, now: "after"},

		{name: "behind a writer that hides everything",
			build: func(s *roadSite) http.Handler {
				return behind(wrapBare, s.saves(serve))
			},
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "in front of a writer that hides everything",
			build: func(s *roadSite) http.Handler {
				return s.m.Handler(behind(wrapBare, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(s.m.FromContext(r.Context()).Set("k", "after"))
					serve(w, r)
				})))
			},
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "between writers that unwrap, flushing first",
			build: func(s *roadSite) http.Handler {
				return behind(wrapFrank, s.m.Handler(behind(wrapFrank, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(s.m.FromContext(r.Context()).Set("k", "after"))
					must(http.NewResponseController(w).Flush())
					io.WriteString(w, "late")
				}))))
			},
			status: 200, body: "late", cookies: saved, now: "after"},
	} {
		t.Run(road.name, func(t *testing.T) {
			eachProtocol(t, road.build, func(t *testing.T, site *roadSite) {
				if site.get(t, "/before"); site.now(t) != "before" {
					t.Fatal("the browser keeps no session")
				}
				answer, err := site.do(t, road.method, "/road", road.header)
				close(site.answered)
				if road.status == 0 {
					if err == nil {
						t.Fatalf("got a response, status %d", answer.StatusCode)
					}
				} else if err != nil {
					t.Fatal(err)
				} else {
					checkRoad(t, answer, road.status, road.body, road.cookies)
				}
				if got := site.now(t); got != road.now {
					t.Errorf("the next request finds %q, want %q", got, road.now)
				}
			})
		})
	}
}

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

// checkKeptOutOfCaches checks what every response with a cookie of ours says to caches.
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

func TestTheFirstEventArrivesBeforeTheHandlerEnds(t *testing.T) {
	for name, flush := range map[string]func(http.ResponseWriter){
		"by assertion":                 func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"through a ResponseController": func(w http.ResponseWriter) { must(http.NewResponseController(w).Flush()) },
	} {
		t.Run(name, func(t *testing.T) {
			build := func(s *roadSite) http.Handler {
				return s.saves(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, "data: first\n\n")
					flush(w)
					select {
					case <-s.answered:
						fmt.Fprint(w, "data: last\n\n")
					case <-r.Context().Done():
					}
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, site.url+"/road", nil)
				must(err)
				res, err := site.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				first := make([]byte, len("data: first\n\n"))
				if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: first\n\n" {
					t.Fatalf("first event %q, %v", first, err)
				}
				if got := (roadAnswer{Response: res}).cookies(); got != "s_session" {
					t.Errorf("cookies %q with the first event", got)
				}
				close(site.answered)
				if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: last\n\n" {
					t.Errorf("then %q, %v", rest, err)
				}
				if got := site.now(t); got != "after" {
					t.Errorf("the next request finds %q", got)
				}
			})
		})
	}
}

func TestAHijackerFindsTheCookiesInTheHeader(t *testing.T) {
	upgrade := func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.Header.Get("Upgrade") == "" {
			http.Error(w, "no upgrade", http.StatusNotImplemented)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if errors.Is(err, http.ErrNotSupported) {
			http.Error(w, "no hijacker", http.StatusNotImplemented)
			return
		}
		must(err)
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n")
		must(w.Header().Write(rw))
		fmt.Fprint(rw, "\r\n")
		must(rw.Flush())
		line, err := rw.ReadString('\n')
		must(err)
		fmt.Fprint(rw, line)
		must(rw.Flush())
	}
	for _, tc := range []struct {
		name    string
		build   func(*roadSite) http.Handler
		cookies string
		now     string
	}{
		{"one that stores something", func(s *roadSite) http.Handler { return s.saves(upgrade) }, "s_session", "after"},
		{"one that logs out", func(s *roadSite) http.Handler { return s.destroys(upgrade) }, "-s_session", "<nil>"},
		{"one that does neither", func(s *roadSite) http.Handler { return s.m.Handler(http.HandlerFunc(upgrade)) }, "", "before"},
		{"a reverse proxy whose backend upgrades", func(s *roadSite) http.Handler {
			return s.saves(roadProxy(s, upgrade))
		}, "s_session", "after"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, tc.build, func(t *testing.T, site *roadSite) {
				site.get(t, "/before")
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.url+"/road", nil)
				must(err)
				http1 := !site.client.Transport.(*http.Transport).ForceAttemptHTTP2
				if http1 {
					req.Header.Set("Connection", "Upgrade")
					req.Header.Set("Upgrade", "echo")
				}
				res, err := site.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if !http1 {
					checkNoHijack(t, site, res)
					return
				}
				if res.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("status %d", res.StatusCode)
				}
				conn := res.Body.(io.ReadWriter)
				fmt.Fprint(conn, "echo\n")
				if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "echo\n" {
					t.Errorf("echoed %q, %v", line, err)
				}
				if got := (roadAnswer{Response: res}).cookies(); got != tc.cookies {
					t.Errorf("cookies %q, want %q", got, tc.cookies)
				}
				if got := site.now(t); got != tc.now {
					t.Errorf("the next request finds %q, want %q", got, tc.now)
				}
			})
		})
	}
}

// checkNoHijack checks HTTP/2, which has no connection to give away: the
// handler is told so, and its 501 is a response like any other.
func checkNoHijack(t *testing.T, site *roadSite, res *http.Response) {
	t.Helper()
	if res.StatusCode != http.StatusNotImplemented {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := site.events.of(cookiesession.EventWriteRefused); len(got) != 0 {
		t.Errorf("refused writes: %v", got)
	}
}

// roadProxy passes requests on to a server that runs backend.
func roadProxy(s *roadSite, backend http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		server := httptest.NewServer(backend)
		defer server.Close()
		target, err := url.Parse(server.URL)
		must(err)
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		proxy.FlushInterval = -1
		proxy.ServeHTTP(w, r)
	}
}

func TestAReverseProxyKeepsBothSidesCookies(t *testing.T) {
	backend := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		http.SetCookie(w, &http.Cookie{Name: "theirs", Value: "1"})
		io.WriteString(w, "from the back")
	}
	build := func(s *roadSite) http.Handler { return s.saves(roadProxy(s, backend)) }
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		answer := site.get(t, "/road")
		checkRoad(t, answer, 200, "from the back", "theirs s_session")
		if len(answer.hints) != 1 {
			t.Errorf("%d early hints", len(answer.hints))
		}
		if got := site.now(t); got != "after" {
			t.Errorf("the next request finds %q", got)
		}
	})
}

func TestASessionThatHasEndedIsDeletedWhateverBecomesOfTheHandler(t *testing.T) {
	ends := map[string]cookiesession.Config{
		"expired": {AbsoluteTimeout: time.Nanosecond},
		"revoked": {Validate: func(context.Context, *cookiesession.Session) error { return cookiesession.ErrRevoked }},
	}
	for end, cfg := range ends {
		for name, road := range map[string]struct {
			do     func(http.ResponseWriter)
			status int
		}{
			"answers":     {func(http.ResponseWriter) {}, 200},
			"flushes":     {func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, 200},
			"fails":       {func(w http.ResponseWriter) { w.WriteHeader(500) }, 500},
			"panics":      {func(http.ResponseWriter) { panic("oops") }, 500},
			"not found":   {func(w http.ResponseWriter) { w.WriteHeader(404) }, 404},
			"no content":  {func(w http.ResponseWriter) { w.WriteHeader(204) }, 204},
			"early hints": {func(w http.ResponseWriter) { w.WriteHeader(103) }, 200},
		} {
			t.Run(end+", and the handler "+name, func(t *testing.T) {
				build := func(s *roadSite) http.Handler {
					cfg := cfg
					cfg.Keyring, cfg.OnEvent = s.ring, s.events.add
					strict := roadManager(t, cfg)
					return recovers(strict.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if strict.FromContext(r.Context()).Has("k") {
							panic("the session is alive")
						}
						road.do(w)
					})))
				}
				eachProtocol(t, build, func(t *testing.T, site *roadSite) {
					site.get(t, "/before")
					answer := site.get(t, "/road")
					if answer.StatusCode != road.status || answer.cookies() != "-s_session" {
						t.Errorf("status %d, cookies %q", answer.StatusCode, answer.cookies())
					}
					checkKeptOutOfCaches(t, answer)
					if got := site.now(t); got != "<nil>" {
						t.Errorf("the next request finds %q", got)
					}
				})
			})
		}
	}
}

// TestWhatTheHandlerFindsOutReachesTheServersOwnRequest: net/http removes the
// files of an upload from the request that it made, and loggers further out
// read the pattern that a mux further in has matched; the handler gets a copy.
func TestWhatTheHandlerFindsOutReachesTheServersOwnRequest(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for name, after := range map[string]func(){
		"and it answers": func() {},
		"and it panics":  func() { panic("oops") },
	} {
		t.Run(name, func(t *testing.T) {
			var pattern string
			build := func(s *roadSite) http.Handler {
				mux := http.NewServeMux()
				mux.Handle("POST /{page}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					must(r.ParseMultipartForm(0)) // nothing in memory
					left, err := os.ReadDir(dir)
					must(err)
					fmt.Fprint(w, len(left), " file of ", r.PathValue("page"))
					after()
				}))
				next := recovers(s.m.Handler(mux))
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					pattern = r.Pattern
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				if body := upload(t, site); !strings.HasPrefix(body, "1 file of road") {
					t.Fatalf("body %q", body)
				}
				site.now(t) // on the same connection, which is free when the first request is over
				if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
				if pattern != "POST /{page}" {
					t.Errorf("pattern %q", pattern)
				}
			})
		})
	}
}

// upload posts a file and returns the answer.
func upload(t *testing.T, site *roadSite) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "page.txt")
	must(err)
	io.WriteString(part, page)
	must(form.Close())
	res, err := site.client.Post(site.url+"/road", form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// recordingListener gives connections that tell what the kernel is asked to send by itself.
type recordingListener struct {
	net.Listener
	sources chan<- io.Reader
}

func (l recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return recordingConn{conn.(*net.TCPConn), l.sources}, nil
}

type recordingConn struct {
	*net.TCPConn
	sources chan<- io.Reader
}

func (c recordingConn) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		c.sources <- limited.R
	} else {
		c.sources <- src
	}
	return c.TCPConn.ReadFrom(src)
}

func TestAFileStillGoesFromTheKernelToTheConnection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	must(os.WriteFile(file, []byte(page), 0o600))
	m := roadManager(t, cookiesession.Config{Insecure: true})
	for name, send := range map[string]func(http.ResponseWriter, *http.Request, *os.File){
		"by ServeContent": func(w http.ResponseWriter, r *http.Request, f *os.File) {
			http.ServeContent(w, r, "page.txt", time.Time{}, f)
		},
		"by io.Copy": func(w http.ResponseWriter, _ *http.Request, f *os.File) {
			w.Header().Set("Content-Length", fmt.Sprint(len(page)))
			io.Copy(w, f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			sources := make(chan io.Reader, 10)
			server := httptest.NewUnstartedServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				must(m.FromContext(r.Context()).Set("k", "after"))
				f, err := os.Open(file)
				must(err)
				defer f.Close()
				send(w, r, f)
			})))
			server.Listener = recordingListener{server.Listener, sources}
			server.Start()
			defer server.Close()
			res, err := server.Client().Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != page {
				t.Errorf("body of %d bytes, %v", len(body), err)
			}
			if got := (roadAnswer{Response: res}).cookies(); got != "s_session" {
				t.Errorf("cookies %q", got)
			}
			select {
			case src := <-sources:
				if _, ok := src.(syscall.Conn); !ok { // what package net asks before it calls sendfile
					t.Errorf("the connection read from a %T", src)
				}
			default:
				t.Error("the connection's ReadFrom was not reached")
			}
		})
	}
}

func TestTwoManagersSideBySideBothSave(t *testing.T) {
	for name, road := range map[string]struct {
		do      func(http.ResponseWriter, *cookiesession.Session, *cookiesession.Session)
		status  int
		cookies []string
	}{
		"a body": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
			io.WriteString(w, "ok")
		}, 200, []string{"s_a", "s_b"}},
		"a flush": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
			w.(http.Flusher).Flush()
		}, 200, []string{"s_a", "s_b"}},
		"nothing": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
		}, 200, []string{"s_a", "s_b"}},
		"only the inner one used": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			must(b.Set("k", 2))
		}, 200, []string{"s_b"}},
		"both ended, then a panic": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			must(errors.Join(a.Destroy(), b.Destroy()))
			panic("oops")
		}, 500, []string{"-s_a", "-s_b"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := roadManager(t, cookiesession.Config{Name: "a"})
			b := roadManager(t, cookiesession.Config{Name: "b"})
			prepare := true
			build := func(*roadSite) http.Handler {
				return recovers(a.Handler(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					one, two := a.FromContext(r.Context()), b.FromContext(r.Context())
					if prepare {
						must(errors.Join(one.Set("k", 0), two.Set("k", 0)))
						return
					}
					road.do(w, one, two)
				}))))
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				prepare = true
				site.get(t, "/road")
				prepare = false
				answer := site.get(t, "/road")
				got := strings.Fields(answer.cookies())
				slices.Sort(got)
				if answer.StatusCode != road.status || !slices.Equal(got, road.cookies) {
					t.Errorf("status %d, cookies %q", answer.StatusCode, got)
				}
				checkKeptOutOfCaches(t, answer)
			})
		})
	}
}

func TestAWriteAfterTheHeaderIsRefusedAndTold(t *testing.T) {
	for name, leave := range map[string]func(http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"Write":       func(w http.ResponseWriter) { io.WriteString(w, "x") },
		"Flush":       func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			var late error
			build := func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					must(session.Set("k", "after"))
					leave(w)
					late = session.Set("k", "late")
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				site.get(t, "/road")
				if !errors.Is(late, cookiesession.ErrCommitted) {
					t.Errorf("the write returned %v", late)
				}
				events := site.events.of(cookiesession.EventWriteRefused)
				if len(events) != 1 || !errors.Is(events[0].Err, cookiesession.ErrCommitted) {
					t.Errorf("events %v", events)
				}
				if got := site.now(t); got != "after" {
					t.Errorf("the next request finds %q", got)
				}
			})
		})
	}
}

func TestAWriteIsPossibleUntilTheHeaderLeaves(t *testing.T) {
	build := func(s *roadSite) http.Handler {
		return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			w.Header().Set("X", "y")
			w.WriteHeader(http.StatusEarlyHints)
			io.Copy(w, plainReader{strings.NewReader("")})
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				panic(err)
			}
			must(session.Set("k", "after"))
		})
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		site.get(t, "/road")
		if got := site.now(t); got != "after" {
			t.Errorf("the next request finds %q", got)
		}
	})
}

func TestAWriteAfterTheHandlerReturnedIsRefusedAndTold(t *testing.T) {
	late := make(chan error, 2)
	build := func(s *roadSite) http.Handler {
		return s.handler(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			go func() {
				<-s.answered
				late <- session.Set("k", "late")
			}()
		})
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		site.get(t, "/road")
		close(site.answered)
		if err := <-late; !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("the write returned %v", err)
		}
		if events := site.events.of(cookiesession.EventWriteRefused); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}

// TestAWriteEitherGoesOutOrIsRefused has goroutines write while the header
// leaves: the next request finds the last value that Set accepted from each.
func TestAWriteEitherGoesOutOrIsRefused(t *testing.T) {
	const writers = 4
	var accepted [writers]int64
	build := func(s *roadSite) http.Handler {
		return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
			if r.URL.RawQuery == "found" {
				for i := range writers {
					fmt.Fprint(w, cookiesession.GetOr(session, fmt.Sprint(i), int64(-1)), " ")
				}
				return
			}
			var started, ended sync.WaitGroup
			for i := range writers {
				started.Add(1)
				ended.Go(func() {
					accepted[i] = writeUntilRefused(session, fmt.Sprint(i), started.Done)
				})
			}
			started.Wait()
			w.(http.Flusher).Flush()
			ended.Wait()
		})
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		for range 5 {
			site.get(t, "/road")
			want := strings.Trim(fmt.Sprint(accepted), "[]") + " "
			if got := site.get(t, "/road?found").body; got != want {
				t.Fatalf("found %s, accepted were %s", got, want)
			}
		}
	})
}

// writeUntilRefused counts up under key and returns the last number that was
// accepted. It calls started after the first.
func writeUntilRefused(session *cookiesession.Session, key string, started func()) int64 {
	for n := int64(0); ; n++ {
		if err := session.Set(key, n); errors.Is(err, cookiesession.ErrCommitted) {
			return n - 1
		} else if err != nil {
			panic(err)
		}
		if n == 0 {
			started()
		}
	}
}

func TestAHandlerWhoseTimeIsUpIsToldThatItsWriteIsLost(t *testing.T) {
	late := make(chan error, 2)
	build := func(s *roadSite) http.Handler {
		return s.m.Handler(cancels(func(cancel func()) http.Handler {
			return http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-s.answered
				late <- s.m.FromContext(r.Context()).Set("k", "late")
			}), time.Hour, "")
		}))
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		if answer := site.get(t, "/road"); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", answer.StatusCode)
		}
		close(site.answered)
		if err := <-late; !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("the write returned %v", err)
		}
		if events := site.events.of(cookiesession.EventWriteRefused); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}

// TestALateHandlerMayChangeTheRequestWhileTheResponseLeaves is for the race
// detector: a TimeoutHandler gives the response away while its handler still
// runs, with the request's header map in hand. Two goroutines in one map end
// the process.
func TestALateHandlerMayChangeTheRequestWhileTheResponseLeaves(t *testing.T) {
	m := roadManager(t, cookiesession.Config{TrackViews: true})
	first := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		must(m.FromContext(r.Context()).Flash("note", "hello"))
	})).ServeHTTP(first, httptest.NewRequest(http.MethodGet, "/", nil))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range first.Result().Cookies() {
		r.AddCookie(c)
	}

	done := make(chan struct{})
	handler := cancels(func(cancel func()) http.Handler {
		return http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			defer close(done)
			m.FromContext(r.Context()).Value("note")
			cancel()
			for range 1000 {
				r.Header.Set("X-Late", "1")
			}
		}), time.Hour, "")
	})
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(200)
	})).ServeHTTP(httptest.NewRecorder(), r)
	<-done
}

func TestAFirstLookAfterTheHeaderIsTold(t *testing.T) {
	build := func(s *roadSite) http.Handler {
		return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			w.WriteHeader(200)
			fmt.Fprint(w, session.Value("k"))
		})
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		site.get(t, "/before")
		answer := site.get(t, "/road")
		if answer.body != "before" {
			t.Errorf("the late look saw %q", answer.body)
		}
		if got := answer.Header.Values("Vary"); len(got) != 0 {
			t.Errorf("Vary %q, though nothing had been looked at", got)
		}
		if events := site.events.of(cookiesession.EventLateLook); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}

func TestAnUntouchedSessionLeavesNoTrace(t *testing.T) {
	for name, road := range map[string]http.HandlerFunc{
		"nothing written": func(http.ResponseWriter, *http.Request) {},
		"a body":          func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"a flush":         func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"an error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			build := func(s *roadSite) http.Handler { return s.m.Handler(road) }
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				site.get(t, "/before")
				answer := site.get(t, "/road")
				for _, field := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
					if got := answer.Header.Values(field); len(got) != 0 {
						t.Errorf("%s: %q", field, got)
					}
				}
			})
		})
	}
}

func TestAReadMarksTheResponseOnEveryRoad(t *testing.T) {
	for name, road := range map[string]http.HandlerFunc{
		"nothing written": func(http.ResponseWriter, *http.Request) {},
		"a body":          func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"a flush":         func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"no content":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"an error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			build := func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
					session.Value("k")
					road(w, r)
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				site.get(t, "/before")
				answer := site.get(t, "/road")
				if got := answer.cookies(); got != "" {
					t.Errorf("cookies %q", got)
				}
				if vary, control := answer.Header.Get("Vary"), answer.Header.Get("Cache-Control"); vary != "Cookie" || control != "private" {
					t.Errorf("Vary %q, Cache-Control %q", vary, control)
				}
			})
		})
	}
}

func TestAPanicGoesOnAsItWas(t *testing.T) {
	type own struct{ reason string }
	for name, value := range map[string]any{
		"a value of the application's": &own{"mine"},
		"net/http's abort":             http.ErrAbortHandler,
	} {
		t.Run(name, func(t *testing.T) {
			var recovered any
			build := func(s *roadSite) http.Handler {
				next := s.saves(func(http.ResponseWriter, *http.Request) { panic(value) })
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() { recovered = recover() }()
					next.ServeHTTP(w, r)
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				answer := site.get(t, "/road")
				if recovered != value {
					t.Errorf("recovered %v", recovered)
				}
				if got := answer.cookies(); got != "" {
					t.Errorf("cookies %q", got)
				}
			})
		})
	}
}

func TestDeadlinesReachTheConnection(t *testing.T) {
	past := time.Unix(1, 0)
	t.Run("for writing", func(t *testing.T) {
		build := func(s *roadSite) http.Handler {
			return s.saves(func(w http.ResponseWriter, _ *http.Request) {
				must(http.NewResponseController(w).SetWriteDeadline(past))
				io.WriteString(w, page)
			})
		}
		eachProtocol(t, build, func(t *testing.T, site *roadSite) {
			if answer, err := site.do(t, http.MethodGet, "/road", nil); err == nil {
				t.Errorf("a response of %d bytes after the deadline", len(answer.body))
			}
		})
	})
	t.Run("for reading", func(t *testing.T) {
		build := func(s *roadSite) http.Handler {
			return s.saves(func(w http.ResponseWriter, r *http.Request) {
				must(http.NewResponseController(w).SetReadDeadline(past))
				_, err := io.ReadAll(r.Body)
				fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded))
			})
		}
		eachProtocol(t, build, func(t *testing.T, site *roadSite) {
			body, hold := io.Pipe()
			defer hold.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.url+"/road", body)
			must(err)
			res, err := site.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != "true" {
				t.Errorf("reading exceeded its deadline: %s, %v", got, err)
			}
		})
	})
}

func TestFullDuplexIsToBeHad(t *testing.T) {
	build := func(s *roadSite) http.Handler {
		return s.saves(func(w http.ResponseWriter, _ *http.Request) {
			must(http.NewResponseController(w).EnableFullDuplex())
		})
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		if answer := site.get(t, "/road"); answer.StatusCode != 200 {
			t.Errorf("status %d", answer.StatusCode)
		}
	})
}

// closeNotifier is the deprecated http.CloseNotifier, which gin's Stream asserts.
type closeNotifier interface{ CloseNotify() <-chan bool }

func TestAHandlerLearnsThatItsClientHasGone(t *testing.T) {
	told := make(chan bool, 2)
	build := func(s *roadSite) http.Handler {
		other := roadManager(t, cookiesession.Config{Name: "other"})
		return other.Handler(s.saves(func(w http.ResponseWriter, r *http.Request) {
			gone := w.(closeNotifier).CloseNotify()
			w.(http.Flusher).Flush()
			told <- <-gone
		}))
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, site.url+"/road", nil)
		must(err)
		res, err := site.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		cancel()
		if !<-told {
			t.Error("the channel closed without a word")
		}
	})
}

// TestWhatAWriterCanDoIsWhatTheServersCan asks a handler's writer what it can
// do, by assertion and through a ResponseController, with nothing, a writer
// that hides and one that unwraps between the server and us.
func TestWhatAWriterCanDoIsWhatTheServersCan(t *testing.T) {
	for _, tc := range []struct {
		name         string
		wrap         func(http.ResponseWriter) http.ResponseWriter
		http1, http2 string
	}{
		{"nothing between", func(w http.ResponseWriter) http.ResponseWriter { return w }, "flush hijack readfrom closenotify", "flush closenotify"},
		{"one that unwraps", wrapFrank, "flush hijack", "flush"},
		{"one that hides", wrapBare, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var can []string
			build := func(s *roadSite) http.Handler {
				return behind(tc.wrap, s.saves(func(w http.ResponseWriter, _ *http.Request) {
					can = nil
					rc := http.NewResponseController(w)
					if _, ok := w.(http.Flusher); ok {
						can = append(can, "flush")
					} else if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
						can = append(can, "a flush without Flusher")
					}
					if _, ok := w.(http.Hijacker); ok {
						can = append(can, "hijack")
					} else if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
						can = append(can, "a hijack without Hijacker")
					}
					if _, ok := w.(io.ReaderFrom); ok {
						can = append(can, "readfrom")
					}
					if _, ok := w.(closeNotifier); ok {
						can = append(can, "closenotify")
					}
				}))
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				answer := site.get(t, "/road")
				want := tc.http1
				if answer.ProtoMajor == 2 {
					want = tc.http2
				}
				if got := strings.Join(can, " "); got != want {
					t.Errorf("can %q, want %q", got, want)
				}
				if got := site.now(t); got != "after" {
					t.Errorf("the next request finds %q", got)
				}
			})
		})
	}
}

// browserModel is what the browser should hold: k in the data, and flash.
type browserModel struct {
	value string
	flash map[string]string
}

// walk is one request of the model beside the real one.
type walk struct {
	w       http.ResponseWriter
	session *cookiesession.Session
	browser *browserModel
	random  *rand.Rand
	steps   []string // taken so far
	wrong   []string

	value                             string
	in, out                           map[string]string // flash that came and that goes
	dirty, destroyed, kept, committed bool
}

// wrote compares a write's error with what the model expects, and reports
// whether the write counts.
func (x *walk) wrote(err error) bool {
	if errors.Is(err, cookiesession.ErrCommitted) != x.committed || err != nil && !x.committed {
		x.wrong = append(x.wrong, fmt.Sprintf("after %q a write returned %v", x.steps, err))
	}
	return err == nil
}

func (x *walk) sees(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		x.wrong = append(x.wrong, fmt.Sprintf("after %q the %s is %.40q, want %.40q", x.steps, what, got, want))
	}
}

// leave is the model of a commit.
func (x *walk) leave(status int) {
	if x.committed {
		return
	}
	x.committed = true
	if x.destroyed {
		*x.browser = browserModel{"<nil>", nil}
	}
	if status >= 500 {
		return
	}
	if x.dirty {
		x.browser.value = x.value
	}
	next := map[string]string{}
	if status != http.StatusOK || x.kept {
		maps.Copy(next, x.in)
	}
	maps.Copy(next, x.out)
	x.browser.flash = next
}

func (x *walk) answer(status int) {
	x.w.WriteHeader(status)
	x.leave(status)
}

// text is short, or long enough for a second cookie.
func (x *walk) text() string {
	return fmt.Sprint(x.random.IntN(1000), strings.Repeat("y", 2500*x.random.IntN(2)))
}

func (x *walk) forgetFlash() { x.in, x.out, x.kept = map[string]string{}, map[string]string{}, false }

var walkSteps = map[string]func(*walk){
	"set": func(x *walk) {
		if v := x.text(); x.wrote(x.session.Set("k", v)) {
			x.value, x.dirty = v, true
		}
	},
	"delete": func(x *walk) {
		if x.wrote(x.session.Delete("k")) && x.value != "<nil>" {
			x.value, x.dirty = "<nil>", true
		}
	},
	"destroy": func(x *walk) {
		if x.wrote(x.session.Destroy()) {
			x.value, x.dirty, x.destroyed = "<nil>", false, true
			x.forgetFlash()
		}
	},
	"flash": func(x *walk) {
		key, v := string(rune('f'+x.random.IntN(3))), fmt.Sprint(x.random.IntN(1000))
		if x.wrote(x.session.Flash(key, v)) {
			x.out[key] = v
		}
	},
	"keep flash": func(x *walk) {
		x.session.KeepFlash()
		x.kept = x.kept || !x.committed
	},
	"clear flash": func(x *walk) {
		if x.session.ClearFlash(); !x.committed {
			x.forgetFlash()
		}
	},
	"delete flash": func(x *walk) {
		if x.wrote(x.session.Delete("f")) {
			delete(x.in, "f")
		}
	},
	"look":          func(x *walk) { x.sees("value", x.session.Value("k"), x.value) },
	"look at flash": func(x *walk) { x.sees("flash", x.session.Flashes(), x.in) },
	"look for a flash": func(x *walk) {
		_, has := x.in["f"]
		x.sees("presence of f", x.session.Has("f"), has)
	},
	"103":          func(x *walk) { x.w.WriteHeader(103) },
	"200":          func(x *walk) { x.answer(200) },
	"204":          func(x *walk) { x.answer(204) },
	"303":          func(x *walk) { x.answer(303) },
	"500":          func(x *walk) { x.answer(500) },
	"write":        func(x *walk) { x.leave(200); io.WriteString(x.w, "x") },
	"flush":        func(x *walk) { x.leave(200); x.w.(http.Flusher).Flush() },
	"copy":         func(x *walk) { x.leave(200); io.Copy(x.w, plainReader{strings.NewReader(page[:3000])}) },
	"copy nothing": func(x *walk) { io.Copy(x.w, plainReader{strings.NewReader("")}) },
	"panic":        func(x *walk) { x.leave(500); panic("oops") },
}

// TestRandomWalksEndWhereTheModelEnds takes what a handler may do in random
// order, request after request of one browser, and compares every look and
// every error with a model of the rules.
func TestRandomWalksEndWhereTheModelEnds(t *testing.T) {
	names := slices.Sorted(maps.Keys(walkSteps))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	browser := new(browserModel)
	walks := make(chan *walk, 1) // a 204 that is flushed is complete before its handler returns
	build := func(s *roadSite) http.Handler {
		return recovers(s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			x := &walk{w: w, session: session, browser: browser, random: random, value: browser.value}
			defer func() { walks <- x }()
			x.forgetFlash()
			maps.Copy(x.in, browser.flash)
			for range 1 + random.IntN(7) {
				step := names[random.IntN(len(names))]
				if random.IntN(4) == 0 {
					step = "flash" // the most rules
				}
				x.steps = append(x.steps, step)
				walkSteps[step](x)
			}
			x.leave(http.StatusOK)
		}))
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		*browser = browserModel{"<nil>", nil}
		for range 400 {
			site.get(t, "/road")
			x := <-walks
			if random.IntN(2) == 0 {
				x.sees("flash of the next request", site.get(t, "/flashes").body, browser.flash)
				x.sees("value of the next request", site.now(t), browser.value)
				browser.flash = nil // those were pages
			}
			if len(x.wrong) != 0 {
				t.Fatal(strings.Join(x.wrong, "\n"))
			}
		}
	})
}
