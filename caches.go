package cookiesession

import (
	"net/http"
	"slices"
	"strings"
)

// This file keeps one visitor's page out of a shared cache (RFC 9111, RFC
// 9213): frameworks that left it to the application served sessions to
// strangers (CVE-2023-30861, CVE-2026-27205, CVE-2025-48947).

// fields is room for the fields that most responses get, in the session's own
// memory: 3 allocations less than slices of their own.
type fields struct{ cookie, varies, control [1]string }

// vary adds Cookie to Vary, once; a "*" says more already.
func (f *fields) vary(h http.Header) {
	lines := h["Vary"]
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = trim(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return
			}
		}
	}
	if len(lines) == 0 {
		lines = f.varies[:0]
	}
	h["Vary"] = append(lines, "Cookie")
}

// keepPrivate says that the response is for one visitor, where the
// application has said nothing.
func (f *fields) keepPrivate(h http.Header) {
	if len(h["Cache-Control"]) == 0 {
		f.setPrivate(h)
	}
}

func (f *fields) setPrivate(h http.Header) {
	f.control[0] = "private"
	h["Cache-Control"] = f.control[:]
}

// forbidSharing makes sure that no shared cache stores a response that sets
// our cookies, whatever the application said.
func (f *fields) forbidSharing(h http.Header) {
	for name := range h {
		if len(name) < len("X-Accel-Expires") {
			continue
		}
		if strings.EqualFold(name, "Surrogate-Control") || strings.EqualFold(name, "X-Accel-Expires") || endsInFold(name, "CDN-Cache-Control") {
			delete(h, name)
		}
	}
	old := h["Cache-Control"]
	if len(old) == 0 {
		f.setPrivate(h)
		return
	}
	var kept []string
	isPrivate, noStore, overruled := false, false, false
	for _, directive := range directives(old) {
		name, _, qualified := strings.Cut(directive, "=")
		switch strings.ToLower(trim(name)) {
		case "public", "s-maxage":
			continue
		case "private":
			if isPrivate = true; qualified { // private="field" allows sharing the rest
				directive = "private"
			}
			if slices.Contains(kept, "private") {
				continue
			}
		case "no-store":
			noStore = noStore || !qualified
		case "must-understand": // caches that do need not obey no-store (RFC 9111 section 5.2.2.3)
			overruled = true
		}
		kept = append(kept, directive)
	}
	if !isPrivate && (!noStore || overruled) {
		kept = append([]string{"private"}, kept...) // in front: behind an unclosed quote nobody would see it
	}
	h["Cache-Control"] = []string{strings.Join(kept, ", ")}
}

func endsInFold(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// directives splits Cache-Control lines at commas outside of quotes.
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
				if d := trim(line[start:min(i, len(line))]); d != "" {
					all = append(all, d)
				}
				start = i + 1
			}
		}
	}
	return all
}
