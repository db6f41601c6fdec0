package demo_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

// fakeBinding says what a test wants. What it is to say comes with the
// bound cookie: "until" and a Unix time, or nothing.
type fakeBinding struct {
	*cookiesession.Manager
	asked int // how often Bind was called
	fails error
}

var errFake = errors.New("the reason of the test")

// Handler empties a stale session, and answers what browsers ask of a binding.
func (b *fakeBinding) Handler(next http.Handler) http.Handler {
	inner := b.Manager.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			w.WriteHeader(http.StatusOK)
			return
		}
		s := b.OpenRequest(r)
		err := s.AddCheck(func(context.Context, *cookiesession.Session) (func(*cookiesession.Session), error) {
			if b.State(r) == "stale" {
				return nil, errFake
			}
			return nil, nil
		})
		if err != nil {
			panic(err)
		}
		inner.ServeHTTP(w, r.WithContext(b.NewContext(r.Context(), s)))
	})
}

func (b *fakeBinding) Bind(*http.Request) error { b.asked++; return b.fails }

func (b *fakeBinding) Refused(err error) bool { return errors.Is(err, errFake) }

func (b *fakeBinding) Reason(r *http.Request) error {
	if b.State(r) == "bound" {
		return nil
	}
	return errFake
}

func (b *fakeBinding) State(r *http.Request) string {
	c, err := r.Cookie("s_demo_bound")
	if err != nil {
		return "pending"
	}
	if c.Value == "other" {
		return "stale"
	}
	if _, _, ok := b.Proof(r); ok {
		return "bound"
	}
	return "stale"
}

func (b *fakeBinding) Proof(r *http.Request) (proved, ends time.Time, ok bool) {
	var until int64
	if c, err := r.Cookie("s_demo_bound"); err == nil {
		fmt.Sscanf(c.Value, "until%d", &until)
	}
	ends = time.Unix(until, 0)
	return ends.Add(-121 * time.Second), ends, time.Now().Before(ends)
}

// roundTripper carries the thief's requests.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newBoundSite is a demo with a fake binding. asked are the thief's requests.
func newBoundSite(t *testing.T) (site *demo.Site, binding *fakeBinding, asked *[]*http.Request) {
	t.Helper()
	binding, asked = new(fakeBinding), new([]*http.Request)
	site, err := demo.New(demo.Config{
		Binding: func(m *cookiesession.Manager) (demo.Binding, error) { binding.Manager = m; return binding, nil },
		Self: roundTripper(func(r *http.Request) (*http.Response, error) {
			*asked = append(*asked, r)
			w := httptest.NewRecorder()
			site.ServeHTTP(w, r)
			return w.Result(), nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return site, binding, asked
}

// binds sets the bound cookie as a browser has it.
func (b *browser) binds(value string) {
	b.jar.SetCookies(shop, []*http.Cookie{{Name: "s_demo_bound", Value: value, Path: "/"}})
}

func until(left time.Duration) string { return fmt.Sprintf("until%d", time.Now().Add(left).Unix()) }

func TestWithoutABindingThePagesSayNothingOfIt(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.post("/login", "name", "Ada")
	for _, path := range []string{"/", "/session"} {
		page := b.get(path)
		for _, id := range []string{`id="binding"`, `id="steal"`, `id="ask"`} {
			hides(t, page, id)
		}
	}
	hides(t, b.get("/api/state"), "binding")
	for _, path := range []string{"/lab/steal", "/lab/thief"} {
		if res := b.once("POST", path, url.Values{}); res.StatusCode < 400 {
			t.Errorf("POST %s: %s", path, res.Status)
		}
	}
}

func TestABindingNeedsAWayToAskItself(t *testing.T) {
	_, err := demo.New(demo.Config{Binding: func(m *cookiesession.Manager) (demo.Binding, error) { return &fakeBinding{Manager: m}, nil }})
	if err == nil {
		t.Error("a thief that cannot ask is accepted")
	}
}

func TestThePanelSaysHowTheSessionIsBound(t *testing.T) {
	site, binding, _ := newBoundSite(t)
	b := newBrowser(t, site)
	b.get("/")
	if binding.asked != 0 {
		t.Error("a visit asks the browser to bind")
	}
	page := b.post("/login", "name", "Ada")
	if binding.asked != 1 {
		t.Errorf("a login called Bind %d times", binding.asked)
	}
	shows(t, page, `id="binding">pending<`)
	shows(t, page, "has registered no key yet")
	shows(t, page, `id="binding-reason">the reason of the test<`)
	hides(t, page, "The bound cookie<")

	b.binds(until(90 * time.Second))
	for _, path := range []string{"/", "/session"} {
		page = b.get(path)
		shows(t, page, `id="binding">bound<`)
		shows(t, page, "A copy of the cookies is worthless soon")
		shows(t, page, `<span>The bound cookie</span>`)
		if !strings.Contains(page, `data-left="90" data-still`) && !strings.Contains(page, `data-left="89" data-still`) {
			t.Error("no clock runs to the end of the bound cookie")
		}
		hides(t, page, "binding-reason")
		shows(t, page, `data-cookie="s_demo_bound"`)
	}
	shows(t, b.get("/api/state"), `"binding":"bound"`)

	b.binds("other")
	page = b.get("/")
	shows(t, page, `id="binding">stale<`)
	shows(t, page, `id="binding-reason">the reason of the test<`)
	shows(t, page, "Refused: ErrStale")
	shows(t, page, "<strong>ErrStale</strong>")
}

func TestAStaleSessionIsNotReplacedByAVisit(t *testing.T) {
	site, _, _ := newBoundSite(t)
	b := newBrowser(t, site)
	b.post("/login", "name", "Ada")
	b.binds("other")
	for _, path := range []string{"GET /", "POST /api/visit", "GET /?did=logout"} {
		method, at, _ := strings.Cut(path, " ")
		for _, c := range b.once(method, at, nil).Cookies() {
			if c.Name == "s_demo" {
				t.Errorf("%s sets %s", path, c)
			}
		}
	}
	shows(t, b.post("/login", "name", "Grace"), "Welcome, Grace") // which is meant to replace it
}

func TestWhatABrowserAsksOfABindingReachesIt(t *testing.T) {
	site, _, _ := newBoundSite(t)
	for path, want := range map[string]int{"/.well-known/dbsc/registration": http.StatusOK, "/lab/steal": http.StatusForbidden, "/lab/thief": http.StatusForbidden} {
		r := httptest.NewRequest("POST", "https://shop.test"+path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site") // after a login elsewhere
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("POST %s: status %d, want %d", path, w.Code, want)
		}
	}
}

// The browser registers its key between the login and the page after it.
func TestARegistrationDoesNotTakeWhatTheNextPageIsToSay(t *testing.T) {
	site, _, _ := newBoundSite(t)
	b := newBrowser(t, site)
	at := b.once("POST", "/login", url.Values{"name": {"Ada"}}).Header.Get("Location")
	b.once("POST", "/.well-known/dbsc/registration", nil)
	page := b.get(at)
	shows(t, page, "<code>POST /login</code>")
	hides(t, b.get(at), "<code>POST /login</code>")
}

func TestALoginThatCannotBeBoundIsTold(t *testing.T) {
	site, binding, _ := newBoundSite(t)
	binding.fails = errFake
	b := newBrowser(t, site)
	shows(t, b.post("/login", "name", "Ada"), "The package refused the change: the reason of the test")
}

func TestTheThiefIsTheVisitorUntilTheCopiedCookieEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site, _, asked := newBoundSite(t)
		b := newBrowser(t, site)
		shows(t, b.post("/lab/steal"), "There is no session to do that with")
		shows(t, b.post("/lab/thief"), "Nothing was copied yet")
		b.post("/login", "name", "Ada")
		for range 4 {
			b.post("/basket/hamper") // several cookies
		}
		b.binds(until(2 * time.Minute))
		page := b.post("/lab/steal")
		shows(t, page, "now plays another client")
		shows(t, page, `data-left="150" data-still>2:30<`)
		page = b.post("/lab/thief")
		shows(t, page, ` you are Ada; the session is bound<`)
		sent := strings.Join((*asked)[0].Header["Cookie"], "; ")
		if want := []string{"s_demo", "s_demo.1", "s_demo_bound", "s_demo_views"}; !slices.Equal(cookieNames(sent), want) {
			t.Errorf("the thief has %v, want %v", cookieNames(sent), want)
		}

		time.Sleep(3 * time.Minute)
		b.binds(until(2 * time.Minute)) // the browser has another one
		page = b.post("/lab/thief")
		shows(t, page, ` you are nobody; the session is stale<`)
		shows(t, page, "The copied proof has ended")
		shows(t, page, `id="binding">bound<`)
		first, second := strings.Index(page, "session is bound<"), strings.Index(page, "session is stale<")
		if first < 0 || first > second {
			t.Error("the answers are not in the order of their times")
		}
		for range 8 {
			page = b.post("/lab/thief")
		}
		if n := strings.Count(page, "you are nobody"); n != 6 {
			t.Errorf("%d answers are remembered, want the last 6", n)
		}
		b.binds(until(2 * time.Minute))
		b.post("/basket/empty")
		page = b.post("/lab/steal") // another copy, with fewer cookies
		hides(t, page, "you are nobody;")
		shows(t, b.post("/lab/thief"), "you are Ada;")
		if sent := strings.Join((*asked)[len(*asked)-1].Header["Cookie"], "; "); strings.Contains(sent, "s_demo.1") {
			t.Errorf("the thief still has %v", cookieNames(sent))
		}
	})
}

func cookieNames(header string) (names []string) {
	for _, pair := range strings.Split(header, "; ") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTheThiefHearsNothingFromASiteThatDoesNotAnswer(t *testing.T) {
	for name, answer := range map[string]roundTripper{
		"an error": func(*http.Request) (*http.Response, error) { return nil, errFake },
		"a 500": func(*http.Request) (*http.Response, error) {
			return response(500, `{"user":"Ada","binding":"bound"}`), nil
		},
		"no JSON": func(*http.Request) (*http.Response, error) { return response(200, "<html>"), nil },
		"without end": func(*http.Request) (*http.Response, error) {
			res := response(200, "")
			res.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"user":"`), &endless{}))
			return res, nil
		},
		"a long delay": func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site, err := demo.New(demo.Config{
					Binding: func(m *cookiesession.Manager) (demo.Binding, error) { return &fakeBinding{Manager: m}, nil }, Self: answer,
				})
				if err != nil {
					t.Fatal(err)
				}
				b := newBrowser(t, site)
				b.post("/login", "name", "Ada")
				b.post("/lab/steal")
				since := time.Now()
				page := b.post("/lab/thief")
				shows(t, page, ` no answer<`)
				shows(t, page, "No bound cookie was copied")
				if took := time.Since(since); took > 6*time.Second {
					t.Errorf("the visitor waited %v", took)
				}
			})
		})
	}
}

// endless gives more than a program can hold.
type endless struct{ given int }

func (e *endless) Read(p []byte) (int, error) {
	if e.given += len(p); e.given > 1<<20 {
		panic("a megabyte of it was read")
	}
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func response(status int, body string) *http.Response {
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	w.WriteString(body)
	return w.Result()
}

func TestWhatAVisitorWritesIntoTheThiefsCookieIsNotBelieved(t *testing.T) {
	site, _, _ := newBoundSite(t)
	for name, text := range map[string]string{
		"no JSON": "x", "nothing": "null", "an unknown state": `{"at":1,"heard":[{"state":"<b>owned"}]}`,
		"a long name":          `{"at":1,"heard":[{"state":"bound","user":"` + strings.Repeat("x", 41) + `"}]}`,
		"a time of no clock":   `{"at":9000000000000000000}`,
		"an end of no clock":   `{"at":1,"ends":-9000000000000000000}`,
		"too many answers":     `{"at":1,"heard":[` + strings.Repeat(`{"state":"bound"},`, 6) + `{"state":"bound"}]}`,
		"more than one cookie": strings.Repeat(" ", 2999),
	} {
		b := newBrowser(t, site)
		b.jar.SetCookies(shop, []*http.Cookie{{Name: "demo_thief", Value: base64.RawURLEncoding.EncodeToString([]byte(text)), Path: "/"}})
		page := b.get("/")
		hides(t, page, "owned")
		if shown := strings.Contains(page, `id="stolen"`); shown != (name == "nothing") {
			t.Errorf("%s: shown: %t", name, shown)
		}
	}
	b := newBrowser(t, site)
	text := `{"at":1,"heard":[{"state":"bound","user":"<script>alert(1)</script>"}]}`
	b.jar.SetCookies(shop, []*http.Cookie{{Name: "demo_thief", Value: base64.RawURLEncoding.EncodeToString([]byte(text)), Path: "/"}})
	if w := b.once("GET", "/", nil); strings.Contains(fmt.Sprint(w.Body), "<script>alert") {
		t.Error("markup of the cookie is markup of the page")
	}
}

func TestDataFromBeforeALoginIsGoneAfterIt(t *testing.T) {
	ring := ownKeys(t, "")
	site := newSite(t, ring)
	planted, err := cookiesession.New(cookiesession.Config{Keyring: ring, Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		SKU    string `msgpack:"sku"`
		N      int    `msgpack:"n"`
		Letter string `msgpack:"letter,omitempty"`
	}
	s := planted.Open(t.Context())
	err = errors.Join(s.Set("return_to", "https://evil.test"), s.Set("visits", 41), s.Set("basket", []line{
		{"anzac", 2, ""}, {"linzer", -5, ""}, {"linzer", 100, ""}, {"amaretti", 1, "a letter"}, {"hamper", 1, "click here"}, {"poison", 1, ""},
	}))
	if err != nil {
		t.Fatal(err)
	}
	h := make(http.Header)
	if err := planted.Commit(h, s, 200); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, site)
	b.jar.SetCookies(shop, (&http.Response{Header: h}).Cookies())
	before := s.ID()
	shows(t, b.get("/session"), "evil.test")

	page := b.post("/login", "name", "Ada")
	shows(t, page, "the basket came along")
	shows(t, page, `id="basket-n">2<`)
	shows(t, page, `id="visits">1<`)
	page = b.get("/session")
	for _, gone := range []string{"evil.test", "return_to", "poison", "click here", "a letter", before} {
		hides(t, page, gone)
	}
	shows(t, page, `"user": "Ada"`)
}

func TestABasketThatDoesNotFitBesideTheLoginStaysBehind(t *testing.T) {
	ring := ownKeys(t, "")
	b := newBrowser(t, newSite(t, ring))
	b.post("/basket/hamper")
	larger, err := cookiesession.New(cookiesession.Config{Keyring: ring, Name: "demo", MaxBytes: 16000})
	if err != nil {
		t.Fatal(err)
	}
	var header []string
	for _, c := range b.jar.Cookies(shop) {
		header = append(header, c.Name+"="+c.Value)
	}
	s := larger.Open(t.Context(), strings.Join(header, "; "))
	hampers := s.Value("basket").([]any)
	for range 9 { // more than the demo allows
		hampers = append(hampers, hampers[0])
	}
	h := make(http.Header)
	if err := errors.Join(s.Set("basket", hampers), larger.Commit(h, s, 200)); err != nil {
		t.Fatal(err)
	}
	b.jar.SetCookies(shop, (&http.Response{Header: h}).Cookies())
	shows(t, b.get("/"), `id="basket-n">10<`)
	page := b.post("/login", "name", "Ada")
	shows(t, page, "Welcome, Ada. Your basket did not fit beside the login")
	shows(t, page, `id="basket-n">0<`)
}
