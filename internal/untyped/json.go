package untyped

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/cookiesession/cookiesession/internal/wire"
)

// Public returns raw, one encoded value, as a value for encoding/json: without
// what must not reach a page, and with text where JSON cannot express it.
func Public(raw []byte) any { return expressible(JSON(raw)) }

// JSONTime returns t, or text where encoding/json does not take a time: before
// the year 0 and after 9999.
func JSONTime(t time.Time) any {
	if y := t.Year(); y < 0 || y > 9999 {
		return t.Format(time.RFC3339Nano)
	}
	return t
}

// expressible makes a decoded value one that JSON can express.
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

// All returns all values of pairs as [Of] does.
func All(pairs wire.Pairs) map[string]any {
	out := make(map[string]any, pairs.Len())
	for key, raw := range pairs.All() {
		out[key] = Of(raw)
	}
	return out
}
