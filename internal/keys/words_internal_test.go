package keys

import (
	"math"
	"testing"
)

// TestNoRowFavoursRandomLetters holds what the bound on false refusals rests
// on. It looks inside the package because no other test could show a rare
// false refusal.
func TestNoRowFavoursRandomLetters(t *testing.T) {
	for i, row := range letterScores {
		sum := 0.0
		for _, digit := range row {
			sum += math.Exp2(float64(digit - '6'))
		}
		if len(row) != 26 || sum > 26 {
			t.Errorf("row %d has %d letters with a sum of %v", i, len(row), sum)
		}
	}
}
