package acceptance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestFeature_CMS_TheVisitorOrTheDeveloperGrantsPermission(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{Consent: testkit.Consents})
	res := v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "Allowed before", s.Allowed(), false)
		testkit.Set("k", 1)(s)
	})
	testkit.Equal(t, "cookies without permission", len(res.Cookies()), 0)
	v.Page(func(s *cookiesession.Session) {
		testkit.Set("k", 2)(s)
		s.Allow()
		testkit.Equal(t, "Allowed by the developer", s.Allowed(), true)
	})
	v.Keep(testkit.Consent)
	testkit.Equal(t, "Allowed by the visitor", v.Now().Allowed(), true)
	v.Has("k:2")
	v.Page(func(s *cookiesession.Session) { s.Deny() })
	testkit.Equal(t, "the cookie after Deny", v.Cookie("s_session"), nil)
}

func TestFeature_CMS_TheIDIsUniqueAndNewOnEveryPageWithoutPermission(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{Consent: testkit.Consents, TrackViews: true})
	seen := map[string]bool{}
	for range 3 {
		v.Page(func(s *cookiesession.Session) { seen[s.ID()] = true; testkit.Equal(t, "ID again", seen[s.ID()], true) })
	}
	testkit.Equal(t, "different IDs without permission", len(seen), 3)
	v.Keep(testkit.Consent)
	clear(seen)
	for range 3 {
		v.Page(func(s *cookiesession.Session) { seen[s.ID()] = true })
	}
	testkit.Equal(t, "different IDs with permission", len(seen), 1)
}

func TestFeature_CMS_FirstPageIsTrueOnceAndAlwaysWithoutPermission(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{Consent: testkit.Consents, TrackViews: true})
	first := func() (got bool) {
		v.Page(func(s *cookiesession.Session) { got = s.Views().FirstPage })
		return got
	}
	for range 2 {
		testkit.Equal(t, "FirstPage without permission", first(), true)
	}
	v.Keep(testkit.Consent)
	testkit.Equal(t, "FirstPage on the first page", first(), true)
	testkit.Equal(t, "FirstPage on the second", first(), false)
}

func TestFeature_CMS_StartDateStaysAndEndDateMovesWithEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{IdleTimeout: time.Hour, TrackViews: true})
		start := time.Now()
		v.Page(testkit.Set("k", 1))
		for range 5 {
			time.Sleep(50 * time.Minute)
			res := v.Page(func(s *cookiesession.Session) {
				testkit.Equal(t, "the start", s.Created().Equal(start), true)
				testkit.Equal(t, "time to the end", s.ExpiresIn(), time.Hour)
			})
			testkit.Equal(t, "the data cookie is written again", testkit.Issued(res, "s_session") != nil, false)
		}
		v.Has("k:1")
	})
}

func TestFeature_CMS_CountersOfRequestsPagesUniquePagesAndErrors(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	for _, visit := range []struct {
		path   string
		status int
	}{{"/", 200}, {"/a", 200}, {"/a", 200}, {"/missing", 404}, {"/broken", 500}, {"/moved", 302}, {"/empty", 204}, {"/same", 304}} {
		v.VisitPath(visit.path, visit.status, nil)
	}
	views := v.Now().Views() // one more request of /, assumed to become a page
	got := fmt.Sprint(views.Requests, views.Pages, views.UniquePages, views.Errors)
	testkit.Equal(t, "requests, pages, unique pages, errors", got, "9 4 2 5")
}

func TestFeature_CMS_HistoryIsTheLast100PageViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
		for i := range 120 {
			v.VisitPath(fmt.Sprintf("/p%d?query=%d", i, i), 200+i%2*204, nil)
			time.Sleep(time.Second)
		}
		history := v.M.OpenRequest(v.Request("/now?q")).Views().History
		testkit.Equal(t, "its length", len(history), 100)
		testkit.Equal(t, "the oldest", history[0].Path+fmt.Sprint(history[0].Status), "/p21404")
		testkit.Equal(t, "the newest", history[99].Path+fmt.Sprint(history[99].Status), "/now200")
		testkit.Equal(t, "its time", history[99].Time.Equal(time.Now()), true)
		testkit.Equal(t, "the oldest is older", history[99].Time.Sub(history[0].Time), 99*time.Second)
	})
}

func TestFeature_CMS_PropertiesAreTheCustomKeysAndACopyIsIndependent(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Page(testkit.Set("list", []string{"a"}))
	v.Page(func(s *cookiesession.Session) {
		testkit.Equal(t, "Keys", fmt.Sprint(s.Keys()), "[list]")
		for _, copied := range []map[string]any{s.All()} {
			copied["list"].([]any)[0] = "changed"
			copied["more"] = true
		}
	})
	v.Has("list:[a]")
}

func TestFeature_CMS_PropertiesInTemplates(t *testing.T) {
	page := template.Must(template.New("").Parse(`{{.Session.Value "property-name"}} {{.Session.ID}} {{.Session.Views.Requests}}`))
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Page(testkit.Set("property-name", "<b>"))
	var body bytes.Buffer
	s := v.Now()
	testkit.NoError(t, page.Execute(&body, map[string]any{"Session": s}))
	testkit.Equal(t, "the page", body.String(), "&lt;b&gt; "+s.ID()+" 2")
}

func TestFeature_CMS_SetUnsetSeveralAtOnceAndDynamicNames(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Page(func(s *cookiesession.Session) {
		testkit.NoError(t, s.Update(map[string]any{"a": 1, "b": 2, "c": 3}))
		testkit.NoError(t, s.Set("item-"+fmt.Sprint(7), true))
		testkit.NoError(t, s.Delete("a", "b", "missing"))
	})
	v.Has("c:3 item-7:true")
}

func TestFeature_CMS_OutputIsJSONThatIsSafeInAPage(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Page(testkit.Set("k", "</script><script>alert(1)"))
	s := v.Now()
	text, err := json.Marshal(s)
	testkit.NoError(t, err)
	if strings.ContainsAny(string(text), "<>&") {
		t.Errorf("%s ends a script", text)
	}
	var out struct {
		ID     string
		Values map[string]string
		Views  struct{ Requests int }
	}
	testkit.NoError(t, json.Unmarshal(text, &out))
	testkit.Equal(t, "the value", out.Values["k"], "</script><script>alert(1)")
	testkit.Equal(t, "id and requests", fmt.Sprint(out.ID, out.Views.Requests), s.ID()+"2")
}

func TestFeature_CMS_CountersCarryTheRealStatusAlsoOfA5xxThatDiscardsData(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Visit(http.StatusInternalServerError, func(s *cookiesession.Session) {
		testkit.Set("k", 1)(s)
		testkit.Equal(t, "assumed pages", s.Views().Pages, 1)
	})
	views := v.Now().Views()
	testkit.Equal(t, "requests, pages, errors", fmt.Sprint(views.Requests, views.Pages, views.Errors), "2 1 1")
	v.Has("")
}

func TestFeature_CMS_ASlowRequestThatOnlyCountsBringsBackNothingThatALogoutRemoved(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Page(testkit.Set("user", "Ada"))
	slow := v.Copied()
	v.Page(func(s *cookiesession.Session) { testkit.NoError(t, s.Destroy()) })
	res := slow.Page(func(s *cookiesession.Session) { s.Has("user") })
	v.Keep(res.Cookies()...) // arrives after the logout
	v.Has("")
}
