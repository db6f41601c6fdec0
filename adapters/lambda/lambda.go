// Package lambda gives AWS Lambda event handlers a session: opened from the
// event, carried by the context, committed into the response the way each
// front end wants its cookies.
//
// It is not in the core because it needs aws-lambda-go for the event types.
// A program that already is an [http.Handler] needs none of it: Handler works
// behind lambdaurl and aws-lambda-go-api-proxy as it is.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/cookiesession/cookiesession"
)

// ErrOneCookie is returned by an [ALB] handler whose target group is not set
// to multi-value headers, for a response that needs more than the one
// Set-Cookie such a response can carry.
var ErrOneCookie = errors.New("cookiesession: an ALB response without multi-value headers carries one Set-Cookie; " +
	"set lambda.multi_value_headers.enabled on the target group")

// HTTPAPI wraps a handler of an API Gateway HTTP API (payload format 2.0).
//
// The session is m.FromContext(ctx). It is saved when the handler returns. With
// an error or a panic the invocation fails, nobody gets its response, and
// nothing is saved or deleted. A status of 0 becomes 200. The maps and slices
// of the handler's response are copied before anything is added: a handler may
// return one it keeps, and a cookie left in it would reach the next visitor.
func HTTPAPI(m *cookiesession.Manager, next func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		s := m.OpenRequest(httpAPIRequest(ctx, event))
		resp, err := next(m.NewContext(ctx, s), event)
		if err != nil {
			return resp, err
		}
		out := fields{resp.Headers, resp.MultiValueHeaders}
		set := out.commit(m, s, &resp.StatusCode)
		out.join(set)
		resp.Headers, resp.MultiValueHeaders = out.single, out.multi
		resp.Cookies = appended(resp.Cookies, set[setCookie])
		return resp, nil
	}
}

// FunctionURL wraps a handler of a Lambda function URL with buffered responses.
// All else is as with [HTTPAPI].
func FunctionURL(m *cookiesession.Manager, next func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error)) func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		s := m.OpenRequest(functionURLRequest(ctx, event))
		resp, err := next(m.NewContext(ctx, s), event)
		if err != nil {
			return resp, err
		}
		out := fields{single: resp.Headers}
		set := out.commit(m, s, &resp.StatusCode)
		out.join(set)
		resp.Headers = out.single
		resp.Cookies = appended(resp.Cookies, set[setCookie])
		return resp, nil
	}
}

// REST wraps a handler of an API Gateway REST API, or of an HTTP API with
// payload format 1.0. Cookies go into MultiValueHeaders, together with one the
// handler put into Headers. All else is as with [HTTPAPI].
func REST(m *cookiesession.Manager, next func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		s := m.OpenRequest(restRequest(ctx, event))
		resp, err := next(m.NewContext(ctx, s), event)
		if err != nil {
			return resp, err
		}
		out := fields{resp.Headers, resp.MultiValueHeaders}
		set := out.commit(m, s, &resp.StatusCode)
		out.list(set)
		resp.Headers, resp.MultiValueHeaders = out.single, out.multi
		return resp, nil
	}
}

// ALB wraps a handler behind an Application Load Balancer. Whether the target
// group has multi-value headers is seen from the event. Without them a response
// carries one Set-Cookie, the handler's own included: one that needs more fails
// with [ErrOneCookie], so that no browser is left with half a session. A long
// session, flash beside data, views and most logouts need more than one. Set
// lambda.multi_value_headers.enabled. All else is as with [HTTPAPI].
func ALB(m *cookiesession.Manager, next func(context.Context, events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error)) func(context.Context, events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
	return func(ctx context.Context, event events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
		s := m.OpenRequest(albRequest(ctx, event))
		resp, err := next(m.NewContext(ctx, s), event)
		if err != nil {
			return resp, err
		}
		out := fields{resp.Headers, resp.MultiValueHeaders}
		set := out.commit(m, s, &resp.StatusCode)
		if err := out.alb(set, event.MultiValueHeaders != nil); err != nil {
			return events.ALBTargetGroupResponse{
				StatusCode:        http.StatusInternalServerError,
				StatusDescription: "500 Internal Server Error",
			}, err
		}
		resp.Headers, resp.MultiValueHeaders = out.single, out.multi
		return resp, nil
	}
}

// alb places what the commit set where the target group reads it: it ignores
// Headers when it has multi-value headers, and MultiValueHeaders when not.
func (f *fields) alb(set http.Header, multi bool) error {
	if multi {
		f.list(set)
		return nil
	}
	if ours := len(set[setCookie]); ours > 0 {
		theirs := fields{single: f.single}
		if all := ours + len(theirs.values(setCookie)); all > 1 {
			return fmt.Errorf("%w; this one needs %d", ErrOneCookie, all)
		}
	}
	f.join(set)
	if line := set.Get(setCookie); line != "" {
		f.single = put(f.single, setCookie, line)
	}
	return nil
}
