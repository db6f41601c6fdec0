package cookiesession_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/vmihailenco/msgpack/v5"
)

// stored returns the session that the next request finds after key k was set.
func stored(t testing.TB, value any) *cookiesession.Session {
	t.Helper()
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(testkit.Set("k", value))
	return v.Now()
}

// readsBack checks Get in the request that sets the value, and in the next one.
func readsBack[T any](t *testing.T, value any, want T, wantOK bool) {
	t.Helper()
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("k", value)(s)
		got, ok := cookiesession.Get[T](s, "k")
		if ok != wantOK || !reflect.DeepEqual(got, want) {
			t.Errorf("Get[%T] of %T(%v) is %v, %t, want %v, %t", want, value, value, got, ok, want, wantOK)
		}
	})
	got, ok := cookiesession.Get[T](v.Now(), "k")
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
	testkit.Equal(t, "the same instant", ok && got.Equal(instant), true)
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
		testkit.Equal(t, fmt.Sprintf("Value of %q", text), stored(t, text).Value("k"), any(text))
		readsBack(t, []string{text}, []string{text}, true)
		readsBack(t, map[string]string{text: text}, map[string]string{text: text}, true)
	}
}

func TestACounterStaysExactAcrossEveryIntegerWidth(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, math.MaxInt32, math.MaxUint32, 1 << 53, 1<<53 + 1, math.MaxInt64} {
		for _, n := range []int64{n, -n, n - 1, -n - 1} {
			s := stored(t, n)
			testkit.Equal(t, "Value", s.Value("k"), any(n))
			got, ok := cookiesession.Get[int64](s, "k")
			testkit.Equal(t, "Get", fmt.Sprint(got, ok), fmt.Sprint(n, true))
			if n < math.MaxInt64 {
				got, err := s.Add("k", 1)
				testkit.Equal(t, "Add", fmt.Sprint(got, err), fmt.Sprint(n+1, nil))
				testkit.Equal(t, "Value after Add", s.Value("k"), any(n+1))
			}
		}
	}
	readsBack(t, uint64(math.MaxUint64), uint64(math.MaxUint64), true)
	testkit.Equal(t, "Value above int64", stored(t, uint64(math.MaxUint64)).Value("k"), any(uint64(math.MaxUint64)))
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
	testkit.Equal(t, "Has", s.Has("k"), true)
	testkit.Equal(t, "Keys", fmt.Sprint(s.Keys()), "[k]")
	got, err := s.SetDefault("k", "default")
	testkit.Equal(t, "SetDefault", fmt.Sprint(got, err), "<nil> <nil>")
	testkit.Equal(t, "Modified", s.Modified(), false)
	_, err = s.Add("k", 1)
	testkit.Equal(t, "Add fails", err != nil, true)
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
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(k)
		res := v.Page(func(s *cookiesession.Session) {
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
			testkit.Equal(t, name+" leaves", fmt.Sprint(s.All()), "map[k:1]")
		})
		testkit.Equal(t, "cookies after "+name, len(res.Cookies()), 0)
	}
}

type failingEncoder struct{}

func (failingEncoder) MarshalMsgpack() ([]byte, error) { return nil, errors.New("no") }

func TestWhatTheEncoderPanicsOnIsAnErrorAtSetAndTheOldValueStays(t *testing.T) {
	for _, value := range []any{uintptr(1), []uintptr{1}, struct{ P uintptr }{1}, map[string]uintptr{"a": 1}, panickingEncoder{}} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(func(s *cookiesession.Session) {
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
			testkit.Equal(t, "All", fmt.Sprint(s.All()), "map[k:1]")
		})
		v.Has("k:1")
	}
}

type panickingEncoder struct{}

func (panickingEncoder) MarshalMsgpack() ([]byte, error) { panic("lost") }

func TestAddFailsOnNoIntegerAndOnOverflowAndTheOldValueStays(t *testing.T) {
	for _, test := range []struct {
		value any
		delta int64
	}{
		{"7", 1}, {7.0, 1}, {nil, 1}, {true, 1}, {[]int{1}, 1},
		{int64(math.MaxInt64), 1}, {int64(math.MinInt64), -1}, {int64(-2), math.MinInt64}, {uint64(math.MaxUint64), -1},
	} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(testkit.Set("k", test.value))
		before := v.Now().Value("k")
		v.Page(func(s *cookiesession.Session) {
			if sum, err := s.Add("k", test.delta); err == nil || sum != 0 {
				t.Errorf("%v + %d is %d, %v", test.value, test.delta, sum, err)
			}
			testkit.Equal(t, "Modified", s.Modified(), false)
		})
		testkit.Equal(t, "the value", fmt.Sprint(v.Now().Value("k")), fmt.Sprint(before))
	}
	s := stored(t, int64(math.MaxInt64))
	sum, err := s.Add("missing", math.MinInt64)
	testkit.Equal(t, "a missing one counts as 0", fmt.Sprint(sum, err), fmt.Sprint(int64(math.MinInt64), nil))
	sum, err = s.Add("k", math.MinInt64)
	testkit.Equal(t, "from end to end", fmt.Sprint(sum, err), "-1 <nil>")
}

func TestEditChangesInPlaceAndAnErrorChangesNothing(t *testing.T) {
	type cart map[string]int
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, cookiesession.Edit(s, "cart", func(c *cart) error {
			testkit.Equal(t, "a missing value is the zero T", *c == nil, true)
			*c = cart{"tea": 1}
			return nil
		}))
	})
	no := errors.New("no")
	res := v.Page(func(s *cookiesession.Session) {
		err := cookiesession.Edit(s, "cart", func(c *cart) error { (*c)["tea"] = 99; return no })
		testkit.Equal(t, "the error", errors.Is(err, no), true)
		err = cookiesession.Edit(s, "cart", func(n *int) error { *n = 5; return nil })
		testkit.Equal(t, "an error for a value that is no T", err != nil, true)
		testkit.Equal(t, "Modified", s.Modified(), false)
	})
	testkit.Equal(t, "cookies", len(res.Cookies()), 0)
	v.Has("cart:map[tea:1]")
}

// TestEditTakesTypesWhosePointerHasTheMethods: a url.URL is stored by the methods
// of *url.URL.
func TestEditTakesTypesWhosePointerHasTheMethods(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	edit := func(path string) func(*cookiesession.Session) {
		return func(s *cookiesession.Session) {
			testkit.NoError(t, cookiesession.Edit(s, "u", func(u *url.URL) error { u.Host, u.Path = "example.com", u.Path+path; return nil }))
		}
	}
	v.Page(edit("/a"))
	v.Page(edit("/b"))
	got, ok := cookiesession.Get[url.URL](v.Now(), "u")
	testkit.Equal(t, "it is", got.String()+fmt.Sprint(ok), "//example.com/a/btrue")
}

func TestSetNamesTheFieldThatCannotBeStored(t *testing.T) {
	type profile struct{ Err error }
	type user struct{ Profile profile }
	err := testkit.NewVisitor(t, cookiesession.Config{}).Now().Set("k", user{profile{errors.New("a secret")}})
	testkit.Equal(t, "the error", fmt.Sprint(err), "cookiesession: a cookiesession_test.user cannot be stored: .Profile.Err: an interface with methods: only a nil can be read back")
}

func TestPopLeavesAValueThatIsNoT(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(k)
	v.Page(func(s *cookiesession.Session) {
		got, ok := cookiesession.Pop[string](s, "k")
		testkit.Equal(t, "Pop", got+fmt.Sprint(ok), "false")
		testkit.Equal(t, "Modified", s.Modified(), false)
	})
	v.Has("k:1")
}

func TestValuesAreCopies(t *testing.T) {
	value := []string{"a"}
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("k", value)(s)
		value[0] = "changed"
		got, _ := cookiesession.Get[[]string](s, "k")
		got[0] = "changed"
		s.Value("k").([]any)[0] = "changed"
		s.All()["k"].([]any)[0] = "changed"
		s.Keys()[0] = "changed"
	})
	v.Has("k:[a]")
}

// custom has an encoding of its own.
type custom struct{ text string }

func (c custom) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.EncodeString("custom " + c.text)
}
func (c *custom) DecodeMsgpack(dec *msgpack.Decoder) error {
	text, err := dec.DecodeString()
	c.text = strings.TrimPrefix(text, "custom ")
	return err
}

// TestEverySessionHasAnIDOfItsOwn, whether or not a handler asks for it: an ID
// that nobody has drawn is all zero, and would be the same for every visitor.
func TestEverySessionHasAnIDOfItsOwn(t *testing.T) {
	type session = cookiesession.Session
	seen := map[[16]byte]string{{}: "no ID at all"}
	for name, write := range map[string]func(*session){
		"a value":                      testkit.Set("k", 1),
		"a second visitor":             testkit.Set("k", 1),
		"an expiry":                    func(s *session) { s.SetExpiry(cookiesession.Idle(time.Hour)) },
		"a new ID":                     func(s *session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.CycleID()) },
		"destroyed and begun anew":     func(s *session) { s.ID(); testkit.Must(s.Destroy()); testkit.Must(s.Set("k", 1)) },
		"denied, allowed and written":  func(s *session) { s.ID(); s.Deny(); s.Allow(); testkit.Must(s.Set("k", 1)) },
		"cleared and written":          func(s *session) { testkit.Must(s.Clear()); testkit.Must(s.Set("k", 1)) },
		"a value without permission":   func(s *session) { s.Deny(); testkit.Must(s.Set("k", 1)); s.Allow() },
		"metadata of a package":        func(s *session) { testkit.Must(s.SetMetadata("m", []byte{1})) },
		"views without data":           func(s *session) { testkit.Must(s.Flash("f", 1)) },
		"destroyed, then views":        testkit.Destroy,
		"asked for before it is begun": func(s *session) { s.ID(); testkit.Must(s.Set("k", 1)) },
	} {
		v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: strings.Contains(name, "views")})
		v.Page(write)
		id := v.Now().IDBytes()
		if other, known := seen[id]; known {
			t.Errorf("%s has the ID of %s", name, other)
		}
		seen[id] = name
		if again := v.Now().IDBytes(); again != id && !strings.Contains(name, "destroyed, then") {
			t.Errorf("%s: the next request has another ID", name)
		}
	}
}

func TestKeysAreSortedAndAllIsACopy(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.NoError(t, s.Update(map[string]any{"b": 1, "": 2, "a": 3, "ä": 4, "B": 5}))
		testkit.Flash("f", 6)(s)
	})
	s := v.Now()
	testkit.Equal(t, "Keys", fmt.Sprintf("%q", s.Keys()), `["" "B" "a" "b" "ä"]`)
	testkit.Equal(t, "Len", s.Len(), 5)
	all := s.All()
	testkit.Equal(t, "the number of All", len(all), 6)
	delete(all, "a")
	testkit.Equal(t, "Has", s.Has("a"), true)
}
