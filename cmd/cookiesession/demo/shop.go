package demo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cookiesession/cookiesession"
)

// The keys of the session's data.
const (
	keyVisits = "visits"
	keyUser   = "user"
	keyBasket = "basket"
)

// product is what the shop knows. The cookie holds the SKU and the number.
type product struct {
	SKU, Name, Note string
	Cents           int
}

var products = []product{
	{"anzac", "Anzac", "Oats, coconut, golden syrup", 220},
	{"amaretti", "Amaretti", "Bitter almond, crisp outside", 260},
	{"speculoos", "Speculoos", "Brown sugar and cinnamon", 190},
	{"shortbread", "Shortbread", "A third of it is butter", 210},
	{"linzer", "Linzer eye", "Hazelnut, red currant", 280},
	{"florentine", "Florentine", "Almonds, orange, dark chocolate", 320},
}

// hamper comes with a letter that travels in the session, so that the shop has
// something to fill cookies with.
var hamper = product{"hamper", "Hamper", "All six, with a letter to someone", 2400}

const letter = "Dear friend, when you read this the tin will still be warm, or so I like to think. " +
	"I baked on Sunday while it rained, one tray after the other, and the whole house smelled of butter and cinnamon. " +
	"The round ones are from the recipe that you left on the back of an envelope; I have changed nothing but the oven. " +
	"Keep the florentines away from the radiator, and give the broken ones to whoever comes to the door first. " +
	"Nobody wrote this letter down on a server. It came here inside a cookie, as did the one before it. Yours, as ever."

func productOf(sku string) (product, bool) {
	if sku == hamper.SKU {
		return hamper, true
	}
	i := slices.IndexFunc(products, func(p product) bool { return p.SKU == sku })
	if i < 0 {
		return product{}, false
	}
	return products[i], true
}

type line struct {
	SKU    string `msgpack:"sku"`
	N      int    `msgpack:"n"`
	Letter string `msgpack:"letter,omitempty"`
}

func (d *Site) session(r *http.Request) *cookiesession.Session {
	return d.sessions.FromContext(r.Context())
}

// showShop counts the visit, except on the page after an experiment: that one
// only reads, so that the package's verdict can be seen before a write
// replaces what was refused.
func (d *Site) showShop(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("did") {
		d.count(r)
	}
	d.show(w, r, "shop.html")
}

func (d *Site) showSession(w http.ResponseWriter, r *http.Request) {
	d.show(w, r, "session.html")
}

// count lets a refused write pass: it has been reported as an event, and the
// page is worth more than the number. A stale session is not written to: a new
// one would replace it, and the visitor's browser may prove a moment later that
// it has the key.
func (d *Site) count(r *http.Request) {
	if !d.stale(r) {
		_, _ = d.session(r).Add(keyVisits, 1)
	}
}

func (d *Site) visit(w http.ResponseWriter, r *http.Request) {
	d.count(r)
	d.state(w, r)
}

func (d *Site) state(w http.ResponseWriter, r *http.Request) {
	s := d.session(r)
	sent := sentCookies(r)
	total := 0
	for _, c := range sent {
		total += len(c.Name) + len(c.Value)
	}
	w.Header().Set("Content-Type", "application/json")
	state := map[string]any{
		"visits":   cookiesession.GetOr[int64](s, keyVisits, 0),
		"user":     cookiesession.GetOr(s, keyUser, ""),
		"basket":   countOf(basketOf(s)),
		"rejected": d.reason(s.Rejected()),
		"key":      sealedBy(sent),
		"cookies":  len(sent),
		"bytes":    total,
	}
	if d.binding != nil {
		state["binding"] = d.binding.State(r)
	}
	_ = json.NewEncoder(w).Encode(state)
}

// maxName is how many characters a visitor's name has at most.
const maxName = 40

func (d *Site) login(w http.ResponseWriter, r *http.Request) {
	name := strings.Join(strings.Fields(r.PostFormValue("name")), " ")
	if !utf8.ValidString(name) || name == "" || utf8.RuneCountInString(name) > maxName {
		d.back(w, r, "error", "A name has 1 to 40 characters. Try Ada.")
		return
	}
	s := d.session(r)
	basket := checked(basketOf(s))
	if err := d.begin(r, name); err != nil {
		d.refused(w, r, err)
		return
	}
	if len(basket) > 0 && s.Set(keyBasket, basket) != nil {
		d.back(w, r, "error", "Welcome, "+name+". Your basket did not fit beside the login, so it is empty now.")
		return
	}
	d.back(w, r, "success", "Welcome, "+name+". Your session began anew, and the basket came along.")
}

// begin begins the session of somebody who has just logged in. In a cookie
// store the data of the session before may be planted: somebody who can set
// cookies here has put a session of his own into this browser. So nothing of it
// stays here. The basket alone is carried over: it was read before, it is checked,
// and what it may hold does no harm. A visitor sees it before paying, and takes
// out what is not his.
func (d *Site) begin(r *http.Request, name string) error {
	s := d.session(r)
	err := errors.Join(s.Destroy(), s.Set(keyUser, name), d.revoked.Login(s, userKey(name)))
	if err == nil && d.binding != nil {
		err = d.binding.Bind(r) // after Destroy: a new identifier is another session
	}
	return err
}

// checked returns the lines of a basket as this shop could have written them.
func checked(basket []line) []line {
	return slices.DeleteFunc(basket, func(l line) bool {
		_, known := productOf(l.SKU)
		wantLetter := ""
		if l.SKU == hamper.SKU {
			wantLetter = letter
		}
		return !known || l.N < 1 || l.N > 99 || l.Letter != wantLetter
	})
}

func (d *Site) logout(w http.ResponseWriter, r *http.Request) {
	if err := d.session(r).Destroy(); err != nil {
		d.refused(w, r, err)
		return
	}
	http.Redirect(w, r, origin(r)+"?did=logout", http.StatusSeeOther)
}

// logoutEverywhere ends what a cookie alone cannot end: the copies.
func (d *Site) logoutEverywhere(w http.ResponseWriter, r *http.Request) {
	s := d.session(r)
	err := d.endLogins(r.Context(), s)
	if err == nil {
		err = s.Destroy()
	}
	if err != nil {
		d.refused(w, r, err)
		return
	}
	http.Redirect(w, r, origin(r)+"?did=everywhere", http.StatusSeeOther)
}

func (d *Site) changeBasket(w http.ResponseWriter, r *http.Request) {
	s := d.session(r)
	p, known := productOf(r.PostFormValue("sku"))
	var err error
	said := ""
	switch change := r.PathValue("change"); {
	case change == "empty":
		err = s.Delete(keyBasket)
		said = "The basket is empty again, and so are the cookies that held it."
	case change == "hamper":
		err = cookiesession.Edit(s, keyBasket, func(b *[]line) error { *b = append(*b, line{hamper.SKU, 1, letter}); return nil })
		said = fmt.Sprintf("A hamper is in the basket, with a letter of %d bytes.", len(letter))
	case change == "add" && known && p.SKU != hamper.SKU:
		err = cookiesession.Edit(s, keyBasket, func(b *[]line) error { *b = addTo(*b, p.SKU); return nil })
		said = p.Name + " is in the basket."
	case change == "remove" && known:
		err = takeFrom(s, p.SKU)
		said = p.Name + " is out of the basket."
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		d.refused(w, r, err)
		return
	}
	d.back(w, r, "success", said)
}

func addTo(basket []line, sku string) []line {
	i := slices.IndexFunc(basket, func(l line) bool { return l.SKU == sku })
	if i < 0 {
		return append(basket, line{SKU: sku, N: 1})
	}
	basket[i].N = min(basket[i].N+1, 99)
	return basket
}

// takeFrom forgets the key with the last piece: an empty basket is no reason
// for a cookie.
func takeFrom(s *cookiesession.Session, sku string) error {
	basket := basketOf(s)
	for i := len(basket) - 1; i >= 0; i-- {
		if basket[i].SKU == sku {
			if basket[i].N--; basket[i].N < 1 {
				basket = slices.Delete(basket, i, i+1)
			}
			break
		}
	}
	if len(basket) == 0 {
		return s.Delete(keyBasket)
	}
	return s.Set(keyBasket, basket)
}

func basketOf(s *cookiesession.Session) []line {
	return cookiesession.GetOr[[]line](s, keyBasket, nil)
}

func countOf(basket []line) (n int) {
	for _, l := range basket {
		n += l.N
	}
	return n
}

// consents reads a cookie of the demo's own: a refusal must be remembered
// where no session may be. Real sites ask first. Here a visitor has come to
// see cookies.
func consents(r *http.Request) bool {
	c, err := r.Cookie("demo_consent")
	return err != nil || c.Value != "no"
}

func (d *Site) consent(w http.ResponseWriter, r *http.Request) {
	s := d.session(r)
	if r.PostFormValue("allow") == "yes" {
		s.Allow()
		http.SetCookie(w, d.ownCookie("demo_consent", "", "/", -1))
		did(w, r, "allow")
		return
	}
	s.Deny()
	http.SetCookie(w, d.ownCookie("demo_consent", "no", "/", 30*24*3600))
	did(w, r, "deny")
}

// notice is the shop's flash message.
type notice struct {
	Kind string `msgpack:"kind"` // success or error
	Text string `msgpack:"text"`
}

const flashNotice = "notice"

// back says text on the next page. Where a full session has no room even for
// that, the address says it, and where nothing may be remembered, that.
func (d *Site) back(w http.ResponseWriter, r *http.Request, kind, text string) {
	if !consents(r) {
		did(w, r, "no-consent")
		return
	}
	if err := d.session(r).Flash(flashNotice, notice{kind, text}); err != nil {
		did(w, r, "full")
		return
	}
	http.Redirect(w, r, origin(r), http.StatusSeeOther)
}

func (d *Site) refused(w http.ResponseWriter, r *http.Request, err error) {
	var large *cookiesession.TooLargeError
	if !errors.As(err, &large) {
		d.back(w, r, "error", "The package refused the change: "+err.Error())
		return
	}
	text := fmt.Sprintf("Refused before anything was lost: the cookies would take %d bytes, and %d are allowed.", large.Size, large.Limit)
	if len(large.Largest) > 0 {
		text += fmt.Sprintf(" The largest entry is %q with %d bytes.", large.Largest[0].Key, large.Largest[0].Size)
	}
	d.back(w, r, "error", text)
}

// price renders cents. The smallest shop needs no library for money.
func price(cents int) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }

func byKey(a, b entryRow) int {
	return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
}
