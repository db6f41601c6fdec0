package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/cookiesession/cookiesession"
)

// exchange is one request and what the package said about it.
type exchange struct {
	Method string
	Path   string
	Status int
	Said   []said
}

// said is an event without its error's text: a name is all that a page needs.
type said struct {
	Kind   cookiesession.EventKind
	Cookie string
	KeyID  string
	Bytes  int
	Reason string
}

// Why explains an event to whoever sees one for the first time.
func (s said) Why() string {
	if s.Kind == cookiesession.EventRefused {
		return why[s.Reason]
	}
	if text, ok := cookieWhy[s.Cookie+" "+string(s.Kind)]; ok {
		return text
	}
	return eventWhy[s.Kind]
}

var eventWhy = map[cookiesession.EventKind]string{
	cookiesession.EventIssued:       "Something changed, so the cookie was sealed and sent anew.",
	cookiesession.EventDeleted:      "Nothing is left to remember there, or nothing may be.",
	cookiesession.EventWriteRefused: "A change could not be saved. The browser keeps its last good cookie.",
	cookiesession.EventLateLook:     "The session was first looked at after the header had left.",
	cookiesession.EventDoubled:      "Two cookies of one name came; the newest authentic one counts.",
	cookiesession.EventRenewed:      "Unchanged, and sealed anew so that its deadline starts again.",
	cookiesession.EventRekeyed:      "Sealed again under the newer key. Nobody was logged out.",
}

var cookieWhy = map[string]string{
	cookieName + "_flash issued":  "A message waits for the next page.",
	cookieName + "_flash deleted": "The message has been shown.",
	cookieName + "_views issued":  "This request was counted.",
}

var why = map[string]string{
	"ErrInvalid":    "The authentication code does not match. Nothing was decrypted.",
	"ErrUnknownKey": "No key of this ring has the id written on the cookie.",
	"ErrExpired":    "Authentic, but its deadline inside the seal has passed.",
	"ErrRevoked":    "Authentic and in time, but the application's Validate said no.",
	"ErrStale":      "Authentic and in time, but bound to a device, and no fresh proof came.",
}

// recorder collects what the package says during one request.
type recorder struct {
	mu sync.Mutex
	exchange
	before *exchange // the POST that redirected here
}

type recorderKey struct{}

func recorderOf(ctx context.Context) *recorder {
	rec, _ := ctx.Value(recorderKey{}).(*recorder)
	return rec
}

// maxSaid bounds what one request can make a page repeat.
const maxSaid = 12

func (rec *recorder) add(e cookiesession.Event, reason string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.Said) < maxSaid {
		rec.Said = append(rec.Said, said{e.Kind, e.CookieName, e.KeyID, e.Bytes, reason})
	}
}

func (rec *recorder) snapshot() exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	seen := rec.exchange
	seen.Said = slices.Clone(rec.Said)
	return seen
}

// saidCookie carries what a POST made the package say over the redirect. Kept
// in the browser and not here, any process can serve the page after it.
const saidCookie = "demo_said"

// remembering gives each request a recorder, and each POST's to the next page.
func (d *Site) remembering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{exchange: exchange{Method: r.Method, Path: r.URL.Path, Status: http.StatusOK}}
		rec.before = readSaid(r)
		r = r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec))
		next.ServeHTTP(&teller{w, r, rec, d}, r)
	})
}

// teller sits outside the session's writer: when the header comes by, the
// session is committed and has said all it will.
type teller struct {
	http.ResponseWriter
	r   *http.Request
	rec *recorder
	d   *Site
}

func (t *teller) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *teller) WriteHeader(status int) {
	switch {
	case t.r.Method == http.MethodPost && status == http.StatusSeeOther:
		told := t.rec.snapshot()
		told.Status = status
		t.tell(told)
	case t.rec.before != nil && t.r.Method == http.MethodGet && status == http.StatusOK: // a browser's proof shows nothing
		http.SetCookie(t.ResponseWriter, t.d.ownCookie(saidCookie, "", "/", -1))
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *teller) tell(e exchange) {
	text, err := json.Marshal(e)
	if err != nil || len(text) > 2000 {
		return
	}
	value := base64.RawURLEncoding.EncodeToString(text)
	http.SetCookie(t.ResponseWriter, t.d.ownCookie(saidCookie, value, "/", 30))
}

// readSaid trusts nothing: the text comes from the browser, and only the
// browser's own page shows it.
func readSaid(r *http.Request) *exchange {
	c, err := r.Cookie(saidCookie)
	if err != nil || len(c.Value) > 3000 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var e exchange
	if json.Unmarshal(text, &e) != nil || len(e.Said) > maxSaid {
		return nil
	}
	return &e
}
