package cookiesession_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
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
