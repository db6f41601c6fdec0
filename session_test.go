package cookiesession_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/vmihailenco/msgpack/v5"
)

// stored returns the session that the next request finds after key k was set.
func stored(t testing.TB, value any) *cookiesession.Session {
	t.Helper()
	v := newVisitor(t, cookiesession.Config{})
	v.page(sets(t, "k", value))
	return v.now()
}

// reads checks Get in the request that set the value and in the next.
func readsBack[T any](t *testing.T, value any, want T, wantOK bool) {
	t.Helper()
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		sets(t, "k", value)(s)
		got, ok := cookiesession.Get[T](s, "k")
		if ok != wantOK || !reflect.DeepEqual(got, want) {
			t.Errorf("Get[%T] of %T(%v) is %v, %t, want %v, %t", want, value, value, got, ok, want, wantOK)
		}
	})
	got, ok := cookiesession.Get[T](v.now(), "k")
	if ok != wantOK || !reflect.DeepEqual(got, want) {
		t.Errorf("Get[%T] of %T(%v) in the next request is %v, %t, want %v, %t", want, value, value, got, ok, want, wantOK)
	}
}

func TestGetIsFalseWhereTheValueIsNoT(t *testing.T) {
	type named struct{ N uint8 }
	readsBack(t, 300, uint8(0), false)
	readsBack(t, -1, uint64(0), false)
	readsBack(t, uint64(math.MaxUint64), int64(0), false)
	readsBack(t, 1, "", false)
	readsBack(t, "1", 0, false)
	readsBack(t, "2026-01-01T00:00:00Z", time.Time{}, false)
	readsBack(t, 1e300, float32(0), false)
	readsBack(t, 0, time.Time{}, false)
	readsBack(t, true, 0, false)
	readsBack(t, 1, false, false)
	readsBack(t, "text", []byte(nil), false)
	readsBack(t, []byte("bytes"), "", false)
	readsBack(t, nil, "", false)
	readsBack(t, nil, 0, false)
	readsBack(t, []int{1, 300}, []uint8(nil), false)
	readsBack(t, []any{1, "two"}, []int(nil), false)
	readsBack(t, []int{1, 2}, [3]int{}, false)
	readsBack(t, map[string]int{"a": 300}, map[string]uint8(nil), false)
	readsBack(t, map[string]int{"a": 1}, []int(nil), false)
	readsBack(t, map[string]any{"N": 300}, named{}, false)
	readsBack(t, map[string]any{"N": "1"}, named{}, false)
	readsBack(t, []map[string]any{{"N": []any{1}}}, []named(nil), false)
	readsBack(t, []any{map[string]any{"a": []any{"x"}}}, []map[string][]int(nil), false)
	readsBack(t, "text", named{}, false)
	readsBack(t, []int{1}, named{}, false)
}

func TestGetGivesBackWhatWasSet(t *testing.T) {
	type inner struct{ Tags []string }
	type outer struct {
		Name string
		Ref  *inner
		By   map[string]inner
	}
	seven, instant := 7, time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.FixedZone("x", 3600))
	readsBack(t, 300, 300, true)
	readsBack(t, uint8(200), int16(200), true)
	readsBack(t, 5, 0.0, false) // an integer is no float: see Value
	readsBack(t, "", "", true)
	readsBack(t, []byte{0, 255}, []byte{0, 255}, true)
	readsBack(t, nil, any(nil), true)
	readsBack(t, nil, (*int)(nil), true)
	readsBack(t, &seven, 7, true)
	readsBack(t, 7, &seven, true)
	readsBack(t, []string{"a"}, []string{"a"}, true)
	readsBack(t, []string{"a"}, [1]string{"a"}, true)
	readsBack(t, map[string]int{"a": 1}, map[string]int{"a": 1}, true)
	readsBack(t, float32(1.5), 1.5, true)
	readsBack(t, math.Inf(1), math.Inf(1), true)
	readsBack(t, time.Minute, time.Minute, true)
	readsBack(t, outer{"x", &inner{[]string{"y"}}, map[string]inner{"z": {nil}}}, outer{"x", &inner{[]string{"y"}}, map[string]inner{"z": {nil}}}, true)
	got, ok := cookiesession.Get[time.Time](stored(t, instant), "k")
	equal(t, "the same instant", ok && got.Equal(instant), true)
}

func TestAStructIsReadAsAnotherWithTheSameFields(t *testing.T) {
	type old struct {
		Name string `msgpack:"n"`
		Gone int
	}
	type newer struct {
		FullName string `msgpack:"n"`
		Added    bool
	}
	readsBack(t, old{"Ada", 1}, newer{"Ada", false}, true)
	readsBack(t, newer{"Ada", true}, map[string]any{"n": "Ada", "Added": true}, true)
	readsBack(t, map[string]any{"n": "Ada"}, old{"Ada", 0}, true)
}

func TestAStringStaysTheStringItWas(t *testing.T) {
	for _, text := range []string{"", "007", "true", "nil", "1e3", "\xff\xfe\x00", "straße", "2026-11-20T00:00:00Z", strings.Repeat("x", 300)} {
		readsBack(t, text, text, true)
		equal(t, fmt.Sprintf("Value of %q", text), stored(t, text).Value("k"), any(text))
		readsBack(t, []string{text}, []string{text}, true)
		readsBack(t, map[string]string{text: text}, map[string]string{text: text}, true)
	}
}

func TestACounterStaysExactAcrossEveryIntegerWidth(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxUint32, 1 << 53, 1<<53 + 1, math.MaxInt64} {
		for _, n := range []int64{n, -n, n - 1, -n - 1} {
			s := stored(t, n)
			equal(t, "Value", s.Value("k"), any(n))
			got, ok := cookiesession.Get[int64](s, "k")
			equal(t, "Get", fmt.Sprint(got, ok), fmt.Sprint(n, true))
			if n < math.MaxInt64 {
				got, err := s.Add("k", 1)
				equal(t, "Add", fmt.Sprint(got, err), fmt.Sprint(n+1, nil))
				equal(t, "Value after Add", s.Value("k"), any(n+1))
			}
		}
	}
	readsBack(t, uint64(math.MaxUint64), uint64(math.MaxUint64), true)
	equal(t, "Value above int64", stored(t, uint64(math.MaxUint64)).Value("k"), any(uint64(math.MaxUint64)))
}

func TestValueGivesTheSameFewTypes(t *testing.T) {
	type point struct{ X, Y int8 }
	instant := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", -7200))
	for _, test := range []struct{ set, want any }{
		{int8(-1), int64(-1)},
		{uint16(1), int64(1)},
		{float32(0.5), 0.5},
		{map[string]int{"a": 1}, map[string]any{"a": int64(1)}},
		{[]string{"a"}, []any{"a"}},
		{[]any{}, []any{}},
		{point{1, 2}, map[string]any{"X": int64(1), "Y": int64(2)}},
		{instant, instant.UTC()},
		{[]any{map[string][]time.Time{"a": {instant}}}, []any{map[string]any{"a": []any{instant.UTC()}}}},
		{[]byte("b"), []byte("b")},
		{true, true},
		{nil, nil},
	} {
		if got := stored(t, test.set).Value("k"); !reflect.DeepEqual(got, test.want) {
			t.Errorf("Value of %T(%v) is %#v, want %#v", test.set, test.set, got, test.want)
		}
	}
}

func TestANilIsPresent(t *testing.T) {
	s := stored(t, nil)
	equal(t, "Has", s.Has("k"), true)
	equal(t, "Keys", fmt.Sprint(s.Keys()), "[k]")
	got, err := s.SetDefault("k", "default")
	equal(t, "SetDefault", fmt.Sprint(got, err), "<nil> <nil>")
	equal(t, "Modified", s.Modified(), false)
	_, err = s.Add("k", 1)
	equal(t, "Add fails", err != nil, true)
}

func TestWhatCannotBeEncodedIsAnErrorAtSetAndTheOldValueStays(t *testing.T) {
	type node struct{ Next *node }
	cycle := &node{}
	cycle.Next = cycle
	deep := any("bottom")
	for range 40 {
		deep = []any{deep}
	}
	loop := map[string]any{}
	loop["self"] = loop
	for name, value := range map[string]any{
		"a channel": make(chan int), "a function": func() {}, "a struct with a channel": struct{ C chan int }{make(chan int)},
		"a cyclic pointer": cycle, "a cyclic map": loop, "40 deep": deep, "a failing encoder": failingEncoder{},
	} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(k)
		res := v.page(func(s *cookiesession.Session) {
			_, errDefault := s.SetDefault("new", value)
			for call, err := range map[string]error{
				"Set": s.Set("k", value), "SetDefault": errDefault, "Update": s.Update(map[string]any{"a": 1, "k": value}),
				"Flash": s.Flash("k", value), "FlashNow": s.FlashNow("f", value),
				"Edit": cookiesession.Edit(s, "e", func(v *any) error { *v = value; return nil }),
			} {
				if err == nil {
					t.Errorf("%s stored %s", call, name)
				}
			}
			equal(t, name+" leaves", fmt.Sprint(s.All()), "map[k:1]")
		})
		equal(t, "cookies after "+name, len(res.Cookies()), 0)
	}
}

type failingEncoder struct{}

func (failingEncoder) MarshalMsgpack() ([]byte, error) { return nil, errors.New("no") }

func TestWhatTheEncoderPanicsOnIsAnErrorAtSetAndTheOldValueStays(t *testing.T) {
	for _, value := range []any{uintptr(1), []uintptr{1}, struct{ P uintptr }{1}, map[string]uintptr{"a": 1}, panickingEncoder{}} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(func(s *cookiesession.Session) {
			k(s)
			_, errDefault := s.SetDefault("new", value)
			for call, err := range map[string]error{
				"Set": s.Set("k", value), "SetDefault": errDefault, "Update": s.Update(map[string]any{"k": value}), "Flash": s.Flash("f", value),
				"Edit": cookiesession.Edit(s, "e", func(v *any) error { *v = value; return nil }),
			} {
				if err == nil {
					t.Errorf("%s stored a %T", call, value)
				}
			}
			equal(t, "All", fmt.Sprint(s.All()), "map[k:1]")
		})
		v.has("k:1")
	}
}

type panickingEncoder struct{}

func (panickingEncoder) MarshalMsgpack() ([]byte, error) { panic("lost") }

func TestUpdateStoresAllOrNone(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{MaxBytes: 1024})
	v.page(k)
	v.page(func(s *cookiesession.Session) {
		if err := s.Update(map[string]any{"a": 1, "b": make(chan int), "c": 3}); err == nil {
			t.Error("a channel was stored")
		}
		if err := s.Update(map[string]any{"a": 1, "b": strings.Repeat("x", 2000)}); !errors.Is(err, cookiesession.ErrTooLarge) {
			t.Errorf("too much gives %v", err)
		}
		equal(t, "All", fmt.Sprint(s.All()), "map[k:1]")
		equal(t, "Modified", s.Modified(), false)
		noError(t, s.Update(nil))
		equal(t, "Modified by nothing", s.Modified(), false)
		noError(t, s.Update(map[string]any{"k": 2, "a": "x"}))
	})
	v.has("a:x k:2")
}

func TestAddFailsOnNoIntegerAndOnOverflowAndTheOldValueStays(t *testing.T) {
	for _, test := range []struct {
		value any
		delta int64
	}{
		{"7", 1}, {7.0, 1}, {nil, 1}, {true, 1}, {[]int{1}, 1},
		{int64(math.MaxInt64), 1}, {int64(math.MinInt64), -1}, {int64(-2), math.MinInt64}, {uint64(math.MaxUint64), -1},
	} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(sets(t, "k", test.value))
		before := v.now().Value("k")
		v.page(func(s *cookiesession.Session) {
			if sum, err := s.Add("k", test.delta); err == nil || sum != 0 {
				t.Errorf("%v + %d is %d, %v", test.value, test.delta, sum, err)
			}
			equal(t, "Modified", s.Modified(), false)
		})
		equal(t, "the value", fmt.Sprint(v.now().Value("k")), fmt.Sprint(before))
	}
	s := stored(t, int64(math.MaxInt64))
	sum, err := s.Add("missing", math.MinInt64)
	equal(t, "a missing one counts as 0", fmt.Sprint(sum, err), fmt.Sprint(int64(math.MinInt64), nil))
	sum, err = s.Add("k", math.MinInt64)
	equal(t, "from end to end", fmt.Sprint(sum, err), "-1 <nil>")
}

func TestEditChangesInPlaceAndAnErrorChangesNothing(t *testing.T) {
	type cart map[string]int
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		noError(t, cookiesession.Edit(s, "cart", func(c *cart) error {
			equal(t, "a missing value is the zero T", *c == nil, true)
			*c = cart{"tea": 1}
			return nil
		}))
	})
	no := errors.New("no")
	res := v.page(func(s *cookiesession.Session) {
		err := cookiesession.Edit(s, "cart", func(c *cart) error { (*c)["tea"] = 99; return no })
		equal(t, "the error", errors.Is(err, no), true)
		err = cookiesession.Edit(s, "cart", func(n *int) error { *n = 5; return nil })
		equal(t, "an error for a value that is no T", err != nil, true)
		equal(t, "Modified", s.Modified(), false)
	})
	equal(t, "cookies", len(res.Cookies()), 0)
	v.has("cart:map[tea:1]")
}

func TestPopLeavesAValueThatIsNoT(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(k)
	v.page(func(s *cookiesession.Session) {
		got, ok := cookiesession.Pop[string](s, "k")
		equal(t, "Pop", got+fmt.Sprint(ok), "false")
		equal(t, "Modified", s.Modified(), false)
	})
	v.has("k:1")
}

func TestWritesAfterTheCommitAreRefusedAndReadsGoOn(t *testing.T) {
	var refused int
	v := newVisitor(t, cookiesession.Config{OnEvent: counts(&refused, cookiesession.EventWriteRefused)})
	v.page(k)
	s := v.now()
	s.Len()
	noError(t, v.m.Commit(http.Header{}, s, 200))
	for name, write := range map[string]func() error{
		"Set":        func() error { return s.Set("k", 2) },
		"SetDefault": func() error { _, err := s.SetDefault("new", 2); return err },
		"Update":     func() error { return s.Update(map[string]any{"k": 2}) },
		"Add":        func() error { _, err := s.Add("k", 2); return err },
		"Edit":       func() error { return cookiesession.Edit(s, "k", func(n *int) error { *n = 2; return nil }) },
		"Delete":     func() error { return s.Delete("k") },
		"Clear":      s.Clear,
		"Destroy":    s.Destroy,
		"CycleID":    s.CycleID,
		"Flash":      func() error { return s.Flash("k", 2) },
		"FlashNow":   func() error { return s.FlashNow("k", 2) },
		"Commit":     func() error { return v.m.Commit(http.Header{}, s, 200) },
	} {
		if err := write(); !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("%s returns %v", name, err)
		}
	}
	_, ok := cookiesession.Pop[int](s, "k")
	equal(t, "Pop", ok, false)
	equal(t, "told", refused, 12) // all but Commit, and Pop
	for _, write := range []func(){s.MarkModified, s.SetTestCookie, s.DeleteTestCookie, s.Allow, s.Deny, s.ClearFlash, func() { s.KeepFlash() }, func() { s.SetExpiry(cookiesession.Expiry{}) }} {
		write()
	}
	equal(t, "told of those without an error too", refused, 20)
	equal(t, "the data", fmt.Sprint(s.All()), "map[k:1]")
}

func TestValuesAreCopies(t *testing.T) {
	value := []string{"a"}
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		sets(t, "k", value)(s)
		value[0] = "changed"
		got, _ := cookiesession.Get[[]string](s, "k")
		got[0] = "changed"
		s.Value("k").([]any)[0] = "changed"
		s.All()["k"].([]any)[0] = "changed"
		s.Keys()[0] = "changed"
	})
	v.has("k:[a]")
}

func TestValuesAreStoredAsMsgpack(t *testing.T) {
	type point struct{ X int }
	for _, value := range []any{1, 300, -5, "text", 1.5, float32(1.5), true, []byte("b"), []int{1}, point{7}, time.Unix(1, 5), map[string]int{"a": 1}, custom{"x"}} {
		var want bytes.Buffer
		enc := msgpack.NewEncoder(&want)
		enc.UseCompactInts(true)
		noError(t, enc.Encode(value))
		raw, ok := cookiesession.Get[msgpack.RawMessage](stored(t, value), "k")
		if !ok || !bytes.Equal(raw, want.Bytes()) {
			t.Errorf("%T is stored as % x, the library makes % x", value, raw, want.Bytes())
		}
	}
	readsBack(t, custom{"x"}, custom{"x"}, true)
}

// custom encodes itself.
type custom struct{ text string }

func (c custom) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.EncodeString("custom " + c.text)
}
func (c *custom) DecodeMsgpack(dec *msgpack.Decoder) error {
	text, err := dec.DecodeString()
	c.text = strings.TrimPrefix(text, "custom ")
	return err
}

func TestMarshalJSONHasTheBuiltInAndTheCustomProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, IdleTimeout: time.Hour})
		v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			sets(t, "user", "Ada")(s)
			flashes(t, "notice", "hello")(s)
		})
		s := v.now()
		text, err := json.Marshal(map[string]any{"session": s})
		noError(t, err)
		var got struct{ Session map[string]any }
		noError(t, json.Unmarshal(text, &got))
		for key, want := range map[string]string{
			"id": s.ID(), "created": "2000-01-01T00:00:00Z", "expires_at": "2000-01-01T01:00:00Z", "new": "false",
			"values": "map[user:Ada]", "flash": "map[notice:hello]",
		} {
			equal(t, key, fmt.Sprint(got.Session[key]), want)
		}
		views := got.Session["views"].(map[string]any)
		equal(t, "views", fmt.Sprint(views["requests"], views["pages"], views["errors"], views["first_page"], len(views["history"].([]any))), "2 1 1 true 2")
		var untracked map[string]any
		text, err = newVisitor(t, cookiesession.Config{}).now().MarshalJSON()
		noError(t, err)
		noError(t, json.Unmarshal(text, &untracked))
		if _, present := untracked["views"]; present {
			t.Error("there are views without TrackViews")
		}
	})
}

func TestMarshalJSONIsSafeInAScriptAndKnowsNoCookieAndNoKey(t *testing.T) {
	secret := cookiesession.NewSecret()
	v := newVisitor(t, cookiesession.Config{Keyring: keyring(t, cookiesession.Key{Secret: secret})})
	hostile := "</script><!--\u2028\u2029&\x00\x1b\xff"
	v.page(func(s *cookiesession.Session) {
		noError(t, s.Update(map[string]any{hostile: hostile, "list": []any{hostile}, "map": map[string]any{hostile: 1}}))
	})
	text, err := json.Marshal(v.now())
	noError(t, err)
	if strings.ContainsAny(string(text), "<>&\u2028\u2029\x00\x1b") {
		t.Errorf("not safe: %s", text)
	}
	for _, private := range []string{v.cookie("s_session").Value, secret.Reveal()} {
		if strings.Contains(string(text), private) {
			t.Error("a cookie or a key is in it")
		}
	}
}

func TestMarshalJSONExpressesWhatJSONCannot(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{math.NaN(), `"NaN"`},
		{math.Inf(-1), `"-Inf"`},
		{[]any{math.Inf(1)}, `["+Inf"]`},
		{time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), `"20000-01-01T00:00:00Z"`},
		{map[int]string{1: "a"}, `{"1":"a"}`},
		{map[any]any{true: math.NaN()}, `{"true":"NaN"}`},
		{[]byte{1}, `"AQ=="`},
		{uint64(math.MaxUint64), `18446744073709551615`},
	} {
		text, err := json.Marshal(stored(t, test.value))
		noError(t, err)
		var got struct {
			Values map[string]json.RawMessage
		}
		noError(t, json.Unmarshal(text, &got))
		equal(t, fmt.Sprintf("%v", test.value), string(got.Values["k"]), test.want)
	}
}

func TestMarshalJSONIsAsDeepAsASessionMayBe(t *testing.T) {
	deep := any("bottom")
	depth := -1 // lists and maps around it
	v := newVisitor(t, cookiesession.Config{})
	v.page(func(s *cookiesession.Session) {
		for next := deep; s.Set("k", next) == nil; next = map[string]any{"k": deep} {
			deep = next
			depth++
		}
	})
	equal(t, "the depth", depth, 32)
	text, err := json.Marshal(v.now())
	noError(t, err)
	equal(t, "the bottom is there", strings.Contains(string(text), `"bottom"`), true)
}

func TestNoVerbAndNoLogShowsAValue(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "the-key", "the-value")(s)
		flashes(t, "the-flash", "the-value")(s)
	})
	s := v.now()
	id := s.ID()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	log.Info("text", "session", s)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("json", "session", s)
	forms := map[string]string{"slog": logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T %v", "%p", "%10v", "%t"} {
		args := []any{s}
		if verb == "%T %v" {
			args = []any{s, s}
		}
		forms[verb] = fmt.Sprintf(verb, args...)
	}
	forms["in a struct"] = fmt.Sprintf("%+v", struct{ S *cookiesession.Session }{s})
	forms["Sprint"] = fmt.Sprint(s)
	for form, text := range forms {
		for _, private := range []string{"the-value", id, v.cookie("s_session").Value} {
			if strings.Contains(text, private) {
				t.Errorf("%s shows %q: %s", form, private, text)
			}
		}
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "slog", "Sprint"} {
		if !strings.Contains(forms[form], "the-key") {
			t.Errorf("%s does not name the keys: %s", form, forms[form])
		}
	}
	// One fingerprint for one ID, another for another.
	equal(t, "the fingerprint stays", fmt.Sprint(v.now()), fmt.Sprint(v.now()))
	again := v.now()
	again.Len()
	equal(t, "the fingerprint stays", fmt.Sprint(again), fmt.Sprint(s))
	noError(t, again.CycleID())
	equal(t, "the fingerprint of another ID", fmt.Sprint(again) == fmt.Sprint(s), false)
	var none *cookiesession.Session
	equal(t, "a nil", fmt.Sprint(none), "session(nil)")
}

func TestLoggingIsNoAccess(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.page(k)
	res := v.page(func(s *cookiesession.Session) {
		_ = fmt.Sprint(s)
		_ = s.LogValue()
		equal(t, "Accessed", s.Accessed(), false)
		equal(t, "Modified", s.Modified(), false)
	})
	equal(t, "Vary", res.Header.Get("Vary"), "")
}

func TestAccessedTellsWhetherAnythingLooked(t *testing.T) {
	for name, look := range map[string]func(*cookiesession.Session){
		"ID": func(s *cookiesession.Session) { s.ID() }, "Has": func(s *cookiesession.Session) { s.Has("k") },
		"Flashes": func(s *cookiesession.Session) { s.Flashes() }, "IsNew": func(s *cookiesession.Session) { s.IsNew() },
		"Set": k, "ExpiresAt": func(s *cookiesession.Session) { s.ExpiresAt() }, "Views": func(s *cookiesession.Session) { s.Views() },
		"MarshalJSON": func(s *cookiesession.Session) { s.MarshalJSON() },
	} {
		v := newVisitor(t, cookiesession.Config{})
		v.page(func(s *cookiesession.Session) {
			equal(t, "Accessed before "+name, s.Accessed(), false)
			look(s)
			equal(t, "Accessed after "+name, s.Accessed(), true)
		})
	}
}

func TestKeysAreSortedAndAllIsACopy(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		noError(t, s.Update(map[string]any{"b": 1, "": 2, "a": 3, "ä": 4, "B": 5}))
		flashes(t, "f", 6)(s)
	})
	s := v.now()
	equal(t, "Keys", fmt.Sprintf("%q", s.Keys()), `["" "B" "a" "b" "ä"]`)
	equal(t, "Len", s.Len(), 5)
	all := s.All()
	equal(t, "the number of All", len(all), 6)
	delete(all, "a")
	equal(t, "Has", s.Has("a"), true)
}

func TestTheTestCookieIsAlone(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	res := v.page(func(s *cookiesession.Session) { s.SetTestCookie() })
	equal(t, "cookies", len(res.Cookies()), 1)
	c := issued(res, "s_session_test")
	equal(t, "Max-Age", c.MaxAge, 600)
	equal(t, "IsNew", v.now().IsNew(), true)
	equal(t, "cookies on a 5xx", len(newVisitor(t, cookiesession.Config{}).visit(502, func(s *cookiesession.Session) { s.SetTestCookie() }).Cookies()), 0)
	v.visit(502, func(s *cookiesession.Session) { s.DeleteTestCookie() })
	equal(t, "it worked", v.now().TestCookieWorked(), true)
	v.visit(502, func(s *cookiesession.Session) { noError(t, s.Destroy()) })
	equal(t, "after Destroy", v.now().TestCookieWorked(), false)
	res = v.page(func(s *cookiesession.Session) { s.DeleteTestCookie() })
	equal(t, "a deletion of what is not there", len(res.Cookies()), 0)
}

func TestCommitWorksOnceAndOnlyForItsManager(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	s := v.m.OpenRequest(httptest.NewRequest("GET", "/", nil))
	k(s)
	if err := newVisitor(t, cookiesession.Config{}).m.Commit(http.Header{}, s, 200); err == nil {
		t.Error("another manager committed it")
	}
	h := http.Header{}
	noError(t, v.m.Commit(h, s, 0))
	equal(t, "cookies", len(h["Set-Cookie"]), 1)
	equal(t, "again", v.m.Commit(h, s, 0), cookiesession.ErrCommitted)
	equal(t, "cookies", len(h["Set-Cookie"]), 1)
}
