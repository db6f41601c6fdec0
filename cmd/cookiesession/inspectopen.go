package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/vmihailenco/msgpack/v5"
)

// report is what there is to say about one cookie and its continuations.
type report struct {
	Cookie  string    `json:"cookie"`
	Kind    string    `json:"kind"`              // data, flash, views or test
	Deletes bool      `json:"deletes,omitempty"` // a Set-Cookie line that deletes it
	Chunks  int       `json:"chunks"`            // cookies that it consists of
	Bytes   int       `json:"bytes"`             // of their names and values
	Refused string    `json:"refused,omitempty"`
	Key     *keyLine  `json:"key,omitempty"`
	Sealed  time.Time `json:"sealed,omitzero"` // the compact format does not say
	Session *lifetime `json:"session,omitempty"`
	Entries []entry   `json:"entries,omitempty"`
	Views   *views    `json:"views,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
}

type keyLine struct {
	ID     string                 `json:"id"`
	State  cookiesession.KeyState `json:"state,omitempty"`
	Format string                 `json:"format,omitempty"`
}

type lifetime struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed,omitzero"` // a session that ends at an instant does not tell
	Expires time.Time `json:"expires"`
	By      string    `json:"by"` // what ends it
}

type entry struct {
	Key   string          `json:"key"`
	Bytes int             `json:"bytes"` // encoded, key and value
	Value json.RawMessage `json:"value,omitempty"`
}

type views struct {
	ID          string                   `json:"id"`
	Requests    int                      `json:"requests"`
	Pages       int                      `json:"pages"`
	UniquePages int                      `json:"unique_pages"`
	Errors      int                      `json:"errors"`
	Last        time.Time                `json:"last,omitzero"`
	History     []cookiesession.PageView `json:"history,omitempty"`
}

type opener struct {
	ctx   context.Context
	ring  *cookiesession.Keyring
	flags inspectFlags
	now   time.Time
}

// forever stands for the timeouts of the application, which a cookie does not
// know: what only they would refuse is shown, and said to have expired.
const forever = 200 * 365 * 24 * time.Hour

// open opens each compartment apart, so that none hides another.
func (o *opener) open(j *jar) (reports []report) {
	for _, c := range j.compartments {
		var seen []cookiesession.Event
		m, err := o.manager(j.base, c.kind, &seen)
		if err != nil {
			r := c.report(cmp.Or(c.firsts...))
			r.Refused = "no manager has cookies of this name"
			reports = append(reports, r)
			continue
		}
		if len(c.firsts) == 0 {
			reports = append(reports, c.headless())
		}
		for _, first := range c.firsts {
			r := c.report(first)
			if seen = nil; !r.Deletes {
				line := c.line(first)
				if c.kind == "flash" { // it opens beside the session that it was made beside
					line = strings.Join(append(j.dataLines(), line), "; ")
				}
				s := m.Open(o.ctx, line)
				s.Flashes() // opens all that came
				seen = refusalsOf(c.name, seen)
				o.fill(&r, m, s, first, seen)
			}
			if len(c.firsts) > 1 {
				r.Notes = append(r.Notes, "one of several under this name; the authentic one that was changed last counts")
			}
			reports = append(reports, r)
		}
	}
	o.judge(reports)
	if j.test {
		reports = append(reports, report{Cookie: j.base + "_test", Kind: "test", Chunks: 1})
	}
	return reports
}

// dataLines is the data that came.
func (j *jar) dataLines() (lines []string) {
	for _, c := range j.compartments {
		for _, first := range c.firsts {
			if c.kind == "data" && first != "" {
				lines = append(lines, c.line(first))
			}
		}
	}
	return lines
}

// refusalsOf are the events about the cookie of one name.
func refusalsOf(name string, events []cookiesession.Event) []cookiesession.Event {
	return slices.DeleteFunc(events, func(e cookiesession.Event) bool { return e.CookieName != name })
}

// manager makes one that refuses nothing by the policy of its own, and counts
// nothing as activity that it need not: views alone want to be tracked.
func (o *opener) manager(base, kind string, refusals *[]cookiesession.Event) (*cookiesession.Manager, error) {
	short, host := strings.CutPrefix(base, "__Host-")
	return cookiesession.New(cookiesession.Config{
		Keyring: o.ring, Name: strings.TrimPrefix(short, "s_"), HostPrefix: host,
		TrackViews: kind == "views", IdleTimeout: forever, FlashLifetime: forever,
		OnEvent: func(_ context.Context, e cookiesession.Event) {
			if e.Kind == cookiesession.EventRefused {
				*refusals = append(*refusals, e)
			}
		},
	})
}

// headless is a compartment whose first cookie is missing.
func (c *compartment) headless() report {
	r := c.report("")
	r.Deletes, r.Refused = false, "only continuations came, and no cookie "+c.name
	if !slices.ContainsFunc(c.chunks, func(p [2]string) bool { return p[1] != "" }) {
		r.Deletes, r.Refused = true, ""
	}
	return r
}

func (c *compartment) report(first string) report {
	r := report{Cookie: c.name, Kind: c.kind, Deletes: first == ""}
	if first != "" {
		r.Chunks, r.Bytes = 1, len(c.name)+len(first)
	}
	for _, p := range c.chunks {
		if p[1] != "" {
			r.Chunks++
			r.Bytes += len(p[0]) + len(p[1])
		}
	}
	return r
}

// line is the Cookie line with first and the chunks that carry its tag. Others
// do not belong to it, and would cost time for each of several firsts.
func (c *compartment) line(first string) string {
	pairs := []string{c.name + "=" + first}
	_, rest, _ := cookie.SplitKeyID(first)
	_, chunk, _ := cookie.SplitCount(rest)
	tag, _, several := cookie.SplitTag(chunk)
	for _, p := range c.chunks {
		if of, _, _ := cookie.SplitTag(p[1]); several && of == tag && len(pairs) < cookie.MaxChunks {
			pairs = append(pairs, p[0]+"="+p[1])
		}
	}
	return strings.Join(pairs, "; ")
}

func (o *opener) fill(r *report, m *cookiesession.Manager, s *cookiesession.Session, first string, seen []cookiesession.Event) {
	r.Key = o.keyOf(first)
	if len(seen) > 0 {
		r.Refused = o.reason(seen[0].Err, r, first)
		return
	}
	r.Sealed = sealedAt(first)
	switch r.Kind {
	case "data":
		r.Session = o.lifetime(m, s)
		r.Entries = o.entries(s, "values")
	case "flash":
		r.Entries = o.entries(s, "flash")
	case "views":
		r.Views = o.views(s)
	}
}

// keyOf is what the cookie says about itself, before anybody has believed it.
func (o *opener) keyOf(first string) *keyLine {
	id, _, ok := cookie.SplitKeyID(first)
	if !ok {
		return nil
	}
	k := &keyLine{ID: id}
	switch head := decodeHead(first); {
	case len(head) == 0:
	case head[0] == 1:
		k.Format = string(cookiesession.FormatCompact)
	case '0' <= head[0] && head[0] <= '9':
		k.Format = string(cookiesession.FormatSecurecookie)
	}
	for _, status := range o.ring.Status() {
		if status.ID == id {
			k.State = status.State
		}
	}
	return k
}

// decodeHead decodes the beginning of the sealed text in the value of a first
// cookie, in either base64.
func decodeHead(first string) []byte {
	_, text, _ := cookie.SplitKeyID(first)
	if _, chunk, ok := cookie.SplitCount(text); ok {
		_, text, _ = cookie.SplitTag(chunk)
	}
	head, _ := base64.RawURLEncoding.DecodeString(text[:min(len(text), 24)/4*4])
	return head
}

// sealedAt is when securecookie sealed it. The compact format does not say.
func sealedAt(first string) time.Time {
	digits, _, ok := strings.Cut(string(decodeHead(first)), "|")
	sec, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}

// reason says why a cookie was refused, and what may be the cause.
func (o *opener) reason(err error, r *report, first string) string {
	reason := strings.TrimPrefix(err.Error(), "cookiesession: ")
	switch {
	case errors.Is(err, cookiesession.ErrUnknownKey) && r.Key.State == cookiesession.KeyRetired:
		return reason + ": " + r.Key.ID + " is past its open_until"
	case errors.Is(err, cookiesession.ErrUnknownKey):
		return reason + ": " + r.Key.ID + " is not in these keys"
	case errors.Is(err, cookiesession.ErrExpired) && r.Kind == "data":
		return reason + ", by a deadline that the application gave it"
	case !errors.Is(err, cookiesession.ErrInvalid):
		return reason
	case r.Key == nil:
		return reason + ": it does not begin with a key id"
	}
	_, rest, _ := cookie.SplitKeyID(first)
	if n, _, ok := cookie.SplitCount(rest); ok && r.Chunks < n {
		return fmt.Sprintf("%s: %d of its %d cookies are here", reason, r.Chunks, n)
	}
	if r.Kind == "flash" {
		return reason + ": changed, incomplete, or made beside a session that is not among these cookies"
	}
	return fmt.Sprintf("%s: changed, incomplete, or sealed under another name than %s", reason, r.Cookie)
}

// lifetime works out the times that the session does not tell.
func (o *opener) lifetime(m *cookiesession.Manager, s *cookiesession.Session) *lifetime {
	l := &lifetime{ID: s.ID(), Created: s.Created()}
	e, epoch := s.Expiry(), time.Unix(0, 0).UTC()
	idle := m.ExpiryDate(e, epoch).Sub(epoch)
	isInstant := m.ExpiryDate(e, epoch.Add(time.Hour)).Equal(epoch.Add(idle))
	switch {
	case isInstant:
		l.By, l.Expires = "an instant that was set", m.ExpiryDate(e, epoch)
		return l
	case s.ExpiresAtBrowserClose():
		l.By = "the browser's end, at the latest by idle timeout"
	case idle == forever:
		l.By = "idle timeout"
	default:
		l.By = "an idle timeout of its own"
	}
	l.Changed = s.ExpiresAt().UTC().Add(-idle)
	if idle == forever {
		idle = o.flags.idle
	}
	l.Expires = l.Changed.Add(idle)
	return l
}

// judge sets the deadlines beside each other: views are activity, and nothing
// outlives the application's timeouts.
func (o *opener) judge(reports []report) {
	for i := range reports {
		l := reports[i].Session
		if l == nil {
			continue
		}
		for j := range reports {
			v := reports[j].Views
			switch {
			case v == nil:
			case v.ID != l.ID:
				reports[j].Notes = append(reports[j].Notes, "of another session than the data: not shown beside it")
			case !l.Changed.IsZero() && v.Last.After(l.Changed):
				l.Expires = l.Expires.Add(v.Last.Sub(l.Changed))
			}
		}
		if end := l.Created.Add(o.flags.absolute); o.flags.absolute > 0 && end.Before(l.Expires) {
			l.By, l.Expires = "absolute timeout", end
		}
		if !o.now.Before(l.Expires) {
			reports[i].Refused = "session expired, if -idle and -absolute are the application's timeouts"
		}
	}
}

func (o *opener) entries(s *cookiesession.Session, part string) (entries []entry) {
	var all map[string]json.RawMessage
	if text, err := s.MarshalJSON(); err == nil {
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(text, &parts); err == nil {
			_ = json.Unmarshal(parts[part], &all)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		raw, _ := cookiesession.Get[msgpack.RawMessage](s, key)
		e := entry{Key: key, Bytes: len(key) + max(1, len(raw))} // the library makes nothing of a nil
		if !o.flags.keysOnly {
			e.Value = all[key]
		}
		entries = append(entries, e)
	}
	return entries
}

// views takes away the request that looking counts as.
func (o *opener) views(s *cookiesession.Session) *views {
	v := s.Views()
	out := &views{ID: s.ID(), Requests: v.Requests - 1, Pages: v.Pages - 1, UniquePages: v.UniquePages, Errors: v.Errors}
	if n := len(v.History); n > 0 {
		out.Last = v.History[n-1].Time
	}
	if !o.flags.keysOnly {
		out.History = v.History
	}
	return out
}
