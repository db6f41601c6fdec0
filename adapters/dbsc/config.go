package dbsc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession"
)

// Config says how sessions are bound. Every field has a default.
type Config struct {
	_ [0]func() // keyed literals only, not comparable

	// Path has the two addresses that the browser talks to, <Path>/registration
	// and <Path>/refresh. The default is "/.well-known/dbsc", below the Path of the
	// manager's cookies.
	Path string
	// Lifetime is how long the bound cookie lives, more than 2 minutes. The default
	// is 10 minutes. A copied cookie works for so long, and half a minute more.
	Lifetime time.Duration
	// ChallengeLifetime is how long a challenge may be answered, and for how
	// long an answer that somebody copied may be used again. A browser keeps one
	// challenge from each refresh for the next, so it must be longer than
	// Lifetime and half a minute. The default is Lifetime and 2 minutes.
	ChallengeLifetime time.Duration

	// Require ends a session for which Bind was called and that no browser has
	// bound within Grace, default 2 minutes. Browsers without this protocol then
	// cannot stay logged in.
	Require bool
	Grace   time.Duration
	// UnboundTimeout ends a session for which Bind was called, and that was
	// never bound, so long after the call. 0: as the manager says.
	UnboundTimeout time.Duration

	// Exclude has paths that need no fresh cookie: a path itself and what is
	// below it. The browser does not refresh for them, and a stale session is
	// shown there. So they must be paths where a thief would gain nothing.
	Exclude []string
	// AllowedRefreshInitiators are hosts of other origins whose links may make
	// the browser refresh, as "example.com", "*.example.com" or "*". nil is any
	// host for a manager with SameSite Lax or Strict, and none with None. An
	// empty list is none.
	AllowedRefreshInitiators []string
	// IncludeSite binds a whole site and not this origin alone. It is the
	// origin of the site's registrable domain, "https://example.com". The
	// manager's cookies need that Domain.
	IncludeSite string
	// RegisteringOrigins is for the registrable domain of a site: the origins
	// below it that may register with IncludeSite. They are served at
	// /.well-known/device-bound-sessions.
	RegisteringOrigins []string

	// ChallengeAtRegistration sends the first challenge with the answer to the
	// registration, which saves the first refresh a round trip. Chromium 156
	// takes it. Other versions are said to refuse the registration.
	ChallengeAtRegistration bool

	// Wait answers a page request that the browser should make again in a
	// moment, instead of the program's own handler: see [Again]. It has no
	// session. nil: a small page in English.
	Wait http.Handler
}

const (
	// leeway is how long the server accepts the bound cookie after the browser
	// has dropped it, for requests that were on their way.
	leeway = 30 * time.Second
	// proactive is how long before the end browsers refresh on their own. A
	// shorter lifetime would make them refresh with nearly every request.
	proactive = 2 * time.Minute
	// longest is how long browsers keep a cookie at most. Whoever did not come
	// back for so long has no session left.
	longest = 400 * 24 * time.Hour

	wellKnown = "/.well-known/device-bound-sessions"
)

// ConfigError is one problem of a [Config]. Field is the name of its field.
type ConfigError struct{ Field, Reason string }

func (e *ConfigError) Error() string {
	return "cookiesession/dbsc: Config." + e.Field + ": " + e.Reason
}

// New binds the sessions of a manager. The error holds every problem of the
// config as a *[ConfigError].
func New(m *cookiesession.Manager, cfg Config) (*Binding, error) {
	if m == nil {
		return nil, errors.New("cookiesession/dbsc: New needs a manager")
	}
	like := m.CompanionCookie("", 0)
	cfg.setDefaults(like)
	if err := cfg.check(like); err != nil {
		return nil, err
	}
	rules, err := rulesOf(&cfg, like)
	if err != nil {
		return nil, fmt.Errorf("cookiesession/dbsc: %w", err)
	}
	data := strings.TrimSuffix(like.Name, "_bound")
	return &Binding{
		m: m, cfg: cfg,
		registration: cfg.Path + "/registration", refresh: cfg.Path + "/refresh",
		// The end sign has a path of its own, which __Host- forbids.
		name: like.Name, data: data, end: strings.TrimPrefix(like.Name, "__Host-") + ".end",
		rules:        rules,
		anyInitiator: slices.Contains(cfg.AllowedRefreshInitiators, "*"),
		lax:          like.SameSite != http.SameSiteNoneMode,
	}, nil
}

// attributes is the part of a Set-Cookie line that the browser compares.
func attributes(like *http.Cookie) string {
	c := *like
	c.MaxAge, c.Value = 0, ""
	_, text, _ := strings.Cut(c.String(), "; ")
	return text
}

func (c *Config) setDefaults(like *http.Cookie) {
	setDefault(&c.Path, strings.TrimSuffix(like.Path, "/")+"/.well-known/dbsc")
	setDefault(&c.Lifetime, 10*time.Minute)
	setDefault(&c.ChallengeLifetime, c.Lifetime+2*time.Minute)
	setDefault(&c.Grace, 2*time.Minute)
	if c.AllowedRefreshInitiators == nil && like.SameSite != http.SameSiteNoneMode {
		c.AllowedRefreshInitiators = []string{"*"}
	}
	if c.Wait == nil {
		c.Wait = http.HandlerFunc(serveWait)
	}
}

func setDefault[T comparable](field *T, def T) {
	var zero T
	if *field == zero {
		*field = def
	}
}

// check reports every problem at once.
func (c *Config) check(like *http.Cookie) error {
	var problems []error
	refuse := func(bad bool, field, reason string, args ...any) {
		if bad {
			problems = append(problems, &ConfigError{field, fmt.Sprintf(reason, args...)})
		}
	}
	refuse(!like.Secure, "Manager", "has Insecure set: browsers bind no session over plain HTTP")
	refuse(like.Partitioned, "Manager", "has Partitioned set: browsers bind no partitioned cookie")
	refuse(!isPath(c.Path), "Path", "%q is not a plain path", c.Path)
	refuse(!below(c.Path, like.Path), "Path", "%q is not below %q, the Path of the manager's cookies: they would not come along", c.Path, like.Path)
	c.checkTimes(refuse)
	for _, path := range c.Exclude {
		refuse(!strings.HasPrefix(path, "/"), "Exclude", "%q does not begin with a slash", path)
	}
	for _, host := range c.AllowedRefreshInitiators {
		refuse(host == "" || strings.ContainsAny(host, "/ "), "AllowedRefreshInitiators", `%q is neither a host nor "*" nor "*." and a host`, host)
	}
	refuse(c.IncludeSite != "" && !isOrigin(c.IncludeSite), "IncludeSite", "%q is not an https origin", c.IncludeSite)
	refuse(c.IncludeSite != "" && like.Domain == "", "IncludeSite", "needs a Domain of the manager's cookies: other hosts of the site would not get them")
	for _, origin := range c.RegisteringOrigins {
		refuse(!isOrigin(origin), "RegisteringOrigins", "%q is not an https origin", origin)
	}
	return errors.Join(problems...)
}

func (c *Config) checkTimes(refuse func(bool, string, string, ...any)) {
	refuse(c.Lifetime <= proactive, "Lifetime", "%v is not longer than %v: browsers would refresh with nearly every request", c.Lifetime, proactive)
	refuse(c.Lifetime > longest, "Lifetime", "%v is longer than browsers keep a cookie", c.Lifetime)
	refuse(c.ChallengeLifetime <= c.Lifetime+leeway, "ChallengeLifetime", "%v is not longer than Lifetime and %v: the challenge of one refresh would be stale at the next", c.ChallengeLifetime, leeway)
	refuse(c.ChallengeLifetime > longest, "ChallengeLifetime", "%v is too long", c.ChallengeLifetime)
	refuse(c.Grace < 0, "Grace", "%v is negative", c.Grace)
	refuse(c.UnboundTimeout < 0, "UnboundTimeout", "%v is negative", c.UnboundTimeout)
}

// isPath: the path stands in a cookie, in a header field and in JSON, as it is.
func isPath(path string) bool {
	u, err := url.Parse(path)
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.HasSuffix(path, "/") &&
		u.EscapedPath() == path && u.Path == path && !strings.ContainsAny(path, `;"\,`)
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && text == "https://"+u.Host
}

// below reports whether path is root or lies below it. It is how browsers
// compare paths, of cookies and of a session's scope.
func below(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || strings.HasSuffix(root, "/") || rest[0] == '/')
}
