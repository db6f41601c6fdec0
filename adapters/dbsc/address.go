package dbsc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/dunglas/httpsfv"
)

// This file answers at the two addresses. For Chromium 156 any 4xx ends its side
// of a binding, but a 403 with a challenge, and so do redirects. After a 5xx it
// tries again. So a 4xx is only for what a browser never sends. Whatever may be our
// own fault is 503: an instance that has not seen the newest key, or a keyring
// without a key that seals.

const (
	forged = http.StatusBadRequest
	fault  = http.StatusServiceUnavailable
)

// begin writes what all answers of the two addresses have, and lets nothing but
// POST through. There is no CORS: pages of other sites read nothing, and can
// send neither the Sec- fields nor, without permission, the proof.
func begin(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodPost {
		h.Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return false
	}
	return true
}

// serveRegistration binds a session to the key that the proof brings. It is the
// one answer of the two addresses that writes the session's data: mark and
// bound cookie leave together.
func (b *Binding) serveRegistration(w http.ResponseWriter, r *http.Request) {
	if !begin(w, r) {
		return
	}
	p, present, err := readProof(r)
	if !present || err != nil {
		w.WriteHeader(forged)
		return
	}
	key, packed, err := p.publicKey()
	if err != nil || !p.verifiedBy(key) {
		w.WriteHeader(forged)
		return
	}
	id, _, made, err := b.openChallenge(purposeRegister, p.challenge)
	if err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	t := thumbprintOf(packed)
	if status := b.mark(w.Header(), r, id, t); status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	b.welcome(w, id, packed, made, b.cfg.ChallengeAtRegistration)
}

// statusOf is the answer where a sealed text does not open.
func statusOf(err error) int {
	if errors.Is(err, cookiesession.ErrInvalid) || errors.Is(err, cookiesession.ErrExpired) {
		return forged
	}
	return fault
}

// mark puts the mark into the data, or says with which status to refuse. The
// session must have asked, must not be bound, and must be that of the challenge.
//
// A registration that another site has caused, as the way back from a login
// elsewhere, brings no SameSite cookies. It is not refused: the challenge was
// made for a session that asked, and what comes with the bound cookie next is
// marked then. Without the data it can do nothing.
func (b *Binding) mark(h http.Header, r *http.Request, id sessionID, t thumbprint) (status int) {
	s := b.m.OpenRequest(asFetch(r))
	came := cookie.Contains(b.data, r.Header["Cookie"])
	mine, allowed := s.IDBytes(), s.Allowed()
	switch {
	case !allowed:
		return forged
	case !came:
		return http.StatusOK
	case s.IsNew():
		return b.refusal(s.Rejected())
	}
	if m := readMark(s.Metadata(markName)); mine != id || m.kind != asked {
		return forged
	}
	if err := s.SetMetadata(markName, boundMark(id, t)); err != nil {
		return fault
	}
	all := http.Header{}
	if err := b.m.Commit(all, s, http.StatusOK); err != nil {
		return fault
	}
	for _, line := range all["Set-Cookie"] { // of the data alone: this was no page view, and shows no flash
		if rest := line[min(len(b.data), len(line)):]; line[:len(line)-len(rest)] == b.data && (rest[0] == '=' || rest[0] == '.') {
			h.Add("Set-Cookie", line)
		}
	}
	return http.StatusOK
}

// asFetch is r as what it is: no page that somebody sees. Chromium says so
// itself.
func asFetch(r *http.Request) *http.Request {
	if r.Header.Get("Sec-Fetch-Dest") != "empty" {
		r = r.Clone(r.Context())
		r.Header.Set("Sec-Fetch-Dest", "empty")
	}
	return r
}

// refusal is the answer to a registration whose session is not shown.
func (b *Binding) refusal(why error) int {
	for _, over := range []error{cookiesession.ErrInvalid, cookiesession.ErrExpired, cookiesession.ErrRevoked} {
		if errors.Is(why, over) {
			return forged
		}
	}
	return fault // an unknown key, or a Validate that could not tell
}

// serveRefresh gives the browser the next bound cookie, for a proof. It never
// writes the session's data: a refresh that was on its way while the visitor
// logged out would bring the session back.
func (b *Binding) serveRefresh(w http.ResponseWriter, r *http.Request) {
	if !begin(w, r) {
		return
	}
	named, ok := sessionIdentifier(r)
	if !ok {
		w.WriteHeader(forged)
		return
	}
	id, packed, err := b.openKey(keyParameter(r))
	over := errors.Is(err, cookiesession.ErrExpired)
	if err != nil && !over {
		w.WriteHeader(statusOf(err))
		return
	}
	t := thumbprintOf(packed)
	if t.String() != named {
		w.WriteHeader(forged)
		return
	}
	switch verdict := b.judge(r, id, t); {
	case over || verdict == end:
		b.goodbye(w, r, id, t)
	case verdict == wait:
		w.WriteHeader(fault)
	default:
		b.refreshed(w, r, id, packed, t)
	}
}

// refreshed answers a refresh of a binding that goes on.
func (b *Binding) refreshed(w http.ResponseWriter, r *http.Request, id sessionID, packed []byte, t thumbprint) {
	p, present, err := readProof(r)
	if !present {
		b.challenge(w, id, t)
		return
	}
	if err != nil {
		w.WriteHeader(forged)
		return
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), packed)
	if err != nil || !p.verifiedBy(key) {
		w.WriteHeader(forged)
		return
	}
	of, by, made, err := b.openChallenge(purposeRefresh, p.challenge)
	switch {
	case errors.Is(err, cookiesession.ErrInvalid), err == nil && (of != id || by != t):
		w.WriteHeader(forged)
	case err != nil:
		// It is too old, or sealed with a key that was retired, or that this
		// instance has not seen yet. A new challenge helps against all three.
		b.challenge(w, id, t)
	default:
		b.welcome(w, id, packed, made, true)
	}
}

// sessionIdentifier reads which of its sessions the browser refreshes. Pages
// cannot set a field that begins with Sec-, so a request without it is not a
// browser's refresh.
func sessionIdentifier(r *http.Request) (string, bool) {
	lines := r.Header.Values("Sec-Secure-Session-Id")
	if len(lines) != 1 || len(lines[0]) > maxSkipped {
		return "", false
	}
	text, err := fieldText(lines[0])
	return text, err == nil
}

// keyParameter is the sealed key in the address. What is longer than any that
// we made is not looked at.
func keyParameter(r *http.Request) string {
	if len(r.URL.RawQuery) > maxSkipped {
		return ""
	}
	return r.URL.Query().Get("k")
}

// verdict is what the cookies that came with a refresh say about the binding.
type verdict uint8

const (
	goOn verdict = iota
	end
	wait // nothing may be set now, and nothing is known to be over
)

// judge looks at the session that came with a refresh. A refresh that another
// site caused brings none, which says nothing: it is answered from the address
// alone. Data of another session, or of the same one with another key, says
// that this binding is over.
func (b *Binding) judge(r *http.Request, id sessionID, t thumbprint) verdict {
	if b.hasEnded(r, id) {
		return end
	}
	s := b.m.OpenRequest(asFetch(r))
	came := cookie.Contains(b.data, r.Header["Cookie"])
	mine, allowed := s.IDBytes(), s.Allowed()
	switch {
	case !allowed && came:
		return end
	case !allowed:
		return wait
	case !came:
		return goOn
	case s.IsNew():
		why := s.Rejected()
		if errors.Is(why, cookiesession.ErrExpired) || errors.Is(why, cookiesession.ErrRevoked) {
			return end
		}
		return goOn
	}
	m := readMark(s.Metadata(markName))
	if mine != id || m.kind == bound && m.of(id) && m.thumb != t {
		return end
	}
	return goOn
}

// challenge asks for a proof.
func (b *Binding) challenge(w http.ResponseWriter, id sessionID, t thumbprint) {
	text, err := b.sealChallenge(purposeRefresh, id, t)
	if err != nil {
		w.WriteHeader(fault)
		return
	}
	w.Header().Set("Secure-Session-Challenge", challengeField(text, t))
	w.WriteHeader(http.StatusForbidden)
}

// welcome answers a proof that was accepted: the bound cookie, what the browser
// has to know, and the challenge for the next refresh.
func (b *Binding) welcome(w http.ResponseWriter, id sessionID, packed []byte, proved time.Time, challenge bool) {
	t, h := thumbprintOf(packed), w.Header()
	c, err := b.sealCookie(id, t, proved, time.Now())
	key, err2 := b.sealKey(id, packed)
	if err == nil && err2 == nil && challenge {
		var text string
		text, err = b.sealChallenge(purposeRefresh, id, t)
		h.Set("Secure-Session-Challenge", challengeField(text, t))
	}
	if err != nil || err2 != nil {
		h.Del("Set-Cookie")
		w.WriteHeader(fault)
		return
	}
	h.Add("Set-Cookie", c.String())
	h.Set("Content-Type", "application/json")
	io.WriteString(w, b.instructions(t, key))
}

// goodbye ends the browser's side of the binding.
func (b *Binding) goodbye(w http.ResponseWriter, r *http.Request, id sessionID, t thumbprint) {
	first, _ := b.cookies(r)
	if p, err := b.openCookie(first); first != "" && (err == nil || errors.Is(err, cookiesession.ErrExpired)) && p.id == id && p.thumb == t {
		http.SetCookie(w, b.dropped()) // a refresh that was on its way when the session ended has set it again
	}
	if cookie.Contains(b.end, r.Header["Cookie"]) {
		http.SetCookie(w, b.endCookie("", 0))
	}
	writeJSON(w, struct {
		Session  string `json:"session_identifier"`
		Continue bool   `json:"continue"`
	}{t.String(), false})
}

// rules are what all bindings have in common of the JSON that the browser is told.
type rules struct {
	Scope       scope        `json:"scope"`
	Credentials []credential `json:"credentials"`
	Initiators  []string     `json:"allowed_refresh_initiators,omitempty"`
}

type scope struct {
	Origin        string `json:"origin,omitempty"`
	IncludeSite   bool   `json:"include_site"` // required
	Specification []rule `json:"scope_specification,omitempty"`
}

type rule struct {
	Type   string `json:"type"`
	Domain string `json:"domain"`
	Path   string `json:"path"`
}

type credential struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	Attributes string `json:"attributes"`
}

// rulesOf encodes the rules, once for a Binding.
func rulesOf(cfg *Config, like *http.Cookie) (string, error) {
	all := rules{
		Scope:       scope{Origin: cfg.IncludeSite, IncludeSite: cfg.IncludeSite != ""},
		Credentials: []credential{{"cookie", like.Name, attributes(like)}},
		Initiators:  cfg.AllowedRefreshInitiators,
	}
	for _, path := range cfg.Exclude {
		all.Scope.Specification = append(all.Scope.Specification, rule{"exclude", "*", path})
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// instructions are what the browser has to know about one binding: its
// identifier, where to refresh, and the rules. Identifier and address have no
// character that JSON would escape. Encoding them each time takes 2 µs.
func (b *Binding) instructions(t thumbprint, key string) string {
	return `{"session_identifier":"` + t.String() + `","refresh_url":"` + b.refresh + "?k=" + url.QueryEscape(key) + `",` + b.rules[1:]
}

// serveWellKnown names the origins that may register for the whole site.
func (b *Binding) serveWellKnown(w http.ResponseWriter) {
	writeJSON(w, struct {
		Origins []string `json:"registering_origins"`
	}{b.cfg.RegisteringOrigins})
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(fault)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}

// challengeField is a Secure-Session-Challenge field. Sealed texts and
// identifiers are base64url, so they can stand in it.
func challengeField(challenge string, t thumbprint) string {
	item := httpsfv.NewItem(challenge)
	item.Params.Add("id", t.String())
	return marshal(httpsfv.List{item})
}

// offerField is a Secure-Session-Registration field.
func (b *Binding) offerField(challenge string) string {
	list := httpsfv.InnerList{Items: []httpsfv.Item{httpsfv.NewItem(httpsfv.Token("ES256"))}, Params: httpsfv.NewParams()}
	list.Params.Add("path", b.registration)
	list.Params.Add("challenge", challenge)
	return marshal(httpsfv.List{list})
}

func marshal(list httpsfv.List) string {
	text, err := httpsfv.Marshal(list)
	if err != nil {
		panic("cookiesession/dbsc: " + err.Error()) // only for characters that neither New nor Seal lets through
	}
	return text
}
