// Package cachecontrol keeps a page that was made for one visitor out of
// shared caches (RFC 9111, RFC 9213). Frameworks that left this to the
// application have served sessions to strangers (CVE-2023-30861,
// CVE-2026-27205, CVE-2025-48947). It knows nothing of sessions.
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
	//lint:ignore SA1008 an application may have set the map itself
	if len(h["Cache-Control"]) == 0 && len(h["cache-control"]) == 0 {
		f.setPrivate(h)
	}
}

func (f *Fields) setPrivate(h http.Header) {
	f.control[0] = "private"
	h["Cache-Control"] = f.control[:]
}

// ForbidSharing makes sure that no shared cache stores the response, whatever
// the application said. It is for responses that set our cookies. Fields that
// speak to shared caches alone are removed.
func (f *Fields) ForbidSharing(h http.Header) {
	for name, lines := range h {
		switch {
		case len(name) < len("Edge-Control"):
		case forSharedCaches(name):
			delete(h, name)
		case name != "Cache-Control" && strings.EqualFold(name, "Cache-Control"): // set around http.Header's methods
			delete(h, name)
			h["Cache-Control"] = append(slices.Clip(h["Cache-Control"]), lines...)
		}
	}
	if old := h["Cache-Control"]; len(old) > 0 {
		h["Cache-Control"] = []string{strings.Join(unshared(directives(strings.Join(old, ", "))), ", ")}
		return
	}
	f.setPrivate(h)
}

// unshared returns the directives without those that allow sharing, and with
// one that forbids it.
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
			if slices.Contains(kept, "private") {
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

func endsInFold(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// directives splits the value of Cache-Control at the commas that are not in
// quotes. Several lines are joined before: to a cache they are one list, in which
// a quote that is not closed in one line reaches into the next (RFC 9110 section
// 5.3).
func directives(list string) (all []string) {
	quoted, start := false, 0
	for i := 0; i <= len(list); i++ {
		switch {
		case i+1 < len(list) && quoted && list[i] == '\\':
			i++
		case i < len(list) && list[i] == '"':
			quoted = !quoted
		case i >= len(list) || list[i] == ',' && !quoted:
			if d := strings.Trim(list[start:min(i, len(list))], " \t"); d != "" {
				all = append(all, d)
			}
			start = i + 1
		}
	}
	return all
}
