package demo

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

// browserLimit is what browsers keep of one cookie, name and value together.
const browserLimit = 4096

// sentCookies are the session's cookies as the browser sent them.
func sentCookies(r *http.Request) (sent []*http.Cookie) {
	for _, line := range r.Header["Cookie"] {
		for name, value := range cookie.Pairs(line) {
			if compartment(name) != "" {
				sent = append(sent, &http.Cookie{Name: name, Value: value})
			}
		}
	}
	return sent
}

// compartment is the name that the cookies of one sealed text share. It is empty
// for any other cookie.
func compartment(name string) string {
	switch first, _, ok := cookie.SplitName(name); {
	case !ok:
	case first == cookieName, first == cookieName+"_flash", first == cookieName+"_views", first == cookieName+"_bound", first == cookieName+"_test":
		return first
	}
	return ""
}

func sealedBy(cookies []*http.Cookie) string {
	for _, c := range cookies {
		if c.Name == cookieName {
			return keyID(c.Value)
		}
	}
	return ""
}

// keyID is what the cookie says, before anybody has believed it.
func keyID(value string) string {
	id, _, _ := cookie.SplitKeyID(value)
	return id
}

// jarCookie is a session cookie as the browser holds it after the response.
type jarCookie struct {
	Name, Value string
	State       string // sent, issued or deleted
}

// jarAfter lays what the response sets over what the request brought: that is
// what the browser will do.
func jarAfter(r *http.Request, h http.Header) []jarCookie {
	var jar []jarCookie
	for _, c := range sentCookies(r) {
		jar = append(jar, jarCookie{c.Name, c.Value, "sent"})
	}
	for _, text := range h.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(text)
		if err != nil || compartment(c.Name) == "" {
			continue
		}
		i := slices.IndexFunc(jar, func(j jarCookie) bool { return j.Name == c.Name })
		switch {
		case c.MaxAge < 0 && i < 0:
		case c.MaxAge < 0:
			jar[i] = jarCookie{c.Name, "", "deleted"}
		case i < 0:
			jar = append(jar, jarCookie{c.Name, c.Value, "issued"})
		default:
			jar[i] = jarCookie{c.Name, c.Value, "issued"}
		}
	}
	slices.SortFunc(jar, func(a, b jarCookie) int {
		return cmp.Or(cmp.Compare(compartment(a.Name), compartment(b.Name)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return jar
}

// layer is one part of a sealed compartment. X and Bytes are drawn to scale.
type layer struct {
	Name, Class, Says string
	Bytes, X          int
}

// layersOf takes the data compartment apart without any key: everything but
// the plaintext is there for anyone to see. nil if it is not whole.
func layersOf(jar []jarCookie) (layers []layer, total int) {
	name, text, total, ok := joined(jar)
	if !ok {
		return nil, 0
	}
	parts := sealedParts(text)
	if parts == nil {
		return nil, 0
	}
	layers = append([]layer{
		{Name: "Name", Class: "name", Bytes: name, Says: "of the cookie; the code covers it, so no cookie can pose as another"},
		{Name: "Key id", Class: "keyid", Bytes: total - name - len(text), Says: "which key of the ring to try, and how the chunks belong together"},
	}, parts...)
	x := 0
	for i := range layers {
		layers[i].X = x
		x += layers[i].Bytes
	}
	return layers, x
}

// joined is the sealed text of the data compartment, with the bytes that its
// names take and the bytes of it all.
func joined(jar []jarCookie) (names int, text string, total int, ok bool) {
	in := make([]cookie.Incoming, 1)
	for _, c := range jar {
		if compartment(c.Name) != cookieName || c.State == "deleted" {
			continue
		}
		names += len(c.Name)
		total += len(c.Name) + len(c.Value)
		cookie.Collect(in, cookieName, []string{""}, []string{c.Name + "=" + c.Value})
	}
	_, rest, ok := cookie.SplitKeyID(in[0].First)
	if !ok {
		return 0, "", 0, false
	}
	budget := browserLimit * cookie.MaxChunks
	text, ok = in[0].Join(rest, &budget)
	return names, text, total, ok
}

// sealedParts knows the two formats of a sealed text.
func sealedParts(text string) []layer {
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) > 33 && raw[0] == 1 {
		return withOverhead(text, []layer{
			{Name: "Version", Class: "time", Bytes: 1, Says: "of the format"},
			{Name: "IV", Class: "iv", Bytes: 16, Says: saysIV},
			{Name: "Ciphertext", Class: "cipher", Bytes: len(raw) - 33, Says: saysCipher},
			{Name: "MAC", Class: "mac", Bytes: 16, Says: saysMAC},
		})
	}
	raw, err := base64.URLEncoding.DecodeString(text)
	if err != nil || len(raw) < 34 {
		return nil
	}
	head := raw[:len(raw)-32]
	fields := strings.Split(string(head), "|")
	if len(fields) != 3 {
		return nil
	}
	sealed, err := base64.URLEncoding.DecodeString(fields[1])
	if err != nil || len(sealed) < 16 {
		return nil
	}
	return withOverhead(text, []layer{
		{Name: "Time", Class: "time", Bytes: len(fields[0]) + 2, Says: "of sealing, as securecookie writes it, with two separators"},
		{Name: "IV", Class: "iv", Bytes: 16, Says: saysIV},
		{Name: "Ciphertext", Class: "cipher", Bytes: len(sealed) - 16, Says: saysCipher},
		{Name: "MAC", Class: "mac", Bytes: 32, Says: saysMAC},
	})
}

const (
	saysIV     = "random, so that equal sessions never look equal"
	saysCipher = "the session itself: AES-256 in counter mode"
	saysMAC    = "HMAC-SHA-256 over all before it: one changed bit anywhere, and it is refused"
)

// withOverhead adds what is no information: a cookie holds text only.
func withOverhead(text string, parts []layer) []layer {
	rest := len(text)
	for _, p := range parts {
		rest -= p.Bytes
	}
	return append(parts, layer{Name: "Base64", Class: "overhead", Bytes: rest, Says: "what writing bytes as text costs"})
}

// ciphertext is the length of the plaintext too: counter mode adds nothing.
func ciphertext(layers []layer) int {
	for _, l := range layers {
		if l.Class == "cipher" {
			return l.Bytes
		}
	}
	return 0
}
