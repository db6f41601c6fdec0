package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

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
	testkit.Must(os.WriteFile(file, []byte(page), 0o600))
	m := testkit.Manager(t, cookiesession.Config{Insecure: true})
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
				testkit.Must(m.FromContext(r.Context()).Set("k", "after"))
				f, err := os.Open(file)
				testkit.Must(err)
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

func TestDeadlinesReachTheConnection(t *testing.T) {
	past := time.Unix(1, 0)
	t.Run("for writing", func(t *testing.T) {
		build := func(s *roadSite) http.Handler {
			return s.saves(func(w http.ResponseWriter, _ *http.Request) {
				testkit.Must(http.NewResponseController(w).SetWriteDeadline(past))
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
				testkit.Must(http.NewResponseController(w).SetReadDeadline(past))
				_, err := io.ReadAll(r.Body)
				fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded))
			})
		}
		eachProtocol(t, build, func(t *testing.T, site *roadSite) {
			body, hold := io.Pipe()
			defer hold.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.url+"/road", body)
			testkit.Must(err)
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
			testkit.Must(http.NewResponseController(w).EnableFullDuplex())
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
		other := testkit.Manager(t, cookiesession.Config{Name: "other"})
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
		testkit.Must(err)
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
