// Package cachecontrol keeps a page that was made for one visitor out of
// shared caches (RFC 9111, RFC 9213). Frameworks that left this to the
// application have served sessions to strangers (CVE-2023-30861,
// CVE-2026-27205, CVE-2025-48947). It knows nothing of sessions.
//
// What the application says about caches is kept as far as it is safe: how long
// the visitor's own browser may keep a page is the application's business.
package cachecontrol

import (
	"net/http"
	"slices"
	"strings"
)

// Fields has room for the header fields that most responses get. It stands in
// the memory of whoever answers, which saves 2 allocations. It is for one
// response.
type Fields struct{ vary, control [1]string }

// VaryByCookie adds Cookie to Vary, unless it is there already. A "*" says
// more than that and stays as it is.
func (f *Fields) VaryByCookie(h http.Header) {
	lines := h["Vary"]
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); name == "*" || strings.EqualFold(name, "Cookie") {
				return
			}
		}
	}
	if len(lines) == 0 {
		lines = f.vary[:0]
	}
	h["Vary"] = append(lines, "Cookie")
}

// DefaultPrivate says that the response is for one visitor, where the
// application has said nothing about caches.
func (f *Fields) DefaultPrivate(h http.Header) {
	if len(h["Cache-Control"]) == 0 && len(h["cache-control"]) == 0 {
		f.setPrivate(h)
	}
}

// setPrivate makes private the only directive. It takes the place of all fields
// of that name, so it is called only where there are none.
func (f *Fields) setPrivate(h http.Header) {
	f.control[0] = "private"
	h["Cache-Control"] = f.control[:]
}

// ForbidSharing makes sure that no shared cache stores the response, whatever
// the application said. It is for responses that set our cookies. Fields that
// speak to shared caches alone are removed: they overrule Cache-Control there,
// so they could allow what it forbids.
//
// A shared cache that stored such a response would give one visitor's session
// to everybody who asks for the page after that.
func (f *Fields) ForbidSharing(h http.Header) {
	for name, lines := range h {
		switch {
		case len(name) < len("Edge-Control"): // no name below is shorter: most fields are done here
		case forSharedCaches(name):
			delete(h, name)
		case name != "Cache-Control" && strings.EqualFold(name, "Cache-Control"): // set around http.Header's methods
			delete(h, name)
			h["Cache-Control"] = append(slices.Clip(h["Cache-Control"]), lines...)
		}
	}
	if old := h["Cache-Control"]; len(old) > 0 {
		h["Cache-Control"] = []string{strings.Join(unshared(directives(old)), ", ")}
		return
	}
	f.setPrivate(h)
}

// unshared returns the directives without those that allow sharing, and with
// one that forbids it. The others stay in their order, and max-age is among
// them: it speaks to the browser too.
func unshared(all []string) (kept []string) {
	isPrivate, noStore, overruled := false, false, false
	for _, directive := range all {
		name, _, qualified := strings.Cut(directive, "=")
		switch strings.ToLower(strings.Trim(name, " \t")) {
		case "public", "s-maxage":
			continue
		case "private":
			if isPrivate = true; qualified { // private="field" allows caches to share the rest
				directive = "private"
			}
			if slices.Contains(kept, "private") { // once is enough, whatever the lines said
				continue
			}
		case "no-store":
			noStore = noStore || !qualified
		case "must-understand": // caches that understand the status ignore no-store (RFC 9111 section 5.2.2.3)
			overruled = true
		}
		kept = append(kept, directive)
	}
	if !isPrivate && (!noStore || overruled) {
		// It stands in front: behind a quote that is not closed no cache would see it.
		kept = append([]string{"private"}, kept...)
	}
	return kept
}

// forSharedCaches reports whether a field speaks to shared caches alone.
func forSharedCaches(name string) bool {
	for _, field := range []string{"Surrogate-Control", "X-Accel-Expires", "Edge-Control", "X-LiteSpeed-Cache-Control"} {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return endsInFold(name, "CDN-Cache-Control")
}

// endsInFold is strings.HasSuffix for any case. CDNs put their names in front:
// Cloudflare-CDN-Cache-Control, Netlify-CDN-Cache-Control.
func endsInFold(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// directives splits Cache-Control lines at the commas that are not in quotes.
// In private="Set-Cookie, X-User" the comma is part of a value: whoever split
// there would see a directive that nobody wrote. A backslash in quotes takes the
// meaning from the character behind it (RFC 9110 section 5.6.4).
func directives(lines []string) (all []string) {
	for _, line := range lines {
		quoted, start := false, 0
		for i := 0; i <= len(line); i++ {
			switch {
			case i < len(line) && quoted && line[i] == '\\':
				i++
			case i < len(line) && line[i] == '"':
				quoted = !quoted
			case i >= len(line) || line[i] == ',' && !quoted:
				if d := strings.Trim(line[start:min(i, len(line))], " \t"); d != "" {
					all = append(all, d)
				}
				start = i + 1
			}
		}
	}
	return all
}
