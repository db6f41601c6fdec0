package acceptance_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestEveryRoadOutCarriesTheSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	testkit.Must(os.WriteFile(file, []byte(page), 0o600))
	serve := func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(file)
		testkit.Must(err)
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
					testkit.Must(http.NewResponseController(w).Flush())
					io.WriteString(w, "late")
				})
			},
			status: 200, body: "late", cookies: saved, now: "after"},
		{name: "sends early hints first",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					w.Header().Set("Link", "</style.css>; rel=preload; as=style")
					w.WriteHeader(http.StatusEarlyHints)
					testkit.Must(session.Set("k", "after"))
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
					testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
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
						testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
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
						testkit.Must(s.m.FromContext(r.Context()).Destroy())
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
					testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
					panic("oops")
				})))
			},
			status: 500, body: "recovered\n", now: "before"},
		{name: "panics around a TimeoutHandler",
			build: func(s *roadSite) http.Handler {
				return recovers(s.m.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					testkit.Must(s.m.FromContext(r.Context()).Destroy())
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
					testkit.Must(session.Destroy())
					testkit.Must(session.Set("k", "after"))
					panic("oops")
				}))
			},
			status: 500, body: "recovered\n", cookies: deleted, now: "<nil>"},
		{name: "logs out, stores something and fails",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					testkit.Must(session.Destroy())
					testkit.Must(session.Set("k", "after"))
					w.WriteHeader(503)
				})
			},
			status: 503, cookies: deleted, now: "<nil>"},
		{name: "logs out and in again",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					testkit.Must(session.Destroy())
					testkit.Must(session.Set("k", "after"))
				})
			},
			status: 200, cookies: saved, now: "after"},
		{name: "takes the last value away and fails: only Destroy is carried out",
			build: func(s *roadSite) http.Handler {
				return s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
					testkit.Must(session.Delete("k"))
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
					testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
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
					testkit.Must(session.Set("k", "after"))
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
					testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
					serve(w, r)
				})))
			},
			status: 200, body: page, cookies: saved, now: "after"},
		{name: "between writers that unwrap, flushing first",
			build: func(s *roadSite) http.Handler {
				return behind(wrapFrank, s.m.Handler(behind(wrapFrank, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					testkit.Must(s.m.FromContext(r.Context()).Set("k", "after"))
					testkit.Must(http.NewResponseController(w).Flush())
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

func TestTheFirstEventArrivesBeforeTheHandlerEnds(t *testing.T) {
	for name, flush := range map[string]func(http.ResponseWriter){
		"by assertion":                 func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"through a ResponseController": func(w http.ResponseWriter) { testkit.Must(http.NewResponseController(w).Flush()) },
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
				testkit.Must(err)
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
		testkit.Must(err)
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n")
		testkit.Must(w.Header().Write(rw))
		fmt.Fprint(rw, "\r\n")
		testkit.Must(rw.Flush())
		line, err := rw.ReadString('\n')
		testkit.Must(err)
		fmt.Fprint(rw, line)
		testkit.Must(rw.Flush())
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
				testkit.Must(err)
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

// checkNoHijack checks HTTP/2, where no connection can be taken over. The handler
// is told so, and its 501 is a response like any other.
func checkNoHijack(t *testing.T, site *roadSite, res *http.Response) {
	t.Helper()
	if res.StatusCode != http.StatusNotImplemented {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := site.events.Of(cookiesession.EventWriteRefused); len(got) != 0 {
		t.Errorf("refused writes: %v", got)
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
					cfg.Keyring, cfg.OnEvent = s.ring, s.events.Add
					strict := testkit.Manager(t, cfg)
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

// TestWhatTheHandlerFindsOutReachesTheServersOwnRequest: the handler gets a copy
// of the request. But net/http removes the files of an upload that it finds in
// the request it has made, and loggers outside read there which pattern matched.
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
					testkit.Must(r.ParseMultipartForm(0)) // nothing in memory
					left, err := os.ReadDir(dir)
					testkit.Must(err)
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
				site.now(t) // uses the same connection, so the first request is over by then
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
	testkit.Must(err)
	io.WriteString(part, page)
	testkit.Must(form.Close())
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

func TestTwoManagersSideBySideBothSave(t *testing.T) {
	for name, road := range map[string]struct {
		do      func(http.ResponseWriter, *cookiesession.Session, *cookiesession.Session)
		status  int
		cookies []string
	}{
		"a body": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			testkit.Must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
			io.WriteString(w, "ok")
		}, 200, []string{"s_a", "s_b"}},
		"a flush": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			testkit.Must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
			w.(http.Flusher).Flush()
		}, 200, []string{"s_a", "s_b"}},
		"nothing": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			testkit.Must(errors.Join(a.Set("k", 1), b.Set("k", 2)))
		}, 200, []string{"s_a", "s_b"}},
		"only the inner one used": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			testkit.Must(b.Set("k", 2))
		}, 200, []string{"s_b"}},
		"both ended, then a panic": {func(w http.ResponseWriter, a, b *cookiesession.Session) {
			testkit.Must(errors.Join(a.Destroy(), b.Destroy()))
			panic("oops")
		}, 500, []string{"-s_a", "-s_b"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := testkit.Manager(t, cookiesession.Config{Name: "a"})
			b := testkit.Manager(t, cookiesession.Config{Name: "b"})
			prepare := true
			build := func(*roadSite) http.Handler {
				return recovers(a.Handler(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					one, two := a.FromContext(r.Context()), b.FromContext(r.Context())
					if prepare {
						testkit.Must(errors.Join(one.Set("k", 0), two.Set("k", 0)))
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
