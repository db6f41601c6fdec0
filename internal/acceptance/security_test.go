package acceptance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

// SECURITY.md names the CVEs of this file. Each is a mistake of another program,
// with the test that would have found it in this package.

// compartments say how to make a real cookie of each kind, and how to see whether
// it opens.
var compartments = []struct {
	name    string
	prepare func(*cookiesession.Session)
	shows   func(*cookiesession.Session) string // "" when nothing opened
}{
	{"data", func(s *cookiesession.Session) { _ = s.Set("user", "alice") }, func(s *cookiesession.Session) string { return cookiesession.GetOr(s, "user", "") }},
	{"flash", func(s *cookiesession.Session) { _ = s.Flash("notice", "saved") }, func(s *cookiesession.Session) string { return cookiesession.GetOr(s, "notice", "") }},
	{"views", func(*cookiesession.Session) {}, func(s *cookiesession.Session) string {
		if n := s.Views().Requests; n > 1 {
			return fmt.Sprint(n)
		}
		return ""
	}},
	{"data in several cookies", func(s *cookiesession.Session) { _ = s.Set("user", strings.Repeat("alice", 700)) },
		func(s *cookiesession.Session) string { return cookiesession.GetOr(s, "user", "") }},
}

// eachCompartment runs test with a real Cookie header of each compartment, in
// each format.
func eachCompartment(t *testing.T, test func(t *testing.T, m *cookiesession.Manager, cookie string, shows func(*cookiesession.Session) string)) {
	for _, format := range testkit.Formats {
		for _, c := range compartments {
			t.Run(string(format)+" "+c.name, func(t *testing.T) {
				m := testkit.QuietManager(t, cookiesession.Config{TrackViews: c.name == "views"}, format)
				cookie := testkit.CommitAfter(t, m, "", c.prepare)
				if got := c.shows(m.Open(t.Context(), cookie)); got == "" {
					t.Fatalf("%q does not open", cookie)
				}
				test(t, m, cookie, c.shows)
			})
		}
	}
}

// TestEveryBitAndEveryCutOfARealCookieIsRefused is CVE-2026-40372 (ASP.NET Core
// Data Protection). A refactoring had the MAC computed over other bytes than
// those that were used. So changed bytes were accepted.
func TestEveryBitAndEveryCutOfARealCookieIsRefused(t *testing.T) {
	eachCompartment(t, func(t *testing.T, m *cookiesession.Manager, cookie string, shows func(*cookiesession.Session) string) {
		want := shows(m.Open(t.Context(), cookie))
		step := 1 + len(cookie)/400
		try := func(changed string) {
			got := shows(m.Open(t.Context(), changed))
			if got == "" || got == want && sameBytes(cookie, changed) {
				return
			}
			t.Fatalf("%q opens, made of %q", changed, cookie)
		}
		for i := strings.IndexByte(cookie, '=') + 1; i < len(cookie); i += step {
			for bit := range 8 {
				changed := []byte(cookie)
				changed[i] ^= 1 << bit
				try(string(changed))
			}
			try(cookie[:i])
			try(cookie[:i] + cookie[i+1:])
			try(cookie[:i] + "A" + cookie[i:])
		}
	})
}

// sameBytes reports whether two Cookie headers hold the same sealed bytes under
// our names. They may differ in other cookies, quotes and spaces, and in how the
// bytes are written: the base64 of gorilla/securecookie is lenient.
func sameBytes(a, b string) bool {
	x, y := testkit.CookiesOf(a), testkit.CookiesOf(b)
	for name, values := range x {
		if len(y[name]) == 0 {
			return false
		}
		id1, t1, _ := strings.Cut(values[0], ".")
		id2, t2, _ := strings.Cut(strings.TrimRight(y[name][0], " \t"), ".")
		b1, _ := base64.URLEncoding.DecodeString(t1)
		b2, _ := base64.URLEncoding.DecodeString(t2)
		if id1 != id2 || t1 != t2 && (len(b1) == 0 || string(b1) != string(b2)) {
			return false
		}
	}
	return true
}

func TestChunksOfDifferentGenerationsNeverMix(t *testing.T) {
	for _, format := range testkit.Formats {
		m := testkit.QuietManager(t, cookiesession.Config{MaxBytes: 20000}, format)
		var generations [2][]string
		for i, text := range []string{"old ", "new "} {
			cookie := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) { testkit.NoError(t, s.Set("k", strings.Repeat(text, 2400))) })
			generations[i] = strings.Split(cookie, "; ")
		}
		n := len(generations[0])
		if n < 4 || n != len(generations[1]) {
			t.Fatalf("%d and %d cookies", n, len(generations[1]))
		}
		for mix := range 1 << n {
			var chunks []string
			for i := range n {
				chunks = append(chunks, generations[mix>>i&1][i])
			}
			got := cookiesession.GetOr(m.Open(t.Context(), strings.Join(chunks, "; ")), "k", "")
			want := map[int]string{0: "old ", 1<<n - 1: "new "}[mix]
			if got != strings.Repeat(want, 2400) {
				t.Errorf("%s, mix %b: %d bytes that begin with %.4q, want %q", format, mix, len(got), got, want)
			}
		}
	}
}

// TestACookieHoldsForItsOwnNameOnly is CVE-2026-6873 (Django). Name and value were
// signed one after the other, without a length. So the signature was also good
// for a longer name with a shorter value.
func TestACookieHoldsForItsOwnNameOnly(t *testing.T) {
	for _, format := range testkit.Formats {
		ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})
		testkit.NoError(t, err)
		type home struct {
			m     *cookiesession.Manager
			name  string
			shows func(*cookiesession.Session) string
		}
		var homes []home
		values := map[string]string{}
		for _, cfg := range []cookiesession.Config{{Name: "a"}, {Name: "ab"}, {Name: "a_b"}, {Name: "A"}, {Name: "a", HostPrefix: true}} {
			cfg.Keyring, cfg.TrackViews = ring, true
			m := testkit.QuietManager(t, cfg, format)
			for _, c := range compartments[:3] {
				name := "s_" + cfg.Name
				if cfg.HostPrefix {
					name = "__Host-" + name
				}
				if c.name != "data" {
					name += "_" + c.name
				}
				values[name] = testkit.CookiesOf(testkit.CommitAfter(t, m, "", c.prepare))[name][0]
				homes = append(homes, home{m, name, c.shows})
			}
		}
		for _, h := range homes {
			for name, value := range values {
				got := h.shows(h.m.Open(t.Context(), h.name+"="+value))
				if (got != "") != (name == h.name) {
					t.Errorf("%s: the value of %s shows %q under %s", format, name, got, h.name)
				}
			}
		}
	}
}

// TestWhatNoKeySealedIsNeverDecoded is CVE-2026-39324 (rack-session). What could
// not be decrypted was given to a decoder that needs no key.
func TestWhatNoKeySealedIsNeverDecoded(t *testing.T) {
	for _, format := range testkit.Formats {
		m := testkit.QuietManager(t, cookiesession.Config{}, format)
		cookie := testkit.CommitAfter(t, m, "", compartments[0].prepare)
		id := strings.Split(testkit.CookiesOf(cookie)["s_session"][0], ".")[0]
		now := time.Now().Unix()
		plain := append([]byte{0x96, 1, 0xc4, 16}, make([]byte, 16)...)
		plain = append(plain, 0xce, byte(now>>24), byte(now>>16), byte(now>>8), byte(now), 0xce, byte(now>>24), byte(now>>16), byte(now>>8), byte(now))
		plain = append(append(plain, 0xc0, 0x81, 0xa4), "user\xa5alice"...)
		inner := base64.URLEncoding.EncodeToString(append(make([]byte, 16), plain...))
		for name, text := range map[string]string{
			"plain msgpack":                plain64(plain),
			"msgpack behind an IV":         plain64(append(make([]byte, 16), plain...)),
			"compact without encryption":   plain64(append([]byte{1}, plain...)),
			"compact with an empty MAC":    plain64(append(append([]byte{1}, make([]byte, 16)...), append(plain, make([]byte, 16)...)...)),
			"securecookie without a MAC":   base64.URLEncoding.EncodeToString([]byte(fmt.Sprintf("%d|%s|", now, inner))),
			"securecookie with a MAC of 0": base64.URLEncoding.EncodeToString([]byte(fmt.Sprintf("%d|%s|%s", now, inner, make([]byte, 32)))),
			"JSON":                         base64.URLEncoding.EncodeToString([]byte(`{"user":"alice"}`)),
			"JSON as it stands":            `{"user":"alice"}`,
		} {
			for _, value := range []string{text, id + "." + text, "." + text, "AAAA." + text, "none." + text, id + ".1.tttt." + text} {
				s := m.Open(t.Context(), "s_session="+value)
				if s.Len() != 0 || !s.IsNew() || s.Rejected() == nil {
					t.Errorf("%s, %s: %q opens", format, name, value)
				}
			}
		}
	}
}

func plain64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// TestTheNewestKeySealsAndNotAnOlderOne is CVE-2025-47278 (Flask). Where there
// were fallback keys, one of them signed instead of the current key.
func TestTheNewestKeySealsAndNotAnOlderOne(t *testing.T) {
	secrets := []cookiesession.Secret{cookiesession.NewSecret(), cookiesession.NewSecret(), cookiesession.NewSecret()}
	keys := make([]cookiesession.Key, 3)
	for i, s := range secrets {
		keys[i].Secret = s
	}
	ring, err := cookiesession.NewKeyring(keys...)
	testkit.NoError(t, err)
	dated := slices.Clone(keys)
	dated[1].SealFrom, dated[2].SealFrom = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	later, err := cookiesession.NewKeyring(dated...)
	testkit.NoError(t, err)
	for name, c := range map[string]struct {
		ring *cookiesession.Keyring
		want string
	}{"the first of a list": {ring, keys[0].ID()}, "the latest whose time has come": {later, keys[1].ID()}} {
		m := testkit.QuietManager(t, cookiesession.Config{Keyring: c.ring, TrackViews: true}, "")
		cookie := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) {
			testkit.NoError(t, s.Set("k", 1))
			testkit.NoError(t, s.Flash("f", 1))
		})
		for cookieName, values := range testkit.CookiesOf(cookie) {
			if id, _, _ := strings.Cut(values[0], "."); id != c.want {
				t.Errorf("%s: %s is sealed with %s, want %s", name, cookieName, id, c.want)
			}
		}
		only, err := cookiesession.NewKeyring(cookiesession.Key{Secret: map[string]cookiesession.Secret{keys[0].ID(): secrets[0], keys[1].ID(): secrets[1]}[c.want]})
		testkit.NoError(t, err)
		if testkit.QuietManager(t, cookiesession.Config{Keyring: only}, "").Open(t.Context(), cookie).Value("k") == nil {
			t.Errorf("%s: its id is on the cookie, but another key sealed it", name)
		}
	}
}

// accesses has a call of every method of Session. The methods without one do not
// count as access.
var accesses = map[string]func(s *cookiesession.Session){
	"ID":                    func(s *cookiesession.Session) { s.ID() },
	"AddCheck":              nil, // registers only
	"IDBytes":               func(s *cookiesession.Session) { s.IDBytes() },
	"Identity":              func(s *cookiesession.Session) { s.Identity("test") },
	"Metadata":              func(s *cookiesession.Session) { s.Metadata("test") },
	"SetMetadata":           func(s *cookiesession.Session) { testkit.Must(s.SetMetadata("test", nil)) },
	"Created":               func(s *cookiesession.Session) { s.Created() },
	"IsNew":                 func(s *cookiesession.Session) { s.IsNew() },
	"Rejected":              func(s *cookiesession.Session) { _ = s.Rejected() },
	"Value":                 func(s *cookiesession.Session) { s.Value("k") },
	"Has":                   func(s *cookiesession.Session) { s.Has("k") },
	"Set":                   func(s *cookiesession.Session) { _ = s.Set("k", 1) },
	"SetDefault":            func(s *cookiesession.Session) { _, _ = s.SetDefault("user", 1) },
	"Update":                func(s *cookiesession.Session) { _ = s.Update(nil) },
	"Add":                   func(s *cookiesession.Session) { _, _ = s.Add("n", 1) },
	"Delete":                func(s *cookiesession.Session) { _ = s.Delete("not there") },
	"Keys":                  func(s *cookiesession.Session) { s.Keys() },
	"All":                   func(s *cookiesession.Session) { s.All() },
	"Len":                   func(s *cookiesession.Session) { s.Len() },
	"Clear":                 func(s *cookiesession.Session) { _ = s.Clear() },
	"Destroy":               func(s *cookiesession.Session) { _ = s.Destroy() },
	"CycleID":               func(s *cookiesession.Session) { _ = s.CycleID() },
	"MarkModified":          func(s *cookiesession.Session) { s.MarkModified() },
	"SetTestCookie":         func(s *cookiesession.Session) { s.SetTestCookie() },
	"TestCookieWorked":      func(s *cookiesession.Session) { s.TestCookieWorked() },
	"DeleteTestCookie":      func(s *cookiesession.Session) { s.DeleteTestCookie() },
	"Allowed":               func(s *cookiesession.Session) { s.Allowed() },
	"Allow":                 func(s *cookiesession.Session) { s.Allow() },
	"Deny":                  func(s *cookiesession.Session) { s.Deny() },
	"MarshalJSON":           func(s *cookiesession.Session) { _, _ = json.Marshal(s) },
	"Flash":                 func(s *cookiesession.Session) { _ = s.Flash("f", 1) },
	"FlashNow":              func(s *cookiesession.Session) { _ = s.FlashNow("f", 1) },
	"KeepFlash":             func(s *cookiesession.Session) { s.KeepFlash() },
	"ClearFlash":            func(s *cookiesession.Session) { s.ClearFlash() },
	"Flashes":               func(s *cookiesession.Session) { s.Flashes() },
	"SetExpiry":             func(s *cookiesession.Session) { s.SetExpiry(cookiesession.BrowserClose()) },
	"Expiry":                func(s *cookiesession.Session) { s.Expiry() },
	"ExpiresAt":             func(s *cookiesession.Session) { s.ExpiresAt() },
	"ExpiresIn":             func(s *cookiesession.Session) { s.ExpiresIn() },
	"ExpiresAtBrowserClose": func(s *cookiesession.Session) { s.ExpiresAtBrowserClose() },
	"Views":                 func(s *cookiesession.Session) { s.Views() },

	"Accessed": nil, "Modified": nil, "LogValue": nil, "Format": nil, "String": nil, "GoString": nil, // they tell nothing of what is in it
}

var accessFunctions = map[string]func(s *cookiesession.Session){
	"Get":   func(s *cookiesession.Session) { cookiesession.Get[string](s, "user") },
	"GetOr": func(s *cookiesession.Session) { cookiesession.GetOr(s, "user", "") },
	"Pop":   func(s *cookiesession.Session) { cookiesession.Pop[string](s, "not there") },
	"Edit": func(s *cookiesession.Session) {
		_ = cookiesession.Edit(s, "n", func(*int) error { return errors.New("no") })
	},
	"FuncMap": func(s *cookiesession.Session) { cookiesession.FuncMap(s)["session"].(func(string) any)("user") },
}

// TestEveryLookAtTheSessionVaries is CVE-2023-30861 and CVE-2026-27205 (Flask).
// After some ways to look at a session "Vary: Cookie" was missing, and caches gave
// one visitor's page to another. The list is compared with the methods that there
// are, so that no new one is forgotten.
func TestEveryLookAtTheSessionVaries(t *testing.T) {
	looks := map[string]func(*cookiesession.Session){}
	for i := range reflect.TypeFor[*cookiesession.Session]().NumMethod() {
		name := reflect.TypeFor[*cookiesession.Session]().Method(i).Name
		look, known := accesses[name]
		if !known {
			t.Errorf("Session.%s is in no list here: does a response that depends on it vary?", name)
		}
		looks["Session."+name] = look
	}
	for name, look := range accessFunctions {
		looks[name] = look
	}
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	cookie := testkit.CommitAfter(t, m, "", compartments[0].prepare)
	for name, look := range looks {
		for who, header := range map[string]string{"a visitor with a session": cookie, "one without": "", "one with a forged cookie": "s_session=AAAA.forged"} {
			w := testkit.Serve(m, header, func(w http.ResponseWriter, s *cookiesession.Session) {
				if look != nil {
					look(s)
				} else {
					s.Accessed()
					s.Modified()
					fmt.Fprintf(io.Discard, "%v %+v %#v %s", s, s, s, s)
					s.LogValue()
				}
			})
			varies := slices.Contains(w.Header().Values("Vary"), "Cookie")
			if varies != (look != nil) {
				t.Errorf("%s by %s: Vary %q", name, who, w.Header().Values("Vary"))
			}
			shared := len(w.Header()["Set-Cookie"]) > 0 || who == "a visitor with a session" && look != nil
			if private := w.Header().Get("Cache-Control") == "private"; shared && !private {
				t.Errorf("%s by %s: Cache-Control %q", name, who, w.Header().Get("Cache-Control"))
			}
		}
	}
}

// TestNoSharedCacheMayKeepASetCookie is CVE-2025-48947 (nextjs-auth0). Pages that
// the application had marked as public were cached with their Set-Cookie.
func TestNoSharedCacheMayKeepASetCookie(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	cookie := testkit.CommitAfter(t, m, "", compartments[0].prepare)
	writes := map[string]func(*cookiesession.Session){
		"a write":   func(s *cookiesession.Session) { _ = s.Set("k", 1) },
		"flash":     func(s *cookiesession.Session) { _ = s.Flash("k", 1) },
		"a logout":  func(s *cookiesession.Session) { _ = s.Destroy() },
		"a denial":  func(s *cookiesession.Session) { s.Deny() },
		"a test":    func(s *cookiesession.Session) { s.SetTestCookie() },
		"a renewal": func(s *cookiesession.Session) { s.MarkModified() },
	}
	for name, write := range writes {
		for _, said := range []string{"", "public", "public, max-age=3600", "s-maxage=60", "PUBLIC,S-MaxAge=60", "private=\"Set-Cookie\", public", "max-age=3600"} {
			w := testkit.Serve(m, cookie, func(w http.ResponseWriter, s *cookiesession.Session) {
				if said != "" {
					w.Header().Set("Cache-Control", said)
				}
				for _, cdn := range []string{"CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control"} {
					w.Header().Set(cdn, "max-age=3600")
				}
				write(s)
			})
			if len(w.Header()["Set-Cookie"]) == 0 {
				t.Fatalf("%s sets no cookie", name)
			}
			got := strings.ToLower(strings.Join(w.Header().Values("Cache-Control"), ","))
			var names []string
			for directive := range strings.SplitSeq(got, ",") {
				names = append(names, strings.TrimSpace(directive))
			}
			if !slices.Contains(names, "private") || strings.Contains(got, "public") || strings.Contains(got, "s-maxage") {
				t.Errorf("%s on a response with %q: Cache-Control is %q", name, said, got)
			}
			for key := range w.Header() {
				if strings.Contains(key, "Cdn") || strings.Contains(key, "Surrogate") {
					t.Errorf("%s: %s is still there", name, key)
				}
			}
		}
	}
}

// TestPlaceholderSecretsAreRefused is CVE-2023-27524 (Apache Superset). Sites ran
// with the secret that the documentation printed. Whoever had read it could log
// in as anybody.
func TestPlaceholderSecretsAreRefused(t *testing.T) {
	for _, text := range []string{
		`\2\1thisismyscretkey\1\2\e\y\y\h`, "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "thisISaSECRET_1234", "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY", "TEST_NON_DEV_SECRET", // Superset's
		"secret", "changeme", "super-secret-key", "password", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		strings.Repeat("00", 32), strings.Repeat("deadbeef", 8), strings.Repeat("A", 43), strings.Repeat("changeme", 6),
	} {
		if s, err := cookiesession.ParseSecret(text); err == nil {
			t.Errorf("%q is accepted as %v", text, s)
		}
		if _, err := cookiesession.ParseKeyring(text); err == nil {
			t.Errorf("%q makes a ring", text)
		}
	}
}

// TestAllRefusalsLookAlike: a client learns that its cookie was refused, and
// nothing more. It does not learn which check failed, or how close it came.
func TestAllRefusalsLookAlike(t *testing.T) {
	for _, format := range testkit.Formats {
		key := vectors.OneKey
		v := vectors.Vector{Keys: []vectors.Key{key}, Config: vectors.Default, Compartment: "data"}
		m := v.ManagerSealing(t, format, func(context.Context, cookiesession.Event) {})
		now := time.Now().Unix()
		cookie := testkit.CommitAfter(t, m, "", compartments[0].prepare)
		id := key.Naive().ID
		k := key.Naive()
		sealed := func(plain string) string {
			if format == cookiesession.FormatCompact {
				return k.SealCompact("s_session", vectors.IVNamed(plain), []byte(plain))
			}
			return k.SealSecurecookie("s_session", vectors.IVNamed(plain), []byte(plain), now)
		}
		forged := map[string]string{
			"no key id":          "garbage",
			"an unknown key":     "AAAA." + strings.Split(cookie, ".")[1],
			"no text":            id + ".",
			"bad base64":         id + ".!!!!",
			"a wrong MAC":        strings.TrimPrefix(cookie[:len(cookie)-3]+"AAA", "s_session="),
			"a cut":              strings.TrimPrefix(cookie[:len(cookie)/2], "s_session="),
			"a missing chunk":    id + ".2.tttt." + strings.Split(cookie, ".")[1],
			"a later version":    id + "." + sealed("\x91\x02"),
			"a hostile payload":  id + "." + sealed("\x96\x01\xdd\xff\xff\xff\xff"),
			"an empty payload":   id + "." + sealed("\xc0"),
			"the other's format": id + ".AQ",
		}
		var first, firstName string
		for _, name := range slices.Sorted(maps.Keys(forged)) {
			w := testkit.Serve(m, "s_session="+forged[name], func(w http.ResponseWriter, s *cookiesession.Session) {
				fmt.Fprintf(w, "user %q, new %v, %d keys", cookiesession.GetOr(s, "user", ""), s.IsNew(), s.Len())
			})
			answer := fmt.Sprintf("%d %v %s", w.Code, w.Header(), w.Body)
			if first == "" {
				first, firstName = answer, name
			}
			if answer != first || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s:\n%s: %s\n%s: %s", format, firstName, first, name, answer)
			}
		}
	}
}

// TestNothingOfACookieOrAValueIsLogged: more people read the logs of a site than
// have its keys.
func TestNothingOfACookieOrAValueIsLogged(t *testing.T) {
	var log strings.Builder
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(was)
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	testkit.NoError(t, err)
	m, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	testkit.NoError(t, err)
	cookie := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) { testkit.NoError(t, s.Set("user", "alice-the-visitor")) })
	_, text, _ := strings.Cut(cookie, ".")
	for _, header := range []string{cookie, cookie[:len(cookie)-2], strings.Replace(cookie, "=", "=x", 1), "s_session=secret-text.that-came"} {
		testkit.Serve(m, header, func(w http.ResponseWriter, s *cookiesession.Session) {
			slog.Info("look", "session", s)
			_ = s.Set("channel", make(chan int))
			_ = s.Set("large", strings.Repeat("alice-the-visitor", 1000))
		})
	}
	for _, secret := range []string{text[:20], "alice-the-visitor", "secret-text", "that-came"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log:\n%.2000s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "refused") {
		t.Error("nothing was logged at all")
	}
}

// The rest of this file goes through the list in SECURITY.md of what a cookie
// cannot promise. Each test shows that it cannot, and that the recipe works.

func TestACopyOutlivesTheLogoutUnlessValidateRevokesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notBefore := map[string]time.Time{} // per user, where the application keeps its users
		m := testkit.QuietManager(t, cookiesession.Config{
			Validate: func(_ context.Context, s *cookiesession.Session) error {
				since := cookiesession.GetOr(s, "since", time.Time{})
				if limit, ok := notBefore[cookiesession.GetOr(s, "user", "")]; ok && !since.After(limit) {
					return cookiesession.ErrRevoked
				}
				return nil
			},
		}, "")
		login := func(s *cookiesession.Session) {
			testkit.NoError(t, s.CycleID())
			testkit.NoError(t, s.Set("user", "alice"))
			testkit.NoError(t, s.Set("since", time.Now()))
		}
		stolen := testkit.CommitAfter(t, m, "", login)
		jar := testkit.CommitAfter(t, m, stolen, func(s *cookiesession.Session) { testkit.NoError(t, s.Destroy()) })
		if jar != "" {
			t.Fatalf("after the logout the browser holds %q", jar)
		}
		if m.Open(t.Context(), stolen).Value("user") != "alice" {
			t.Error("a copy died with the logout: then SECURITY.md promises too little")
		}
		notBefore["alice"] = time.Now()
		s := m.Open(t.Context(), stolen)
		if s.Value("user") != nil || !errors.Is(s.Rejected(), cookiesession.ErrRevoked) {
			t.Error("Validate revoked it, and it is shown")
		}
		time.Sleep(time.Second)
		if m.Open(t.Context(), testkit.CommitAfter(t, m, "", login)).Value("user") != "alice" {
			t.Error("a login after the revocation is refused")
		}
	})
}

func TestASlowResponseUndoesALogoutUnlessValidateRevokesIt(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	jar := testkit.CommitAfter(t, m, "", compartments[0].prepare)
	slow := m.Open(t.Context(), jar)
	testkit.NoError(t, slow.Set("seen", 1))
	h := http.Header{}
	jar = testkit.CommitAfter(t, m, jar, func(s *cookiesession.Session) { testkit.NoError(t, s.Destroy()) })
	testkit.NoError(t, m.Commit(h, slow, 200))
	if jar = testkit.KeepLines(jar, h["Set-Cookie"]); m.Open(t.Context(), jar).Value("user") != "alice" {
		t.Error("the later response does not win: then SECURITY.md says too much")
	}
}

func TestARightTakenAwayOnAFailedResponseStaysUnlessDestroyed(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	jar := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) { testkit.NoError(t, s.Set("admin", true)) })
	after := func(change func(*cookiesession.Session)) string {
		w := testkit.Serve(m, jar, func(w http.ResponseWriter, s *cookiesession.Session) {
			change(s)
			w.WriteHeader(http.StatusInternalServerError)
		})
		return testkit.KeepLines(jar, w.Header()["Set-Cookie"])
	}
	kept := after(func(s *cookiesession.Session) { testkit.NoError(t, s.Delete("admin")) })
	if m.Open(t.Context(), kept).Value("admin") != true {
		t.Error("a change on a 5xx was saved")
	}
	gone := after(func(s *cookiesession.Session) { testkit.NoError(t, s.Destroy()) })
	if gone != "" {
		t.Errorf("Destroy on a 5xx leaves %q", gone)
	}
}

func TestAFlashKeyFromAFormPosesAsDataForOneRequest(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{}, "")
	jar := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) { testkit.NoError(t, s.Flash("admin", true)) }) // "admin" came from a form
	s := m.Open(t.Context(), jar)
	if !cookiesession.GetOr(s, "admin", false) {
		t.Error("flash does not pose as data: then SECURITY.md says too much")
	}
	if slices.Contains(s.Keys(), "admin") || s.Flashes()["admin"] != true {
		t.Error("the recipe does not hold: Keys and SetDefault look at the data alone")
	}
}

func TestTwoApplicationsWithOneRingShareSessionsUnlessTheirNamesDiffer(t *testing.T) {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	testkit.NoError(t, err)
	blog := testkit.QuietManager(t, cookiesession.Config{Keyring: ring}, "")
	bank := testkit.QuietManager(t, cookiesession.Config{Keyring: ring}, "")
	own := testkit.QuietManager(t, cookiesession.Config{Keyring: ring, Name: "bank"}, "")
	jar := testkit.CommitAfter(t, blog, "", compartments[0].prepare)
	if bank.Open(t.Context(), jar).Value("user") != "alice" {
		t.Error("one ring and one Name share no sessions: then SECURITY.md says too much")
	}
	if own.Open(t.Context(), strings.Replace(jar, "s_session", "s_bank", 1)).Value("user") != nil {
		t.Error("another Name opens the same cookie")
	}
}

func TestASiblingSubdomainCanPlantItsSessionUnlessHostPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, prefixed := cookiesession.Config{}, cookiesession.Config{HostPrefix: true}
		for _, cfg := range []cookiesession.Config{plain, prefixed} {
			m := testkit.QuietManager(t, cfg, "")
			user := func(name string) func(*cookiesession.Session) {
				return func(s *cookiesession.Session) { testkit.NoError(t, s.Set("user", name)) }
			}
			own := testkit.CommitAfter(t, m, "", user("victim"))
			time.Sleep(time.Second)
			planted := testkit.CommitAfter(t, m, "", user("attacker")) // an authentic session of the attacker's own
			if cfg.HostPrefix {
				planted = strings.TrimPrefix(planted, "__Host-") // browsers let nobody else set that name
			}
			got := m.Open(t.Context(), own+"; "+planted).Value("user")
			if want := map[bool]string{false: "attacker", true: "victim"}[cfg.HostPrefix]; got != want {
				t.Errorf("HostPrefix %v: the session is %v's, want %v's", cfg.HostPrefix, got, want)
			}
		}
	})
}

func TestASiblingSubdomainCanLogOutAndPlantFlashUnlessHostPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cfg := range []cookiesession.Config{{}, {HostPrefix: true}} {
			m := testkit.QuietManager(t, cfg, "")
			arrives := func(planted string) string {
				if cfg.HostPrefix {
					return strings.TrimPrefix(planted, "__Host-") // browsers let nobody else set that name
				}
				return planted
			}
			own := testkit.CommitAfter(t, m, "", testkit.Set("user", "victim"))
			time.Sleep(time.Second)
			ended := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) {
				testkit.Set("user", "attacker")(s)
				s.SetExpiry(cookiesession.Idle(time.Second))
			})
			flash := testkit.CommitAfter(t, m, "", testkit.Flash("notice", "planted"))
			time.Sleep(time.Second)
			s := m.Open(t.Context(), own+"; "+arrives(ended))
			testkit.Equal(t, "the visitor is logged out", s.Value("user") == nil, !cfg.HostPrefix)
			testkit.Equal(t, "flash without a session", m.Open(t.Context(), arrives(flash)).Value("notice") != nil, !cfg.HostPrefix)
			testkit.Equal(t, "flash beside a session", m.Open(t.Context(), own+"; "+arrives(flash)).Value("notice"), nil)
		}
	})
}

func TestDestroyAndSetAtTheLogInKeepNothingThatWasPlanted(t *testing.T) {
	m := testkit.QuietManager(t, cookiesession.Config{TrackViews: true}, "")
	planted := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) {
		testkit.Set("csrf", "known to the attacker")(s)
		testkit.Flash("notice", "planted")(s)
		testkit.NoError(t, s.SetMetadata("planted", []byte("planted")))
	})
	id := m.Open(t.Context(), planted).ID()
	for name, logIn := range map[string]func(*cookiesession.Session){
		"Destroy and Set": func(s *cookiesession.Session) {
			testkit.NoError(t, s.Destroy())
			testkit.Set("user", "victim")(s)
		},
		"CycleID alone": func(s *cookiesession.Session) {
			testkit.NoError(t, s.CycleID())
			testkit.Set("user", "victim")(s)
		},
	} {
		after := m.Open(t.Context(), testkit.CommitAfter(t, m, planted, logIn))
		keeps := name == "CycleID alone"
		testkit.Equal(t, name+": the data is there", after.Has("csrf"), keeps)
		testkit.Equal(t, name+": the flash is there", after.Has("notice"), keeps)
		testkit.Equal(t, name+": the metadata is there", after.Metadata("planted") != nil, keeps)
		testkit.Equal(t, name+": the id is another", after.ID() != id, true)
		testkit.Equal(t, name+": the login is there", after.Value("user"), any("victim"))
	}
}

func TestAnAbsoluteTimeoutEndsWhatIsReplayedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := testkit.QuietManager(t, cookiesession.Config{IdleTimeout: time.Hour, RenewAfter: time.Minute, AbsoluteTimeout: 8 * time.Hour}, "")
		jar := testkit.CommitAfter(t, m, "", compartments[0].prepare)
		for range 16 {
			time.Sleep(30 * time.Minute)
			jar = testkit.CommitAfter(t, m, jar, func(s *cookiesession.Session) { s.Value("user") })
		}
		if m.Open(t.Context(), jar).Value("user") != nil {
			t.Error("a thief who keeps it active keeps it beyond AbsoluteTimeout")
		}
	})
}

// TestRevokingAKeyAloneLeavesWhatItsSuccessorReissued is why "keys revoke" also
// removes every key that has sealed since.
func TestRevokingAKeyAloneLeavesWhatItsSuccessorReissued(t *testing.T) {
	leaked, next, fresh := cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}, cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(leaked)
	testkit.NoError(t, err)
	m := testkit.QuietManager(t, cookiesession.Config{Keyring: ring}, "")
	forgery := testkit.CommitAfter(t, m, "", func(s *cookiesession.Session) { testkit.NoError(t, s.Set("user", "admin")) })
	testkit.NoError(t, ring.Replace(next, leaked))
	forgery = testkit.CommitAfter(t, m, forgery, func(s *cookiesession.Session) { s.Value("user") })
	testkit.NoError(t, ring.Replace(next))
	if m.Open(t.Context(), forgery).Value("user") != "admin" {
		t.Error("nothing was re-issued: then SECURITY.md says too much")
	}
	testkit.NoError(t, ring.Replace(fresh))
	if m.Open(t.Context(), forgery).Value("user") != nil {
		t.Error("a forgery survives all keys that could have sealed it")
	}
}
