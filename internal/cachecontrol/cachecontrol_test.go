//lint:file-ignore SA1008 An application may have set the map of fields itself, in any case of letters.

package cachecontrol_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/cachecontrol"
)

func TestVaryByCookieAddsWhatIsNotThere(t *testing.T) {
	for _, tc := range []struct{ name, before, after string }{
		{"none", "", "Cookie"},
		{"an empty line", " ", " |Cookie"},
		{"another", "Accept-Encoding", "Accept-Encoding|Cookie"},
		{"it is there", "Cookie", "Cookie"},
		{"in lower case", "cookie", "cookie"},
		{"among others", "Accept, COOKIE ,Origin", "Accept, COOKIE ,Origin"},
		{"on a second line", "Accept|Origin,\tCookie", "Accept|Origin,\tCookie"},
		{"part of a longer name", "Cookie2, X-Cookie", "Cookie2, X-Cookie|Cookie"},
		{"a star says more", "*", "*"},
		{"a star on a second line", "Accept|*", "Accept|*"},
	} {
		h := http.Header{}
		if tc.before != "" {
			h["Vary"] = strings.Split(tc.before, "|")
		}
		for range 2 { // the second time it is there
			new(cachecontrol.Fields).VaryByCookie(h)
			if got := strings.Join(h["Vary"], "|"); got != tc.after {
				t.Errorf("%s: Vary %q, want %q", tc.name, got, tc.after)
			}
		}
	}
}

func TestDefaultPrivateLeavesWhatTheApplicationSaid(t *testing.T) {
	for _, tc := range []struct {
		name, field string
		before      []string
		want        string
	}{
		{"nothing", "Cache-Control", nil, "private"},
		{"public", "Cache-Control", []string{"public"}, "public"},
		{"nothing, in a line of its own", "Cache-Control", []string{""}, ""},
		{"public, set around http.Header's methods", "cache-control", []string{"public"}, ""},
	} {
		h := http.Header{}
		if tc.before != nil {
			h[tc.field] = tc.before
		}
		new(cachecontrol.Fields).DefaultPrivate(h)
		if got := h.Get("Cache-Control"); got != tc.want {
			t.Errorf("%s: Cache-Control %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestForbidSharingKeepsWhatIsForTheBrowser(t *testing.T) {
	for said, want := range map[string]string{
		"":                                "private",
		"max-age=60":                      "private, max-age=60",
		"public, max-age=60":              "private, max-age=60",
		"PUBLIC,S-MaxAge=60 , max-age=1":  "private, max-age=1",
		"private, max-age=60":             "private, max-age=60",
		"no-store":                        "no-store",
		"no-store, must-understand":       "private, no-store, must-understand",
		`no-store="a"`:                    `private, no-store="a"`,
		`private="set-cookie"`:            "private",
		`private="a, b", private`:         "private",
		`no-cache="public", public`:       `private, no-cache="public"`,
		`extension="a, \", public", b`:    `private, extension="a, \", public", b`,
		`extension="a, public`:            `private, extension="a, public`,
		"public|max-age=60|s-maxage=1":    "private, max-age=60",
		`extension="a|private`:            `private, extension="a, private`, // to a cache the quote reaches into the second line
		`"\`:                              `private, "\`,
		",, public ,":                     "private",
		"stale-if-error=60, not-public=1": "private, stale-if-error=60, not-public=1",
	} {
		h := http.Header{}
		if said != "" {
			h["Cache-Control"] = strings.Split(said, "|")
		}
		new(cachecontrol.Fields).ForbidSharing(h)
		if got := strings.Join(h["Cache-Control"], "|"); got != want {
			t.Errorf("%q becomes %q, want %q", said, got, want)
		}
	}
}

func TestForbidSharingRemovesTheFieldsOfSharedCaches(t *testing.T) {
	gone := []string{
		"Surrogate-Control", "surrogate-control", "X-Accel-Expires", "X-ACCEL-EXPIRES", "Edge-Control", "edge-control",
		"X-Litespeed-Cache-Control", "X-LiteSpeed-Cache-Control", "Cdn-Cache-Control", "CDN-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Vercel-CDN-Cache-Control",
	}
	kept := []string{"Surrogate-Key", "X-Accel-Buffering", "Edge-Controls", "Cdn-Cache-Control-Note", "Age", "Expires", "Vary", "X"}
	h := http.Header{"cache-control": {"public, max-age=1"}, "CACHE-CONTROL": {"s-maxage=2"}}
	for _, name := range slices.Concat(gone, kept) {
		h[name] = []string{"60"}
	}
	new(cachecontrol.Fields).ForbidSharing(h)
	for _, name := range gone {
		if _, is := h[name]; is {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range kept {
		if _, is := h[name]; !is {
			t.Errorf("%s is gone", name)
		}
	}
	// Whatever the field's name looks like, what it said is looked at.
	if got := strings.Join(h["Cache-Control"], "|"); got != "private, max-age=1" || len(h["cache-control"])+len(h["CACHE-CONTROL"]) > 0 {
		t.Errorf("Cache-Control %q in %v", got, h)
	}
}

func TestTheUsualHeaderCostsNoAllocation(t *testing.T) {
	h := http.Header{}
	f := new(cachecontrol.Fields)
	if n := testing.AllocsPerRun(100, func() {
		clear(h)
		f.VaryByCookie(h)
		f.ForbidSharing(h)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzForbidSharing reads what ForbidSharing leaves as a cache would, with a
// parser of its own: it must find a directive that forbids storing, none that
// allows it, and all others as they were.
func FuzzForbidSharing(f *testing.F) {
	for _, said := range []string{
		"", "public", `private="a, b"`, "no-store, must-understand", `x="\", private`, `"`, `a="b" c, public`, "private;public", "s-maxage\t=\t1", "no-store =", "=,=", `\",public`,
	} {
		f.Add(said, said)
		f.Add(said, "no-store")
		f.Add(said, "private")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		if strings.ContainsAny(one+two, "\r\n\x00") {
			return // no server sends these
		}
		h := http.Header{"Cache-Control": {one, two}}
		new(cachecontrol.Fields).ForbidSharing(h)
		left := names(h["Cache-Control"])
		if slices.Contains(left, "public") || slices.Contains(left, "s-maxage") {
			t.Errorf("%q and %q leave %q", one, two, h["Cache-Control"])
		}
		if !slices.Contains(left, "private") && !slices.Contains(left, "no-store") {
			t.Errorf("%q and %q become %q, which forbids nothing", one, two, h["Cache-Control"])
		}
		count := func(all []string) (n int) {
			for _, name := range all {
				switch name {
				case "public", "s-maxage", "private":
				default:
					n++
				}
			}
			return n
		}
		h = http.Header{"Cache-Control": {one}} // two lines become one, in which an open quote of the first reaches further
		new(cachecontrol.Fields).ForbidSharing(h)
		if was, is := count(names([]string{one})), count(names(h["Cache-Control"])); was != is {
			t.Errorf("%q had %d other directives, %q has %d", one, was, h["Cache-Control"], is)
		}
	})
}

// names are those of the directives, in lower case. A comma in quotes does not
// part two directives, and a quote that is not closed reaches to the line's end.
func names(lines []string) (all []string) {
	for _, line := range lines {
		var quoted, escaped bool
		directive := ""
		for _, c := range line + "," {
			switch {
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case c == ',' && !quoted:
				if name, _, _ := strings.Cut(directive, "="); strings.Trim(directive, " \t") != "" {
					all = append(all, strings.ToLower(strings.Trim(name, " \t")))
				}
				directive = ""
				continue
			}
			directive += string(c)
		}
		if name, _, _ := strings.Cut(strings.TrimSuffix(directive, ","), "="); strings.Trim(name, " \t") != "" {
			all = append(all, strings.ToLower(strings.Trim(name, " \t")))
		}
	}
	return all
}
