// Package cookie turns sealed texts into cookies and back: names, chunks, the
// scanning of Cookie header lines, and Set-Cookie lines. It knows nothing of
// sessions, keys and seals.
//
// The value of a cookie is "<key id>.<text>". A text that is too long for one
// cookie is cut into n chunks. The first cookie then has
// "<key id>.<n>.<tag>.<text>", and the cookies <name>.1, <name>.2, … have
// "<tag>.<text>". The tag is made anew each time a text is cut, so that chunks
// of another issue are told apart before anything is joined.
package cookie

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	// MaxLine is the longest Set-Cookie line in bytes. Browsers drop a cookie
	// whose name and value exceed 4096 bytes (RFC 6265bis section 5.6).
	MaxLine = 4093
	// MaxChunks is how many cookies one text may be cut into. It is also how
	// many continuation cookies one response deletes at most.
	MaxChunks = 64
	// NoMaxAge leaves Max-Age out: the cookie ends with the browser.
	NoMaxAge = -1

	// KeyIDLen is the length of the id of a key.
	KeyIDLen = 4
	tagLen   = 4
	// maxAgeRoom is the length of the longest "; Max-Age=…".
	maxAgeRoom = len("; Max-Age=34560000")
)

// Attributes are the attributes of a cookie. They are repeated exactly in
// every Set-Cookie line, because a browser overwrites and deletes a cookie
// only where they are the same. They are not checked here.
type Attributes struct {
	Path, Domain string // an empty Domain is this host only
	SameSite     http.SameSite
	Insecure     bool // leave Secure out
	ScriptAccess bool // leave HttpOnly out
	Partitioned  bool
}

// Cookie returns a cookie with these attributes for whoever sets it by hand.
// maxAge is in seconds.
func (a Attributes) Cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, MaxAge: maxAge, Path: a.Path, Domain: a.Domain, SameSite: a.SameSite,
		Secure: !a.Insecure, HttpOnly: !a.ScriptAccess, Partitioned: a.Partitioned,
	}
}

// CheckName refuses a Config's Name under which cookies could not be told from
// those of another manager. reserved are the suffixes of our cookies' names.
func CheckName(name string, reserved []string, refuse func(bad bool, field, reason string, args ...any)) {
	refuse(!IsBase64URL(name), "Name", "%q may have letters, digits, _ and - only", name)
	refuse(strings.HasPrefix(name, "s_"), "Name", "%q begins with the prefix that every cookie gets", name)
	for _, suffix := range reserved {
		refuse(strings.HasSuffix(name, suffix), "Name", "%q ends like a cookie of another manager", name)
	}
	refuse(len(name) > 64, "Name", "%d characters; at most 64 leave room for values", len(name))
}

// Check refuses what net/http does not take for a cookie, and what browsers would
// not store. refuse is called for each rule: whether it is broken, the attribute, and why.
func (a Attributes) Check(refuse func(bool, string, string, ...any)) {
	refuse(!strings.HasPrefix(a.Path, "/"), "Path", "%q does not begin with a slash: browsers would use the request's own path", a.Path)
	err := (&http.Cookie{Name: "s_x", Path: a.Path}).Valid()
	refuse(err != nil, "Path", "%q is not a cookie path", a.Path)
	err = (&http.Cookie{Name: "s_x", Path: "/", Domain: a.Domain}).Valid()
	refuse(a.Domain != "" && err != nil, "Domain", "%q is not a cookie domain", a.Domain)
	refuse(strings.HasSuffix(a.Domain, "."), "Domain", "%q ends in a dot: browsers drop such a cookie", a.Domain)
	refuse(a.Domain != "" && !strings.Contains(strings.Trim(a.Domain, "."), "."), "Domain", "%q is a whole top-level domain: browsers drop such a cookie; leave Domain empty for this host alone", a.Domain)
	refuse(len(a.Path)+len(a.Domain) > 1024, "Path", "with Domain it is longer than the 1024 bytes that browsers accept")
	refuse(a.SameSite < http.SameSiteDefaultMode || a.SameSite > http.SameSiteNoneMode, "SameSite", "%d is not one of net/http's modes", a.SameSite)
	refuse(a.SameSite == http.SameSiteNoneMode && a.Insecure, "SameSite", "None needs Secure: browsers drop such a cookie")
	refuse(a.Partitioned && a.SameSite != http.SameSiteNoneMode, "Partitioned", "needs SameSite None: embedded in another site, where partitions matter, browsers send no other cookies")
	refuse(a.Partitioned && a.Insecure, "Partitioned", "needs Secure: browsers drop such a cookie")
}

// Cookie is the name of a cookie with its attributes, ready to be written. It
// never changes and may be used from many goroutines. The attributes are put
// into text once, because a response writes nothing else of them.
type Cookie struct {
	Name string

	before, after string   // the attributes around Max-Age
	variants      []string // before, for each Path and Domain that may be in use; its own comes first
}

// New returns the cookie of that name with those attributes.
func New(name string, a Attributes) Cookie {
	c := Cookie{Name: name, before: scope(a.Path, a.Domain), after: a.rest()}
	for _, path := range []string{a.Path, "/"} {
		for _, domain := range []string{a.Domain, ""} {
			if v := scope(path, domain); !slices.Contains(c.variants, v) {
				c.variants = append(c.variants, v)
			}
		}
	}
	return c
}

// scope writes the attributes that say where the browser sends a cookie. They
// are a part of its identity: a browser holds two cookies of one name where they
// differ, and sends both.
func scope(path, domain string) string {
	if domain == "" {
		return "; Path=" + path
	}
	return "; Path=" + path + "; Domain=" + domain
}

// rest writes the other attributes.
func (a Attributes) rest() (text string) {
	if !a.ScriptAccess {
		text += "; HttpOnly"
	}
	if !a.Insecure {
		text += "; Secure"
	}
	switch a.SameSite {
	case http.SameSiteLaxMode:
		text += "; SameSite=Lax"
	case http.SameSiteStrictMode:
		text += "; SameSite=Strict"
	case http.SameSiteNoneMode:
		text += "; SameSite=None"
	}
	if a.Partitioned {
		text += "; Partitioned"
	}
	return text
}

// Cost returns how many cookies a text of n characters takes, and the bytes of
// their names and values. It says what AppendLines would make without making
// it, so that a write that does not fit can be refused before anything is sealed.
func (c *Cookie) Cost(n int) (cookies, bytes int) {
	if n <= c.room(-1) {
		return 1, len(c.Name) + KeyIDLen + len(".") + n
	}
	bytes = len(c.Name) + KeyIDLen + len(".n.") + tagLen + len(".") + n
	cookies = 1
	for n -= c.room(0); n > 0; n -= c.room(cookies - 1) {
		bytes += len(c.Name) + len(".") + digits(cookies) + tagLen + len(".")
		cookies++
	}
	return cookies, bytes + digits(cookies) - 1
}

// room is how much text fits into the cookie with this index, where there are
// several cookies. The index -1 stands for the only cookie. Max-Age counts with
// its longest value, so that a text is cut in the same places whatever it is.
func (c *Cookie) room(index int) int {
	room := MaxLine - len(c.before) - maxAgeRoom - len(c.after) - len(c.Name) - len("=")
	switch {
	case index < 0:
		return room - KeyIDLen - len(".")
	case index == 0:
		return room - KeyIDLen - len(".nn.") - tagLen - len(".")
	}
	return room - len(".") - digits(index) - tagLen - len(".")
}

// digits is the number of digits of an index or a count. Both are below 100,
// because a text has at most MaxChunks cookies.
func digits(n int) int { return 1 + min(n/10, 1) }

// AppendStart appends what stands before the text where one cookie has all of
// it: the name and the key id. The text is then appended by the caller, who
// hands all of it to [Cookie.AppendLines]. So nothing is copied.
func (c *Cookie) AppendStart(b []byte, keyID string) []byte {
	return append(append(append(append(b, c.Name...), '='), keyID...), '.')
}

// AppendLines appends the Set-Cookie lines for the text that stands in b from
// start on, behind what [Cookie.AppendStart] wrote. cookies is what
// [Cookie.Cost] says about the text. maxAge is in seconds. The second result
// is b, which may have grown: scratch memory for the next call.
func (c *Cookie) AppendLines(lines []string, b []byte, start, cookies int, keyID string, maxAge int) ([]string, []byte) {
	if cookies > 1 {
		b = slices.Grow(b, MaxLine)
		return c.appendChunks(lines, b[start:], cookies, keyID, maxAge), b
	}
	b = c.appendAttributes(b, c.before, maxAge)
	return append(lines, string(b)), b
}

// appendChunks appends the lines of a text that is cut into n cookies. Each
// line is put together in the free memory behind the text.
func (c *Cookie) appendChunks(lines []string, text []byte, n int, keyID string, maxAge int) []string {
	tag := newTag()
	for i := range n {
		b := text[len(text):]
		if i == 0 {
			b = append(strconv.AppendInt(c.AppendStart(b, keyID), int64(n), 10), '.')
		} else {
			b = append(c.appendName(b, i), '=')
		}
		part := text[:min(len(text), c.room(i))]
		text = text[len(part):]
		b = append(append(append(b, tag...), '.'), part...)
		lines = append(lines, string(c.appendAttributes(b, c.before, maxAge)))
	}
	return lines
}

// newTag tells the chunks of one issue from those of another. It is no secret
// and protects nothing: a mix of chunks does not open anyway. It only makes that
// leftovers of a longer session do not spoil a shorter one.
func newTag() string {
	var b [3]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// AppendPlain appends the line of a cookie that is not sealed. An empty value
// with a maxAge of 0 deletes it.
func (c *Cookie) AppendPlain(lines []string, value string, maxAge int) []string {
	b := append(append(c.appendName(nil, 0), '='), value...)
	return append(lines, string(c.appendAttributes(b, c.before, maxAge)))
}

// AppendDeletions appends lines that delete the cookies that came, from the
// one with index keep on. Where one name came more than once, every variant
// that we may have set is deleted. leftovers counts the continuation cookies
// that one response has deleted: at most [MaxChunks].
func (c *Cookie) AppendDeletions(lines []string, in *Incoming, keep int, leftovers *int) []string {
	variants := c.variants[:1]
	if in.Doubled() {
		variants = c.variants
	}
	if in.First != "" && keep == 0 {
		lines = c.appendDeletion(lines, 0, variants)
	}
	for i, k := range in.chunks() {
		again := slices.ContainsFunc(in.chunks()[:i], func(other chunk) bool { return other.index == k.index })
		if k.index >= keep && !again && *leftovers < MaxChunks {
			*leftovers += len(variants)
			lines = c.appendDeletion(lines, k.index, variants)
		}
	}
	return lines
}

// AppendVariantDeletions is for a cookie that came more than once and is now
// replaced by n cookies: it deletes the other variants of these n, which the
// new ones do not overwrite.
func (c *Cookie) AppendVariantDeletions(lines []string, in *Incoming, n int) []string {
	for index := 0; in.Doubled() && index < n; index++ {
		lines = c.appendDeletion(lines, index, c.variants[1:])
	}
	return lines
}

// appendDeletion appends a line for each variant: no value, and an age of 0. A
// browser deletes a cookie only where Path and Domain are those of its setting.
func (c *Cookie) appendDeletion(lines []string, index int, variants []string) []string {
	for _, before := range variants {
		b := append(c.appendName(nil, index), '=')
		lines = append(lines, string(c.appendAttributes(b, before, 0)))
	}
	return lines
}

// appendName appends the name of the cookie with that index.
func (c *Cookie) appendName(b []byte, index int) []byte {
	b = append(b, c.Name...)
	if index > 0 {
		b = strconv.AppendInt(append(b, '.'), int64(index), 10)
	}
	return b
}

// appendAttributes does what http.Cookie.String does, without its checks. They
// were made once, when the attributes were configured. It takes 52 ns instead
// of 702.
func (c *Cookie) appendAttributes(b []byte, before string, maxAge int) []byte {
	b = append(b, before...)
	if maxAge != NoMaxAge {
		b = strconv.AppendInt(append(b, "; Max-Age="...), int64(maxAge), 10)
	}
	return append(b, c.after...)
}
