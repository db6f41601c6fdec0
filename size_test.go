package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestWhatSetAcceptsIsSaved(t *testing.T) {
	for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
		for _, limit := range []int{512, 1001, 7168, 7169, 7170, 7171} {
			t.Run(fmt.Sprintf("%s, %d bytes", format, limit), func(t *testing.T) {
				m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.FormatRing(t, format), MaxBytes: limit, OnEvent: new(testkit.Events).Add})
				for _, begin := range []func(*cookiesession.Session){
					func(*cookiesession.Session) {},
					func(s *cookiesession.Session) { testkit.Must(s.Destroy()) },
					func(s *cookiesession.Session) { testkit.Must(s.CycleID()) },
				} {
					checkFullest(t, m, limit, begin)
				}
			})
		}
	}
}

// checkFullest stores the longest value that fits, and checks that Commit sends
// it and that it fills the limit.
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
	if sum := testkit.BytesOf(h); sum > limit || sum < limit-8 { // base64 of base64 grows in steps of up to 8
		t.Errorf("%d bytes of cookies for a limit of %d", sum, limit)
	}
}

func TestWhatSetTookCommitSendsWhateverTheExpiry(t *testing.T) {
	for _, idle := range []time.Duration{time.Second, 200 * time.Second, 70_000 * time.Second, 1 << 33 * time.Second} {
		for limit := 1000; limit < 1004; limit++ {
			m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.FormatRing(t, cookiesession.FormatCompact), MaxBytes: limit})
			checkFullest(t, m, limit, func(s *cookiesession.Session) { s.SetExpiry(cookiesession.Idle(idle)) })
		}
	}
}

func TestWhatFlashTookCommitSends(t *testing.T) {
	for limit := 1000; limit < 1004; limit++ {
		m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.FormatRing(t, cookiesession.FormatCompact), MaxBytes: limit})
		s, n := m.Open(t.Context()), 800
		for s.Flash("f", strings.Repeat("x", n)) != nil {
			n--
		}
		h := http.Header{}
		if err := m.Commit(h, s, 303); err != nil || testkit.BytesOf(h) < limit-3 {
			t.Errorf("Flash took %d bytes, Commit: %v, %d bytes of %d", n, err, testkit.BytesOf(h), limit)
		}
	}
}

func TestKeptFlashIsNoLargerThanItCame(t *testing.T) {
	ring := testkit.Ring(t)
	c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Flash("f", strings.Repeat("x", 1000))) })
	c.M = testkit.Manager(t, cookiesession.Config{Keyring: ring, MaxBytes: 600})
	testkit.Equal(t, "kept", c.Visit(200, func(s *cookiesession.Session) { s.KeepFlash() }).Names(), "s_session_flash")
	testkit.Equal(t, "kept, denied and allowed in between", c.Visit(200, func(s *cookiesession.Session) {
		s.Flashes()
		s.Deny()
		s.Allow()
		s.KeepFlash()
	}).Names(), "s_session_flash")
}

func TestWhatIsRefusedIsNamedAndTheBrowserKeepsItsLastGoodCookie(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{MaxBytes: 1000})
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Must(s.Set("small", 1))
		testkit.Must(s.Set("big", strings.Repeat("x", 300)))
	})
	c.Events.Take()
	var tooLarge *cookiesession.TooLargeError
	a := c.Visit(200, func(s *cookiesession.Session) {
		err := s.Set("huge", strings.Repeat("x", 2000))
		if !errors.Is(err, cookiesession.ErrTooLarge) || !errors.As(err, &tooLarge) {
			t.Fatalf("not a *TooLargeError: %v", err)
		}
		testkit.Equal(t, "there", s.Has("huge"), false)
		testkit.Equal(t, "modified", s.Modified(), false)
	})
	testkit.Equal(t, "events", c.Events.Take(), "write-refused s_session")
	testkit.Equal(t, "Set-Cookie", a.Names(), "")
	testkit.Equal(t, "limit", tooLarge.Limit, 1000)
	testkit.Equal(t, "larger than the limit", tooLarge.Size > tooLarge.Limit, true)
	var names []string
	for i, entry := range tooLarge.Largest {
		names = append(names, entry.Key)
		if i > 0 && entry.Size > tooLarge.Largest[i-1].Size {
			t.Error("not the largest first")
		}
	}
	testkit.Equal(t, "largest", strings.Join(names, " "), "huge big small")
	if text := tooLarge.Error(); strings.Contains(text, "xxx") || !strings.Contains(text, "huge") || !strings.Contains(text, "1000") {
		t.Errorf("the error names no limit and no key, or shows a value: %s", text)
	}
	testkit.Equal(t, "the last good value", c.Sees("small"), any(int64(1)))
}

func TestAnExpiryThatDoesNotFitLosesNoData(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.FormatRing(t, cookiesession.FormatCompact), MaxBytes: 1000})
	s := c.M.Open(t.Context())
	n := 800
	for s.Set("k", strings.Repeat("x", n)) != nil {
		n--
	}
	c.Events.Take()
	s.SetExpiry(cookiesession.Idle(1000 * time.Hour))
	testkit.Equal(t, "events", c.Events.Take(), "write-refused s_session")
	testkit.Equal(t, "expiry", s.Expiry(), cookiesession.Expiry{})
	h := http.Header{}
	testkit.Must(c.M.Commit(h, s, 200))
	testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: h}.Names(), "s_session")
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
			testkit.Must(s.Delete(s.Keys()[1:]...))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{MaxBytes: 1000})
			c.Visit(200, testkit.Set("k", "old"))
			c.Events.Take()
			c.Look(200, func(s *cookiesession.Session) {
				if err := write(s); !errors.Is(err, cookiesession.ErrTooLarge) {
					t.Errorf("error: %v", err)
				}
				testkit.Equal(t, "value", s.Value("k"), any("old"))
				testkit.Equal(t, "keys", strings.Join(s.Keys(), " "), "k")
			})
			testkit.Equal(t, "write-refused once", strings.Count(c.Events.Take(), "write-refused"), 1)
		})
	}
}

func TestAForgeryTakesNoRoomFromTheVisitor(t *testing.T) {
	for name, write := range map[string]func(*cookiesession.Session) error{
		"data":  func(s *cookiesession.Session) error { return s.Set("k", strings.Repeat("x", 3000)) },
		"flash": func(s *cookiesession.Session) error { return s.Flash("k", strings.Repeat("x", 3000)) },
	} {
		c := testkit.NewClient(t, cookiesession.Config{})
		c.Jar = []string{"s_session=" + strings.Repeat("A", 4000), "s_session.1=" + strings.Repeat("A", 4000)}
		s := c.M.Open(t.Context(), c.Jar...)
		testkit.Must(write(s))
		if err := c.M.Commit(http.Header{}, s, 303); err != nil {
			t.Errorf("%s: accepted, then %v", name, err)
		}
	}
}

func TestASessionLargerThanALoweredLimitIsNotStuck(t *testing.T) {
	ring := testkit.Ring(t)
	c := testkit.NewClient(t, cookiesession.Config{Keyring: ring})
	c.Visit(200, func(s *cookiesession.Session) {
		testkit.Must(s.Set("a", strings.Repeat("x", 1000)))
		testkit.Must(s.Set("b", strings.Repeat("x", 1000)))
		testkit.Must(s.Set("n", 1))
	})
	c.M = testkit.Manager(t, cookiesession.Config{Keyring: ring, MaxBytes: 1000, OnEvent: c.Events.Add, SaveEveryRequest: true})
	for _, tc := range []struct {
		name string
		do   func(*cookiesession.Session) error
		fits bool
	}{
		{"renewed", func(s *cookiesession.Session) error { return nil }, true},
		{"read", func(s *cookiesession.Session) error { testkit.Read(s); return nil }, true},
		{"an equal value", func(s *cookiesession.Session) error { return s.Set("n", 1) }, true},
		{"another value of the same size", func(s *cookiesession.Session) error { return s.Set("n", 2) }, true},
		{"a new ID", func(s *cookiesession.Session) error { return s.CycleID() }, true},
		{"a smaller value", func(s *cookiesession.Session) error { return s.Set("a", "x") }, true},
		{"one larger, after one smaller", func(s *cookiesession.Session) error {
			return errors.Join(s.Set("b", ""), s.Set("n", 100000))
		}, true},
		{"a key less", func(s *cookiesession.Session) error { return s.Delete("a") }, true},
		{"one byte more", func(s *cookiesession.Session) error { return s.Set("n", 200) }, false},
		{"another key", func(s *cookiesession.Session) error { return s.Set("m", 1) }, false},
		{"flash", func(s *cookiesession.Session) error { return s.Flash("m", 1) }, false},
		{"destroyed, then as large again", func(s *cookiesession.Session) error {
			return errors.Join(s.Destroy(), s.Set("a", strings.Repeat("x", 1000)))
		}, false}, // what was destroyed gives no right to be as large
		{"destroyed", func(s *cookiesession.Session) error { return s.Destroy() }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := c.Copy()
			c.Events.Take()
			var err error
			a := c.Visit(200, func(s *cookiesession.Session) { err = tc.do(s) })
			testkit.Equal(t, "refused", errors.Is(err, cookiesession.ErrTooLarge), !tc.fits)
			testkit.Equal(t, "reported", strings.Contains(c.Events.Take(), "write-refused"), !tc.fits)
			if a.Names() == "" {
				t.Error("nothing was saved")
			}
		})
	}
}

func TestFlashKnowsOfTheDataThatStaysUnseen(t *testing.T) {
	for name, cfg := range map[string]cookiesession.Config{
		"unknown key": {},
		"withheld":    {Validate: func(context.Context, *cookiesession.Session) error { return errDatabase }},
	} {
		t.Run(name, func(t *testing.T) {
			keys := testkit.Ring(t)
			c := testkit.NewClient(t, cookiesession.Config{Keyring: keys})
			c.Visit(200, testkit.Set("k", strings.Repeat("x", 3000)))
			cfg.OnEvent = c.Events.Add
			if cfg.Validate != nil {
				cfg.Keyring = keys
			}
			c.M = testkit.Manager(t, cfg)
			s := c.M.Open(t.Context(), c.Jar...)
			testkit.Must(s.Flash("small", 1))
			if err := s.Flash("f", strings.Repeat("x", 1500)); !errors.Is(err, cookiesession.ErrTooLarge) {
				t.Errorf("Flash: %v", err)
			}
			h := http.Header{}
			testkit.Must(c.M.Commit(h, s, 303))
			testkit.Equal(t, "Set-Cookie", testkit.Answer{Header: h}.Names(), "s_session_flash")
		})
	}
}

// TestWriteTimeAndCommitTimeGiveOneAnswer plays random histories: several
// requests, with what came before them damaged or planted. What a write has
// accepted is sent, and the browser then holds no more than MaxBytes.
func TestWriteTimeAndCommitTimeGiveOneAnswer(t *testing.T) {
	seeds := []uint64{4470, 12437, 17269} // rare ones, that have found faults
	for seed := range uint64(2000) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			limit := 512 + random.IntN(1500)
			c := testkit.NewClient(t, cookiesession.Config{
				Keyring:  testkit.FormatRing(t, testkit.Formats[random.IntN(2)]),
				MaxBytes: limit, TrackViews: random.IntN(2) == 0, IdleTimeout: time.Hour,
			})
			issued := new(testkit.Client) // what the browser holds of what was set
			for turn := range 6 {
				plant(c, issued, random)
				status := []int{200, 204, 303, 404}[random.IntN(4)]
				var did []string
				c.Events.Take()
				a := c.Visit(status, func(s *cookiesession.Session) {
					for range random.IntN(6) {
						did = append(did, randomWrite(s, random, limit))
					}
					c.Events.Take() // what was refused then was refused in time
				})
				if len(c.Events.Of(cookiesession.EventWriteRefused)) > 0 {
					t.Fatalf("seed %d, turn %d, limit %d, status %d: %v: refused at the commit: %v", seed, turn, limit, status, did, c.Events.All())
				}
				issued.Keep(a)
				if n := len(strings.Join(issued.Jar, "")) - len(issued.Jar); n > limit {
					t.Fatalf("seed %d, turn %d, status %d: %v: the browser holds %d bytes, the limit is %d", seed, turn, status, did, n, limit)
				}
			}
		})
	}
}

// plant adds what a visitor, or somebody who can plant cookies, may send beside
// the session, or lets time pass until all of it has ended. issued has what
// still counts of what was set: what does not open takes no room.
func plant(c, issued *testkit.Client, random *rand.Rand) {
	switch random.IntN(8) {
	case 0:
		time.Sleep(2 * time.Hour)
		issued.Jar = nil // the browser has dropped what ended
	case 1:
		for i, pair := range c.Jar { // what came as flash no longer opens
			if strings.HasPrefix(pair, "s_session_flash=") {
				c.Jar[i] = strings.Replace(pair, ".", ".A", 1)
			}
		}
		issued.Jar = slices.DeleteFunc(issued.Jar, func(pair string) bool { return strings.HasPrefix(pair, "s_session_flash=") })
	case 2:
		c.Jar = append(c.Jar, "s_session.40="+strings.Repeat("x", 600), "s_session_flash.9="+strings.Repeat("x", 600))
	case 3:
		c.Jar = append(c.Jar, "s_session="+strings.Repeat("x", 700))
	case 4:
		c.Jar = append(c.Jar, "s_session_flash="+strings.Repeat("x", 700))
	case 5:
		c.Jar = append(c.Jar, c.Jar...)
	}
}

// randomWrite does one thing to the session and names it.
func randomWrite(s *cookiesession.Session, random *rand.Rand, limit int) string {
	value := strings.Repeat("v", random.IntN(limit*3/4))
	key := string(rune('a' + random.IntN(3)))
	var err error
	name := ""
	switch random.IntN(13) {
	case 0, 1:
		name, err = "Set", s.Set(key, value)
	case 2, 3:
		name, err = "Flash", s.Flash(key, value)
	case 4:
		name, err = "Update", s.Update(map[string]any{"a": value, "b": 1})
	case 5:
		name, err = "Delete", s.Delete(key)
	case 6:
		name, err = "Destroy", s.Destroy()
	case 7:
		name, err = "CycleID", s.CycleID()
	case 8:
		name = "KeepFlash"
		s.KeepFlash()
	case 9:
		name = "Flashes"
		s.Flashes()
	case 10:
		name, err = "SetMetadata", s.SetMetadata("m", []byte(value[:len(value)/4]))
	case 11:
		name = "ClearFlash"
		s.ClearFlash()
	case 12:
		name = "SetExpiry"
		s.SetExpiry(cookiesession.Idle(time.Duration(random.IntN(100000)) * time.Second))
	}
	return fmt.Sprintf("%s %s %d: %v", name, key, len(value), err == nil)
}
