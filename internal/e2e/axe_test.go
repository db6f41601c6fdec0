package e2e_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
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

// TestNoPageHasAnAxeFinding looks at every page in every state that changes
// what is on it, in light on a wide screen and in dark on a phone. The screens
// are as long as the pages: axe cannot judge what is half out of sight.
func TestNoPageHasAnAxeFinding(t *testing.T) {
	axe := readAxe(t)
	browser, err := e2e.StartChromium(t.Context(), e2e.Profile(t), true)
	if errors.Is(err, e2e.ErrNoBrowser) && os.Getenv("COOKIESESSION_NO_SKIP") != "1" {
		t.Skipf("%v: install chromium to run this", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Close() })
	v := &visitor{Visitor: e2e.Visitor{T: t, Browser: browser}}
	v.serve("127.0.0.1:0")

	look := func(state string) {
		t.Helper()
		for _, screen := range []struct {
			scheme        string
			width, height int64
		}{{"light", 1280, 2400}, {"dark", 360, 4800}} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: screen.scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // colours in transition have no contrast to measure
			}}
			if _, err := chromedp.Call(browser.Tab, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(browser.Tab, chromedp.EmulateViewport(screen.width, screen.height)); err != nil {
				t.Fatal(err)
			}
			text, err := chromedp.Run(browser.Tab, chromedp.Evaluate[string](axe+";"+findings, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", state, err)
			}
			if text != "" {
				t.Errorf("%s, %s, %d pixels wide:\n%s", state, screen.scheme, screen.width, text)
			}
		}
	}
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
