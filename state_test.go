package cookiesession_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/vmihailenco/msgpack/v5"
)

func TestASessionMayBeUsedFromManyGoroutines(t *testing.T) {
	c := testkit.NewClient(t, cookiesession.Config{TrackViews: true, Validate: func(_ context.Context, s *cookiesession.Session) error {
		s.Value("k")
		return nil
	}})
	c.Visit(303, func(s *cookiesession.Session) { testkit.Must(s.Set("n", 0)); testkit.Must(s.Flash("f", 1)) })
	c.Visit(200, func(s *cookiesession.Session) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 20 {
					_, err := s.Add("n", 1)
					testkit.Must(err)
					testkit.Must(s.Set("k", i))
					testkit.Must(s.Flash("g", i))
					s.Value("f")
					s.All()
					s.Views()
					testkit.Must(cookiesession.Edit(s, "list", func(list *[]int) error { *list = []int{i}; return nil }))
					s.SetExpiry(cookiesession.Idle(time.Hour))
					_ = fmt.Sprint(s, s.ID(), s.Keys(), s.Modified(), s.Accessed(), s.ExpiresAt())
				}
			})
		}
		all.Wait()
	})
	testkit.Equal(t, "n", c.Sees("n"), any(int64(160)))
}

func TestAccessedTellsWhetherAnythingLooked(t *testing.T) {
	for name, look := range map[string]func(*cookiesession.Session){
		"ID": func(s *cookiesession.Session) { s.ID() }, "Has": func(s *cookiesession.Session) { s.Has("k") },
		"Flashes": func(s *cookiesession.Session) { s.Flashes() }, "IsNew": func(s *cookiesession.Session) { s.IsNew() },
		"Set": k, "ExpiresAt": func(s *cookiesession.Session) { s.ExpiresAt() }, "Views": func(s *cookiesession.Session) { s.Views() },
		"MarshalJSON": func(s *cookiesession.Session) { s.MarshalJSON() },
	} {
		v := testkit.NewVisitor(t, cookiesession.Config{})
		v.Page(func(s *cookiesession.Session) {
			testkit.Equal(t, "Accessed before "+name, s.Accessed(), false)
			look(s)
			testkit.Equal(t, "Accessed after "+name, s.Accessed(), true)
		})
	}
}

// curious is a type whose own decoder does whatever looking says.
type curious struct{ N int }

var looking func()

func (c curious) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeInt(int64(c.N)) }

func (c *curious) DecodeMsgpack(dec *msgpack.Decoder) error {
	if looking != nil {
		looking()
	}
	n, err := dec.DecodeInt()
	c.N = n
	return err
}

// TestADecoderMayLookAtTheSession: a decoder that logs the session, or reads
// from it, would wait for ever under the session's lock.
func TestADecoderMayLookAtTheSession(t *testing.T) {
	for name, use := range map[string]func(*cookiesession.Session) bool{
		"Get": func(s *cookiesession.Session) bool { _, ok := cookiesession.Get[curious](s, "k"); return ok },
		"Pop": func(s *cookiesession.Session) bool { _, ok := cookiesession.Pop[curious](s, "k"); return ok },
		"Edit": func(s *cookiesession.Session) bool {
			return cookiesession.Edit(s, "k", func(c *curious) error { c.N++; return nil }) == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := testkit.NewClient(t, cookiesession.Config{})
			c.Visit(200, testkit.Set("k", curious{1}))
			s := c.M.Open(t.Context(), c.Jar...)
			looking = func() {
				_ = fmt.Sprint(s)
				s.Value("other")
				s.Keys()
				testkit.Must(s.Set("seen", true))
			}
			defer func() { looking = nil }()
			done := make(chan bool, 1)
			go func() { done <- use(s) }()
			select {
			case ok := <-done:
				testkit.Equal(t, "it is decoded", ok, true)
				testkit.Equal(t, "what the decoder wrote", s.Has("seen"), true)
			case <-time.After(20 * time.Second):
				t.Fatal("the decoder waits for a lock")
			}
		})
	}
}

// TestOfTwoPopsAtOnceOneGetsTheValue has both decode before either removes.
func TestOfTwoPopsAtOnceOneGetsTheValue(t *testing.T) {
	for name, put := range map[string]func(*cookiesession.Session){
		"data": testkit.Set("k", curious{1}), "flash": func(s *cookiesession.Session) { testkit.Must(s.FlashNow("k", curious{1})) },
	} {
		s := testkit.Manager(t, cookiesession.Config{}).Open(t.Context())
		put(s)
		var both, all sync.WaitGroup
		both.Add(2)
		looking = func() { both.Done(); both.Wait() }
		got := make([]bool, 2)
		for i := range got {
			all.Go(func() { _, got[i] = cookiesession.Pop[curious](s, "k") })
		}
		all.Wait()
		looking = nil
		testkit.Equal(t, name+": one of them gets it", got[0] != got[1], true)
		testkit.Equal(t, name+": it is gone", s.Has("k"), false)
	}
}
