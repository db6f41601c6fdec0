package acceptance_test

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// The tests of this file go through what the session of Masonite gives, row by
// row of docs/coming-from.md.

func TestFeature_Masonite_SetGetHasAllWithDictionariesAndLists(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	nested := map[string]any{"list": []any{int64(1), "two"}, "dict": map[string]any{"k": true}}
	v.Visit(http.StatusFound, func(s *cookiesession.Session) {
		testkit.Set("data", nested)(s)
		testkit.Flash("flashed", nested)(s)
	})
	s := v.Now()
	for _, key := range []string{"data", "flashed"} {
		testkit.Equal(t, "Has "+key, s.Has(key), true)
		testkit.Equal(t, key, fmt.Sprintf("%#v", s.Value(key)), fmt.Sprintf("%#v", nested))
		typed, ok := cookiesession.Get[struct {
			List []any           `msgpack:"list"`
			Dict map[string]bool `msgpack:"dict"`
		}](s, key)
		testkit.Equal(t, key+" typed", fmt.Sprint(typed, ok), "{[1 two] map[k:true]} true")
	}
	testkit.Equal(t, "the number of All", len(s.All()), 2)
}

func TestFeature_Masonite_IncrementDecrementPullDelete(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("gone", 1)(s)
		for _, delta := range []int64{1, 5, -2} {
			_, err := s.Add("count", delta)
			testkit.NoError(t, err)
		}
	})
	v.Page(func(s *cookiesession.Session) {
		n, ok := cookiesession.Pop[int](s, "count")
		testkit.Equal(t, "pulled", fmt.Sprint(n, ok), "4 true")
		testkit.NoError(t, s.Delete("gone"))
	})
	v.Has("")
}

func TestFeature_Masonite_FlashIsThereForTheNextPageAndSurvivesRedirects(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusFound, func(s *cookiesession.Session) {
		testkit.Flash("success", "saved")(s)
		testkit.Equal(t, "Has in the request that flashes", s.Has("success"), false)
	})
	v.Visit(http.StatusMovedPermanently, nil)
	v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "Has on the next page", s.Has("success"), true)
		got, _ := cookiesession.Get[string](s, "success")
		testkit.Equal(t, "Get", got, "saved")
	})
	v.Has("")
}

func TestFeature_Masonite_DataWinsOverFlashSoThatNoFlashPosesAsALogin(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusFound, func(s *cookiesession.Session) {
		testkit.Set("user", "Ada")(s)
		testkit.Flash("user", "admin")(s)
	})
	v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "Value", s.Value("user"), any("Ada"))
		testkit.Equal(t, "All", s.All()["user"], any("Ada"))
		testkit.Equal(t, "Flashes", s.Flashes()["user"], any("admin"))
	})
	v.Has("user:Ada")
}

func TestFeature_Masonite_FlashThatNobodyReadIsGoneAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{FlashLifetime: 2 * time.Second})
		v.Visit(http.StatusFound, testkit.Flash("k", 1))
		late := v.Copied() // this copy of the jar does not know when the cookies end
		time.Sleep(time.Second)
		late.Has("k:1")
		time.Sleep(2 * time.Second)
		late.Has("")
		v.Has("")
	})
}

func TestFeature_Masonite_ResetDropsDataOrFlashOnly(t *testing.T) {
	for _, test := range []struct {
		name  string
		reset func(*cookiesession.Session)
		want  string
	}{
		{"reset", func(s *cookiesession.Session) { testkit.NoError(t, s.Clear()) }, "flash:2"},
		{"reset flash only", func(s *cookiesession.Session) { s.ClearFlash() }, "data:1"},
	} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Visit(http.StatusFound, func(s *cookiesession.Session) {
			testkit.Set("data", 1)(s)
			testkit.Flash("flash", 2)(s)
		})
		v.Visit(http.StatusFound, test.reset)
		v.Has(test.want)
	}
}

func TestFeature_Masonite_CookiesHaveThePrefixAndAreEncrypted(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	res := v.Visit(http.StatusFound, func(s *cookiesession.Session) {
		testkit.Set("key", "plain text value")(s)
		testkit.Flash("key", "plain text value")(s)
		s.SetTestCookie()
	})
	testkit.Equal(t, "the number of cookies", len(res.Cookies()), 4)
	for _, c := range res.Cookies() {
		if !strings.HasPrefix(c.Name, "s_") || strings.Contains(c.Value, "plain") || strings.Contains(c.Value, "cGxhaW4") {
			t.Errorf("a cookie %s", c)
		}
	}
}

func TestFeature_Masonite_TheSessionIsReachableAnywhereAndARedirectCarriesFlash(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	deep := func(ctx context.Context) { testkit.Flash("danger", "no such user")(v.M.FromContext(ctx)) }
	v.Serve(v.Request("/login"), func(w http.ResponseWriter, r *http.Request) {
		deep(r.Context())
		http.Redirect(w, r, "/", http.StatusFound)
	})
	v.Has("danger:no such user")
}

func TestFeature_Masonite_TheSessionHelperInEveryTemplate(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(
		`{{define "messages"}}{{with flash "success"}}{{.}}{{else}}{{with flash "warning"}}{{.}}{{end}}{{end}}{{end}}` +
			`{{session "user"}}: {{template "messages"}}`))
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusFound, func(s *cookiesession.Session) {
		testkit.Set("user", "<Ada>")(s)
		testkit.Flash("warning", "careful")(s)
	})
	var body bytes.Buffer
	v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK) // the template reads after the header left
		page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.M.FromContext(r.Context())))
		testkit.NoError(t, page.Execute(&body, nil))
	})
	testkit.Equal(t, "the page", body.String(), "&lt;Ada&gt;: careful")
	v.Has("user:<Ada>")
}

func TestFeature_Masonite_SeveralManagersSideBySide(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{Name: "shop"})
	admin := cookiesessiontest.NewManager(t, cookiesession.Config{Name: "admin"})
	res := v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
		admin.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			testkit.Set("user", "visitor")(v.M.FromContext(r.Context()))
			testkit.Set("user", "root")(admin.FromContext(r.Context()))
		})).ServeHTTP(w, r)
	})
	testkit.Equal(t, "both cookies", testkit.Issued(res, "s_shop") != nil && testkit.Issued(res, "s_admin") != nil, true)
	testkit.Equal(t, "the shop's", v.Now().Value("user"), any("visitor"))
	testkit.Equal(t, "the admin's", admin.OpenRequest(v.Request("/")).Value("user"), any("root"))
}
