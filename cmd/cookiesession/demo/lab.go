package demo

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession"
)

// expireAfter is long enough to read what will happen, and to see it.
const expireAfter = 6 * time.Second

// copyPrefix begins the names of the cookies that hold a visitor's copy of the
// session. They are sent to the laboratory alone: the shop has no use for them.
const copyPrefix = "copy_"

// authenticName is the cookie that holds what a forgery has replaced, so that
// a copy can still be one of the authentic session.
const authenticName = "authentic_" + cookieName

const labPath = "/lab"

// ownCookie is a cookie of the demo itself, which the package never touches.
func (d *Site) ownCookie(name, value, path string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: maxAge,
		Secure: !d.cfg.Insecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// did goes back to the page that the button was on: the referrer chooses
// between two addresses and is none itself.
func did(w http.ResponseWriter, r *http.Request, what string) {
	http.Redirect(w, r, origin(r)+"?did="+what+"#inspector", http.StatusSeeOther)
}

func origin(r *http.Request) string {
	if u, err := url.Parse(r.Referer()); err == nil && u.Path == "/session" {
		return u.Path
	}
	return "/"
}

// forge changes one bit in the middle of the session's first cookie, as
// someone would who owns the browser and wants to be an administrator. A second
// forgery would change the bit back, so it changes nothing.
func (d *Site) forge(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		did(w, r, "nothing")
		return
	}
	forged := flipBit(c.Value)
	if before, err := r.Cookie(authenticName); err != nil || before.Value != forged {
		http.SetCookie(w, d.ownCookie(authenticName, c.Value, labPath, 3600))
		http.SetCookie(w, d.ownCookie(cookieName, forged, "/", int(absoluteTimeout.Seconds())))
	}
	did(w, r, "forge")
}

// flipBit stays within base64url: another character would be refused before
// the MAC is even looked at, which proves less.
func flipBit(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len(text) / 2; i < len(text); i++ {
		if at := strings.IndexByte(alphabet, text[i]); at >= 0 {
			return text[:i] + alphabet[at^1:at^1+1] + text[i+1:]
		}
	}
	return text
}

// copyCookies puts the session's cookies aside, as a thief would, or a backup
// of the browser's profile. A copy that no server would open is not worth
// having: an earlier one stays instead.
func (d *Site) copyCookies(w http.ResponseWriter, r *http.Request) {
	authentic := d.authentic(r)
	if authentic == nil {
		did(w, r, "nothing")
		return
	}
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, copyPrefix) {
			http.SetCookie(w, d.ownCookie(c.Name, "", labPath, -1))
		}
	}
	for _, c := range authentic {
		http.SetCookie(w, d.ownCookie(copyPrefix+c.Name, c.Value, labPath, 3600))
	}
	did(w, r, "copy")
}

// authentic returns the cookies of the session that came, or of the one that a
// forgery has replaced. It is nil where neither opens.
func (d *Site) authentic(r *http.Request) []*http.Cookie {
	data := slices.DeleteFunc(sentCookies(r), func(c *http.Cookie) bool { return compartment(c.Name) != cookieName })
	if d.opens(data) {
		return data
	}
	before, err := r.Cookie(authenticName)
	if err != nil {
		return nil
	}
	for _, c := range data {
		if c.Name == cookieName {
			c.Value = before.Value
		}
	}
	if d.opens(data) {
		return data
	}
	return nil
}

// opens asks in a request of its own: the visitor's page is not to report it.
func (d *Site) opens(cookies []*http.Cookie) bool {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return !d.sessions.OpenRequest(r).IsNew()
}

func (d *Site) replay(w http.ResponseWriter, r *http.Request) {
	n := 0
	for _, c := range r.Cookies() {
		name, ok := strings.CutPrefix(c.Name, copyPrefix)
		if ok && compartment(name) == cookieName {
			http.SetCookie(w, d.ownCookie(name, c.Value, "/", int(absoluteTimeout.Seconds())))
			n++
		}
	}
	if n == 0 {
		did(w, r, "no-copy")
		return
	}
	did(w, r, "replay")
}

// expire ends the session in a moment, and gives the browser its cookies with
// an hour more: the deadline that counts is the one inside the seal.
func (d *Site) expire(w http.ResponseWriter, r *http.Request) {
	s := d.sessions.OpenRequest(r)
	if s.IsNew() {
		did(w, r, "nothing")
		return
	}
	s.SetExpiry(cookiesession.At(time.Now().Add(expireAfter)))
	theirs := make(http.Header)
	if err := d.sessions.Commit(theirs, s, http.StatusSeeOther); err != nil {
		did(w, r, "full")
		return
	}
	for _, text := range theirs.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(text)
		if err != nil {
			continue
		}
		if c.MaxAge > 0 {
			c.MaxAge = 3600
			c.Expires = time.Time{}
		}
		http.SetCookie(w, c)
	}
	did(w, r, "expire")
}

// leaveFlash is shown on the page after next: the one in between keeps it, so
// that it can be seen waiting.
func (d *Site) leaveFlash(w http.ResponseWriter, r *http.Request) {
	if !consents(r) {
		did(w, r, "no-consent")
		return
	}
	if err := d.session(r).Flash(flashNotice, notice{"success", "This message waited for one page, and is gone with this one."}); err != nil {
		did(w, r, "full")
		return
	}
	did(w, r, "flash")
}

func (d *Site) changeKeys(w http.ResponseWriter, r *http.Request) {
	var err error
	change := r.PathValue("change")
	switch change {
	case "rotate":
		err = d.ring.add(time.Now())
	case "announce":
		err = d.ring.add(time.Now().Add(announceAhead))
	case "retire":
		err = d.ring.retire()
	case "lose":
		err = d.ring.lose()
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		slog.Warn("the ring stays as it was", "reason", err)
		change = "no-keys"
	}
	did(w, r, change)
}
