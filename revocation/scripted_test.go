package revocation_test

import (
	"context"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
)

// scripted is a source whose engine misbehaves when told to.
type scripted struct {
	revocation.Source

	mu           sync.Mutex
	down, writes error
	delay        time.Duration
	alter        func(*revocation.Page)
	reads        int
}

func (s *scripted) goDown(err error)       { s.mu.Lock(); s.down = err; s.mu.Unlock() }
func (s *scripted) refuseWrites(err error) { s.mu.Lock(); s.writes = err; s.mu.Unlock() }
func (s *scripted) slowDown(d time.Duration) {
	s.mu.Lock()
	s.delay = d
	s.mu.Unlock()
}
func (s *scripted) alterPages(f func(*revocation.Page)) { s.mu.Lock(); s.alter = f; s.mu.Unlock() }
func (s *scripted) readCount() int                      { s.mu.Lock(); defer s.mu.Unlock(); return s.reads }

// answer gives what the engine answers, after as long as it takes.
func (s *scripted) answer(ctx context.Context, write bool) error {
	s.mu.Lock()
	delay, err := s.delay, s.down
	if err == nil && write {
		err = s.writes
	}
	s.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (s *scripted) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	if err := s.answer(ctx, true); err != nil {
		return 0, err
	}
	return s.Source.Append(ctx, keys, atLeast)
}

func (s *scripted) Read(ctx context.Context, after revocation.Cursor) (revocation.Page, error) {
	if err := s.answer(ctx, false); err != nil {
		return revocation.Page{}, err
	}
	page, err := s.Source.Read(ctx, after)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.alter != nil && err == nil {
		s.alter(&page)
	}
	return page, err
}

func (s *scripted) Wait(ctx context.Context, after revocation.Cursor) error {
	if err := s.answer(ctx, false); err != nil {
		return err
	}
	return s.Source.Wait(ctx, after)
}

func (s *scripted) Restore(ctx context.Context, marks []revocation.Mark) error {
	if err := s.answer(ctx, true); err != nil {
		return err
	}
	return s.Source.Restore(ctx, marks)
}
