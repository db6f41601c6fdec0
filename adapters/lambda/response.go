package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cookiesession/cookiesession"
)

const setCookie = "Set-Cookie"

// fields are the header fields of a response in the two forms that responses
// have. The maps are the handler's until put or without copies them.
type fields struct {
	single map[string]string
	multi  map[string][]string
}

// commit commits s and returns what the response must gain: our Set-Cookie
// lines, and every other field the commit changed with its whole new value,
// nil where it was removed. Commit's error is not this response's, as with
// Manager.Handler: a change that could not be saved has been reported as an
// event, and a session that the handler committed itself is no error.
func (f *fields) commit(m *cookiesession.Manager, s *cookiesession.Session, status *int) http.Header {
	if *status == 0 {
		*status = http.StatusOK // what the commit takes 0 for; a gateway would answer 502
	}
	before := f.header()
	after := before.Clone()
	_ = m.Commit(after, s, *status)
	changed := http.Header{setCookie: after[setCookie]}
	for name := range before {
		if !slices.Equal(before[name], after[name]) {
			changed[name] = after[name]
		}
	}
	for name, values := range after {
		if before[name] == nil {
			changed[name] = values
		}
	}
	return changed
}

// header is a copy of f without the cookies, so that those the commit adds are
// known to be ours.
func (f *fields) header() http.Header {
	h := http.Header{}
	for name, value := range f.single {
		h.Add(name, value)
	}
	for name, values := range f.multi {
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	h.Del(setCookie)
	return h
}

// join puts what the commit changed, but for the cookies, into the single form.
func (f *fields) join(set http.Header) {
	for name, values := range set {
		if name == setCookie {
			continue
		}
		f.drop(name)
		if len(values) > 0 {
			f.single = put(f.single, name, strings.Join(values, ", "))
		}
	}
}

// list puts what the commit changed into the list form, and the handler's own
// cookies before ours there.
func (f *fields) list(set http.Header) {
	for name, values := range set {
		if name == setCookie {
			if len(values) == 0 {
				continue
			}
			values = slices.Concat(f.values(setCookie), values)
		}
		f.drop(name)
		if len(values) > 0 {
			f.multi = put(f.multi, name, values)
		}
	}
}

func (f *fields) values(name string) (values []string) {
	for k, v := range f.single {
		if strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	for k, v := range f.multi {
		if strings.EqualFold(k, name) {
			values = append(values, v...)
		}
	}
	return values
}

func (f *fields) drop(name string) {
	f.single = without(f.single, name)
	f.multi = without(f.multi, name)
}

func put[V any](fields map[string]V, name string, value V) map[string]V {
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string]V{}
	}
	fields[name] = value
	return fields
}

func without[V any](fields map[string]V, name string) map[string]V {
	fields = maps.Clone(fields)
	maps.DeleteFunc(fields, func(k string, _ V) bool { return strings.EqualFold(k, name) })
	return fields
}

// appended never writes into the handler's own slice.
func appended(theirs, ours []string) []string {
	if len(ours) == 0 {
		return theirs
	}
	return slices.Concat(theirs, ours)
}
