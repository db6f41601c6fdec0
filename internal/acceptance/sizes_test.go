package acceptance_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// saysSize finds the one sentence in which documents and comments say how much
// fits. spoken takes away what stands around its words there.
var (
	saysSize = regexp.MustCompile(`([\d,]+) bytes of keys and values in one cookie, ([\d,]+) in all; with the format compact ([\d,]+) and ([\d,]+)`)
	spoken   = strings.NewReplacer("`", "", "//", "", "[", "", "]", "", "FormatCompact", "compact")
)

// TestTheDocumentsSayHowMuchFits measures what fits with the defaults of Config,
// in hundreds of bytes, and compares it with each place that says it.
func TestTheDocumentsSayHowMuchFits(t *testing.T) {
	var sizes []any
	for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
		for _, cookies := range []int{1, 64} {
			sizes = append(sizes, thousands(mostBytes(t, format, cookies)/100*100))
		}
	}
	want := fmt.Sprintf("%s bytes of keys and values in one cookie, %s in all; with the format compact %s and %s", sizes...)
	t.Chdir(testkit.Root(t))
	for _, path := range []string{"README.md", "FORMAT.md", "docs/coming-from.md", "cookiesession.go", "adapters/gorilla/README.md"} {
		text, err := os.ReadFile(path)
		testkit.NoError(t, err)
		found := saysSize.FindAllString(normal(spoken.Replace(string(text))), -1)
		if len(found) == 0 {
			t.Errorf("%s does not say how much fits: %s", path, want)
		}
		for _, says := range found {
			if says != want {
				t.Errorf("%s says %q\nmeasured %q", path, says, want)
			}
		}
	}
}

// mostBytes is the largest size of the entries, as TooLargeError counts them,
// that fits in so many cookies. It is the least of what one large value, many
// small ones and a longer name of the cookies leave.
func mostBytes(t *testing.T, format cookiesession.Format, cookies int) int {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})
	testkit.NoError(t, err)
	least := 1 << 20
	for _, hostPrefix := range []bool{false, true} {
		m, err := cookiesession.New(cookiesession.Config{Keyring: ring, HostPrefix: hostPrefix, Logger: slog.New(slog.DiscardHandler)})
		testkit.NoError(t, err)
		for _, entries := range []int{1, 16} {
			least = min(least, mostIn(t, m, entries, cookies))
		}
	}
	return least
}

// mostIn fills sessions with more and more text until one takes another cookie
// or is refused. An entry's size is the text, its key of two letters and the
// text's header of 2 or 3 bytes.
func mostIn(t *testing.T, m *cookiesession.Manager, entries, cookies int) (most int) {
	t.Helper()
	for size := 1000; ; size++ {
		s, header := m.Open(t.Context()), http.Header{}
		values, sum := map[string]any{}, 0
		for i := range entries {
			n := size / entries
			if i == 0 {
				n += size % entries
			}
			head := 3
			if n < 256 {
				head = 2
			}
			values[fmt.Sprintf("%02d", i)], sum = strings.Repeat("x", n), sum+2+head+n
		}
		if err := s.Update(values); err != nil {
			return most
		}
		testkit.NoError(t, m.Commit(header, s, 200))
		if len(header.Values("Set-Cookie")) > cookies {
			return most
		}
		most = sum
	}
}

func thousands(n int) string {
	return strconv.Itoa(n/1000) + "," + fmt.Sprintf("%03d", n%1000)
}
