package cookiesession

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cookiesession/cookiesession/internal/cachecontrol"
	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/flash"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/purpose"
)

// This file has what a manager and a session know, and the smallest steps on
// it. What is done with it stands in the files above: open.go, session.go,
// flash.go, views.go and commit.go.

// settings is a [Config] made ready for use. It never changes.
type settings struct {
	policy      lifetime.Policy
	name        string // Config.Name
	ring        *keyring.Ring
	users       []user // of compartments, in the order in which a response treats them
	test        cookie.Cookie
	attributes  cookie.Attributes
	base        string   // what all cookie names begin with
	suffixes    []string // behind base: one for each of users
	maxBytes    int
	historySize int
	consent     func(*http.Request) bool
	validate    func(context.Context, *Session) error
	onEvent     func(context.Context, Event)
	logger      *slog.Logger
	always      bool         // every request through Handler counts as touched
	nested      *atomic.Bool // it was told that another manager of this name is around this one
}

var errNested = errors.New("cookiesession: two managers with one Name are nested: each overwrites the cookies of the other; use one Manager, or give each a Name of its own")

// tellNested reports once that another manager of the same name is around this one.
func (m *settings) tellNested(ctx context.Context) {
	if !m.nested.Swap(true) {
		m.emit(ctx, Event{Kind: EventNested, CookieName: m.base, Err: errNested})
	}
}

// user is a user of the compartment mechanism. A further one needs an entry in
// settings.users and no change in what treats them all.
type user struct {
	cookie.Cookie

	// idle reports that this request has nothing for a compartment of which
	// nothing came. The response then passes it over. Most requests have data alone:
	// that saves them 130 ns. nil: it is never passed over.
	idle func(*Session) bool
	// plan decides what a response does to the compartment.
	plan func(*Session, outcome) step
	// room is how many bytes the browser will hold of it after the response,
	// as far as can be told before. Where that is not known exactly it is the
	// most that may be. With exact, what came is opened to know better. nil: it
	// takes no room from the others.
	room func(s *Session, exact bool) int
	// stays is how many bytes the browser keeps of it where the response does
	// nothing. nil: none that count.
	stays func(*Session) int
}

// Session is one visitor's dictionary for the length of one request. It comes
// from [Manager.Session], [Manager.OpenRequest] or [Manager.Open] and is saved by
// [Manager.Commit], which [Manager.Handler] calls.
//
// Read a value with a [Field], or with [Get] where the key is known only when
// the program runs: Get[string](s, "user"). Both return the type that you ask
// for, and say whether the value is one. [Session.Value] is for templates and
// for programs that do not know the type.
//
// The cookies are opened at the first call of any method but Accessed, Modified
// and those that print it. A session that is never looked at costs nothing.
// Values are copies. To change one in place, use [Edit] or [Field.Edit].
//
// A Session may be used from many goroutines. Once the response header has
// left, reads go on and writes return [ErrCommitted].
type Session struct {
	m     *settings
	ctx   context.Context // carries this session
	lines *[]string       // Cookie header lines; behind a pointer, where fmt does not go from a struct that holds the session
	path  string          // of the request, without the query; "" is not recorded
	check Check           // besides Config.Validate

	editing   sync.Mutex // held by Edit
	mu        sync.Mutex
	answer    purpose.Answer // what the request is for: anyone's, unless a flash cookie came; else it does not matter
	crossSite bool           // it came from another site
	phase     phase
	stage     stage
	permitted bool // the visitor may be remembered: as Consent says, unless Allow or Deny said otherwise
	handled   bool // a Handler has this session and commits it
	events    []Event

	*content // nil until something looks: a request that leaves its session alone pays for 576 bytes less
}

// A Check is asked about one session that came, after Config.Validate and
// under the same rules: it gets a read-only session of its own, an error that
// is [ErrRevoked] ends the session, and any other error or a panic hides it
// for this request, with that error as [Session.Rejected]. Where it returns a
// repair, that is called once the session is open and no lock is held, unless
// the response header has left by then. The repair may write to the session that it
// is given.
type Check func(ctx context.Context, s *Session) (repair func(*Session), err error)

// phase is how far a session has been looked at.
type phase uint8

const (
	unseen     phase = iota // nothing has looked at it
	seen                    // something has; without permission it gets no further
	validating              // opened, and Validate has been asked
	shown                   // opened
)

// stage says whether a session can be written to.
type stage uint8

const (
	writable  stage = iota
	committed       // the response header has left
	candidate       // this is the read-only session that Validate sees
)

// findFlashCookie takes note of a flash cookie, without looking further.
func (s *Session) findFlashCookie() {
	if cookie.Contains(s.m.users[flashAt].Name, *s.lines) {
		s.answer = purpose.Page
	}
}

// flashState is what came as flash, and what this request makes of it. The
// compartment is opened only where a flash value is asked for, or must be kept
// beside a new one.
type flashState struct {
	opened[payload.Flash]
	flash.Writes
}

// changed reports whether the browser has flash to keep or to lose.
func (f *flashState) changed() bool { return f.Changed(f.payload.Values) }

// shown reports whether this request had flash to show.
func (f *flashState) shown() bool { return f.payload.Values.Len()+f.Now.Len() > 0 }

// forget drops what this request made. What came stays known.
func (f *flashState) forget() {
	*f = flashState{opened: f.opened, Writes: flash.Writes{In: f.payload.Values}}
}

// content is what a session that is looked at needs.
type content struct {
	at        time.Time // when it was first looked at
	in        [compartments]cookie.Incoming
	validated chan struct{}  // closed when Validate has answered
	repair    func(*Session) // what checks want to be done once no lock is held

	data  opened[payload.Data] // its err is what Rejected tells
	views *opened[payload.Views]
	flash *flashState // nil: nothing of it was needed yet

	// What this request makes of the data. Without permission it is only what
	// this request wrote. When permission comes, merge puts that on top of what
	// came.
	work      payload.Data
	pending   []change // written without permission
	extent    decide.Extent
	grown     bool // more was written than came: see fits
	destroyed bool
	test      decide.TestAction
	number    [9]byte // room for the integer that Add encodes

	ending ending // set when the header leaves

	cookies [1]string // room for the Set-Cookie line that most responses get
	fields  cachecontrol.Fields
}

// contextKey finds the session of one manager in a context.
type contextKey struct{ m *settings }

func (m *settings) newContext(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, contextKey{m}, s)
}

// claim reports whether nobody else commits the session, and takes that over.
func (s *Session) claim() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := !s.handled
	s.handled = true
	return free
}

// begin takes what needs neither key nor permission.
func (s *Session) begin() {
	if s.content == nil {
		s.content = &content{at: time.Now()}
		cookie.Collect(s.in[:], s.m.base, s.m.suffixes, *s.lines)
		s.work = s.blank()
	}
}

// testCame reports whether the browser has sent the test cookie.
func (s *Session) testCame() bool { return cookie.Contains(s.m.test.Name, *s.lines) }

// now is the time of the response. It costs less than time.Now again. A clock
// that was set since the first look is seen by the next request.
func (s *Session) now() time.Time { return s.at.Add(s.ending.elapsed) }

// blank is the data of a session that begins now. It is modified now, too: a
// write measures what will be saved.
func (s *Session) blank() payload.Data {
	return payload.Data{Created: s.at.Unix(), Modified: s.at.Unix()}
}

// noCookies reports whether the request brought none of our cookies.
func (s *Session) noCookies() bool {
	return cookie.None(s.in[:]) && !s.testCame()
}

// id needs the lock. A new session gets its id when somebody asks.
func (s *Session) id() payload.ID {
	if s.work.ID == (payload.ID{}) {
		s.work.ID = payload.NewID()
	}
	return s.work.ID
}

func (s *Session) created() time.Time { return time.Unix(s.work.Created, 0) }

// live reports whether a session came with the request that can be shown.
func (s *Session) live() bool { return s.data.standing == decide.Alive }

// gone reports whether what came has ended: it is removed at any status.
func (s *Session) gone() bool { return s.destroyed || s.data.standing.Ended() }

// ordered reports whether everything that came must go by somebody's word: the
// visitor's, the handler's or Validate's. That a session has expired is nobody's
// word.
func (s *Session) ordered() bool {
	return !s.permitted || s.destroyed || s.data.standing == decide.Revoked
}

// remembered reports whether views came alone: they remember a visitor without
// data.
func (s *Session) remembered() bool {
	return s.views != nil && s.views.standing == decide.Alive && s.data.standing.Blank()
}

// visitor reports whether the session shows the id of such a visitor.
func (s *Session) visitor() bool { return s.remembered() && s.work.ID == s.views.payload.ID }

// renews reports whether reading has become activity.
func (s *Session) renews(now time.Time) bool {
	return s.m.policy.Renews(now, time.Unix(s.data.payload.Modified, 0))
}

// note keeps an event until no lock is held. The session that Validate sees
// says nothing about what the real one reports.
func (s *Session) note(e Event) {
	if (s.stage != candidate || e.Kind == EventWriteRefused) && s.m.listens(e.Kind) {
		s.events = append(s.events, e)
	}
}

// emit reports e to OnEvent and to the log, as Config says. No lock may be held.
func (m *settings) emit(ctx context.Context, e Event) {
	if m.onEvent != nil {
		m.onEvent(ctx, e)
	}
	if log := m.log(); log != nil {
		logEvent(ctx, log, e)
	}
}

// log is where events are logged. It is nil where OnEvent alone is told.
func (m *settings) log() *slog.Logger {
	if m.logger == nil && m.onEvent == nil {
		return slog.Default()
	}
	return m.logger
}

// listens reports whether anybody would hear of such an event. One that is
// only logged, at a level that is off, then costs nothing. The log is asked
// without the session's context: a log handler that looks at the session there
// would wait for the lock that is held.
func (m *settings) listens(kind EventKind) bool {
	return m.onEvent != nil || m.log().Enabled(context.Background(), levelOf(kind))
}
