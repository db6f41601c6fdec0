package cookiesession_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func setMetadata(name, value string) func(*cookiesession.Session) {
	return func(s *cookiesession.Session) { testkit.Must(s.SetMetadata(name, []byte(value))) }
}

func TestMetadataComesBackAndIsNoUserKey(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Must(s.Set("k", 1))
		testkit.Must(s.SetMetadata("a", []byte("first")))
		testkit.Must(s.SetMetadata("b", []byte{}))
	})
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Equal(t, "a", string(s.Metadata("a")), "first")
		testkit.Equal(t, "b is there, though empty", s.Metadata("b") != nil, true)
		testkit.Equal(t, "c", s.Metadata("c") == nil, true)
		testkit.Equal(t, "Keys", strings.Join(s.Keys(), " "), "k")
		testkit.Equal(t, "Len", s.Len(), 1)
		testkit.Equal(t, "All", len(s.All()), 1)
		text, err := s.MarshalJSON()
		testkit.Must(err)
		testkit.Equal(t, "in JSON", strings.Contains(string(text), "first"), false)
		testkit.Equal(t, "Value", s.Value("a"), nil)
	})
}

func TestMetadataStaysUntilTheSessionIsDestroyed(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*cookiesession.Session)
		want string
	}{
		"Clear keeps it":          {func(s *cookiesession.Session) { testkit.Must(s.Clear()) }, "kept"},
		"CycleID keeps it":        {func(s *cookiesession.Session) { testkit.Must(s.CycleID()) }, "kept"},
		"Delete does not know it": {func(s *cookiesession.Session) { testkit.Must(s.Delete("m")) }, "kept"},
		"nil removes it":          {func(s *cookiesession.Session) { testkit.Must(s.SetMetadata("m", nil)) }, ""},
		"Destroy drops it":        {func(s *cookiesession.Session) { testkit.Must(s.Destroy()); testkit.Must(s.Set("k", 2)) }, ""},
		"Deny drops it":           {func(s *cookiesession.Session) { s.Deny() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); setMetadata("m", "kept")(s) })
			c.Visit(200, tc.do)
			c.Visit(200, func(s *cookiesession.Session) { testkit.Equal(t, "m", string(s.Metadata("m")), tc.want) })
		})
	}
}

func TestMetadataAloneIsASession(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	testkit.Equal(t, "set", c.Visit(200, setMetadata("m", "x")).Names(), "s_session")
	testkit.Equal(t, "removed", c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.SetMetadata("m", nil)) }).Names(), "-s_session")
}

func TestMetadataWrittenBeforePermissionIsThereAfterIt(t *testing.T) {
	ring := testkit.Ring(t)
	c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
	c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); setMetadata("old", "1")(s) })
	c.M = testkit.Manager(t, cookiesession.Config{Keyring: ring, Consent: func(*http.Request) bool { return false }})
	c.Visit(200, func(s *cookiesession.Session) {
		setMetadata("new", "2")(s)
		testkit.Must(s.SetMetadata("old", nil))
		testkit.Equal(t, "old, without permission", s.Metadata("old") == nil, true)
		s.Allow()
		testkit.Equal(t, "new", string(s.Metadata("new")), "2")
		testkit.Equal(t, "old", s.Metadata("old") == nil, true)
		testkit.Equal(t, "data", cookiesession.GetOr(s, "k", 0), 1)
	})
}

func TestMetadataTooLargeIsRefusedWhereItIsWritten(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{MaxBytes: 1000})
	c.Visit(200, func(s *cookiesession.Session) {
		err := s.SetMetadata("m", make([]byte, 1000))
		testkit.Equal(t, "ErrTooLarge", errors.Is(err, cookiesession.ErrTooLarge), true)
		testkit.Equal(t, "stored", s.Metadata("m") == nil, true)
	})
}

func TestASessionWithoutMetadataIsReadByOlderInstances(t *testing.T) {
	// The first version of the payload has no place for metadata. It is written
	// where there is none, so that only sessions that need the second one have it.
	c := testkit.NewClient(t, cookiesession.Config{})
	with := c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.Set("k", 1)); setMetadata("m", "x")(s) })
	without := c.Visit(200, func(s *cookiesession.Session) { testkit.Must(s.SetMetadata("m", nil)) })
	if a, b := testkit.BytesOf(with.Header), testkit.BytesOf(without.Header); a <= b {
		t.Errorf("%d bytes with metadata, %d without", a, b)
	}
	testkit.Equal(t, "data", c.Sees("k"), any(int64(1)))
}

func TestIDBytesAreWhatIDEncodes(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, func(s *cookiesession.Session) {
		id := s.ID()
		b := s.IDBytes()
		testkit.Equal(t, "the same", base64.RawURLEncoding.EncodeToString(b[:]), id)
	})
}

func TestIdentityIsTheIDAndTheMetadata(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, func(s *cookiesession.Session) {
		_, none := s.Identity("seat")
		testkit.Equal(t, "nothing stored", none == nil, true)
		testkit.Must(s.SetMetadata("seat", []byte("4B")))
		id, seat := s.Identity("seat")
		testkit.Equal(t, "the ID", id, s.IDBytes())
		testkit.Equal(t, "the metadata", string(seat), "4B")
	})
}

// checked opens the client's cookies with a check, and hands the session to f.
func checked(c *testkit.Client, check cookiesession.Check, f func(*cookiesession.Session)) http.Header {
	s := c.M.Open(c.T.Context(), strings.Join(c.Jar, "; "))
	testkit.Must(s.AddCheck(check))
	f(s)
	h := http.Header{}
	c.M.Commit(h, s, 200)
	return h
}

func TestACheckHidesTheSessionItRefuses(t *testing.T) {
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		err          error
		hidden, gone bool
	}{
		"no error":             {nil, false, false},
		"an error":             {refused, true, false},
		"ErrRevoked":           {cookiesession.ErrRevoked, true, true},
		"one that wraps it":    {errors.Join(refused, cookiesession.ErrRevoked), true, true},
		"a panic of the check": {nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			c.Visit(200, testkit.Set("k", 1))
			h := checked(c, func(_ context.Context, s *cookiesession.Session) (func(*cookiesession.Session), error) {
				testkit.Equal(t, "the check sees the data", cookiesession.GetOr(s, "k", 0), 1)
				testkit.Equal(t, "and cannot write", errors.Is(s.Set("k", 2), cookiesession.ErrCommitted), true)
				if strings.HasPrefix(name, "a panic") {
					panic("in a check")
				}
				return nil, tc.err
			}, func(s *cookiesession.Session) {
				testkit.Equal(t, "hidden", !s.Has("k"), tc.hidden)
				testkit.Equal(t, "rejected", s.Rejected() != nil, tc.hidden)
				if tc.err != nil {
					testkit.Equal(t, "why", errors.Is(s.Rejected(), tc.err), true)
				}
			})
			testkit.Equal(t, "deleted", len(h["Set-Cookie"]) > 0, tc.gone)
		})
	}
}

func TestChecksAreAskedAfterValidateAndInOrder(t *testing.T) {
	var asked []string
	ask := func(name string, err error) cookiesession.Check {
		return func(context.Context, *cookiesession.Session) (func(*cookiesession.Session), error) {
			asked = append(asked, name)
			return nil, err
		}
	}
	c := testkit.NewClient(t, cookiesession.Config{Validate: func(context.Context, *cookiesession.Session) error {
		asked = append(asked, "Validate")
		return nil
	}})
	c.Visit(200, testkit.Set("k", 1))
	asked = nil
	s := c.M.Open(t.Context(), strings.Join(c.Jar, "; "))
	testkit.Must(s.AddCheck(ask("first", nil)))
	testkit.Must(s.AddCheck(ask("second", errors.New("no"))))
	testkit.Must(s.AddCheck(ask("third", nil)))
	s.Has("k")
	testkit.Equal(t, "asked", strings.Join(asked, " "), "Validate first second")
}

func TestARepairWritesOnceTheSessionIsOpen(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	c.Visit(200, testkit.Set("k", 1))
	repair := func(s *cookiesession.Session) { testkit.Must(s.Set("repaired", true)) }
	check := func(context.Context, *cookiesession.Session) (func(*cookiesession.Session), error) {
		return repair, nil
	}
	h := checked(c, check, func(s *cookiesession.Session) {
		s.Has("k")
		testkit.Equal(t, "repaired", cookiesession.GetOr(s, "repaired", false), true)
	})
	testkit.Equal(t, "saved", len(h["Set-Cookie"]), 1)
	h = checked(c, check, func(*cookiesession.Session) {})
	testkit.Equal(t, "a session that nobody looks at is left alone", len(h["Set-Cookie"]), 0)
}

func TestEveryCheckMayRepairAlsoBeforeOneThatFails(t *testing.T) {
	for _, last := range []string{"has a repair of its own", "has an error", "panics"} {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(200, testkit.Set("k", 1))
		var repaired []string
		s := c.M.Open(t.Context(), strings.Join(c.Jar, "; "))
		for _, name := range []string{"first", "second", "last"} {
			testkit.Must(s.AddCheck(func(_ context.Context, looked *cookiesession.Session) (func(*cookiesession.Session), error) {
				looked.Has("k")
				repair := func(s *cookiesession.Session) {
					testkit.Must(s.Set(name, true)) // what the check was asked about cannot be written to
					repaired = append(repaired, name)
				}
				if name == "last" && last == "panics" {
					panic(last)
				}
				if name == "last" && last == "has an error" {
					return repair, errors.New(last)
				}
				return repair, nil
			}))
		}
		testkit.Equal(t, "shown where the last one "+last, s.Has("k"), last == "has a repair of its own")
		want := "first second last"
		if last == "panics" {
			want = "first second"
		}
		testkit.Equal(t, "repairs where the last one "+last, strings.Join(repaired, " "), want)
	}
}

func TestACheckCannotBeAddedToASessionThatWasLookedAt(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{})
	s := c.M.Open(t.Context())
	s.Len()
	testkit.Equal(t, "refused", s.AddCheck(nil) != nil, true)
}

func TestTheCompanionCookieGoesWithTheSession(t *testing.T) {
	companion := func(m *cookiesession.Manager) string {
		cookie := m.CompanionCookie("value", time.Minute)
		return cookie.Name + "=" + cookie.Value
	}
	for name, tc := range map[string]struct {
		do     func(*cookiesession.Session)
		status int
		want   string
	}{
		"read":              {func(s *cookiesession.Session) { s.Has("k") }, 200, ""},
		"written":           {testkit.Set("k", 2), 200, "s_session"},
		"cleared":           {func(s *cookiesession.Session) { testkit.Must(s.Clear()) }, 200, "-s_session"},
		"destroyed":         {func(s *cookiesession.Session) { testkit.Must(s.Destroy()) }, 200, "-s_session -s_session_bound"},
		"destroyed, on 500": {func(s *cookiesession.Session) { testkit.Must(s.Destroy()) }, 500, "-s_session -s_session_bound"},
		"denied":            {func(s *cookiesession.Session) { s.Deny() }, 200, "-s_session -s_session_bound"},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			c.Visit(200, testkit.Set("k", 1))
			c.Jar = append(c.Jar, companion(c.M))
			testkit.Equal(t, "Set-Cookie", c.Visit(tc.status, tc.do).Names(), tc.want)
		})
	}
	t.Run("expired", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{IdleTimeout: time.Minute})
			c.Visit(200, testkit.Set("k", 1))
			c.Jar = append(c.Jar, companion(c.M))
			time.Sleep(time.Minute)
			testkit.Equal(t, "Set-Cookie", c.Visit(200, func(s *cookiesession.Session) { s.Has("k") }).Names(), "-s_session -s_session_bound")
		})
	})
}

func TestTheCompanionCookieHasTheAttributesOfTheOthers(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{Path: "/app", Domain: "example.org", SameSite: http.SameSiteNoneMode, Partitioned: true})
	got := m.CompanionCookie("v", 1500*time.Millisecond).String()
	testkit.Equal(t, "cookie", got, "s_session_bound=v; Path=/app; Domain=example.org; Max-Age=2; HttpOnly; Secure; SameSite=None; Partitioned")
}

func TestASealedTextOpensForItsPurposeAndInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := testkit.Ring(t)
		m := testkit.Manager(t, cookiesession.Config{Keyring: ring})
		other := testkit.Manager(t, cookiesession.Config{Keyring: ring, Name: "other"})
		text, err := m.Seal("reset password", []byte("user 7"), time.Now().Add(time.Minute))
		testkit.Must(err)
		open := func(m *cookiesession.Manager, purpose, text string) (string, error) {
			plain, err := m.Unseal(purpose, text)
			return string(plain), err
		}
		got, err := open(m, "reset password", text)
		testkit.Must(err)
		testkit.Equal(t, "text", got, "user 7")
		for name, tc := range map[string]struct {
			m             *cookiesession.Manager
			purpose, text string
			want          error
		}{
			"another purpose":  {m, "confirm", text, cookiesession.ErrInvalid},
			"another manager":  {other, "reset password", text, cookiesession.ErrInvalid},
			"another key id":   {m, "reset password", "AAAA" + text[4:], cookiesession.ErrUnknownKey},
			"cut":              {m, "reset password", text[:len(text)-4], cookiesession.ErrInvalid},
			"nothing":          {m, "reset password", "", cookiesession.ErrInvalid},
			"endless":          {m, "reset password", text[:5] + strings.Repeat("A", 1<<20), cookiesession.ErrInvalid},
			"a session cookie": {m, "reset password", sessionCookie(m), cookiesession.ErrInvalid},
		} {
			got, err := open(tc.m, tc.purpose, tc.text)
			if !errors.Is(err, tc.want) || got != "" {
				t.Errorf("%s: %q, %v, want %v", name, got, err, tc.want)
			}
		}
		time.Sleep(time.Minute)
		got, err = open(m, "reset password", text)
		testkit.Equal(t, "at its end it is expired", errors.Is(err, cookiesession.ErrExpired), true)
		testkit.Equal(t, "and authentic", got, "user 7")
	})
}

func sessionCookie(m *cookiesession.Manager) string {
	s := m.Open(context.Background())
	testkit.Must(s.Set("k", 1))
	h := http.Header{}
	testkit.Must(m.Commit(h, s, 200))
	_, value, _ := strings.Cut(h["Set-Cookie"][0], "=")
	value, _, _ = strings.Cut(value, ";")
	return value
}

func TestSealRefusesWhatIsTooLargeAndPurposesThatCouldBeMistaken(t *testing.T) {
	m := testkit.Manager(t, cookiesession.Config{})
	until := time.Now().Add(time.Hour)
	for _, purpose := range []string{"", strings.Repeat("p", 65), "a|b", "a@b", "a\nb", "é"} {
		if _, err := m.Seal(purpose, nil, until); err == nil {
			t.Errorf("purpose %q is accepted by Seal", purpose)
		}
		if _, err := m.Unseal(purpose, "AAAA.x"); err == nil {
			t.Errorf("purpose %q is accepted by Unseal", purpose)
		}
	}
	if _, err := m.Seal("p", make([]byte, 4097), until); err == nil {
		t.Error("4097 bytes are accepted")
	}
	for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
		m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.FormatRing(t, format)})
		plain := slices.Repeat([]byte{7}, 4096)
		text, err := m.Seal("p", plain, until)
		testkit.Must(err)
		got, err := m.Unseal("p", text)
		testkit.Must(err)
		testkit.Equal(t, "what is accepted comes back", slices.Equal(got, plain), true)
	}
}

// TestACompanionCookieThatTheResponseSetsStays: a login destroys the old session
// and binds the new one, in one response.
func TestACompanionCookieThatTheResponseSetsStays(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*cookiesession.Session)
		want string
	}{
		"destroyed": {testkit.Destroy, "s_session_bound -s_session"},
		"denied":    {func(s *cookiesession.Session) { s.Deny() }, "s_session_bound -s_session -s_session_bound"},
	} {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Visit(200, testkit.Set("k", 1))
		old := "s_session_bound=" + c.M.CompanionCookie("old", time.Minute).Value
		w := testkit.Serve(c.M, strings.Join(append(c.Jar, old), "; "), func(w http.ResponseWriter, s *cookiesession.Session) {
			http.SetCookie(w, c.M.CompanionCookie("new", time.Minute))
			tc.do(s)
		})
		testkit.Equal(t, name, testkit.Names(w.Result().Cookies()), tc.want)
	}
}
