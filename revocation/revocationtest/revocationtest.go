// Package revocationtest holds the tests that every [revocation.Source] must
// pass: those of this repository do, and one of your own should.
package revocationtest

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
)

// Engine is what a source keeps its marks in.
type Engine struct {
	// Open returns a source of one more instance. All of one Engine share
	// their marks.
	Open func(t *testing.T) revocation.Source
	// Lose takes all data away, as an engine that comes back without it. nil:
	// the engine cannot lose it.
	Lose func(t *testing.T)
	// Slack is how far Trim's cut may be off. Some engines drop whole blocks
	// or look at the clock now and then.
	Slack time.Duration
}

// Run runs every test, each on an empty engine of its own.
func Run(t *testing.T, start func(t *testing.T) Engine) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"a mark is read by every instance, with the moment that Append returned", (*suite).marks},
		{"moments grow, and are not before what was asked for", (*suite).moments},
		{"the moment is the source's time during the call", (*suite).time},
		{"a cursor goes on where it stood, and reads nothing twice", (*suite).cursors},
		{"many marks come in pages, all of them", (*suite).pages},
		{"instances that append at once lose nothing", (*suite).concurrent},
		{"Wait returns when there is something to read", (*suite).wakes},
		{"Wait ends with its context, without an error", (*suite).waits},
		{"a mark is read before Wait is called for it", (*suite).waitsForNothing},
		{"Trim drops old marks and keeps young ones", (*suite).trims},
		{"data that is lost is noticed, and can be restored", (*suite).restores},
		{"Restore changes nothing that is there", (*suite).restoresNothing},
		{"a context that has ended is an error", (*suite).ended},
		{"a foreign cursor is an error or begins anew", (*suite).foreign},
		{"a list on it spreads a logout within a second", (*suite).list},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(&suite{T: t, engine: start(t)})
		})
	}
}

type suite struct {
	*testing.T
	engine Engine
}

// patience bounds what should take milliseconds.
const patience = 20 * time.Second

func (s *suite) open() revocation.Source { s.Helper(); return s.engine.Open(s.T) }

func (s *suite) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

func key(i int) (k revocation.Key) {
	binary.BigEndian.PutUint64(k[2:], uint64(i)+1)
	return k
}

func (s *suite) append(src revocation.Source, keys ...revocation.Key) revocation.Moment {
	s.Helper()
	at, err := src.Append(s.context(), keys, 0)
	if err != nil {
		s.Fatal(err)
	}
	return at
}

// reader is an instance's view of a source.
type reader struct {
	s      *suite
	src    revocation.Source
	cursor revocation.Cursor
	has    map[revocation.Key]revocation.Moment
	read   int // marks, twice counted if they came twice
	resets int
	now    revocation.Moment
}

func (s *suite) reader() *reader {
	return &reader{s: s, src: s.open(), has: map[revocation.Key]revocation.Moment{}}
}

// catchUp reads to the end.
func (r *reader) catchUp() {
	r.s.Helper()
	for range 100_000 {
		page, err := r.src.Read(r.s.context(), r.cursor)
		if err != nil {
			r.s.Fatal(err)
		}
		if page.Reset {
			r.resets++
			clear(r.has)
		}
		for _, m := range page.Marks {
			r.has[m.Key] = max(r.has[m.Key], m.At)
			r.read++
		}
		r.cursor, r.now = page.Next, page.Now
		if !page.More {
			return
		}
	}
	r.s.Fatal("Read has more for ever")
}

func (r *reader) want(want map[revocation.Key]revocation.Moment) {
	r.s.Helper()
	if len(r.has) != len(want) {
		r.s.Errorf("%d keys, want %d", len(r.has), len(want))
	}
	for k, at := range want {
		if r.has[k] != at {
			r.s.Errorf("key %x at %d, want %d", k, r.has[k], at)
		}
	}
}

func (s *suite) marks() {
	a, b := s.reader(), s.reader()
	a.catchUp()
	a.want(nil)
	first := s.append(b.src, key(1), key(2))
	second := s.append(a.src, key(3))
	again := s.append(a.src, key(1))
	want := map[revocation.Key]revocation.Moment{key(1): again, key(2): first, key(3): second}
	for _, r := range []*reader{a, b, s.reader()} {
		r.catchUp()
		r.want(want)
		if r.resets != 0 {
			s.Error("nothing was lost, and a Page says Reset")
		}
	}
}

func (s *suite) moments() {
	a, b := s.open(), s.open()
	var last revocation.Moment
	for i := range 20 {
		src := []revocation.Source{a, b}[i%2]
		at := s.append(src, key(i%3))
		if at <= last {
			s.Fatalf("moment %d after %d", at, last)
		}
		last = at
	}
	later := last.Add(time.Minute)
	at, err := a.Append(s.context(), []revocation.Key{key(1)}, later)
	if err != nil || at < later {
		s.Errorf("asked for %d at least, got %d, %v", later, at, err)
	}
	r := s.reader()
	if r.catchUp(); r.has[key(1)] != at {
		s.Errorf("read %d, appended at %d", r.has[key(1)], at)
	}
}

// time asks for the engine's clock, which is this machine's in a test.
func (s *suite) time() {
	r := s.reader()
	for i := range 5 {
		before := revocation.MomentOf(time.Now())
		at := s.append(r.src, key(i))
		after := revocation.MomentOf(time.Now())
		if at < before || at > after+10 {
			s.Errorf("appended between %d and %d, at %d", before, after, at)
		}
		before = revocation.MomentOf(time.Now())
		r.catchUp()
		if after = revocation.MomentOf(time.Now()); r.now < before || r.now > after+10 {
			s.Errorf("read between %d and %d, its Now is %d", before, after, r.now)
		}
	}
}

func (s *suite) cursors() {
	r := s.reader()
	for i := range 5 {
		s.append(r.src, key(i))
		r.catchUp()
	}
	r.catchUp()
	if r.read != 5 || r.resets != 0 {
		s.Errorf("5 marks were read as %d, with %d resets", r.read, r.resets)
	}
	other := s.reader()
	other.cursor = r.cursor
	if other.catchUp(); other.read != 0 {
		s.Errorf("another instance reads %d marks after the cursor that stands behind all", other.read)
	}
}

func (s *suite) pages() {
	src, want := s.open(), map[revocation.Key]revocation.Moment{}
	r := s.reader()
	r.catchUp()
	var marks []revocation.Mark
	now := revocation.MomentOf(time.Now())
	for i := range 5000 {
		marks = append(marks, revocation.Mark{Key: key(i), At: now - revocation.Moment(i)})
		want[key(i)] = marks[i].At
	}
	for len(marks) > 0 {
		if err := src.Restore(s.context(), marks[:1000]); err != nil {
			s.Fatal(err)
		}
		marks = marks[1000:]
	}
	want[key(1)] = s.append(src, key(1))
	for _, r := range []*reader{r, s.reader()} {
		r.catchUp()
		r.want(want)
	}
}

func (s *suite) concurrent() {
	const instances, each = 4, 25
	watching := s.reader()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[revocation.Key]revocation.Moment{}
	for i := range instances {
		src := s.open()
		wg.Go(func() {
			for j := range each {
				k := key(i*each + j)
				at, err := src.Append(s.context(), []revocation.Key{k}, 0)
				if err != nil {
					s.Error(err)
				}
				mu.Lock()
				want[k] = at
				mu.Unlock()
			}
		})
	}
	go func() { wg.Wait(); close(stop) }()
	for done := false; !done; { // read all the time: a later mark must not hide an earlier one
		select {
		case <-stop:
			done = true
		default:
		}
		watching.catchUp()
	}
	watching.want(want)
}

func (s *suite) wakes() {
	r, other := s.reader(), s.open()
	for i := range 3 {
		r.catchUp()
		woken := make(chan time.Time)
		go func() {
			if err := r.src.Wait(s.context(), r.cursor); err != nil {
				s.Error(err)
			}
			woken <- time.Now()
		}()
		<-time.After(100 * time.Millisecond)
		s.append(other, key(i))
		appended := time.Now()
		if d := (<-woken).Sub(appended); d > time.Second {
			s.Errorf("woken %v after the mark", d)
		}
		if r.catchUp(); len(r.has) != i+1 {
			s.Errorf("%d marks are there to read, want %d", len(r.has), i+1)
		}
	}
}

func (s *suite) waits() {
	r := s.reader()
	s.append(r.src, key(1))
	r.catchUp()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	for ctx.Err() == nil { // it may return early
		if err := r.src.Wait(ctx, r.cursor); err != nil {
			s.Error(err)
		}
		r.catchUp()
	}
	if d := time.Since(began); d > 2*time.Second {
		s.Errorf("Wait outlived its context by %v", d)
	}
}

func (s *suite) waitsForNothing() {
	r := s.reader()
	r.catchUp()
	s.append(s.open(), key(1))
	began := time.Now()
	if err := r.src.Wait(s.context(), r.cursor); err != nil {
		s.Error(err)
	}
	if d := time.Since(began); d > time.Second {
		s.Errorf("Wait slept for %v while there was a mark to read", d)
	}
}

func (s *suite) trims() {
	src := s.open()
	old, slack := s.reader(), max(s.engine.Slack, 50*time.Millisecond)
	old.catchUp()
	s.append(src, key(1), key(2))
	s.append(src, key(3))
	<-time.After(2 * slack)
	began := time.Now()
	young := s.append(src, key(4))
	again := s.append(src, key(2))
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		// On a slow machine the young marks are not so young any more.
		if err := src.Trim(s.context(), time.Since(began)+slack); err != nil {
			s.Fatal(err)
		}
		fresh := s.reader()
		if fresh.catchUp(); len(fresh.has) == 2 {
			fresh.want(map[revocation.Key]revocation.Moment{key(4): young, key(2): again})
			break
		}
		if fresh.has[key(4)] != young || fresh.has[key(2)] != again {
			s.Fatalf("young marks were dropped: %v", fresh.has)
		}
		if time.Now().After(deadline) {
			s.Fatalf("old marks stay: %v", fresh.has)
		}
	}
	// One that was away reads on, or is told to begin anew.
	if old.catchUp(); old.has[key(4)] != young || old.has[key(2)] != again {
		s.Errorf("an instance that was away has %v", old.has)
	}
}

func (s *suite) restores() {
	if s.engine.Lose == nil {
		s.Skip("this engine cannot lose its data")
	}
	r := s.reader()
	for i := range 5 {
		s.append(r.src, key(i))
	}
	r.catchUp()
	want := map[revocation.Key]revocation.Moment{}
	var lost []revocation.Mark
	for k, at := range r.has {
		want[k], lost = at, append(lost, revocation.Mark{Key: k, At: at})
	}
	s.engine.Lose(s.T)
	for i := range 10 { // as many again, and more: positions alone tell nothing
		want[key(100+i)] = s.append(s.open(), key(100+i))
	}
	if r.catchUp(); r.resets == 0 {
		s.Fatal("the data was lost, and no Page says Reset")
	}
	for range 2 { // twice, as two instances do
		if err := r.src.Restore(s.context(), lost); err != nil {
			s.Fatal(err)
		}
	}
	for _, r := range []*reader{r, s.reader()} {
		r.catchUp()
		r.want(want)
	}
}

func (s *suite) restoresNothing() {
	r := s.reader()
	at := s.append(r.src, key(1))
	earlier := revocation.Mark{Key: key(1), At: at.Add(-time.Second)}
	equal := revocation.Mark{Key: key(1), At: at}
	other := revocation.Mark{Key: key(2), At: at.Add(-time.Minute)}
	for range 2 {
		if err := r.src.Restore(s.context(), []revocation.Mark{earlier, other, equal}); err != nil {
			s.Fatal(err)
		}
	}
	for _, r := range []*reader{r, s.reader()} {
		r.catchUp()
		r.want(map[revocation.Key]revocation.Moment{key(1): at, key(2): other.At})
		if r.read > 3 {
			s.Errorf("2 marks are read as %d", r.read)
		}
	}
}

func (s *suite) ended() {
	src := s.open()
	s.append(src, key(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := src.Append(ctx, []revocation.Key{key(2)}, 0); err == nil {
		s.Error("Append works with a context that has ended")
	}
	if _, err := src.Read(ctx, ""); err == nil {
		s.Error("Read works with a context that has ended")
	}
}

func (s *suite) foreign() {
	src := s.open()
	s.append(src, key(1))
	for _, c := range []revocation.Cursor{"x", "1/x/y", "////", "-1", "1099511627776-0"} {
		page, err := src.Read(s.context(), c)
		if err == nil && !page.Reset {
			s.Errorf("the cursor %q is taken for one of its own", c)
		}
	}
}
