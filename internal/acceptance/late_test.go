package acceptance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

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
					testkit.Must(session.Set("k", "after"))
					leave(w)
					late = session.Set("k", "late")
				})
			}
			eachProtocol(t, build, func(t *testing.T, site *roadSite) {
				site.get(t, "/road")
				if !errors.Is(late, cookiesession.ErrCommitted) {
					t.Errorf("the write returned %v", late)
				}
				events := site.events.Of(cookiesession.EventWriteRefused)
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
			testkit.Must(session.Set("k", "after"))
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
		if events := site.events.Of(cookiesession.EventWriteRefused); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}

// TestAWriteEitherGoesOutOrIsRefused has goroutines write while the header
// leaves. The next request finds the last value that Set accepted from each.
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
		if events := site.events.Of(cookiesession.EventWriteRefused); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}

// TestALateHandlerMayChangeTheRequestWhileTheResponseLeaves is for the race
// detector. A TimeoutHandler answers while its own handler still runs. That one
// may still write to the map of the request's header. If we read the map then, the
// process ends.
func TestALateHandlerMayChangeTheRequestWhileTheResponseLeaves(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{TrackViews: true})
	first := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		testkit.Must(m.FromContext(r.Context()).Flash("note", "hello"))
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
		if events := site.events.Of(cookiesession.EventLateLook); len(events) != 1 {
			t.Errorf("events %v", events)
		}
	})
}
