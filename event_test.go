package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
)

func TestOnEventIsCalledWithTheSessionInItsContextAndNoLockHeld(t *testing.T) {
	type contextValue struct{}
	kinds := map[cookiesession.EventKind]int{}
	var m *cookiesession.Manager
	var s *cookiesession.Session
	m = testkit.Manager(t, cookiesession.Config{MaxBytes: 600, TrackViews: true, OnEvent: func(ctx context.Context, e cookiesession.Event) {
		kinds[e.Kind]++
		testkit.Equal(t, "session", m.FromContext(ctx), s)
		testkit.Equal(t, "the request's own context", ctx.Value(contextValue{}), any("mine"))
		s.Value("k") // each of these would wait for ever under a lock
		s.Modified()
		s.Views()
		m.FromContext(ctx).All()
	}})
	ctx := context.WithValue(t.Context(), contextValue{}, "mine")
	s = m.Open(ctx, "s_session=AAAA.BBBB; s_session=CCCC.DDDD; s_session_flash=x; s_session_views=x")
	if s.Set("k", strings.Repeat("x", 600)) == nil {
		t.Error("fitted")
	}
	testkit.Must(s.Set("k", 1))
	testkit.Must(m.Commit(http.Header{}, s, 200))
	_ = s.Set("k", 2)
	s = m.Open(ctx, "s_session=AAAA.BBBB")
	testkit.Must(s.Destroy())
	testkit.Must(m.Commit(http.Header{}, s, 200))
	for _, kind := range []cookiesession.EventKind{"refused", "doubled", "issued", "deleted", "write-refused"} {
		testkit.Equal(t, string(kind)+" was reported", kinds[kind] > 0, true)
	}
}

func TestNewKeysAreReportedWithoutTheLockOfTheSessionThatSawThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := plainKeyFile(t, t.TempDir(), keyFileText(cookiesession.NewSecret()))
		ring, err := cookiesession.LoadKeyFile(path)
		testkit.Must(err)
		var s *cookiesession.Session
		told := 0
		m := testkit.Manager(t, cookiesession.Config{Keyring: ring, OnEvent: func(_ context.Context, e cookiesession.Event) {
			if e.Kind == cookiesession.EventKeysLoaded {
				told++
				s.Value("k") // would wait for ever under a lock
			}
		}})
		for _, use := range []func(){
			func() { s.Value("k") },
			func() { testkit.Must(s.Set("k", 1)) },
			func() { testkit.Must(m.Commit(http.Header{}, s, 200)) },
		} {
			writeKeyFile(t, path, keyFileText(cookiesession.NewSecret()))
			time.Sleep(5 * time.Second)
			s = m.Open(t.Context(), "s_session=AAAA.unknown")
			told = 0
			use()
			ring.Err()
			testkit.Equal(t, "reports", told, 1)
		}
	})
}

// sessionLevel is a log handler that asks the session whether to log.
type sessionLevel struct {
	slog.Handler
	m *cookiesession.Manager
}

func (h sessionLevel) Enabled(ctx context.Context, level slog.Level) bool {
	defer func() { recover() }()  // no session
	h.m.FromContext(ctx).Has("k") // would wait for ever under a lock
	return true
}

func TestTheDefaultLogIsAskedWithoutALockHeld(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	m, err := cookiesession.New(cookiesession.Config{Keyring: testkit.Ring(t)})
	testkit.Must(err)
	slog.SetDefault(slog.New(sessionLevel{slog.NewTextHandler(io.Discard, nil), m}))
	s := m.Open(t.Context(), "s_session=AAAA.BBBB")
	testkit.Must(s.Set("k", 1))
	testkit.Must(m.Commit(http.Header{}, s, 200))
	testkit.Equal(t, "the session works", s.Has("k"), true)
}

func TestWhatHappensIsReportedOnceAndWithItsFigures(t *testing.T) {
	secret := cookiesession.NewSecret()
	c := testkit.NewClient(t, cookiesession.Config{Keyring: testkit.Ring(t, secret), MaxBytes: 32 << 10})
	last := func() cookiesession.Event {
		t.Helper()
		all := c.Events.All()
		c.Events.Take()
		if len(all) != 1 {
			t.Fatalf("events: %v", all)
		}
		return all[0]
	}
	keyID := cookiesession.Key{Secret: secret}.ID()
	for _, n := range []int{1, 9000} {
		a := c.Visit(200, testkit.Set("k", strings.Repeat("x", n)))
		e := last()
		testkit.Equal(t, "issued", e, cookiesession.Event{Kind: cookiesession.EventIssued, CookieName: "s_session", KeyID: keyID, Bytes: testkit.BytesOf(a.Header)})
	}
	c.Visit(204, testkit.Read)
	testkit.Equal(t, "read", c.Events.Take(), "")
	sum := 0
	for _, pair := range c.Jar {
		sum += len(pair) - 1
	}
	c.Visit(500, func(s *cookiesession.Session) { testkit.Must(s.Destroy()) })
	testkit.Equal(t, "deleted", last(), cookiesession.Event{Kind: cookiesession.EventDeleted, CookieName: "s_session", Bytes: sum})

	c.Jar = []string{"s_session=" + keyID + ".nonsense"}
	c.Visit(200, func(s *cookiesession.Session) { s.Value("k"); s.All(); s.Len(); _ = s.Rejected() })
	testkit.Equal(t, "refused", last(), cookiesession.Event{Kind: cookiesession.EventRefused, CookieName: "s_session", KeyID: keyID, Bytes: len("s_session" + keyID + ".nonsense"), Err: cookiesession.ErrInvalid})
	c.Jar = []string{"s_session=AbCd.nonsense"}
	c.Visit(200, testkit.Read)
	e := last()
	testkit.Equal(t, "unknown key's id", e.KeyID, "AbCd")
	testkit.Equal(t, "unknown key", errors.Is(e.Err, cookiesession.ErrUnknownKey), true)
}

func TestEveryRefusedWriteIsReportedEvenWhenItsErrorIsDropped(t *testing.T) {
	type session = cookiesession.Session
	channel := make(chan int)
	committed := map[string]func(*session){
		"Set":              func(s *session) { s.Set("k", 1) },
		"SetDefault":       func(s *session) { s.SetDefault("other", 1) },
		"Update":           func(s *session) { s.Update(map[string]any{"a": 1}) },
		"Add":              func(s *session) { s.Add("n", 1) },
		"Edit":             func(s *session) { cookiesession.Edit(s, "k", func(*string) error { return nil }) },
		"Delete":           func(s *session) { s.Delete("k") },
		"Pop":              func(s *session) { cookiesession.Pop[string](s, "k") },
		"Clear":            func(s *session) { s.Clear() },
		"Destroy":          func(s *session) { s.Destroy() },
		"CycleID":          func(s *session) { s.CycleID() },
		"MarkModified":     (*session).MarkModified,
		"SetExpiry":        func(s *session) { s.SetExpiry(cookiesession.BrowserClose()) },
		"SetTestCookie":    (*session).SetTestCookie,
		"DeleteTestCookie": (*session).DeleteTestCookie,
		"Allow":            (*session).Allow,
		"Deny":             (*session).Deny,
		"Flash":            func(s *session) { s.Flash("f", 1) },
		"FlashNow":         func(s *session) { s.FlashNow("f", 1) },
		"KeepFlash":        func(s *session) { s.KeepFlash() },
		"ClearFlash":       (*session).ClearFlash,
	}
	open := map[string]func(*session){
		"a channel":              func(s *session) { s.Set("k", channel) },
		"a channel among others": func(s *session) { s.Update(map[string]any{"a": 1, "k": channel}) },
		"a channel by default":   func(s *session) { s.SetDefault("other", channel) },
		"a channel as flash":     func(s *session) { s.Flash("k", channel) },
		"a channel as flash now": func(s *session) { s.FlashNow("k", channel) },
		"a channel by Edit":      func(s *session) { cookiesession.Edit(s, "other", func(v *any) error { *v = channel; return nil }) },
		"Add to a string":        func(s *session) { s.Add("k", 1) },
		"Add beyond 64 bits":     func(s *session) { s.Add("n", 1<<63-1) },
		"Edit of another type":   func(s *session) { cookiesession.Edit(s, "k", func(*int) error { return nil }) },
		"too large":              func(s *session) { s.Set("k", strings.Repeat("x", 9000)) },
	}
	fine := map[string]func(*session){
		"an error of Edit's own function": func(s *session) { cookiesession.Edit(s, "k", func(*string) error { return errDatabase }) },
		"Pop of another type":             func(s *session) { cookiesession.Pop[int](s, "k") },
		"Pop of nothing":                  func(s *session) { cookiesession.Pop[int](s, "other") },
		"SetDefault of what is there":     func(s *session) { s.SetDefault("k", channel) },
	}
	check := func(writes map[string]func(*session), commit bool, want string) {
		for name, write := range writes {
			t.Run(fmt.Sprintf("%s, committed %v", name, commit), func(t *testing.T) {
				c := testkit.NewClient(t, cookiesession.Config{})
				c.Visit(200, func(s *session) { testkit.Must(s.Set("k", "v")); testkit.Must(s.Set("n", 1)) })
				s := c.M.Open(t.Context(), c.Jar...)
				testkit.Equal(t, "value", s.Value("k"), any("v"))
				if commit {
					testkit.Must(c.M.Commit(http.Header{}, s, 200))
				}
				c.Events.Take()
				write(s)
				testkit.Equal(t, "events", c.Events.Take(), want)
				testkit.Equal(t, "value after it", s.Value("k"), any("v"))
				testkit.Equal(t, "n after it", s.Value("n"), any(int64(1)))
				testkit.Equal(t, "modified", s.Modified(), false)
			})
		}
	}
	check(committed, true, "write-refused s_session")
	check(open, false, "write-refused s_session")
	check(fine, false, "")
}

func TestByDefaultOnlyWhatAClientCannotCauseAtWillIsLoggedAboveDebug(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	m, err := cookiesession.New(cookiesession.Config{Keyring: testkit.Ring(t)})
	testkit.Must(err)
	s := m.Open(t.Context(), "s_session=AAAA.forged-text; s_session=BBBB.other")
	testkit.Must(s.Set("k", "the value"))
	testkit.Must(m.Commit(http.Header{}, s, 200))
	_ = s.Set("k", "the value")
	for line := range strings.Lines(log.String()) {
		testkit.Equal(t, line, strings.Contains(line, "level=WARN"), strings.Contains(line, "write-refused"))
		testkit.Equal(t, line+" is at debug", strings.Contains(line, "level=DEBUG"), !strings.Contains(line, "write-refused"))
	}
	for _, want := range []string{"refused", "doubled", "issued", "write-refused"} {
		testkit.Equal(t, want+" is logged", strings.Contains(log.String(), "event="+want), true)
	}
	if text := log.String(); strings.Contains(text, "forged-text") || strings.Contains(text, "the value") {
		t.Errorf("the log shows a cookie or a value: %s", text)
	}
}

// TestTheKeyIDOfAnEventIsNoPartOfTheCookieLine: a program that keeps key ids, say
// as labels of a metric, must not keep the memory of whole Cookie lines.
func TestTheKeyIDOfAnEventIsNoPartOfTheCookieLine(t *testing.T) {
	var id string
	m := testkit.Manager(t, cookiesession.Config{Keyring: testkit.Ring(t), OnEvent: func(_ context.Context, e cookiesession.Event) { id = e.KeyID }})
	line := "s_session=AAAA." + strings.Repeat("x", 1000)
	m.Open(t.Context(), line).Value("k")
	start, at := uintptr(unsafe.Pointer(unsafe.StringData(line))), uintptr(unsafe.Pointer(unsafe.StringData(id)))
	if id != "AAAA" || at >= start && at < start+uintptr(len(line)) {
		t.Errorf("the id %q is in the line's memory", id)
	}
}

func TestTheLoggerOfTheConfigLogsWhatHappens(t *testing.T) {
	for name, told := range map[string]*int{"alone": nil, "beside OnEvent": new(int)} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			cfg := cookiesession.Config{
				MaxBytes: 600, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
			if told != nil {
				cfg.OnEvent = func(context.Context, cookiesession.Event) { *told++ }
			}
			s := testkit.Manager(t, cfg).Open(t.Context(), "s_session=AAAA.BBBB")
			if s.Set("k", strings.Repeat("x", 600)) == nil {
				t.Fatal("fitted")
			}
			testkit.Equal(t, "lines", strings.Count(log.String(), "\n"), 1) // the refused cookie is logged at debug level
			if !strings.Contains(log.String(), "level=WARN msg=cookiesession event=write-refused cookie=s_session") {
				t.Errorf("logged %q", log.String())
			}
			if told != nil {
				testkit.Equal(t, "events told", *told, 2)
			}
		})
	}
}
