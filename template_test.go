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
)

func TestFuncMapServesBothTemplatePackages(t *testing.T) {
	const page = `{{session "user"}} {{session "missing"}} {{flash "notice"}} {{flash "user"}}`
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "user", "<Ada>")(s)
		flashes(t, "notice", "hello")(s)
	})
	var html, text bytes.Buffer
	s := v.now()
	noError(t, template.Must(template.New("").Funcs(cookiesession.FuncMap(s)).Parse(page)).Execute(&html, nil))
	noError(t, texttemplate.Must(texttemplate.New("").Funcs(cookiesession.FuncMap(s)).Parse(page)).Execute(&text, nil))
	equal(t, "html/template", html.String(), "&lt;Ada&gt;  hello ")
	equal(t, "text/template", text.String(), "<Ada> <no value> hello <no value>")
}

func TestFuncMapOfNilParsesAndFindsNothing(t *testing.T) {
	page := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(`{{with session "k"}}{{.}}{{else}}nothing{{end}}{{with flash "k"}}{{.}}{{end}}`))
	var out bytes.Buffer
	noError(t, page.Execute(&out, nil))
	equal(t, "the page", out.String(), "nothing")
}

func TestFlashInATemplateIsNotData(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "k", "data")(s)
		flashes(t, "k", "flash")(s)
		noError(t, s.FlashNow("now", "now"))
	})
	funcs := cookiesession.FuncMap(v.now())
	flash := funcs["flash"].(func(string) any)
	equal(t, "flash", flash("k"), any("flash"))
	equal(t, "session", funcs["session"].(func(string) any)("k"), any("data"))
	equal(t, "flash of another request", flash("now"), nil)
}

func TestOneParsedTemplateServesManyVisitorsAtOnce(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(`{{range .}}{{session "user"}}{{flash "user"}} {{end}}`))
	cfg := cookiesession.Config{Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret()})}
	var all sync.WaitGroup
	for i := range 16 {
		v := newVisitor(t, cfg)
		v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
			sets(t, "user", i)(s)
			flashes(t, "user", i)(s)
		})
		all.Go(func() {
			var out bytes.Buffer
			page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.now()))
			noError(t, page.Execute(&out, make([]int, 50)))
			equal(t, "the page", out.String(), strings.Repeat(fmt.Sprintf("%d%d ", i, i), 50))
		})
	}
	all.Wait()
}

func TestFlashThatATemplateReadsAfterTheFirstByteIsDropped(t *testing.T) {
	pages := template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).Parse(strings.Repeat("filler ", 1000) + `{{flash "notice"}}`))
	v := newVisitor(t, cookiesession.Config{})
	v.visit(http.StatusSeeOther, flashes(t, "notice", "hello"))
	res := v.serve(v.request("/"), func(w http.ResponseWriter, r *http.Request) {
		page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(v.m.FromContext(r.Context())))
		noError(t, page.Execute(w, nil))
	})
	var body bytes.Buffer
	body.ReadFrom(res.Body)
	equal(t, "the page ends with the flash", strings.HasSuffix(body.String(), " hello"), true)
	equal(t, "the cookie", v.cookie("s_session_flash"), nil)
}

func TestMethodsWorkInTemplatesAsTheyAre(t *testing.T) {
	const page = `{{.Value "user"}} {{.Has "user"}} {{.Has "missing"}} {{.Keys}} {{.Len}} {{.IsNew}} {{range $k, $v := .Flashes}}{{$k}}={{$v}}{{end}} {{with .Views}}{{.Requests}} {{.FirstPage}}{{end}} {{if .ExpiresIn}}{{.Created.IsZero}}{{end}}`
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.visit(http.StatusSeeOther, func(s *cookiesession.Session) {
		sets(t, "user", "Ada")(s)
		flashes(t, "notice", "hello")(s)
	})
	var out bytes.Buffer
	noError(t, template.Must(template.New("").Parse(page)).Execute(&out, v.now()))
	equal(t, "the page", out.String(), "Ada true false [user] 1 false notice=hello 2 true false")
}
