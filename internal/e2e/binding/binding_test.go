// Package binding_test holds device-bound sessions against a real Chromium. It is
// a package of its own because two of its tests wait two and a half minutes for
// the end of a bound cookie: the tests of other packages run meanwhile.
package binding_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
	"github.com/cookiesession/cookiesession/internal/e2e"
)

// boundSite is a site with device-bound sessions, over TLS. It can be stopped
// and started again at the same address, with other keys.
type boundSite struct {
	*testing.T
	addr     string
	cert     tls.Certificate
	sessions cookiesession.Config
	cfg      dbsc.Config
	server   *http.Server
	listener net.Listener

	mu  sync.Mutex
	log []string // method, path, status and state of each request
}

// The two hosts are two sites. Chromium is told that both are this machine.
const (
	shopHost  = "shop.test"
	otherHost = "elsewhere.test"
)

func newBoundSite(t *testing.T, sessions cookiesession.Config, cfg dbsc.Config, keys ...cookiesession.Key) *boundSite {
	s := &boundSite{T: t, addr: "127.0.0.1:0", cert: selfSigned(t), sessions: sessions, cfg: cfg}
	s.start(keys...)
	t.Cleanup(func() {
		s.stop()
		if t.Failed() || testing.Verbose() {
			t.Log(strings.Join(s.requests(), "\n"))
		}
	})
	return s
}

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{shopHost, otherHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// start serves with a new manager and a new binding: nothing is kept but the keys.
func (s *boundSite) start(keys ...cookiesession.Key) {
	s.Helper()
	ring, err := cookiesession.NewKeyring(keys...)
	if err != nil {
		s.Fatal(err)
	}
	s.sessions.Keyring = ring
	m, err := cookiesession.New(s.sessions)
	if err != nil {
		s.Fatal(err)
	}
	b, err := dbsc.New(m, s.cfg)
	if err != nil {
		s.Fatal(err)
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.Fatal(err)
	}
	s.addr, s.listener = listener.Addr().String(), listener
	s.server = &http.Server{
		Handler: s.logged(b.Handler(shopPages(m, b))), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:  log.New(io.Discard, "", 0), // restarts cut connections
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12},
	}
	go s.server.ServeTLS(listener, "", "")
}

func (s *boundSite) stop() {
	s.server.Close()
	s.listener.Close() // the server may not know it yet
}

func (s *boundSite) restart(keys ...cookiesession.Key) {
	s.Helper()
	s.stop()
	s.start(keys...)
}

func (s *boundSite) url(host, path string) string {
	_, port, _ := net.SplitHostPort(s.addr)
	return "https://" + net.JoinHostPort(host, port) + path
}

// logged writes down what is asked and answered.
func (s *boundSite) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := &statusWriter{ResponseWriter: w, status: 200}
		next.ServeHTTP(l, r)
		var cookies []string
		for _, c := range r.Cookies() {
			cookies = append(cookies, c.Name)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, l.status)+
			fmt.Sprintf(" (%s; site %q, dest %q, skipped %q, proof %t)", strings.Join(cookies, " "), r.Header.Get("Sec-Fetch-Site"),
				r.Header.Get("Sec-Fetch-Dest"), r.Header.Get("Secure-Session-Skipped"), r.Header.Get("Secure-Session-Response") != ""))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (s *boundSite) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// asked counts the requests that begin so.
func (s *boundSite) asked(prefix string) (n int) {
	for _, line := range s.requests() {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

const (
	registers = "POST /.well-known/dbsc/registration 200"
	refreshes = "POST /.well-known/dbsc/refresh 200"
)

// shopPages are the pages of both hosts.
func shopPages(m *cookiesession.Manager, b *dbsc.Binding) http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><p id="user">%s</p><p id="state">%s</p><p id="paid">%d</p>
			<form method="post" action="/login"><button id="login">Log in</button></form>
			<form method="post" action="/logout"><button id="logout">Log out</button></form>
			<form method="post" action="/pay"><input type="hidden" name="sum" value="7"><button id="pay">Pay</button></form>
			<a id="again" href="/">Again</a>`, cookiesession.GetOr(s, "user", ""), b.State(r), cookiesession.GetOr(s, "paid", 0))
	}
	logIn := func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		if err := errors.Join(s.Destroy(), s.Set("user", "Ada"), b.Bind(r)); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("POST /login", logIn)
	mux.HandleFunc("GET /callback", logIn) // the way back from a login elsewhere
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		m.FromContext(r.Context()).Destroy()
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.Handle("POST /pay", b.Prove(2*time.Second, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := m.FromContext(r.Context())
		if r.FormValue("sum") == "7" {
			s.Add("paid", 7)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))
	mux.HandleFunc("GET /links", func(w http.ResponseWriter, r *http.Request) {
		_, port, _ := net.SplitHostPort(r.Host)
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Links</title><link rel="icon" href="data:,"><a id="shop" href="https://%s:%s/">Shop</a> <a id="callback" href="https://%s:%s/callback">Log in</a>`,
			shopHost, port, shopHost, port)
	})
	return mux
}

// boundVisitor is someone with a Chromium that binds sessions with keys in software.
func (s *boundSite) boundVisitor() *boundVisitor {
	s.Helper()
	spki := sha256.Sum256(s.cert.Leaf.RawSubjectPublicKeyInfo)
	browser := bindingChromium(s.T, base64.StdEncoding.EncodeToString(spki[:]), true)
	return &boundVisitor{Visitor: e2e.Visitor{T: s.T, Browser: browser}, site: s, chromium: browser}
}

// bindingChromium trusts the certificate with that SHA-256 of its key.
func bindingChromium(t *testing.T, key string, scripts bool) *e2e.Chromium {
	t.Helper()
	return e2e.Begin(t, func(ctx context.Context, profile string) (*e2e.Chromium, error) {
		return e2e.StartBindingChromium(ctx, profile, key, scripts, chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"))
	})
}

type boundVisitor struct {
	e2e.Visitor
	site     *boundSite
	chromium *e2e.Chromium
}

func (v *boundVisitor) openOn(host, path string) {
	v.Helper()
	if err := v.Browser.Open(v.site.url(host, path)); err != nil {
		v.Fatal(err)
	}
}

// logIn logs in and waits until the browser has bound the session.
func (v *boundVisitor) logIn() {
	v.Helper()
	before := v.site.asked(registers)
	v.openOn(shopHost, "/")
	v.Click("#login")
	v.Sees("#user", "Ada")
	v.Eventually(func() bool { return v.site.asked(registers) > before }, func() string { return "the browser did not register" })
	v.isBound()
}

// isBound clicks, and sees that the visitor is logged in and bound.
func (v *boundVisitor) isBound() {
	v.Helper()
	v.Eventually(func() bool {
		v.openOn(shopHost, "/")
		return v.Browser.Text("#state") == "bound"
	}, func() string { return "the session is " + v.Browser.Text("#state") })
	v.Sees("#user", "Ada")
}

// loseCookie takes the bound cookie away, as its end does.
func (v *boundVisitor) loseCookie() {
	v.Helper()
	which := network.DeleteCookiesParams{Name: "s_session_bound", URL: v.site.url(shopHost, "/")}
	if domain := v.site.sessions.Domain; domain != "" {
		which = network.DeleteCookiesParams{Name: "s_session_bound", Domain: "." + domain, Path: "/"}
	}
	if _, err := chromedp.Call(v.chromium.Tab, network.DeleteCookies, which); err != nil {
		v.Fatal(err)
	}
}

// clickUnnoticed clicks on a link without a bound cookie: the very next page has to
// show the visitor logged in.
func (v *boundVisitor) clickUnnoticed() {
	v.Helper()
	before, pages := v.site.asked(refreshes), v.site.asked("GET / ")
	v.loseCookie()
	v.Click("#again")
	v.Eventually(func() bool { return v.site.asked("GET / ") > pages }, func() string { return "the click did nothing" })
	v.Sees("#state", "bound")
	v.Sees("#user", "Ada")
	if got := v.site.asked("GET / "); got != pages+1 {
		v.Errorf("the click took %d page requests, want one", got-pages)
	}
	if v.site.asked(refreshes) == before {
		v.Error("the browser did not refresh")
	}
}

func newKey() cookiesession.Key { return cookiesession.Key{Secret: cookiesession.NewSecret()} }

func TestChromiumBindsASessionAndRefreshesUnnoticed(t *testing.T) {
	t.Parallel()
	key := newKey()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{}, key)
	v := s.boundVisitor()
	v.logIn()
	for range 3 {
		v.clickUnnoticed()
	}
	s.restart(key) // with nothing but the keyring
	v.clickUnnoticed()
	next := newKey()
	s.restart(next, key) // next seals, key opens
	v.clickUnnoticed()
	v.clickUnnoticed()
	s.restart(next) // key is retired
	v.clickUnnoticed()
	v.Holds("s_session", "s_session_bound")

	refreshed := s.asked(refreshes)
	v.Click("#logout") // the page behind it refreshes for the last time
	v.Sees("#user", "")
	v.Eventually(func() bool { return s.asked(refreshes) == refreshed+1 }, func() string { return "the browser was not told that the session is over" })
	v.Holds()
	for range 2 {
		v.openOn(shopHost, "/")
		v.Sees("#user", "")
	}
	if n := s.asked("POST /.well-known/dbsc/refresh") - s.asked("POST /.well-known/dbsc/refresh 403"); n != refreshed+1 {
		t.Errorf("after the end the browser refreshed %d times more", n-refreshed-1)
	}
	v.logIn() // and can log in anew
	v.clickUnnoticed()
}

func TestChromiumRegistersWithAServerThatWasRestartedMeanwhile(t *testing.T) {
	t.Parallel()
	key, next := newKey(), newKey()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{ChallengeAtRegistration: true}, key)
	v := s.boundVisitor()
	v.logIn()
	s.restart(next, key)
	v.clickUnnoticed()
}

func TestChromiumProvesOnDemandAndRepeatsTheRequest(t *testing.T) {
	t.Parallel()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{}, newKey())
	v := s.boundVisitor()
	v.logIn()
	for _, paid := range []string{"7", "14"} {
		<-time.After(3 * time.Second) // the proof is too old then
		redirects := s.asked("POST /pay 307")
		v.Click("#pay")
		v.Sees("#paid", paid)
		if n := s.asked("POST /pay 307") - redirects; n != 1 {
			t.Errorf("the browser was sent to the same address %d times, want once", n)
		}
	}
}

func TestChromiumComesBackThroughALinkOnAnotherSite(t *testing.T) {
	for name, tc := range map[string]struct {
		sessions cookiesession.Config
		cfg      dbsc.Config
		pages    int
	}{
		"Lax, any initiator": {cookiesession.Config{}, dbsc.Config{}, 1},
		"Lax, no initiator":  {cookiesession.Config{}, dbsc.Config{AllowedRefreshInitiators: []string{}}, 2},
		"None, no initiator": {cookiesession.Config{SameSite: http.SameSiteNoneMode}, dbsc.Config{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBoundSite(t, tc.sessions, tc.cfg, newKey())
			v := s.boundVisitor()
			v.logIn()
			v.openOn(otherHost, "/links")
			v.loseCookie()
			pages := s.asked("GET / ")
			v.Click("#shop")
			v.Sees("#user", "Ada")
			v.Sees("#state", "bound")
			if n := s.asked("GET / ") - pages; n != tc.pages {
				t.Errorf("%d page requests, want %d", n, tc.pages)
			}
		})
	}
}

func TestChromiumBindsASessionAfterALogInElsewhere(t *testing.T) {
	t.Parallel()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{Require: true}, newKey())
	v := s.boundVisitor()
	v.openOn(otherHost, "/links")
	v.Click("#callback")
	v.Sees("#user", "Ada")
	v.Eventually(func() bool { return s.asked(registers) == 1 }, func() string { return "the browser did not register" })
	v.isBound()
	v.clickUnnoticed()
}

func TestChromiumBindsAWholeSite(t *testing.T) {
	t.Parallel()
	s := newBoundSite(t, cookiesession.Config{Domain: shopHost}, dbsc.Config{IncludeSite: "https://" + shopHost}, newKey())
	v := s.boundVisitor()
	v.logIn()
	v.clickUnnoticed()
	v.loseCookie()
	refreshed := s.asked(refreshes)
	v.openOn("www."+shopHost, "/")
	v.Sees("#user", "Ada")
	v.Sees("#state", "bound")
	if s.asked(refreshes) == refreshed {
		t.Error("the browser did not refresh for another host of the site")
	}
}

func TestChromiumBindsAWholeSiteFromAHostBelowIt(t *testing.T) {
	t.Parallel()
	key := newKey()
	s := newBoundSite(t, cookiesession.Config{Domain: shopHost}, dbsc.Config{}, key)
	const app = "app." + shopHost
	s.cfg = dbsc.Config{IncludeSite: s.url(shopHost, ""), RegisteringOrigins: []string{s.url(app, "")}}
	s.restart(key)
	v := s.boundVisitor()
	v.openOn(app, "/")
	v.Click("#login")
	v.Sees("#user", "Ada")
	v.Eventually(func() bool { return s.asked(registers) == 1 }, func() string { return "the browser did not register" })
	v.isBound()
	v.clickUnnoticed()
}

func TestChromiumGoesOnAfterTheServerWasDown(t *testing.T) {
	t.Parallel()
	key := newKey()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{}, key)
	v := s.boundVisitor()
	v.logIn()
	v.loseCookie()
	s.restart(newKey()) // an instance that does not have the key: 503
	v.Click("#again")
	v.Sees("#user", "")
	s.restart(key)
	v.isBound()
	v.clickUnnoticed()
}

func TestFirefoxGoesOnBoundToNothing(t *testing.T) {
	t.Parallel()
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{}, newKey())
	browser := e2e.Begin(t, func(ctx context.Context, profile string) (e2e.Browser, error) {
		return e2e.StartFirefox(ctx, profile, true)
	})
	v := &boundVisitor{Visitor: e2e.Visitor{T: t, Browser: browser}, site: s}
	v.openOn("127.0.0.1", "/")
	v.Click("#login")
	v.Sees("#user", "Ada")
	v.openOn("127.0.0.1", "/")
	v.Sees("#state", "pending")
	v.Sees("#user", "Ada")
	v.Holds("s_session")
	if n := s.asked("POST /.well-known"); n != 0 {
		t.Errorf("Firefox registered %d times", n)
	}
	v.Click("#logout")
	v.Sees("#user", "")
	v.Holds()
}

// A thief's client has the whole jar and no key. This takes as long as the
// shortest bound cookie lives.
func TestACopiedJarIsWorthlessAfterTheBoundCookiesEnd(t *testing.T) {
	t.Parallel()
	const lifetime = 121 * time.Second
	s := newBoundSite(t, cookiesession.Config{}, dbsc.Config{Lifetime: lifetime}, newKey())
	v := s.boundVisitor()
	v.logIn()
	var copied []string
	for _, c := range v.Cookies() {
		copied = append(copied, c.Name+"="+c.Value)
	}
	ends := time.Now().Add(lifetime + 31*time.Second) // whole seconds
	if page := s.steal(copied); !strings.Contains(page, `id="user">Ada<`) {
		t.Errorf("before the end the thief sees %q", page)
	}
	<-time.After(time.Until(ends))
	if page := s.steal(copied); strings.Contains(page, "Ada") || !strings.Contains(page, `id="state">stale<`) {
		t.Errorf("after the end the thief sees %q", page)
	}
	v.Click("#again")
	v.Sees("#user", "Ada")
	v.Sees("#state", "bound")
}

// steal asks for the page with copied cookies.
func (s *boundSite) steal(cookies []string) string {
	s.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(s.cert.Leaf)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	r, err := http.NewRequest("GET", s.url("127.0.0.1", "/"), nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	res, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(body)
}
