package cookiesession_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession"
)

// newSessions is what a program does once, with a secret from its
// configuration: ParseKeyring(os.Getenv("SESSION_KEYS")).
func newSessions(cfg cookiesession.Config) *cookiesession.Manager {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		log.Fatal(err)
	}
	cfg.Keyring = ring
	sessions, err := cookiesession.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return sessions
}

// tab is a browser's tab: it keeps cookies and prints what it is answered.
type tab struct{ jar *cookiejar.Jar }

func newTab() tab {
	jar, _ := cookiejar.New(nil)
	return tab{jar}
}

func (b tab) open(h http.Handler, path string) {
	r := httptest.NewRequest("GET", "https://example.com"+path, nil)
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b.jar.SetCookies(r.URL, w.Result().Cookies())
	if next := w.Header().Get("Location"); next != "" {
		b.open(h, next)
		return
	}
	fmt.Println(strings.TrimSpace(w.Body.String()))
}

// answer writes the page of a handler.
func answer(w http.ResponseWriter, text ...any) {
	if _, err := fmt.Fprintln(w, text...); err != nil {
		log.Print(err)
	}
}

// copyTo is what happens when somebody steals the cookies.
func (b tab) copyTo(thief tab) {
	site := &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	thief.jar.SetCookies(site, b.jar.Cookies(site))
}

func ExampleManager_Handler() {
	visits := cookiesession.NewField[int]("visits") // a program has it outside of its functions
	sessions := newSessions(cookiesession.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.Add(sessions.Session(r), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, "visit", n)
	})
	site := sessions.Handler(mux) // http.ListenAndServe(addr, site)

	ada, bob := newTab(), newTab()
	ada.open(site, "/")
	ada.open(site, "/")
	bob.open(site, "/")
	// Output:
	// visit 1
	// visit 2
	// visit 1
}

// Values keep their types: what does not fit is not there.
func ExampleGet() {
	type item struct {
		Name  string
		Count int
	}
	s := newSessions(cookiesession.Config{}).Open(context.Background())
	err := s.Update(map[string]any{"basket": []item{{"anzac", 2}, {"lamington", 1}}, "age": 300})
	if err != nil {
		log.Fatal(err)
	}

	basket, ok := cookiesession.Get[[]item](s, "basket")
	fmt.Println(basket, ok)
	age, ok := cookiesession.Get[uint8](s, "age") // 300 does not fit
	fmt.Println(age, ok)
	fmt.Println(cookiesession.GetOr(s, "theme", "light"))
	// Output:
	// [{anzac 2} {lamington 1}] true
	// 0 false
	// light
}

// A nested value is changed in place and stored again.
func ExampleEdit() {
	s := newSessions(cookiesession.Config{}).Open(context.Background())
	for _, sku := range []string{"anzac", "lamington", "anzac"} {
		err := cookiesession.Edit(s, "basket", func(basket *map[string]int) error {
			if *basket == nil {
				*basket = map[string]int{}
			}
			(*basket)[sku]++
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(s.Value("basket"))
	// Output: map[anzac:2 lamington:1]
}

// A message for the page behind a redirect, shown once.
func ExampleSession_Flash() {
	sessions := newSessions(cookiesession.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("/save", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Session(r).Flash("notice", "Saved."); err != nil {
			log.Print(err)
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		answer(w, "Home.", cookiesession.GetOr(s, "notice", ""))
	})
	site := sessions.Handler(mux)

	ada := newTab()
	ada.open(site, "/save")
	ada.open(site, "/")
	// Output:
	// Home. Saved.
	// Home.
}

// "Stay signed in" is an expiry of the session's own.
func ExampleSession_SetExpiry() {
	sessions := newSessions(cookiesession.Config{IdleTimeout: time.Hour, AbsoluteTimeout: 60 * 24 * time.Hour})
	for _, stay := range []bool{false, true} {
		s := sessions.Open(context.Background())
		if err := s.Set("user", "ada"); err != nil {
			log.Fatal(err)
		}
		if stay {
			s.SetExpiry(cookiesession.Idle(30 * 24 * time.Hour)) // counted again from every change
		} else {
			s.SetExpiry(cookiesession.BrowserClose()) // and IdleTimeout holds
		}
		fmt.Println(s.ExpiresAtBrowserClose(), s.ExpiresIn().Round(time.Minute))
	}
	// Output:
	// true 1h0m0s
	// false 720h0m0s
}

// A new key is spread first and used later: until SealFrom every instance
// opens what it seals, and from then on sessions move over to it one by one,
// as they are read. Nobody is logged out.
func ExampleKeyring_Replace() {
	older := cookiesession.Key{Secret: cookiesession.NewSecret()}
	ring, err := cookiesession.NewKeyring(older)
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	site := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := sessions.Session(r).Add("n", 1)
		answer(w, "request", n)
	}))
	states := func() {
		status := ring.Status()
		fmt.Println(status[0].State, status[1].State)
	}

	ada := newTab()
	ada.open(site, "/")
	newer := cookiesession.Key{Secret: cookiesession.NewSecret(), SealFrom: time.Now().Add(time.Hour)}
	if err := ring.Replace(newer, older); err != nil { // during traffic; a bad list changes nothing
		log.Fatal(err)
	}
	states()
	ada.open(site, "/")

	newer.SealFrom = time.Now() // an hour later
	older.OpenUntil = time.Now().Add(14 * 24 * time.Hour)
	if err := ring.Replace(newer, older); err != nil {
		log.Fatal(err)
	}
	states()
	ada.open(site, "/")
	// Output:
	// request 1
	// pending sealing
	// request 2
	// sealing opening
	// request 3
}

// Login gives the session a new ID, logout ends it.
func ExampleSession_CycleID() {
	sessions := newSessions(cookiesession.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		before := s.ID()
		if err := errors.Join(s.CycleID(), s.Set("user", "ada")); err != nil {
			http.Error(w, "please try again", http.StatusInternalServerError)
			return
		}
		answer(w, "same ID:", s.ID() == before, "basket:", s.Value("basket"))
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		if err := s.Destroy(); err != nil { // only after the header left
			log.Print(err)
		}
		answer(w, "logged out")
	})
	mux.HandleFunc("/buy", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		err := s.Set("basket", "anzac")
		answer(w, "user:", cookiesession.GetOr(s, "user", "nobody"), err)
	})
	site := sessions.Handler(mux)

	ada := newTab()
	for _, path := range []string{"/buy", "/login", "/buy", "/logout", "/buy"} {
		ada.open(site, path)
	}
	// Output:
	// user: nobody <nil>
	// same ID: false basket: anzac
	// user: ada <nil>
	// logged out
	// user: nobody <nil>
}

// A logout cannot reach the copy of a cookie. An application that must end
// every session of a user keeps one time per user and compares it.
func ExampleConfig_validate() {
	notBefore := map[string]time.Time{} // in a database, or a cache of one
	sessions := newSessions(cookiesession.Config{
		Validate: func(ctx context.Context, s *cookiesession.Session) error {
			user, _ := cookiesession.Get[string](s, "user")
			loggedIn, _ := cookiesession.Get[time.Time](s, "logged_in")
			if loggedIn.Before(notBefore[user]) {
				return cookiesession.ErrRevoked
			}
			return nil // any other error hides the session for this request and deletes nothing
		},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		err := s.Update(map[string]any{"user": "ada", "logged_in": time.Now()})
		answer(w, "hello", s.Value("user"), err)
	})
	mux.HandleFunc("/logout-everywhere", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		notBefore[cookiesession.GetOr(s, "user", "")] = time.Now()
		answer(w, "logged out:", s.Destroy())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		answer(w, s.Value("user"), s.Rejected())
	})
	site := sessions.Handler(mux)

	ada, thief := newTab(), newTab()
	ada.open(site, "/login")
	ada.copyTo(thief)
	thief.open(site, "/")
	ada.open(site, "/logout-everywhere")
	thief.open(site, "/")
	// Output:
	// hello ada <nil>
	// ada <nil>
	// logged out: <nil>
	// <nil> cookiesession: session revoked
}

// Without net/http: what came in, and what goes out.
func ExampleManager_Open() {
	sessions := newSessions(cookiesession.Config{})
	type event struct{ Cookies []string } // of API Gateway, say
	type response struct {
		Cookies []string
		Body    string
	}
	handle := func(ctx context.Context, e event) (response, error) {
		s := sessions.Open(ctx, e.Cookies...)
		n, err := s.Add("n", 1)
		if err != nil {
			return response{}, err
		}
		header := http.Header{}
		if err := sessions.Commit(header, s, http.StatusOK); err != nil {
			return response{}, err
		}
		return response{header["Set-Cookie"], fmt.Sprint("request ", n)}, nil
	}

	first, _ := handle(context.Background(), event{})
	pair, _, _ := strings.Cut(first.Cookies[0], ";")
	second, _ := handle(context.Background(), event{Cookies: []string{"theme=dark", pair}})
	fmt.Println(first.Body)
	fmt.Println(second.Body)
	// Output:
	// request 1
	// request 2
}

// Middleware that also runs in applications without sessions asks whether there
// is one. FromContext and Session would panic there.
func ExampleManager_Lookup() {
	sessions := newSessions(cookiesession.Config{})
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey { // it differs in every run
			return slog.Attr{}
		}
		return a
	}}))
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := sessions.Lookup(r.Context()); ok {
			logger.InfoContext(r.Context(), "request", "session", s)
		}
	})
	r := httptest.NewRequest("GET", "/", nil)
	logged.ServeHTTP(httptest.NewRecorder(), r)
	sessions.Handler(logged).ServeHTTP(httptest.NewRecorder(), r)
	// Output: level=INFO msg=request session.opened=false
}

// What does not fit is refused while the handler can still do something else.
func ExampleTooLargeError() {
	sessions := newSessions(cookiesession.Config{OnEvent: func(context.Context, cookiesession.Event) {}})
	s := sessions.Open(context.Background())
	if err := s.Set("theme", "dark"); err != nil {
		log.Fatal(err)
	}

	err := s.Set("draft", strings.Repeat("all work and no play ", 500))
	var tooLarge *cookiesession.TooLargeError
	if errors.As(err, &tooLarge) {
		fmt.Println("limit:", tooLarge.Limit)
		for _, entry := range tooLarge.Largest {
			fmt.Println(entry.Key, entry.Size)
		}
	}
	fmt.Println(s.Has("draft"), s.Value("theme"))
	// Output:
	// limit: 7168
	// draft 10508
	// theme 10
	// false dark
}

// Incorrect: __Host- cookies have no Domain and are Secure, browsers drop
// others without a word, and a ring is required. New says so, all at once.
func ExampleNew_incorrect() {
	_, err := cookiesession.New(cookiesession.Config{
		Name:       "s_shop",
		HostPrefix: true,
		Domain:     "example.com",
		Insecure:   true,
	})
	fmt.Println(err)
	// Output:
	// cookiesession: Config.Keyring: is required: see NewKeyring, ParseKeyring and LoadKeyFile
	// cookiesession: Config.Name: "s_shop" begins with the prefix that every cookie gets
	// cookiesession: Config.HostPrefix: needs Secure: browsers drop such a cookie
	// cookiesession: Config.HostPrefix: does not go with Domain: browsers drop such a cookie
}

// Incorrect: what is written after the header has left cannot reach the
// browser. It is refused, and reported, rather than lost.
func ExampleSession_Set_incorrect() {
	sessions := newSessions(cookiesession.Config{OnEvent: func(_ context.Context, e cookiesession.Event) {
		if e.Kind == cookiesession.EventWriteRefused {
			fmt.Println("reported:", e.Err)
		}
	}})
	site := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Session(r)
		answer(w, "visits so far:", cookiesession.GetOr(s, "visits", 0))
		if err := s.Set("visits", 1); err != nil { // too late: move it up
			log.Print("the visit is not counted: ", err)
		}
	}))

	ada := newTab()
	ada.open(site, "/")
	ada.open(site, "/")
	// Output:
	// reported: cookiesession: session already committed
	// visits so far: 0
	// reported: cookiesession: session already committed
	// visits so far: 0
}
