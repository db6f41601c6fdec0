package value

import (
	"bytes"
	"reflect"
	"sync"

	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// decoder decodes one value after another.
type decoder struct {
	msgpack *msgpack.Decoder
	in      bytes.Reader
}

var decoders = sync.Pool{New: func() any { return &decoder{msgpack: msgpack.NewDecoder(nil)} }}

// Decode returns raw as a T; false when it is none, or one that does not fit.
func Decode[T any](raw []byte) (v T, ok bool) {
	// Scalars without the library: 1 allocation less and a third of the time.
	switch p := any(&v).(type) {
	case *string:
		text, ok := wire.Text(raw)
		*p = string(text)
		return v, ok
	case *int64:
		*p, ok = wire.Int64(raw)
		return v, ok
	case *int:
		i, ok := wire.Int64(raw)
		*p = int(i)
		if !ok || int64(*p) != i {
			*p = 0
			return v, false
		}
		return v, true
	}
	return decodeAny[T](raw)
}

// decodeAny is apart from Decode so that a scalar's v need not be on the heap.
func decodeAny[T any](raw []byte) (v T, ok bool) {
	if !fits(raw, reflect.TypeFor[T]()) {
		return v, false
	}
	// A type's own decoder may panic on bytes that it did not write. That would
	// be an error of every request for as long as the cookie lives.
	defer func() {
		if !ok && recover() != nil {
			v = *new(T)
		}
	}()
	d := decoders.Get().(*decoder)
	d.in.Reset(raw)
	d.msgpack.Reset(&d.in)
	d.msgpack.SetMapDecoder(decodeMap)
	if err := d.msgpack.Decode(&v); err != nil {
		return *new(T), false // and this decoder is in an unknown state: dropped
	}
	decoders.Put(d)
	normalize(reflect.ValueOf(&v))
	return v, true
}

// Of returns raw as Value does; nil if the library knows it not.
func Of(raw []byte) any {
	v, _ := Decode[any](raw)
	return v
}
