package cookie_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

var suffixes = []string{"", "_flash", "_test"}

// collect is what comes in these lines under the name s_a, with each suffix.
func collect(lines ...string) (in [3]cookie.Incoming) {
	cookie.Collect(in[:], "s_a", suffixes, lines)
	return in
}

func TestCookiesAreFoundByTheirExactNames(t *testing.T) {
	for line, want := range map[string]string{
		"s_a=1":                              "1,,",
		"x=0; s_a=1; y=2":                    "1,,",
		"s_a=1;s_a_flash=2;s_a_test=3":       "1,2,3",
		" \t s_a \t = 1 ":                    " 1,,",
		"s_a=\"1\"":                          "1,,",
		"s_a=\"1":                            "\"1,,",
		"s_a=\"":                             "\",,",
		"s_a=":                               " ,,", // it is there, and opens nothing
		"s_a":                                " ,,",
		"s_a=b=c":                            "b=c,,",
		"S_A=1":                              ",,",
		"s_ab=1; xs_a=2; s_=3; s_a_flashx=4": ",,",
		"s_a x=1; s_a =2":                    "2,,",
		"s%5fa=1":                            ",,",
		"\r\ns_a=1\r\n":                      "1,,",
		";;; ; s_a=1;;":                      "1,,",
		"":                                   ",,",
	} {
		in := collect(line)
		if got := in[0].First + "," + in[1].First + "," + in[2].First; got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	if in := collect("s_a=1", "s_a_flash=2"); in[0].First != "1" || in[1].First != "2" {
		t.Error("two header lines are not read as one")
	}
}

// FuzzCollect compares with net/http, for one name with and without a suffix.
// net/http drops values with characters that cookies may not have; those are for
// the seal to refuse here.
func FuzzCollect(f *testing.F) {
	for _, line := range []string{"s_a=1; s_a_flash=2", " s_a = \"x\" ;;s_a=y", "s_a;s_a=;s_a=\r\n1", "\ts_a=1\t", "s_a_flash=;x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\\\x7f") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r > '~' }) {
			return
		}
		in := collect(line)
		for at, suffix := range suffixes {
			var want []string
			for _, c := range (&http.Request{Header: http.Header{"Cookie": {line}}}).CookiesNamed("s_a" + suffix) {
				if !strings.ContainsAny(c.Value, "\"\t\r\n") {
					want = append(want, c.Value)
				}
			}
			got := append([]string{in[at].First}, in[at].Others()...)
			for _, value := range want {
				if value == "" {
					value = " "
				}
				if !slices.Contains(got, value) && len(in[at].Others()) < 7 {
					t.Errorf("%q: net/http finds %q under s_a%s, here are %q", line, value, suffix, got)
				}
			}
		}
	})
}

func TestOfManyCookiesOfOneNameEightAreKept(t *testing.T) {
	var pairs []string
	for i := range 20 {
		pairs = append(pairs, fmt.Sprintf("s_a=%02d", i))
	}
	in := collect(strings.Join(pairs, ";"))
	if got := in[0].First + " " + strings.Join(in[0].Others(), " "); got != "00 01 02 03 04 05 06 07" {
		t.Errorf("kept: %s", got)
	}
	if !in[0].Doubled() || in[0].Size != 20*len("s_a00") {
		t.Errorf("doubled %v, %d bytes", in[0].Doubled(), in[0].Size)
	}
	in = collect("s_a=1; s_a=1")
	if len(in[0].Others()) != 0 || !in[0].Doubled() {
		t.Error("two cookies that are the same are no two to open, but two to delete")
	}
	if in = collect("s_a=1; s_a.1=1"); in[0].Doubled() {
		t.Error("a cookie with a chunk is not doubled")
	}
}

// cutIn is "n.tag.text" with chunks, as they come.
func cutIn(first string, chunks ...string) *cookie.Incoming {
	pairs := []string{"s_a=" + first}
	for _, chunk := range chunks {
		pairs = append(pairs, "s_a."+chunk)
	}
	in := collect(strings.Join(pairs, ";"))
	return &in[0]
}

func TestChunksAreJoinedInOrderAndNeverMixed(t *testing.T) {
	for _, tc := range []struct {
		name, first string
		chunks      []string
		want        string // "" is refused
	}{
		{"one cookie", "whole", nil, "whole"},
		{"three cookies, out of order", "3.tags.a", []string{"2=tags.c", "1=tags.b"}, "abc"},
		{"leftovers around it", "2.tags.a", []string{"1=tagX.x", "1=tags.b", "2=tags.x", "9=tags.x"}, "ab"},
		{"one index twice", "2.tags.a", []string{"1=tags.b", "1=tags.x"}, "ab"},
		{"a chunk is missing", "3.tags.a", []string{"1=tags.b"}, ""},
		{"a chunk of another issue", "2.tags.a", []string{"1=tagX.b"}, ""},
		{"an empty chunk", "2.tags.a", []string{"1=tags."}, ""},
		{"an empty first chunk", "2.tags.", []string{"1=tags.b"}, ""},
		{"a count of 1", "1.tags.a", nil, ""},
		{"a count of 65", "65.tags.a", nil, ""},
		{"a count with a zero before it", "02.tags.a", []string{"1=tags.b"}, ""},
		{"a count with a sign", "+2.tags.a", []string{"1=tags.b"}, ""},
		{"a tag of 3 characters", "2.tag.a", []string{"1=tag.b"}, ""},
		{"a tag with a strange character", "2.ta=s.a", []string{"1=ta=s.b"}, ""},
		{"no tag", "2.", []string{"1=tags.b"}, ""},
		{"an index that is not canonical", "2.tags.a", []string{"01=tags.b"}, ""},
	} {
		budget := 1000
		text, ok := cutIn(tc.first, tc.chunks...).Join(tc.first, &budget)
		if text != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %q, %v; want %q", tc.name, text, ok, tc.want)
		}
	}
}

func TestJoiningEndsWhereTheBudgetDoes(t *testing.T) {
	in := cutIn("3.tags.a", "1=tags.bb", "2=tags.cc")
	const chunks = 2 * len("tags.bb")
	for budget, want := range map[int]bool{chunks - 1: false, chunks: true, chunks + 1: true, 0: false} {
		left := budget
		if _, ok := in.Join("3.tags.a", &left); ok != want || ok && left != budget-chunks {
			t.Errorf("a budget of %d: joined %v, %d left", budget, ok, left)
		}
	}
}

func TestContainsFindsTheCookieAloneAndNotItsChunks(t *testing.T) {
	for line, want := range map[string]bool{
		"s_a=1": true, "x; s_a =1": true, "s_a": true, " \r\n s_a\t": true, "s_a.1=1": false, "s_ab=1": false, "xs_a=1": false, "": false, ";;": false, "x=s_a": false,
	} {
		if got := cookie.Contains("s_a", []string{"y=1", line}); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestTheKeyIDIsFourCharactersBeforeADot(t *testing.T) {
	for value, want := range map[string]string{
		"abcd.text": "abcd text", "a-_9.": "a-_9 ", "abcd.a.b": "abcd a.b",
		"abc.text": "", "abcde.text": "", "abcd": "", "ab=d.text": "", "": "", ".abcd": "", "äbc.x": "",
	} {
		id, rest, ok := cookie.SplitKeyID(value)
		if got := id + " " + rest; ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", value, got, ok)
		}
	}
}

// TestAFloodOfSeparatorsIsCheap: a header of 1 MB, which net/http accepts, takes
// a millisecond. Where each separator cost more than itself it would take minutes.
func TestAFloodOfSeparatorsIsCheap(t *testing.T) {
	for _, unit := range []string{";", " ", "; ", "s_a ;", "s_a.1=;", "s_a=;", "=;", "\t\r\n;", "s_a_flash;"} {
		flood := strings.Repeat(unit, 1<<20/len(unit))
		start := time.Now()
		in := collect(flood)
		cookie.Contains("s_a_x", []string{flood})
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%q: %v", unit, took)
		}
		if len(in[0].Others()) > 7 || in[0].Chunks() > 4*cookie.MaxChunks {
			t.Errorf("%q: %d cookies and %d chunks are kept", unit, len(in[0].Others()), in[0].Chunks())
		}
	}
}

func TestNothingCameOnlyWhereNoNameDid(t *testing.T) {
	for line, want := range map[string]bool{"other=x": true, "s_n=x": false, "s_n_flash=x": false, "s_n.3=x": false, "s_n=": false, "s_n_flash_views=x": true} {
		in := make([]cookie.Incoming, 3)
		cookie.Collect(in, "s_n", []string{"", "_flash", "_views"}, []string{line})
		if got := cookie.None(in); got != want {
			t.Errorf("%q: none came: %t, want %t", line, got, want)
		}
	}
}
