// Command member is one process of a fleet whose sessions can be ended: the
// smallest site with a login, and a revocation list on a real engine.
//
//	member -addr 127.0.0.1:8081 -keys keys.json -source redis://127.0.0.1:6379
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/postgres"
	"github.com/cookiesession/cookiesession/adapters/redis"
	"github.com/cookiesession/cookiesession/revocation"
	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"
)

func main() {
	addr := flag.String("addr", "", "where to listen")
	keys := flag.String("keys", "", "the key file")
	from := flag.String("source", "", "redis://… or postgres://…; empty: no list at all")
	flag.Parse()
	ring, err := cookiesession.LoadKeyFile(*keys)
	if err != nil {
		log.Fatal(err)
	}
	source, err := open(*from)
	if err != nil {
		log.Fatal(err)
	}
	// Settle is for a test machine: it is so busy that answers take half a second.
	list, err := revocation.New(revocation.Config{Source: source, Settle: 500 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	cfg := cookiesession.Config{Keyring: ring, Insecure: true}
	if *from != "" {
		cfg.Validate = list.Validate
		go list.Run(context.Background())
	}
	sessions, err := cookiesession.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	m := &member{sessions: sessions, list: list, revokes: *from != ""}
	log.Fatal(http.ListenAndServe(*addr, m.routes()))
}

func open(url string) (revocation.Source, error) {
	switch scheme, _, _ := strings.Cut(url, "://"); scheme {
	case "":
		return nil, nil
	case "redis":
		options, err := goredis.ParseURL(url)
		if err != nil {
			return nil, err
		}
		options.ContextTimeoutEnabled = true
		return redis.New(goredis.NewClient(options), ""), nil
	case "postgres":
		pool, err := pgxpool.New(context.Background(), url)
		if err != nil {
			return nil, err
		}
		return postgres.New(pool, ""), nil
	}
	return nil, errors.New("no such source")
}

type member struct {
	sessions *cookiesession.Manager
	list     *revocation.List
	revokes  bool
	slowest  atomic.Int64 // of the requests that do not revoke, in nanoseconds
}

func (m *member) routes() http.Handler {
	site := http.NewServeMux()
	site.HandleFunc("GET /me", m.me)
	site.HandleFunc("POST /login", m.login)
	site.HandleFunc("POST /count", m.count)
	inner := m.sessions.Handler(site)
	mux := http.NewServeMux()
	mux.Handle("POST /logout-everywhere", m.sessions.Handler(http.HandlerFunc(m.logoutEverywhere)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if st := m.list.Status(); m.revokes && st.AsOf.IsZero() {
			http.Error(w, "no word from the engine yet", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /slowest", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, time.Duration(m.slowest.Load()).Milliseconds())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		inner.ServeHTTP(w, r)
		took := time.Since(began).Nanoseconds()
		for old := m.slowest.Load(); took > old && !m.slowest.CompareAndSwap(old, took); old = m.slowest.Load() {
		}
	})
	return mux
}

// me answers with the user, and how often the session was counted: "Ada 3".
func (m *member) me(w http.ResponseWriter, r *http.Request) {
	s := m.sessions.FromContext(r.Context())
	if user, ok := cookiesession.Get[string](s, "user"); ok {
		fmt.Fprint(w, user, " ", cookiesession.GetOr(s, "count", 0))
	}
}

func (m *member) login(w http.ResponseWriter, r *http.Request) {
	s, user := m.sessions.FromContext(r.Context()), r.FormValue("name")
	if err := errors.Join(s.Set("user", user), s.Delete("count"), m.list.Login(s, "user:"+user)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (m *member) count(w http.ResponseWriter, r *http.Request) {
	if _, err := m.sessions.FromContext(r.Context()).Add("count", 1); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// logoutEverywhere answers "done", or "again" while the engine is away: the
// visitor is told to try again.
func (m *member) logoutEverywhere(w http.ResponseWriter, r *http.Request) {
	s := m.sessions.FromContext(r.Context())
	user, _ := cookiesession.Get[string](s, "user")
	if user == "" {
		fmt.Fprint(w, "nobody")
		return
	}
	if m.revokes {
		if err := m.list.Revoke(r.Context(), "user:"+user); err != nil {
			fmt.Fprint(w, "again")
			return
		}
	}
	if err := s.Destroy(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, "done")
}
