package cookie_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

const keyID = "k-_1"

// cookies are some with attributes of every kind, by a name for the test.
var cookies = map[string]struct {
	name string
	a    cookie.Attributes
}{
	"plain":       {"s_a", cookie.Attributes{Path: "/"}},
	"lax":         {"s_session", cookie.Attributes{Path: "/", SameSite: http.SameSiteLaxMode}},
	"strict":      {"s_session", cookie.Attributes{Path: "/app", Domain: "example.com", SameSite: http.SameSiteStrictMode, Insecure: true}},
	"partitioned": {"__Host-s_session_views", cookie.Attributes{Path: "/", SameSite: http.SameSiteNoneMode, Partitioned: true}},
	"long":        {"s_" + strings.Repeat("n", 64), cookie.Attributes{Path: "/" + strings.Repeat("p", 900), Domain: "example.com", ScriptAccess: true, SameSite: http.SameSiteDefaultMode}},
}

// lines writes a text of n characters as a response does.
func lines(c *cookie.Cookie, n, maxAge int) (all []string, text string) {
	b := c.AppendStart(make([]byte, 0, 10), keyID)
	start := len(b)
	text = strings.Repeat("0123456789abcdef", n/16+1)[:n]
	b = append(b, text...)
	count, _ := c.Cost(n)
	all, _ = c.AppendLines(nil, b, start, count, keyID, maxAge)
	return all, text
}

// TestWhatIsWrittenCostsWhatCostSaysAndComesBack cuts texts of many lengths,
// puts the chunks into a Cookie header as browsers do, and joins them again.
func TestWhatIsWrittenCostsWhatCostSaysAndComesBack(t *testing.T) {
	for name, tc := range cookies {
		c := cookie.New(tc.name, tc.a)
		for n := 1; n < 60_000; n += 1 + n/9 {
			all, text := lines(&c, n, 34_560_000)
			count, bytes := c.Cost(n)
			if len(all) != count {
				t.Fatalf("%s, %d characters: %d lines, Cost says %d", name, n, len(all), count)
			}
			var header []string
			for _, set := range (&http.Response{Header: http.Header{"Set-Cookie": all}}).Cookies() {
				bytes -= len(set.Name) + len(set.Value)
				header = append(header, set.Name+"="+set.Value)
			}
			if bytes != 0 || slices.ContainsFunc(all, func(line string) bool { return len(line) > cookie.MaxLine }) {
				t.Fatalf("%s, %d characters: Cost is %d bytes off, the first line has %d", name, n, bytes, len(all[0]))
			}
			slices.Reverse(header)
			in := make([]cookie.Incoming, 1)
			cookie.Collect(in, tc.name, []string{""}, header)
			id, rest, ok := cookie.SplitKeyID(in[0].First)
			budget := 100_000
			if got, joined := in[0].Join(rest, &budget); !ok || !joined || id != keyID || got != text {
				t.Fatalf("%s, %d characters: %d come back, key id %q", name, n, len(got), id)
			}
		}
	}
}

func TestALineIsFilledBeforeTheNextBegins(t *testing.T) {
	for name, tc := range cookies {
		c := cookie.New(tc.name, tc.a)
		n := 1
		for count, _ := c.Cost(n); count == 1; count, _ = c.Cost(n) {
			n++
		}
		one, _ := lines(&c, n-1, 34_560_000)
		two, _ := lines(&c, n+10_000, 34_560_000)
		if len(one[0]) != cookie.MaxLine || len(two) < 3 || len(two[0]) < cookie.MaxLine-1 || len(two[1]) != cookie.MaxLine {
			t.Errorf("%s: lines of %d, %d and %d bytes", name, len(one[0]), len(two[0]), len(two[1]))
		}
	}
}

func TestLinesAreThoseOfNetHTTP(t *testing.T) {
	for name, tc := range cookies {
		c := cookie.New(tc.name, tc.a)
		for _, maxAge := range []int{cookie.NoMaxAge, 0, 1, 34_560_000} {
			want := tc.a.Cookie(tc.name, "value", maxAge)
			switch maxAge { // net/http has other signs for these two
			case cookie.NoMaxAge:
				want.MaxAge = 0
			case 0:
				want.MaxAge = -1
			}
			if got := c.AppendPlain(nil, "value", maxAge)[0]; got != want.String() {
				t.Errorf("%s, %d:\n%s, want\n%s", name, maxAge, got, want)
			}
		}
	}
}

func TestEachIssueHasATagOfItsOwn(t *testing.T) {
	c := cookie.New("s_a", cookie.Attributes{Path: "/"})
	seen := map[string]bool{}
	for range 20 {
		all, _ := lines(&c, 9000, 60)
		n, chunk, ok := cookie.SplitCount(strings.TrimPrefix(all[0], "s_a="+keyID+"."))
		tag, _, _ := cookie.SplitTag(chunk)
		if !ok || n != len(all) || !cookie.IsBase64URL(tag) || seen[tag] {
			t.Errorf("the first of %d lines begins %.30q; seen %v", len(all), all[0], seen)
		}
		seen[tag] = true
		for i, line := range all[1:] {
			if !strings.HasPrefix(line, fmt.Sprintf("s_a.%d=%s.", i+1, tag)) {
				t.Errorf("line %d begins %.20q, the tag is %s", i+1, line, tag)
			}
		}
	}
}

func TestDeletionsHaveTheAttributesThatTheCookieMayHaveBeenSetWith(t *testing.T) {
	for _, tc := range []struct {
		name   string
		a      cookie.Attributes
		header string
		keep   int
		want   string
	}{
		{"nothing came", cookie.Attributes{Path: "/"}, "", 0, ""},
		{"one cookie", cookie.Attributes{Path: "/"}, "s_a=x", 0, "s_a=; Path=/"},
		{"one cookie that is kept", cookie.Attributes{Path: "/"}, "s_a=x", 1, ""},
		{"chunks of which two are kept", cookie.Attributes{Path: "/"}, "s_a=x; s_a.1=x; s_a.2=x; s_a.3=x", 2, "s_a.2=; Path=/|s_a.3=; Path=/"},
		{"chunks alone", cookie.Attributes{Path: "/"}, "s_a.7=x; s_a.7=y", 0, "s_a.7=; Path=/"},
		{"with path and domain", cookie.Attributes{Path: "/b", Domain: "c.de"}, "s_a=x", 0, "s_a=; Path=/b; Domain=c.de"},
		{"twice, with path and domain", cookie.Attributes{Path: "/b", Domain: "c.de"}, "s_a=x; s_a=x", 0,
			"s_a=; Path=/b; Domain=c.de|s_a=; Path=/b|s_a=; Path=/; Domain=c.de|s_a=; Path=/"},
		{"twice, with a path", cookie.Attributes{Path: "/b"}, "s_a=x; s_a=y; s_a.1=z", 0, "s_a=; Path=/b|s_a=; Path=/|s_a.1=; Path=/b|s_a.1=; Path=/"},
		{"twice, without either", cookie.Attributes{Path: "/"}, "s_a=x; s_a=y", 0, "s_a=; Path=/"},
	} {
		c := cookie.New("s_a", tc.a)
		in := make([]cookie.Incoming, 1)
		cookie.Collect(in, "s_a", []string{""}, []string{tc.header})
		var leftovers int
		var got []string
		for _, line := range c.AppendDeletions(nil, &in[0], tc.keep, &leftovers) {
			before, _, ok := strings.Cut(line, "; Max-Age=0; HttpOnly; Secure")
			if !ok {
				t.Errorf("%s: %q deletes nothing", tc.name, line)
			}
			got = append(got, before)
		}
		if strings.Join(got, "|") != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestReplacedCookiesLeaveNoOtherVariant(t *testing.T) {
	c := cookie.New("s_a", cookie.Attributes{Path: "/b"})
	in := make([]cookie.Incoming, 2)
	cookie.Collect(in[:1], "s_a", []string{""}, []string{"s_a=x"})
	cookie.Collect(in[1:], "s_a", []string{""}, []string{"s_a=x; s_a=y"})
	if once := c.AppendVariantDeletions(nil, &in[0], 2); len(once) != 0 {
		t.Errorf("it came once: %q", once)
	}
	twice := c.AppendVariantDeletions(nil, &in[1], 2)
	if len(twice) != 2 || !strings.HasPrefix(twice[0], "s_a=; Path=/; ") || !strings.HasPrefix(twice[1], "s_a.1=; Path=/; ") {
		t.Errorf("it came twice: %q", twice)
	}
}

func TestOneResponseDeletesABoundedNumberOfLeftovers(t *testing.T) {
	c := cookie.New("s_a", cookie.Attributes{Path: "/"})
	var header []string
	for i := range 200 {
		header = append(header, fmt.Sprintf("s_a.%d=x", i+1))
	}
	in := make([]cookie.Incoming, 1)
	cookie.Collect(in, "s_a", []string{""}, header)
	leftovers := 0
	first := c.AppendDeletions(nil, &in[0], 0, &leftovers)
	second := c.AppendDeletions(nil, &in[0], 0, &leftovers) // another compartment of the same response
	if len(first) != cookie.MaxChunks || len(second) != 0 {
		t.Errorf("%d and %d lines", len(first), len(second))
	}
	doubled := make([]cookie.Incoming, 1)
	cookie.Collect(doubled, "s_a", []string{""}, append(header, "s_a=x", "s_a=y"))
	four := cookie.New("s_a", cookie.Attributes{Path: "/b", Domain: "c.de"})
	leftovers = 0
	if all := four.AppendDeletions(nil, &doubled[0], 1, &leftovers); len(all) != cookie.MaxChunks {
		t.Errorf("%d lines in four variants", len(all))
	}
}
