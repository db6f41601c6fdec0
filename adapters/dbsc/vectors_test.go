package dbsc_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

// TestVectorsOfBoundSessionsAreBound opens sealed sessions of every released
// form: a later release must not log their visitors out.
func TestVectorsOfBoundSessionsAreBound(t *testing.T) {
	all, _ := vectors.Read(t)
	n := 0
	for _, v := range all {
		if v.Want == nil || v.Want.Metadata["dbsc"] == nil {
			continue
		}
		n++
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(v.Now, 0)))
				s := newSiteWith(t, cookiesession.Config{Keyring: v.Ring(t), Name: v.Config.Name}, dbsc.Config{})
				for _, want := range []dbsc.State{dbsc.Bound, dbsc.Stale} {
					r := s.browser().request("GET", "/", func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
						wants(t, "state", s.b.State(r), want)
					})
					r.Header.Set("Cookie", v.Cookie)
					s.serve(r)
					time.Sleep(10*time.Minute + 30*time.Second)
				}
			})
		})
	}
	if n < 2 {
		t.Errorf("%d vectors of bound sessions", n)
	}
}
