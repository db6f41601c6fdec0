package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// open reads key from a session that came in these Cookie header lines.
func (c *client) open(key string, lines ...string) any {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = lines
	return c.m.OpenRequest(r).Value(key)
}

// longClient has a session in three cookies, with the string v under k.
func longClient(t *testing.T, cfg cookiesession.Config) (c *client, v string) {
	t.Helper()
	cfg.MaxBytes = 32 << 10
	c = newClient(t, cfg)
	v = strings.Repeat("long", 1200)
	c.visit(200, set("k", v))
	if len(c.jar) != 3 {
		t.Fatalf("%d cookies", len(c.jar))
	}
	c.events.take()
	return c, v
}

func TestCookiesAreNamedAfterTheirManagerAndCompartment(t *testing.T) {
	for _, tc := range []struct {
		cfg  cookiesession.Config
		want string
	}{
		{cookiesession.Config{}, "s_session s_session.1 s_session.2 s_session_flash s_session_views s_session_test"},
		{cookiesession.Config{Name: "Shop-2"}, "s_Shop-2 s_Shop-2.1 s_Shop-2.2 s_Shop-2_flash s_Shop-2_views s_Shop-2_test"},
		{cookiesession.Config{HostPrefix: true}, "__Host-s_session __Host-s_session.1 __Host-s_session.2 __Host-s_session_flash __Host-s_session_views __Host-s_session_test"},
	} {
		tc.cfg.MaxBytes, tc.cfg.TrackViews = 32<<10, true
		a := newClient(t, tc.cfg).visit(303, func(s *cookiesession.Session) {
			must(s.Set("k", strings.Repeat("long", 1200)))
			must(s.Flash("f", 1))
			s.SetTestCookie()
		})
		wants(t, "names", a.names(), tc.want)
	}
}

func TestTheValueBeginsWithTheKeyAndACutOneWithCountAndTag(t *testing.T) {
	secret := cookiesession.NewSecret()
	keyID := cookiesession.Key{Secret: secret}.ID()
	c := newClient(t, cookiesession.Config{Keyring: newRing(t, secret)})
	c.visit(303, func(s *cookiesession.Session) { must(s.Set("k", 1)); must(s.Flash("f", 1)) })
	for _, pair := range c.jar {
		_, value, _ := strings.Cut(pair, "=")
		if id, text, _ := strings.Cut(value, "."); id != keyID || strings.Contains(text, ".") {
			t.Errorf("%s: want one part behind the id %s", pair, keyID)
		}
	}
	long, _ := longClient(t, cookiesession.Config{Keyring: newRing(t, secret)})
	parts := strings.SplitN(long.value("s_session"), ".", 4)
	if len(parts) != 4 || parts[0] != keyID || parts[1] != "3" || len(parts[2]) != 4 {
		t.Fatalf("first cookie: %q", parts[:3])
	}
	for _, name := range []string{"s_session.1", "s_session.2"} {
		if !strings.HasPrefix(long.value(name), parts[2]+".") {
			t.Errorf("%s has another tag: %.10s", name, long.value(name))
		}
	}
	again := long.look(200, (*cookiesession.Session).MarkModified).cookie(t, "s_session.1")
	if strings.HasPrefix(again.Value, parts[2]+".") {
		t.Error("two issues have one tag")
	}
}

func TestCookieHeadersAreReadHoweverTheyAreWritten(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("k", "v"))
	value := c.value("s_session")
	for _, tc := range []struct {
		name  string
		lines []string
		want  any
	}{
		{"alone", []string{"s_session=" + value}, "v"},
		{"among others", []string{"a=1; s_session=" + value + "; b=2"}, "v"},
		{"on a second line", []string{"a=1", "s_session=" + value}, "v"},
		{"one cookie a line, as HTTP/2 sends them", []string{"a=1", "b=2", "s_session=" + value, "c=3"}, "v"},
		{"without a space", []string{"a=1;s_session=" + value + ";b=2"}, "v"},
		{"with spaces and tabs", []string{"a=1; \t s_session \t=" + value + " \t ;b"}, "v"},
		{"quoted", []string{`a="1"; s_session="` + value + `"`}, "v"},
		{"an empty pair before it", []string{";; ; s_session=" + value + ";;"}, "v"},
		{"a name without a value before it", []string{"s_session_x; s_sessio=1; s_session=" + value}, "v"},
		{"a quote without its other", []string{`a="1; s_session=` + value}, "v"},
		{"percent-encoded name", []string{"%73_session=" + value}, nil},
		{"another case", []string{"S_session=" + value}, nil},
		{"a longer name", []string{"s_session2=" + value}, nil},
		{"a prefix before it", []string{"xs_session=" + value}, nil},
		{"the flash's name", []string{"s_session_flash=" + value}, nil},
		{"the views' name", []string{"s_session_views=" + value}, nil},
		{"a continuation's name", []string{"s_session.1=" + value}, nil},
		{"half a quote", []string{`s_session="` + value}, nil},
		{"a quote inside", []string{"s_session=" + value[:9] + `"` + value[9:]}, nil},
		{"behind a comma", []string{"a=1, s_session=" + value}, nil},
		{"a space inside", []string{"s_session=" + value[:9] + " " + value[9:]}, nil},
		{"empty", []string{"s_session="}, nil},
		{"nothing but the name", []string{"s_session"}, nil},
		{"an empty line", []string{""}, nil},
		{"no line", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wants(t, "value", c.open("k", tc.lines...), tc.want)
			wants(t, "value through Open", c.m.Open(t.Context(), tc.lines...).Value("k"), tc.want)
		})
	}
}

func TestAnUnopenableCookieIsIgnoredReportedOnceAndReplacedByTheNextWrite(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("k", "v"))
	good := c.value("s_session")
	other := newClient(t, cookiesession.Config{Name: "other", Keyring: newRing(t)})
	other.visit(200, set("k", "v"))
	flip := func(at int) string { // another character of the alphabet, in the middle of a group
		b := []byte(good)
		b[at] = "BA"[min(1, strings.Count(string(b[at]), "B"))]
		return string(b)
	}
	for name, value := range map[string]string{
		"empty":                      "",
		"an id from outside":         "iYzlkQGMT9aFVzFXxfMLrA",
		"nothing behind the key":     good[:5],
		"a key alone":                good[:4],
		"cut short":                  good[:len(good)-8],
		"longer":                     good + "AAAA",
		"its first character":        flip(8),
		"its middle":                 flip(len(good) / 2),
		"another key's, renamed":     good[:5] + other.value("s_other")[5:],
		"one of a count":             good[:5] + "1.AAAA." + good[5:],
		"two of which one came":      good[:5] + "2.AAAA." + good[5:],
		"a huge count":               good[:5] + "99999999999999999999.AAAA." + good[5:],
		"a negative count":           good[:5] + "-2.AAAA." + good[5:],
		"a tag too short":            good[:5] + "2.AAA." + good[5:],
		"bytes that are no text":     good[:5] + "\x00\xff\xfe",
		"not base64":                 good[:5] + "!!!!",
		"64 KB of the right letters": good[:5] + strings.Repeat("AAAA", 16<<10),
	} {
		t.Run(name, func(t *testing.T) {
			c.jar = []string{"s_session=" + value}
			c.events.take()
			var id string
			a := c.look(200, func(s *cookiesession.Session) {
				wants(t, "value", s.Value("k"), nil)
				wants(t, "new", s.IsNew(), true)
				wants(t, "invalid", errors.Is(s.Rejected(), cookiesession.ErrInvalid), true)
				s.Flashes()
				if id = s.ID(); strings.Contains(value, id) {
					t.Error("adopted an id from outside")
				}
			})
			wants(t, "events", c.events.take(), "refused s_session")
			wants(t, "Set-Cookie", a.names(), "")
			wants(t, "deleted or not", c.look(500, reads).names(), "")
			c.events.take()
			a = c.look(200, func(s *cookiesession.Session) {
				must(s.Set("k", 1))
				wants(t, "the same id", s.ID() == id, false)
			})
			wants(t, "Set-Cookie of a write", a.names(), "s_session")
			wants(t, "events", c.events.take(), "refused s_session, issued s_session")
		})
	}
}

func TestACookieOfAnotherNameOrCompartmentIsForeign(t *testing.T) {
	ring := newRing(t)
	c := newClient(t, cookiesession.Config{Keyring: ring})
	c.visit(303, func(s *cookiesession.Session) { must(s.Set("k", "data")); must(s.Flash("k", "flash")) })
	for _, tc := range []struct {
		name string
		m    *cookiesession.Manager
		line string
	}{
		{"another manager on the same ring", newManager(t, cookiesession.Config{Keyring: ring, Name: "other"}), "s_other=" + c.value("s_session")},
		{"one with the prefix", newManager(t, cookiesession.Config{Keyring: ring, HostPrefix: true}), "__Host-s_session=" + c.value("s_session")},
		{"flash as data", c.m, "s_session=" + c.value("s_session_flash")},
		{"data as flash", c.m, "s_session_flash=" + c.value("s_session")},
	} {
		wants(t, tc.name, tc.m.Open(t.Context(), tc.line).Value("k"), nil)
	}
}

func TestAMissingSwappedOrForeignPieceGivesAnEmptySessionAndNeverAMix(t *testing.T) {
	c, v := longClient(t, cookiesession.Config{})
	later := c.copy()
	later.visit(200, set("k", strings.Repeat("LONG", 1200)))
	piece := func(c *client, name string) string { return name + "=" + c.value(name) }
	first, one, two := piece(c, "s_session"), piece(c, "s_session.1"), piece(c, "s_session.2")
	// The pieces of the other issue, under the tag of this one.
	retagged := func(name string) string {
		_, text, _ := strings.Cut(later.value(name), ".")
		return name + "=" + c.value("s_session.1")[:5] + text
	}
	for _, tc := range []struct {
		name    string
		cookies []string
		want    any
	}{
		{"in order", []string{first, one, two}, v},
		{"in another order", []string{two, first, one}, v},
		{"on lines of their own, backwards", []string{two, one, first}, v},
		{"with leftovers of another issue", []string{piece(later, "s_session.2"), first, piece(later, "s_session.1"), one, two}, v},
		{"with leftovers behind", []string{first, one, two, "s_session.3=AAAA.BBBB", "s_session.63=x"}, v},
		{"with doubled pieces", []string{first, one, one, two, two}, v},
		{"the first missing", []string{one, two}, nil},
		{"the second missing", []string{first, two}, nil},
		{"the last missing", []string{first, one}, nil},
		{"swapped", []string{first, "s_session.1=" + c.value("s_session.2"), "s_session.2=" + c.value("s_session.1")}, nil},
		{"one twice", []string{first, one, "s_session.2=" + c.value("s_session.1")}, nil},
		{"one of another issue", []string{first, one, piece(later, "s_session.2")}, nil},
		{"one of another issue under this tag", []string{first, one, retagged("s_session.2")}, nil},
		{"all but the first of another issue", []string{first, piece(later, "s_session.1"), piece(later, "s_session.2")}, nil},
		{"an index with a zero before it", []string{first, strings.Replace(one, ".1=", ".01=", 1), two}, nil},
		{"an index with a sign", []string{first, strings.Replace(one, ".1=", ".+1=", 1), two}, nil},
		{"a piece without its text", []string{first, one[:len("s_session.1=")+5], two}, nil},
		{"a piece without its text before the whole one", []string{first, one[:len("s_session.1=")+5], one, two}, nil},
		{"a first without its text", []string{first[:len("s_session=kkkk.3.tttt.")], one, two}, nil},
		{"one more piece, without text", []string{strings.Replace(first, ".3.", ".4.", 1), one, two, "s_session.3=" + c.value("s_session.1")[:5]}, nil},
		{"a piece without its text behind the whole one", []string{first, one, one[:len("s_session.1=")+5], two}, v},
		{"a piece cut short", []string{first, one[:len(one)-4], two}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wants(t, "value is whole", c.open("k", strings.Join(tc.cookies, "; ")) == tc.want, true)
			wants(t, "value is whole, a line each", c.open("k", tc.cookies...) == tc.want, true)
		})
	}
}

func TestLeftoversAreDeletedAtTheNextWrite(t *testing.T) {
	c, _ := longClient(t, cookiesession.Config{})
	wants(t, "read", c.look(200, reads).names(), "")
	wants(t, "shrunk", c.look(200, set("k", "short")).names(), "s_session -s_session.1 -s_session.2")
	wants(t, "a little shorter", c.look(200, set("k", strings.Repeat("x", 3000))).names(), "s_session s_session.1 -s_session.2")
	wants(t, "destroyed", c.look(200, func(s *cookiesession.Session) { must(s.Destroy()) }).names(), "-s_session -s_session.1 -s_session.2")

	c.jar = []string{"s_session.1=x", "s_session.7=x", "s_session.7=y", "s_session.99=x",
		"s_session.0=x", "s_session.01=x", "s_session.-1=x", "s_session.+1=x", "s_session.1e1=x", "s_session.=x", "s_session.1.2=x", "s_session.١=x", "s_session. 1=x"}
	wants(t, "alone, read", c.look(200, reads).names(), "")
	wants(t, "canonical suffixes alone", c.look(200, set("k", 1)).names(), "s_session -s_session.1 -s_session.7 -s_session.99")
}

func TestOneResponseDeletesAtMost64Leftovers(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	for i := range 150 {
		c.jar = append(c.jar, fmt.Sprintf("s_session.%d=x", i+1))
	}
	wants(t, "lines of the first", len(c.visit(200, set("k", 1)).header["Set-Cookie"]), 1+64)
	wants(t, "lines of the second", len(c.visit(200, set("k", 1)).header["Set-Cookie"]), 1+64)
	wants(t, "lines of the third", len(c.visit(200, set("k", 1)).header["Set-Cookie"]), 1+150-128)
	wants(t, "lines of the last", len(c.visit(200, set("k", 1)).header["Set-Cookie"]), 1)
}

func TestOfDoubledCookiesTheLatestAuthenticOneIsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, cookiesession.Config{})
		issue := func(v string) string {
			c.jar = nil
			c.visit(200, set("k", v))
			return c.jar[0]
		}
		old, tie := issue("old"), issue("tie")
		time.Sleep(time.Second)
		middle := issue("middle")
		time.Sleep(time.Second)
		latest := issue("latest")
		const forged = "s_session=AAAA.BBBB"
		c.events.take()
		for _, tc := range []struct {
			name    string
			cookies []string
			want    any
		}{
			{"the latest first", []string{latest, old}, "latest"},
			{"the latest last", []string{old, latest}, "latest"},
			{"the latest in the middle", []string{old, latest, tie}, "latest"},
			{"the latest before a later one than the first", []string{old, latest, middle}, "latest"},
			{"a tie", []string{old, tie}, "old"},
			{"the other tie", []string{tie, old}, "tie"},
			{"a forgery before it", []string{forged, latest}, "latest"},
			{"a forgery behind it", []string{latest, forged}, "latest"},
			{"an empty one before it", []string{"s_session=", latest}, "latest"},
			{"forgeries alone", []string{forged, "s_session=x"}, nil},
		} {
			c.jar = tc.cookies
			wants(t, tc.name, c.sees("k"), tc.want)
			report := c.events.take()
			wants(t, tc.name+": reported", strings.Contains(report, "doubled s_session"), true)
			wants(t, tc.name+": refused", strings.Contains(report, "refused"), tc.want == nil)
		}
	})
}

// TestAllTriesTogetherReadNoMoreThanWhatCame: pieces that every forgery shares
// would be joined and hashed once for each.
func TestAllTriesTogetherReadNoMoreThanWhatCame(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(200, set("k", "genuine"))
	genuine := c.jar[0]
	key := c.value("s_session")[:4]
	shared := "s_session.1=tttt." + strings.Repeat("x", 4000) + "; s_session.2=tttt." + strings.Repeat("x", 4000)
	forged := "s_session=" + key + ".3.tttt." + strings.Repeat("x", 4000)
	wants(t, "the genuine one first", c.open("k", genuine, forged, forged+"y", shared), any("genuine"))
	wants(t, "behind one forgery", c.open("k", forged, genuine, shared), any("genuine"))
	wants(t, "behind two", c.open("k", forged, forged+"y", genuine, shared), nil)
}

func TestOfRefusedCopiesTheFirstThatOthersMayReadIsReported(t *testing.T) {
	one, two := cookiesession.NewSecret(), cookiesession.NewSecret()
	c := newClient(t, cookiesession.Config{Keyring: newRing(t, one, two)})
	known, known2 := cookiesession.Key{Secret: one}.ID(), cookiesession.Key{Secret: two}.ID()
	for _, tc := range []struct {
		name, first, second, want string
		err                       error
	}{
		{"two of unknown keys", "____", "----", "____", cookiesession.ErrUnknownKey},
		{"two invalid ones", known, known2, known, cookiesession.ErrInvalid},
		{"an invalid one first", known, "____", "____", cookiesession.ErrUnknownKey},
		{"an invalid one behind", "____", known, "____", cookiesession.ErrUnknownKey},
	} {
		c.jar = []string{"s_session=" + tc.first + ".Axxx", "s_session=" + tc.second + ".Ayyy"}
		c.events.take()
		c.look(200, reads)
		var refused []cookiesession.Event
		for _, e := range c.events.all {
			if e.Kind == cookiesession.EventRefused {
				refused = append(refused, e)
			}
		}
		if len(refused) != 1 || refused[0].KeyID != tc.want || !errors.Is(refused[0].Err, tc.err) {
			t.Errorf("%s: %v, want one refusal of %s: %v", tc.name, refused, tc.want, tc.err)
		}
	}
}

func TestANameWithABlankInItIsSomebodyElses(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	c.visit(303, func(s *cookiesession.Session) {
		must(s.Set("k", 1))
		must(s.Flash("f", 1))
		s.SetTestCookie()
	})
	for i := range c.jar {
		c.jar[i] = strings.Replace(c.jar[i], "s_session_", "s_session _", 1)
	}
	a := c.look(200, func(s *cookiesession.Session) {
		wants(t, "data", s.Has("k"), true)
		wants(t, "flash", len(s.Flashes()), 0)
		wants(t, "test cookie", s.TestCookieWorked(), false)
	})
	wants(t, "Set-Cookie", a.names(), "")
}

func TestAPageThatLooksAtNothingDropsFlashByItsNameAlone(t *testing.T) {
	c := newClient(t, cookiesession.Config{})
	for line, want := range map[string]string{
		"s_session_flash=x":              "-s_session_flash",
		"a=b; s_session_flash=x":         "-s_session_flash",
		"s_session_flash =x":             "-s_session_flash",
		"s_session_flash":                "-s_session_flash",
		"s_session_flash; a=b":           "-s_session_flash",
		"s_session_flashx=1":             "",
		"s_session_flash.1=tttt.x":       "",
		"s_session_flashx; a=s_session":  "",
		"xs_session_flash=1; s_session=": "",
	} {
		c.jar = []string{line}
		wants(t, line, c.look(200, nil).names(), want)
	}
}

func TestThereIsNoFallingBackToAnOlderCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, cookiesession.Config{})
		c.visit(200, func(s *cookiesession.Session) { must(s.Set("k", "long")); s.SetExpiry(cookiesession.Idle(time.Hour)) })
		long := c.jar[0]
		c.jar = nil
		time.Sleep(time.Second)
		c.visit(200, func(s *cookiesession.Session) {
			must(s.Set("k", "short"))
			s.SetExpiry(cookiesession.Idle(time.Minute))
		})
		c.jar = []string{long, c.jar[0]}
		time.Sleep(time.Minute)
		a := c.look(200, func(s *cookiesession.Session) {
			wants(t, "value", s.Value("k"), nil)
			wants(t, "expired", errors.Is(s.Rejected(), cookiesession.ErrExpired), true)
		})
		wants(t, "Set-Cookie", a.names(), "-s_session")
	})
}

func TestRemovingADoubledCookieRemovesEveryFormOfIt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   cookiesession.Config
		forms []string
	}{
		{"a path and a domain", cookiesession.Config{Path: "/app", Domain: "example.com"},
			[]string{"; Path=/app; Domain=example.com; ", "; Path=/app; Max", "; Path=/; Domain=example.com; ", "; Path=/; Max"}},
		{"a domain", cookiesession.Config{Domain: "example.com"}, []string{"; Path=/; Domain=example.com; ", "; Path=/; Max"}},
		{"a path", cookiesession.Config{Path: "/app"}, []string{"; Path=/app; Max", "; Path=/; Max"}},
		{"neither", cookiesession.Config{}, []string{"; Path=/; Max"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, remove := range map[string]func(*cookiesession.Session){
				"destroyed": func(s *cookiesession.Session) { must(s.Destroy()) },
				"denied":    (*cookiesession.Session).Deny,
				"emptied":   func(s *cookiesession.Session) { must(s.Delete("k")) },
				"cleared":   func(s *cookiesession.Session) { must(s.Clear()) },
			} {
				keys := newRing(t)
				tc.cfg.Keyring = keys
				c := newClient(t, tc.cfg)
				c.visit(200, set("k", 1))
				single := c.look(200, remove).header["Set-Cookie"]
				wants(t, name+" once", len(single), 1)
				other := newClient(t, cookiesession.Config{Keyring: keys})
				other.visit(200, set("k", 1))
				c.jar = append(c.jar, other.jar...)
				lines := c.look(200, remove).header["Set-Cookie"]
				wants(t, name+" twice", len(lines), len(tc.forms))
				for _, form := range tc.forms {
					if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "s_session="+form) }) {
						t.Errorf("%s: no line deletes %q: %q", name, form, lines)
					}
				}
			}
		})
	}
}

func TestDestroyingADoubledSessionAlsoDeletesItsCopiesWhenANewOneIsIssued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := newRing(t)
		c := newClient(t, cookiesession.Config{Keyring: ring, Domain: "example.com"})
		c.visit(200, set("user", "Ada"))
		other := newClient(t, cookiesession.Config{Keyring: ring}) // the same, this host only
		other.visit(200, set("user", "Eve"))
		c.jar = append(c.jar, other.jar...)
		lines := c.look(200, func(s *cookiesession.Session) { must(s.Destroy()); must(s.Set("k", 1)) }).header["Set-Cookie"]
		hostOnly := func(line string) bool { return strings.HasPrefix(line, "s_session=; Path=/; Max-Age=0") }
		if len(lines) != 2 || !slices.ContainsFunc(lines, hostOnly) {
			t.Errorf("the host-only copy stays: %q", lines)
		}
	})
}

func TestRemovingIdenticalCopiesRemovesEveryFormOfThem(t *testing.T) {
	c := newClient(t, cookiesession.Config{Domain: "example.com"})
	c.visit(200, set("k", 1))
	c.jar = append(c.jar, c.jar[0])
	lines := c.look(200, func(s *cookiesession.Session) { must(s.Destroy()) }).header["Set-Cookie"]
	wants(t, "lines", len(lines), 2)
}

func TestDestroyDeletesPiecesWithoutAFirstCookie(t *testing.T) {
	c := newClient(t, cookiesession.Config{TrackViews: true})
	c.jar = []string{"s_session.1=AAAA.x", "s_session_flash.1=AAAA.x", "s_session_views.2=AAAA.x"}
	a := c.look(500, func(s *cookiesession.Session) { must(s.Destroy()) })
	wants(t, "Set-Cookie", a.names(), "-s_session.1 -s_session_flash.1 -s_session_views.2")
}

func TestAFloodOfCookiesIsTriedWithinABound(t *testing.T) {
	keys := newRing(t)
	c := newClient(t, cookiesession.Config{Keyring: keys})
	var flood []string
	for i := range 100 {
		c.jar = nil
		c.visit(200, set("k", i)) // authentic, so that the ring counts each that is opened
		flood = append(flood, c.jar...)
	}
	before := keys.Status()[0].Opened
	c.jar = flood
	c.look(200, func(s *cookiesession.Session) { s.Value("k"); s.Value("k") })
	if opened := keys.Status()[0].Opened - before; opened < 2 || opened > 16 {
		t.Errorf("%d of 100 cookies were opened", opened)
	}
}

func TestOneCookieHoldsWhatABrowserTakesAndNoLineIsLonger(t *testing.T) {
	for _, tc := range []struct {
		format cookiesession.Format
		most   int
	}{{cookiesession.FormatSecurecookie, 2170}, {cookiesession.FormatCompact, 2940}} {
		t.Run(string(tc.format), func(t *testing.T) {
			c := newClient(t, cookiesession.Config{Keyring: formatRing(t, tc.format), MaxBytes: 64 << 10})
			one := c.look(200, set("k", strings.Repeat("x", tc.most)))
			wants(t, "cookies for one value", one.names(), "s_session")
			longest := 0
			for n := tc.most; n < tc.most+200; n++ {
				longest = max(longest, checkLines(t, c.look(200, set("k", strings.Repeat("x", n)))))
			}
			wants(t, "the longest line is near the limit", longest > 4093-4, true)
			checkLines(t, c.look(200, set("k", strings.Repeat("x", 24000)))) // two digits of count and index
		})
	}
}

func TestNoLineIsTooLongWhateverTheAttributesAre(t *testing.T) {
	for _, cfg := range []cookiesession.Config{
		{Name: strings.Repeat("n", 64), HostPrefix: true, Partitioned: true, SameSite: http.SameSiteNoneMode},
		{Path: "/" + strings.Repeat("p", 1000), SameSite: http.SameSiteStrictMode},
		{Domain: strings.Repeat("d", 60) + ".example.com", Insecure: true, ScriptAccess: true},
		{IdleTimeout: 1000 * 24 * time.Hour},
		{BrowserSession: true},
	} {
		cfg.MaxBytes = 64 << 10
		c := newClient(t, cfg)
		for n := 1500; n < 3000; n += 19 {
			checkLines(t, c.look(200, func(s *cookiesession.Session) {
				must(s.Set("k", strings.Repeat("x", n)))
				s.SetExpiry(cookiesession.Idle(time.Hour))
			}))
		}
		v := strings.Repeat("x", 24000)
		checkLines(t, c.visit(200, set("k", v)))
		wants(t, "comes back", c.sees("k") == v, true)
	}
}

// checkLines returns the length of the longest Set-Cookie line.
func checkLines(t *testing.T, a answer) (longest int) {
	t.Helper()
	if a.panicked != nil || len(a.header["Set-Cookie"]) == 0 {
		t.Fatalf("nothing was set: %v", a.panicked)
	}
	for _, line := range a.header["Set-Cookie"] {
		longest = max(longest, len(line))
	}
	if longest > 4093 {
		t.Errorf("a Set-Cookie line of %d bytes", longest)
	}
	return longest
}

func formatRing(t *testing.T, format cookiesession.Format) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// bytesOf is the sum of names and values, which MaxBytes is about.
func bytesOf(h http.Header) (sum int) {
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		sum += len(cookie.Name) + len(cookie.Value)
	}
	return sum
}

func TestWhatSetAcceptsIsSaved(t *testing.T) {
	for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
		for _, limit := range []int{512, 1001, 7168, 7169, 7170, 7171} {
			t.Run(fmt.Sprintf("%s, %d bytes", format, limit), func(t *testing.T) {
				m := newManager(t, cookiesession.Config{Keyring: formatRing(t, format), MaxBytes: limit, OnEvent: new(eventList).add})
				for _, begin := range []func(*cookiesession.Session){
					func(*cookiesession.Session) {},
					func(s *cookiesession.Session) { must(s.Destroy()) },
					func(s *cookiesession.Session) { must(s.CycleID()) },
				} {
					checkFullest(t, m, limit, begin)
				}
			})
		}
	}
}

// checkFullest stores the longest value that fits and looks at what is sent.
func checkFullest(t *testing.T, m *cookiesession.Manager, limit int, begin func(*cookiesession.Session)) {
	t.Helper()
	s := m.Open(t.Context())
	begin(s)
	n := limit * 3 / 4 // more than base64 leaves
	for s.Set("k", strings.Repeat("x", n)) != nil {
		n--
	}
	h := http.Header{}
	if err := m.Commit(h, s, 200); err != nil {
		t.Fatalf("Set took %d bytes, Commit: %v", n, err)
	}
	if sum := bytesOf(h); sum > limit || sum < limit-8 { // base64 of base64 grows in steps of up to 8
		t.Errorf("%d bytes of cookies for a limit of %d", sum, limit)
	}
}

func TestWhatSetTookCommitSendsWhateverTheExpiry(t *testing.T) {
	for _, idle := range []time.Duration{time.Second, 200 * time.Second, 70_000 * time.Second, 1 << 33 * time.Second} {
		for limit := 1000; limit < 1004; limit++ {
			m := newManager(t, cookiesession.Config{Keyring: formatRing(t, cookiesession.FormatCompact), MaxBytes: limit})
			checkFullest(t, m, limit, func(s *cookiesession.Session) { s.SetExpiry(cookiesession.Idle(idle)) })
		}
	}
}

func TestWhatFlashTookCommitSends(t *testing.T) {
	for limit := 1000; limit < 1004; limit++ {
		m := newManager(t, cookiesession.Config{Keyring: formatRing(t, cookiesession.FormatCompact), MaxBytes: limit})
		s, n := m.Open(t.Context()), 800
		for s.Flash("f", strings.Repeat("x", n)) != nil {
			n--
		}
		h := http.Header{}
		if err := m.Commit(h, s, 303); err != nil || bytesOf(h) < limit-3 {
			t.Errorf("Flash took %d bytes, Commit: %v, %d bytes of %d", n, err, bytesOf(h), limit)
		}
	}
}

func TestKeptFlashIsNoLargerThanItCame(t *testing.T) {
	ring := newRing(t)
	c := newClient(t, cookiesession.Config{Keyring: ring})
	c.visit(303, func(s *cookiesession.Session) { must(s.Flash("f", strings.Repeat("x", 1000))) })
	c.m = newManager(t, cookiesession.Config{Keyring: ring, MaxBytes: 600})
	wants(t, "kept", c.visit(200, func(s *cookiesession.Session) { s.KeepFlash() }).names(), "s_session_flash")
	wants(t, "kept, denied and allowed in between", c.visit(200, func(s *cookiesession.Session) {
		s.Flashes()
		s.Deny()
		s.Allow()
		s.KeepFlash()
	}).names(), "s_session_flash")
}

func TestWhatIsRefusedIsNamedAndTheBrowserKeepsItsLastGoodCookie(t *testing.T) {
	c := newClient(t, cookiesession.Config{MaxBytes: 1000})
	c.visit(200, func(s *cookiesession.Session) { must(s.Set("small", 1)); must(s.Set("big", strings.Repeat("x", 300))) })
	c.events.take()
	var tooLarge *cookiesession.TooLargeError
	a := c.visit(200, func(s *cookiesession.Session) {
		err := s.Set("huge", strings.Repeat("x", 2000))
		if !errors.Is(err, cookiesession.ErrTooLarge) || !errors.As(err, &tooLarge) {
			t.Fatalf("not a *TooLargeError: %v", err)
		}
		wants(t, "there", s.Has("huge"), false)
		wants(t, "modified", s.Modified(), false)
	})
	wants(t, "events", c.events.take(), "write-refused s_session")
	wants(t, "Set-Cookie", a.names(), "")
	wants(t, "limit", tooLarge.Limit, 1000)
	wants(t, "larger than the limit", tooLarge.Size > tooLarge.Limit, true)
	var names []string
	for i, entry := range tooLarge.Largest {
		names = append(names, entry.Key)
		if i > 0 && entry.Size > tooLarge.Largest[i-1].Size {
			t.Error("not the largest first")
		}
	}
	wants(t, "largest", strings.Join(names, " "), "huge big small")
	if text := tooLarge.Error(); strings.Contains(text, "xxx") || !strings.Contains(text, "huge") || !strings.Contains(text, "1000") {
		t.Errorf("the error names no limit and no key, or shows a value: %s", text)
	}
	wants(t, "the last good value", c.sees("small"), any(int64(1)))
}

func TestAnExpiryThatDoesNotFitLosesNoData(t *testing.T) {
	c := newClient(t, cookiesession.Config{Keyring: formatRing(t, cookiesession.FormatCompact), MaxBytes: 1000})
	s := c.m.Open(t.Context())
	n := 800
	for s.Set("k", strings.Repeat("x", n)) != nil {
		n--
	}
	c.events.take()
	s.SetExpiry(cookiesession.Idle(1000 * time.Hour))
	wants(t, "events", c.events.take(), "write-refused s_session")
	wants(t, "expiry", s.Expiry(), cookiesession.Expiry{})
	h := http.Header{}
	must(c.m.Commit(h, s, 200))
	wants(t, "Set-Cookie", answer{header: h}.names(), "s_session")
}

func TestEveryWriterRefusesWhatDoesNotFitAndLeavesTheOldValue(t *testing.T) {
	huge := strings.Repeat("x", 5000)
	for name, write := range map[string]func(*cookiesession.Session) error{
		"Set":        func(s *cookiesession.Session) error { return s.Set("k", huge) },
		"SetDefault": func(s *cookiesession.Session) error { _, err := s.SetDefault("other", huge); return err },
		"Update":     func(s *cookiesession.Session) error { return s.Update(map[string]any{"a": 1, "k": huge, "z": 1}) },
		"Edit": func(s *cookiesession.Session) error {
			return cookiesession.Edit(s, "k", func(v *string) error { *v = huge; return nil })
		},
		"Flash":      func(s *cookiesession.Session) error { return s.Flash("f", huge) },
		"Set, 10 MB": func(s *cookiesession.Session) error { return s.Set("k", make([]byte, 10<<20)) },
		"many small writers": func(s *cookiesession.Session) (err error) {
			for i := range 1000 {
				if err = s.Set(fmt.Sprint("k", i), i); err != nil {
					break
				}
			}
			must(s.Delete(s.Keys()[1:]...))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, cookiesession.Config{MaxBytes: 1000})
			c.visit(200, set("k", "old"))
			c.events.take()
			c.look(200, func(s *cookiesession.Session) {
				if err := write(s); !errors.Is(err, cookiesession.ErrTooLarge) {
					t.Errorf("error: %v", err)
				}
				wants(t, "value", s.Value("k"), any("old"))
				wants(t, "keys", strings.Join(s.Keys(), " "), "k")
			})
			wants(t, "write-refused once", strings.Count(c.events.take(), "write-refused"), 1)
		})
	}
}

func FuzzCookieHeader(f *testing.F) {
	secret := cookiesession.NewSecret()
	m := newManager(f, cookiesession.Config{Keyring: newRing(f, secret), MaxBytes: 16 << 10, TrackViews: true, OnEvent: func(context.Context, cookiesession.Event) {}})
	h := http.Header{}
	s := m.Open(f.Context())
	must(s.Set("k", strings.Repeat("x", 4000)))
	must(s.Flash("f", 1))
	must(m.Commit(h, s, 303))
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

func TestAForgeryTakesNoRoomFromTheVisitor(t *testing.T) {
	for name, write := range map[string]func(*cookiesession.Session) error{
		"data":  func(s *cookiesession.Session) error { return s.Set("k", strings.Repeat("x", 3000)) },
		"flash": func(s *cookiesession.Session) error { return s.Flash("k", strings.Repeat("x", 3000)) },
	} {
		c := newClient(t, cookiesession.Config{})
		c.jar = []string{"s_session=" + strings.Repeat("A", 4000), "s_session.1=" + strings.Repeat("A", 4000)}
		s := c.m.Open(t.Context(), c.jar...)
		must(write(s))
		if err := c.m.Commit(http.Header{}, s, 303); err != nil {
			t.Errorf("%s: accepted, then %v", name, err)
		}
	}
}
