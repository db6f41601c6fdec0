package cookiesession_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestNewRefusesWhatCouldNotWorkWithEveryProblemAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    cookiesession.Config
		fields string
	}{
		{"nothing at all", cookiesession.Config{}, "Keyring"},
		{"a ring that nobody filled", cookiesession.Config{Keyring: new(cookiesession.Keyring)}, "Keyring"},
		{"a name with a dot", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a.b"}, "Name"},
		{"a name with a space", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a b"}, "Name"},
		{"a name with an equals sign", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a=b"}, "Name"},
		{"a name that is not ASCII", cookiesession.Config{Keyring: testkit.Ring(t), Name: "café"}, "Name"},
		{"a name with our prefix", cookiesession.Config{Keyring: testkit.Ring(t), Name: "s_a"}, "Name"},
		{"a name like another manager's flash", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a_flash"}, "Name"},
		{"a name like another manager's views", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a_views"}, "Name"},
		{"a name like another manager's test cookie", cookiesession.Config{Keyring: testkit.Ring(t), Name: "a_test"}, "Name"},
		{"a path without a slash", cookiesession.Config{Keyring: testkit.Ring(t), Path: "app"}, "Path"},
		{"a path that would smuggle an attribute", cookiesession.Config{Keyring: testkit.Ring(t), Path: "/;Domain=x"}, "Path"},
		{"a path with a line break", cookiesession.Config{Keyring: testkit.Ring(t), Path: "/\r\nX: y"}, "Path"},
		{"a path with a control character", cookiesession.Config{Keyring: testkit.Ring(t), Path: "/a\x7f"}, "Path"},
		{"a path that is not ASCII", cookiesession.Config{Keyring: testkit.Ring(t), Path: "/café"}, "Path"},
		{"a domain that is none", cookiesession.Config{Keyring: testkit.Ring(t), Domain: "a b"}, "Domain"},
		{"a domain that would smuggle an attribute", cookiesession.Config{Keyring: testkit.Ring(t), Domain: "example.com; Path=/x"}, "Domain"},
		{"a SameSite that there is not", cookiesession.Config{Keyring: testkit.Ring(t), SameSite: 9}, "SameSite"},
		{"SameSite=None without Secure", cookiesession.Config{Keyring: testkit.Ring(t), SameSite: http.SameSiteNoneMode, Insecure: true}, "SameSite"},
		{"Partitioned without Secure", cookiesession.Config{Keyring: testkit.Ring(t), Partitioned: true, Insecure: true, SameSite: http.SameSiteNoneMode}, "Partitioned SameSite"},
		{"Partitioned with SameSite=Lax", cookiesession.Config{Keyring: testkit.Ring(t), Partitioned: true}, "Partitioned"},
		{"Partitioned with SameSite=Strict", cookiesession.Config{Keyring: testkit.Ring(t), Partitioned: true, SameSite: http.SameSiteStrictMode}, "Partitioned"},
		{"a domain of one label", cookiesession.Config{Keyring: testkit.Ring(t), Domain: "com"}, "Domain"},
		{"a domain of one label behind a dot", cookiesession.Config{Keyring: testkit.Ring(t), Domain: ".com"}, "Domain"},
		{"a domain that ends in a dot", cookiesession.Config{Keyring: testkit.Ring(t), Domain: "example.com."}, "Domain"},
		{"a domain of one label that ends in a dot", cookiesession.Config{Keyring: testkit.Ring(t), Domain: "com."}, "Domain"},
		{"__Host- without Secure", cookiesession.Config{Keyring: testkit.Ring(t), HostPrefix: true, Insecure: true}, "HostPrefix"},
		{"__Host- with a Domain", cookiesession.Config{Keyring: testkit.Ring(t), HostPrefix: true, Domain: "example.com"}, "HostPrefix"},
		{"__Host- with a Path", cookiesession.Config{Keyring: testkit.Ring(t), HostPrefix: true, Path: "/app"}, "HostPrefix"},
		{"a negative idle timeout", cookiesession.Config{Keyring: testkit.Ring(t), IdleTimeout: -1}, "IdleTimeout"},
		{"a negative renewal", cookiesession.Config{Keyring: testkit.Ring(t), RenewAfter: -1}, "RenewAfter"},
		{"a renewal as late as the timeout", cookiesession.Config{Keyring: testkit.Ring(t), IdleTimeout: time.Hour, RenewAfter: time.Hour}, "RenewAfter"},
		{"a renewal later than the default timeout", cookiesession.Config{Keyring: testkit.Ring(t), RenewAfter: 15 * 24 * time.Hour}, "RenewAfter"},
		{"a negative absolute timeout", cookiesession.Config{Keyring: testkit.Ring(t), AbsoluteTimeout: -1}, "AbsoluteTimeout"},
		{"a negative flash lifetime", cookiesession.Config{Keyring: testkit.Ring(t), FlashLifetime: -1}, "FlashLifetime"},
		{"no room for anything", cookiesession.Config{Keyring: testkit.Ring(t), MaxBytes: -1}, "MaxBytes"},
		{"a negative history", cookiesession.Config{Keyring: testkit.Ring(t), HistorySize: -1}, "HistorySize"},
		{"one of each", cookiesession.Config{Name: "a.b", Path: "x", Domain: "a b", IdleTimeout: -1, MaxBytes: -1}, "Domain IdleTimeout Keyring MaxBytes Name Path"},
		{"__Host- in every wrong way", cookiesession.Config{Keyring: testkit.Ring(t), HostPrefix: true, Insecure: true, Domain: "example.com", Path: "/app"}, "HostPrefix"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := cookiesession.New(tc.cfg)
			if m != nil || err == nil {
				t.Fatalf("New: %v, %v; want an error alone", m, err)
			}
			testkit.Equal(t, "fields", configFields(t, err), tc.fields)
		})
	}
}

// configFields names the fields of all problems that err joins, sorted, each once.
func configFields(t *testing.T, err error) string {
	t.Helper()
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not what errors.Join made", err)
	}
	var fields []string
	for _, err := range all.Unwrap() {
		var problem *cookiesession.ConfigError
		if !errors.As(err, &problem) || problem.Reason == "" {
			t.Fatalf("%v is no *ConfigError with a reason", err)
		}
		if !strings.HasPrefix(problem.Error(), "cookiesession: ") || !strings.Contains(problem.Error(), problem.Field) {
			t.Errorf("%q does not say whose error it is and about which field", problem)
		}
		fields = append(fields, problem.Field)
	}
	slices.Sort(fields)
	return strings.Join(slices.Compact(fields), " ")
}

func TestNewTakesWhatWorks(t *testing.T) {
	for _, cfg := range []cookiesession.Config{
		{},
		{Name: "Shop-2_x"},
		{Name: "flash"},
		{Name: "test"},
		{SameSite: http.SameSiteDefaultMode, Insecure: true},
		{SameSite: http.SameSiteNoneMode, Partitioned: true, HostPrefix: true},
		{Path: "/app/", Domain: "example.com"},
		{IdleTimeout: time.Hour, RenewAfter: time.Hour - 1},
		{MaxBytes: 16 << 10, HistorySize: 1},
	} {
		cfg.Keyring = testkit.Ring(t)
		if _, err := cookiesession.New(cfg); err != nil {
			t.Error(err)
		}
	}
}

func TestACommitHappensOnce(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	s := c.M.Open(t.Context())
	testkit.Must(s.Set("k", 1))
	h := http.Header{}
	testkit.Must(c.M.Commit(h, s, 0))
	testkit.Equal(t, "cookies", len(h["Set-Cookie"]), 1)
	again := http.Header{}
	testkit.Equal(t, "second commit", c.M.Commit(again, s, 200), cookiesession.ErrCommitted)
	testkit.Equal(t, "header fields of the second", len(again), 0)
	testkit.Equal(t, "a write after it", s.Set("k", 2), cookiesession.ErrCommitted)
	testkit.Equal(t, "the value", s.Value("k"), any(int64(1)))

	untouched := c.M.Open(t.Context())
	testkit.Must(c.M.Commit(h, untouched, 200))
	testkit.Equal(t, "second commit of an untouched session", c.M.Commit(h, untouched, 200), cookiesession.ErrCommitted)
}

func TestOfManyCommitsAtOnceOneWins(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", 1))
	s := c.M.Open(t.Context(), c.Jar...)
	testkit.Must(s.Set("k", 2))
	var won, lines atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			h := http.Header{}
			switch err := c.M.Commit(h, s, 200); err {
			case nil:
				won.Add(1)
			case cookiesession.ErrCommitted:
			default:
				t.Error(err)
			}
			lines.Add(int32(len(h["Set-Cookie"])))
		})
	}
	all.Wait()
	testkit.Equal(t, "commits that won", won.Load(), 1)
	testkit.Equal(t, "cookies set by all", lines.Load(), 1)
}

func TestACommitIsForTheManagersOwnSessions(t *testing.T) {
	ring := testkit.Ring(t)
	one, other := testkit.Manager(t, cookiesession.Config{Keyring: ring}), testkit.Manager(t, cookiesession.Config{Keyring: ring})
	s := one.Open(t.Context())
	testkit.Must(s.Set("k", 1))
	h := http.Header{}
	if err := other.Commit(h, s, 200); err == nil || errors.Is(err, cookiesession.ErrCommitted) {
		t.Errorf("another manager's session: %v", err)
	}
	testkit.Equal(t, "header fields", len(h), 0)
	testkit.Must(one.Commit(h, s, 200))
	testkit.Equal(t, "cookies", len(h["Set-Cookie"]), 1)
}

func TestStatusZeroIs200(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", 1)) })
	h := http.Header{}
	testkit.Must(c.M.Commit(h, c.M.Open(t.Context(), c.Jar...), 0))
	testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: h}.Names(), "-s_session_flash")
}

func TestTheContextOfARequestCarriesItsSessionPerManager(t *testing.T) {
	m, other := testkit.Manager(t, cookiesession.Config{}), testkit.Manager(t, cookiesession.Config{Name: "other"})
	s := m.Open(t.Context())
	ctx := m.NewContext(t.Context(), s)
	testkit.Equal(t, "session", m.FromContext(ctx), s)
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.Contains(text, "Manager.Handler") || !strings.Contains(text, "r.Context()") || !strings.Contains(text, "other") {
			t.Errorf("the panic does not say what to wrap, which context to pass and which manager: %s", text)
		}
	}()
	other.FromContext(ctx)
	t.Error("found another manager's session")
}

func TestNewContextTakesTheManagersOwnSessionsOnly(t *testing.T) {
	one, other := testkit.Manager(t, cookiesession.Config{}), testkit.Manager(t, cookiesession.Config{})
	s := one.Open(t.Context())
	testkit.Equal(t, "session", one.FromContext(one.NewContext(t.Context(), s)), s)
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.HasPrefix(text, "cookiesession: NewContext: ") || !strings.Contains(text, "another manager's") {
			t.Errorf("the panic does not say what is wrong: %s", text)
		}
	}()
	other.NewContext(t.Context(), s)
	t.Error("it took another manager's session")
}

func TestCommitWorksOnceAndOnlyForItsManager(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	s := v.M.OpenRequest(httptest.NewRequest("GET", "/", nil))
	k(s)
	if err := testkit.NewVisitor(t, cookiesession.Config{}).M.Commit(http.Header{}, s, 200); err == nil {
		t.Error("another manager committed it")
	}
	h := http.Header{}
	testkit.NoError(t, v.M.Commit(h, s, 0))
	testkit.Equal(t, "cookies", len(h["Set-Cookie"]), 1)
	testkit.Equal(t, "again", v.M.Commit(h, s, 0), cookiesession.ErrCommitted)
	testkit.Equal(t, "cookies", len(h["Set-Cookie"]), 1)
}

func TestAHandlerFindsTheSessionOfItsRequest(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, ok := m.Lookup(r.Context())
		testkit.Equal(t, "Lookup found one", ok, true)
		testkit.Equal(t, "by Session and by Lookup", m.Session(r), s)
		testkit.Equal(t, "by Session and by FromContext", m.Session(r), m.FromContext(r.Context()))
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestLookupIsFalseWhereSessionPanics(t *testing.T) {
	m, other := testkit.Manager(t, cookiesession.Config{}), testkit.Manager(t, cookiesession.Config{Name: "other"})
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(other.NewContext(r.Context(), other.OpenRequest(r))) // another manager's is none of m
	if s, ok := m.Lookup(r.Context()); ok || s != nil {
		t.Errorf("found %v", s)
	}
	defer func() {
		if what, _ := recover().(string); !strings.Contains(what, "wrap the server's outermost handler") {
			t.Errorf("panicked with %q", what)
		}
	}()
	m.Session(r)
	t.Error("Session did not panic")
}

// What a type embeds is exported with it: go doc does not show that, programs
// can use it all the same.
func TestNothingIsExportedThroughAnEmbeddedField(t *testing.T) {
	for _, tc := range []struct {
		of      any
		methods string
	}{
		{&cookiesession.Manager{}, "Commit CompanionCookie ExpiryDate FromContext Handler Lookup NewContext Open OpenRequest Seal Session Unseal"},
		{&cookiesession.Keyring{}, "Err Format LastRead LogValue MarshalJSON Refuse Replace ReplaceJSON Status String UnmarshalJSON"},
		{cookiesession.Expiry{}, ""},
		{cookiesession.Field[int]{}, "Add Edit Get Key Or Pop Set"},
	} {
		typ := reflect.TypeOf(tc.of)
		var methods []string
		for i := range typ.NumMethod() {
			methods = append(methods, typ.Method(i).Name)
		}
		testkit.Equal(t, "methods of "+typ.String(), strings.Join(methods, " "), tc.methods)
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		for _, field := range reflect.VisibleFields(typ) {
			if field.IsExported() {
				t.Errorf("%v has the field %s", typ, field.Name)
			}
		}
	}
}
