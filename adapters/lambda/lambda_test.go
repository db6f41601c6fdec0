package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/lambda"
)

// answer is what a handler of any front end returns.
type answer struct {
	status  int
	headers map[string]string
	multi   map[string][]string
	cookies []string
	err     error
}

type handler func(ctx context.Context) answer

// A front is one of the services that invoke functions: the event it sends,
// and what of the function's JSON it turns into the response a browser gets.
type front struct {
	name, event string
	wrap        func(*cookiesession.Manager, handler) any
	fields      func(response) http.Header
}

// response is the JSON of every front end's response.
type response struct {
	StatusCode        int
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
}

var fronts = []front{
	{"HTTP API", "httpapi", func(m *cookiesession.Manager, h handler) any {
		return lambda.HTTPAPI(m, func(ctx context.Context, _ events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			a := h(ctx)
			return events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: a.headers, Cookies: a.cookies}, a.err
		})
	}, headersAndCookies},
	{"function URL", "functionurl", func(m *cookiesession.Manager, h handler) any {
		return lambda.FunctionURL(m, func(ctx context.Context, _ events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
			a := h(ctx)
			return events.LambdaFunctionURLResponse{StatusCode: a.status, Headers: a.headers, Cookies: a.cookies}, a.err
		})
	}, headersAndCookies},
	{"REST API", "rest", func(m *cookiesession.Manager, h handler) any {
		return lambda.REST(m, func(ctx context.Context, _ events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			a := h(ctx)
			return events.APIGatewayProxyResponse{StatusCode: a.status, Headers: a.headers, MultiValueHeaders: a.multi}, a.err
		})
	}, headersAndLists},
	{"ALB", "alb", wrapALB, headersOnly},
	{"ALB with multi-value headers", "albmulti", wrapALB, listsOnly},
}

func wrapALB(m *cookiesession.Manager, h handler) any {
	return lambda.ALB(m, func(ctx context.Context, _ events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
		a := h(ctx)
		return events.ALBTargetGroupResponse{StatusCode: a.status, Headers: a.headers, MultiValueHeaders: a.multi}, a.err
	})
}

func headersAndCookies(r response) http.Header {
	h := headersOnly(r)
	for _, line := range r.Cookies {
		h.Add("Set-Cookie", line)
	}
	return h
}

// headersAndLists merges as a REST API does: a name in both has the list's values.
func headersAndLists(r response) http.Header {
	h := headersOnly(r)
	for name, values := range listsOnly(r) {
		h[name] = values
	}
	return h
}

func headersOnly(r response) http.Header {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Add(name, value)
	}
	return h
}

func listsOnly(r response) http.Header {
	h := http.Header{}
	for name, values := range r.MultiValueHeaders {
		for _, value := range values {
			h.Add(name, value)
		}
	}
	return h
}

// browser invokes a function through the real runtime's JSON and keeps cookies.
type browser struct {
	front   front
	manager *cookiesession.Manager
	edit    func(event string) string
	cookies map[string]string
}

func (b *browser) visit(t *testing.T, h handler) (int, http.Header, error) {
	t.Helper()
	out, err := awslambda.NewHandler(b.front.wrap(b.manager, h)).Invoke(t.Context(), []byte(b.event(t)))
	if err != nil {
		return 0, nil, err
	}
	var resp response
	if err := json.Unmarshal(out, &resp); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	fields := b.front.fields(resp)
	b.keep(t, fields["Set-Cookie"])
	return resp.StatusCode, fields, nil
}

func (b *browser) event(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + b.front.event + ".json")
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"theme=dark"}
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	event := strings.ReplaceAll(string(text), "COOKIE-FIELD", strings.Join(pairs, "; "))
	event = strings.ReplaceAll(event, "COOKIE-LIST", strings.Join(pairs, `", "`))
	if b.edit != nil {
		event = b.edit(event)
	}
	return event
}

func (b *browser) keep(t *testing.T, lines []string) {
	t.Helper()
	if b.cookies == nil {
		b.cookies = map[string]string{}
	}
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
}

func manager(t *testing.T, cfg cookiesession.Config) *cookiesession.Manager {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keyring = ring
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(context.Context, cookiesession.Event) {}
	}
	m, err := cookiesession.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func eachFront(t *testing.T, cfg cookiesession.Config, test func(t *testing.T, b *browser)) {
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) { test(t, &browser{front: f, manager: manager(t, cfg)}) })
	}
}

func mustVisit(t *testing.T, b *browser, h handler) http.Header {
	t.Helper()
	_, fields, err := b.visit(t, h)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestTheSessionOfOneInvocationIsThereInTheNext(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		for want := int64(1); want <= 3; want++ {
			fields := mustVisit(t, b, func(ctx context.Context) answer {
				n, err := b.manager.FromContext(ctx).Add("visits", 1)
				if err != nil || n != want {
					t.Errorf("visit %d counted as %d, error %v", want, n, err)
				}
				return answer{status: 200, headers: map[string]string{"Content-Type": "text/plain"}}
			})
			if got := fields["Vary"]; !slices.Equal(got, []string{"Cookie"}) {
				t.Errorf("Vary is %q", got)
			}
			if got := fields.Get("Cache-Control"); got != "private" {
				t.Errorf("Cache-Control is %q", got)
			}
		}
	})
}

func TestAnUntouchedSessionAddsNothing(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		mustVisit(t, b, b.set("user", "ann"))
		fields := mustVisit(t, b, func(context.Context) answer { return answer{status: 200} })
		if len(fields) != 0 {
			t.Errorf("an untouched session added %v", fields)
		}
	})
}

func TestStatusZeroIsSentAs200(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		status, _, err := b.visit(t, func(context.Context) answer { return answer{} })
		if err != nil || status != 200 {
			t.Errorf("status %d, error %v", status, err)
		}
	})
}

func TestA5xxSavesNoChangeButLogsOut(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		mustVisit(t, b, b.set("user", "ann"))
		mustVisit(t, b, func(ctx context.Context) answer {
			if err := b.manager.FromContext(ctx).Set("user", "eve"); err != nil {
				t.Error(err)
			}
			return answer{status: 503}
		})
		if got := user(t, b); got != "ann" {
			t.Errorf("after a 503 the user is %q, want ann", got)
		}
		mustVisit(t, b, func(ctx context.Context) answer {
			if err := b.manager.FromContext(ctx).Destroy(); err != nil {
				t.Error(err)
			}
			return answer{status: 503}
		})
		if got := user(t, b); got != "" {
			t.Errorf("Destroy before a 503 left the user %q", got)
		}
	})
}

func TestAnErrorIsHandedOnAndSavesNothing(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		failed := errors.New("no database")
		var saved error
		_, _, err := b.visit(t, func(ctx context.Context) answer {
			saved = b.manager.FromContext(ctx).Set("user", "eve")
			return answer{status: 200, err: failed}
		})
		if saved != nil || err == nil || err.Error() != failed.Error() {
			t.Errorf("Set gave %v, the invocation %v; want nil and %v", saved, err, failed)
		}
	})
}

func TestAPanicIsHandedOn(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		defer func() {
			if v := recover(); v != "lost" {
				t.Errorf("recovered %v", v)
			}
		}()
		b.visit(t, func(context.Context) answer { panic("lost") })
	})
}

func TestHeaderNamesAreReadInAnyCase(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		b.edit = func(event string) string {
			return strings.NewReplacer(`"cookie":`, `"COOKIE":`, `"Cookie":`, `"cOOkie":`).Replace(event)
		}
		mustVisit(t, b, b.set("user", "ann"))
		if got := user(t, b); got != "ann" {
			t.Errorf("the user is %q", got)
		}
	})
}

func TestACookieThatTheEventHoldsTwiceIsOneCookie(t *testing.T) {
	var seen []string
	cfg := cookiesession.Config{Consent: func(r *http.Request) bool {
		seen = r.Header["Cookie"]
		return true
	}}
	eachFront(t, cfg, func(t *testing.T, b *browser) {
		mustVisit(t, b, b.set("user", "ann"))
		if got := user(t, b); got != "ann" {
			t.Errorf("the user is %q", got)
		}
		if all := strings.Join(seen, "; "); len(seen) != 1 || strings.Count(all, "s_session=") != 1 || strings.Count(all, "theme=") != 1 {
			t.Errorf("the request has the cookies %q", seen)
		}
	})
}

func TestPathAndStatusReachTheHistory(t *testing.T) {
	eachFront(t, cookiesession.Config{TrackViews: true}, func(t *testing.T, b *browser) {
		mustVisit(t, b, func(context.Context) answer { return answer{status: 404} })
		mustVisit(t, b, func(ctx context.Context) answer {
			views := b.manager.FromContext(ctx).Views()
			if views.Requests != 2 || views.Errors != 1 || len(views.History) == 0 {
				t.Errorf("views: %+v", views)
				return answer{status: 200}
			}
			if first := views.History[0]; first.Path != "/cart/items" || first.Status != 404 {
				t.Errorf("history begins %+v", first)
			}
			return answer{status: 200}
		})
	})
}

func TestFlashSurvivesARequestThatIsNoNavigation(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		mustVisit(t, b, func(ctx context.Context) answer {
			if err := b.manager.FromContext(ctx).Flash("notice", "saved"); err != nil {
				t.Error(err)
			}
			return answer{status: 303}
		})
		b.edit = func(event string) string { return strings.ReplaceAll(event, `"document"`, `"image"`) }
		mustVisit(t, b, func(context.Context) answer { return answer{status: 200} })
		b.edit = nil
		seen := ""
		notice := func(ctx context.Context) answer {
			seen = cookiesession.GetOr(b.manager.FromContext(ctx), "notice", "")
			return answer{status: 200}
		}
		if mustVisit(t, b, notice); seen != "saved" {
			t.Errorf("the page after an image sees the flash %q", seen)
		}
		if mustVisit(t, b, notice); seen != "" {
			t.Errorf("the page after that still sees the flash %q", seen)
		}
	})
}

func TestConsentSeesTheRequest(t *testing.T) {
	var seen *http.Request
	cfg := cookiesession.Config{Consent: func(r *http.Request) bool {
		seen = r
		c, err := r.Cookie("theme")
		return err == nil && c.Value == "light"
	}}
	eachFront(t, cfg, func(t *testing.T, b *browser) {
		if fields := mustVisit(t, b, b.set("user", "ann")); fields["Set-Cookie"] != nil {
			t.Errorf("without permission: %q", fields["Set-Cookie"])
		}
		if seen.Method != "GET" || seen.URL.Path != "/cart/items" || seen.URL.Query().Get("sort") != "price&tax" ||
			seen.URL.Query().Get("page") != "2" || seen.Header.Get("Sec-Fetch-Mode") != "navigate" ||
			seen.Host != "shop.example.com" || seen.Header["Host"] != nil {
			t.Errorf("consent was asked about %s %s at %s, header %v", seen.Method, seen.URL, seen.Host, seen.Header)
		}
		b.edit = func(event string) string { return strings.ReplaceAll(event, "theme=dark", "theme=light") }
		mustVisit(t, b, b.set("user", "ann"))
		if got := user(t, b); got != "ann" {
			t.Errorf("with permission the user is %q", got)
		}
	})
}

func TestHandlerFieldsAreKeptAndMerged(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		if b.front.event == "alb" {
			return // one cookie only: see TestAnALBWithoutMultiValueHeaders
		}
		lists := map[string][]string{"X-List": {"a", "b"}}
		headers := map[string]string{"content-type": "text/html", "vary": "Accept-Encoding", "cache-control": "public, max-age=60"}
		cookies := []string{"theme=light"}
		switch b.front.event {
		case "rest":
			headers["set-cookie"] = "theme=light"
		case "albmulti":
			lists = map[string][]string{"x-list": {"a", "b"}, "content-type": {"text/html"}, "vary": {"Accept-Encoding"},
				"cache-control": {"public, max-age=60"}, "set-cookie": {"theme=light"}}
			headers = nil
		}
		fields := mustVisit(t, b, func(ctx context.Context) answer {
			if err := b.manager.FromContext(ctx).Set("user", "ann"); err != nil {
				t.Error(err)
			}
			return answer{status: 200, headers: headers, multi: lists, cookies: cookies}
		})
		if got := fields["Set-Cookie"]; len(got) != 2 || got[0] != "theme=light" || !strings.HasPrefix(got[1], "s_session=") {
			t.Errorf("Set-Cookie: %q", got)
		}
		if got := strings.Join(fields["Vary"], ", "); got != "Accept-Encoding, Cookie" {
			t.Errorf("Vary: %q", got)
		}
		if got := strings.Join(fields["Cache-Control"], ", "); strings.Contains(got, "public") || !strings.Contains(got, "private") {
			t.Errorf("Cache-Control: %q", got)
		}
		if got := fields.Get("Content-Type"); got != "text/html" {
			t.Errorf("Content-Type: %q", got)
		}
	})
}

func TestAnEventThatIsHardlyARequestGetsASession(t *testing.T) {
	for _, event := range []string{
		`{}`,
		`{"path": "no/slash", "rawPath": "no/slash", "httpMethod": ""}`,
		`{"path": "/%zz", "rawPath": "/%zz", "rawQueryString": "%zz", "headers": {"cookie": ";;;==,"}}`,
		`{"path": "//evil.example/", "rawPath": "//evil.example/", "cookies": ["", "=", "s_session"]}`,
	} {
		eachFront(t, cookiesession.Config{TrackViews: true}, func(t *testing.T, b *browser) {
			if b.front.event == "alb" {
				return // views beside data are two cookies
			}
			b.edit = func(string) string { return event }
			if b.front.event == "albmulti" {
				b.edit = func(string) string { return strings.Replace(event, "{", `{"multiValueHeaders": {}`+comma(event), 1) }
			}
			mustVisit(t, b, b.set("user", "ann"))
			if b.cookies["s_session"] == "" {
				t.Errorf("%s: cookies %v", event, b.cookies)
			}
		})
	}
}

func comma(object string) string {
	if object == "{}" {
		return ""
	}
	return ","
}

// A handler may return a map or a slice it keeps, say a package variable.
func TestAResponseTheHandlerKeepsStaysAsItWas(t *testing.T) {
	for _, kept := range []map[string]string{
		{"Content-Type": "text/plain", "Vary": "Origin"},
		{"Vary": "Cookie", "Cache-Control": "private"}, // nothing to add but the cookie
	} {
		eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
			headers, lists := maps.Clone(kept), map[string][]string{}
			for name, value := range kept {
				lists[name] = []string{value}
			}
			if b.front.event == "alb" {
				lists = nil // not read there
			}
			keptLists, cookies := maps.Clone(lists), make([]string, 0, 8)
			mustVisit(t, b, func(ctx context.Context) answer {
				if err := b.manager.FromContext(ctx).Set("user", "ann"); err != nil {
					t.Error(err)
				}
				return answer{status: 200, headers: headers, multi: lists, cookies: cookies}
			})
			if len(b.cookies) == 0 {
				t.Fatal("no cookie was set")
			}
			if !maps.Equal(headers, kept) || !reflect.DeepEqual(lists, keptLists) || cookies[:1][0] != "" {
				t.Errorf("the handler's own response became %v, %v, %q", headers, lists, cookies[:1])
			}
		})
	}
}

func TestSeveralCookiesAreSetInOneResponse(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		if b.front.event == "alb" {
			return // one cookie only: see TestAnALBWithoutMultiValueHeaders
		}
		long := strings.Repeat("long ", 700)
		mustVisit(t, b, b.set("user", long))
		if b.cookies["s_session"] == "" || b.cookies["s_session.1"] == "" {
			t.Fatalf("%d cookies were set", len(b.cookies))
		}
		if got := user(t, b); got != long {
			t.Errorf("%d bytes came back, want %d", len(got), len(long))
		}
	})
}

func TestAnALBWithoutMultiValueHeaders(t *testing.T) {
	own := map[string]string{"set-cookie": "theme=light"}
	tests := []struct {
		name    string
		change  func(*cookiesession.Session) error
		headers map[string]string
		refused bool
	}{
		{"sets one cookie", func(s *cookiesession.Session) error { return s.Set("user", "ann") }, nil, false},
		{"lets the handler set one", func(*cookiesession.Session) error { return nil }, own, false},
		{"fails on a cookie beside the handler's", func(s *cookiesession.Session) error { return s.Set("user", "ann") }, own, true},
		{"fails on a session cut in two", func(s *cookiesession.Session) error {
			return s.Set("user", strings.Repeat("long ", 700))
		}, nil, true},
		{"fails on flash beside data", func(s *cookiesession.Session) error {
			return errors.Join(s.Set("user", "ann"), s.Flash("notice", "hello"))
		}, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := manager(t, cookiesession.Config{})
			call := lambda.ALB(m, func(ctx context.Context, _ events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
				if err := test.change(m.FromContext(ctx)); err != nil {
					t.Error(err)
				}
				return events.ALBTargetGroupResponse{StatusCode: 200, Headers: test.headers, Body: "welcome"}, nil
			})
			resp, err := call(t.Context(), events.ALBTargetGroupRequest{HTTPMethod: "GET", Path: "/", Headers: map[string]string{}})
			if test.refused {
				if !errors.Is(err, lambda.ErrOneCookie) || resp.StatusCode != 500 || resp.Headers != nil || resp.MultiValueHeaders != nil || resp.Body != "" {
					t.Errorf("error %v, response %+v", err, resp)
				}
				return
			}
			if err != nil || len(headersOnly(response{Headers: resp.Headers})["Set-Cookie"]) != 1 || resp.MultiValueHeaders != nil {
				t.Errorf("error %v, response %+v", err, resp)
			}
		})
	}
}

func TestFieldsThatLetCDNsKeepAResponseAreTakenOut(t *testing.T) {
	eachFront(t, cookiesession.Config{}, func(t *testing.T, b *browser) {
		headers := map[string]string{"surrogate-control": "max-age=60"}
		lists := map[string][]string{"cdn-cache-control": {"max-age=60"}}
		fields := mustVisit(t, b, func(ctx context.Context) answer {
			if err := b.manager.FromContext(ctx).Set("user", "ann"); err != nil {
				t.Error(err)
			}
			return answer{status: 200, headers: headers, multi: lists}
		})
		if fields["Surrogate-Control"] != nil || fields["Cdn-Cache-Control"] != nil {
			t.Errorf("left in the response: %v", fields)
		}
	})
}

func (b *browser) set(key, value string) handler {
	return func(ctx context.Context) answer {
		return answer{status: 200, err: b.manager.FromContext(ctx).Set(key, value)}
	}
}

func user(t *testing.T, b *browser) (name string) {
	t.Helper()
	mustVisit(t, b, func(ctx context.Context) answer {
		name = cookiesession.GetOr(b.manager.FromContext(ctx), "user", "")
		return answer{status: 200}
	})
	return name
}
