package cookie

import (
	"iter"
	"strconv"
	"strings"
)

// Pairs yields the name and the value of each cookie in a Cookie header line,
// for programs that do not know the names beforehand. They are read as
// [Collect] reads them.
func Pairs(line string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for line := next(line); line != ""; line = next(line) {
			var pair string
			pair, line = cut(line, ';')
			name, value := cut(trim(pair), '=')
			if !yield(trim(name), unquote(value)) {
				return
			}
		}
	}
}

// SplitName splits the name of a cookie into that of the first cookie of its
// text and the index of its chunk, which is 0 for the first cookie itself. It
// is false for a name that goes on behind a dot with anything but an index.
func SplitName(name string) (first string, index int, ok bool) {
	at := strings.IndexByte(name, '.')
	if at < 0 {
		return name, 0, true
	}
	index, ok = continuation(name[at:])
	return name[:at], index, ok
}

// SplitCount splits "n.tag.text", the beginning of a text in n cookies, into n
// and the chunk "tag.text". A number is accepted in one spelling only, so that
// one text stands in a cookie in one way only.
func SplitCount(rest string) (n int, chunk string, ok bool) {
	count, chunk, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(count)
	if err != nil || n < 2 || n > MaxChunks || strconv.Itoa(n) != count {
		return 0, "", false
	}
	if _, _, ok := SplitTag(chunk); !ok {
		return 0, "", false
	}
	return n, chunk, true
}

// SplitTag splits the chunk "tag.text".
func SplitTag(chunk string) (tag, text string, ok bool) {
	if len(chunk) <= tagLen || chunk[tagLen] != '.' || !IsBase64URL(chunk[:tagLen]) {
		return "", "", false
	}
	return chunk[:tagLen], chunk[tagLen+1:], true
}
