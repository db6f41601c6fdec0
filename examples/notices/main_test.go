package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

func invite(addresses string) *http.Request {
	r := httptest.NewRequest("POST", "/invite", strings.NewReader(url.Values{"addresses": {addresses}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func serve(m *cookiesession.Manager, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m.Handler(routes(m)).ServeHTTP(w, r)
	return w
}

func carried(t *testing.T, list ...notice) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) {
		if err := s.Flash("notices", list); err != nil {
			t.Error(err)
		}
	}
}

func next(t *testing.T, m *cookiesession.Manager, r *http.Request, w *httptest.ResponseRecorder) []notice {
	list, _ := cookiesession.Get[[]notice](cookiesessiontest.Next(t, m, r, w.Result()), "notices")
	return list
}

func TestAllMessagesOfARequestArrive(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := invite("a@example.com nobody b@example.com")
	got := next(t, m, r, serve(m, r))
	want := []notice{{"success", "Invited a@example.com"}, {"danger", "nobody is no address"}, {"success", "Invited b@example.com"}}
	if !slices.Equal(got, want) {
		t.Errorf("the next page shows %v, want %v", got, want)
	}
}

func TestASecondRedirectLosesNoMessage(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	first := notice{"success", "first"}
	r := cookiesessiontest.Request(t, m, invite("a@example.com"), carried(t, first))
	if got := next(t, m, r, serve(m, r)); len(got) != 2 || got[0] != first {
		t.Errorf("the next page shows %v", got)
	}
}

func TestAPageShowsThemAllOnce(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	r := cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), carried(t, notice{"success", "one"}, notice{"danger", "<two>"}))
	w := serve(m, r)
	if body := w.Body.String(); !strings.Contains(body, `<p class="success">one</p>`) || !strings.Contains(body, `<p class="danger">&lt;two&gt;</p>`) {
		t.Errorf("the page is\n%s", body)
	}
	if left := next(t, m, r, w); left != nil {
		t.Errorf("the next page would show %v", left)
	}
}

func TestMoreMessagesThanFitLoseTheLastOnes(t *testing.T) {
	m := cookiesessiontest.NewManager(t, cookiesession.Config{})
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("%03d@a-rather-long-name.example.com", i))
	}
	r := invite(strings.Join(all, " "))
	got := next(t, m, r, serve(m, r))
	if len(got) < 30 || len(got) == len(all) || !strings.Contains(got[0].Text, "000@") {
		t.Errorf("%d messages arrived", len(got))
	}
}
