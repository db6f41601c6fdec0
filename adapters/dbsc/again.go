package dbsc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

// Again is why Config.Wait is asked for a page, and after how many seconds the
// browser should try again. 0 is at once. It is false for other requests.
func Again(r *http.Request) (seconds int, ok bool) {
	seconds, ok = r.Context().Value(againKey{}).(int)
	return seconds, ok
}

type againKey struct{}

// retryAfter is how long Chromium waits after a refresh that failed, in seconds.
const retryAfter = 2

// asksAgain answers a page request that comes without a fresh bound cookie
// though the browser has the key, and reports whether it did. Such a request
// costs one look at the session more.
func (b *Binding) asksAgain(w http.ResponseWriter, r *http.Request) bool {
	seconds, may := b.mayAskAgain(r)
	if !may {
		return false
	}
	if v := b.visit(r); !errors.Is(v.s.Rejected(), ErrStale) { // opens a session of its own, which nobody commits
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Cookie, Sec-Fetch-Site, Secure-Session-Skipped")
	b.cfg.Wait.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), againKey{}, seconds)))
	return true
}

// mayAskAgain says whether an answer may be worth another request, and after
// how many seconds. It looks at no session.
//
// Where the browser could not refresh, because a server was down, it will soon.
// A link from another site may not make it refresh, unless
// AllowedRefreshInitiators says so, but a page of ours may: the second request
// comes from our own origin, so this happens once.
func (b *Binding) mayAskAgain(r *http.Request) (seconds int, may bool) {
	if r.Method != http.MethodGet || !isPage(r) || !cookie.Contains(b.data, r.Header["Cookie"]) {
		return 0, false
	}
	if slices.Contains([]string{unreachable, serverError}, skipped(r)) {
		return retryAfter, true
	}
	from := r.Header.Get("Sec-Fetch-Site")
	return 0, !b.anyInitiator && (from == "cross-site" || from == "same-site") && !cookie.Contains(b.name, r.Header["Cookie"])
}

// serveWait is the default of Config.Wait.
func serveWait(w http.ResponseWriter, r *http.Request) {
	seconds, _ := Again(r)
	h, wait := w.Header(), strconv.Itoa(seconds)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	if seconds > 0 {
		h.Set("Retry-After", wait)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="`+wait+
		`"><title>One moment</title><p>One moment, please. If nothing happens, load this page again.</p></html>`)
}
