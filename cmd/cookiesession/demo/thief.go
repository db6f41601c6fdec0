package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// This file plays a thief: another client that has copied all cookies of a
// visitor's session, and that has not the browser's key. What it has copied
// and heard stays in cookies of the visitor's browser. So the demo keeps
// nothing of it, and any process goes on with it.

// stolenPrefix begins the names of the cookies that the thief has copied. The
// browser sends them to the laboratory alone.
const stolenPrefix = "stolen_"

// theftCookie tells the pages what the thief has heard.
const theftCookie = "demo_thief"

// theft is a copy of a session and what came of it.
type theft struct {
	At    int64   `json:"at"`             // when it was copied, Unix time
	Ends  int64   `json:"ends,omitempty"` // when its bound cookie ends; 0: it has none
	Heard []heard `json:"heard,omitempty"`
}

// heard is one answer of the demo to the thief.
type heard struct {
	At    int64  `json:"at"`
	User  string `json:"user,omitempty"`
	State string `json:"state,omitempty"` // of the binding; "": there was no answer
}

// maxHeard bounds the cookie. The last answers stay.
const maxHeard = 6

// accepted is for how long the server takes a bound cookie after its end.
const accepted = 30 * time.Second

func (t theft) Copied() time.Time { return time.Unix(t.At, 0) }

// Left is how many seconds the copy is worth something, at most.
func (t theft) Left() int {
	return int(max(0, time.Until(time.Unix(t.Ends, 0).Add(accepted))).Seconds() + 0.5)
}

func (h heard) Time() time.Time { return time.Unix(h.At, 0) }

func (h heard) Says() string {
	switch {
	case h.State == "":
		return "no answer"
	case h.User == "":
		return "you are nobody; the session is " + h.State
	}
	return "you are " + h.User + "; the session is " + h.State
}

// steal hands all cookies of the session to the thief.
func (d *Site) steal(w http.ResponseWriter, r *http.Request) {
	if d.session(r).IsNew() {
		did(w, r, "nothing")
		return
	}
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, stolenPrefix) {
			http.SetCookie(w, d.ownCookie(c.Name, "", labPath, -1))
		}
	}
	for _, c := range sentCookies(r) {
		http.SetCookie(w, d.ownCookie(stolenPrefix+c.Name, c.Value, labPath, 3600))
	}
	t := theft{At: time.Now().Unix()}
	if _, ends, ok := d.binding.Proof(r); ok {
		t.Ends = ends.Unix()
	}
	d.keepTheft(w, t)
	did(w, r, "steal")
}

// askAsThief lets the thief ask who it is.
func (d *Site) askAsThief(w http.ResponseWriter, r *http.Request) {
	var stolen []string
	for _, c := range r.Cookies() {
		if name, ok := strings.CutPrefix(c.Name, stolenPrefix); ok && compartment(name) != "" {
			stolen = append(stolen, name+"="+c.Value)
		}
	}
	t := readTheft(r)
	if len(stolen) == 0 || t == nil {
		did(w, r, "no-theft")
		return
	}
	answer, err := d.askSelf(r.Context(), strings.Join(stolen, "; "))
	if err != nil {
		answer = heard{}
	}
	answer.At = time.Now().Unix()
	t.Heard = append(t.Heard, answer)
	t.Heard = t.Heard[max(0, len(t.Heard)-maxHeard):]
	d.keepTheft(w, *t)
	did(w, r, "asked")
}

// askSelf asks this very site over its own listener, as any client would: the
// request has nothing but the cookies. The host of the address says nothing.
func (d *Site) askSelf(ctx context.Context, cookies string) (h heard, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+certificateName+"/api/state", nil)
	if err != nil {
		return h, err
	}
	r.Header.Set("Cookie", cookies)
	res, err := d.cfg.Self.RoundTrip(r)
	if err != nil {
		return h, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return h, fmt.Errorf("status %d", res.StatusCode)
	}
	var state struct{ User, Binding string }
	err = json.NewDecoder(io.LimitReader(res.Body, 4096)).Decode(&state)
	h.User, h.State = state.User, state.Binding
	return h, err
}

func (d *Site) keepTheft(w http.ResponseWriter, t theft) {
	text, err := json.Marshal(t)
	if err != nil {
		return
	}
	http.SetCookie(w, d.ownCookie(theftCookie, base64.RawURLEncoding.EncodeToString(text), "/", 3600))
}

// readTheft trusts nothing: the text comes from the browser, and only the
// browser's own page shows it. It is nil without one that the demo may have written.
func readTheft(r *http.Request) *theft {
	c, err := r.Cookie(theftCookie)
	if err != nil || len(c.Value) > 3000 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var t theft
	if json.Unmarshal(text, &t) != nil || len(t.Heard) > maxHeard || t.check() != nil {
		return nil
	}
	return &t
}

func (t theft) check() error {
	for _, at := range []int64{t.At, t.Ends} {
		if at < 0 || at > 1<<40 { // no clock shows that
			return errors.New("not a time")
		}
	}
	for _, h := range t.Heard {
		if _, known := bindingSays[h.State]; h.State != "" && !known || utf8.RuneCountInString(h.User) > maxName || h.At < 0 || h.At > 1<<40 {
			return errors.New("not an answer")
		}
	}
	return nil
}
