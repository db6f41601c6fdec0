// Package purpose tells whom the answer to a request is for, as far as the
// request's header says: a person who looks at a page, a script, or nobody. It
// knows nothing of sessions.
package purpose

import (
	"net/http"
	"strings"
)

// Answer is whom the answer to a request is for.
type Answer uint8

const (
	Unknown Answer = iota // nobody has asked
	Page                  // a person who looks at a page; also where the client does not say
	Data                  // a script's fetch, an image
	Unseen                // nobody sees it: HEAD, OPTIONS, a prefetch
)

// Of tells whom the answer to r is for.
func Of(r *http.Request) Answer {
	switch {
	case r.Method == http.MethodHead, r.Method == http.MethodOptions, prefetches(r.Header):
		return Unseen
	case navigates(r.Header):
		return Page
	}
	return Data
}

// prefetches reports whether the browser asks before the visitor does. The
// fields other than Sec-Purpose are those of older browsers.
func prefetches(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "X-Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := first(h, name); strings.HasPrefix(v, "prefetch") || v == "preview" {
			return true
		}
	}
	return false
}

// navigates reports whether the request is for a document that a person looks
// at. Browsers send no Sec-Fetch-Dest over plain HTTP, and older ones never do.
// Then they still ask for HTML by name where they navigate, and not where a
// script or an image asks. A client that says nothing gets the benefit of the doubt.
func navigates(h http.Header) bool {
	if dest := first(h, "Sec-Fetch-Dest"); dest != "" {
		return dest == "document"
	}
	accept := first(h, "Accept")
	return first(h, "X-Requested-With") == "" && (accept == "" || strings.Contains(accept, "html"))
}

// CrossSite reports whether a page of another site has caused the request.
func CrossSite(h http.Header) bool { return first(h, "Sec-Fetch-Site") == "cross-site" }

// first is Header.Get for a canonical name.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Shows reports whether somebody sees what a response of that status shows. A
// redirect, 204, 205 and 304 have no page, a 5xx is somebody else's, the answer to
// HEAD has no body, and a prefetched page may never be looked at.
func (a Answer) Shows(status int) bool {
	if a == Unseen || status == http.StatusNoContent || status == http.StatusResetContent {
		return false
	}
	return status >= 200 && status < 300 || status >= 400 && status < 500
}

// ShowsPage reports whether somebody sees a page that was answered 200.
func (a Answer) ShowsPage(status int) bool {
	return status == http.StatusOK && a != Unseen && a != Data
}
