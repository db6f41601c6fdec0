package untyped_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/untyped"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

func TestWhatIsPrivateIsNotInJSON(t *testing.T) {
	pair := func(b []byte, key string, private bool, v byte) []byte {
		if private {
			return append(wire.AppendPrivateText(b, key), v)
		}
		return append(wire.AppendText(b, key), v)
	}
	user := pair(pair(pair([]byte{0x83}, "id", false, 1), "password", true, 2), "name", false, 3)
	shown := map[string]any{"id": int64(1), "name": int64(3)}
	list := append(wire.AppendPrivateArray(nil, 2), 1, 2)
	for name, c := range map[string]struct {
		raw       []byte
		json, all any
	}{
		"a struct":                     {user, shown, map[string]any{"id": int64(1), "password": int64(2), "name": int64(3)}},
		"a struct in a list":           {append([]byte{0x91}, user...), []any{shown}, nil},
		"a struct in a map":            {append([]byte("\x81\xa1k"), user...), map[string]any{"k": shown}, nil},
		"a struct in a map of numbers": {append([]byte("\x81\x07"), user...), map[string]any{"7": shown}, nil},
		"only private fields":          {pair([]byte{0x81}, "password", true, 2), map[string]any{}, map[string]any{"password": int64(2)}},
		"a private list":               {list, nil, []any{int64(1), int64(2)}},
		"a private list in a list":     {append([]byte{0x92, 7}, list...), []any{int64(7), nil}, []any{int64(7), []any{int64(1), int64(2)}}},
		"nothing private":              {[]byte("\x81\xa1k\x07"), map[string]any{"k": int64(7)}, map[string]any{"k": int64(7)}},
	} {
		if got := untyped.JSON(c.raw); !reflect.DeepEqual(got, c.json) {
			t.Errorf("%s in JSON: %v, want %v", name, got, c.json)
		}
		if got := untyped.Of(c.raw); c.all != nil && !reflect.DeepEqual(got, c.all) {
			t.Errorf("%s: %v, want %v", name, got, c.all)
		}
	}
}

func TestWhatJSONCannotExpressIsText(t *testing.T) {
	msgpack.RegisterExtDecoder(6, unprintable{}, func(d *msgpack.Decoder, _ reflect.Value, n int) error {
		return d.ReadFull(make([]byte, n))
	})
	defer msgpack.UnregisterExt(6)
	for want, raw := range map[string][]byte{
		`"NaN"`:                      library(t, math.NaN()),
		`"-Inf"`:                     library(t, float32(math.Inf(-1))),
		`["+Inf"]`:                   library(t, []float64{math.Inf(1)}),
		`{"a":"NaN"}`:                library(t, map[string]float64{"a": math.NaN()}),
		`{"1":"NaN","true":"x"}`:     library(t, map[any]any{1: math.NaN(), true: "x"}),
		`"20000-01-01T00:00:00Z"`:    library(t, time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)),
		`"2000-01-01T00:00:00Z"`:     library(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
		`"AQ=="`:                     library(t, []byte{1}),
		`18446744073709551615`:       library(t, uint64(math.MaxUint64)),
		`null`:                       library(t, nil),
		`"untyped_test.unprintable"`: []byte("\xd4\x06\x00"),
		`[1.5,"text",false,{}]`:      library(t, []any{1.5, "text", false, map[string]any{}}),
	} {
		got, err := json.Marshal(untyped.JSON(raw))
		if err != nil || string(got) != want {
			t.Errorf("% x: %s, %v, want %s", raw, got, err, want)
		}
	}
}

// unprintable is an application's extension that JSON refuses.
type unprintable struct{ C chan int }

func TestTimesOutsideOfJSONsYearsAreText(t *testing.T) {
	for year, isText := range map[int]bool{-1: true, 0: false, 2026: false, 9999: false, 10000: true} {
		v := untyped.JSONTime(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC))
		if _, ok := v.(string); ok != isText {
			t.Errorf("the year %d is %v", year, v)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	}
}
