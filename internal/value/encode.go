// Package value turns single values into msgpack and back, with the library.
// It knows nothing of sessions.
package value

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// MaxSize is where encoding one value ends, in bytes: nothing near it fits
// into cookies, and a type that encodes itself without an end is stopped.
const MaxSize = 1 << 20

// encoder encodes one value after another.
type encoder struct {
	msgpack *msgpack.Encoder
	out     bounded
}

// bounded is a buffer that fails beyond MaxSize.
type bounded struct{ b []byte }

var ErrTooLarge = fmt.Errorf("larger than %d bytes", MaxSize)

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.b)+len(p) > MaxSize {
		return 0, ErrTooLarge
	}
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *bounded) WriteByte(c byte) error {
	if len(w.b) == MaxSize {
		return ErrTooLarge
	}
	w.b = append(w.b, c)
	return nil
}

var encoders = sync.Pool{New: func() any { return &encoder{msgpack: msgpack.NewEncoder(nil)} }}

// Encode hands the encoding of value to use, which must not keep it.
func Encode(value any, use func(raw []byte, err error) error) error {
	e := encoders.Get().(*encoder)
	raw, err := e.encode(value)
	if err != nil {
		err = fmt.Errorf("cookiesession: a %T cannot be stored: %w", value, err)
	}
	err = use(raw, err)
	if cap(e.out.b) <= 64<<10 {
		encoders.Put(e)
	}
	return err
}

var errPanicked = errors.New("its encoder panicked")

func (e *encoder) encode(value any) (raw []byte, err error) {
	defer func() { // the library has no encoder for uintptr, and calls it; a type's own may panic too
		if recover() != nil {
			raw, err = nil, errPanicked // not what it panicked with: that may be the value
		}
	}()
	if err := finite(value); err != nil {
		return nil, err
	}
	e.out.b = e.out.b[:0]
	e.msgpack.Reset(&e.out)
	e.msgpack.UseCompactInts(true)
	if err := e.msgpack.Encode(value); err != nil {
		return nil, err
	}
	// A type that encodes itself may write anything.
	if n, ok := wire.Skip(e.out.b); !ok || n != len(e.out.b) {
		return nil, fmt.Errorf("its encoding is not one msgpack value at most %d deep", wire.MaxDepth)
	}
	return e.out.b, nil
}
