package value

import (
	"reflect"
	"time"

	"github.com/cookiesession/cookiesession/internal/shape"
	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// Decode returns raw, one encoded value, as a T. It is false, with the zero T,
// when raw is no T or does not fit in one, at any depth. No lock is held while
// a type's own decoder runs. Where that panics Decode is false.
func Decode[T any](raw []byte) (v T, ok bool) {
	// Scalars without reflection: 1 allocation less and a third of the time.
	switch p := any(&v).(type) {
	case *string:
		text, ok := wire.Text(raw)
		*p = string(text)
		return v, ok
	case *int64:
		*p, ok = wire.Int64(raw)
		return v, ok
	case *int:
		// An int has 32 bits on some machines. A larger number is no int there.
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

// decodeAny is everything but the shortcuts of Decode. It stands apart from
// Decode so that a scalar's v need not be on the heap.
func decodeAny[T any](raw []byte) (v T, ok bool) {
	// What was half filled is not given away: the caller gets the zero T.
	if read(raw, shape.Of(reflect.TypeFor[T]()), reflect.ValueOf(&v).Elem()) {
		return v, true
	}
	return *new(T), false
}

// Of returns raw, one encoded value, as [untyped.Of] does.
func Of(raw []byte) any { return untyped.Of(raw) }

// All returns all values of pairs as [Of] does. Whoever needs one value asks for
// it by its key.
func All(pairs wire.Pairs) map[string]any { return all(pairs, untyped.Of) }

// Public returns all values of pairs for encoding/json, without what must not
// reach a page: see [untyped.JSON].
func Public(pairs wire.Pairs) map[string]any { return all(pairs, untyped.JSON) }

func all(pairs wire.Pairs, decode func([]byte) any) map[string]any {
	out := make(map[string]any, pairs.Len())
	for key, raw := range pairs.All() {
		out[key] = decode(raw)
	}
	return out
}

// JSONTime returns t, or text where encoding/json does not take it. See
// [untyped.JSONTime].
func JSONTime(t time.Time) any { return untyped.JSONTime(t) }
