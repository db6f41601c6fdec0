package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxCookies bounds the input in bytes: it is read into memory. Browsers send
// at most 1 MB of them.
const maxCookies = 4 << 20

// jar is all that came of one manager's cookies.
type jar struct {
	base         string // s_session, __Host-s_session
	compartments []compartment
	test         bool
}

// compartment is a cookie name with what came under it.
type compartment struct {
	name   string
	kind   string      // data, flash or views
	firsts []string    // values of the cookie of that name; "" deletes it
	pieces [][2]string // name and value of the continuations
}

// readCookies finds the session cookies in text as people copy it: header
// lines of either direction, pairs, and values alone. With a name only the
// cookies of that name are ours: other programs, too, begin names with s_.
func readCookies(text []byte, name string) ([]*jar, error) {
	if name != "" && !strings.HasPrefix(name, "s_") && !strings.HasPrefix(name, "__Host-s_") {
		name = "s_" + name
	}
	rawName := cmp.Or(name, "s_session")
	var c collector
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := c.line(line, rawName); err != nil {
			return nil, fmt.Errorf("line %d of standard input %w", number, err)
		}
	}
	jars := c.jars
	if base, _ := baseOf(name); name != "" {
		jars = slices.DeleteFunc(slices.Clone(jars), func(j *jar) bool { return j.base != base })
	}
	if len(jars) == 0 {
		return nil, c.nothing(name)
	}
	return jars, nil
}

// nothing says what came instead of the cookies that were asked for.
func (c *collector) nothing(name string) error {
	var found []string
	for _, j := range c.jars {
		found = append(found, strconv.Quote(j.base))
	}
	switch {
	case len(found) > 0:
		return fmt.Errorf("no session cookie named %q on standard input; there are cookies of %s: choose one with -name", name, strings.Join(found, ", "))
	case c.others > 0:
		return fmt.Errorf("no session cookie among the %d cookies on standard input: their names begin with s_ (or __Host-s_)", c.others)
	}
	return errors.New("no session cookie on standard input: their names begin with s_ (or __Host-s_)")
}

type collector struct {
	jars   []*jar
	others int // cookies of other programs

	// Of a value alone that goes on in the next lines.
	rawName, rawTag string
	rawPieces       int
}

// line takes one line apart. What no cookie is in is passed over: request and
// status lines, other headers, what curl says.
func (c *collector) line(text, rawName string) error {
	text = strings.TrimSpace(strings.TrimLeft(text, "<> \t")) // as curl -v prints them
	name, value, isHeader := strings.Cut(text, ":")
	switch {
	case isHeader && strings.EqualFold(name, "Set-Cookie"):
		set, err := http.ParseSetCookie(strings.TrimSpace(value))
		if err != nil {
			return errors.New("is a Set-Cookie line that browsers would not understand")
		}
		if set.MaxAge < 0 {
			set.Value = ""
		}
		c.add(set.Name, set.Value)
	case isHeader && strings.EqualFold(name, "Cookie"):
		c.pairs(value)
	case strings.Contains(strings.TrimRight(text, `="`), "="): // a value has = as padding alone
		c.pairs(text)
	case text != "" && !strings.ContainsAny(text, ": \t"):
		c.value(text, rawName)
	}
	return nil
}

func (c *collector) pairs(text string) {
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		c.add(name, value)
	}
}

// value takes a value alone: <key id>.<text>, or the first of a long session,
// <key id>.<n>.<tag>.<text>, which <tag>.<text> continue.
func (c *collector) value(text, name string) {
	text = strings.Trim(text, `"`)
	if tag, _, _ := strings.Cut(text, "."); tag == c.rawTag && name == c.rawName {
		c.rawPieces++
		c.add(name+"."+strconv.Itoa(c.rawPieces), text)
		return
	}
	_, tag, _ := cutInto(text)
	c.rawName, c.rawTag, c.rawPieces = name, tag, 0
	c.add(name, text)
}

// cutInto reads "<key id>.<n>.<tag>." of the first cookie of several.
func cutInto(first string) (n int, tag string, ok bool) {
	parts := strings.SplitN(first, ".", 4)
	if len(parts) < 4 {
		return 0, "", false
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 2 {
		return 0, "", false
	}
	return n, parts[2], true
}

// add files a cookie, if it can be a session's.
func (c *collector) add(name, value string) {
	value = strings.Trim(value, `"`)
	first, number, continues := strings.Cut(name, ".")
	if index, err := strconv.Atoi(number); continues && (err != nil || strconv.Itoa(index) != number || index < 1) {
		c.others++
		return
	}
	base, kind := baseOf(first)
	if short, ours := strings.CutPrefix(strings.TrimPrefix(base, "__Host-"), "s_"); !ours || short == "" {
		c.others++
		return
	}
	if kind == "test" {
		c.jar(base).test = true
		return
	}
	of := c.jar(base).compartment(first, kind)
	if continues {
		of.pieces = append(of.pieces, [2]string{name, value})
	} else {
		of.firsts = append(of.firsts, value)
	}
}

// baseOf takes the end that tells compartments apart from a name.
func baseOf(name string) (base, kind string) {
	for _, kind := range []string{"flash", "views", "test"} {
		if base, ok := strings.CutSuffix(name, "_"+kind); ok {
			return base, kind
		}
	}
	return name, "data"
}

func (c *collector) jar(base string) *jar {
	for _, j := range c.jars {
		if j.base == base {
			return j
		}
	}
	c.jars = append(c.jars, &jar{base: base})
	return c.jars[len(c.jars)-1]
}

func (j *jar) compartment(name, kind string) *compartment {
	i := slices.IndexFunc(j.compartments, func(c compartment) bool { return c.name == name })
	if i < 0 {
		j.compartments = append(j.compartments, compartment{name: name, kind: kind})
		i = len(j.compartments) - 1
	}
	return &j.compartments[i]
}
