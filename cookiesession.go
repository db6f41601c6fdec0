// Package cookiesession keeps a visitor's whole session in cookies: values,
// expiry and flash messages, encrypted and signed with rotating keys. Nothing
// is stored on the server, so any process that holds the keys can serve any
// request.
//
//	var visits = cookiesession.NewField[int]("visits") // a key and its type
//
//	ring, err := cookiesession.ParseKeyring(os.Getenv("SESSION_KEYS"))
//	…
//	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
//	…
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
// and in a handler
//
//	n, err := visits.Add(sessions.Session(r), 1)
//
// # How it works
//
// [Manager.Handler] puts a [Session] into the request's context. It is opened
// when something first looks at it. It is written just before the response
// header leaves, whichever way that happens, and nothing is buffered. A handler
// that leaves its session alone costs no cryptography, no Vary and no Set-Cookie.
// Handler is nothing but [Manager.OpenRequest], the context and [Manager.Commit].
// Serverless functions, framework adapters and tests call these themselves, and
// get the same rules.
//
// The data is in the cookie s_<Name>, flash in s_<Name>_flash, page views in
// s_<Name>_views. What is too long for one cookie continues in further ones,
// <name>.1 and so on, up to Config.MaxBytes in all: see there how much fits. A
// value is encoded with msgpack when it is set, and decoded when it is asked for.
// One that nobody touched goes into the next cookie as it came.
//
// A session ends by inactivity (IdleTimeout, counted from its last change),
// by age (AbsoluteTimeout), by [Session.SetExpiry], by [Session.Destroy] or by
// [Config].Validate. A cookie that is forged, cut, of another program or too old
// is an empty session, and an [Event] with one reason. It is never an error of
// the request.
//
// # What a cookie cannot do
//
// A visitor who kept a copy of the cookies can present it again until it
// expires, also after a logout, because the server stores nothing. Two
// requests at the same time both write the whole session, and the later response
// wins. So do not store one-time tokens, attempt counters or balances. An
// application that must end sessions at once, copies included, uses the package
// revocation.
package cookiesession

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/purpose"
)

// Config says how a [Manager] keeps its sessions. The zero value of every
// field but Keyring is a safe default.
type Config struct {
	_ [0]func() // keyed literals only, not comparable

	Keyring *Keyring // required

	// Name tells the cookies of several managers apart: s_<Name> and so on.
	// It has letters, digits, _ and - only. The default is "session". Managers
	// that share a ring and a Name share sessions.
	Name string
	// Path is "/" and Domain this host alone by default. Changing either, or
	// Partitioned, on a running site needs a new Name: browsers keep the old
	// cookie beside the new one. Browsers drop cookies for a whole public suffix,
	// such as com or co.uk: New refuses those of one label, and knows no others.
	Path, Domain string
	// SameSite is Lax by default. None needs Secure, and then nothing keeps
	// other sites from sending requests with the session.
	SameSite     http.SameSite
	Insecure     bool // leave Secure out: plain-HTTP development only
	ScriptAccess bool // leave HttpOnly out
	Partitioned  bool // one session per embedding site (CHIPS)
	HostPrefix   bool // "__Host-" in front of every cookie name: no sibling domain can set it

	// IdleTimeout ends a session this long after its last change, rounded up
	// to whole seconds. The default is 14 days. Reading does not count: for a
	// timeout by visits set RenewAfter. The policy in force is always the current
	// one, also for cookies that were issued under another.
	IdleTimeout time.Duration
	// RenewAfter counts a session that is read this long after its last
	// change as changed, say a tenth of IdleTimeout. 0: never.
	RenewAfter time.Duration
	// AbsoluteTimeout ends a session this long after its creation, whatever
	// happens. SetExpiry cannot go past it. 0: none.
	AbsoluteTimeout time.Duration
	// BrowserSession ends the cookies with the browser. The server still
	// enforces the timeouts.
	BrowserSession bool
	// SaveEveryRequest counts every request on an existing session as a change.
	// It costs a Set-Cookie with every response: RenewAfter is the cheaper way.
	SaveEveryRequest bool
	// FlashLifetime ends flash that no page has come for. The default is 1 minute.
	FlashLifetime time.Duration

	// MaxBytes bounds all cookies of this manager, names and values. It is from
	// 512 to 261952, and 7168 by default. Servers and proxies commonly accept 8 KB
	// of request header, the cookies of others included. With the default there is
	// room for 2,100 bytes of keys and values in one cookie, 3,900 in all; with the
	// format compact 2,900 and 5,200. The values are counted as msgpack, as in
	// [EntrySize].
	MaxBytes    int
	TrackViews  bool // keep counters and a page history: see [Session.Views]
	HistorySize int  // page views kept, 1 to 10000, by default 100

	// Consent says whether this visitor may be remembered. nil: always. It is
	// asked once about each request, before the handler runs, whether or not the
	// session is looked at. Open has no request, and does not ask.
	Consent func(*http.Request) bool
	// Validate is asked once about each session that came, before anything
	// of it is shown: the place to compare it with what the server knows. An
	// error that is ErrRevoked ends the session and deletes its cookies. Any
	// other error, or a panic, hides it for this request and deletes nothing: a
	// database that fails for a minute logs nobody out.
	//
	// It gets a read-only session of its own, which its context carries too.
	// Everybody else who looks at the request's session waits for the answer,
	// so Validate must not look at that one itself.
	Validate func(context.Context, *Session) error
	// OnEvent is told what happens, for example to count it. It is called with no
	// lock held, by the goroutine that caused the event. So it may be called by
	// several at once, and the response waits for it. The context carries the
	// session. Events of the keyring have none.
	OnEvent func(context.Context, Event)
	// Logger logs what happens, beside OnEvent: see [LogEvent] for the levels. If
	// both are nil, log/slog's default logger is used.
	Logger *slog.Logger
}

// ConfigError is one problem of a [Config]. Field is the name of its field.
type ConfigError struct{ Field, Reason string }

func (e *ConfigError) Error() string {
	return "cookiesession: Config." + e.Field + ": " + e.Reason
}

// Manager opens and commits sessions as one [Config] says. It never changes
// and may be used from many goroutines.
type Manager struct{ settings }

// New makes a Manager, once for a program: the keyring keeps every manager
// that uses it. It refuses what browsers would silently drop. The error holds
// every problem of the config as a *[ConfigError].
func New(cfg Config) (*Manager, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m := &Manager{cfg.settings()}
	m.ring.Attach(func(n keyring.News) {
		e := Event{Kind: EventKeysLoaded, KeyID: n.KeyID}
		if n.Err != nil {
			e = Event{Kind: EventKeysRefused, Err: n.Err}
		}
		m.emit(context.Background(), e)
	})
	return m, nil
}

// settings makes ready what every request needs.
func (c *Config) settings() settings {
	a, base := c.attributes(), c.cookieName()
	return settings{
		policy: lifetime.Policy{
			Idle: Idle(c.IdleTimeout).stored, RenewAfter: c.RenewAfter, Absolute: c.AbsoluteTimeout, FlashLifetime: c.FlashLifetime,
			BrowserSession: c.BrowserSession, SaveEveryRequest: c.SaveEveryRequest, TrackViews: c.TrackViews,
		},
		name: c.Name, ring: &c.Keyring.ring, base: base,
		users: []user{
			dataAt:      {cookie.New(base, a), nil, (*Session).planData, (*Session).dataRoom, (*Session).dataStays},
			flashAt:     {cookie.New(base+flashSuffix, a), (*Session).noFlash, (*Session).planFlash, (*Session).flashRoom, (*Session).flashStays},
			viewsAt:     {cookie.New(base+viewsSuffix, a), (*Session).noViews, (*Session).planViews, (*Session).viewsRoom, nil},
			companionAt: {cookie.New(base+companionSuffix, a), (*Session).noCompanion, (*Session).planCompanion, nil, nil},
		},
		attributes: a,
		test:       cookie.New(base+testSuffix, a),
		suffixes:   []string{dataAt: "", flashAt: flashSuffix, viewsAt: viewsSuffix, companionAt: companionSuffix},
		maxBytes:   c.MaxBytes, historySize: c.HistorySize,
		consent: c.Consent, validate: c.Validate, onEvent: c.OnEvent, logger: c.Logger,
		always: c.Consent != nil || c.TrackViews || c.SaveEveryRequest,
		nested: new(atomic.Bool),
	}
}

func (c *Config) setDefaults() {
	c.Name = cmp.Or(c.Name, "session")
	c.Path = cmp.Or(c.Path, "/")
	if c.SameSite == 0 || c.SameSite == http.SameSiteDefaultMode {
		c.SameSite = http.SameSiteLaxMode
	}
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 14*24*time.Hour)
	c.FlashLifetime = cmp.Or(c.FlashLifetime, time.Minute)
	c.MaxBytes = cmp.Or(c.MaxBytes, 7168)
	c.HistorySize = cmp.Or(c.HistorySize, 100)
}

func (c *Config) attributes() cookie.Attributes {
	return cookie.Attributes{
		Path: c.Path, Domain: c.Domain, SameSite: c.SameSite,
		Insecure: c.Insecure, ScriptAccess: c.ScriptAccess, Partitioned: c.Partitioned,
	}
}

func (c *Config) cookieName() string {
	if c.HostPrefix {
		return "__Host-s_" + c.Name
	}
	return "s_" + c.Name
}

// check reports every problem at once.
func (c *Config) check() error {
	var problems []error
	refuse := func(bad bool, field, reason string, args ...any) {
		if bad {
			problems = append(problems, &ConfigError{field, fmt.Sprintf(reason, args...)})
		}
	}
	refuse(c.Keyring == nil || c.Keyring.ring.InForce() == nil, "Keyring", "is required: see NewKeyring, ParseKeyring and LoadKeyFile")
	cookie.CheckName(c.Name, []string{flashSuffix, viewsSuffix, companionSuffix, testSuffix}, refuse)
	a := c.attributes()
	a.Check(refuse)
	refuse(c.HostPrefix && c.Insecure, "HostPrefix", "needs Secure: browsers drop such a cookie")
	refuse(c.HostPrefix && c.Domain != "", "HostPrefix", "does not go with Domain: browsers drop such a cookie")
	refuse(c.HostPrefix && c.Path != "/", "HostPrefix", "needs the Path \"/\": browsers drop such a cookie")
	lifetime.Check(c.IdleTimeout, c.RenewAfter, c.AbsoluteTimeout, c.FlashLifetime, refuse)
	const least, most = 512, cookie.MaxChunks * cookie.MaxLine
	refuse(c.MaxBytes < least || c.MaxBytes > most, "MaxBytes", "%d is not between %d and %d", c.MaxBytes, least, most)
	refuse(c.HistorySize < 0 || c.HistorySize > 10000, "HistorySize", "%d is not between 1 and 10000", c.HistorySize)
	return errors.Join(problems...)
}

// Handler puts a session into the context of each request. It commits the session
// just before the response header leaves, by whatever the handler sends first. A
// handler that sends nothing answers 200. It works behind and in front of other
// middleware. What must see the session stands inside it. Within itself it acts
// once. A handler that panics saves nothing, but removals ([Session.Destroy],
// [Session.Deny], revocation, expiry) are in w.Header() for whoever recovers.
//
// On [http.Hijacker] the cookies are in w.Header() too: send them with the
// 101 response.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := r.Context().Value(contextKey{&m.settings}).(*Session)
		if s != nil && !s.claim() {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{s: s}
		x.ctx = exchangeContext{r.Context(), x}
		if s == nil {
			x.s, x.lines, x.own.handled = &x.own, r.Header["Cookie"], true
			m.openRequest(x.s, &x.lines, r)
			x.s.ctx = &x.ctx
		}
		x.serve(next, w, r)
	})
}

// OpenRequest opens the session of r: [Manager.Open] with r's context and
// cookies, and with what Consent says, the path, and whether r is a document
// navigation (Sec-Fetch-Dest, Sec-Purpose) or came from another site
// (Sec-Fetch-Site) taken from r.
func (m *Manager) OpenRequest(r *http.Request) *Session {
	lines := r.Header["Cookie"]
	s := new(Session)
	m.openRequest(s, &lines, r)
	s.ctx = m.NewContext(r.Context(), s)
	return s
}

func (m *Manager) openRequest(s *Session, lines *[]string, r *http.Request) {
	s.m, s.lines, s.path = &m.settings, lines, r.URL.Path
	if s.findFlashCookie(); s.answer != purpose.Unknown || m.always { // else nothing depends on the header: 30 ns
		// At once: a handler that was timed out may still write to the header map
		// when the response is committed.
		s.crossSite = purpose.CrossSite(r.Header)
		if s.answer != purpose.Unknown {
			s.answer = purpose.Of(r)
		}
	}
	s.permitted = m.consent == nil || m.consent(r)
}

// Open opens the session in the given Cookie header lines. Each may hold several
// cookies. It never fails and never returns nil: what cannot be opened is an empty
// session. No cookie is looked at before a method asks. It counts as a document
// navigation and records no path. With Consent configured it has no permission
// until [Session.Allow].
func (m *Manager) Open(ctx context.Context, cookies ...string) *Session {
	lines := slices.Clone(cookies)
	s := &Session{m: &m.settings, lines: &lines, permitted: m.consent == nil}
	s.findFlashCookie()
	s.ctx = m.NewContext(ctx, s)
	return s
}

// NewContext returns a context that carries s, a session of m, for
// [Manager.FromContext] and for [Manager.Handler], which commits it. It panics
// where s is another manager's: its cookies would be issued under this one.
func (m *Manager) NewContext(ctx context.Context, s *Session) context.Context {
	if s.m != &m.settings {
		panic("cookiesession: NewContext: the session is another manager's; use the manager that opened it")
	}
	return m.newContext(ctx, s)
}

// Session returns the session of r, in a handler inside [Manager.Handler]. It
// panics where there is none, as [Manager.FromContext] does.
func (m *Manager) Session(r *http.Request) *Session { return m.FromContext(r.Context()) }

// FromContext returns the session that [Manager.Handler] or
// [Manager.NewContext] put into ctx. It panics where there is none: a program
// that forgot the middleware would lose every session in silence.
func (m *Manager) FromContext(ctx context.Context) *Session {
	s, ok := m.Lookup(ctx)
	if !ok {
		panic(fmt.Sprintf("cookiesession: no session %q in this context: wrap the server's outermost handler in Manager.Handler "+
			"(or put a session there with NewContext), and pass the request's own context: r.Context(), "+
			"in gin c.Request.Context(), in echo c.Request().Context()", m.name))
	}
	return s
}

// Lookup is [Manager.FromContext] for code that also runs where there is no
// session, such as middleware that several applications share. It is false
// there.
func (m *Manager) Lookup(ctx context.Context) (*Session, bool) {
	s, ok := ctx.Value(contextKey{&m.settings}).(*Session)
	return s, ok
}

var errOtherManager = errors.New("cookiesession: Commit: the session is another manager's")

// Commit writes into h what the response has to carry: Set-Cookie and what
// caches must know. status is that of the response, and 0 is 200. On a 5xx changes
// are not saved, removals are. It works once, then it returns [ErrCommitted].
// Other errors say that a change could not be saved (a [TooLargeError] when
// keys changed under way). Then the browser keeps its last good cookie.
//
// Whoever looked at the session made the response vary. Vary gains Cookie, and
// where there is a session to show and no Cache-Control it becomes private. A
// response that sets a cookie is never left to shared caches (RFC 9111 and
// CVE-2023-30861). public and s-maxage leave its Cache-Control, private is in
// it, and Surrogate-Control and CDN-Cache-Control (RFC 9213) are removed.
func (m *Manager) Commit(h http.Header, s *Session, status int) error {
	if s.m != &m.settings {
		return errOtherManager
	}
	return s.commit(h, cmp.Or(status, http.StatusOK), false)
}

// ExpiryDate is when a session with e, last changed at modified, would end.
// It is pure arithmetic: it opens no session and knows no AbsoluteTimeout.
func (m *Manager) ExpiryDate(e Expiry, modified time.Time) time.Time {
	return m.policy.Date(e.stored, modified)
}
