package cookiesession

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/internal/keys"
)

// This file turns sealed texts into cookies and back: names, cutting and
// joining, sizes, Set-Cookie lines.

const (
	// maxLine is the length of a Set-Cookie line. Browsers drop a cookie
	// whose name and value exceed 4096 bytes (RFC 6265bis section 5.6).
	maxLine = 4093
	// maxPieces is how many cookies one compartment may be cut into, and how
	// many leftovers one response deletes.
	maxPieces = 64
	// maxTries is how many cookies of one name are tried to open.
	maxTries = 8
	// maxAgeRoom is the longest "; Max-Age=…".
	maxAgeRoom = len("; Max-Age=34560000")

	keyIDLen = 4
	tagLen   = 4
)

// compartment is a cookie name with its continuation cookies: sealed, sent,
// changed and deleted apart from the others.
type compartment struct {
	name          string   // of the first cookie
	before, after string   // the attributes around Max-Age
	allForms      []string // before for every path and domain that we may have used, this one's first
}

// attributes builds what is repeated exactly in every Set-Cookie line, so
// that a browser overwrites and deletes what it was given.
func attributes(cfg *Config) (before, after string, allForms []string) {
	before = attributesBefore(cfg.Path, cfg.Domain)
	if !cfg.ScriptAccess {
		after += "; HttpOnly"
	}
	if !cfg.Insecure {
		after += "; Secure"
	}
	switch cfg.SameSite {
	case http.SameSiteLaxMode:
		after += "; SameSite=Lax"
	case http.SameSiteStrictMode:
		after += "; SameSite=Strict"
	case http.SameSiteNoneMode:
		after += "; SameSite=None"
	}
	if cfg.Partitioned {
		after += "; Partitioned"
	}
	for _, path := range []string{cfg.Path, "/"} {
		for _, domain := range []string{cfg.Domain, ""} {
			if form := attributesBefore(path, domain); !slices.Contains(allForms, form) {
				allForms = append(allForms, form)
			}
		}
	}
	return before, after, allForms
}

func attributesBefore(path, domain string) string {
	if domain == "" {
		return "; Path=" + path
	}
	return "; Path=" + path + "; Domain=" + domain
}

// received is what came of one compartment, as it was sent.
type received struct {
	first  string   // the value of the first cookie of that name; "" is none
	others []string // of further cookies of that name
	copied bool     // a further one had the same value
	pieces []piece  // continuation cookies
	size   int      // of names and values, in bytes
}

type piece struct {
	index int // 1 for <name>.1
	value string
}

// inbox is all that came of a manager's cookies.
type inbox struct {
	data, flash, views received
	test               bool
}

func (in *inbox) empty() bool {
	return in.data.size+in.flash.size+in.views.size == 0 && !in.test
}

// collect finds our cookies in Cookie header lines, under their raw names. It
// walks the lines itself: net/http's CookiesNamed takes 350 ns here, this 30.
func (m *Manager) collect(in *inbox, lines []string) {
	for _, line := range lines {
		for line = next(line); line != ""; line = next(line) {
			var pair string
			pair, line = cut(line, ';')
			if strings.HasPrefix(pair, m.data.name) {
				name, value := cut(trim(pair), '=')
				in.add(trim(name)[len(m.data.name):], unquote(value), len(name)+len(value))
			}
		}
	}
}

// add files a cookie by what stands behind the common part of our names.
func (in *inbox) add(rest, value string, size int) {
	r := &in.data
	switch {
	case rest == testSuffix:
		in.test = true
		return
	case strings.HasPrefix(rest, flashSuffix):
		r, rest = &in.flash, rest[len(flashSuffix):]
	case strings.HasPrefix(rest, viewsSuffix):
		r, rest = &in.views, rest[len(viewsSuffix):]
	}
	if rest == "" {
		r.addFirst(value, size)
	} else if index, ok := continuation(rest); ok && len(r.pieces) < 4*maxPieces {
		r.pieces = append(r.pieces, piece{index, value})
		r.size += size
	}
}

func (r *received) addFirst(value string, size int) {
	if value == "" {
		value = " " // present, and nothing that opens
	}
	r.size += size
	switch {
	case r.first == "":
		r.first = value
	case value == r.first: // some gateways hand every cookie on twice
		r.copied = true
	case len(r.others) < maxTries-1:
		r.others = append(r.others, value)
	}
}

// flashCame reports whether a flash cookie came, without looking further.
func (m *Manager) flashCame(lines []string) bool {
	for _, line := range lines {
		for line = next(line); line != ""; line = next(line) {
			var pair string
			pair, line = cut(line, ';')
			if rest, ours := strings.CutPrefix(pair, m.flash.name); ours {
				if rest, _ = cut(rest, '='); trim(rest) == "" {
					return true
				}
			}
		}
	}
	return false
}

// continuation reads ".3", canonical decimal only.
func continuation(rest string) (index int, ok bool) {
	if len(rest) < 2 || len(rest) > 7 || rest[0] != '.' || rest[1] == '0' {
		return 0, false
	}
	for _, c := range []byte(rest[1:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		index = index*10 + int(c-'0')
	}
	return index, true
}

// next is line from where a cookie begins: a flood of separators costs a
// nanosecond each.
func next(line string) string {
	for i := range len(line) {
		if c := line[i]; c != ';' && c != ' ' && c != '\t' {
			return line[i:]
		}
	}
	return ""
}

// cut is strings.Cut at a byte, in half the time: 30 ns of a request.
func cut(s string, at byte) (before, after string) {
	if i := strings.IndexByte(s, at); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// doubled reports whether the browser may hold the cookie in several forms.
func (r *received) doubled() bool { return len(r.others) > 0 || r.copied }

// arrival is a compartment after the attempt to open it. It is filled where it
// stays: handing it on by value took 30 ns.
type arrival[P any] struct {
	came     P
	key      *keys.Key // that opened it; nil: nothing came, or err says why not
	plainLen int
	err      error  // of the data also what is said about it later: expired, Validate's
	keyID    string // named by the cookie, if it is one of a key's form
	foreign  bool   // others may be able to read it: nothing automatic overwrites it
}

// accept unpacks a payload into p, or says what is wrong with it. latest is its
// most recent time.
type accept[P any] func(p *P, plain []byte, now time.Time) (latest int64, err error)

// open tries the cookies that came under one name. Of the authentic ones the
// one with the latest time wins, the first sent on a tie: another path or a
// parent domain may hold an older copy, and the order in which browsers send
// them says nothing. All tries together read no more than what came.
func (a *arrival[P]) open(m *Manager, c *compartment, r *received, now time.Time, accept accept[P]) {
	if r.first == "" {
		return
	}
	budget := min(r.size, maxPieces*maxLine) // nothing of ours is longer
	latest := a.try(m, c, r, r.first, &budget, now, accept)
	for _, first := range r.others {
		var other arrival[P]
		t := other.try(m, c, r, first, &budget, now, accept)
		switch {
		case other.err == nil && (a.key == nil || t > latest):
			*a, latest = other, t
		case a.key == nil && other.foreign && !a.foreign:
			*a = other
		}
	}
}

// try opens one cookie with its continuations.
func (a *arrival[P]) try(m *Manager, c *compartment, r *received, first string, budget *int, now time.Time, accept accept[P]) (latest int64) {
	a.err = ErrInvalid
	if *budget -= len(first); *budget < 0 || len(first) <= keyIDLen || first[keyIDLen] != '.' || !base64url(first[:keyIDLen]) {
		return 0
	}
	a.keyID = first[:keyIDLen]
	key := m.ring.find(a.keyID, now)
	if key == nil {
		a.err, a.foreign = ErrUnknownKey, true
		return 0
	}
	text, ok := r.join(first[keyIDLen+1:], budget)
	if !ok {
		return 0
	}
	plain, err := key.Open(c.name, text)
	if err != nil {
		return 0
	}
	latest, a.err = accept(&a.came, plain, now)
	if a.err != nil {
		a.came, a.foreign = *new(P), a.err == errVersion
		return 0
	}
	a.key, a.plainLen = key, len(plain)
	return latest
}

// join returns the text behind the key id: whole as it stands, or "n.tag.text"
// continued in n-1 further cookies that carry the same tag. The tag keeps
// pieces of different issues apart; that nothing was swapped is for the seal
// to say.
func (r *received) join(rest string, budget *int) (text string, ok bool) {
	dot := strings.IndexByte(rest, '.')
	if dot < 0 {
		return rest, true
	}
	count, rest := rest[:dot], rest[dot+1:]
	n, err := strconv.Atoi(count)
	if err != nil || n < 2 || n > maxPieces || strconv.Itoa(n) != count {
		return "", false
	}
	if len(rest) <= tagLen || rest[tagLen] != '.' || !base64url(rest[:tagLen]) {
		return "", false
	}
	tag := rest[:tagLen+1]
	var parts [maxPieces]string
	parts[0] = rest
	for _, p := range r.pieces {
		if p.index < n && parts[p.index] == "" && strings.HasPrefix(p.value, tag) {
			parts[p.index] = p.value
		}
	}
	for i, part := range parts[:n] {
		if i > 0 {
			*budget -= len(part)
		}
		if len(part) <= len(tag) || *budget < 0 {
			return "", false
		}
		parts[i] = part[len(tag):]
	}
	return strings.Join(parts[:n], ""), true
}

func base64url(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// room is how much text the cookie with this index holds when there are
// several, or the only one (index -1).
func (c *compartment) room(index int) int {
	room := maxLine - len(c.before) - maxAgeRoom - len(c.after) - len(c.name) - len("=")
	switch {
	case index < 0:
		return room - keyIDLen - len(".")
	case index == 0:
		return room - keyIDLen - len(".nn.") - tagLen - len(".")
	}
	return room - len(".") - digits(index) - tagLen - len(".")
}

func digits(n int) int {
	if n < 10 {
		return 1
	}
	return 2
}

// cost is how many cookies a text of n characters takes, and the bytes of
// their names and values.
func (c *compartment) cost(n int) (cookies, bytes int) {
	if n <= c.room(-1) {
		return 1, len(c.name) + keyIDLen + len(".") + n
	}
	bytes = len(c.name) + keyIDLen + len(".n.") + tagLen + len(".") + n
	cookies = 1
	for n -= c.room(0); n > 0; n -= c.room(cookies - 1) {
		bytes += len(c.name) + len(".") + digits(cookies) + tagLen + len(".")
		cookies++
	}
	return cookies, bytes + digits(cookies) - 1
}

// sealedSize is what a payload of n bytes, sealed under key, takes as cookies.
func (c *compartment) sealedSize(key *keys.Key, n int) int {
	cookies, bytes := c.cost(key.Sealer().Len(n))
	if cookies > maxPieces {
		return max(bytes, maxPieces*maxLine+1) // beyond every MaxBytes
	}
	return bytes
}

// appendStart appends what stands before the text that a cookie begins with.
func (c *compartment) appendStart(b []byte, keyID string) []byte {
	return append(append(append(append(b, c.name...), '='), keyID...), '.')
}

// appendPieces appends the Set-Cookie lines of a text that is cut into n
// cookies. They are put together behind the text, if there is room.
func (c *compartment) appendPieces(lines []string, text []byte, n int, keyID string, maxAge int) []string {
	tag := newTag()
	for i := range n {
		b := text[len(text):]
		if i == 0 {
			b = append(strconv.AppendInt(c.appendStart(b, keyID), int64(n), 10), '.')
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

// appendName appends the name of the cookie with that index.
func (c *compartment) appendName(b []byte, index int) []byte {
	b = append(b, c.name...)
	if index > 0 {
		b = strconv.AppendInt(append(b, '.'), int64(index), 10)
	}
	return b
}

// appendAttributes is http.Cookie.String without its checks, which New made
// once: 52 ns instead of 702.
func (c *compartment) appendAttributes(b []byte, before string, maxAge int) []byte {
	b = append(b, before...)
	if maxAge != noMaxAge {
		b = strconv.AppendInt(append(b, "; Max-Age="...), int64(maxAge), 10)
	}
	return append(b, c.after...)
}

// appendDeletions appends lines that delete what came, from the cookie with
// index keep on. Where a name came twice every form that we may have set is
// deleted. leftovers counts the continuation cookies of one response.
func (c *compartment) appendDeletions(lines []string, r *received, keep int, leftovers *int) []string {
	forms := []string{c.before}
	if r.doubled() {
		forms = c.allForms
	}
	if r.first != "" && keep == 0 {
		lines = c.appendDeletion(lines, 0, forms)
	}
	for i, p := range r.pieces {
		again := slices.ContainsFunc(r.pieces[:i], func(q piece) bool { return q.index == p.index })
		if p.index >= keep && !again && *leftovers < maxPieces {
			*leftovers += len(forms)
			lines = c.appendDeletion(lines, p.index, forms)
		}
	}
	return lines
}

// appendCopyDeletions deletes what the n cookies that take the place of one
// that came twice do not overwrite: its other forms.
func (c *compartment) appendCopyDeletions(lines []string, r *received, n int) []string {
	for index := 0; r.doubled() && index < n; index++ {
		lines = c.appendDeletion(lines, index, c.allForms[1:])
	}
	return lines
}

func (c *compartment) appendDeletion(lines []string, index int, forms []string) []string {
	for _, form := range forms {
		b := append(c.appendName(nil, index), '=')
		lines = append(lines, string(c.appendAttributes(b, form, 0)))
	}
	return lines
}

// newTag tells the pieces of one issue from those of another.
func newTag() string {
	var b [3]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
