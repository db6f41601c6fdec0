package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/examples/internal/exampletest"
)

// A response is what each front end makes of its adapter's answer.
type response struct {
	status int
	header http.Header
	body   string
}

// fronts send GET / with a Cookie header through each adapter.
var fronts = map[string]func(ctx context.Context, h http.Handler, cookie string) (response, error){
	"lambdaurl":               throughLambdaURL,
	"api-proxy HTTP API":      throughHTTPAPI,
	"api-proxy REST API":      throughREST,
	"api-proxy ALB, multiple": throughALB,
}

func throughLambdaURL(ctx context.Context, h http.Handler, cookie string) (response, error) {
	event := &events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Headers: map[string]string{"host": "abc.lambda-url.eu-west-1.on.aws"}}
	event.RequestContext.DomainName = "abc.lambda-url.eu-west-1.on.aws"
	event.RequestContext.HTTP.Method = "GET"
	if cookie != "" { // a function URL sends both
		event.Headers["cookie"], event.Cookies = cookie, strings.Split(cookie, "; ")
	}
	out, err := lambdaurl.Wrap(h)(ctx, event)
	if err != nil {
		return response{}, err
	}
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return response{}, err
	}
	return response{out.StatusCode, fields(out.Headers, map[string][]string{"Set-Cookie": out.Cookies}), string(body)}, nil
}

func throughHTTPAPI(ctx context.Context, h http.Handler, cookie string) (response, error) {
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/", Headers: map[string]string{"host": "shop.example.com"}}
	event.RequestContext.DomainName = "shop.example.com"
	event.RequestContext.HTTP.Method = "GET"
	if cookie != "" {
		event.Cookies = strings.Split(cookie, "; ")
	}
	out, err := httpadapter.NewV2(h).ProxyWithContext(ctx, event)
	return response{out.StatusCode, fields(out.Headers, map[string][]string{"Set-Cookie": out.Cookies}), out.Body}, err
}

func throughREST(ctx context.Context, h http.Handler, cookie string) (response, error) {
	event := events.APIGatewayProxyRequest{Path: "/", HTTPMethod: "GET",
		Headers: map[string]string{"Host": "shop.example.com"}, MultiValueHeaders: map[string][]string{"Host": {"shop.example.com"}}}
	if cookie != "" {
		event.Headers["Cookie"], event.MultiValueHeaders["Cookie"] = cookie, []string{cookie}
	}
	out, err := httpadapter.New(h).ProxyWithContext(ctx, event)
	return response{out.StatusCode, fields(out.Headers, out.MultiValueHeaders), out.Body}, err
}

func throughALB(ctx context.Context, h http.Handler, cookie string) (response, error) {
	event := events.ALBTargetGroupRequest{Path: "/", HTTPMethod: "GET", MultiValueHeaders: map[string][]string{"host": {"shop.example.com"}}}
	if cookie != "" {
		event.MultiValueHeaders["cookie"] = []string{cookie}
	}
	out, err := httpadapter.NewALB(h).ProxyWithContext(ctx, event)
	return response{out.StatusCode, fields(nil, out.MultiValueHeaders), out.Body}, err
}

func fields(single map[string]string, multi map[string][]string) http.Header {
	h := http.Header{}
	for name, values := range multi {
		for _, value := range values {
			h.Add(name, value)
		}
	}
	for name, value := range single {
		if len(h.Values(name)) == 0 {
			h.Add(name, value)
		}
	}
	return h
}

func visit(t *testing.T, front string, h http.Handler, cookie string) (response, string) {
	t.Helper()
	res, err := fronts[front](t.Context(), h, cookie)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range res.header["Set-Cookie"] {
		cookie, _, _ = strings.Cut(line, ";")
	}
	return res, cookie
}

func eachFront(t *testing.T, test func(t *testing.T, front string)) {
	for front := range fronts {
		t.Run(front, func(t *testing.T) { test(t, front) })
	}
}

func TestTheSessionGoesOnFromInvocationToInvocation(t *testing.T) {
	eachFront(t, func(t *testing.T, front string) {
		h, cookie := serve(exampletest.Manager(t)), ""
		for n := 1; n <= 3; n++ {
			var res response
			if res, cookie = visit(t, front, h, cookie); res.status != 200 || res.body != fmt.Sprintf("visit %d\n", n) {
				t.Errorf("%d %q, want visit %d", res.status, res.body, n)
			}
			if res.header.Get("Vary") != "Cookie" || res.header.Get("Cache-Control") == "" {
				t.Errorf("header %v", res.header)
			}
		}
	})
}

func TestAHandlerThatWritesNothingAnswers200WithItsCookie(t *testing.T) {
	eachFront(t, func(t *testing.T, front string) {
		m := exampletest.Manager(t)
		h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { exampletest.Count(t, m, r.Context()) }))
		res, cookie := visit(t, front, h, "")
		if res.status != 200 || !strings.HasPrefix(cookie, "s_session=") {
			t.Errorf("status %d, cookie %q", res.status, cookie)
		}
	})
}

// Why Handler sends an explicit status: if this begins to fail, the adapter has
// learnt what net/http does.
func TestWithoutASessionAPIProxyAnswers504ToAnEmptyHandler(t *testing.T) {
	silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if res, err := throughHTTPAPI(t.Context(), silent, ""); res.status != http.StatusGatewayTimeout || err == nil {
		t.Errorf("status %d, %v", res.status, err)
	}
}

// api-proxy buffers, and so would still send a cookie added after the header.
func TestAChangeAfterTheHeaderDoesNotLeakIntoTheResponse(t *testing.T) {
	eachFront(t, func(t *testing.T, front string) {
		m := exampletest.Manager(t)
		var late error
		var wrote sync.WaitGroup // lambdaurl answers while the handler runs
		wrote.Add(1)
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer wrote.Done()
			s := m.FromContext(r.Context())
			if err := s.Set("user", "ann"); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusOK)
			late = s.Set("user", "eve")
			if _, err := io.Copy(w, bytes.NewReader([]byte("hello"))); err != nil {
				t.Error(err)
			}
		}))
		res, cookie := visit(t, front, h, "")
		wrote.Wait()
		if !errors.Is(late, cookiesession.ErrCommitted) {
			t.Errorf("the late Set gave %v", late)
		}
		if res.status != 200 || res.body != "hello" || len(res.header["Set-Cookie"]) != 1 {
			t.Errorf("%d %q, cookies %q", res.status, res.body, res.header["Set-Cookie"])
		}
		if got := cookiesession.GetOr(m.Open(t.Context(), cookie), "user", ""); got != "ann" {
			t.Errorf("the next request finds %q", got)
		}
	})
}

func TestSeveralCookiesAndTheApplicationsOwn(t *testing.T) {
	eachFront(t, func(t *testing.T, front string) {
		m := exampletest.Manager(t)
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
			s := m.FromContext(r.Context())
			if err := errors.Join(s.Set("text", strings.Repeat("long ", 700)), s.Flash("notice", "hello")); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusSeeOther)
		}))
		res, _ := visit(t, front, h, "")
		var names []string
		for _, line := range res.header["Set-Cookie"] {
			name, _, _ := strings.Cut(line, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		if want := []string{"s_session", "s_session.1", "s_session_flash", "theme"}; !slices.Equal(names, want) {
			t.Errorf("set: %q, want %q", names, want)
		}
	})
}

// api-proxy's v2 hands a cookie on twice when the event has it in both places.
func TestACookieHandedOnTwiceIsOneCookie(t *testing.T) {
	m := exampletest.Manager(t)
	_, cookie := visit(t, "api-proxy HTTP API", serve(m), "")
	var lines []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines = r.Header["Cookie"]
		serve(m).ServeHTTP(w, r)
	})
	event := events.APIGatewayV2HTTPRequest{RawPath: "/", Cookies: []string{cookie}, Headers: map[string]string{"cookie": cookie}}
	event.RequestContext.DomainName = "shop.example.com"
	event.RequestContext.HTTP.Method = "GET"
	out, err := httpadapter.NewV2(h).ProxyWithContext(t.Context(), event)
	if err != nil || out.Body != "visit 2\n" || len(out.Cookies) != 1 {
		t.Errorf("%q, cookies %q, %v", out.Body, out.Cookies, err)
	}
	if len(lines) != 2 {
		t.Errorf("the request had the cookies %q", lines)
	}
}

func TestAnErrorSavesNothing(t *testing.T) {
	eachFront(t, func(t *testing.T, front string) {
		m := exampletest.Manager(t)
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exampletest.Count(t, m, r.Context())
			http.Error(w, "no database", http.StatusInternalServerError)
		}))
		if res, cookie := visit(t, front, h, ""); res.status != 500 || cookie != "" {
			t.Errorf("status %d, cookie %q", res.status, cookie)
		}
	})
}
