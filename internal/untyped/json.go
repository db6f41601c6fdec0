package untyped

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// JSON returns raw, one encoded value, for encoding/json: as [Of] does, but
// without what must not reach a page, and with text where JSON cannot express
// something.
//
// Fields with the tag json:"-" are left out. A struct with the msgpack tag
// as_array has no names that could be left out, so it is nil as a whole if it
// has such a field. The mark stands in the encoded value (see [wire.Private]), so
// it also holds in a program that does not know the Go type. What a type's own
// encoder wrote has no marks.
func JSON(raw []byte) any {
	v, _ := read(raw, public)
	return expressible(v)
}

// JSONTime returns t, or text where encoding/json does not take a time: before
// the year 0 and after 9999.
func JSONTime(t time.Time) any {
	// MarshalJSON of a whole session would fail because of one such time.
	if y := t.Year(); y < 0 || y > 9999 {
		return t.Format(time.RFC3339Nano)
	}
	return t
}

// expressible makes a decoded value one that JSON can express. One NaN would
// otherwise be an error of the whole session. It changes lists and maps in place,
// which is right for a value that has just been decoded.
func expressible(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		return JSONTime(v)
	case []any:
		for i := range v {
			v[i] = expressible(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = expressible(v[key])
		}
	case map[any]any:
		texts := make(map[string]any, len(v))
		for key, value := range v {
			texts[fmt.Sprint(key)] = expressible(value)
		}
		return texts
	case nil, bool, string, int64, uint64, []byte:
	default: // a type that the application registered with msgpack
		if _, err := json.Marshal(v); err != nil {
			return fmt.Sprintf("%T", v)
		}
	}
	return v
}
