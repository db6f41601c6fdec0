package cookiesession_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

// longClient has a session in three cookies, with the string v under k.
func longClient(t *testing.T, cfg cookiesession.Config) (c *testkit.Client, v string) {
	t.Helper()
	cfg.MaxBytes = 32 << 10
	c = testkit.NewClient(t, cfg)
	v = strings.Repeat("long", 1200)
	c.Visit(200, testkit.Set("k", v))
	if len(c.Jar) != 3 {
		t.Fatalf("%d cookies", len(c.Jar))
	}
	c.Events.Take()
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
		a := testkit.NewClient(t, tc.cfg).Visit(303, func(s *cookiesession.Session) {
			testkit.Must(s.Set("k", strings.Repeat("long", 1200)))
			testkit.Must(s.Flash("f", 1))
			s.SetTestCookie()
		})
		testkit.Equal(t, "names", a.Names(), tc.want)
	}
}

func TestTheValueBeginsWithTheKeyAndACutOneWithCountAndTag(t *testing.T) {
	secret := cookiesession.NewSecret()
	keyID := cookiesession.Key{Secret: secret}.ID()
	c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.Ring(t, secret)})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); testkit.Must(s.Flash("f", 1)) })
	for _, pair := range c.Jar {
		_, value, _ := strings.Cut(pair, "=")
		if id, text, _ := strings.Cut(value, "."); id != keyID || strings.Contains(text, ".") {
			t.Errorf("%s: want one part behind the id %s", pair, keyID)
		}
	}
	long, _ := longClient(t, cookiesession.Config{Keyring: testkit.Ring(t, secret)})
	parts := strings.SplitN(long.Value("s_session"), ".", 4)
	if len(parts) != 4 || parts[0] != keyID || parts[1] != "3" || len(parts[2]) != 4 {
		t.Fatalf("first cookie: %q", parts[:3])
	}
	for _, name := range []string{"s_session.1", "s_session.2"} {
		if !strings.HasPrefix(long.Value(name), parts[2]+".") {
			t.Errorf("%s has another tag: %.10s", name, long.Value(name))
		}
	}
	again := long.Look(200, (*cookiesession.Session).MarkModified).Cookie(t, "s_session.1")
	if strings.HasPrefix(again.Value, parts[2]+".") {
		t.Error("two issues have one tag")
	}
}

func TestCookieHeadersAreReadHoweverTheyAreWritten(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", "v"))
	value := c.Value("s_session")
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
			testkit.Equal(t, "value", c.Finds("k", tc.lines...), tc.want)
			testkit.Equal(t, "value through Open", c.M.Open(t.Context(), tc.lines...).Value("k"), tc.want)
		})
	}
}

func TestAnUnopenableCookieIsIgnoredReportedOnceAndReplacedByTheNextWrite(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", "v"))
	good := c.Value("s_session")
	other := testkit.NewClient(t, cookiesession.Config{Name: "other", Keyring: testkit.Ring(t)})
	other.Visit(200, testkit.Set("k", "v"))
	flip := func(at int) string { // changes one character, so that other bytes are decoded
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
		"another key's, renamed":     good[:5] + other.Value("s_other")[5:],
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
			c.Jar = []string{"s_session=" + value}
			c.Events.Take()
			var id string
			a := c.Look(200, func(s *cookiesession.Session) {
				testkit.Equal(t, "value", s.Value("k"), nil)
				testkit.Equal(t, "new", s.IsNew(), true)
				testkit.Equal(t, "invalid", errors.Is(s.Rejected(), cookiesession.ErrInvalid), true)
				s.Flashes()
				if id = s.ID(); strings.Contains(value, id) {
					t.Error("adopted an id from outside")
				}
			})
			testkit.Equal(t, "events", c.Events.Take(), "refused s_session")
			testkit.Equal(t, "Set-Cookie", a.Names(), "")
			testkit.Equal(t, "deleted or not", c.Look(500, testkit.Read).Names(), "")
			c.Events.Take()
			a = c.Look(200, func(s *cookiesession.Session) {
				testkit.Must(s.Set("k", 1))
				testkit.Equal(t, "the same id", s.ID() == id, false)
			})
			testkit.Equal(t, "Set-Cookie of a write", a.Names(), "s_session")
			testkit.Equal(t, "events", c.Events.Take(), "refused s_session, issued s_session")
		})
	}
}

func TestACookieOfAnotherNameOrCompartmentDoesNotOpen(t *testing.T) {
	ring := testkit.Ring(t)
	c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Set("k", "data")); testkit.Must(s.Flash("k", "flash")) })
	for _, tc := range []struct {
		name string
		m    *cookiesession.Manager
		line string
	}{
		{"another manager on the same ring", testkit.Manager(t, cookiesession.Config{Keyring: ring, Name: "other"}), "s_other=" + c.Value("s_session")},
		{"one with the prefix", testkit.Manager(t, cookiesession.Config{Keyring: ring, HostPrefix: true}), "__Host-s_session=" + c.Value("s_session")},
		{"flash as data", c.M, "s_session=" + c.Value("s_session_flash")},
		{"data as flash", c.M, "s_session_flash=" + c.Value("s_session")},
	} {
		testkit.Equal(t, tc.name, tc.m.Open(t.Context(), tc.line).Value("k"), nil)
	}
}

func TestAMissingSwappedOrUnrelatedChunkGivesAnEmptySessionAndNeverAMix(t *testing.T) {
	c, v := longClient(t, cookiesession.Config{})
	later := c.Copy()
	later.Visit(200, testkit.Set("k", strings.Repeat("LONG", 1200)))
	chunk := func(c *testkit.Client, name string) string { return name + "=" + c.Value(name) }
	first, one, two := chunk(c, "s_session"), chunk(c, "s_session.1"), chunk(c, "s_session.2")
	// A chunk of the other issue that claims to be one of this issue.
	retagged := func(name string) string {
		_, text, _ := strings.Cut(later.Value(name), ".")
		return name + "=" + c.Value("s_session.1")[:5] + text
	}
	for _, tc := range []struct {
		name    string
		cookies []string
		want    any
	}{
		{"in order", []string{first, one, two}, v},
		{"in another order", []string{two, first, one}, v},
		{"on lines of their own, backwards", []string{two, one, first}, v},
		{"with leftovers of another issue", []string{chunk(later, "s_session.2"), first, chunk(later, "s_session.1"), one, two}, v},
		{"with leftovers behind", []string{first, one, two, "s_session.3=AAAA.BBBB", "s_session.63=x"}, v},
		{"with doubled chunks", []string{first, one, one, two, two}, v},
		{"the first missing", []string{one, two}, nil},
		{"the second missing", []string{first, two}, nil},
		{"the last missing", []string{first, one}, nil},
		{"swapped", []string{first, "s_session.1=" + c.Value("s_session.2"), "s_session.2=" + c.Value("s_session.1")}, nil},
		{"one twice", []string{first, one, "s_session.2=" + c.Value("s_session.1")}, nil},
		{"one of another issue", []string{first, one, chunk(later, "s_session.2")}, nil},
		{"one of another issue under this tag", []string{first, one, retagged("s_session.2")}, nil},
		{"all but the first of another issue", []string{first, chunk(later, "s_session.1"), chunk(later, "s_session.2")}, nil},
		{"an index with a zero before it", []string{first, strings.Replace(one, ".1=", ".01=", 1), two}, nil},
		{"an index with a sign", []string{first, strings.Replace(one, ".1=", ".+1=", 1), two}, nil},
		{"a chunk without its text", []string{first, one[:len("s_session.1=")+5], two}, nil},
		{"a chunk without its text before the whole one", []string{first, one[:len("s_session.1=")+5], one, two}, nil},
		{"a first without its text", []string{first[:len("s_session=kkkk.3.tttt.")], one, two}, nil},
		{"one more chunk, without text", []string{strings.Replace(first, ".3.", ".4.", 1), one, two, "s_session.3=" + c.Value("s_session.1")[:5]}, nil},
		{"a chunk without its text behind the whole one", []string{first, one, one[:len("s_session.1=")+5], two}, v},
		{"a chunk cut short", []string{first, one[:len(one)-4], two}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testkit.Equal(t, "value is whole", c.Finds("k", strings.Join(tc.cookies, "; ")) == tc.want, true)
			testkit.Equal(t, "value is whole, a line each", c.Finds("k", tc.cookies...) == tc.want, true)
		})
	}
}

func TestOfDoubledCookiesTheLatestAuthenticOneIsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testkit.NewClient(t, cookiesession.Config{})
		issue := func(v string) string {
			c.Jar = nil
			c.Visit(200, testkit.Set("k", v))
			return c.Jar[0]
		}
		old, tie := issue("old"), issue("tie")
		time.Sleep(time.Second)
		middle := issue("middle")
		time.Sleep(time.Second)
		latest := issue("latest")
		const forged = "s_session=AAAA.BBBB"
		c.Events.Take()
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
			c.Jar = tc.cookies
			testkit.Equal(t, tc.name, c.Sees("k"), tc.want)
			report := c.Events.Take()
			testkit.Equal(t, tc.name+": reported", strings.Contains(report, "doubled s_session"), true)
			testkit.Equal(t, tc.name+": refused", strings.Contains(report, "refused"), tc.want == nil)
		}
	})
}

// TestAllTriesTogetherReadNoMoreThanWhatCame: many forged first cookies may name
// the same chunks. Without a bound for all of them together, these chunks would
// be joined and hashed once for each forged cookie.
func TestAllTriesTogetherReadNoMoreThanWhatCame(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", "genuine"))
	genuine := c.Jar[0]
	key := c.Value("s_session")[:4]
	shared := "s_session.1=tttt." + strings.Repeat("x", 4000) + "; s_session.2=tttt." + strings.Repeat("x", 4000)
	forged := "s_session=" + key + ".3.tttt." + strings.Repeat("x", 4000)
	testkit.Equal(t, "the genuine one first", c.Finds("k", genuine, forged, forged+"y", shared), any("genuine"))
	testkit.Equal(t, "behind one forgery", c.Finds("k", forged, genuine, shared), any("genuine"))
	testkit.Equal(t, "behind two", c.Finds("k", forged, forged+"y", genuine, shared), nil)
}

func TestOfRefusedCopiesTheFirstThatOthersMayReadIsReported(t *testing.T) {
	one, two := cookiesession.NewSecret(), cookiesession.NewSecret()
	c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.Ring(t, one, two)})
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
		c.Jar = []string{"s_session=" + tc.first + ".Axxx", "s_session=" + tc.second + ".Ayyy"}
		c.Events.Take()
		c.Look(200, testkit.Read)
		var refused []cookiesession.Event
		for _, e := range c.Events.All() {
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
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(303, func(s *cookiesession.Session) {
		testkit.Must(s.Set("k", 1))
		testkit.Must(s.Flash("f", 1))
		s.SetTestCookie()
	})
	for i := range c.Jar {
		c.Jar[i] = strings.Replace(c.Jar[i], "s_session_", "s_session _", 1)
	}
	a := c.Look(200, func(s *cookiesession.Session) {
		testkit.Equal(t, "data", s.Has("k"), true)
		testkit.Equal(t, "flash", len(s.Flashes()), 0)
		testkit.Equal(t, "test cookie", s.TestCookieWorked(), false)
	})
	testkit.Equal(t, "Set-Cookie", a.Names(), "")
}

func TestAPageThatLooksAtNothingDropsFlashByItsNameAlone(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
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
		c.Jar = []string{line}
		testkit.Equal(t, line, c.Look(200, nil).Names(), want)
	}
}

func TestThereIsNoFallingBackToAnOlderCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(200, func(s *cookiesession.Session) {
			testkit.Must(s.Set("k", "long"))
			s.SetExpiry(cookiesession.Idle(time.Hour))
		})
		long := c.Jar[0]
		c.Jar = nil
		time.Sleep(time.Second)
		c.Visit(200, func(s *cookiesession.Session) {
			testkit.Must(s.Set("k", "short"))
			s.SetExpiry(cookiesession.Idle(time.Minute))
		})
		c.Jar = []string{long, c.Jar[0]}
		time.Sleep(time.Minute)
		a := c.Look(200, func(s *cookiesession.Session) {
			testkit.Equal(t, "value", s.Value("k"), nil)
			testkit.Equal(t, "expired", errors.Is(s.Rejected(), cookiesession.ErrExpired), true)
		})
		testkit.Equal(t, "Set-Cookie", a.Names(), "-s_session")
	})
}

func TestAFloodOfCookiesIsTriedWithinABound(t *testing.T) {
	keys := testkit.Ring(t)
	c := testkit.NewClient(t, cookiesession.Config{Keyring: keys})
	var flood []string
	for i := range 100 {
		c.Jar = nil
		c.Visit(200, testkit.Set("k", i)) // the ring counts only authentic cookies
		flood = append(flood, c.Jar...)
	}
	before := keys.Status()[0].Opened
	c.Jar = flood
	c.Look(200, func(s *cookiesession.Session) { s.Value("k"); s.Value("k") })
	if opened := keys.Status()[0].Opened - before; opened < 2 || opened > 16 {
		t.Errorf("%d of 100 cookies were opened", opened)
	}
}
