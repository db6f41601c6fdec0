//lint:file-ignore U1000 The field is a tag for the library.

package cookiesession_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestMarshalJSONHasTheBuiltInAndTheCustomProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true, IdleTimeout: time.Hour})
		v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			testkit.Set("user", "Ada")(s)
			testkit.Flash("notice", "hello")(s)
		})
		s := v.Now()
		text, err := json.Marshal(map[string]any{"session": s})
		testkit.NoError(t, err)
		var got struct{ Session map[string]any }
		testkit.NoError(t, json.Unmarshal(text, &got))
		for key, want := range map[string]string{
			"id": s.ID(), "created": "2000-01-01T00:00:00Z", "expires_at": "2000-01-01T01:00:00Z", "new": "false",
			"values": "map[user:Ada]", "flash": "map[notice:hello]",
		} {
			testkit.Equal(t, key, fmt.Sprint(got.Session[key]), want)
		}
		views := got.Session["views"].(map[string]any)
		testkit.Equal(t, "views", fmt.Sprint(views["requests"], views["pages"], views["errors"], views["first_page"], len(views["history"].([]any))), "2 1 1 true 2")
		var untracked map[string]any
		text, err = testkit.NewVisitor(t, cookiesession.Config{}).Now().MarshalJSON()
		testkit.NoError(t, err)
		testkit.NoError(t, json.Unmarshal(text, &untracked))
		if _, present := untracked["views"]; present {
			t.Error("there are views without TrackViews")
		}
	})
}

func TestMarshalJSONIsSafeInAScriptAndKnowsNoCookieAndNoKey(t *testing.T) {
	secret := cookiesession.NewSecret()
	v := testkit.NewVisitor(t, cookiesession.Config{Keyring: testkit.Keyring(t, cookiesession.Key{Secret: secret})})
	hostile := "</script><!--\u2028\u2029&\x00\x1b\xff"
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Update(map[string]any{hostile: hostile, "list": []any{hostile}, "map": map[string]any{hostile: 1}}))
	})
	text, err := json.Marshal(v.Now())
	testkit.NoError(t, err)
	if strings.ContainsAny(string(text), "<>&\u2028\u2029\x00\x1b") {
		t.Errorf("not safe: %s", text)
	}
	for _, private := range []string{v.Cookie("s_session").Value, secret.Reveal()} {
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
		testkit.NoError(t, err)
		var got struct {
			Values map[string]json.RawMessage
		}
		testkit.NoError(t, json.Unmarshal(text, &got))
		testkit.Equal(t, fmt.Sprintf("%v", test.value), string(got.Values["k"]), test.want)
	}
}

func TestMarshalJSONIsAsDeepAsASessionMayBe(t *testing.T) {
	deep := any("bottom")
	depth := -1 // how many lists and maps are around the innermost value
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		for next := deep; s.Set("k", next) == nil; next = map[string]any{"k": deep} {
			deep = next
			depth++
		}
	})
	testkit.Equal(t, "the depth", depth, 32)
	text, err := json.Marshal(v.Now())
	testkit.NoError(t, err)
	testkit.Equal(t, "the bottom is there", strings.Contains(string(text), `"bottom"`), true)
}

func TestNoVerbAndNoLogShowsAValue(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("the-key", "the-value")(s)
		testkit.Flash("the-flash", "the-value")(s)
	})
	s := v.Now()
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
		for _, private := range []string{"the-value", id, v.Cookie("s_session").Value} {
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
	// The same ID always has the same fingerprint. Another ID has another one.
	testkit.Equal(t, "the fingerprint stays", fmt.Sprint(v.Now()), fmt.Sprint(v.Now()))
	again := v.Now()
	again.Len()
	testkit.Equal(t, "the fingerprint stays", fmt.Sprint(again), fmt.Sprint(s))
	testkit.NoError(t, again.CycleID())
	testkit.Equal(t, "the fingerprint of another ID", fmt.Sprint(again) == fmt.Sprint(s), false)
	var none *cookiesession.Session
	testkit.Equal(t, "a nil", fmt.Sprint(none), "session(nil)")
}

// TestThePrintedFingerprintTellsNothingOfTheID: whoever reads a log
// must not be able to work out the ID, not even a part of it.
func TestThePrintedFingerprintTellsNothingOfTheID(t *testing.T) {
	for range 20 {
		s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
		id := s.IDBytes()
		printed := strings.ToLower(fmt.Sprint(s))
		for at := range len(id) - 2 {
			part := id[at : at+3]
			for _, shape := range []string{hex.EncodeToString(part), base64.RawURLEncoding.EncodeToString(part), strings.Trim(fmt.Sprint(part), "[]")} {
				if strings.Contains(printed, strings.ToLower(shape)) {
					t.Fatalf("%s has the bytes %d to %d of the ID %s", printed, at, at+2, s.ID())
				}
			}
		}
	}
}

func TestLoggingIsNoAccess(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(k)
	res := v.Page(func(s *cookiesession.Session) {
		_ = fmt.Sprint(s)
		_ = s.LogValue()
		testkit.Equal(t, "Accessed", s.Accessed(), false)
		testkit.Equal(t, "Modified", s.Modified(), false)
	})
	testkit.Equal(t, "Vary", res.Header.Get("Vary"), "")
}

type account struct {
	Name     string
	Password string `json:"-"`
	Email    string `msgpack:"email" json:"-"`
	Sub      *account
}

type accountList struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library reads its tag
	Name     string
	Password string `json:"-"`
}

// TestFieldsThatAreNotForJSONReachNoPage: one program may store a value, and
// another may show the session.
func TestFieldsThatAreNotForJSONReachNoPage(t *testing.T) {
	user := account{"ann", "secret1", "secret2", &account{"ben", "secret3", "secret4", nil}}
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		for key, value := range map[string]any{
			"user": user, "pointer": &user, "list": []account{user}, "map": map[string]account{"a": user}, "any": []any{map[string]any{"b": user}},
			"array": accountList{Name: "cat", Password: "secret5"}, "arrays": []any{accountList{Password: "secret6"}, "shown"},
		} {
			testkit.NoError(t, s.Set(key, value))
		}
		testkit.NoError(t, s.Flash("flash", user))
	})
	s := v.Now()
	text, err := json.Marshal(s)
	testkit.NoError(t, err)
	if strings.Contains(string(text), "secret") || strings.Contains(string(text), "Password") || strings.Contains(string(text), "email") {
		t.Errorf("a page sees %s", text)
	}
	for _, shown := range []string{
		`"user":{"Name":"ann","Sub":{"Name":"ben","Sub":null}}`, `"list":[{"Name":"ann"`, `"map":{"a":{"Name":"ann"`, `"any":[{"b":{"Name":"ann"`,
		`"array":null`, `"arrays":[null,"shown"]`, `"flash":{"flash":{"Name":"ann"`,
	} {
		if !strings.Contains(string(text), shown) {
			t.Errorf("%s is not in %s", shown, text)
		}
	}
	// They are stored, and the program sees them.
	got, ok := cookiesession.Get[account](s, "user")
	testkit.Equal(t, "Get", ok && got.Password == "secret1" && got.Email == "secret2" && got.Sub.Password == "secret3", true)
	testkit.Equal(t, "Value", s.Value("user").(map[string]any)["Password"].(string), "secret1")
	list, ok := cookiesession.Get[accountList](s, "array")
	testkit.Equal(t, "Get of a list", ok && list.Password == "secret5", true)
	// Editing keeps the mark, also by another type with the same fields.
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, cookiesession.Edit(s, "user", func(a *account) error { a.Name = "anna"; return nil }))
		testkit.NoError(t, s.Set("other", 1))
	})
	text, err = json.Marshal(v.Now())
	testkit.NoError(t, err)
	testkit.Equal(t, "after Edit", strings.Contains(string(text), "secret"), false)
}

// TestMarshalJSONIsOneLook has an event destroy the session, as another goroutine
// might. Events are told when a look has ended. What is shown is the session
// before it, and no mix.
func TestMarshalJSONIsOneLook(t *testing.T) {
	var m *cookiesession.Manager
	told := 0
	m = testkit.Manager(t, cookiesession.Config{TrackViews: true, OnEvent: func(ctx context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventDoubled {
			told++
			testkit.Must(m.FromContext(ctx).Destroy())
		}
	}})
	cookie := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) {
		testkit.Set("k", 1)(s)
		testkit.Flash("f", 1)(s)
	})
	id := m.Open(t.Context(), cookie).ID()
	text, err := json.Marshal(m.Open(t.Context(), cookie+"; s_session=another"))
	testkit.NoError(t, err)
	var got struct {
		ID            string
		New           bool
		Values, Flash map[string]any
		Views         struct{ Requests int }
	}
	testkit.NoError(t, json.Unmarshal(text, &got))
	testkit.Equal(t, "events", told, 1)
	testkit.Equal(t, "what is shown", fmt.Sprint(got), fmt.Sprintf("{%s false map[k:1] map[f:1] {2}}", id))
}
