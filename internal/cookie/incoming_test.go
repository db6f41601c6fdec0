package cookie_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

var suffixes = []string{"", "_flash", "_views"}

// collect finds the cookies s_a, s_a_flash and s_a_views.
func collect(lines ...string) []cookie.Incoming {
	in := make([]cookie.Incoming, len(suffixes))
	cookie.Collect(in, "s_a", suffixes, lines)
	return in
}

// shown are the first values, how many others, how many chunks, and the size.
func shown(in []cookie.Incoming) string {
	var all []string
	for i := range in {
		all = append(all, fmt.Sprintf("%s %d %d %d", in[i].First, len(in[i].Others()), in[i].Chunks(), in[i].Size))
	}
	return strings.Join(all, "|")
}

func TestCookiesAreCollectedByTheirNames(t *testing.T) {
	const nothing = " 0 0 0| 0 0 0| 0 0 0"
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"nothing", nil, nothing},
		{"one", []string{"s_a=x"}, "x 0 0 4| 0 0 0| 0 0 0"},
		{"one of each", []string{"s_a=x; s_a_flash=y; s_a_views=z"}, "x 0 0 4|y 0 0 10|z 0 0 10"},
		{"one a line", []string{"s_a=x", "s_a_flash=y"}, "x 0 0 4|y 0 0 10| 0 0 0"},
		{"among others", []string{"a=1;s_b=2; s_a=x ;xs_a=3;s_A=4"}, "x 0 0 4| 0 0 0| 0 0 0"},
		{"names that go on", []string{"s_ab=1; s_a_=2; s_a_flashx=3; s_a_test=4; s_a.x=5"}, nothing},
		{"chunks", []string{"s_a=x; s_a.1=y; s_a.2=z; s_a_flash.9=w"}, "x 0 2 16| 0 1 12| 0 0 0"},
		{"indexes that nobody writes", []string{"s_a.0=1; s_a.01=1; s_a.+1=1; s_a.-1=1; s_a.=1; s_a.1e1=1; s_a.1.1=1; s_a.9999999=1; s_a.١=1"}, nothing},
		{"different ones of one name", []string{"s_a=x; s_a=y; s_a=z"}, "x 2 0 12| 0 0 0| 0 0 0"},
		{"the same one again", []string{"s_a=x; s_a=x"}, "x 0 0 8| 0 0 0| 0 0 0"},
		{"an empty value is there", []string{"s_a="}, "  0 0 3| 0 0 0| 0 0 0"},
		{"no value is there", []string{"s_a"}, "  0 0 3| 0 0 0| 0 0 0"},
		{"quotes and white space", []string{"\ts_a \t= \"x\" "}, " \"x\" 0 0 9| 0 0 0| 0 0 0"},
		{"quotes", []string{`s_a="x"`}, "x 0 0 6| 0 0 0| 0 0 0"},
		{"half a quote", []string{`s_a="x`}, `"x 0 0 5| 0 0 0| 0 0 0`},
		{"semicolons alone", []string{";; ;\t;"}, nothing},
	} {
		if got := shown(collect(tc.lines...)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if none := cookie.None(collect(tc.lines...)); none != (tc.want == nothing) {
			t.Errorf("%s: None is %v", tc.name, none)
		}
	}
}

func TestAFloodIsKeptWithinBounds(t *testing.T) {
	in := collect(strings.Repeat("s_a=x; ", 1000), "s_a=0; s_a=1; s_a=2; s_a=3; s_a=4; s_a=5; s_a=6; s_a=7; s_a=8; s_a=9", strings.Repeat("s_a.1=x; ", 1000))
	if got := shown(in[:1]); !strings.HasPrefix(got, "x 7 256 ") {
		t.Error(got)
	}
}

// TestContainsSaysWhatCollectFinds: flash is deleted by its name alone where a
// page does not look at it, so both must agree about which names are ours.
func TestContainsSaysWhatCollectFinds(t *testing.T) {
	parts := []string{"s_a_flash", "s_a", "=", ";", " ", "\t", "x", "\"", ".1", "_views"}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	found := 0
	for range 20_000 {
		var line strings.Builder
		for range random.IntN(12) {
			line.WriteString(parts[random.IntN(len(parts))])
		}
		collected := collect(line.String())[1].First != ""
		if contained := cookie.Contains("s_a_flash", []string{line.String()}); contained != collected {
			t.Fatalf("seed %d: %q: Contains %v, Collect %v", seed, line.String(), contained, collected)
		}
		if collected {
			found++
		}
	}
	if found < 500 {
		t.Errorf("found %d times; this test would show little", found)
	}
}

func TestAKeyIDIsFourCharactersOfBase64URL(t *testing.T) {
	for value, want := range map[string]string{
		"abcd.text": "abcd text true", "A-_9.text": "A-_9 text true", "abcd.": "abcd  true", "abcd.a.b": "abcd a.b true",
		"": "  false", "abcd": "  false", "abc.text": "  false", "abcde.text": "  false", "ab.d.text": "  false",
		"ab+d.text": "  false", "ab/d.text": "  false", "ab=d.text": "  false", "ab d.text": "  false", "ab\x00d.text": "  false", "abé.text": "  false",
	} {
		id, rest, ok := cookie.SplitKeyID(value)
		if got := fmt.Sprint(id, " ", rest, " ", ok); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestOnlyChunksOfOneIssueAreJoined(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		want         string // "" where nothing may be joined
	}{
		{"one cookie", "s_a=text", "text"},
		{"two", "s_a=2.tags.one; s_a.1=tags.two", "onetwo"},
		{"in another order", "s_a.2=tags.three; s_a.1=tags.two; s_a=3.tags.one", "onetwothree"},
		{"with those of another issue", "s_a.1=TAGS.TWO; s_a=2.tags.one; s_a.1=tags.two; s_a.2=tags.three", "onetwo"},
		{"the first of two", "s_a=2.tags.one; s_a.1=tags.two; s_a.1=tags.TWO", "onetwo"},
		{"one is missing", "s_a=3.tags.one; s_a.2=tags.three", ""},
		{"one is of another issue", "s_a=2.tags.one; s_a.1=TAGS.two", ""},
		{"one is empty", "s_a=2.tags.one; s_a.1=tags.", ""},
		{"one is empty before another", "s_a=2.tags.one; s_a.1=tags.; s_a.1=tags.two", ""},
		{"the first is empty", "s_a=2.tags.; s_a.1=tags.two", ""},
		{"a tag alone", "s_a=2.tags; s_a.1=tags.two", ""},
		{"a tag of three", "s_a=2.tag.one; s_a.1=tag.two", ""},
		{"no count", "s_a=.tags.one", ""},
		{"a count of one", "s_a=1.tags.one", ""},
		{"a count of none", "s_a=0.tags.one", ""},
		{"a count below none", "s_a=-2.tags.one; s_a.1=tags.two", ""},
		{"a count with a sign", "s_a=+2.tags.one; s_a.1=tags.two", ""},
		{"a count with a zero", "s_a=02.tags.one; s_a.1=tags.two", ""},
		{"a count of 65", "s_a=65.tags.one; s_a.1=tags.two", ""},
		{"a count beyond all bits", "s_a=99999999999999999999.tags.one", ""},
	} {
		in, budget := collect(tc.header), 1000
		got, ok := in[0].Join(in[0].First, &budget)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %q, %v; want %q", tc.name, got, ok, tc.want)
		}
	}
}

func TestJoiningStopsAtTheBudget(t *testing.T) {
	in := collect("s_a=3.tags.one; s_a.1=tags.two; s_a.2=tags.three")
	for budget, want := range map[int]bool{18: true, 17: false, 0: false} {
		left := budget
		if _, ok := in[0].Join(in[0].First, &left); ok != want || ok && left != 0 {
			t.Errorf("with %d bytes: joined %v, %d are left", budget, ok, left)
		}
	}
}
