// Package gincontrib is the store of adapters/gorilla with the one method more
// that gin-contrib/sessions asks of a store.
//
// It is a module of its own so that programs without Gin do not require it.
package gincontrib

import (
	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/gorilla"
	"github.com/gin-contrib/sessions"
	"github.com/gorilla/securecookie"
)

// Store implements [sessions.Store] of gin-contrib.
type Store struct{ *gorilla.Store }

var _ sessions.Store = Store{}

// NewStore is [gorilla.NewStore].
func NewStore(cfg cookiesession.Config, old ...securecookie.Codec) (Store, error) {
	s, err := gorilla.NewStore(cfg, old...)
	return Store{s}, err
}

// Options sets what sessions start with. As with gin-contrib's own stores these
// are all the options there are: without Secure and HttpOnly in o, sessions
// have neither.
func (s Store) Options(o sessions.Options) { s.Store.Options = o.ToGorillaOptions() }
