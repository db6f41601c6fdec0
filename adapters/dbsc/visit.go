package dbsc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/cachecontrol"
	"github.com/cookiesession/cookiesession/internal/firstbyte"
)

// ErrStale is what [StaleError] is: a bound session came without the proof that
// it needs.
var ErrStale = errors.New("cookiesession/dbsc: the session is bound to a device, and no fresh proof came with it")

// StaleError says why a bound session is stale. [cookiesession.Session.Rejected]
// and the EventRefused of such a request have it.
type StaleError struct {
	Why string // what was wrong with the bound cookie
	// Skipped is why the browser says that it did not refresh: "unreachable",
	// "server_error", "quota_exceeded", or "". It is what the client says, and
	// excuses nothing.
	Skipped string
}

func (e *StaleError) Error() string {
	text := ErrStale.Error() + ": " + e.Why
	if e.Skipped != "" {
		text += fmt.Sprintf(" (the browser says %q)", e.Skipped)
	}
	return text
}

func (e *StaleError) Is(target error) bool { return target == ErrStale }

// errUnbound ends a session that no browser has bound in time. It is
// ErrRevoked: every cookie of the session is deleted.
var errUnbound = fmt.Errorf("cookiesession/dbsc: no browser has bound the session in time: %w", cookiesession.ErrRevoked)

// visit is one request. It is the request's context, too, so that all of it is
// one object.
type visit struct {
	context.Context
	b      *Binding
	s      *cookiesession.Session
	r      *http.Request // what next gets
	writer firstbyte.Writer

	mu   sync.Mutex // the session may be looked at late, while the header leaves
	seen findings
}

// findings is what the check has found out about the session that came.
type findings struct {
	id      sessionID // all zero: the check was not asked
	proof   proof     // of a bound cookie of this session; may have ended
	bound   bool      // it is bound, and to be ended in the browser too when it ends
	stale   error     // a *StaleError
	drop    bool      // the bound cookie that came is no longer of use: the browser has to get another
	offer   bool      // the browser is to be asked to register
	changed bool      // something of this has to be in the response
}

// visit opens nothing.
func (b *Binding) visit(r *http.Request) *visit {
	v := &visit{Context: r.Context(), b: b}
	v.r = r.WithContext(v)
	v.s = b.m.OpenRequest(v.r)
	v.Context = b.m.NewContext(v.Context, v.s)
	_ = v.s.AddCheck(v.check) // fails only for a session that was looked at
	return v
}

// Value finds the visit itself.
func (v *visit) Value(key any) any {
	if k, ok := key.(contextKey); ok && k.b == v.b {
		return v
	}
	return v.Context.Value(key)
}

// serve runs inner, a Manager.Handler. What it sets is seen before the header leaves.
func (v *visit) serve(inner http.Handler, w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if r.MultipartForm == nil { // net/http removes the files of the request that it made itself
			r.MultipartForm = v.r.MultipartForm
		}
		r.Pattern = v.r.Pattern
		if !returned && !v.writer.Sent() { // inner has put its removals there, for whoever recovers
			v.BeforeHeader(w.Header(), http.StatusInternalServerError)
		}
	}()
	inner.ServeHTTP(v.writer.Wrap(w, v), v.r)
	returned = true
}

// check is asked about a session that came, once, before anything of it is shown.
func (v *visit) check(_ context.Context, s *cookiesession.Session) (func(*cookiesession.Session), error) {
	id, m, now := s.IDBytes(), readMark(s.Metadata(markName)), time.Now()
	why := "no bound cookie came"
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.findProof(id, &m, &why)
	v.seen.bound = fresh || m.kind == bound && m.of(id)
	switch {
	case m.kind == laterMark:
		return nil, v.refuse("it was bound by a later version")
	case m.kind == bound && m.of(id):
		if fresh {
			return nil, nil
		}
		return nil, v.refuse(why)
	case fresh: // a slow response has put data back that was not marked yet
		return v.repair(boundMark(id, v.seen.proof.thumb)), nil
	case m.of(id):
		return nil, v.checkPending(&m, now)
	case m.kind != noMark: // CycleID made another session of it, and Bind did not follow
		v.seen.offer, v.seen.changed = true, true
		return v.repair(askedMark(id, now)), nil
	}
	return nil, nil
}

// findProof looks for a fresh bound cookie of this session. Where the session
// is bound to a key, it has to be the cookie of that key.
func (v *visit) findProof(id sessionID, m *mark, why *string) (fresh bool) {
	v.seen.id = id
	first, others := v.b.cookies(v.r)
	if first == "" {
		return false
	}
	if v.tryCookie(first, id, m, why) {
		return true
	}
	for _, text := range others {
		if v.tryCookie(text, id, m, why) {
			return true
		}
	}
	return false
}

// tryCookie opens one bound cookie. One that we sealed and that does not help
// is dropped: as long as the browser has it, the browser believes that all is well.
func (v *visit) tryCookie(text string, id sessionID, m *mark, why *string) (fresh bool) {
	p, err := v.b.openCookie(text)
	switch {
	case errors.Is(err, cookiesession.ErrUnknownKey):
		*why = "its bound cookie is sealed with a key that this instance does not have"
		return false
	case err != nil && !errors.Is(err, cookiesession.ErrExpired):
		*why = "its bound cookie is no authentic one"
		return false
	case p.id != id:
		*why = "the bound cookie is another session's"
	case m.kind == bound && m.of(id) && m.thumb != p.thumb:
		*why = "the bound cookie is of another key"
	case err != nil:
		*why = "its bound cookie has ended"
		v.seen.proof = p
	default:
		v.seen.proof, v.seen.drop = p, false
		return true
	}
	v.seen.drop = true
	return false
}

// refuse makes the session stale, unless the path is one that shows it anyway.
func (v *visit) refuse(why string) error {
	v.seen.stale = &StaleError{Why: why, Skipped: skipped(v.r)}
	v.seen.changed = v.seen.drop
	if v.b.excluded(v.r.URL.Path) {
		return nil
	}
	return v.seen.stale
}

// checkPending is for a session that Bind was called for and nobody has bound.
func (v *visit) checkPending(m *mark, now time.Time) error {
	cfg, age := &v.b.cfg, now.Sub(m.at)
	late := cfg.Require && age > cfg.Grace || cfg.UnboundTimeout > 0 && age > cfg.UnboundTimeout
	switch {
	case late && v.b.excluded(v.r.URL.Path): // the browser does not refresh here, so it may be bound all the same
		return nil
	case late && skipped(v.r) != "": // the browser believes that it is bound. That hides the session and does not end it
		return v.refuse("no bound cookie came")
	case late:
		return errUnbound
	}
	if age >= offerAgain && age < stopOffering && isPage(v.r) && v.reaches() {
		v.seen.offer, v.seen.changed = true, true
	}
	return nil
}

// A registration can get lost. Pages offer again, but not before the first
// registration had its time, and not for ever: most browsers never register.
const (
	offerAgain   = 10 * time.Second
	stopOffering = 30 * time.Minute
)

// reaches reports whether a registration that r causes would bring the
// session's cookies along.
func (v *visit) reaches() bool {
	return !v.b.lax || v.r.Header.Get("Sec-Fetch-Site") != "cross-site"
}

func (v *visit) repair(m []byte) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) {
		_ = s.SetMetadata(markName, m) // a refusal is reported as EventWriteRefused, and the next request tries again
	}
}

func (v *visit) look() findings {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

func (v *visit) offer() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen.offer, v.seen.changed = true, true
}

func (v *visit) dropCookie() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen.drop, v.seen.changed = true, true
}

// BeforeHeader adds what the browser has to be told. The session's own cookies
// have been set.
func (v *visit) BeforeHeader(h http.Header, status int) {
	lines, seen := h["Set-Cookie"], v.look()
	if len(lines) == 0 && !seen.changed {
		return
	}
	gone := deletes(lines, v.b.name)
	if gone || deletes(lines, v.b.data) {
		v.leaveEndSign(h, &seen)
	}
	if seen.drop && seen.changed && !gone {
		v.b.setCookie(h, v.b.dropped())
	}
	if seen.offer && status < http.StatusInternalServerError {
		v.writeOffer(h)
	}
}

// deletes reports whether a line deletes the cookie of that name.
func deletes(lines []string, name string) bool {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, name); ok && strings.HasPrefix(rest, "=;") {
			return true
		}
	}
	return false
}

// leaveEndSign is for a session that this response ends. Its cookies are gone
// after it, and the browser still keeps its side of the binding. It is told so
// when it refreshes next.
func (v *visit) leaveEndSign(h http.Header, seen *findings) {
	id := seen.id
	if !seen.bound { // or the session was not alive, and the check was not asked
		first, _ := v.b.cookies(v.r)
		p, err := v.b.openCookie(first)
		if err != nil && !errors.Is(err, cookiesession.ErrExpired) {
			return
		}
		id = p.id
	}
	if c, err := v.b.endSign(id); err == nil { // without a key that seals nothing is left: the browser goes on refreshing for nothing
		v.b.setCookie(h, c)
	}
}

// writeOffer asks the browser to register, if after this response there is a
// session that waits for it.
func (v *visit) writeOffer(h http.Header) {
	id := v.s.IDBytes()
	if m := readMark(v.s.Metadata(markName)); m.kind != asked || !m.of(id) || !v.s.Allowed() {
		return
	}
	if challenge, err := v.b.sealChallenge(purposeRegister, id, thumbprint{}); err == nil {
		h.Set("Secure-Session-Registration", v.b.offerField(challenge))
	}
}

// setCookie adds a cookie to a response that may have been thought fit for sharing.
func (b *Binding) setCookie(h http.Header, c *http.Cookie) {
	new(cachecontrol.Fields).ForbidSharing(h)
	h.Add("Set-Cookie", c.String())
}

// dropped deletes the bound cookie, and nothing of the session.
func (b *Binding) dropped() *http.Cookie {
	c := b.m.CompanionCookie("", 0)
	c.MaxAge = -1
	return c
}
