package demo_test

import (
	"encoding/json"
	"html"
	"io"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/cmd/cookiesession/demo"
)

// browser asks a site directly, keeps cookies as a browser does, and follows
// redirects.
type browser struct {
	testing.TB
	site http.Handler
	jar  http.CookieJar
}

var shop = &url.URL{Scheme: "https", Host: "shop.test", Path: "/"}

func newSite(t testing.TB, ring *cookiesession.Keyring) *demo.Site {
	t.Helper()
	site, err := demo.New(demo.Config{Keyring: ring, KeySource: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func newBrowser(t testing.TB, site http.Handler) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, site, jar}
}

func (b *browser) get(path string) string { b.Helper(); return b.do("GET", path, nil) }

func (b *browser) post(path string, form ...string) string {
	b.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return b.do("POST", path, values)
}

func (b *browser) do(method, path string, form url.Values) string {
	b.Helper()
	res := b.once(method, path, form)
	switch res.StatusCode {
	case http.StatusSeeOther:
		return b.get(res.Header.Get("Location"))
	case http.StatusOK:
		text, _ := io.ReadAll(res.Body)
		return html.UnescapeString(string(text))
	}
	b.Fatalf("%s %s: status %d", method, path, res.StatusCode)
	return ""
}

func (b *browser) once(method, path string, form url.Values) *http.Response {
	at, err := shop.Parse(path)
	if err != nil {
		b.Fatal(err)
	}
	at.Fragment = ""
	r := httptest.NewRequest(method, at.String(), strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar.Cookies(at) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	b.jar.SetCookies(at, w.Result().Cookies())
	return w.Result()
}

// ours are the session's cookies.
func (b *browser) ours() (names []string) {
	for _, c := range b.jar.Cookies(shop) {
		if strings.HasPrefix(c.Name, "s_") {
			names = append(names, c.Name)
		}
	}
	return names
}

func (b *browser) visits() int {
	b.Helper()
	var state struct{ Visits int }
	if err := json.Unmarshal([]byte(b.get("/api/state")), &state); err != nil {
		b.Fatal(err)
	}
	return state.Visits
}

func shows(t testing.TB, page, want string) {
	t.Helper()
	if !strings.Contains(page, want) {
		t.Errorf("the page does not show %q; it says: %s", want, about(page))
	}
}

func hides(t testing.TB, page, unwanted string) {
	t.Helper()
	if strings.Contains(page, unwanted) {
		t.Errorf("the page shows %q", unwanted)
	}
}

// about is what the page says of itself, for a failure that can be read.
func about(page string) string {
	var out []string
	for _, id := range []string{"told", "notice", "verdict"} {
		if m := regexp.MustCompile(`id="` + id + `">([^<]*)`).FindStringSubmatch(page); m != nil {
			out = append(out, id+": "+m[1])
		}
	}
	return strings.Join(out, "; ")
}

func ownKeys(t testing.TB, f cookiesession.Format) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret(), Format: f})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestTheCounterSurvivesAnotherProcessWithTheSameKeys(t *testing.T) {
	ring := ownKeys(t, "")
	b := newBrowser(t, newSite(t, ring))
	b.get("/")
	b.get("/")
	b.post("/login", "name", "Ada")
	b.post("/basket/add", "sku", "anzac")
	before := b.visits()

	b.site = newSite(t, ring)
	page := b.get("/")
	if got := b.visits(); got != before+1 {
		t.Errorf("the counter went from %d to %d", before, got)
	}
	shows(t, page, `<strong id="user">Ada</strong>`)
	shows(t, page, `id="basket-n">1<`)
}

func TestReadingTheStateCountsNothing(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	if first, second := b.visits(), b.visits(); first != 1 || second != 1 {
		t.Errorf("visits %d, then %d, want 1 and 1", first, second)
	}
	shows(t, b.post("/api/visit"), `"visits":2`)
}

func TestAMessageShowsExactlyOnce(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	shows(t, b.post("/login", "name", "Ada"), "Welcome, Ada")
	hides(t, b.get("/"), "Welcome, Ada")
}

func TestALeftMessageWaitsForOnePage(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	shows(t, b.post("/lab/flash"), "One is waiting")
	shows(t, b.get("/"), "This message waited for one page")
	page := b.get("/")
	hides(t, page, "This message waited for one page")
	shows(t, page, "None is waiting")
}

func TestALogoutLeavesNoCookie(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	b.post("/login", "name", "Ada")
	for range 3 {
		b.post("/basket/hamper")
	}
	b.once("POST", "/lab/flash", url.Values{})
	farewell := b.once("POST", "/logout", url.Values{})
	if left := b.ours(); len(left) > 0 {
		t.Errorf("the response to the logout leaves: %v", left)
	}
	shows(t, b.get(farewell.Header.Get("Location")), "Logged out")
	if left := b.ours(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTheBasketGrowsOverSeveralCookiesAndShrinksAgain(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	for range 4 {
		b.post("/basket/hamper")
	}
	if names := strings.Join(b.ours(), " "); !strings.Contains(names, "s_demo.1") {
		t.Fatalf("four hampers fit into %s", names)
	}
	var page string
	for range 4 {
		page = b.post("/basket/hamper")
	}
	shows(t, page, "Refused before anything was lost")
	shows(t, page, `The largest entry is "basket"`)
	hides(t, b.get("/"), `id="basket-n">0<`)

	shows(t, b.post("/basket/empty"), `id="basket-n">0<`)
	if names := strings.Join(b.ours(), " "); strings.Contains(names, "s_demo.1") {
		t.Errorf("an empty basket takes %s", names)
	}
}

func TestOnePieceLeavesTheBasketAtATime(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.post("/basket/add", "sku", "linzer")
	b.post("/basket/add", "sku", "linzer")
	shows(t, b.post("/basket/remove", "sku", "linzer"), `id="basket-n">1<`)
	shows(t, b.post("/basket/remove", "sku", "linzer"), `id="basket-n">0<`)
	shows(t, b.post("/basket/remove", "sku", "linzer"), `id="basket-n">0<`)
}

func TestAForgedBitIsRefusedAndTheNextWriteReplacesIt(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	b.get("/")
	page := b.post("/lab/forge")
	shows(t, page, "Refused: ErrInvalid")
	shows(t, page, `<span class="kind">refused</span> <code>s_demo</code>`)
	shows(t, page, `<li class="refused" data-cookie="s_demo">`)
	hides(t, page, "sealed yours") // nothing that a refused cookie says is believed
	hides(t, page, `id="entries"`)
	page = b.get("/")
	shows(t, page, `id="verdict">A new session<`)
	shows(t, page, "The cookie that came was refused (ErrInvalid).")
	if n := b.visits(); n != 1 {
		t.Errorf("after the forgery the counter reads %d, want 1", n)
	}
	hides(t, b.get("/"), "Refused")
}

func TestASecondForgeryMendsNothing(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	for range 3 {
		shows(t, b.post("/lab/forge"), "Refused: ErrInvalid")
	}
	b.get("/") // replaces it
	shows(t, b.post("/lab/forge"), "Refused: ErrInvalid")
}

func TestACopyAfterAForgeryIsOneOfTheAuthenticSession(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.post("/login", "name", "Ada")
	for range 4 {
		b.post("/basket/hamper") // several cookies
	}
	b.post("/lab/forge")
	page := b.post("/lab/copy")
	shows(t, page, "A copy of the session cookie is put aside")
	shows(t, page, "Refused: ErrInvalid") // the browser still has the forged one
	page = b.post("/lab/replay")
	shows(t, page, "Authentic and alive")
	shows(t, page, `<strong id="user">Ada</strong>`)
	shows(t, page, `id="basket-n">4<`)
}

func TestWhereNothingIsAuthenticAnEarlierCopyStays(t *testing.T) {
	site := newSite(t, nil)
	b := newBrowser(t, site)
	shows(t, b.post("/lab/copy"), "There is no session to do that with")
	b.post("/login", "name", "Ada")
	b.post("/lab/copy")
	b.jar.SetCookies(shop, []*http.Cookie{{Name: "s_demo", Value: "abcd.forged"}})
	shows(t, b.post("/lab/copy"), "There is no session to do that with")
	shows(t, b.post("/lab/replay"), `<strong id="user">Ada</strong>`)
}

func TestARotationSaysWhatItMeansForThisVisitor(t *testing.T) {
	const sealedAnew, not = "your session was sealed anew", "nothing was sealed anew"
	b := newBrowser(t, newSite(t, nil))
	page := b.post("/lab/keys/rotate")
	shows(t, page, "You have no session, so "+not)
	b.post("/login", "name", "Ada")
	shows(t, b.post("/lab/keys/rotate"), sealedAnew)
	b.post("/logout")
	page = b.post("/lab/keys/rotate")
	shows(t, page, "You have no session, so "+not)
	hides(t, page, sealedAnew)
	b.get("/")
	b.post("/lab/forge")
	page = b.post("/lab/keys/rotate")
	shows(t, page, "refused all the same, so "+not)
	hides(t, page, sealedAnew)
}

func TestACopyIsGoodUntilItsUserLogsOutEverywhere(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	shows(t, b.post("/lab/replay"), "There is no copy yet")
	b.get("/")
	b.post("/login", "name", "Ada")
	b.post("/lab/copy")
	b.post("/logout")
	shows(t, b.post("/lab/replay"), `<strong id="user">Ada</strong>`)
	b.post("/logout-everywhere")
	shows(t, b.post("/lab/replay"), "Refused: ErrRevoked")
	if left := b.ours(); len(left) > 0 && left[0] == "s_demo" {
		t.Errorf("a revoked session leaves %v", left)
	}
	shows(t, b.post("/login", "name", "Ada"), "Welcome, Ada")
}

func TestAnExpiredSessionIsRefusedThoughTheBrowserKeptIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t, newSite(t, nil))
		b.get("/")
		shows(t, b.post("/lab/expire"), "Set by the application")
		time.Sleep(7 * time.Second)
		page := b.get("/?did=expired")
		shows(t, page, "Refused: ErrExpired")
		shows(t, page, `<li class="deleted" data-cookie="s_demo">`)
	})
}

func TestTheIdleDeadlineEndsASessionThatNobodyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t, newSite(t, nil))
		b.get("/")
		time.Sleep(14 * time.Minute)
		shows(t, b.get("/session"), "Authentic and alive") // a page is activity
		time.Sleep(14 * time.Minute)
		shows(t, b.get("/session"), "Authentic and alive")
		time.Sleep(15 * time.Minute)
		shows(t, b.get("/session"), "Refused: ErrExpired")
	})
}

func TestRotatingLogsNobodyOut(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	b.post("/login", "name", "Ada")
	page := b.post("/lab/keys/rotate")
	shows(t, page, "rekeyed")
	shows(t, page, "Authentic and alive")
	page = b.post("/lab/keys/retire")
	shows(t, page, `<tr class="retired"`)
	shows(t, page, "Authentic and alive")
	for range 12 {
		b.post("/lab/keys/rotate")
		page = b.post("/lab/keys/announce")
	}
	if n := strings.Count(page, "data-key="); n > 5 {
		t.Errorf("the ring grew to %d keys", n)
	}
	shows(t, page, `<tr class="pending"`)
	shows(t, page, `<strong id="user">Ada</strong>`)
}

func TestAnAnnouncedKeySealsWhenItsTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t, newSite(t, nil))
		b.get("/")
		b.post("/lab/keys/announce")
		hides(t, b.get("/?did=rotate"), "rekeyed")
		time.Sleep(21 * time.Second)
		shows(t, b.get("/?did=rotate"), "rekeyed")
	})
}

func TestALostRingIsAnUnknownKey(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	shows(t, b.post("/lab/keys/lose"), "Refused: ErrUnknownKey")
	b.get("/")
	if n := b.visits(); n != 1 {
		t.Errorf("the counter reads %d, want 1", n)
	}
}

func TestKeysFromOutsideAreTheOperators(t *testing.T) {
	ring := ownKeys(t, "")
	before := ring.Status()[0].ID
	b := newBrowser(t, newSite(t, ring))
	page := b.get("/")
	shows(t, page, "The operator rotates these: they come from a test")
	hides(t, page, `id="rotate"`)
	for _, change := range []string{"rotate", "announce", "retire", "lose"} {
		shows(t, b.post("/lab/keys/"+change), "The ring stays as it was")
	}
	if now := ring.Status(); len(now) != 1 || now[0].ID != before {
		t.Errorf("a visitor changed the ring to %v", now)
	}
}

func TestWithoutConsentNothingIsKept(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.get("/")
	page := b.post("/consent", "allow", "no")
	shows(t, page, "No permission to remember")
	for _, path := range []string{"/lab/flash", "/login", "/basket/hamper"} {
		shows(t, b.post(path, "name", "Ada"), "Nothing is remembered without your permission")
	}
	b.get("/")
	if left := b.ours(); len(left) > 0 {
		t.Errorf("kept: %v", left)
	}
	b.post("/consent", "allow", "yes")
	b.get("/")
	if n := b.visits(); n != 1 {
		t.Errorf("the counter reads %d, want 1", n)
	}
}

func TestTheLayersAddUpToTheCookie(t *testing.T) {
	for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
		for _, hampers := range []int{0, 4} {
			t.Run(string(format)+" with "+strconv.Itoa(hampers)+" hampers", func(t *testing.T) {
				b := newBrowser(t, newSite(t, ownKeys(t, format)))
				b.get("/")
				for range hampers {
					b.post("/basket/hamper")
				}
				page := b.get("/session")
				layers := regexp.MustCompile(`(?s)<dl class="legend" id="layers">.*?</dl>`).FindString(page)
				sum := 0
				for _, m := range regexp.MustCompile(`<dd class="num">(\d+)</dd>`).FindAllStringSubmatch(layers, -1) {
					n, _ := strconv.Atoi(m[1])
					sum += n
				}
				want, names := 0, 0
				for _, c := range b.jar.Cookies(shop) {
					if c.Name == "s_demo" || strings.HasPrefix(c.Name, "s_demo.") {
						want += len(c.Name) + len(c.Value)
						names += len(c.Name)
					}
				}
				shows(t, strings.Join(strings.Fields(layers), ""), "Name</dt><ddclass=\"num\">"+strconv.Itoa(names)+"<")
				if sum != want || sum == 0 {
					t.Errorf("the layers are %d bytes, the cookies %d", sum, want)
				}
			})
		}
	}
}

func TestPagesRunAndLoadNothingButTheirOwnFiles(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	for _, path := range []string{"/", "/session", "/?did=expire"} {
		res := b.once("GET", path, nil)
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", path, policy)
		}
		text, _ := io.ReadAll(res.Body)
		for _, bad := range []string{` style=`, `<style`, `<script>`, ` onclick=`, `src="http`, `href="http`} {
			hides(t, string(text), bad)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			asset := b.once("GET", m[1], nil)
			if asset.StatusCode != http.StatusOK || len(asset.Header["Set-Cookie"]) > 0 || !strings.Contains(asset.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: status %d, header %v", m[1], asset.StatusCode, asset.Header)
			}
		}
	}
}

func TestAnotherSiteCannotPost(t *testing.T) {
	site := newSite(t, nil)
	for _, path := range []string{"/login", "/lab/forge", "/lab/keys/lose", "/consent"} {
		r := httptest.NewRequest("POST", "https://shop.test"+path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("POST %s from another site: status %d", path, w.Code)
		}
	}
}

func TestANameIsTextAndNothingElse(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	b.once("POST", "/login", url.Values{"name": {"<script>alert(1)</script>"}})
	text, _ := io.ReadAll(b.once("GET", "/", nil).Body)
	hides(t, string(text), "<script>alert")
	shows(t, string(text), "&lt;script&gt;alert")
	shows(t, b.post("/login", "name", strings.Repeat("x", 41)), "1 to 40 characters")
	shows(t, b.post("/login", "name", " "), "1 to 40 characters")
}

func TestBadInputIsNoServerError(t *testing.T) {
	site := newSite(t, nil)
	for _, cookie := range []string{
		"s_demo=", "s_demo=x", "s_demo=AAAA.BBBB", "s_demo=AAAA.2.tttt.x; s_demo.1=tttt.y", "s_demo.1=x", "s_demo.x=1",
		"s_demo_flash=AAAA.x", "s_demo_views=AAAA.x", "demo_said=x", "demo_said=bnVsbA", "demo_said=eyJTYWlkIjpbe31dfQ",
		"demo_consent=perhaps", "copy_s_demo=x; copy_=y", "s_demo=" + strings.Repeat("A", 9000),
	} {
		for _, path := range []string{"GET /", "GET /session", "GET /?did=<b>", "GET /api/state", "POST /basket/add", "POST /basket/what", "POST /lab/forge", "POST /lab/copy", "POST /lab/replay", "POST /lab/expire", "POST /logout", "POST /logout-everywhere"} {
			method, at, _ := strings.Cut(path, " ")
			r := httptest.NewRequest(method, "https://shop.test"+at, nil)
			r.Header.Set("Cookie", cookie)
			w := httptest.NewRecorder()
			site.ServeHTTP(w, r)
			if w.Code >= 500 || strings.Contains(w.Body.String(), "cannot be shown") {
				t.Errorf("%s with %.40q: status %d", path, cookie, w.Code)
			}
		}
	}
}

func TestTextHasContrastInLightAndDark(t *testing.T) {
	b := newBrowser(t, newSite(t, nil))
	css := b.get("/assets/demo.css")
	light, dark, found := strings.Cut(css, "prefers-color-scheme: dark")
	if !found {
		t.Fatal("there is no dark scheme")
	}
	for scheme, text := range map[string]string{"light": light, "dark": dark[:strings.Index(dark, "}\n}")]} {
		colours := make(map[string]float64)
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6});`).FindAllStringSubmatch(text, -1) {
			colours[m[1]] = luminance(m[2])
		}
		for _, ink := range []string{"ink", "dim", "accent", "bad"} {
			for _, ground := range []string{"paper", "card", "panel"} {
				a, b := colours[ink], colours[ground]
				if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", scheme, ink, ground, ratio)
				}
			}
		}
	}
}

// luminance is WCAG's relative luminance of a colour in hexadecimal.
func luminance(hex string) (sum float64) {
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
