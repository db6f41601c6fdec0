package cookiesession_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// counted are the counters that the last response stored: the request that
// asks is taken away.
func (v *visitor) counted() string {
	views := v.m.Open(v.t.Context(), v.request("/").Header["Cookie"]...).Views()
	return fmt.Sprintf("%d requests, %d pages, %d unique, %d errors", views.Requests-1, views.Pages-1, views.UniquePages, views.Errors)
}

func TestViewsCountEachFinalStatusAsPageOrError(t *testing.T) {
	for _, test := range []struct {
		status int
		want   string
	}{
		{200, "1 requests, 1 pages, 1 unique, 0 errors"},
		{201, "1 requests, 0 pages, 0 unique, 1 errors"},
		{204, "1 requests, 0 pages, 0 unique, 1 errors"},
		{302, "1 requests, 0 pages, 0 unique, 1 errors"},
		{304, "1 requests, 0 pages, 0 unique, 1 errors"},
		{404, "1 requests, 0 pages, 0 unique, 1 errors"},
		{500, "1 requests, 0 pages, 0 unique, 1 errors"},
		{503, "1 requests, 0 pages, 0 unique, 1 errors"},
	} {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		v.visit(test.status, func(s *cookiesession.Session) {
			views := s.Views()
			inside := fmt.Sprint(views.FirstPage, views.Requests, views.Pages, views.UniquePages, views.Errors, len(views.History))
			equal(t, "inside the handler", inside, "true 1 1 1 0 1")
		})
		equal(t, fmt.Sprint("after a ", test.status), v.counted(), test.want)
	}
}

func TestViewsOfAHandlerThatWritesNothingCountAsAPage(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.serve(v.request("/"), func(http.ResponseWriter, *http.Request) {})
	equal(t, "the counters", v.counted(), "1 requests, 1 pages, 1 unique, 0 errors")
}

func TestViewsWithoutTrackingKnowTheCurrentRequestOnly(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{})
	for range 2 {
		res := v.page(func(s *cookiesession.Session) {
			views := s.Views()
			equal(t, "the views", fmt.Sprint(views.FirstPage, views.Requests, views.Pages, len(views.History)), "true 1 1 1")
		})
		equal(t, "cookies", len(res.Cookies()), 0)
	}
}

func TestAHistoryHasPathsWithoutTheQueryTimesAndStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		start := time.Now()
		want := ""
		for i, status := range []int{200, 404, 200, 302} {
			path := []string{"/a", "/missing", "/a", "/stra%C3%9Fe/x"}[i]
			v.visitPath(path+"?token=secret", status, nil)
			want += fmt.Sprintln([]string{"/a", "/missing", "/a", "/straße/x"}[i], time.Since(start), status)
			time.Sleep(time.Duration(i*i) * time.Hour)
		}
		got := ""
		history := v.now().Views().History
		for _, p := range history[:len(history)-1] {
			equal(t, "its zone", p.Time.Location(), time.UTC)
			got += fmt.Sprintln(p.Path, p.Time.Sub(start), p.Status)
		}
		equal(t, "the history", got, want)
	})
}

func TestHistorySizeIsHowManyViewsAreKept(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true, HistorySize: 3})
	for i := range 7 {
		v.visitPath(fmt.Sprintf("/p%d", i), 200, func(s *cookiesession.Session) {
			history := s.Views().History
			equal(t, "its length", len(history), min(i+1, 3))
			equal(t, "its end", history[len(history)-1].Path, fmt.Sprintf("/p%d", i))
			equal(t, "its beginning", history[0].Path, fmt.Sprintf("/p%d", max(0, i-2)))
		})
	}
}

func TestASessionOpenedWithoutARequestRecordsNoPath(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	s := v.m.Open(t.Context())
	h := http.Header{}
	noError(t, v.m.Commit(h, s, 200))
	v.jar.SetCookies(visitedSite, (&http.Response{Header: h}).Cookies())
	equal(t, "the counters", v.counted(), "1 requests, 1 pages, 0 unique, 0 errors")
	equal(t, "the history", len(v.m.Open(t.Context(), v.request("/").Header["Cookie"]...).Views().History), 0)
}

func TestAViewWithoutAPathDoesNotMoveTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		seen := time.Now()
		v.visitPath("/a", 200, nil)
		time.Sleep(9 * time.Hour)
		h := http.Header{}
		s := v.m.Open(t.Context(), v.request("/").Header["Cookie"]...)
		equal(t, "the time inside", s.Views().History[0].Time.Sub(seen), 0)
		noError(t, v.m.Commit(h, s, 200)) // a view without a path
		v.jar.SetCookies(visitedSite, (&http.Response{Header: h}).Cookies())
		time.Sleep(time.Hour)
		equal(t, "the time afterwards", v.now().Views().History[0].Time.Sub(seen), 0)
	})
}

func TestViewsAreNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		var id string
		start := time.Now()
		res := v.page(func(s *cookiesession.Session) { id = s.ID() })
		equal(t, "a data cookie for a visitor without data", issued(res, "s_session") != nil, false)
		time.Sleep(time.Hour)
		v.page(func(s *cookiesession.Session) {
			equal(t, "IsNew", s.IsNew(), true)
			equal(t, "ID", s.ID(), id)
			equal(t, "Created", s.Created().Equal(start), true)
			sets(t, "k", 1)(s)
		})
		// Views can be planted by whoever can set cookies for this host. A session
		// that begins takes neither id nor age from them.
		equal(t, "the ID of the data is that of the views", v.now().ID() == id, false)
		equal(t, "Created of the data", v.now().Created().Equal(start.Add(time.Hour)), true)
		equal(t, "the counters", v.counted(), "2 requests, 2 pages, 1 unique, 0 errors")
	})
}

func TestViewsOfAnotherSessionAreDroppedWhole(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", 1))
	other := &visitor{t, v.m, newJar(t)}
	for range 5 {
		other.page(nil)
	}
	v.jar.SetCookies(visitedSite, []*http.Cookie{other.cookie("s_session_views")})
	id := v.now().ID()
	v.page(func(s *cookiesession.Session) {
		equal(t, "requests", s.Views().Requests, 1)
		equal(t, "ID", s.ID(), id)
		equal(t, "Value", s.Value("k"), any(int64(1)))
	})
	equal(t, "the counters", v.counted(), "1 requests, 1 pages, 1 unique, 0 errors")
	equal(t, "ID", v.now().ID(), id)
}

func TestCycleIDTakesTheViewsAlong(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", 1))
	old := v.now().ID()
	v.page(func(s *cookiesession.Session) { noError(t, s.CycleID()) })
	equal(t, "the ID stayed", v.now().ID() == old, false)
	equal(t, "the counters", v.counted(), "2 requests, 2 pages, 1 unique, 0 errors")
}

func TestCycleIDChangesAVisitorsIDWithoutDataToo(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(nil)
	old := v.now().ID()
	v.page(func(s *cookiesession.Session) { noError(t, s.CycleID()) })
	equal(t, "the ID stayed", v.now().ID() == old, false)
	equal(t, "the counters", v.counted(), "2 requests, 2 pages, 1 unique, 0 errors")
	id := v.now().ID()
	v.visit(http.StatusInternalServerError, func(s *cookiesession.Session) { noError(t, s.CycleID()) })
	equal(t, "the ID after a 5xx", v.now().ID(), id)
}

func TestAServerErrorThatDropsACycleIDLeavesTheViewsWithTheOldID(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", 1))
	old := v.now().ID()
	v.visit(http.StatusInternalServerError, func(s *cookiesession.Session) { noError(t, s.CycleID()) })
	equal(t, "the ID", v.now().ID(), old)
	equal(t, "the counters", v.counted(), "2 requests, 1 pages, 1 unique, 1 errors")
}

func TestDestroyLeavesNoViewsBehind(t *testing.T) {
	for _, status := range []int{200, 303, 500} {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		v.page(sets(t, "k", 1))
		v.visit(status, func(s *cookiesession.Session) { noError(t, s.Destroy()) })
		equal(t, fmt.Sprint("cookies after a ", status), len(v.jar.Cookies(visitedSite)), 0)
	}
}

func TestAPanicCountsNothing(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(nil)
	w := httptest.NewRecorder()
	func() {
		defer func() { recover() }()
		v.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("lost") })).ServeHTTP(w, v.request("/"))
	}()
	equal(t, "cookies in the header", len(w.Header()["Set-Cookie"]), 0)
}

func TestEachViewIsActivityAndTheDataCookieStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, IdleTimeout: time.Hour})
		res := v.page(sets(t, "k", 1))
		equal(t, "Max-Age of the data cookie", issued(res, "s_session").MaxAge, 400*24*3600)
		for range 3 {
			time.Sleep(59 * time.Minute)
			res := v.page(func(s *cookiesession.Session) { equal(t, "ExpiresIn", s.ExpiresIn(), time.Hour) })
			equal(t, "the data cookie is written", issued(res, "s_session") != nil, false)
		}
		withoutViews := v.copied()
		withoutViews.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "s_session_views", MaxAge: -1}})
		withoutViews.has("") // the last change is too long ago
		v.has("k:1")
		time.Sleep(time.Hour)
		v.has("")
	})
}

func TestTheDataCookieOfATrackedSessionReachesToTheAbsoluteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, IdleTimeout: time.Hour, AbsoluteTimeout: 3 * time.Hour})
		v.page(nil)
		time.Sleep(30 * time.Minute)
		res := v.page(sets(t, "k", 1))
		equal(t, "Max-Age", issued(res, "s_session").MaxAge, 3*3600)
		for range 3 {
			time.Sleep(50 * time.Minute)
			v.page(nil)
		}
		v.has("k:1")
		time.Sleep(30 * time.Minute)
		v.has("")
	})
}

func TestViewsDoNotOutliveAnInstantOrTheIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, IdleTimeout: time.Hour})
		v.page(nil)
		late := v.copied()
		time.Sleep(time.Hour)
		equal(t, "an old count", late.counted(), "0 requests, 0 pages, 0 unique, 0 errors")
		v.page(func(s *cookiesession.Session) {
			sets(t, "k", 1)(s)
			s.SetExpiry(cookiesession.At(time.Now().Add(time.Hour)))
		})
		late = v.copied()
		time.Sleep(time.Hour)
		res := late.page(func(s *cookiesession.Session) {
			equal(t, "Rejected", s.Rejected(), cookiesession.ErrExpired)
			equal(t, "requests of a session that has ended", s.Views().Requests, 1)
		})
		equal(t, "the data cookie is deleted", issued(res, "s_session").MaxAge, -1)
		equal(t, "the new count", late.counted(), "1 requests, 1 pages, 1 unique, 0 errors")
	})
}

func TestOldViewsGiveWayBeforeDataIsRefused(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true, MaxBytes: 4000})
	for i := range 30 {
		v.visitPath("/"+strings.Repeat("long", 15)+fmt.Sprint(i), 200, nil)
	}
	if n := len(v.now().Views().History); n != 31 {
		t.Fatalf("the history has %d entries: this test would show nothing", n)
	}
	v.visitPath("/last", 200, sets(t, "data", strings.Repeat("x", 1700)))
	history := v.m.Open(t.Context(), v.request("/").Header["Cookie"]...).Views().History
	if n := len(history); n == 0 || n > 15 || history[n-1].Path != "/last" {
		t.Errorf("the history has %d entries beside the data", n)
	}
	equal(t, "the counters", v.counted(), "31 requests, 31 pages, 31 unique, 0 errors")
	equal(t, "the data", len(v.now().Value("data").(string)), 1700)
	bytes := 0
	for _, c := range v.jar.Cookies(visitedSite) {
		bytes += len(c.Name) + len(c.Value)
	}
	if bytes > 4000 {
		t.Errorf("%d bytes of cookies", bytes)
	}
}

func TestAPathLongerThanACookieCostsNoDataAndNoError(t *testing.T) {
	for _, length := range []int{3000, 10_000, 100_000} {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, OnEvent: nothingRefused(t)})
		v.page(sets(t, "k", 1))
		v.visitPath("/"+strings.Repeat("x", length), 200, sets(t, "k", 2))
		v.visitPath("/next", 200, nil)
		v.has("k:2")
		equal(t, fmt.Sprintf("the counters after a path of %d", length), v.counted(), "3 requests, 3 pages, 3 unique, 0 errors")
	}
}

func TestViewsWriteNothingOverWhatOthersMayRead(t *testing.T) {
	stranger := newVisitor(t, cookiesession.Config{TrackViews: true})
	stranger.page(sets(t, "k", 1))
	for _, test := range []struct {
		name   string
		bring  []string
		handle func(*cookiesession.Session)
		writes string
	}{
		{"unknown data", []string{"s_session"}, nil, ""},
		{"unknown views", []string{"s_session_views"}, nil, ""},
		{"both", []string{"s_session", "s_session_views"}, nil, ""},
		{"unknown data, replaced", []string{"s_session", "s_session_views"}, sets(t, "k", 2), "s_session s_session_views"},
	} {
		v := newVisitor(t, cookiesession.Config{TrackViews: true})
		for _, name := range test.bring {
			v.jar.SetCookies(visitedSite, []*http.Cookie{stranger.cookie(name)})
		}
		var names []string
		for _, c := range v.page(test.handle).Cookies() {
			names = append(names, c.Name)
		}
		equal(t, test.name+" gets the cookies", strings.Join(names, " "), test.writes)
	}
}

func TestViewsWriteNothingWhereTheBrowserWithheldItsCookies(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	r := v.request("/")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	empty := func(http.ResponseWriter, *http.Request) {}
	equal(t, "cookies across sites without ours", len(v.serve(r, empty).Cookies()), 0)
	v.page(nil)
	r = v.request("/")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	equal(t, "cookies across sites with ours", len(v.serve(r, empty).Cookies()), 1)
}

func TestAForgedViewsCookieBeginsANewCount(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", 1))
	v.page(nil)
	v.jar.SetCookies(visitedSite, []*http.Cookie{{Name: "s_session_views", Value: v.cookie("s_session").Value}})
	v.page(func(s *cookiesession.Session) { equal(t, "requests", s.Views().Requests, 1) })
	equal(t, "the counters", v.counted(), "1 requests, 1 pages, 1 unique, 0 errors")
	v.has("k:1")
}

func TestTheViewsOfARevokedSessionAreDeletedAndOfAWithheldOneKept(t *testing.T) {
	verdict := error(nil)
	v := newVisitor(t, cookiesession.Config{TrackViews: true, Validate: validates(&verdict)})
	v.page(sets(t, "k", 1))
	verdict = fmt.Errorf("no database")
	res := v.page(func(s *cookiesession.Session) { equal(t, "requests while withheld", s.Views().Requests, 1) })
	equal(t, "cookies while withheld", len(res.Cookies()), 0)
	verdict = nil
	v.page(func(s *cookiesession.Session) { equal(t, "requests afterwards", s.Views().Requests, 2) })
	verdict = cookiesession.ErrRevoked
	v.page(nil)
	equal(t, "cookies after the revocation", len(v.jar.Cookies(visitedSite)), 0)
}

// ordinary makes paths of 30 bytes on average, from 24 to 36.
func ordinary(i int) string {
	path := fmt.Sprintf("/shop/%d/item-%d-", i%7, i)
	return path + "abcdefghijklmnopqrstuvwxyz"[:24+i%13-len(path)]
}

func TestAHundredOrdinaryViewsFitBesideTheData(t *testing.T) {
	const paths = 50
	length := 0
	for i := range paths {
		length += len(ordinary(i))
	}
	if average := float64(length) / paths; average < 29.5 || average > 30.5 {
		t.Fatalf("the paths have %.1f bytes on average", average)
	}
	for format, limit := range map[cookiesession.Format]int{cookiesession.FormatSecurecookie: 3600, cookiesession.FormatCompact: 2600} {
		synctest.Test(t, func(t *testing.T) {
			v := newVisitor(t, cookiesession.Config{TrackViews: true, Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: format})})
			for i := range 100 {
				v.visitPath(ordinary(i%paths), 200, nil)
				time.Sleep(time.Duration(20+i*i%400) * time.Second)
			}
			bytes := 0
			for _, c := range v.jar.Cookies(visitedSite) {
				bytes += len(c.Value)
			}
			views := v.m.Open(t.Context(), v.request("/").Header["Cookie"]...).Views()
			t.Logf("%s: %d bytes", format, bytes)
			if bytes > limit || len(views.History) != 100 || views.UniquePages != paths {
				t.Errorf("%s: %d bytes for %d views of %d pages, want at most %d", format, bytes, len(views.History), views.UniquePages, limit)
			}
		})
	}
}

// Families of paths as sites have them. Above 256 the count is an estimate
// with a standard error of just under 1 %, so about one family in twenty-five
// is more than 2 % off at 10,000; none of these is.
var pathFamilies = map[string]func(int) string{
	"numbers": func(i int) string { return fmt.Sprintf("/%d", i) },
	"shop":    func(i int) string { return fmt.Sprintf("/shop/category-%d/product-%d", i%37, i) },
	"hashes": func(i int) string {
		return fmt.Sprintf("/c/%.16s", fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i >> 8), byte(i)})))
	},
	"articles": func(i int) string { return fmt.Sprintf("/articles/%d", i+1) },
	"dated":    func(i int) string { return fmt.Sprintf("/%d/%02d/post-%d.html", 2000+i%25, i%12+1, i) },
	"letters":  func(i int) string { return fmt.Sprintf("/%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26) },
	"unicode":  func(i int) string { return fmt.Sprintf("/straße/%dé", i) },
	"grid":     func(i int) string { return fmt.Sprintf("/a/%d/b/%d/c", i%100, i/100) },
}

func TestUniquePagesAreExactTo256AndWithin2PercentTo10000(t *testing.T) {
	last := 10_000
	if raceFactor > 1 {
		last = 1000
	}
	squares, n := 0.0, 0
	for name, path := range pathFamilies {
		v := newVisitor(t, cookiesession.Config{TrackViews: true, HistorySize: 10, Keyring: keyring(t, cookiesession.Key{Secret: cookiesession.NewSecret(), Format: cookiesession.FormatCompact})})
		line, largest := "", 0
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		for i := range last {
			pages := i + 1
			r.URL.Path, r.Header["Cookie"] = path(i), []string{line}
			s := v.m.OpenRequest(r)
			largest = max(largest, len(line))
			if pages <= 256 || pages == 1000 || pages == 3000 || pages == 10_000 {
				got := s.Views().UniquePages
				off := float64(got-pages) / float64(pages)
				if pages <= 256 && got != pages || math.Abs(off) > 0.02 {
					t.Fatalf("%s: %d unique pages of %d", name, got, pages)
				}
				if pages > 256 {
					squares += off * off
					n++
				}
			}
			line = commits(t, v.m, s)
		}
		// 1024 bytes of set, 10 paths, and what sealing adds to them.
		if largest > 2200 {
			t.Errorf("%s: %d bytes of cookie", name, largest)
		}
	}
	if rms := math.Sqrt(squares / float64(n)); rms > 0.011 {
		t.Errorf("the standard error is %.2f %%", 100*rms)
	}
}

// commits answers 200 and returns the Cookie line that a browser sends next.
func commits(t testing.TB, m *cookiesession.Manager, s *cookiesession.Session) string {
	h := http.Header{}
	noError(t, m.Commit(h, s, http.StatusOK))
	var pairs []string
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.MaxAge >= 0 {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	return strings.Join(pairs, "; ")
}

func TestAPageSeenAgainIsNotUniqueAgain(t *testing.T) {
	for _, pages := range []int{5, 200, 256, 400} { // in the history, left it, at the limit, estimated
		v := newVisitor(t, cookiesession.Config{TrackViews: true, HistorySize: 50})
		count := func() int { return v.m.Open(t.Context(), v.request("/").Header["Cookie"]...).Views().UniquePages }
		for i := range pages {
			v.visitPath(fmt.Sprintf("/p/%d", i), 200, nil)
		}
		before := count()
		for i := range pages {
			v.visitPath(fmt.Sprintf("/p/%d", i), 200, nil)
		}
		equal(t, fmt.Sprintf("unique pages after seeing %d again", pages), count(), before)
	}
}

func TestAPathCountsAsUniqueFromItsFirst200On(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.visitPath("/a", 404, nil)
	equal(t, "the counters", v.counted(), "1 requests, 0 pages, 0 unique, 1 errors")
	v.visitPath("/a", 200, nil)
	v.visitPath("/a", 404, nil)
	v.visitPath("/a", 200, nil)
	equal(t, "the counters", v.counted(), "4 requests, 2 pages, 1 unique, 2 errors")
}

func TestAllViewsMayComeFromManyGoroutines(t *testing.T) {
	v := newVisitor(t, cookiesession.Config{TrackViews: true})
	v.page(sets(t, "k", 1))
	s := v.now()
	done := make(chan int)
	for range 8 {
		go func() { done <- s.Views().Requests }()
	}
	for range 8 {
		equal(t, "requests", <-done, 2)
	}
}

// TestHistoryFillsTheRoomThatIsLeft: one byte too many and the counters would
// not be saved, one too few and a view less would be remembered than fits.
func TestHistoryFillsTheRoomThatIsLeft(t *testing.T) {
	const limit = 1000
	ring := formatRing(t, cookiesession.FormatCompact)
	v := newVisitor(t, cookiesession.Config{Keyring: ring, TrackViews: true, MaxBytes: limit, OnEvent: nothingRefused(t)})
	least := limit
	for i := range 200 {
		res := v.visitPath(fmt.Sprintf("/%d", i%7*i), 200, nil)
		if i >= 150 {
			c := issued(res, "s_session_views")
			least = min(least, len(c.Name)+len(c.Value))
		}
	}
	equal(t, "requests", v.now().Views().Requests, 201)
	if least < limit-20 { // a view takes up to 8 bytes here, a path too many a hash more
		t.Errorf("%d bytes of cookies for a limit of %d", least, limit)
	}
}
