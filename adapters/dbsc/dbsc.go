// Package dbsc binds a session to the visitor's device, so that a copied cookie
// is worthless soon after. It speaks Device Bound Session Credentials, a W3C
// draft that Chrome ships: the browser keeps a private key which cannot leave
// the device, and proves every few minutes that it still has it. Other browsers
// ignore the offer and go on as before.
//
//	binding, err := dbsc.New(sessions, dbsc.Config{})
//	…
//	http.ListenAndServeTLS(addr, cert, key, binding.Handler(mux))
//
// and where somebody logs in, after CycleID or Destroy:
//
//	err := binding.Bind(r)
//
// Nothing is stored on the server. The mark that a session is bound is sealed
// with its data. One more cookie, s_<Name>_bound, lives for minutes and says
// that the key was there. The browser's public key is sealed in the address
// that the browser asks for the next such cookie. So any instance that has the
// keys of the manager serves any step, and they rotate like everything else.
//
// It is not in the core because it needs go-jose, which reads JSON Web
// Signatures, and httpsfv, which reads structured header fields.
package dbsc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession"
)

// Binding binds the sessions of one manager. It never changes and may be used
// from many goroutines.
type Binding struct {
	m   *cookiesession.Manager
	cfg Config // with its defaults

	registration, refresh string // the two addresses, paths
	name, data, end       string // of the bound cookie, of the data cookie, of the end sign
	rules                 string // what the browser is told of every binding, in JSON
	anyInitiator          bool   // the browser refreshes whoever caused the request
	lax                   bool   // browsers withhold the cookies from requests that other sites cause
}

// Handler is [cookiesession.Manager.Handler] for sessions that may be bound. It
// stands in its place, not inside of it. A bound session that comes without a
// fresh bound cookie is empty for this request ([Stale]). Requests for the two
// addresses below Config.Path are answered here and do not reach next.
//
// A session that nobody looks at stays unopened, as without this package.
// Two kinds of page requests are looked at before next runs, because the
// answer may have to be a page that asks again: those that the browser marks as
// skipped, and those from other sites that may not cause a refresh.
func (b *Binding) Handler(next http.Handler) http.Handler {
	inner := b.m.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == b.registration:
			b.serveRegistration(w, r)
		case r.URL.Path == b.refresh:
			b.serveRefresh(w, r)
		case r.URL.Path == wellKnown && len(b.cfg.RegisteringOrigins) > 0:
			b.serveWellKnown(w)
		case b.asksAgain(w, r):
		default:
			b.visit(r).serve(inner, w, r)
		}
	})
}

// State says how the session of one request is bound.
type State uint8

const (
	Unbound State = iota // nobody asked, or there is no session
	Pending              // Bind asked, and no browser has registered a key yet
	Bound                // the browser has proved lately that it has the key
	Stale                // it is bound, and the proof that came is missing or too old: the session is empty
)

func (s State) String() string {
	return [...]string{"unbound", "pending", "bound", "stale"}[s]
}

// State returns the state of the session of r, a request that came through
// [Binding.Handler]. It panics otherwise. It is [Bound] only where a fresh bound
// cookie of the same session and key came. On a path in Config.Exclude a stale
// session is shown, and its state is Stale all the same.
func (b *Binding) State(r *http.Request) State {
	v := b.visitOf(r.Context())
	id := v.s.IDBytes() // opens the session; only then are repairs done
	m := readMark(v.s.Metadata(markName))
	seen := v.look()
	switch {
	case (m.kind == noMark || m.kind == laterMark) && seen.stale != nil:
		return Stale
	case !m.of(id):
		return Unbound
	case m.kind == asked:
		return Pending
	case seen.stale != nil:
		return Stale
	}
	return Bound
}

// ErrNoBrowser is the reason for [Pending].
var ErrNoBrowser = errors.New("cookiesession/dbsc: no browser has registered a key for the session yet; most browsers never do")

// Reason says why the session of r is not [Bound]: an error that is
// [ErrStale] for a stale session, [ErrNoBrowser] for a pending one, and what
// [cookiesession.Session.Rejected] says for an unbound one, which may be nil.
func (b *Binding) Reason(r *http.Request) error {
	switch state, v := b.State(r), b.visitOf(r.Context()); state {
	case Stale:
		return v.look().stale
	case Pending:
		return ErrNoBrowser
	case Unbound:
		return v.s.Rejected()
	}
	return nil
}

// Proof tells of the bound cookie that came with r: when the challenge was made
// that the browser answered for it, and when the cookie ends. It is false where
// no fresh one of this session came.
func (b *Binding) Proof(r *http.Request) (proved, ends time.Time, ok bool) {
	if b.State(r) != Bound {
		return time.Time{}, time.Time{}, false
	}
	p := b.visitOf(r.Context()).look().proof
	return p.proved, p.ends, !p.proved.IsZero()
}

// Bind asks the browser to bind the session of r, with the response to r. Call
// it at login, after CycleID or Destroy, and before the header leaves. It
// counts as a change of the session. A browser that knows how registers a key
// some milliseconds later. Any other ignores the request. Until then the state
// is [Pending]. A session that is bound already stays as it is.
//
// CycleID makes the binding another session's. Where Bind does not follow, the
// next request asks by itself.
//
// Errors are those of [cookiesession.Session.Set]. A stale session in which the
// handler has stored nothing is left alone, and the error is [ErrStale]: a write
// would put an empty session in its place. On a 5xx response, and without
// permission ([cookiesession.Config].Consent), nothing is saved and nothing is asked.
func (b *Binding) Bind(r *http.Request) error {
	v := b.visitOf(r.Context())
	id := v.s.IDBytes()
	if stale := v.look().stale; stale != nil && v.s.Len() == 0 {
		return fmt.Errorf("cookiesession/dbsc: Bind: store who has logged in first: %w", stale)
	}
	if m := readMark(v.s.Metadata(markName)); !m.of(id) {
		if err := v.s.SetMetadata(markName, askedMark(id, time.Now())); err != nil {
			return fmt.Errorf("cookiesession/dbsc: Bind: %w", err)
		}
	}
	v.offer() // of a bound session none is written
	return nil
}

// Prove wraps a handler for what matters most: it runs next only for a session
// that is [Bound] by a proof not older than age. The age of a proof is that of
// the challenge which it answers, so a proof that was made ahead or copied
// counts as old. With an older one the browser is sent to the same address
// again, without its bound cookie and with a new challenge. It then proves and
// repeats the request with its body, unnoticed by the visitor. Anybody else
// gets 403 without a body.
//
// Each proof counts against the browser's quota, about 6 in 9 minutes for a
// site. A visitor beyond it has no bound cookie until the browser may sign
// again. So Prove is for the few requests that move money or change a password.
func (b *Binding) Prove(age time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proved, _, ok := b.Proof(r)
		switch {
		case !ok:
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusForbidden)
		case time.Since(proved) <= age:
			next.ServeHTTP(w, r)
		default:
			b.askForProof(w, r)
		}
	})
}

// askForProof sends the browser to the same address, after a refresh.
func (b *Binding) askForProof(w http.ResponseWriter, r *http.Request) {
	v := b.visitOf(r.Context())
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	p := v.look().proof
	challenge, err := b.sealChallenge(purposeRefresh, p.id, p.thumb)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	address := r.URL.RequestURI()
	if strings.HasPrefix(address, "//") { // would be the address of another host
		w.WriteHeader(http.StatusForbidden)
		return
	}
	v.dropCookie()
	h.Set("Secure-Session-Challenge", challengeField(challenge, p.thumb))
	h.Set("Location", address)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// visitOf finds what Handler put into the context.
func (b *Binding) visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(contextKey{b}).(*visit)
	if v == nil {
		panic("cookiesession/dbsc: the request did not come through this Binding's Handler: " +
			"wrap the server's outermost handler in it, in place of Manager.Handler, and pass the request's own context")
	}
	return v
}

type contextKey struct{ b *Binding }
