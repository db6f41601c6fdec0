package cookie_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

// attributes are sets of attributes that differ in length.
var attributes = map[string]cookie.Attributes{
	"the least": {Path: "/", Insecure: true, ScriptAccess: true},
	"ordinary":  {Path: "/", SameSite: http.SameSiteLaxMode},
	"every one": {Path: "/app", Domain: "example.com", SameSite: http.SameSiteNoneMode, Partitioned: true},
	"long":      {Path: "/" + strings.Repeat("p", 700), Domain: strings.Repeat("d", 60) + ".example.com", SameSite: http.SameSiteStrictMode},
}

// lines are those of a text of n characters.
func lines(c *cookie.Cookie, n, maxAge int) (all []string, bytes int) {
	b := c.AppendStart(nil, "keyA")
	start := len(b)
	b = append(b, strings.Repeat("x", n)...)
	cookies, bytes := c.Cost(n)
	all, _ = c.AppendLines(nil, b, start, cookies, "keyA", maxAge)
	return all, bytes
}

// check holds what Cost says against what AppendLines has written, and reads the
// text back as a browser would send it.
func check(t *testing.T, c *cookie.Cookie, n int) (cookies, longest int) {
	t.Helper()
	written, bytes := lines(c, n, 34560000)
	sum := 0
	var pairs []string
	for i, line := range written {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		want := c.Name
		if i > 0 {
			want += fmt.Sprint(".", i)
		}
		if name != want || len(line) > cookie.MaxLine {
			t.Fatalf("%d characters: cookie %d is %q, with a line of %d bytes", n, i, name, len(line))
		}
		longest = max(longest, len(line))
		sum += len(name) + len(value)
		pairs = append(pairs, pair)
	}
	cookies, _ = c.Cost(n)
	if len(written) != cookies || sum != bytes {
		t.Fatalf("%d characters: %d cookies of %d bytes, Cost says %d of %d", n, len(written), sum, cookies, bytes)
	}
	if cookies > cookie.MaxChunks {
		return cookies, longest // nobody reads these
	}
	slices.Reverse(pairs) // the order says nothing
	var in [1]cookie.Incoming
	cookie.Collect(in[:], c.Name, []string{""}, []string{strings.Join(pairs, "; ")})
	keyID, rest, ok := cookie.SplitKeyID(in[0].First)
	budget := bytes
	text, joined := in[0].Join(rest, &budget)
	if !ok || !joined || keyID != "keyA" || text != strings.Repeat("x", n) || in[0].Size != bytes {
		t.Fatalf("%d characters do not come back: %d, of %d bytes", n, len(text), in[0].Size)
	}
	return cookies, longest
}

func TestCostIsWhatIsWrittenAtEveryBoundary(t *testing.T) {
	for name, a := range attributes {
		t.Run(name, func(t *testing.T) {
			c := cookie.New("s_session", a)
			boundaries := 0
			for n, last := 1, 1; last <= cookie.MaxChunks; n++ {
				cookies, bytes := c.Cost(n)
				if _, before := c.Cost(n - 1); n > 1 && bytes <= before || cookies < last || cookies > last+1 {
					t.Fatalf("%d characters take %d cookies of %d bytes, one less %d of %d", n, cookies, bytes, last, before)
				}
				if cookies > last {
					check(t, &c, n-1)
					check(t, &c, n)
					last, boundaries = cookies, boundaries+1
				}
			}
			if boundaries != cookie.MaxChunks {
				t.Errorf("%d boundaries, want one before each further cookie up to %d", boundaries, cookie.MaxChunks+1)
			}
		})
	}
}

// TestALineIsFilledBeforeTheTextIsCut: the longest text in one cookie has a line
// of exactly MaxLine bytes, with the longest Max-Age.
func TestALineIsFilledBeforeTheTextIsCut(t *testing.T) {
	for name, a := range attributes {
		c := cookie.New("s_session", a)
		n := 1
		for cookies, _ := c.Cost(n + 1); cookies == 1; cookies, _ = c.Cost(n + 1) {
			n++
		}
		if _, longest := check(t, &c, n); longest != cookie.MaxLine {
			t.Errorf("%s: the longest line has %d bytes, want %d", name, longest, cookie.MaxLine)
		}
	}
}

func FuzzCost(f *testing.F) {
	f.Add("s_session", "/", uint16(4000), uint16(1))
	f.Add("__Host-s_x", "/", uint16(60000), uint16(0))
	f.Fuzz(func(t *testing.T, name, path string, n, domain uint16) {
		name, path = strings.Map(letters, name), "/"+strings.Map(letters, path)
		if name == "" || len(name) > 80 || len(path) > 900 || n == 0 {
			return
		}
		c := cookie.New(name, cookie.Attributes{Path: path, Domain: strings.Repeat("d", int(domain)%100)})
		check(t, &c, int(n))
	})
}

func letters(r rune) rune {
	if 'a' <= r && r <= 'z' || r == '_' {
		return r
	}
	return -1
}

func TestTheAttributesAreThoseOfNetHTTP(t *testing.T) {
	for name, a := range attributes {
		for maxAge, seconds := range map[int]int{60: 60, 1: 1, 0: -1, cookie.NoMaxAge: 0} { // net/http's own: 0 for none, negative for 0
			c := cookie.New("n", a)
			want := http.Cookie{
				Name: "n", Value: "v", Path: a.Path, Domain: a.Domain, MaxAge: seconds,
				Secure: !a.Insecure, HttpOnly: !a.ScriptAccess, SameSite: a.SameSite, Partitioned: a.Partitioned,
			}
			if got := c.AppendPlain(nil, "v", maxAge); len(got) != 1 || got[0] != want.String() {
				t.Errorf("%s: got %q, want %q", name, got, want.String())
			}
		}
	}
}

// deleted are the lines without what all of them end in.
func deleted(t *testing.T, lines []string) string {
	t.Helper()
	var all []string
	for _, line := range lines {
		scope, _, ok := strings.Cut(line, "; Max-Age=0; HttpOnly; Secure")
		if !ok {
			t.Errorf("a line that deletes nothing: %q", line)
		}
		all = append(all, scope)
	}
	return strings.Join(all, " | ")
}

func TestDeletionsNameWhatCame(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		keep       int
		want       string
	}{
		{"nothing", "", 0, ""},
		{"one", "n=v", 0, "n=; Path=/a; Domain=x.y"},
		{"one that is set again", "n=v", 1, ""},
		{"with chunks", "n=v; n.1=a; n.2=b", 0, "n=; Path=/a; Domain=x.y | n.1=; Path=/a; Domain=x.y | n.2=; Path=/a; Domain=x.y"},
		{"with one chunk that is set again", "n=v; n.1=a; n.2=b", 2, "n.2=; Path=/a; Domain=x.y"},
		{"a chunk alone, twice", "n.7=a; n.7=b", 0, "n.7=; Path=/a; Domain=x.y"},
		{"doubled", "n=v; n=w", 0, "n=; Path=/a; Domain=x.y | n=; Path=/a | n=; Path=/; Domain=x.y | n=; Path=/"},
		{"doubled, the same", "n=v; n=v", 0, "n=; Path=/a; Domain=x.y | n=; Path=/a | n=; Path=/; Domain=x.y | n=; Path=/"},
	} {
		c := cookie.New("n", cookie.Attributes{Path: "/a", Domain: "x.y"})
		var in [1]cookie.Incoming
		cookie.Collect(in[:], "n", []string{""}, []string{tc.line})
		leftovers := 0
		if got := deleted(t, c.AppendDeletions(nil, &in[0], tc.keep, &leftovers)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestVariantsAreDeletedWhereACookieCameTwice(t *testing.T) {
	c := cookie.New("n", cookie.Attributes{Path: "/", Domain: "x.y"})
	for line, want := range map[string]string{
		"n=v":      "",
		"n=v; n=w": "n=; Path=/ | n.1=; Path=/",
	} {
		var in [1]cookie.Incoming
		cookie.Collect(in[:], "n", []string{""}, []string{line})
		if got := deleted(t, c.AppendVariantDeletions(nil, &in[0], 2)); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
}

func TestOneResponseDeletesAtMostSoManyChunks(t *testing.T) {
	var line strings.Builder
	for i := range 300 {
		fmt.Fprintf(&line, "n.%d=x; ", i+1)
	}
	var in [1]cookie.Incoming
	cookie.Collect(in[:], "n", []string{""}, []string{line.String()})
	c, leftovers := cookie.New("n", cookie.Attributes{Path: "/"}), 0
	first := c.AppendDeletions(nil, &in[0], 0, &leftovers)
	second := c.AppendDeletions(nil, &in[0], 0, &leftovers)
	if len(first) != cookie.MaxChunks || len(second) != 0 {
		t.Errorf("%d and %d deletions, want %d in all", len(first), len(second), cookie.MaxChunks)
	}
	// Where the cookie came twice, each variant of a chunk counts.
	in = [1]cookie.Incoming{}
	cookie.Collect(in[:], "n", []string{""}, []string{"n=v; n=w; " + line.String()})
	c, leftovers = cookie.New("n", cookie.Attributes{Path: "/a", Domain: "x.y"}), 0
	if all := c.AppendDeletions(nil, &in[0], 0, &leftovers); len(all) != 4+cookie.MaxChunks {
		t.Errorf("%d deletions, want 4 and %d of chunks", len(all), cookie.MaxChunks)
	}
}

// refusals are the fields that a check refuses.
func refusals(check func(refuse func(bad bool, field, reason string, args ...any))) (fields string) {
	check(func(bad bool, field, _ string, _ ...any) {
		if bad {
			fields += field + " "
		}
	})
	return strings.TrimSpace(fields)
}

func TestWhatBrowsersWouldDropIsRefused(t *testing.T) {
	lax, none := http.SameSiteLaxMode, http.SameSiteNoneMode
	for _, tc := range []struct {
		a       cookie.Attributes
		refused string
	}{
		{cookie.Attributes{Path: "/", SameSite: lax}, ""},
		{cookie.Attributes{Path: "/", SameSite: http.SameSiteDefaultMode}, ""},
		{cookie.Attributes{Path: "/", SameSite: 0}, "SameSite"},
		{cookie.Attributes{Path: "/", SameSite: none + 1}, "SameSite"},
		{cookie.Attributes{Path: "/", SameSite: none}, ""},
		{cookie.Attributes{Path: "/", SameSite: none, Insecure: true}, "SameSite"},
		{cookie.Attributes{Path: "/", SameSite: none, Partitioned: true}, ""},
		{cookie.Attributes{Path: "/", SameSite: lax, Partitioned: true}, "Partitioned"},
		{cookie.Attributes{Path: "/", SameSite: none, Partitioned: true, Insecure: true}, "SameSite Partitioned"},
		{cookie.Attributes{Path: "app", SameSite: lax}, "Path"},
		{cookie.Attributes{Path: "/a;b", SameSite: lax}, "Path"},
		{cookie.Attributes{Path: "/a\nb", SameSite: lax}, "Path"},
		{cookie.Attributes{Path: "/café", SameSite: lax}, "Path"},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: "example.com"}, ""},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: ".example.com"}, ""},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: "example.com."}, "Domain"},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: "com"}, "Domain"},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: ".com"}, "Domain"},
		{cookie.Attributes{Path: "/", SameSite: lax, Domain: "a b.com"}, "Domain"},
		{cookie.Attributes{Path: "/" + strings.Repeat("p", 1012), SameSite: lax, Domain: "example.com"}, ""}, // 1,024 bytes together
		{cookie.Attributes{Path: "/" + strings.Repeat("p", 1013), SameSite: lax, Domain: "example.com"}, "Path"},
	} {
		if got := refusals(tc.a.Check); got != tc.refused {
			t.Errorf("%.60v: refused for %q, want %q", tc.a, got, tc.refused)
		}
	}
}

func TestANameHasUpToSixtyFourCharactersAndNoSuffixOfOurs(t *testing.T) {
	for name, refused := range map[string]string{
		"session": "", "Shop-2_x": "", strings.Repeat("n", 64): "", strings.Repeat("n", 65): "Name",
		"a.b": "Name", "s_shop": "Name", "shop_flash": "Name", "shop_flashes": "",
	} {
		got := refusals(func(refuse func(bool, string, string, ...any)) { cookie.CheckName(name, []string{"_flash"}, refuse) })
		if got != refused {
			t.Errorf("%q: refused for %q, want %q", name, got, refused)
		}
	}
}
