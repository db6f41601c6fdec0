package cookiesession_test

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"testing"
	texttemplate "text/template"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestFuncMapServesBothTemplatePackages(t *testing.T) {
	const page = `{{session "user"}} {{session "missing"}} {{flash "notice"}} {{flash "user"}}`
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("user", "<Ada>")(s)
		testkit.Flash("notice", "hello")(s)
	})
	var html, text bytes.Buffer
	s := v.Now()
	testkit.NoError(t, template.Must(template.New("").Funcs(cookiesession.FuncMap(s)).Parse(page)).Execute(&html, nil))
	testkit.NoError(t, texttemplate.Must(texttemplate.New("").Funcs(cookiesession.FuncMap(s)).Parse(page)).Execute(&text, nil))
	testkit.Equal(t, "html/template", html.String(), "&lt;Ada&gt;  hello ")
	testkit.Equal(t, "text/template", text.String(), "<Ada> <no value> hello <no value>")
}

func TestFuncMapOfNilParsesAndFindsNothing(t *testing.T) {
	page := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(`{{with session "k"}}{{.}}{{else}}nothing{{end}}{{with flash "k"}}{{.}}{{end}}`))
	var out bytes.Buffer
	testkit.NoError(t, page.Execute(&out, nil))
	testkit.Equal(t, "the page", out.String(), "nothing")
}

func TestFlashInATemplateIsNotData(t *testing.T) {
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("k", "data")(s)
		testkit.Flash("k", "flash")(s)
		testkit.NoError(t, s.FlashNow("now", "now"))
	})
	funcs := cookiesession.FuncMap(v.Now())
	flash := funcs["flash"].(func(string) any)
	testkit.Equal(t, "flash", flash("k"), any("flash"))
	testkit.Equal(t, "session", funcs["session"].(func(string) any)("k"), any("data"))
	testkit.Equal(t, "flash of another request", flash("now"), nil)
}

func TestOneParsedTemplateServesManyVisitorsAtOnce(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(`{{range .}}{{session "user"}}{{flash "user"}} {{end}}`))
	cfg := cookiesession.Config{Keyring: testkit.Keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})}
	var all sync.WaitGroup
	for i := range 16 {
		v := testkit.NewVisitor(t, cfg)
		v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			testkit.Set("user", i)(s)
			testkit.Flash("user", i)(s)
		})
		all.Go(func() {
			var out bytes.Buffer
			page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.Now()))
			testkit.NoError(t, page.Execute(&out, make([]int, 50)))
			testkit.Equal(t, "the page", out.String(), strings.Repeat(fmt.Sprintf("%d%d ", i, i), 50))
		})
	}
	all.Wait()
}

func TestFlashThatATemplateReadsAfterTheFirstByteIsDropped(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(strings.Repeat("filler ", 1000) + `{{flash "notice"}}`))
	v := testkit.NewVisitor(t, cookiesession.Config{})
	v.Visit(http.StatusSeeOther, testkit.Flash("notice", "hello"))
	res := v.Serve(v.Request("/"), func(w http.ResponseWriter, r *http.Request) {
		page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.M.FromContext(r.Context())))
		testkit.NoError(t, page.Execute(w, nil))
	})
	var body bytes.Buffer
	body.ReadFrom(res.Body)
	testkit.Equal(t, "the page ends with the flash", strings.HasSuffix(body.String(), " hello"), true)
	testkit.Equal(t, "the cookie", v.Cookie("s_session_flash"), nil)
}

func TestMethodsWorkInTemplatesAsTheyAre(t *testing.T) {
	const page = `{{.Value "user"}} {{.Has "user"}} {{.Has "missing"}} {{.Keys}} {{.Len}} {{.IsNew}} {{range $k, $v := .Flashes}}{{$k}}={{$v}}{{end}} {{with .Views}}{{.Requests}} {{.FirstPage}}{{end}} {{if .ExpiresIn}}{{.Created.IsZero}}{{end}}`
	v := testkit.NewVisitor(t, cookiesession.Config{TrackViews: true})
	v.Visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		testkit.Set("user", "Ada")(s)
		testkit.Flash("notice", "hello")(s)
	})
	var out bytes.Buffer
	testkit.NoError(t, template.Must(template.New("").Parse(page)).Execute(&out, v.Now()))
	testkit.Equal(t, "the page", out.String(), "Ada true false [user] 1 false notice=hello 2 true false")
}
