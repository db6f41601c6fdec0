package cookiesession_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

func FuzzCookieHeader(f *testing.F) {
	secret := cookiesession.NewSecret()
	m := testkit.Manager(f, cookiesession.Config{Keyring: testkit.Ring(f, secret), MaxBytes: 16 << 10, TrackViews: true, OnEvent: func(context.Context, cookiesession.Event) {}})
	h := http.Header{}
	s := m.Open(f.Context())
	testkit.Must(s.Set("k", strings.Repeat("x", 4000)))
	testkit.Must(s.Flash("f", 1))
	testkit.Must(m.Commit(h, s, 303))
	var jar []string
	for _, c := range (&http.Response{Header: h}).Cookies() {
		jar = append(jar, c.Name+"="+c.Value)
	}
	f.Add(strings.Join(jar, "; "))
	f.Add(strings.Join(append(jar, jar...), ";"))
	f.Add(`s_session="` + (cookiesession.Key{Secret: secret}).ID() + `.2.AAAA.x"; s_session.1=AAAA.; s_session_flash.1; =; ;s_session_views`)
	f.Fuzz(func(t *testing.T, header string) {
		s := m.Open(t.Context(), header)
		if v := s.Value("k"); v != nil && v != strings.Repeat("x", 4000) {
			t.Errorf("a mix: %v", v)
		}
		s.Flashes()
		h := http.Header{}
		if err := m.Commit(h, s, 200); err != nil {
			t.Error(err)
		}
		for _, line := range h["Set-Cookie"] {
			if len(line) > 4093 || strings.ContainsAny(line, "\r\n\x00") || !strings.HasPrefix(line, "s_session") {
				t.Errorf("Set-Cookie: %q", line)
			}
		}
	})
}

// FuzzOpen: no Cookie header makes anything panic. A session opens only if it was
// sealed, so its values are those of one of the vectors.
func FuzzOpen(f *testing.F) {
	m := vectors.Opener(f, cookiesession.Config{})
	sealed := map[string]bool{"{}": true}
	all, _ := vectors.Read(f)
	for _, v := range all {
		if len(v.Cookie) < 500 && v.Config.Name == "session" {
			f.Add(v.Cookie)
		}
		if v.Want != nil && v.Compartment == "data" {
			sealed[vectors.JSON(f, v.Want.Values)] = true
		}
	}
	f.Fuzz(func(t *testing.T, header string) {
		s := m.Open(t.Context(), header)
		values := map[string]any{}
		for _, key := range s.Keys() {
			values[key] = vectors.Tag(s.Value(key))
		}
		if text := vectors.JSON(t, values); !sealed[text] {
			t.Fatalf("it opens as %s", text)
		}
		if (s.IsNew() || s.Rejected() != nil) && len(values) > 0 {
			t.Errorf("%d values, new %v, rejected %v", len(values), s.IsNew(), s.Rejected())
		}
		testkit.ReadEverything(t, s)
		testkit.WriteEverything(t, m, s)
	})
}

// FuzzJoin: chunks of two issues in any order and number, whole or damaged, give
// the one session, the other one, or none.
func FuzzJoin(f *testing.F) {
	m := vectors.Opener(f, cookiesession.Config{MaxBytes: 20000})
	var chunks []string
	texts := []string{strings.Repeat("one ", 1600), strings.Repeat("two ", 1600)}
	for _, text := range texts {
		header := testkit.CommitAfter(f, m, "", func(s *cookiesession.Session) { testkit.NoError(f, s.Set("k", text)) })
		for pair := range strings.SplitSeq(header, "; ") {
			if !strings.Contains(pair, "_views=") {
				chunks = append(chunks, pair)
			}
		}
	}
	if len(chunks) != 6 && len(chunks) != 8 {
		f.Fatalf("%d chunks of two issues", len(chunks))
	}
	n := len(chunks)
	f.Add([]byte{0, 1, 2})
	f.Add([]byte{byte(n - 1), byte(n - 2), byte(n - 3)})
	f.Add([]byte{0, 0, 1, 4, 2, 3, 5})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0x80, 0x41, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 64 {
			return
		}
		var header []string
		for i, c := range script {
			chunk := chunks[int(c&0x3f)%n]
			if c&0x80 != 0 { // under the name of the next
				chunk = strings.Replace(chunk, "s_session.1", "s_session.2", 1)
			}
			if c&0x40 != 0 { // one character changed
				at := len("s_session=") + i*7%(len(chunk)-len("s_session="))
				chunk = chunk[:at] + "A" + chunk[at+1:]
			}
			header = append(header, chunk)
		}
		got := cookiesession.GetOr(m.Open(t.Context(), strings.Join(header, "; ")), "k", "")
		if got != "" && !slices.Contains(texts, got) {
			t.Errorf("a mix of issues opens: %d bytes that begin with %.8q", len(got), got)
		}
	})
}

// FuzzPayload: nothing panics, whatever is inside an authentic cookie. What a
// session shows of it is still there after another key was written.
func FuzzPayload(f *testing.F) {
	names := []string{"data", "flash", "views"}
	for _, c := range vectors.HostilePayloads() {
		f.Add(uint8(slices.Index(names, c.Compartment)), c.Bytes)
	}
	all, _ := vectors.Read(f)
	for _, v := range all {
		if v.Want != nil && len(v.Payload) < 500 {
			f.Add(uint8(slices.Index(names, v.Compartment)), v.Payload)
		}
	}
	for _, value := range vectors.OddValues {
		f.Add(uint8(0), slices.Concat([]byte{0x96, 1, 0xc4, 16}, vectors.IVNamed("id"), []byte{1, 1, 0xc0, 0x81, 0xa1, 'k'}, value))
	}
	m := vectors.Opener(f, cookiesession.Config{FlashLifetime: 100 * 365 * 24 * time.Hour, MaxBytes: 60000})
	f.Fuzz(func(t *testing.T, compartment uint8, payload []byte) {
		v := vectors.Sealed(testkit.Formats[compartment/3%2], names[compartment%3], payload)
		s := m.Open(t.Context(), v.Cookie)
		testkit.ReadEverything(t, s)
		kept := s.All()
		delete(kept, "added")
		if s.Rejected() == nil && v.Compartment == "data" && len(payload) < 5000 {
			changed := testkit.CommitAfter(t, m, v.Cookie, func(s *cookiesession.Session) { _ = s.Set("added", 1) })
			again := m.Open(t.Context(), changed).All()
			delete(again, "added")
			if want, got := fmt.Sprintf("%#v", kept), fmt.Sprintf("%#v", again); want != got {
				t.Errorf("before a write it holds %s, after it %s", want, got)
			}
		}
		testkit.WriteEverything(t, m, s)
	})
}

// FuzzHeaderAsNetHTTP: we and net/http find the same cookies of ours in a header.
// Cookies whose value net/http does not accept are the exception: we find and
// refuse them later. Deny shows what was found, because it deletes all of it.
func FuzzHeaderAsNetHTTP(f *testing.F) {
	m := vectors.Opener(f, cookiesession.Config{})
	real := testkit.CommitAfter(f, m, "", testkit.Set("user", "alice"))
	authentic := testkit.CookiesOf(real)["s_session"][0]
	for _, seed := range [][2]string{
		{"", ""}, {"other=1; ", "; third=3"}, {"s_session=", ";"}, {" \t", " \t"}, {"s_session=x; ", ""}, {`"`, `"`}, {"s_session_flash=a;s_session.1=b;", ";s_session_test=1"},
		{"s_session.01=a; s_session.+1=b; s_session.1 =c; ", "; s_session.1000000=d"}, {"S_SESSION=a; __Host-s_session=b; ", "; s_session2=c"},
		{"a=\"b;c\"; ", ""}, {",", ","}, {"s_session", "="}, {"\x00=1; s_session\x00=2; ", "\x7f"}, {"$Version=1; ", "; $Path=/"}, {"=", ""}, {"s_session=a,b; ", " x"}, {"s_session==", "=="},
	} {
		f.Add(seed[0], seed[1])
	}
	ours := regexp.MustCompile(`^s_session(_flash|_views)?(\.[1-9][0-9]{0,5})?$|^s_session_test$`)
	f.Fuzz(func(t *testing.T, before, after string) {
		header := before + "s_session=" + authentic + after
		if strings.ContainsAny(header, "\r\n") {
			return // no server lets line breaks in, and net/http trims them
		}
		r := http.Request{Header: http.Header{"Cookie": {header}}}
		theirs := map[string]bool{}
		found := false
		for _, c := range r.Cookies() {
			if ours.MatchString(c.Name) {
				theirs[c.Name] = true
			}
			found = found || c.Name == "s_session" && c.Value == authentic
		}
		lenient, tries := namesIn(header, ours)

		s := m.Open(t.Context(), header)
		if opens := s.Value("user") == "alice"; found && !opens && tries["s_session"] <= 8 {
			t.Errorf("net/http finds the session in %q, we do not: %v", header, s.Rejected())
		} else if opens && !lenient["s_session"] {
			t.Errorf("a session opens out of %q, where there is none", header)
		}
		s.Deny()
		h := http.Header{}
		if err := m.Commit(h, s, 302); err != nil {
			t.Fatal(err)
		}
		deleted := map[string]bool{}
		for _, line := range h["Set-Cookie"] {
			name, _, _ := strings.Cut(line, "=")
			deleted[name] = true
			if !lenient[name] {
				t.Errorf("%s is deleted, and was not in %q", name, header)
			}
		}
		if len(deleted) >= 64 {
			return // one response deletes no more
		}
		for name := range theirs {
			if !deleted[name] {
				t.Errorf("net/http finds %s in %q, we do not", name, header)
			}
		}
	})
}

// namesIn finds every name of ours that the most lenient reader could find in a
// Cookie header, and how often.
func namesIn(header string, ours *regexp.Regexp) (names map[string]bool, times map[string]int) {
	names, times = map[string]bool{}, map[string]int{}
	for pair := range bytes.SplitSeq([]byte(header), []byte(";")) {
		name, _, _ := bytes.Cut(bytes.Trim(pair, " \t"), []byte("="))
		if name := string(bytes.Trim(name, " \t")); ours.MatchString(name) {
			names[name] = true
			times[name]++
		}
	}
	return names, times
}
