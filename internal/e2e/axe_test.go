package e2e_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/cookiesession/cookiesession/internal/e2e"
)

// readAxe returns the text of axe-core, which package-lock.json pins.
func readAxe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err == nil {
		return string(text)
	}
	if os.Getenv("COOKIESESSION_NO_SKIP") == "1" {
		t.Fatal("axe-core is not installed: run npm ci in internal/e2e")
	}
	t.Skip("needs axe-core: run npm ci in internal/e2e")
	return ""
}

// findings are what axe says about the page that is open: each rule that it
// breaks, with the elements, and what axe could not decide. It cannot measure
// the contrast of lines that are scrolled out of their box; a test of the demo
// measures every pair of colours.
const findings = `(async () => {
	const found = await axe.run(document, { resultTypes: ["violations", "incomplete"] });
	return [...found.violations, ...found.incomplete.filter(f => f.id !== "color-contrast")]
		.map(f => f.id + ": " + f.help + "\n" + f.nodes.map(n => "    " + n.html + "\n    " + n.failureSummary).join("\n"))
		.join("\n");
})()`

// judge has a page looked at by axe.
type judge struct {
	*testing.T
	axe string
	tab context.Context
}

// look judges the page that is open, in light on a wide screen and in dark on a
// phone. The screens are as long as the pages: axe cannot judge what is half
// out of sight.
func (j judge) look(state string) {
	j.Helper()
	for _, screen := range []struct {
		scheme        string
		width, height int64
	}{{"light", 1280, 2400}, {"dark", 360, 4800}} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: screen.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // colours in transition have no contrast to measure
		}}
		if _, err := chromedp.Call(j.tab, emulation.SetEmulatedMedia, media); err != nil {
			j.Fatal(err)
		}
		if err := chromedp.Do(j.tab, chromedp.EmulateViewport(screen.width, screen.height)); err != nil {
			j.Fatal(err)
		}
		text, err := chromedp.Run(j.tab, chromedp.Evaluate[string](j.axe+";"+findings, chromedp.EvalAwaitPromise))
		if err != nil {
			j.Fatalf("%s: %v", state, err)
		}
		if text != "" {
			j.Errorf("%s, %s, %d pixels wide:\n%s", state, screen.scheme, screen.width, text)
		}
	}
}

// TestNoPageHasAnAxeFinding looks at every page in every state that changes
// what is on it.
func TestNoPageHasAnAxeFinding(t *testing.T) {
	axe := readAxe(t)
	v := &visitor{Visitor: e2e.Visitor{T: t}}
	browser := e2e.Begin(t, chromium)
	v.Browser = browser
	v.serve("127.0.0.1:0")
	look := judge{t, axe, browser.Tab}.look
	// each click waits for its answer: the page is drawn anew
	click := func(css, sees, want string) { t.Helper(); v.Click(css); v.Sees(sees, want) }
	for _, step := range []struct {
		state string
		reach func()
	}{
		{"the shop", func() { v.open("/") }},
		{"the session alone", func() { v.open("/session") }},
		{"a message waits", func() { v.open("/"); click("#flash", "#flash-state", "One is waiting") }},
		{"a basket of several cookies", func() {
			for n := range 4 {
				click("#hamper", "#basket-n", strconv.Itoa(n+1))
			}
			v.Sees("#cookies", "s_demo.1")
		}},
		{"a refused write", func() {
			for n := 5; n <= 8 && !strings.Contains(v.Browser.Text("#notice"), "Refused"); n++ {
				v.open("/") // without the notice of the one before
				click("#hamper", "#notice", " ")
			}
			v.Sees("#notice", "Refused")
		}},
		{"a forged cookie", func() { click("#empty", "#basket-n", "0"); click("#forge", "#verdict", "ErrInvalid") }},
		{"a forged cookie, the session alone", func() { v.open("/session"); v.Sees("#verdict", "ErrInvalid") }},
		{"keys in every state", func() {
			v.open("/")
			click("#rotate", "tr.opening", "opening")
			click("#retire", "tr.retired", "retired")
			click("#announce", "tr.pending", "seals in")
		}},
		{"lost keys", func() { click("#lose", "#verdict", "ErrUnknownKey") }},
		{"time that runs out", func() { v.open("/"); click("#expire", "#told", "ends in a few seconds") }},
		{"an expired session", func() { v.Sees("#verdict", "ErrExpired") }},
		{"no consent", func() { v.open("/"); click("#deny", "#verdict", "No permission") }},
		{"no consent, the session alone", func() { v.open("/session"); v.Sees("#verdict", "No permission") }},
		{"logged in", func() { click("#allow", "#told", "Permission given"); v.open("/"); v.login("Ada") }},
		{"logged out", func() { click("#logout", "#told", "Logged out") }},
	} {
		step.reach()
		look(step.state)
	}
}

// TestNoPageOfABoundSessionHasAnAxeFinding looks at what a binding adds, in one
// browser that binds sessions and in one that does not.
func TestNoPageOfABoundSessionHasAnAxeFinding(t *testing.T) {
	axe := readAxe(t)
	v := &visitor{Visitor: e2e.Visitor{T: t}}
	v.serve("127.0.0.1:0", "-tls")
	other := &visitor{Visitor: e2e.Visitor{T: t}, demo: v.demo}
	browser := e2e.Begin(t, func(ctx context.Context, profile string) (*e2e.Chromium, error) {
		return e2e.StartBindingChromium(ctx, profile, v.demo.Key, true)
	})
	without := e2e.Begin(t, func(ctx context.Context, profile string) (*e2e.Chromium, error) {
		return e2e.StartChromium(ctx, profile, true, e2e.Trust(v.demo.Key))
	})
	v.Browser, other.Browser = browser, without
	click := func(v *visitor, css, sees, want string) { t.Helper(); v.Click(css); v.Sees(sees, want) }
	here, there := judge{t, axe, browser.Tab}, judge{t, axe, without.Tab}
	for _, step := range []struct {
		state string
		in    judge
		reach func()
	}{
		{"unbound", here, func() { v.open("/"); v.Sees("#binding", "unbound") }},
		{"nothing copied", here, func() { click(v, "#ask", "#told", "Nothing was copied yet") }},
		{"bound", here, func() {
			v.login("Ada")
			v.Eventually(func() bool { v.open("/"); return v.Browser.Text("#binding") == "bound" }, func() string { return "it is not bound" })
		}},
		{"bound, the session alone", here, func() { v.open("/session"); v.Sees("#binding", "bound") }},
		{"copied", here, func() { v.open("/"); click(v, "#steal", "#stolen", "Refused in") }},
		{"the thief's answers", here, func() {
			click(v, "#ask", "#heard", "you are Ada; the session is bound")
			click(v, "#everywhere", "#told", "Logged out everywhere")
			click(v, "#ask", "#heard", "you are nobody; the session is unbound")
		}},
		{"pending", there, func() { other.open("/"); other.login("Grace"); other.Sees("#binding", "pending") }},
		{"copied without a bound cookie", there, func() { click(other, "#steal", "#stolen", "No bound cookie was copied") }},
		{"stale", there, func() {
			v.open("/")
			v.login("Ada")
			v.Eventually(func() bool { v.open("/"); return v.Browser.Text("#binding") == "bound" }, func() string { return "it is not bound" })
			for _, c := range v.Cookies() {
				if _, err := chromedp.Call(without.Tab, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: v.demo.URL}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := chromedp.Call(without.Tab, network.DeleteCookies, network.DeleteCookiesParams{Name: "s_demo_bound", URL: v.demo.URL}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // looking does not replace it
				other.open("/")
				other.Sees("#verdict", "Refused: ErrStale")
				other.Sees("#binding", "stale")
			}
		}},
	} {
		step.reach()
		step.in.look(step.state)
	}
}
