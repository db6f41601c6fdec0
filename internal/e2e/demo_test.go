package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/cookiesession/cookiesession/internal/e2e"
)

var program string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "cookiesession-e2e-")
	if err == nil {
		defer os.RemoveAll(folder)
		program, err = e2e.Build(context.Background(), folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// browsers are those that every check is done in. Without JavaScript forms
// load pages, with it they answer in place: two ways that must come to the same.
var browsers = []struct {
	name  string
	start func(context.Context, string) (e2e.Browser, error)
}{
	{"Chromium", func(ctx context.Context, folder string) (e2e.Browser, error) {
		return e2e.StartChromium(ctx, folder, true)
	}},
	{"Chromium without JavaScript", func(ctx context.Context, folder string) (e2e.Browser, error) {
		return e2e.StartChromium(ctx, folder, false)
	}},
	{"Firefox", func(ctx context.Context, folder string) (e2e.Browser, error) {
		return e2e.StartFirefox(ctx, folder, true)
	}},
	{"Firefox without JavaScript", func(ctx context.Context, folder string) (e2e.Browser, error) {
		return e2e.StartFirefox(ctx, folder, false)
	}},
}

func chromium(ctx context.Context, profile string) (*e2e.Chromium, error) {
	return e2e.StartChromium(ctx, profile, true)
}

// inEach runs check in every browser, each with a demo and a profile of its own.
func inEach(t *testing.T, check func(*visitor)) {
	for _, b := range browsers {
		t.Run(b.name, func(t *testing.T) {
			browser := e2e.Begin(t, b.start)
			v := &visitor{Visitor: e2e.Visitor{T: t, Browser: browser}}
			v.serve("127.0.0.1:0")
			check(v)
		})
	}
}

// visitor is someone with a browser in front of a demo.
type visitor struct {
	e2e.Visitor
	demo *e2e.Demo
	env  []string
}

func (v *visitor) serve(addr string, more ...string) {
	v.Helper()
	demo, err := e2e.Start(program, v.env, append(more, "-addr", addr, "-log", "warn")...)
	if err != nil {
		v.Fatal(err)
	}
	v.demo = demo
	v.Cleanup(func() {
		if v.demo == demo {
			v.stop()
		}
	})
}

func (v *visitor) stop() {
	v.Helper()
	if err := v.demo.Stop(); err != nil {
		v.Errorf("the demo did not end cleanly: %v", err)
	}
	v.demo = nil
}

func (v *visitor) open(path string) {
	v.Helper()
	v.Visit(v.demo.URL + path)
}

func (v *visitor) login(name string) {
	v.Helper()
	if err := v.Browser.Type("#name", name); err != nil {
		v.Fatal(err)
	}
	v.Click("#login")
	v.Sees("#user", name)
}

func freshKeys() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	return "SESSION_KEYS=" + base64.RawURLEncoding.EncodeToString(secret[:])
}

func TestTheShopRemembersAVisitor(t *testing.T) {
	inEach(t, func(v *visitor) {
		for n := 1; n <= 3; n++ {
			v.open("/")
			v.Sees("#visits", strconv.Itoa(n))
		}

		v.login("Ada")
		v.Sees("#notice", "Welcome, Ada")
		v.open("/")
		v.Sees("#notice", "") // a flash message shows exactly once
		v.Sees("#user", "Ada")

		v.Click("#add-anzac")
		v.Sees("#notice", "Anzac is in the basket")
		v.Holds("s_demo", "s_demo_views")
		for n := 2; n <= 5; n++ {
			v.Click("#hamper")
			v.Sees("#basket-n", strconv.Itoa(n))
		}
		v.Holds("s_demo", "s_demo.1", "s_demo_views")
		v.Sees(".basket", "Hamper with a letter")
		v.Click("#empty")
		v.Sees("#basket-n", "0")
		v.Holds("s_demo", "s_demo_views")

		v.Click("#logout")
		v.Sees("#told", "Logged out")
		v.Holds()
	})
}

func TestASessionOutlivesTheServer(t *testing.T) {
	inEach(t, func(v *visitor) {
		v.stop()
		v.env = []string{freshKeys()}
		v.serve("127.0.0.1:0")
		v.open("/")
		v.login("Grace")
		v.open("/")
		visits, err := strconv.Atoi(v.Browser.Text("#visits"))
		if err != nil || visits < 2 {
			t.Fatalf("the counter reads %q", v.Browser.Text("#visits"))
		}
		addr := strings.TrimPrefix(v.demo.URL, "http://")
		v.stop()
		v.serve(addr)
		v.open("/")
		v.Sees("#visits", strconv.Itoa(visits+1))
		v.Sees("#user", "Grace")
		v.Sees("#operator", "The operator rotates")
	})
}

func TestBrowsersKeepTheAttributesOfTheCookies(t *testing.T) {
	inEach(t, func(v *visitor) {
		v.open("/")
		v.Holds("s_demo", "s_demo_views")
		for _, c := range v.Cookies() {
			if !c.Secure || !c.HTTPOnly || c.SameSite != "Lax" || c.Path != "/" {
				v.Errorf("%s: Secure %t, HttpOnly %t, SameSite %q, Path %q", c.Name, c.Secure, c.HTTPOnly, c.SameSite, c.Path)
			}
			// The absolute timeout, because views move the idle deadline within it.
			left := time.Until(time.Unix(c.Expiry, 0))
			if left < 2*time.Hour-time.Minute || left > 2*time.Hour+time.Minute {
				v.Errorf("%s: the browser keeps it for %v, want 2 hours", c.Name, left)
			}
		}
	})
}

func TestTheInspectorShowsWhatThePackageAnswers(t *testing.T) {
	inEach(t, func(v *visitor) {
		v.open("/")
		v.login("Ada")
		v.open("/")
		v.Sees("#verdict", "Authentic and alive")
		v.Sees("#layers", "Ciphertext")
		v.Sees("#entries", "visits")
		v.Sees("#cookies", "s_demo_views")

		v.Click("#rotate")
		v.Sees("#told", "A new key seals from now on")
		v.Sees("#said", "rekeyed")
		v.Sees("#user", "Ada")
		v.Sees("tr.sealing", "sealed yours")
		v.Click("#retire")
		v.Sees("tr.retired", "retired")
		v.Sees("#verdict", "Authentic and alive")
		v.Click("#announce")
		v.Sees("tr.pending", "seals in")

		v.Click("#flash")
		v.Sees("#flash-state", "One is waiting")
		v.open("/")
		v.Sees("#flash-state", "Shown on this page")
		v.open("/")
		v.Sees("#flash-state", "None is waiting")

		v.Click("#forge")
		v.Sees("#verdict", "Refused: ErrInvalid")
		v.open("/")
		v.Sees("#visits", "1")

		v.login("Ada")
		v.Click("#copy")
		v.Sees("#told", "A copy of the session cookie")
		v.Click("#logout")
		v.Sees("#told", "Logged out")
		v.Click("#replay")
		v.Sees("#user", "Ada") // a cookie cannot know that it was copied
		v.Click("#everywhere")
		v.Sees("#told", "Logged out everywhere")
		v.Click("#replay")
		v.Sees("#verdict", "Refused: ErrRevoked")

		v.open("/")
		v.Click("#expire")
		v.Sees("#told", "ends in a few seconds")
		v.Sees("#verdict", "Refused: ErrExpired")

		v.open("/")
		v.Click("#lose")
		v.Sees("#verdict", "Refused: ErrUnknownKey")

		v.open("/")
		v.Click("#deny")
		v.Sees("#verdict", "No permission to remember")
		v.Holds()
		v.Click("#allow")
		v.Sees("#told", "Permission given")
		v.open("/")
		v.Sees("#visits", "1")

		v.open("/session")
		v.Sees("#history", "/session")
		v.Sees("#json", `"visits"`)
	})
}

func TestTheDemoLeavesNothingBehind(t *testing.T) {
	for _, more := range [][]string{nil, {"-tls"}} {
		folder := t.TempDir()
		demo, err := e2e.Start(program, []string{"TMPDIR=" + folder}, append(more, "-addr", "127.0.0.1:0")...)
		if err != nil {
			t.Fatal(err)
		}
		if err := demo.Stop(); err != nil {
			t.Errorf("%v: Ctrl-C: %v", more, err)
		}
		if after, _ := filepath.Glob(filepath.Join(folder, "*")); len(after) > 0 {
			t.Errorf("%v: it left %v", more, after)
		}
	}
}

// Reading, tapping and typing are checked in Chromium alone: they are the
// page's own doing, and nothing of them differs between the two.
func TestThePageWorksOnAPhoneAndWithAKeyboard(t *testing.T) {
	browser := e2e.Begin(t, chromium)
	v := &visitor{Visitor: e2e.Visitor{T: t, Browser: browser}}
	v.serve("127.0.0.1:0")

	complaints := listenTo(t, browser.Tab)
	if err := chromedp.Do(browser.Tab, chromedp.EmulateViewport(320, 640)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/session", "/?did=forge"} {
		v.open(path)
		if wide, err := chromedp.Run(browser.Tab, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); err != nil || wide > 320 {
			t.Errorf("%s is %d pixels wide on a screen of 320 (%v)", path, wide, err)
		}
		unnamed, err := chromedp.Run(browser.Tab, chromedp.Evaluate[string](`[...document.querySelectorAll("button, a, input:not([type=hidden])")]
			.filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML).join("\n")`))
		if err != nil || unnamed != "" {
			t.Errorf("%s: nothing says what these are for: %s (%v)", path, unnamed, err)
		}
		if n, err := chromedp.Run(browser.Tab, chromedp.Evaluate[int](`document.querySelectorAll("h1").length`)); err != nil || n != 1 {
			t.Errorf("%s has %d main headings (%v)", path, n, err)
		}
	}

	v.open("/")
	keys := func(text string) {
		t.Helper()
		if err := chromedp.Do(browser.Tab, chromedp.KeyEvent(text)); err != nil {
			t.Fatal(err)
		}
	}
	focused := func() string {
		id, _ := chromedp.Run(browser.Tab, chromedp.Evaluate[string]("document.activeElement.id || document.activeElement.className"))
		return id
	}
	keys(kb.Tab)
	if on := focused(); on != "skip" {
		t.Errorf("the first stop of the keyboard is %q, want the link past the shop", on)
	}
	for range 10 {
		if focused() == "name" {
			break
		}
		keys(kb.Tab)
	}
	keys("Ada" + kb.Enter)
	v.Sees("#user", "Ada")
	if err := chromedp.Do(browser.Tab, chromedp.Focus(chromedp.CSS("#forge"))); err != nil {
		t.Fatal(err)
	}
	keys(kb.Enter)
	v.Sees("#verdict", "Refused: ErrInvalid")
	v.Sees("#say", "Refused: ErrInvalid") // read out, wherever the reader is
	if on := focused(); on != "forge" {
		t.Errorf("after the answer the keyboard is on %q, want the button that was pressed", on)
	}
	for _, text := range complaints() {
		t.Errorf("the browser complains: %s", text)
	}
}

// listenTo collects what a developer would see in red: violated policies,
// missing files, exceptions.
func listenTo(t *testing.T, tab context.Context) func() []string {
	var mu sync.Mutex
	var heard []string
	hear := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, text)
	}
	if _, err := chromedp.Call(tab, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	err := chromedp.Listen(tab, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			hear(fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		case *runtime.EventExceptionThrown:
			hear(e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return heard
	}
}
