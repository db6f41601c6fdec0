package dbsc

import (
	"errors"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/cookie"
)

// This file has the texts that are sealed by the manager's keys: the bound
// cookie, the challenges, the public key in the address of the refresh, and the
// end sign. All have fields of fixed sizes, one behind the other. The purpose
// is part of the seal, so no text passes for one of another kind. A text of
// another form than these needs another purpose.
const (
	purposeCookie   = "dbsc cookie"   // session id ‖ thumbprint ‖ time of the challenge ‖ end
	purposeRegister = "dbsc register" // session id ‖ time
	purposeRefresh  = "dbsc refresh"  // session id ‖ thumbprint ‖ time
	purposeKey      = "dbsc key"      // session id ‖ public key, a point of P-256 that is not compressed
	purposeEnd      = "dbsc end"      // session id
)

const (
	idSize  = len(sessionID{})
	keySize = 65 // a point of P-256, not compressed: unpacking a compressed one takes 8 µs
)

// proof is what a bound cookie says: the key of that thumbprint answered a
// challenge of that time for that session.
type proof struct {
	id           sessionID
	thumb        thumbprint
	proved, ends time.Time
}

// sealCookie makes the bound cookie. Each has another text, because the seal
// begins with random bytes.
func (b *Binding) sealCookie(id sessionID, t thumbprint, proved, now time.Time) (*http.Cookie, error) {
	ends := now.Add(b.cfg.Lifetime)
	plain := append(append(make([]byte, 0, idSize+len(t)+2*timeSize), id[:]...), t[:]...)
	text, err := b.m.Seal(purposeCookie, appendTime(appendTime(plain, proved), ends), ends.Add(leeway))
	if err != nil {
		return nil, err
	}
	return b.m.CompanionCookie(text, b.cfg.Lifetime), nil
}

// openCookie opens the text of a bound cookie. With ErrExpired the proof is
// returned beside the error.
func (b *Binding) openCookie(text string) (p proof, err error) {
	plain, err := b.m.Unseal(purposeCookie, text)
	if err != nil && !errors.Is(err, cookiesession.ErrExpired) {
		return p, err
	}
	f := fields{rest: plain}
	f.read(p.id[:])
	f.read(p.thumb[:])
	p.proved, p.ends = f.time(), f.time()
	if !f.done() {
		return proof{}, cookiesession.ErrInvalid
	}
	return p, err
}

// cookies are the values of the bound cookie that came. There may be several,
// of other paths and domains: eight are looked at.
func (b *Binding) cookies(r *http.Request) (first string, others []string) {
	var in [1]cookie.Incoming
	cookie.Collect(in[:], b.name, []string{""}, r.Header["Cookie"])
	return in[0].First, in[0].Others()
}

// sealChallenge makes a challenge for a session, and for a refresh also for a key.
// Nothing remembers it: it may be answered any number of times until it ends.
func (b *Binding) sealChallenge(purpose string, id sessionID, t thumbprint) (string, error) {
	now, plain := time.Now(), append(make([]byte, 0, idSize+len(t)+timeSize), id[:]...)
	if purpose == purposeRefresh {
		plain = append(plain, t[:]...)
	}
	return b.m.Seal(purpose, appendTime(plain, now), now.Add(b.cfg.ChallengeLifetime))
}

// openChallenge returns when a challenge was made, and for what. With ErrExpired
// they are returned beside the error.
func (b *Binding) openChallenge(purpose, text string) (id sessionID, t thumbprint, made time.Time, err error) {
	plain, err := b.m.Unseal(purpose, text)
	if err != nil && !errors.Is(err, cookiesession.ErrExpired) {
		return id, t, made, err
	}
	f := fields{rest: plain}
	f.read(id[:])
	if purpose == purposeRefresh {
		f.read(t[:])
	}
	made = f.time()
	if !f.done() {
		return id, t, made, cookiesession.ErrInvalid
	}
	return id, t, made, err
}

// sealKey makes what refresh_url says of the binding. The browser's key stands
// there and in no cookie: no other response can overwrite it, no sibling domain
// can plant it, and it comes also where the browser withholds cookies. It is
// sealed anew with every refresh, so it follows the keyring.
func (b *Binding) sealKey(id sessionID, publicKey []byte) (string, error) {
	plain := append(append(make([]byte, 0, idSize+keySize), id[:]...), publicKey...)
	return b.m.Seal(purposeKey, plain, time.Now().Add(longest))
}

// openKey is sealKey's way back. With ErrExpired they are returned beside the error.
func (b *Binding) openKey(text string) (id sessionID, publicKey []byte, err error) {
	plain, err := b.m.Unseal(purposeKey, text)
	if err != nil && !errors.Is(err, cookiesession.ErrExpired) {
		return id, nil, err
	}
	f := fields{rest: plain}
	f.read(id[:])
	publicKey = make([]byte, keySize)
	f.read(publicKey)
	if !f.done() {
		return id, nil, cookiesession.ErrInvalid
	}
	return id, publicKey, err
}

// endSign makes the cookie that tells the refresh address that a session is
// over, when the cookies of that session are gone. It names the session, so
// that one that was planted ends nobody else's. The browser sends it to the two
// addresses alone, and with SameSite None also where another site caused the
// refresh.
func (b *Binding) endSign(id sessionID) (*http.Cookie, error) {
	text, err := b.m.Seal(purposeEnd, id[:], time.Now().Add(longest))
	return b.endCookie(text, longest), err
}

func (b *Binding) endCookie(text string, maxAge time.Duration) *http.Cookie {
	c := b.m.CompanionCookie(text, maxAge)
	if maxAge <= 0 {
		c.MaxAge = -1
	}
	c.Name, c.Path, c.SameSite, c.HttpOnly = b.end, b.cfg.Path, http.SameSiteNoneMode, true
	return c
}

// hasEnded reports whether an end sign of that session came.
func (b *Binding) hasEnded(r *http.Request, id sessionID) bool {
	var in [1]cookie.Incoming
	cookie.Collect(in[:], b.end, []string{""}, r.Header["Cookie"])
	for _, text := range append(in[0].Others(), in[0].First) {
		plain, err := b.m.Unseal(purposeEnd, text)
		if err == nil && string(plain) == string(id[:]) {
			return true
		}
	}
	return false
}

// fields reads fields of fixed sizes.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) read(into []byte) {
	if len(f.rest) < len(into) {
		f.short, f.rest = true, nil
		return
	}
	f.rest = f.rest[copy(into, f.rest):]
}

func (f *fields) time() time.Time {
	var b [timeSize]byte
	f.read(b[:])
	return readTime(b[:])
}

func (f *fields) done() bool { return !f.short && len(f.rest) == 0 }
