package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cookiesessiontest"
)

// inspected runs the command on input, with the key of secret.
func inspected(t *testing.T, secret cookiesession.Secret, input string, args ...string) ran {
	t.Helper()
	var out, err bytes.Buffer
	env := func(name string) string { return map[string]string{"SESSION_KEYS": secret.Reveal()}[name] }
	code := run(t.Context(), append([]string{"inspect"}, args...), stdio{in: strings.NewReader(input), out: &out, err: &err, env: env})
	if secret.Reveal() != "" && strings.Contains(out.String()+err.String(), secret.Reveal()) {
		t.Error("the secret is printed")
	}
	return ran{code, out.String(), err.String()}
}

// inspectJar makes the cookies of a session, as http knows them.
func inspectJar(t *testing.T, key cookiesession.Key, cfg cookiesession.Config, prepare func(*cookiesession.Session)) []*http.Cookie {
	t.Helper()
	ring, err := cookiesession.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keyring = ring
	m := cookiesessiontest.NewManager(t, cfg)
	return cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), prepare).Cookies()
}

func cookieHeader(cookies []*http.Cookie) string {
	var pairs []string
	for _, c := range cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return "Cookie: " + strings.Join(pairs, "; ")
}

func ada(s *cookiesession.Session) {
	s.Update(map[string]any{"user": "Ada", "n": math.MaxInt64})
}

func says(t *testing.T, got ran, code int, wants ...string) {
	t.Helper()
	if got.code != code || got.err != "" {
		t.Errorf("code %d, want %d; standard error %q", got.code, code, got.err)
	}
	for _, want := range wants {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in\n%s", want, got.out)
		}
	}
}

func TestInspectTakesCookiesAsPeopleCopyThem(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	short := inspectJar(t, key, cookiesession.Config{}, ada)
	long := inspectJar(t, key, cookiesession.Config{}, func(s *cookiesession.Session) {
		ada(s)
		s.Set("long", strings.Repeat("x", 3000))
	})
	if len(short) != 1 || len(long) < 2 {
		t.Fatalf("%d and %d cookies: this test would show nothing", len(short), len(long))
	}
	var setLines, values, pairs []string
	for _, c := range long {
		setLines = append(setLines, "Set-Cookie: "+c.String()+"; Path=/; Max-Age=100; HttpOnly; Secure")
		values = append(values, c.Value)
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	for _, test := range []struct {
		name, input string
		args        []string
		cookies     int
	}{
		{"a value alone", short[0].Value, nil, 1},
		{"a value in quotes", `"` + short[0].Value + `"`, nil, 1},
		{"a Cookie line", cookieHeader(short), nil, 1},
		{"other cookies beside it", "cookie: theme=dark; s_=1; s_session.x=3; " + cookieHeader(short)[8:] + "; x=\"a,b\"", nil, 1},
		{"a Set-Cookie line", "set-cookie:" + short[0].String() + "; Path=/", nil, 1},
		{"a pair", short[0].Name + "=" + short[0].Value, nil, 1},
		{"what curl -v prints", "> GET / HTTP/2\n> Host: example.com\n> " + cookieHeader(short) + "\n>\n", nil, 1},
		{"a whole response", "HTTP/1.1 200 OK\r\nDate: today\r\nSet-Cookie: " + short[0].String() + "\r\n\r\n", nil, 1},
		{"a long session on one line", cookieHeader(long), nil, len(long)},
		{"a long session in Set-Cookie lines", strings.Join(setLines, "\n"), nil, len(long)},
		{"a long session in pairs, last first", strings.Join(reversed(pairs), "\n"), nil, len(long)},
		{"a long session as values", strings.Join(values, "\n"), nil, len(long)},
		{"a long session as values with its name", strings.Join(values, "\n\n"), []string{"-name", "session"}, len(long)},
	} {
		t.Run(test.name, func(t *testing.T) {
			says(t, inspected(t, key.Secret, test.input, test.args...), exitDone,
				`"s_session" (data): `+fmt.Sprint(test.cookies)+" cookie", key.ID()+" (sealing), securecookie",
				`"user" "Ada"`, `"n" 9223372036854775807`, "by idle timeout")
		})
	}
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func TestInspectShowsEveryCompartment(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret(), Format: cookiesession.FormatCompact}
	cookies := inspectJar(t, key, cookiesession.Config{Name: "shop", HostPrefix: true, TrackViews: true}, func(s *cookiesession.Session) {
		ada(s)
		s.Flash("user", "flashed")
		s.SetTestCookie()
	})
	got := inspected(t, key.Secret, cookieHeader(cookies))
	says(t, got, exitDone,
		`"__Host-s_shop" (data)`, `"__Host-s_shop_flash" (flash)`, `"__Host-s_shop_views" (views)`, `"__Host-s_shop_test" (test)`,
		key.ID()+" (sealing), compact", `"user" "Ada"`, `"user" "flashed"`, "1, of them 0 pages (0 different) and 1 errors")
	if strings.Contains(got.out, "another session") {
		t.Error("the views are this session's:\n" + got.out)
	}
}

func TestInspectShowsTheHistory(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	m := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring, TrackViews: true})
	w := httptest.NewRecorder()
	m.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/missing?q=1", nil))
	input := cookieHeader(w.Result().Cookies())
	says(t, inspected(t, key.Secret, input), exitDone, "404  /missing\n", "1, of them 0 pages")
	if got := inspected(t, key.Secret, input, "-keys-only"); strings.Contains(got.out, "missing") {
		t.Error("-keys-only prints paths:\n" + got.out)
	}
	other := inspectJar(t, key, cookiesession.Config{}, ada)
	says(t, inspected(t, key.Secret, input+"; "+cookieHeader(other)[8:]), exitDone, "of another session than the data")
}

func TestInspectLeavesValuesOut(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	input := cookieHeader(inspectJar(t, key, cookiesession.Config{}, func(s *cookiesession.Session) {
		ada(s)
		s.Flash("notice", "private")
	}))
	for _, args := range [][]string{{"-keys-only"}, {"-keys-only", "-json"}} {
		got := inspected(t, key.Secret, input, args...)
		if says(t, got, exitDone, "user", "notice"); strings.Contains(got.out, "Ada") || strings.Contains(got.out, "private") {
			t.Errorf("%v prints values:\n%s", args, got.out)
		}
	}
}

func TestInspectPrintsJSONForPrograms(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	cookies := inspectJar(t, key, cookiesession.Config{}, ada)
	got := inspected(t, key.Secret, cookieHeader(cookies), "-json")
	var out struct {
		Cookies []struct {
			Cookie, Kind  string
			Chunks, Bytes int
			Key           struct{ ID, State, Format string }
			Sealed        time.Time
			Session       struct {
				ID                        string
				Created, Changed, Expires time.Time
			}
			Entries []struct {
				Key   string
				Bytes int
				Value any
			}
		}
	}
	if err := json.Unmarshal([]byte(got.out), &out); err != nil || len(out.Cookies) != 1 {
		t.Fatalf("%v in\n%s", err, got.out)
	}
	c := out.Cookies[0]
	if c.Cookie != "s_session" || c.Kind != "data" || c.Chunks != 1 || c.Bytes != len(cookies[0].Name)+len(cookies[0].Value) {
		t.Errorf("the cookie is %+v", c)
	}
	if c.Key.ID != key.ID() || c.Key.State != "sealing" || c.Key.Format != "securecookie" || c.Sealed.IsZero() {
		t.Errorf("the key is %+v, sealed %v", c.Key, c.Sealed)
	}
	if s := c.Session; len(s.ID) != 22 || s.Created.IsZero() || !s.Expires.Equal(s.Changed.Add(14*24*time.Hour)) {
		t.Errorf("the session is %+v", s)
	}
	// "user" and "Ada" behind its 1 byte of length; "n" and 9 bytes of integer.
	want := "[{n 10 9.223372036854776e+18} {user 8 Ada}]"
	if fmt.Sprint(c.Entries) != want {
		t.Errorf("entries %v, want %s", c.Entries, want)
	}
}

func TestInspectTellsWhenASessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := cookiesession.Key{Secret: cookiesession.NewSecret()}
		with := func(e cookiesession.Expiry) string {
			return cookieHeader(inspectJar(t, key, cookiesession.Config{}, func(s *cookiesession.Session) {
				ada(s)
				s.SetExpiry(e)
			}))
		}
		policy, idle := with(cookiesession.Expiry{}), with(cookiesession.Idle(time.Hour))
		instant, browser := with(cookiesession.At(time.Now().Add(2*time.Hour))), with(cookiesession.BrowserClose())
		time.Sleep(time.Minute)
		for _, test := range []struct {
			name, input string
			args, wants []string
		}{
			{"policy", policy, nil, []string{"(1m0s ago)", "(in 13 days 23 hours), by idle timeout"}},
			{"another policy", policy, []string{"-idle", "2h"}, []string{"(in 1h59m0s), by idle timeout"}},
			{"an absolute timeout", policy, []string{"-absolute", "30m"}, []string{"(in 29m0s), by absolute timeout"}},
			{"an idle timeout of its own", idle, []string{"-idle", "2h"}, []string{"(in 59m0s), by an idle timeout of its own"}},
			{"an instant", instant, nil, []string{"(in 1h59m0s), by an instant that was set"}},
			{"the browser's end", browser, nil, []string{"by the browser's end"}},
		} {
			t.Log(test.name) // no subtests in a bubble
			says(t, inspected(t, key.Secret, test.input, test.args...), exitDone, test.wants...)
		}
		time.Sleep(time.Hour)
		says(t, inspected(t, key.Secret, policy, "-idle", "1h"), exitFailed, "refused  session expired", `"user" "Ada"`, "(1m0s ago), by idle timeout")
		says(t, inspected(t, key.Secret, idle), exitFailed, "refused  session expired, by a deadline that the application gave it")
	})
}

func TestInspectCountsViewsAsActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := cookiesession.Key{Secret: cookiesession.NewSecret()}
		ring, err := cookiesession.NewKeyring(key)
		if err != nil {
			t.Fatal(err)
		}
		m := cookiesessiontest.NewManager(t, cookiesession.Config{Keyring: ring, TrackViews: true})
		r := cookiesessiontest.Request(t, m, httptest.NewRequest("GET", "/", nil), ada)
		time.Sleep(time.Hour)
		w := httptest.NewRecorder()
		m.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
		data, err := r.Cookie("s_session")
		if err != nil {
			t.Fatal(err)
		}
		says(t, inspected(t, key.Secret, cookieHeader(append(w.Result().Cookies(), data)), "-idle", "2h"), exitDone, "(in 2h0m0s), by idle timeout")
	})
}

func TestInspectGivesTheReasonOfARefusal(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	stranger := cookiesession.Key{Secret: cookiesession.NewSecret()}
	short := inspectJar(t, key, cookiesession.Config{}, ada)[0].Value
	long := inspectJar(t, key, cookiesession.Config{}, func(s *cookiesession.Session) { s.Set("long", strings.Repeat("x", 3000)) })
	flash := inspectJar(t, stranger, cookiesession.Config{}, func(s *cookiesession.Session) { s.Flash("a", 1) })
	middle := len(short) / 2
	swapped := short[:middle] + string(rune('A'+(short[middle]-'A'+1)%26)) + short[middle+1:]
	for _, test := range []struct{ name, input, want string }{
		{"changed", "s_session=" + swapped, "invalid cookie: changed, incomplete, or sealed under another name than s_session"},
		{"another name", "s_other=" + short, "sealed under another name than s_other"},
		{"no key id", "s_session=nonsense", "it does not begin with a key id"},
		{"an unknown key", cookieHeader(flash), "cookie sealed with an unknown key: " + stranger.ID() + " is not in these keys"},
		{"a chunk is missing", "s_session=" + long[0].Value, "1 of its 2 cookies are here"},
		{"the first cookie is missing", "s_session.1=" + long[1].Value, "only continuations came, and no cookie s_session"},
	} {
		t.Run(test.name, func(t *testing.T) {
			says(t, inspected(t, key.Secret, test.input), exitFailed, "refused", test.want)
			says(t, inspected(t, key.Secret, test.input, "-json"), exitFailed, `"refused": "`)
		})
	}
	t.Run("a refused one hides no other", func(t *testing.T) {
		says(t, inspected(t, key.Secret, "s_other="+short+"\ns_session="+short), exitFailed, "refused", `"user" "Ada"`)
	})
	t.Run("several of one name are told apart", func(t *testing.T) {
		says(t, inspected(t, key.Secret, "s_session="+swapped+"; s_session="+short), exitFailed, "refused", `"user" "Ada"`, "one of several under this name")
	})
	t.Run("cookies of other programs can be left out", func(t *testing.T) {
		says(t, inspected(t, key.Secret, "Cookie: s_cc=true; s_session="+short), exitFailed, `"s_cc" (data)`, "refused", `"user" "Ada"`)
		for _, name := range []string{"session", "s_session", "s_session_flash"} {
			got := inspected(t, key.Secret, "Cookie: s_cc=true; s_session="+short, "-name", name)
			if says(t, got, exitDone, `"user" "Ada"`); strings.Contains(got.out, "s_cc") {
				t.Errorf("-name %s shows others:\n%s", name, got.out)
			}
		}
	})
	t.Run("whatever stands there", func(t *testing.T) {
		for _, input := range []string{
			"s_a b=x", "s_a_flash_flash=x", "s_session=" + key.ID() + ".99999999999999999999.abcd.x", "s_session=" + key.ID() + ".2..", "s_session=....",
			"s_session=" + key.ID() + ".", "s_session.1=a; s_session.64=b; s_session=" + key.ID() + ".64.abcd.x", "s_session=\x00\xff", "s_session_views=" + short,
			"s_session_flash=" + short, "Cookie:;;;=;s_x=1;", "s_session=" + strings.Repeat("A", 100_000),
		} {
			got := inspected(t, key.Secret, input)
			says(t, got, exitFailed, "refused")
		}
	})
	t.Run("a deletion is no refusal", func(t *testing.T) {
		says(t, inspected(t, key.Secret, "Set-Cookie: s_session=; Path=/; Max-Age=0\nSet-Cookie: s_session.1=; Path=/; Max-Age=0"), exitDone, `"s_session" (data): deletes this cookie`)
	})
}

func TestInspectEndsSoonWhateverStandsThere(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	var half, tagged, distinct strings.Builder
	for i := range 500 {
		if i < 16 {
			fmt.Fprintf(&half, "s_session=%s.%d; ", key.ID(), i)
			fmt.Fprintf(&tagged, "s_session=%s.64.tags.%d; ", key.ID(), i)
		}
		fmt.Fprintf(&half, "s_session.%d=%s; ", i+1, strings.Repeat("x", 2000))
		fmt.Fprintf(&tagged, "s_session.%d=tags.%s; ", i+1, strings.Repeat("x", 2000))
		fmt.Fprintf(&distinct, "s_%d=x; s_x%d_flash=y; ", i, i)
	}
	for name, input := range map[string]string{"continuations of one name": half.String(), "continuations of one tag": tagged.String(), "a name for each": distinct.String()} {
		start := time.Now()
		if got := inspected(t, key.Secret, "Cookie: "+input); got.code != exitFailed || !strings.Contains(got.out, "refused") {
			t.Errorf("%s: code %d, %s", name, got.code, got.err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

func TestInspectReadsAKeyFileAndItsDates(t *testing.T) {
	old, next := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
	input := cookieHeader(inspectJar(t, old, cookiesession.Config{}, ada))
	file := filepath.Join(t.TempDir(), "keys.json")
	write := func(until string) {
		text := fmt.Sprintf(`{"keys":[{"secret":%q},{"secret":%q,"seal_from":"2020-01-01T00:00:00Z","open_until":%q}]}`, next.Secret.Reveal(), old.Secret.Reveal(), until)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2100-01-01T00:00:00Z")
	says(t, inspected(t, next.Secret, input, "-keys", file), exitDone, `"user" "Ada"`, old.ID())
	write("2021-01-01T00:00:00Z")
	says(t, inspected(t, next.Secret, input, "-keys", file), exitFailed, old.ID()+" is past its open_until")
}

func TestInspectKeepsControlCharactersFromTheTerminal(t *testing.T) {
	key := cookiesession.Key{Secret: cookiesession.NewSecret()}
	input := cookieHeader(inspectJar(t, key, cookiesession.Config{}, func(s *cookiesession.Session) {
		s.Set("key\x1b[2J", "value\x1b]0;title\a\u009b31m\u202e")
		s.Set("odd", []any{math.NaN(), "\xff", time.Unix(0, 0), []byte{1}})
	}))
	for _, input := range []string{input, "s_\x1b[2Jname\u009b31m=" + key.ID() + ".x; s_session.1=\x1b[2J\u202e; " + input[len("Cookie: "):]} {
		for _, args := range [][]string{nil, {"-json"}} {
			got := inspected(t, key.Secret, input, args...)
			if !strings.Contains(got.out, `\u001b]0;title`) || !strings.Contains(got.out, "NaN") {
				t.Errorf("the values are not there:\n%s", got.out)
			}
			if args != nil && !json.Valid([]byte(got.out)) {
				t.Errorf("no JSON:\n%s", got.out)
			}
			if i := strings.IndexFunc(got.out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%q in the output", got.out[i:i+4])
			}
		}
	}
}

func TestInspectSaysWhatIsMissing(t *testing.T) {
	secret := cookiesession.NewSecret()
	for _, test := range []struct {
		name   string
		secret cookiesession.Secret
		input  string
		args   []string
		code   int
		err    string
	}{
		{"no keys", cookiesession.Secret{}, "x", nil, exitFailed, "no keys: -keys names a key file"},
		{"no key file", secret, "x", []string{"-keys", "testdata/none.json"}, exitFailed, "cannot use the key file of -keys"},
		{"nothing on standard input", secret, "", nil, exitFailed, "no session cookie on standard input"},
		{"cookies of others", secret, "Cookie: theme=dark; s_=1; s__flash=1; _test=1; s=1", nil, exitFailed, "no session cookie among the 5 cookies on standard input"},
		{"cookies of other names", secret, "Cookie: s_shop=x; s_a\x1b[2J=x; theme=dark", []string{"-name", "session"}, exitFailed, `no session cookie named "s_session" on standard input; there are cookies of "s_shop", "s_a\x1b[2J"`},
		{"a flood of cookies", secret, "Cookie: " + strings.Repeat("a=1;", 1001), nil, exitFailed, "more than 1000 cookies"},
		{"a flood of one name", secret, "Cookie: " + strings.Repeat("s_a=1;", 17), nil, exitFailed, "more than 16 of one name"},
		{"a flood of lines", secret, strings.Repeat("a=1\n", 1001), nil, exitFailed, "more than 1000 cookies"},
		{"more than browsers send", secret, strings.Repeat("x", 1<<20) + "s_session=1", nil, exitFailed, "more than 1048576 bytes"},
		{"a sentence", secret, "\nhello there", nil, exitFailed, "no session cookie on standard input"},
		{"a broken Set-Cookie line", secret, "\nSet-Cookie: =", nil, exitFailed, "line 2 of standard input is a Set-Cookie line that browsers"},
		{"a cookie as an argument", secret, "", []string{"s_session=x"}, exitUsage, "cookies are read from standard input"},
		{"an unknown flag", secret, "", []string{"-k"}, exitUsage, `"cookiesession inspect -h" shows how`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := inspected(t, test.secret, test.input, test.args...)
			if got.code != test.code || got.out != "" || !strings.Contains(got.err, test.err) {
				t.Errorf("code %d, out %q, err %q", got.code, got.out, got.err)
			}
			if strings.Contains(got.err, "s_session=x") {
				t.Error("an argument that may be a cookie is repeated")
			}
		})
	}
}
