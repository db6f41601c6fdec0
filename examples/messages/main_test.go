package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

func post(address string) *http.Request {
	r := httptest.NewRequest("POST", "/subscribe", strings.NewReader(url.Values{"address": {address}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func serve(m *cookiesession.Manager, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	m.Handler(routes(m)).ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func TestAMessageIsShownOnThePageAfterTheRedirect(t *testing.T) {
	for _, test := range []struct{ name, before, address, key, text string }{
		{"success", "", "ada@example.com", "success", "Subscribed: ada@example.com"},
		{"warning", "ada@example.com", "ada@example.com", "warning", "You had subscribed before."},
		{"danger", "ada@example.com", "<nobody>", "danger", "“<nobody>” is no address."},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := cookiesessiontest.NewManager(t, cookiesession.Config{})
			r := cookiesessiontest.Request(t, m, post(test.address), func(s *cookiesession.Session) {
				if test.before != "" {
					must(t, subscribed.Set(s, test.before))
				}
			})
			res, _ := serve(m, r)
			if next := cookiesessiontest.Next(t, m, r, res); res.StatusCode != 303 || next.Flashes()[test.key] != test.text {
				t.Errorf("%d, flash %v", res.StatusCode, next.Flashes())
			}
		})
	}
}

func TestThePageShowsTheFirstOfSuccessWarningAndDangerOnce(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{"success warning danger", `<p role="status" class="success">&lt;success&gt;</p>`},
		{"warning danger", `<p role="status" class="warning">&lt;warning&gt;</p>`},
		{"danger", `<p role="alert" class="danger">&lt;danger&gt;</p>`},
		{"", ""},
	} {
		t.Run(test.keys, func(t *testing.T) {
			m := cookiesessiontest.NewManager(t, cookiesession.Config{})
			r := cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) {
				for _, key := range strings.Fields(test.keys) {
					must(t, s.Flash(key, "<"+key+">"))
				}
			})
			res, body := serve(m, r)
			if n := strings.Count(body, "<p "); n > 1 || (n == 1) != (test.want != "") || !strings.Contains(body, test.want) {
				t.Errorf("the page is\n%s", body)
			}
			if left := cookiesessiontest.Next(t, m, r, res).Flashes(); len(left) != 0 {
				t.Errorf("the next page would show %v", left)
			}
		})
	}
}

func TestNoVisitorSeesTheMessageOfAnother(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	var all sync.WaitGroup
	for _, name := range []string{"ada", "bob", "eve", "joe"} {
		r := cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), func(s *cookiesession.Session) {
			must(t, subscribed.Set(s, name+"@example.com"), s.Flash("success", "hello "+name))
		})
		all.Go(func() {
			for range 20 {
				_, body := serve(m, r)
				if !strings.Contains(body, "hello "+name+"<") || !strings.Contains(body, `value="`+name+`@example.com"`) {
					t.Errorf("%s sees\n%s", name, body)
				}
			}
		})
	}
	all.Wait()
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := post("eve@example.com")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res, _ := serve(m, r); res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
		t.Errorf("%d with cookies %v", res.StatusCode, res.Cookies())
	}
}
