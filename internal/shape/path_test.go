package shape_test

import (
	"errors"
	"testing"

	"github.com/cookiesession/cookiesession/internal/shape"
)

func TestAPathGrowsFromTheInside(t *testing.T) {
	cause := errors.New("cause")
	err := shape.Within(".A", shape.Within("[3]", shape.Within(".B", cause)))
	if err.Error() != ".A[3].B: cause" || !errors.Is(err, cause) {
		t.Error(err)
	}
}
