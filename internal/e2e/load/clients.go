package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

var transport = &http.Transport{MaxIdleConnsPerHost: 100}

// kind is a kind of client; visit does one round of it.
type kind struct {
	name  string
	visit func(*client) error
}

var kinds = []kind{
	{"reads", read}, {"writes", write}, {"shops", shop}, {"streams", stream}, {"forges", forge},
}

// client is one browser.
type client struct {
	ctx    context.Context
	r      *record
	kind   string
	name   string
	jar    map[string]string
	visits int
}

// record is what all clients did.
type record struct {
	base string

	mu     sync.Mutex
	kinds  map[string][]time.Duration
	errors []error
}

// drive repeats a kind of client until ctx ends, each with a new browser
// after 200 rounds.
func (r *record) drive(ctx context.Context, k kind, i int) {
	for ctx.Err() == nil {
		c := &client{ctx: ctx, r: r, kind: k.name, name: fmt.Sprintf("%s-%d", k.name, i), jar: map[string]string{}}
		for range 200 {
			err := k.visit(c)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				r.mu.Lock()
				r.errors = append(r.errors, fmt.Errorf("%s: %w", c.name, err))
				r.mu.Unlock()
				return
			}
		}
	}
}

func (r *record) report(length time.Duration) error {
	total := 0
	for _, k := range kinds {
		took := r.kinds[k.name]
		slices.Sort(took)
		total += len(took)
		if len(took) == 0 {
			r.errors = append(r.errors, fmt.Errorf("nobody %s", k.name))
			continue
		}
		fmt.Printf("%-8s %8d requests, median %7v, 99 %% within %7v, longest %v\n", k.name, len(took),
			took[len(took)/2].Round(10*time.Microsecond), took[len(took)*99/100].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
	}
	fmt.Printf("%-8s %8d requests in %v, %d errors\n", "all", total, length, len(r.errors))
	return errors.Join(r.errors...)
}

// do sends one request as a browser would and gives status and body.
func (c *client) do(method, path string, form url.Values) (int, string, error) {
	r, err := http.NewRequestWithContext(c.ctx, method, c.r.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	var pairs []string
	for name, value := range c.jar {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	start := time.Now()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", err
	}
	took := time.Since(start)
	c.r.mu.Lock()
	c.r.kinds[c.kind] = append(c.r.kinds[c.kind], took)
	c.r.mu.Unlock()
	for _, cookie := range res.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.jar, cookie.Name)
		} else {
			c.jar[cookie.Name] = cookie.Value
		}
	}
	return res.StatusCode, string(body), nil
}

// state is what the demo tells about the session.
type state struct {
	Visits   int    `json:"visits"`
	User     string `json:"user"`
	Rejected string `json:"rejected"`
}

func (c *client) state(method, path string) (s state, err error) {
	status, body, err := c.do(method, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s is answered %d", path, status)
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &s)
	}
	return s, err
}

// read writes once, and finds that again in every answer.
func read(c *client) error {
	if c.visits == 0 {
		return write(c)
	}
	s, err := c.state("GET", "/api/state")
	return c.expect(s, err, "")
}

// write counts, and must never lose a count.
func write(c *client) error {
	s, err := c.state("POST", "/api/visit")
	c.visits++
	return c.expect(s, err, "")
}

func (c *client) expect(s state, err error, user string) error {
	if err == nil && (s.Visits != c.visits || s.User != user || s.Rejected != "") {
		err = fmt.Errorf("the session says %+v, want %d visits by %q", s, c.visits, user)
	}
	return err
}

// shop logs in, fills a basket, sees its own name, logs out.
func shop(c *client) error {
	for _, step := range []struct {
		method, path string
		form         url.Values
		status       int
		shows        bool
	}{
		{"POST", "/login", url.Values{"name": {c.name}}, http.StatusSeeOther, false},
		{"GET", "/", nil, http.StatusOK, true},
		{"POST", "/basket/add", url.Values{"sku": {"anzac"}}, http.StatusSeeOther, false},
		{"GET", "/session", nil, http.StatusOK, true},
		{"POST", "/logout", url.Values{}, http.StatusSeeOther, false},
	} {
		status, body, err := c.do(step.method, step.path, step.form)
		if err != nil {
			return err
		}
		if status != step.status || step.shows && !strings.Contains(body, c.name) {
			return fmt.Errorf("%s %s: status %d, shows its name: %v", step.method, step.path, status, strings.Contains(body, c.name))
		}
	}
	s, err := c.state("GET", "/api/state")
	if err == nil && s.User != "" {
		err = fmt.Errorf("after the logout it is still %q", s.User)
	}
	return err
}

// stream reads a page that flushes; the count must not lose one.
func stream(c *client) error {
	c.visits++
	status, body, err := c.do("GET", "/stream", nil)
	if want := strings.Repeat(fmt.Sprintf("n=%d\n", c.visits), 5); err == nil && (status != http.StatusOK || body != want) {
		err = fmt.Errorf("status %d and %q, want %q", status, body, want)
	}
	return err
}

// forge changes one character of a real cookie and must be nobody.
func forge(c *client) error {
	if c.visits == 0 {
		return write(c)
	}
	real := c.jar["s_demo"]
	if len(real) < 20 {
		return fmt.Errorf("a cookie of %d characters", len(real))
	}
	at := 5 + rand.IntN(len(real)-10) // the last characters may have unused bits
	other := byte('A')
	if real[at] == 'A' {
		other = 'B'
	}
	forged := &client{ctx: c.ctx, r: c.r, kind: c.kind, name: c.name, jar: map[string]string{"s_demo": real[:at] + string(other) + real[at+1:]}}
	s, err := forged.state("GET", "/api/state")
	if err == nil && (s.Visits != 0 || s.Rejected == "") {
		err = fmt.Errorf("a forged cookie is accepted: %+v", s)
	}
	return err
}
