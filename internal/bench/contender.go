package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// A contender is one way to give a handler a session. All of them get the same
// pairs, the same three handlers and the same requests.
type contender interface {
	name() string
	wrap(next http.Handler) http.Handler // its middleware; next itself if it has none
	features() features

	// The handlers' bodies, inside wrap. A contender that saves in the handler
	// does so here.
	fill(w http.ResponseWriter, r *http.Request, pairs []pair) error
	read(w http.ResponseWriter, r *http.Request) int64  // the user's id
	count(w http.ResponseWriter, r *http.Request) int64 // reads the id, counts the visit and gives the new count
}

// A framed contender lives in a framework. What the framework costs without a
// session is not the session's cost: it is taken off instead of the harness's.
type framed interface {
	contender
	bare() contender
}

type pair struct {
	key   string
	value any
}

const (
	userID    int64 = 7_295_834_601_283_746
	visits    int64 = 41
	cookie          = "s_session" // one name for everybody: it counts among the cookie's bytes
	lifetime        = 14 * 24 * time.Hour
	hashKey         = "f9Nq3vJx7mC2wLr8sTz4bYk6dHg1pQe5" // keys of nobody: they never leave this program
	blockKey        = "Xa5uVw9cRj2kZt7nEh4yGf8mBs3qLd6P"
	secretKey       = "q8Zr1Yw6Lk3Vx0Nc5Jm9Tb2Hf7Gd4Ps-uEaXoKiQ"
)

// session is the 7 keys of an ordinary login, 168 bytes as our payload of
// msgpack, and behind them extra strings of 43 bytes: 16 make it 1,018 bytes.
func session(extra int) []pair {
	pairs := []pair{
		{"id", userID},
		{"email", "ada.lovelace@maths.example"},
		{"token", "6f1c0b7e94d2458aa3e5c8107bd9f264"},
		{"roles", []string{"editor", "admin"}},
		{"counter", visits},
		{"theme", "dark"},
		{"time", time.Date(2026, time.November, 2, 9, 41, 7, 0, time.UTC)},
	}
	for i := range extra {
		key := fmt.Sprintf("text_%02d", i)
		pairs = append(pairs, pair{key, key + ":" + strings.Repeat(string(rune('a'+i%26)), 35)})
	}
	return pairs
}

// act is what a handler does with its session.
type act int

const (
	untouched act = iota
	readOne
	readCountWrite
)

func (a act) String() string {
	return [...]string{"untouched", "read one key", "read, count, write"}[a]
}

// serve is the contender's handler for a. Its scratch for the body makes it a
// handler for one goroutine.
func serve(c contender, a act) http.Handler {
	return c.wrap(answer(c, a, make([]byte, 0, 20)))
}

// answer is the handler inside wrap. With a body of nil it allocates one for
// each request, and several goroutines may call it.
func answer(c contender, a act, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int64
		switch a {
		case readOne:
			n = c.read(w, r)
		case readCountWrite:
			n = c.count(w, r)
		}
		w.Write(strconv.AppendInt(body[:0], n, 10))
	})
}

var errTooLarge = errors.New("the contender cannot store this session")

// start stores pairs in a new session and returns the cookies that bring it back.
func start(c contender, pairs []pair) ([]*http.Cookie, error) {
	var failed error
	h := c.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failed = c.fill(w, r, pairs)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	cookies := w.Result().Cookies()
	if failed != nil || len(cookies) == 0 {
		return nil, errors.Join(errTooLarge, failed)
	}
	for _, c := range cookies {
		if cookieBytes([]*http.Cookie{c})-len("=") > limit {
			return nil, errTooLarge // a browser would drop it
		}
	}
	return cookies, nil
}

// request is a browser's request with these cookies.
func request(cookies []*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "https://example.org/account", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// cookieBytes is what the cookies cost on every request: names, "=" and values.
func cookieBytes(cookies []*http.Cookie) int {
	n := 0
	for _, c := range cookies {
		n += len(c.Name) + len("=") + len(c.Value)
	}
	return n
}
