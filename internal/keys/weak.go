package keys

import (
	"bytes"
	"slices"
	"strings"
)

// weakness says why a secret was not drawn at random, "" if it may have been.
// It looks at the text and at the bytes: "abcabcabc…" is a pattern as text,
// and its bytes show none. A random secret fails the check for words less than
// once in 2^20, and any other less than once in 2^60.
func weakness(text string, raw []byte) string {
	switch {
	case isSample(text, raw):
		return "it is a sample that anybody can read in some documentation"
	case distinct(raw) < 10:
		return "it has too few distinct bytes to be random"
	case isSequence(raw) || isSequence([]byte(text)):
		return "it is a sequence"
	case isPattern(raw) || isPattern([]byte(text)):
		return "it repeats a pattern"
	case isWords(raw) || isWords([]byte(text)):
		return "it is made of words, which somebody can guess"
	}
	return ""
}

// samplePrefix begins the bytes of every secret that this repository prints as
// an example, so that none of them can be used.
const samplePrefix = "sample secret"

func isSample(text string, raw []byte) bool {
	return bytes.HasPrefix(raw, []byte(samplePrefix)) || slices.Contains(knownSamples, strings.ToLower(text))
}

// knownSamples are printed in well-known tutorials, from where people copy
// them. They are long enough to pass the other checks.
var knownSamples = []string{
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI
	"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", // Flask
}

// distinct counts the bytes that differ. 32 random bytes have 30 on average.
func distinct(b []byte) int {
	return len(slices.Compact(slices.Sorted(slices.Values(b))))
}

// isSequence reports whether most bytes follow the one before by the same step.
func isSequence(b []byte) bool {
	var steps [256]int
	for i := 1; i < len(b); i++ {
		steps[b[i]-b[i-1]]++
	}
	return 2*slices.Max(steps[:]) >= len(b)-1
}

// isPattern reports whether there is a period such that most bytes equal the
// one a period before.
func isPattern(b []byte) bool {
	for period := 1; period <= len(b)/2; period++ {
		same := 0
		for i := period; i < len(b); i++ {
			if b[i] == b[i-period] {
				same++
			}
		}
		if 4*same >= 3*(len(b)-period) {
			return true
		}
	}
	return false
}
