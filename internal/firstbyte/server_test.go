package firstbyte_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/firstbyte"
)

// serve runs handler behind the writer on a real server, which speaks HTTP/1.1
// with the first client and HTTP/2 with the second. The hook sets the field
// Hook to the status that it was told.
func serve(t *testing.T, handler http.HandlerFunc) (url string, clients map[string]*http.Client) {
	t.Helper()
	return serveBehind(t, func(w http.ResponseWriter) http.ResponseWriter { return w }, handler)
}

// serveBehind is serve with another writer between the server's and ours.
func serveBehind(t *testing.T, wrap func(http.ResponseWriter) http.ResponseWriter, handler http.HandlerFunc) (url string, clients map[string]*http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fw firstbyte.Writer
		handler(fw.Wrap(wrap(w), statusHook{}), r)
		fw.Finish()
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	one := server.Client().Transport.(*http.Transport).Clone()
	one.Protocols = new(http.Protocols)
	one.Protocols.SetHTTP1(true)
	one.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.Cleanup(one.CloseIdleConnections)
	return server.URL, map[string]*http.Client{"HTTP/1.1": {Transport: one}, "HTTP/2.0": server.Client()}
}

type statusHook struct{}

func (statusHook) BeforeHeader(h http.Header, status int) { h.Add("Hook", fmt.Sprint(status)) }

func TestARealServerSendsWhatTheHookAdded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("line\n"), 20_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		hook   string
		length int
		road   http.HandlerFunc
	}{
		{"nothing", "200", 0, func(http.ResponseWriter, *http.Request) {}},
		{"early flush", "200", 4, func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); w.Write([]byte("late")) }},
		{"no content", "204", 0, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }},
		{"not modified", "304", 0, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(304) }},
		{"a file", "200", 100_000, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }},
		{"a copied file", "200", 100_000, func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(file)
			if err != nil {
				panic(err)
			}
			defer f.Close()
			io.Copy(w, f)
		}},
		{"deadlines and full duplex", "200", 0, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			if err := errors.Join(rc.SetReadDeadline(time.Now().Add(time.Hour)), rc.SetWriteDeadline(time.Now().Add(time.Hour)), rc.EnableFullDuplex()); err != nil {
				http.Error(w, err.Error(), 500)
			}
		}},
		{"an upstream that fails at once", "502", 4, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(w, onlyReader{failing{}}); err != nil {
				w.WriteHeader(502)
				io.WriteString(w, "sad\n")
			}
		}},
	} {
		url, clients := serve(t, tc.road)
		for proto, client := range clients {
			t.Run(tc.name+" over "+proto, func(t *testing.T) {
				res, err := client.Get(url)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil || len(body) != tc.length {
					t.Errorf("body of %d bytes, %v", len(body), err)
				}
				if got := res.Header.Values("Hook"); !slices.Equal(got, []string{tc.hook}) || fmt.Sprint(res.StatusCode) != tc.hook {
					t.Errorf("status %d, hook %q; want %s", res.StatusCode, got, tc.hook)
				}
				if res.Proto != proto {
					t.Errorf("spoke %s", res.Proto)
				}
			})
		}
	}
}

func TestARealServerKeepsTheHookOutOfEarlyHints(t *testing.T) {
	url, clients := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.WriteHeader(103)
		w.WriteHeader(200)
	})
	for proto, client := range clients {
		t.Run(proto, func(t *testing.T) {
			var hints []textproto.MIMEHeader
			trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
				hints = append(hints, h)
				return nil
			}}
			req, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if len(hints) != 1 || hints[0].Get("Link") == "" || hints[0].Get("Hook") != "" {
				t.Errorf("hints: %v", hints)
			}
			if got := res.Header.Get("Hook"); got != "200" {
				t.Errorf("final hook %q", got)
			}
		})
	}
}

func TestARealServerPanicsOnWhatIsNoStatus(t *testing.T) {
	url, clients := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			w.Header().Set("Recovered", fmt.Sprint(recover()))
			w.WriteHeader(500)
		}()
		w.WriteHeader(42)
	})
	for proto, client := range clients {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Recovered"); !strings.Contains(got, "invalid WriteHeader code 42") {
			t.Errorf("%s: recovered %q", proto, got)
		}
		if got := res.Header.Values("Hook"); !slices.Equal(got, []string{"500"}) {
			t.Errorf("%s: hook %q", proto, got)
		}
	}
}

func TestARealServerHandsOverAHijackedConnection(t *testing.T) {
	url, clients := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h, ok := w.(http.Hijacker)
		if !ok {
			http.Error(w, "no hijacker", http.StatusNotImplemented)
			return
		}
		conn, _, err := h.Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 204 Taken\r\nConnection: close\r\n")
		w.Header().Write(conn)
		fmt.Fprint(conn, "\r\n")
	})
	for proto, want := range map[string]struct {
		status int
		hook   string
	}{"HTTP/1.1": {204, "101"}, "HTTP/2.0": {501, "501"}} {
		res, err := clients[proto].Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want.status || res.Header.Get("Hook") != want.hook {
			t.Errorf("%s: status %d, hook %q", proto, res.StatusCode, res.Header.Get("Hook"))
		}
	}
}

// must panics on an error that would make the test pointless.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// page is longer than any buffer on its way.
var page = strings.Repeat("a line of the page\n", 20_000)

// recordingListener gives connections that tell what the kernel is asked to
// send by itself.
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
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var fw firstbyte.Writer
				defer fw.Finish()
				f, err := os.Open(file)
				must(err)
				defer f.Close()
				send(fw.Wrap(w, statusHook{}), r, f)
			}))
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
			if got := res.Header.Get("Hook"); got != "200" {
				t.Errorf("hook %q", got)
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

func TestDeadlinesReachTheConnection(t *testing.T) {
	past := time.Unix(1, 0)
	t.Run("for writing", func(t *testing.T) {
		url, clients := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			must(http.NewResponseController(w).SetWriteDeadline(past))
			io.WriteString(w, page)
		})
		for proto, client := range clients {
			res, err := client.Get(url)
			if err != nil {
				continue
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Errorf("%s: a response of %d bytes after the deadline", proto, len(body))
			}
		}
	})
	t.Run("for reading", func(t *testing.T) {
		url, clients := serve(t, func(w http.ResponseWriter, r *http.Request) {
			must(http.NewResponseController(w).SetReadDeadline(past))
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded))
		})
		for proto, client := range clients {
			body, hold := io.Pipe()
			res, err := client.Post(url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != "true" {
				t.Errorf("%s: reading exceeded its deadline: %s, %v", proto, got, err)
			}
			res.Body.Close()
			hold.Close()
		}
	})
}

func TestFullDuplexIsToBeHad(t *testing.T) {
	url, clients := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		must(http.NewResponseController(w).EnableFullDuplex())
	})
	for proto, client := range clients {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s: status %d", proto, res.StatusCode)
		}
	}
}

// closeNotifier is the deprecated http.CloseNotifier, which gin's Stream asserts.
type closeNotifier interface{ CloseNotify() <-chan bool }

func TestAHandlerLearnsThatItsClientHasGone(t *testing.T) {
	told := make(chan bool, 2)
	url, clients := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var inner firstbyte.Writer // two managers, one in the other
		defer inner.Finish()
		w = inner.Wrap(w, statusHook{})
		gone := w.(closeNotifier).CloseNotify()
		w.(http.Flusher).Flush()
		told <- <-gone
	})
	for proto, client := range clients {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		must(err)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if !<-told {
			t.Errorf("%s: the channel closed without a word", proto)
		}
		res.Body.Close()
	}
}

// TestWhatAWriterCanDoIsWhatTheServersCan asks a handler's writer what it can
// do, by assertion and through a ResponseController. Between the server and us
// stands nothing, a writer that unwraps or one that hides.
func TestWhatAWriterCanDoIsWhatTheServersCan(t *testing.T) {
	for _, tc := range []struct {
		name string
		wrap func(http.ResponseWriter) http.ResponseWriter
		want map[string]string // by protocol
	}{
		{"nothing between", func(w http.ResponseWriter) http.ResponseWriter { return w },
			map[string]string{"HTTP/1.1": "flush hijack readfrom closenotify", "HTTP/2.0": "flush closenotify"}},
		{"one that unwraps", func(w http.ResponseWriter) http.ResponseWriter { return unwraps{hides{w}, w} },
			map[string]string{"HTTP/1.1": "flush hijack", "HTTP/2.0": "flush"}},
		{"one that hides", func(w http.ResponseWriter) http.ResponseWriter { return hides{w} },
			map[string]string{"HTTP/1.1": "", "HTTP/2.0": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, clients := serveBehind(t, tc.wrap, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Can", strings.Join(abilities(w), " "))
			})
			for proto, client := range clients {
				res, err := client.Get(url)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if got := res.Header.Get("Can"); got != tc.want[proto] {
					t.Errorf("%s: can %q, want %q", proto, got, tc.want[proto])
				}
			}
		})
	}
}

// abilities names what w can do. What an assertion denies, a ResponseController
// must deny too: else it would go around the hook.
func abilities(w http.ResponseWriter) (can []string) {
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
	return can
}
