package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

// These bound the work. Browsers keep at most 180 cookies of a site, and of one
// name as many as it has paths and domains. Servers read at most 1 MB of header.
const (
	maxInput   = 1 << 20 // bytes
	maxCookies = 1000
	maxOfName  = 16
)

// jar is all that came of one manager's cookies.
type jar struct {
	base         string // s_session, __Host-s_session
	compartments []*compartment
	test         bool
}

// compartment is a cookie name with what came under it.
type compartment struct {
	name   string
	kind   string      // data, flash or views
	firsts []string    // values of the cookie of that name; "" deletes it
	chunks [][2]string // name and value of the continuation cookies
}

// readCookies finds the session cookies in text as people copy it: header
// lines of either direction, pairs, and values alone. With a name only the
// cookies of that name are ours: other programs, too, begin names with s_.
func readCookies(text []byte, name string) ([]*jar, error) {
	if name != "" && !strings.HasPrefix(name, "s_") && !strings.HasPrefix(name, "__Host-s_") {
		name = "s_" + name
	}
	rawName := cmp.Or(name, "s_session")
	c := collector{byBase: map[string]*jar{}, byName: map[string]*compartment{}}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := c.line(line, rawName); err != nil {
			return nil, fmt.Errorf("line %d of standard input %w", number, err)
		}
		if c.tooMany {
			return nil, fmt.Errorf("more than %d cookies on standard input, or more than %d of one name: give fewer at a time", maxCookies, maxOfName)
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
	for _, j := range c.jars[:min(len(c.jars), 10)] {
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
	jars    []*jar // in the order in which they came
	byBase  map[string]*jar
	byName  map[string]*compartment
	cookies int
	others  int // cookies of other programs
	tooMany bool

	// Of a value alone that goes on in the next lines.
	rawName, rawTag string
	rawChunks       int
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

func (c *collector) pairs(line string) {
	for name, value := range cookie.Pairs(line) {
		if c.add(name, value); c.tooMany {
			return
		}
	}
}

// value takes a value alone: that of a whole session, or the first of a long
// one, which the next lines continue.
func (c *collector) value(text, name string) {
	text = strings.Trim(text, `"`)
	if tag, _, ok := cookie.SplitTag(text); ok && tag == c.rawTag && name == c.rawName {
		c.rawChunks++
		c.add(name+"."+strconv.Itoa(c.rawChunks), text)
		return
	}
	_, rest, _ := cookie.SplitKeyID(text)
	_, chunk, _ := cookie.SplitCount(rest)
	tag, _, _ := cookie.SplitTag(chunk)
	c.rawName, c.rawTag, c.rawChunks = name, tag, 0
	c.add(name, text)
}

// add files a cookie, if it can be a session's.
func (c *collector) add(name, value string) {
	c.cookies++
	c.tooMany = c.tooMany || c.cookies > maxCookies
	first, index, ok := cookie.SplitName(name)
	base, kind := baseOf(first)
	short, ours := strings.CutPrefix(strings.TrimPrefix(base, "__Host-"), "s_")
	if !ok || !ours || short == "" {
		c.others++
		return
	}
	j := c.jar(base)
	if kind == "test" {
		j.test = true
		return
	}
	of := c.compartment(j, first, kind)
	if index > 0 {
		of.chunks = append(of.chunks, [2]string{name, value})
	} else {
		of.firsts = append(of.firsts, value)
		c.tooMany = c.tooMany || len(of.firsts) > maxOfName
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
	j := c.byBase[base]
	if j == nil {
		j = &jar{base: base}
		c.byBase[base] = j
		c.jars = append(c.jars, j)
	}
	return j
}

func (c *collector) compartment(of *jar, name, kind string) *compartment {
	found := c.byName[name]
	if found == nil {
		found = &compartment{name: name, kind: kind}
		c.byName[name] = found
		of.compartments = append(of.compartments, found)
	}
	return found
}
