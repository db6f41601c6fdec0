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
