// Package gorilla is a [sessions.Store] that keeps sessions in the cookies of
// cookiesession, for programs written for gorilla/sessions, gin-contrib/sessions
// or echo-contrib/session, and takes over their old cookies without logging
// anyone out.
//
// It is not in the core because it needs gorilla/sessions, and because that
// interface can do less: a Store meets no ResponseWriter before Save, so a page
// that only reads its session is not marked as varying, and what was saved
// before a handler failed stays saved. New code does better with
// [cookiesession.Manager] itself, which reads the same cookies when its Name is
// the session's name.
package gorilla

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// Store implements [sessions.Store]. It may be used from many goroutines once
// it is set up.
type Store struct {
	// Options are those a session starts with: at first what the Config says.
	// MaxAge is seconds of inactivity, enforced by the server too. 0 ends with
	// the browser, or after the Config's IdleTimeout. A missing Path is "/".
	Options *sessions.Options

	// OldOptions are those that old cookies were set with, if their Path or
	// Domain is another than the session's: a browser deletes a cookie only
	// where both are the same. nil is the session's Options. Set it before the
	// store is used.
	OldOptions *sessions.Options

	cfg      cookiesession.Config
	old      []securecookie.Codec
	kinds    map[string]kind
	managers sync.Map // attributes → *cookiesession.Manager
}

var _ sessions.Store = (*Store)(nil)

// NewStore makes a store with one session cookie for each session name, s_ and
// the name. cfg.Name is not used. With the codecs of the program's former
// sessions.CookieStore in old, a session that came only under the old cookie is
// read from there, and the next Save issues the new cookie and deletes the old
// one, as [Store.OldOptions] says. Take them out when the last old cookie has
// expired: until then a copied old cookie can be used again, as it always
// could, and Config.Validate is not asked about it.
func NewStore(cfg cookiesession.Config, old ...securecookie.Codec) (*Store, error) {
	if cfg.TrackViews {
		return nil, &cookiesession.ConfigError{Field: "TrackViews", Reason: "a store sees no request that does not save; use Manager.Handler"}
	}
	cfg.Name = ""
	s := &Store{Options: options(cfg), cfg: cfg, old: old, kinds: map[string]kind{}}
	registerBasic(s)
	if _, err := cookiesession.New(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

func options(cfg cookiesession.Config) *sessions.Options {
	o := &sessions.Options{
		Path: cfg.Path, Domain: cfg.Domain, MaxAge: 14 * 24 * 60 * 60, // Config's default
		Secure: !cfg.Insecure, HttpOnly: !cfg.ScriptAccess, Partitioned: cfg.Partitioned, SameSite: cfg.SameSite,
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if cfg.IdleTimeout > 0 {
		o.MaxAge = int((cfg.IdleTimeout + time.Second - 1) / time.Second)
	}
	if cfg.BrowserSession {
		o.MaxAge = 0
	}
	return o
}

// MaxAge sets the MaxAge that sessions start with, in seconds. The age of old
// cookies stays what their codecs say.
func (s *Store) MaxAge(age int) { s.Options.MaxAge = age }

// Get returns the request's session of that name, opened once a request.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New opens the session of that name. A cookie that is refused gives a new
// session and no error, or one stale cookie would be an error page until it
// expires. OnEvent hears the reason. An error is a name or Options that cannot
// be a cookie's, and comes with a session all the same.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	opts := *s.Options
	session.Options, session.IsNew = &opts, true
	m, err := s.manager(name, &opts)
	if err != nil {
		return session, err
	}
	current := m.OpenRequest(r)
	keep(r, m, current)
	if !current.IsNew() {
		session.ID, session.IsNew = current.ID(), false
		s.load(session.Values, current)
		return session, nil
	}
	// The old cookie counts only where no new one came: behind a session that
	// has expired or was revoked it would bring that session back.
	if current.Rejected() == nil && current.Allowed() {
		if values, ok := s.oldValues(r, name); ok {
			session.Values, session.IsNew = values, false
		}
	}
	return session, nil
}

// opened is what New has opened and no Save has committed yet, in the request's
// context as gorilla's registry is: opening again would verify, validate and
// report the same cookie twice.
type opened struct{ current *cookiesession.Session }

type openedKey struct{ m *cookiesession.Manager }

func keep(r *http.Request, m *cookiesession.Manager, current *cookiesession.Session) {
	*r = *r.WithContext(context.WithValue(r.Context(), openedKey{m}, &opened{current}))
}

// kept opens anew for a second Save, and where the session's Options have
// become another Manager's.
func kept(r *http.Request, m *cookiesession.Manager) *cookiesession.Session {
	o, _ := r.Context().Value(openedKey{m}).(*opened)
	if o == nil || o.current == nil {
		return m.OpenRequest(r)
	}
	current := o.current
	o.current = nil
	return current
}

func (s *Store) oldValues(r *http.Request, name string) (map[any]any, bool) {
	c, err := r.Cookie(name)
	if err != nil || len(s.old) == 0 {
		return nil, false
	}
	values := map[any]any{}
	if err := securecookie.DecodeMulti(name, c.Value, &values, s.old...); err != nil {
		return nil, false
	}
	return values, true
}

// Save puts the session's cookies into the response's header, which must not
// have left yet. Without values there is no cookie, and one that exists is
// deleted. So it is with Options.MaxAge below 0. A session whose ID was set to
// "" gets a new one: do that at login. On an error the response is as it was.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	m, err := s.manager(session.Name(), session.Options)
	if err != nil {
		return err
	}
	current := kept(r, m)
	if err := s.write(current, session); err != nil {
		return fmt.Errorf("cookiesession: session %q not saved: %w", session.Name(), err)
	}
	h := w.Header().Clone()
	earlier := len(h["Set-Cookie"])
	// The status is not known yet. 303 keeps flash that a Manager of this name
	// may have made, whatever the response becomes.
	if h == nil {
		h = http.Header{}
	}
	if err := m.Commit(h, current, http.StatusSeeOther); err != nil {
		return err
	}
	session.ID = current.ID()
	s.replace(h, earlier, session.Name())
	if _, ok := s.oldValues(r, session.Name()); ok {
		s.deleteOld(h, session)
	}
	clear(w.Header())
	maps.Copy(w.Header(), h)
	return nil
}

// deleteOld deletes the old cookie where it was set, and where the session's
// own Options would have set it.
func (s *Store) deleteOld(h http.Header, session *sessions.Session) {
	for _, options := range []*sessions.Options{s.OldOptions, session.Options} {
		if options == nil {
			continue
		}
		gone := *options
		gone.MaxAge = -1
		if line := sessions.NewCookie(session.Name(), "", &gone).String(); !slices.Contains(h["Set-Cookie"], line) {
			h.Add("Set-Cookie", line)
		}
	}
}

// write makes current what the program's session is.
func (s *Store) write(current *cookiesession.Session, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		return current.Destroy()
	}
	values, err := s.encodable(session.Values)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return current.Clear() // the expiry too, which alone would be kept
	}
	if session.ID == "" && !current.IsNew() {
		if err := current.CycleID(); err != nil {
			return err
		}
	}
	gone := slices.DeleteFunc(current.Keys(), func(k string) bool { _, ok := values[k]; return ok })
	current.SetExpiry(s.expiry(session.Options.MaxAge))
	return errors.Join(current.Delete(gone...), current.Update(values))
}

func (s *Store) expiry(maxAge int) cookiesession.Expiry {
	switch maxAge {
	case 0:
		return cookiesession.BrowserClose()
	case options(s.cfg).MaxAge:
		return cookiesession.Expiry{}
	}
	return cookiesession.Idle(time.Duration(maxAge) * time.Second)
}

// replace takes what an earlier Save of this session set out of the header's
// first n cookies: a response has one Set-Cookie for each name.
func (s *Store) replace(h http.Header, n int, session string) {
	ours := "s_" + session
	if s.cfg.HostPrefix {
		ours = "__Host-" + ours
	}
	lines := slices.Clone(h["Set-Cookie"])
	rest := slices.DeleteFunc(lines[:n:n], func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return name == ours || strings.HasPrefix(name, ours+".")
	})
	if rest = append(rest, lines[n:]...); len(rest) > 0 {
		h["Set-Cookie"] = rest
	} else {
		h.Del("Set-Cookie")
	}
}

// attributes are what a Manager fixes and a gorilla program chooses for each
// session, or while it runs: so there is a Manager for each, kept for good.
// Neither names nor Options may come from a request.
type attributes struct {
	name, path, domain            string
	insecure, script, partitioned bool
	sameSite                      http.SameSite
}

func (s *Store) manager(name string, o *sessions.Options) (*cookiesession.Manager, error) {
	a := attributes{name, o.Path, o.Domain, !o.Secure, !o.HttpOnly, o.Partitioned, o.SameSite}
	if m, ok := s.managers.Load(a); ok {
		return m.(*cookiesession.Manager), nil
	}
	cfg := s.cfg
	cfg.Name, cfg.Path, cfg.Domain, cfg.SameSite = a.name, a.path, a.domain, a.sameSite
	cfg.Insecure, cfg.ScriptAccess, cfg.Partitioned = a.insecure, a.script, a.partitioned
	m, err := cookiesession.New(cfg)
	if err != nil {
		return nil, err
	}
	first, _ := s.managers.LoadOrStore(a, m)
	return first.(*cookiesession.Manager), nil
}

// load fills values with what current holds, each with the type it was saved with.
func (s *Store) load(values map[any]any, current *cookiesession.Session) {
	kinds := cookiesession.GetOr(current, kindsKey, map[string]string{})
	for _, key := range current.Keys() {
		if key == kindsKey {
			continue
		}
		value := current.Value(key)
		if k, ok := s.kinds[kinds[key]]; ok {
			if typed, ok := k.read(current, key); ok {
				value = typed
			}
		}
		values[key] = value
	}
}

// encodable checks what a cookie can hold and adds which kinds the values are.
func (s *Store) encodable(values map[any]any) (map[string]any, error) {
	out := make(map[string]any, len(values)+1)
	kinds := map[string]string{}
	for key, value := range values {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("key %v is a %T, keys must be strings", key, key)
		}
		if name == kindsKey {
			return nil, fmt.Errorf("the key %q is taken by the store", name)
		}
		kind, err := s.kindOf(value)
		if err != nil {
			return nil, fmt.Errorf("value of %q: %w", name, err)
		}
		if kind != "" {
			kinds[name] = kind
		}
		out[name] = value
	}
	if len(kinds) > 0 {
		out[kindsKey] = maps.Clone(kinds)
	}
	return out, nil
}
