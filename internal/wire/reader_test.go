package wire_test

import (
	"testing"

	"github.com/cookiesession/cookiesession/internal/wire"
)

func TestAReaderStaysFailed(t *testing.T) {
	in := wire.NewReader([]byte{0x92, 0xa1, 'x', 7})
	if in.Array() != 2 || in.Int() != 0 || !in.Failed() {
		t.Error("text is taken for an integer")
	}
	if got := in.Int(); got != 0 || in.Done() || in.Array() != 0 || in.Value() != nil || in.Bytes() != nil {
		t.Errorf("after that it reads on: %d", got)
	}
}

func TestAReaderThatFailedReadsNothingMore(t *testing.T) {
	in := wire.NewReader([]byte{5, 6, 7})
	in.Array()
	if i, b := in.Int(), in.Value(); i != 0 || b != nil || in.Done() {
		t.Errorf("it reads %d and % x", i, b)
	}
}
