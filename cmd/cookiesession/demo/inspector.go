package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/vmihailenco/msgpack/v5"
)

// page is what the templates see.
type page struct {
	Shop      bool
	Version   string
	Did       string
	Told      string // what Did comes to for this visitor
	Farewell  bool   // Told is said by the shop, not by the inspector
	Refresh   int    // seconds after which a browser without JavaScript asks again
	Secure    bool
	Visits    int64
	User      string
	Notice    *notice
	Products  []product
	Basket    []basketRow
	BasketN   int
	Total     int
	Binding   *bindingPanel
	Inspector inspector
}

type basketRow struct {
	product
	N, Letter int
}

type inspector struct {
	Verdict         verdict
	Allowed         bool
	Cookies         []cookieRow
	Bytes, MaxBytes int
	Layers          []layer
	LayersTotal     int
	Entries         []entryRow
	EntriesTotal    int
	Deadlines       []deadline
	FlashWaiting    bool
	FlashBytes      int
	FlashConsumed   bool
	Keys            []keyRow
	LiveKeys        bool
	KeySource       string
	Exchanges       []exchange
	Binding         *bindingPanel // nil: sessions are not bound
	Theft           *theft
	Views           cookiesession.Views
	JSON            string
}

type verdict struct {
	Class string // live, none, refused or denied
	Title string
	Text  string
}

type cookieRow struct {
	jarCookie
	Bytes int
	KeyID string
	For   string
}

type entryRow struct {
	Key      string
	Bytes, X int
	Own      bool // the application's, not the package's
}

// deadline is drawn as a bar from Start to End.
type deadline struct {
	Name, Says string
	Start, End time.Time
	Now        time.Time
	Still      bool // a page that is open when it ends need not ask again
}

// Elapsed and Left are what is drawn: thousandths, and whole seconds.
func (d deadline) Elapsed() int {
	all := d.End.Sub(d.Start)
	if all <= 0 {
		return 1000
	}
	return int(max(0, min(1000, 1000*d.Now.Sub(d.Start)/all)))
}

func (d deadline) Left() int { return int(max(0, d.End.Sub(d.Now)).Seconds() + 0.5) }

type keyRow struct {
	cookiesession.KeyStatus
	Yours bool
	In    int // seconds until it seals
}

// show renders a page. Everything is read first. Then the header leaves, and
// with it the cookies. Then the page is written with what the package put
// there: it shows the cookies as the browser holds them when it draws them.
func (d *Site) show(w http.ResponseWriter, r *http.Request, name string) {
	s := d.session(r)
	p := d.page(r, s)
	p.Shop = name == "shop.html"
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // a page of cookies that are gone would mislead
	if p.Did == "expire" {
		p.Refresh = int(expireAfter.Seconds()) + 2
	}
	w.WriteHeader(http.StatusOK)
	p.Inspector = d.inspect(r, s, h, p)
	var out bytes.Buffer
	if err := d.templates.ExecuteTemplate(&out, name, p); err != nil {
		slog.Error("cannot render", "page", name, "reason", err)
		fmt.Fprintln(w, "This page cannot be shown; the log of the demo says why.")
		return
	}
	_, _ = out.WriteTo(w)
}

func (d *Site) page(r *http.Request, s *cookiesession.Session) page {
	p := page{
		Version:  d.version,
		Did:      r.URL.Query().Get("did"),
		Secure:   !d.cfg.Insecure,
		Visits:   cookiesession.GetOr[int64](s, keyVisits, 0),
		User:     cookiesession.GetOr(s, keyUser, ""),
		Products: products,
		Binding:  d.panelOf(r),
	}
	if _, known := told[p.Did]; !known {
		p.Did = ""
	}
	p.Told = tell(p.Did, s)
	p.Farewell = p.Did == "logout" || p.Did == "everywhere"
	if p.Farewell && s.IsNew() && !d.stale(r) {
		s.Deny() // a farewell remembers nothing, not even that it was seen
	}
	if p.Did == "flash" {
		s.KeepFlash()
	} else if n, ok := cookiesession.Get[notice](s, flashNotice); ok {
		p.Notice = &n
	}
	for _, l := range basketOf(s) {
		if of, ok := productOf(l.SKU); ok {
			p.Basket = append(p.Basket, basketRow{of, l.N, len(l.Letter)})
			p.BasketN += l.N
			p.Total += l.N * of.Cents
		}
	}
	return p
}

func (d *Site) inspect(r *http.Request, s *cookiesession.Session, h http.Header, p page) inspector {
	rec := recorderOf(r.Context())
	jar := jarAfter(r, h)
	in := inspector{
		Verdict:       verdictOn(s, d.reason(s.Rejected()), consents(r), jar),
		Allowed:       consents(r),
		MaxBytes:      maxBytes,
		Deadlines:     deadlines(s, time.Now()),
		FlashConsumed: p.Notice != nil,
		LiveKeys:      d.ring.live,
		KeySource:     d.cfg.KeySource,
		Views:         s.Views(),
		Binding:       p.Binding,
		Theft:         readTheft(r),
	}
	in.Layers, in.LayersTotal = layersOf(jar)
	in.Cookies = cookieRows(jar, s.Rejected() != nil)
	for _, c := range in.Cookies {
		in.Bytes += c.Bytes
		if c.State != "deleted" && compartment(c.Name) == cookieName+"_flash" {
			in.FlashWaiting = true
			in.FlashBytes += c.Bytes
		}
	}
	if s.Allowed() && s.Len() > 0 {
		in.Entries, in.EntriesTotal = entriesOf(s, ciphertext(in.Layers))
	}
	in.Keys = keyRows(d.ring.Status(), in.Cookies)
	if rec.before != nil {
		in.Exchanges = append(in.Exchanges, *rec.before)
	}
	in.Exchanges = append(in.Exchanges, rec.snapshot())
	if text, err := json.MarshalIndent(s, "", "  "); err == nil {
		in.JSON = string(text)
	}
	slices.Reverse(in.Views.History)
	return in
}

// verdictOn says what became of the visitor with this response. A cookie that
// was refused and has been replaced since is no longer the last word.
func verdictOn(s *cookiesession.Session, refused string, allowed bool, jar []jarCookie) verdict {
	replaced := slices.ContainsFunc(jar, func(c jarCookie) bool { return c.Name == cookieName && c.State == "issued" })
	switch {
	case !allowed:
		return verdict{"denied", "No permission to remember", "Consent is withdrawn: every cookie is deleted, none is set, and each request gets another identifier."}
	case refused != "" && replaced:
		return verdict{"none", "A new session", "The cookie that came was refused (" + refused + "). This page remembers something, so a new session has replaced it."}
	case refused != "":
		text, known := refusals[refused]
		if !known {
			text = "Validate could not decide, so the session is empty for this request and nothing is deleted."
		}
		return verdict{"refused", "Refused: " + refused, text}
	case s.IsNew() && len(jar) == 0:
		return verdict{"none", "No session", "Nothing is remembered, so there is no cookie."}
	case s.IsNew():
		return verdict{"none", "A new session", "No session came with this request. The one shown begins with this response."}
	}
	return verdict{"live", "Authentic and alive", "The cookie that came was opened by its key, and both deadlines are ahead."}
}

var refusals = map[string]string{
	"ErrInvalid":    "The authentication code does not match, so nothing was decrypted. The visitor got an empty session, the cookie stays where it is, and the next write replaces it.",
	"ErrUnknownKey": "The key id on the cookie is in no key of this ring. That may be an instance that lags behind in a rotation, so the cookie is left alone until a handler writes.",
	"ErrExpired":    "The seal is genuine, but the deadline inside it has passed. The browser was told to keep this cookie for another hour; the server does not ask the browser.",
	"ErrRevoked":    "The seal is genuine and in time, but this user has logged out everywhere since. Validate said so, and every cookie is deleted.",
	"ErrStale":      "The seal is genuine and in time, but the session is bound to a device, and no fresh proof came with it. It is empty for this request, and nothing is deleted.",
}

func cookieRows(jar []jarCookie, refused bool) []cookieRow {
	rows := make([]cookieRow, 0, len(jar))
	for _, c := range jar {
		row := cookieRow{jarCookie: c, Bytes: len(c.Name) + len(c.Value), KeyID: keyID(c.Value), For: purposes[compartment(c.Name)]}
		switch {
		case c.State == "deleted":
			row.Bytes = 0
		case refused && c.State == "sent" && compartment(c.Name) == cookieName:
			row.State = "refused"
		}
		rows = append(rows, row)
	}
	return rows
}

var purposes = map[string]string{
	cookieName:            "login, visits, basket",
	cookieName + "_flash": "a message for the next page",
	cookieName + "_views": "page history and counters",
	cookieName + "_bound": "the browser has proved that it has the key",
	cookieName + "_test":  "proves that the browser keeps cookies",
}

// entriesOf gives each key its bytes of the plaintext. What is left is the
// identifier, the times and the names' framing.
func entriesOf(s *cookiesession.Session, plaintext int) (rows []entryRow, total int) {
	for _, key := range s.Keys() {
		var out bytes.Buffer
		enc := msgpack.NewEncoder(&out)
		enc.UseCompactInts(true)
		if enc.EncodeString(key) == nil && enc.Encode(s.Value(key)) == nil {
			rows = append(rows, entryRow{Key: key, Bytes: out.Len(), Own: true})
			total += out.Len()
		}
	}
	slices.SortFunc(rows, byKey)
	if rest := plaintext - total; rest > 0 {
		rows = append(rows, entryRow{Key: "identifier, times, framing", Bytes: rest})
		total += rest
	}
	x := 0
	for i := range rows {
		rows[i].X = x
		x += rows[i].Bytes
	}
	return rows, total
}

func deadlines(s *cookiesession.Session, now time.Time) []deadline {
	if s.Len() == 0 || !s.Allowed() {
		return nil
	}
	idle := deadline{
		Name: "Idle", Says: "Starts again with every page, because page views count as activity here. Times are UTC.",
		Start: s.ExpiresAt().Add(-idleTimeout), End: s.ExpiresAt(), Now: now,
	}
	if s.Expiry() != (cookiesession.Expiry{}) {
		idle.Name, idle.Says = "Set by the application", "SetExpiry(At(…)): this instant, whatever the visitor does."
		idle.Start = s.ExpiresAt().Add(-expireAfter)
	}
	return []deadline{idle, {
		Name: "Absolute", Says: "Counted from the creation of the session. Nothing moves it.",
		Start: s.Created(), End: s.Created().Add(absoluteTimeout), Now: now,
	}}
}

func keyRows(ring []cookiesession.KeyStatus, cookies []cookieRow) []keyRow {
	yours := ""
	for _, c := range cookies {
		if c.Name == cookieName && c.State != "refused" {
			yours = c.KeyID
		}
	}
	rows := make([]keyRow, 0, len(ring))
	for _, k := range ring {
		row := keyRow{KeyStatus: k, Yours: yours == k.ID}
		if k.State == cookiesession.KeyPending {
			row.In = int(time.Until(k.SealFrom).Seconds()) + 1
		}
		rows = append(rows, row)
	}
	return rows
}

// told is what a page says after an experiment. A name that is not here is not
// the demo's, and says nothing.
var told = map[string]string{
	"logout":     "Logged out. Destroy deleted every cookie of the session, and the next one has a new identifier.",
	"everywhere": "Logged out everywhere. The cookies are deleted here, and copies of them are worth nothing now: try to replay one.",
	"forge":      "One bit in the middle of the cookie was changed.",
	"copy":       "A copy of the session cookie is put aside, as a thief would. Change something, log out, then replay it.",
	"replay":     "The older copy is back in place of the cookie. If it is still in time it is authentic: a cookie cannot know that it was copied. That is what Validate and “log out everywhere” are for.",
	"no-copy":    "There is no copy yet. Keep one first.",
	"expire":     "The session ends in a few seconds, and the browser was told to keep its cookies for an hour. Stay on this page.",
	"expired":    "The time has run out.",
	"flash":      "A message is waiting in a cookie of its own. Load any page to read it, once.",
	"allow":      "Permission given. Whatever is remembered from now on is remembered in your browser.",
	"deny":       "Permission withdrawn. Every cookie of the session is deleted.",
	"rotate":     "A new key seals from now on. The old one still opens, so your session was sealed anew and you are still you.",
	"no-consent": "Nothing is remembered without your permission. Give consent first.",
	"announce":   "A new key is spread, but does not seal yet: every instance learns to open with it first. Load the page again in 20 seconds.",
	"retire":     "Keys that only opened are retired. Whoever came back since the rotation has a cookie under the newer key.",
	"lose":       "Every key was replaced at once, as by a bad deployment. Nobody's cookie opens now.",
	"no-keys":    "The ring stays as it was. Its log line says why.",
	"full":       "The session is full. Take something out of the basket first.",
	"steal":      "Copied. The demo itself now plays another client, which has all cookies of this session and not the browser's key.",
	"asked":      "The other client has asked who it is. The laboratory has the answer.",
	"no-theft":   "Nothing was copied yet. Copy this session first.",
	"binding":    "This is how the session is bound now.",
	"nothing":    "There is no session to do that with. Load the shop first.",
}

// tell says what a thing that was done means for this visitor. A rotation seals
// no session anew that is not there.
func tell(did string, s *cookiesession.Session) string {
	switch {
	case did == "rotate" && s.Rejected() != nil:
		return "A new key seals from now on, and the old one still opens. The cookie of your browser is refused all the same, so nothing was sealed anew."
	case did == "rotate" && s.IsNew():
		return "A new key seals from now on, and the old one still opens. You have no session, so nothing was sealed anew."
	}
	return told[did]
}

var templateFuncs = template.FuncMap{
	"price": price,
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"left": func(seconds int) string {
		if seconds >= 3600 {
			return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
		}
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	},
	"limit": func() int { return browserLimit },
	"short": func(text string) string {
		if len(text) <= 40 {
			return text
		}
		return text[:32] + "…"
	},
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return many
	},
}
