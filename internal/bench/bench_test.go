package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession"
)

func TestEveryContenderCountsThroughTheCookieRoundTrip(t *testing.T) {
	for _, extra := range []int{0, 16} {
		for _, c := range everyone() {
			t.Run(c.name()+"/"+strconv.Itoa(7+extra)+" keys", func(t *testing.T) {
				cookies, err := start(c, session(extra))
				if err != nil {
					t.Fatal(err)
				}
				for visit := visits + 1; visit <= visits+3; visit++ {
					w := httptest.NewRecorder()
					serve(c, readCountWrite).ServeHTTP(w, request(cookies))
					if got := w.Body.String(); got != strconv.FormatInt(visit, 10) {
						t.Fatalf("counted %s, want %d", got, visit)
					}
					if cookies = w.Result().Cookies(); len(cookies) == 0 {
						t.Fatal("the count was not saved: no Set-Cookie")
					}
				}
				w := httptest.NewRecorder()
				serve(c, readOne).ServeHTTP(w, request(cookies))
				if got := w.Body.String(); got != strconv.FormatInt(userID, 10) {
					t.Errorf("after counting, the user's id reads as %s, want %d", got, userID)
				}
			})
		}
	}
}

func TestAHandlerThatDoesNotWriteSetsNoCookie(t *testing.T) {
	for _, c := range contenders() {
		for _, a := range []act{untouched, readOne} {
			cookies, err := start(c, session(0))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			serve(c, a).ServeHTTP(w, request(cookies))
			if set := w.Result().Cookies(); len(set) != 0 {
				t.Errorf("%s, %s: %d cookies set, want none", c.name(), a, len(set))
			}
		}
	}
}

func TestTheFloorsOpenWhatTheySealed(t *testing.T) {
	plain := bytes.Repeat([]byte("session "), 21)
	for _, f := range floors() {
		text := f.seal(plain)
		if got := f.open(text); !bytes.Equal(got, plain) {
			t.Errorf("%s: opens to %q, want %q", f.name(), got, plain)
		}
		if f.open("A"+text) != nil || f.open(text[:len(text)-1]) != nil {
			t.Errorf("%s: a forged text opens", f.name())
		}
	}
}

// Requests of several visitors share a manager and a ring, and no lock.
func TestNoRequestWaitsForAnother(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	for _, f := range formats {
		c := newOurs(f)
		cookies, err := start(c, session(0))
		if err != nil {
			t.Fatal(err)
		}
		request := func(wrap func(http.Handler) http.Handler) func() func() {
			return func() func() { return oneRequest(wrap(serve(c, readCountWrite)), request(cookies)) }
		}
		free := waits(request(func(h http.Handler) http.Handler { return h }))
		var mu sync.Mutex
		locked := request(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				h.ServeHTTP(w, r)
			})
		})
		// sync.Pool takes a lock when a processor first meets it: a few waits in 20,000 requests.
		if one := waits(locked); one < 50 || free > one/10 {
			t.Errorf("%s: requests waited for each other %d times; behind one lock they wait %d times", f, free, one)
		}
	}
}

// waits returns how often goroutines that send requests waited for a mutex.
func waits(newOp func() func()) (n int64) {
	before := contentions()
	var done sync.WaitGroup
	for range 4 {
		op := newOp()
		done.Go(func() {
			for range 5000 {
				op()
			}
		})
	}
	done.Wait()
	return contentions() - before
}

// contentions counts the waits for locks, but for the runtime's own, of the
// allocator for one.
func contentions() (n int64) {
	records := make([]runtime.BlockProfileRecord, 10_000)
	have, _ := runtime.MutexProfile(records)
	for _, r := range records[:have] {
		if f, _ := runtime.CallersFrames(r.Stack()).Next(); !strings.HasPrefix(f.Function, "runtime.") {
			n += r.Count
		}
	}
	return n
}

func BenchmarkRequest(b *testing.B) {
	for _, keys := range []int{7, 23} {
		for _, a := range []act{untouched, readOne, readCountWrite} {
			for _, c := range append([]contender{harness{}}, contenders()...) {
				b.Run(strconv.Itoa(keys)+" keys/"+a.String()+"/"+c.name(), func(b *testing.B) {
					var cookies []*http.Cookie
					if c.name() != (harness{}).name() {
						var err error
						if cookies, err = start(c, session(keys-7)); err != nil {
							b.Fatal(err)
						}
					}
					op := oneRequest(serve(c, a), request(cookies))
					b.ReportAllocs()
					for b.Loop() {
						op()
					}
				})
			}
		}
	}
}

func BenchmarkFloor(b *testing.B) {
	for _, size := range []int{168, 1018} {
		for _, f := range floors() {
			b.Run(strconv.Itoa(size)+" bytes/"+f.name(), func(b *testing.B) {
				op := bothWays(f, size)
				b.ReportAllocs()
				for b.Loop() {
					op()
				}
			})
		}
	}
}

func TestTheSessionsAreAsLargeAsTheFloorsAre(t *testing.T) {
	for _, keys := range []int{7, 23} {
		cookies, err := start(newOurs(cookiesession.FormatCompact), session(keys-7))
		if err != nil {
			t.Fatal(err)
		}
		const version, iv, mac = 1, 16, 16
		want := len(cookie) + len("=kkkk.") + base64.RawURLEncoding.EncodedLen(version+iv+payload(keys)+mac)
		if got := cookieBytes(cookies); got != want {
			t.Errorf("%d keys: %d bytes of cookies, want %d for a payload of %d", keys, got, want, payload(keys))
		}
	}
}
