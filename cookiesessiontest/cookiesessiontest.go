// Package cookiesessiontest helps programs to test handlers that use sessions:
// a manager with a key of its own, a request that carries a session, and the
// session as the next request finds it. A handler is tested behind
// [cookiesession.Manager.Handler], as it runs.
//
// Everything works inside a [testing/synctest] bubble, where expiry needs no
// waiting, and with an [http.CookieJar]: fill one with what [Request] made,
//
//	jar.SetCookies(url, cookiesessiontest.Request(t, m, r, prepare).Cookies())
//
// and look at what a client got with Next(t, m, res.Request, res).
package cookiesessiontest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
)

// NewManager makes a manager as cfg says, with a fresh key if cfg has no
// Keyring. The test fails where [cookiesession.New] refuses cfg.
func NewManager(t testing.TB, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	if cfg.Keyring == nil {
		ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Keyring = ring
	}
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Request returns a copy of r that carries a session as prepare left it: data,
// flash, an expiry, a test cookie. They come as from an earlier request that
// was permitted and answered with a redirect. With TrackViews that request is
// counted. A session that r carries already is what prepare begins with, so
// calls can be chained. Cookies of others stay. The test fails when what
// prepare wrote cannot be saved. The errors of its own calls are for prepare.
func Request(t testing.TB, m *cookiesession.Manager, r *http.Request, prepare func(*cookiesession.Session)) *http.Request {
	t.Helper()
	s := m.Open(r.Context(), r.Header["Cookie"]...)
	s.Allow()
	if prepare != nil {
		prepare(s)
	}
	header := http.Header{}
	if err := m.Commit(header, s, http.StatusSeeOther); err != nil {
		t.Fatal(err)
	}
	return browse(r, &http.Response{Header: header})
}

// Next returns the session as the next request finds it, flash included, when
// r was answered with res: a request like r, with the cookies that r carried
// and res set or deleted. Consent is asked about that request. For a recorder
// res is its Result.
func Next(t testing.TB, m *cookiesession.Manager, r *http.Request, res *http.Response) *cookiesession.Session {
	t.Helper()
	return m.OpenRequest(browse(r, res))
}

// browse returns r with the cookies that a browser holds after res, as if all
// that r carried had the path and the domain of what res changes. The context
// of r may have ended.
func browse(r *http.Request, res *http.Response) *http.Request {
	next := r.Clone(context.WithoutCancel(r.Context()))
	set := res.Cookies()
	changed := make(map[string]bool, len(set))
	for _, c := range set {
		changed[c.Name] = true
	}
	var pairs []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if name, _, _ := strings.Cut(pair, "="); pair != "" && !changed[name] {
				pairs = append(pairs, pair)
			}
		}
	}
	for i, c := range set {
		replaced := slices.ContainsFunc(set[i+1:], func(later *http.Cookie) bool { return sameCookie(c, later) })
		if !replaced && !deletes(c) {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	next.Header.Del("Cookie")
	if len(pairs) > 0 {
		next.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	return next
}

// sameCookie reports whether a later line of a response replaces or deletes an
// earlier one: a browser tells cookies apart by their scope too, and a response
// may set a cookie on one path and delete it on another.
func sameCookie(a, later *http.Cookie) bool {
	return a.Name == later.Name && a.Path == later.Path && strings.EqualFold(a.Domain, later.Domain)
}

func deletes(c *http.Cookie) bool {
	return c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && !c.Expires.After(time.Now())
}
