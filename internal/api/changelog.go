package main

import (
	"regexp"
	"strings"
)

// symbol is what a message of apidiff is about, as people write it:
// Session.Old for "(*Session).Old: removed". What follows a comma is a detail,
// and type parameters are no part of a name.
func symbol(message string) string {
	name, _, _ := strings.Cut(message, ": ")
	name, _, _ = strings.Cut(name, ",")
	name = typeParameters.ReplaceAllString(name, "")
	return strings.NewReplacer("(*", "", "(", "", ")", "", "*", "").Replace(name)
}

var typeParameters = regexp.MustCompile(`\[[^\]]*\]`)

// named tells whether the changelog tells users of a break. A mention in the
// text of another entry would not be found by whoever looks for what to change,
// so only the two lists count.
func named(changelog, name string) bool {
	code := regexp.MustCompile("`" + regexp.QuoteMeta(name) + "[`(\\[]")
	section := below(changelog, "## ", "Unreleased")
	return code.MatchString(below(section, "### ", "Removed")) || code.MatchString(below(section, "### ", "Changed"))
}

// below is the text under a heading, up to the next of the same level.
func below(text, level, heading string) string {
	for _, section := range strings.Split("\n"+text, "\n"+level) {
		if title, body, _ := strings.Cut(section, "\n"); strings.TrimSpace(title) == heading {
			return "\n" + body
		}
	}
	return ""
}
