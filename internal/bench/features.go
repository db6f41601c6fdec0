package main

import (
	"fmt"
	"io"
)

// features are what a contender does beside keeping values, in a few words
// each. A test holds every contender to what stands here, where it can.
type features struct {
	encrypted  string
	expiry     string // who checks the age of a session
	revocation string // can the server end a session that a client has a copy of?
	rotation   string
	flash      string
	large      string // what happens to a session of more than 4 KB
}

// The words that a test compares with what a contender really does.
const (
	encryptedYes  = "yes"
	encryptedNo   = "no, signed only"
	onServer      = "stays on the server"
	expiryChecked = "checked"
	revocationNo  = "no"
	saveRefused   = "saving fails"
	browserDrops  = "the browser drops it"
	moreCookies   = "more cookies, to 7 KB"
)

// limit is what a browser keeps of one cookie, name and value: RFC 6265bis,
// section 5.6. It drops a longer one and tells nobody.
const limit = 4096

// writeFeatures prints them for everybody.
func writeFeatures(w io.Writer, all []contender) {
	fmt.Fprint(w, "\n| who | encrypted | expiry | revocation | key rotation | flash | more than 4 KB |\n|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		f := c.features()
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", c.name(), f.encrypted, f.expiry, f.revocation, f.rotation, f.flash, f.large)
	}
}
