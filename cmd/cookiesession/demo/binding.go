package demo

import (
	"net/http"
	"time"
)

// Binding binds sessions to the visitor's device. It is an interface because
// the core module requires no reader of the browser's proofs: adapters/dbsc
// does, and adapters/demo plugs it in.
type Binding interface {
	// Handler stands in the place of the manager's.
	Handler(next http.Handler) http.Handler
	// Bind asks the browser to bind the session of r.
	Bind(r *http.Request) error
	// State is "unbound", "pending", "bound" or "stale". Reason says why it is
	// not bound.
	State(r *http.Request) string
	Reason(r *http.Request) error
	// Proof says when the browser proved that it has the key, and when the bound
	// cookie ends.
	Proof(r *http.Request) (proved, ends time.Time, ok bool)
	// Refused reports whether err says that a session is stale.
	Refused(err error) bool
}

// bindingPanel says how this browser has bound the session.
type bindingPanel struct {
	State  string
	Says   string
	Reason string // why it is not bound
	End    *deadline
}

// bindingSays explains each state to whoever sees it for the first time.
var bindingSays = map[string]string{
	"unbound": "There is no login that a browser could bind. The shop asks for it when you log in.",
	"pending": "The shop has asked for it, and this browser has registered no key yet. Chrome takes some milliseconds: look again. Most other browsers never do, and go on as before.",
	"bound":   "This browser has proved that it holds the session's key. A copy of the cookies is worthless soon after the bound cookie's end.",
	"stale":   "The session is bound, and no fresh proof came with this request. So it is empty here, and the browser that has the key goes on.",
}

// panelOf opens the session, so it belongs before the header leaves. It is nil
// where sessions are not bound.
func (d *Site) panelOf(r *http.Request) *bindingPanel {
	if d.binding == nil {
		return nil
	}
	state := d.binding.State(r)
	p := &bindingPanel{State: state, Says: bindingSays[state]}
	if err := d.binding.Reason(r); err != nil {
		p.Reason = err.Error()
	}
	if proved, ends, ok := d.binding.Proof(r); ok {
		p.End = &deadline{
			Name: "The bound cookie", Still: true, Start: proved, End: ends, Now: time.Now(),
			Says: "From the challenge that the browser has answered. It gets another one ahead of the end or with the next request. The server accepts this one for half a minute more.",
		}
	}
	return p
}

// stale reports whether the session is bound to another device, or this one
// could not prove that it is bound to it. A write would replace it.
func (d *Site) stale(r *http.Request) bool {
	return d.binding != nil && d.binding.State(r) == "stale"
}

// handler serves next with sessions, bound ones where the demo binds them.
func (d *Site) handler(next http.Handler) http.Handler {
	if d.binding != nil {
		return d.binding.Handler(next)
	}
	return d.sessions.Handler(next)
}
