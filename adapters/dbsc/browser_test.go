package dbsc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
	"github.com/dunglas/httpsfv"
	"github.com/go-jose/go-jose/v4"
)

// site is a server with bound sessions. Each request brings the handler that answers it.
type site struct {
	t      *testing.T
	ring   *cookiesession.Keyring
	config cookiesession.Config
	m      *cookiesession.Manager
	b      *dbsc.Binding
	h      http.Handler

	mu     sync.Mutex
	events []cookiesession.Event
}

type handlerKey struct{}

func newSite(t *testing.T, cfg dbsc.Config) *site {
	t.Helper()
	return newSiteWith(t, cookiesession.Config{}, cfg)
}

func newSiteWith(t *testing.T, sessions cookiesession.Config, cfg dbsc.Config) *site {
	t.Helper()
	s := &site{t: t, ring: sessions.Keyring, config: sessions}
	if s.ring == nil {
		s.ring = newRing(t, cookiesession.Key{Secret: cookiesession.NewSecret()})
	}
	s.restart(cfg)
	return s
}

// restart is another process with the same keys: nothing else is kept.
func (s *site) restart(cfg dbsc.Config) {
	s.t.Helper()
	s.config.Keyring = s.ring
	s.config.OnEvent = func(_ context.Context, e cookiesession.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
	m, err := cookiesession.New(s.config)
	must(s.t, err)
	s.m = m
	s.b, err = dbsc.New(m, cfg)
	must(s.t, err)
	s.h = s.b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f, _ := r.Context().Value(handlerKey{}).(func(http.ResponseWriter, *http.Request, *cookiesession.Session)); f != nil {
			f(w, r, m.FromContext(r.Context()))
		}
	}))
}

func newRing(t testing.TB, keys ...cookiesession.Key) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(keys...)
	must(t, err)
	return ring
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// browser is a model of one that knows the protocol, as Chromium 156 was seen to
// behave. It keeps cookies by name and path.
type browser struct {
	t        *testing.T
	site     *site
	jar      map[string]kept
	sessions map[string]*boundSession
	plain    bool // does not know the protocol
	offline  bool // the refresh address is unreachable
	quota    int  // signings left; -1 is any number
	log      []string
}

type kept struct {
	name, value, path string
	sameSite          http.SameSite
	ends              time.Time // zero: with the browser
}

// boundSession is what the browser keeps of one binding.
type boundSession struct {
	id         string
	key        *ecdsa.PrivateKey
	refreshURL string
	challenge  string
	cookie     string
	exclude    []string
	initiators []string
}

func (s *site) browser() *browser {
	return &browser{t: s.t, site: s, jar: map[string]kept{}, sessions: map[string]*boundSession{}, quota: -1}
}

// answer is a response before the browser has looked at it.
type answer struct {
	*http.Response
	body string
}

type handler = func(http.ResponseWriter, *http.Request, *cookiesession.Session)

// request is what a browser sends for a page.
func (b *browser) request(method, target string, f handler, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://example.com"+target, nil)
	r = r.WithContext(context.WithValue(r.Context(), handlerKey{}, f))
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// visit loads a page as a visitor does, with all that the browser does by itself.
func (b *browser) visit(f handler, header ...string) answer {
	b.t.Helper()
	return b.load("GET", "/page", f, header...)
}

func (b *browser) load(method, target string, f handler, header ...string) answer {
	b.t.Helper()
	for range 20 {
		r := b.request(method, target, f, header...)
		b.prepare(r)
		a := b.send(r)
		b.receive(r, a)
		if a.StatusCode != http.StatusTemporaryRedirect {
			return a
		}
		target = a.Header.Get("Location")
	}
	b.t.Fatal("too many redirects")
	return answer{}
}

// prepare refreshes where a bound cookie is missing or about to end.
func (b *browser) prepare(r *http.Request) {
	for _, id := range slices.Sorted(maps.Keys(b.sessions)) {
		s := b.sessions[id]
		if !s.covers(r) || b.has(s.cookie, proactive) {
			continue
		}
		if why := b.renew(s, r); why != "" && !b.has(s.cookie, 0) {
			r.Header.Add("Secure-Session-Skipped", why+`;session_identifier="`+s.id+`"`)
		}
	}
}

const proactive = 2 * time.Minute

// covers reports whether r may make the browser refresh.
func (s *boundSession) covers(r *http.Request) bool {
	for _, path := range s.exclude {
		if r.URL.Path == path || strings.HasPrefix(r.URL.Path, strings.TrimSuffix(path, "/")+"/") {
			return false
		}
	}
	return r.Header.Get("Sec-Fetch-Site") != "cross-site" || slices.Contains(s.initiators, "*")
}

// renew is one refresh, or the reason why there was none.
func (b *browser) renew(s *boundSession, cause *http.Request) (skipped string) {
	if b.offline {
		return "unreachable"
	}
	for range 2 {
		if s.challenge != "" && b.quota == 0 {
			return "quota_exceeded"
		}
		a := b.send(b.refresh(s, cause))
		b.log = append(b.log, fmt.Sprint("refresh ", a.StatusCode))
		if again := b.refreshed(s, a); !again {
			if a.StatusCode >= 500 {
				return "server_error"
			}
			return ""
		}
	}
	return "server_error"
}

// refresh is the request of a refresh, with a proof where there is a challenge.
func (b *browser) refresh(s *boundSession, cause *http.Request) *http.Request {
	r := httptest.NewRequest("POST", "https://example.com"+s.refreshURL, nil)
	r.Header.Set("Sec-Secure-Session-Id", s.id) // without the quotes of the draft
	if s.challenge != "" {
		if b.quota > 0 {
			b.quota--
		}
		r.Header.Set("Secure-Session-Response", sign(b.t, s.key, s.challenge, false))
	}
	if cause != nil && cause.Header.Get("Sec-Fetch-Site") == "cross-site" {
		r.Header.Set("Cause", "cross-site") // as the browser knows it; send removes it
	}
	return r
}

// refreshed takes the answer to a refresh, and reports whether to try again.
func (b *browser) refreshed(s *boundSession, a answer) (again bool) {
	b.keep(a)
	b.takeChallenges(a)
	switch {
	case a.StatusCode == http.StatusForbidden && a.Header.Get("Secure-Session-Challenge") != "":
		return true
	case a.StatusCode >= 500:
		return false
	case a.StatusCode != http.StatusOK:
		delete(b.sessions, s.id)
		return false
	}
	b.instruct(s, a)
	return false
}

// instruct takes what the server says about a binding.
func (b *browser) instruct(s *boundSession, a answer) {
	var i struct {
		Session    string `json:"session_identifier"`
		RefreshURL string `json:"refresh_url"`
		Continue   *bool
		Scope      *struct {
			IncludeSite   *bool                                 `json:"include_site"`
			Specification []struct{ Type, Domain, Path string } `json:"scope_specification"`
		}
		Credentials []struct{ Type, Name, Attributes string }
		Initiators  []string `json:"allowed_refresh_initiators"`
	}
	if err := json.Unmarshal([]byte(a.body), &i); err != nil {
		b.t.Errorf("instructions %q: %v", a.body, err)
		return
	}
	if i.Continue != nil && !*i.Continue {
		delete(b.sessions, i.Session)
		return
	}
	if i.Scope == nil || i.Scope.IncludeSite == nil || len(i.Credentials) != 1 || i.Credentials[0].Type != "cookie" || s.id != "" && s.id != i.Session {
		b.t.Errorf("instructions that no browser takes: %s", a.body)
		return
	}
	s.id, s.refreshURL, s.cookie, s.initiators, s.exclude = i.Session, i.RefreshURL, i.Credentials[0].Name, i.Initiators, nil
	for _, rule := range i.Scope.Specification {
		s.exclude = append(s.exclude, rule.Path)
	}
	for _, line := range a.Header["Set-Cookie"] { // the attributes have to be those of the cookie
		if rest, ok := strings.CutPrefix(line, s.cookie+"="); ok {
			_, rest, _ = strings.Cut(rest, "; ")
			var parts []string
			for part := range strings.SplitSeq(rest, "; ") {
				if !strings.HasPrefix(part, "Max-Age=") {
					parts = append(parts, part)
				}
			}
			wants(b.t, "attributes", i.Credentials[0].Attributes, strings.Join(parts, "; "))
		}
	}
	b.sessions[s.id] = s
}

// send sends r with the cookies that the browser has for it, and takes nothing.
func (b *browser) send(r *http.Request) answer {
	cross := r.Header.Get("Cause") == "cross-site"
	r.Header.Del("Cause")
	for _, key := range slices.Sorted(maps.Keys(b.jar)) {
		c := b.jar[key]
		if !c.ends.IsZero() && !c.ends.After(time.Now()) {
			delete(b.jar, key)
			continue
		}
		if cross && c.sameSite != http.SameSiteNoneMode || c.path != "/" && r.URL.Path != c.path && !strings.HasPrefix(r.URL.Path, c.path+"/") {
			continue
		}
		r.AddCookie(&http.Cookie{Name: c.name, Value: c.value})
	}
	return b.site.serve(r)
}

func (s *site) serve(r *http.Request) answer {
	w := httptest.NewRecorder()
	func() {
		defer func() { recover() }() // of the test's own handlers
		s.h.ServeHTTP(w, r)
	}()
	res := w.Result()
	return answer{res, w.Body.String()}
}

// receive takes an answer: cookies, challenges, and an offer to register.
func (b *browser) receive(r *http.Request, a answer) {
	b.keep(a)
	if b.plain {
		return
	}
	b.takeChallenges(a)
	if offer := a.Header.Get("Secure-Session-Registration"); offer != "" {
		key := newKey()
		b.registered(key, b.send(b.registration(offer, r, key)))
	}
}

func (b *browser) takeChallenges(a answer) {
	lines := a.Header.Values("Secure-Session-Challenge")
	if len(lines) == 0 {
		return
	}
	list, err := httpsfv.UnmarshalList(lines)
	must(b.t, err)
	for _, member := range list {
		item := member.(httpsfv.Item)
		id, _ := item.Params.Get("id")
		if s := b.sessions[id.(string)]; s != nil {
			s.challenge = item.Value.(string)
		}
	}
}

type ecdsaKey = ecdsa.PrivateKey

func newKey() *ecdsaKey {
	key, err := generate(elliptic.P256())
	if err != nil {
		panic(err)
	}
	return key
}

func generate(curve elliptic.Curve) (*ecdsaKey, error) { return ecdsa.GenerateKey(curve, rand.Reader) }

// signRaw signs the beginning of a JWS.
func signRaw(t *testing.T, key *ecdsaKey, signed string) (r, s *big.Int) {
	t.Helper()
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	must(t, err)
	return r, s
}

// registration is the request that an offer leads to.
func (b *browser) registration(offer string, cause *http.Request, key *ecdsa.PrivateKey) *http.Request {
	b.t.Helper()
	path, challenge := readOffer(b.t, offer)
	r := httptest.NewRequest("POST", "https://example.com"+path, nil)
	r.Header.Set("Secure-Session-Response", sign(b.t, key, challenge, true))
	if cause != nil && cause.Header.Get("Sec-Fetch-Site") == "cross-site" {
		r.Header.Set("Cause", "cross-site")
	}
	return r
}

func readOffer(t *testing.T, offer string) (path, challenge string) {
	t.Helper()
	list, err := httpsfv.UnmarshalList([]string{offer})
	must(t, err)
	inner, ok := list[0].(httpsfv.InnerList)
	if !ok || len(inner.Items) != 1 || inner.Items[0].Value != httpsfv.Token("ES256") {
		t.Fatalf("offer %q", offer)
	}
	p, _ := inner.Params.Get("path")
	c, _ := inner.Params.Get("challenge")
	return p.(string), c.(string)
}

// registered takes the answer to a registration.
func (b *browser) registered(key *ecdsa.PrivateKey, a answer) {
	b.keep(a)
	b.log = append(b.log, fmt.Sprint("registration ", a.StatusCode))
	if a.StatusCode == http.StatusOK {
		b.instruct(&boundSession{key: key}, a)
		b.takeChallenges(a)
	}
}

// sign makes a proof as Chromium does.
func sign(t testing.TB, key *ecdsa.PrivateKey, challenge string, registration bool) string {
	t.Helper()
	return signClaims(t, key, map[string]any{"jti": challenge}, registration)
}

func signClaims(t testing.TB, key *ecdsa.PrivateKey, claims map[string]any, registration bool) string {
	t.Helper()
	options := (&jose.SignerOptions{EmbedJWK: registration}).WithType("dbsc+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	must(t, err)
	payload, err := json.Marshal(claims)
	must(t, err)
	object, err := signer.Sign(payload)
	must(t, err)
	text, err := object.CompactSerialize()
	must(t, err)
	return text
}

// keep takes the cookies of an answer.
func (b *browser) keep(a answer) {
	for _, c := range a.Cookies() {
		key := c.Name + " " + c.Path
		if c.MaxAge < 0 {
			delete(b.jar, key)
			continue
		}
		k := kept{name: c.Name, value: c.Value, path: c.Path, sameSite: c.SameSite}
		if c.MaxAge > 0 {
			k.ends = time.Now().Add(time.Duration(c.MaxAge) * time.Second)
		}
		b.jar[key] = k
	}
}

// has reports whether the cookie is there and lives for so long.
func (b *browser) has(name string, atLeast time.Duration) bool {
	c, ok := b.jar[name+" /"]
	return ok && time.Until(c.ends) > atLeast
}

// copyOf is a thief with the whole jar and no key.
func (b *browser) copyOf() *browser {
	thief := b.site.browser()
	thief.jar, thief.plain = maps.Clone(b.jar), true
	return thief
}

func (b *browser) names() string {
	var names []string
	for _, c := range b.jar {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (b *browser) all() []*boundSession {
	var all []*boundSession
	for _, id := range slices.Sorted(maps.Keys(b.sessions)) {
		all = append(all, b.sessions[id])
	}
	return all
}

// only is the one binding that the browser has.
func (b *browser) only() *boundSession {
	b.t.Helper()
	if len(b.sessions) != 1 {
		b.t.Fatalf("the browser has %d bindings, want one", len(b.sessions))
	}
	for _, s := range b.sessions {
		return s
	}
	return nil
}

// logIn is what a site does at login.
func (s *site) logIn(_ http.ResponseWriter, r *http.Request, session *cookiesession.Session) {
	must(s.t, session.CycleID())
	must(s.t, session.Set("user", "ada"))
	must(s.t, s.b.Bind(r))
}

func logOut(_ http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
	session.Destroy()
}

// sees loads a page and returns who is logged in and how the session is bound.
func (b *browser) sees(header ...string) (user string, state dbsc.State) {
	b.t.Helper()
	b.load("GET", "/page", func(_ http.ResponseWriter, r *http.Request, s *cookiesession.Session) {
		state = b.site.b.State(r)
		user = cookiesession.GetOr(s, "user", "")
	}, header...)
	return user, state
}

// loggedIn is a browser after login, bound.
func (s *site) loggedIn() *browser {
	s.t.Helper()
	b := s.browser()
	b.visit(s.logIn)
	b.wants("ada", dbsc.Bound)
	b.only()
	return b
}

func (b *browser) wants(user string, state dbsc.State, header ...string) {
	b.t.Helper()
	if u, s := b.sees(header...); u != user || s != state {
		b.t.Errorf("it sees %q, %v; want %q, %v (%s)", u, s, user, state, strings.Join(b.log, ", "))
	}
}

func query(t testing.TB, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u.Query()
}

type ctx = context.Context

// keepCookies lets no cookie end in the browser: its clock may be wrong.
func (b *browser) keepCookies() {
	for key, c := range b.jar {
		c.ends = time.Now().Add(24 * time.Hour)
		b.jar[key] = c
	}
}

// visitUnmarked is visit that also returns the data cookie of the answer, from
// before the registration that followed it.
func (b *browser) visitUnmarked(f handler) kept {
	b.t.Helper()
	r := b.request("GET", "/page", f)
	a := b.send(r)
	b.keep(a)
	unmarked := b.jar["s_session /"]
	b.receive(r, a)
	return unmarked
}
