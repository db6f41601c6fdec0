package cookiesession_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

type account struct {
	Name     string
	Password string `json:"-"`
	Email    string `msgpack:"email" json:"-"`
	Sub      *account
}

type accountList struct {
	_msgpack struct{} `msgpack:",as_array"`
	Name     string
	Password string `json:"-"`
}

// TestFieldsThatAreNotForJSONReachNoPage: the program that shows the session
// need not be the one that stored the value.
func TestFieldsThatAreNotForJSONReachNoPage(t *testing.T) {
	user := account{"ann", "secret1", "secret2", &account{"ben", "secret3", "secret4", nil}}
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		for key, value := range map[string]any{
			"user": user, "pointer": &user, "list": []account{user}, "map": map[string]account{"a": user}, "any": []any{map[string]any{"b": user}},
			"array": accountList{Name: "cat", Password: "secret5"}, "arrays": []any{accountList{Password: "secret6"}, "shown"},
		} {
			noError(t, s.Set(key, value))
		}
		noError(t, s.Flash("flash", user))
	})
	s := v.now()
	text, err := json.Marshal(s)
	noError(t, err)
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
	equal(t, "Get", ok && got.Password == "secret1" && got.Email == "secret2" && got.Sub.Password == "secret3", true)
	equal(t, "Value", s.Value("user").(map[string]any)["Password"].(string), "secret1")
	list, ok := cookiesession.Get[accountList](s, "array")
	equal(t, "Get of a list", ok && list.Password == "secret5", true)
	// Editing keeps the mark, also by another type with the same fields.
	v.page(func(s *cookiesession.Session) {
		noError(t, cookiesession.Edit(s, "user", func(a *account) error { a.Name = "anna"; return nil }))
		noError(t, s.Set("other", 1))
	})
	text, err = json.Marshal(v.now())
	noError(t, err)
	equal(t, "after Edit", strings.Contains(string(text), "secret"), false)
}
