package lambda

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// The session is opened from an http.Request without a body, so that the rules
// which look at the request (consent, navigation, path) are the ones of the
// HTTP layer, and Config.Consent gets what it gets there.

func httpAPIRequest(ctx context.Context, e events.APIGatewayV2HTTPRequest) *http.Request {
	h := header(e.Headers, nil)
	oneCookieField(h, e.Cookies)
	c := e.RequestContext
	return request(ctx, c.HTTP.Method, target(e.RawPath, e.RawQueryString), h, c.DomainName, c.HTTP.SourceIP)
}

func functionURLRequest(ctx context.Context, e events.LambdaFunctionURLRequest) *http.Request {
	h := header(e.Headers, nil)
	oneCookieField(h, e.Cookies)
	c := e.RequestContext
	return request(ctx, c.HTTP.Method, target(e.RawPath, e.RawQueryString), h, c.DomainName, c.HTTP.SourceIP)
}

func restRequest(ctx context.Context, e events.APIGatewayProxyRequest) *http.Request {
	query := query(e.QueryStringParameters, e.MultiValueQueryStringParameters, url.QueryEscape)
	c := e.RequestContext
	return request(ctx, e.HTTPMethod, target(e.Path, query), header(e.Headers, e.MultiValueHeaders), c.DomainName, c.Identity.SourceIP)
}

func albRequest(ctx context.Context, e events.ALBTargetGroupRequest) *http.Request {
	// A load balancer, unlike a gateway, hands the query on as it came.
	asIs := func(s string) string { return s }
	query := query(e.QueryStringParameters, e.MultiValueQueryStringParameters, asIs)
	return request(ctx, e.HTTPMethod, target(e.Path, query), header(e.Headers, e.MultiValueHeaders), "", "")
}

func request(ctx context.Context, method string, u *url.URL, h http.Header, domain, remote string) *http.Request {
	host := h.Get("Host")
	if host == "" {
		host = domain
	}
	h.Del("Host")
	r := &http.Request{
		Method: strings.ToUpper(method), URL: u, RequestURI: u.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Host: host, RemoteAddr: remote, Body: http.NoBody,
	}
	return r.WithContext(ctx)
}

// header merges the two forms in which events carry headers, names in any
// case. A REST event carries every header in both, the list being complete.
func header(single map[string]string, multi map[string][]string) http.Header {
	h := make(http.Header, len(single)+len(multi))
	for name, values := range multi {
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	for name, value := range single {
		if name = http.CanonicalHeaderKey(name); len(h[name]) == 0 {
			h.Add(name, value)
		}
	}
	return h
}

// oneCookieField prefers the event's list of cookies to its Cookie header:
// function URLs send both, and a cookie that came once is one cookie.
func oneCookieField(h http.Header, cookies []string) {
	if len(cookies) > 0 {
		h["Cookie"] = []string{strings.Join(cookies, "; ")}
	}
}

func target(path, query string) *url.URL {
	if path == "" {
		path = "/"
	}
	u := &url.URL{Path: path, RawQuery: query}
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		u.Path, u.RawPath = decoded, path
	}
	return u
}

func query(single map[string]string, multi map[string][]string, escape func(string) string) string {
	var pairs []string
	for name, values := range multi {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	if len(multi) == 0 {
		for name, value := range single {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}
