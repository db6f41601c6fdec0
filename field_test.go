package cookiesession_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

type address struct{ Street, Town string }

var (
	visitsField  = cookiesession.NewField[int]("visits")
	nameField    = cookiesession.NewField[string]("name")
	addressField = cookiesession.NewField[address]("address")
)

func TestAFieldIsTheEntryUnderItsKey(t *testing.T) {
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	if _, ok := nameField.Get(s); ok {
		t.Error("a field that nobody has set has a value")
	}
	testkit.Equal(t, "the default", nameField.Or(s, "nobody"), "nobody")
	testkit.NoError(t, nameField.Set(s, "Ada"))
	testkit.Equal(t, "the value under the key", s.Value(nameField.Key()), any("Ada"))
	testkit.NoError(t, s.Set("name", "Grace"))
	name, ok := nameField.Get(s)
	testkit.Equal(t, "is set", ok, true)
	testkit.Equal(t, "the name", name, "Grace")
	testkit.Equal(t, "the value, not the default", nameField.Or(s, "nobody"), "Grace")

	testkit.NoError(t, addressField.Edit(s, func(a *address) error { a.Town = "London"; return nil }))
	got, ok := addressField.Pop(s)
	testkit.Equal(t, "there was an address", ok, true)
	testkit.Equal(t, "the address", got, address{Town: "London"})
	testkit.Equal(t, "it is still there", s.Has("address"), false)
}

func TestAFieldOfAnotherTypeFindsNothingAndTakesNothingAway(t *testing.T) {
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	testkit.NoError(t, nameField.Set(s, "Ada"))
	number := cookiesession.NewField[int](nameField.Key())
	if n, ok := number.Get(s); ok {
		t.Errorf("a text is the number %d", n)
	}
	if n, ok := number.Pop(s); ok {
		t.Errorf("a text was taken as the number %d", n)
	}
	if err := number.Edit(s, func(*int) error { return nil }); err == nil {
		t.Error("a text was edited as a number")
	}
	if _, err := number.Add(s, 1); err == nil {
		t.Error("a number was added to a text")
	}
	testkit.Equal(t, "the name", nameField.Or(s, ""), "Ada")
}

func TestAddOfAFieldGivesTheSumInItsType(t *testing.T) {
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	for want := 1; want <= 3; want++ {
		got, err := visitsField.Add(s, 1)
		testkit.NoError(t, err)
		testkit.Equal(t, "visits", got, want)
	}
	waited := cookiesession.NewField[time.Duration]("waited")
	_, err := waited.Add(s, int64(time.Minute))
	testkit.NoError(t, err)
	total, err := waited.Add(s, int64(time.Second))
	testkit.NoError(t, err)
	testkit.Equal(t, "the time", total, 61*time.Second)
}

func TestAddOfAFieldRefusesASumThatItsTypeCannotHold(t *testing.T) {
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	refuses(t, s, cookiesession.NewField[uint8]("small"), 255, 1)
	refuses(t, s, cookiesession.NewField[int8]("signed"), -128, -1)
	refuses(t, s, cookiesession.NewField[uint64]("positive"), 0, -1)
	refuses(t, s, cookiesession.NewField[int64]("large"), 1<<63-1, 1)
}

// refuses sets the field to before, adds delta, and wants nothing to have changed.
func refuses[T uint8 | int8 | uint64 | int64](t *testing.T, s *cookiesession.Session, f cookiesession.Field[T], before T, delta int64) {
	t.Helper()
	testkit.NoError(t, f.Set(s, before))
	if sum, err := f.Add(s, delta); err == nil || sum != 0 {
		t.Errorf("%s: %d + %d is %d, %v", f.Key(), before, delta, sum, err)
	}
	testkit.Equal(t, f.Key(), f.Or(s, 1), before)
}

func TestAddOfAFieldThatIsNoIntegerStoresNothing(t *testing.T) {
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	if _, err := nameField.Add(s, 1); err == nil {
		t.Error("a number is a name")
	}
	testkit.Equal(t, "a name is stored", s.Has(nameField.Key()), false)
}

func TestAFieldCannotBeWrittenAfterTheCommit(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	s := m.Open(t.Context())
	testkit.NoError(t, visitsField.Set(s, 1))
	testkit.NoError(t, m.Commit(http.Header{}, s, 200))
	_, added := visitsField.Add(s, 1)
	for what, err := range map[string]error{
		"Set": visitsField.Set(s, 2), "Add": added, "Edit": visitsField.Edit(s, func(*int) error { return nil }),
	} {
		if !errors.Is(err, cookiesession.ErrCommitted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	testkit.Equal(t, "visits", visitsField.Or(s, 0), 1)
}

func TestAFieldAllocatesNoMoreThanTheFunctionsDo(t *testing.T) {
	if testkit.RaceFactor > 1 {
		t.Skip("the race detector allocates too")
	}
	s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
	testkit.NoError(t, visitsField.Set(s, 1))
	testkit.NoError(t, addressField.Set(s, address{"Broadway", "New York"}))
	keep := func(a *address) error { return nil }
	for _, tc := range []struct {
		what         string
		plain, typed func()
	}{
		{"Get", func() { _, _ = cookiesession.Get[int](s, "visits") }, func() { _, _ = visitsField.Get(s) }},
		{"Get of a struct", func() { _, _ = cookiesession.Get[address](s, "address") }, func() { _, _ = addressField.Get(s) }},
		{"Or", func() { cookiesession.GetOr(s, "visits", 0) }, func() { visitsField.Or(s, 0) }},
		{"Set", func() { _ = s.Set("visits", 1) }, func() { _ = visitsField.Set(s, 1) }},
		{"Set of a struct", func() { _ = s.Set("address", address{}) }, func() { _ = addressField.Set(s, address{}) }},
		{"Add", func() { _, _ = s.Add("visits", 1) }, func() { _, _ = visitsField.Add(s, 1) }},
		{"Edit", func() { _ = cookiesession.Edit(s, "address", keep) }, func() { _ = addressField.Edit(s, keep) }},
		{"Pop", func() { _, _ = cookiesession.Pop[int](s, "none") }, func() { _, _ = cookiesession.NewField[int]("none").Pop(s) }},
	} {
		plain, typed := testing.AllocsPerRun(100, tc.plain), testing.AllocsPerRun(100, tc.typed)
		if typed > plain {
			t.Errorf("%s: a field allocates %v times, the function %v times", tc.what, typed, plain)
		}
		t.Logf("%s: %v allocations", tc.what, plain)
	}
}
