package cookie_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/cookiesession/cookiesession/internal/cookie"
)

func TestPairsAreReadAsNetHTTPReadsThem(t *testing.T) {
	for _, line := range []string{"", "a=b", "a=b; c=d", " a = b ;\tc=\"d e\" ;; ;x=;y=1", "s_session.1=x;s_session=y", "a=b=c; d"} {
		var got, want []string
		for name, value := range cookie.Pairs(line) {
			if value != "" && name != "" {
				got = append(got, fmt.Sprintf("%s=%s", name, value))
			}
		}
		for _, c := range (&http.Request{Header: http.Header{"Cookie": {line}}}).Cookies() {
			if c.Value != "" {
				want = append(want, fmt.Sprintf("%s=%s", c.Name, c.Value))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for name := range cookie.Pairs("a=1; b=2") {
		if name == "b" {
			t.Error("it goes on after the loop has ended")
		}
		break
	}
}

func TestNamesAndChunksAreSplit(t *testing.T) {
	for name, want := range map[string]string{
		"s_shop": "s_shop 0 true", "s_shop.1": "s_shop 1 true", "s_shop.64": "s_shop 64 true", "s_shop.123456": "s_shop 123456 true", "s_shop.1234567": "s_shop 0 false", ".1": " 1 true", "s_shop.0": "s_shop 0 false",
		"s_shop.01": "s_shop 0 false", "s_shop.": "s_shop 0 false", "s_shop.x": "s_shop 0 false", "s_shop.1.2": "s_shop 0 false", "": " 0 true",
	} {
		first, index, ok := cookie.SplitName(name)
		if got := fmt.Sprint(first, " ", index, " ", ok); got != want {
			t.Errorf("SplitName(%q) = %s, want %s", name, got, want)
		}
	}
	for rest, want := range map[string]string{
		"2.tags.text": "2 tags.text true", "64.tags.text": "64 tags.text true", "65.tags.text": "0  false", "1.tags.text": "0  false",
		"02.tags.text": "0  false", "2.tag.text": "0  false", "2.ta=s.text": "0  false", "2": "0  false", "text": "0  false", "": "0  false",
	} {
		n, chunk, ok := cookie.SplitCount(rest)
		if got := fmt.Sprint(n, " ", chunk, " ", ok); got != want {
			t.Errorf("SplitCount(%q) = %s, want %s", rest, got, want)
		}
	}
}

func TestAChunkIsATagADotAndText(t *testing.T) {
	for chunk, want := range map[string]string{
		"tagA.text": "tagA text true", "tagA.": "tagA  true", "tagA": "  false", "tag": "  false", "": "  false", "t+gA.text": "  false", "tagAxtext": "  false",
	} {
		tag, text, ok := cookie.SplitTag(chunk)
		if got := fmt.Sprint(tag, " ", text, " ", ok); got != want {
			t.Errorf("%q: %q, want %q", chunk, got, want)
		}
	}
}
