package acceptance_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession"
)

// browserModel is what the browser should have: the value of k, and flash.
type browserModel struct {
	value string
	flash map[string]string
}

// walk is one request, as it happens and as the model says that it should.
type walk struct {
	w       http.ResponseWriter
	session *cookiesession.Session
	browser *browserModel
	random  *rand.Rand
	steps   []string // taken so far
	wrong   []string

	value                             string
	in, out                           map[string]string // flash that came and that goes
	dirty, destroyed, kept, committed bool
}

// wrote compares a write's error with what the model expects, and reports
// whether the write counts.
func (x *walk) wrote(err error) bool {
	if errors.Is(err, cookiesession.ErrCommitted) != x.committed || err != nil && !x.committed {
		x.wrong = append(x.wrong, fmt.Sprintf("after %q a write returned %v", x.steps, err))
	}
	return err == nil
}

func (x *walk) sees(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		x.wrong = append(x.wrong, fmt.Sprintf("after %q the %s is %.40q, want %.40q", x.steps, what, got, want))
	}
}

// leave does in the model what a commit does.
func (x *walk) leave(status int) {
	if x.committed {
		return
	}
	x.committed = true
	if x.destroyed {
		*x.browser = browserModel{"<nil>", nil}
	}
	if status >= 500 {
		return
	}
	if x.dirty {
		x.browser.value = x.value
	}
	next := map[string]string{}
	if status != http.StatusOK || x.kept {
		maps.Copy(next, x.in)
	}
	maps.Copy(next, x.out)
	x.browser.flash = next
}

func (x *walk) answer(status int) {
	x.w.WriteHeader(status)
	x.leave(status)
}

// text is a random value. It is short, or long enough for a second cookie.
func (x *walk) text() string {
	return fmt.Sprint(x.random.IntN(1000), strings.Repeat("y", 2500*x.random.IntN(2)))
}

func (x *walk) forgetFlash() { x.in, x.out, x.kept = map[string]string{}, map[string]string{}, false }

var walkSteps = map[string]func(*walk){
	"set": func(x *walk) {
		if v := x.text(); x.wrote(x.session.Set("k", v)) {
			x.value, x.dirty = v, true
		}
	},
	"delete": func(x *walk) {
		if x.wrote(x.session.Delete("k")) && x.value != "<nil>" {
			x.value, x.dirty = "<nil>", true
		}
	},
	"destroy": func(x *walk) {
		if x.wrote(x.session.Destroy()) {
			x.value, x.dirty, x.destroyed = "<nil>", false, true
			x.forgetFlash()
		}
	},
	"flash": func(x *walk) {
		key, v := string(rune('f'+x.random.IntN(3))), fmt.Sprint(x.random.IntN(1000))
		if x.wrote(x.session.Flash(key, v)) {
			x.out[key] = v
		}
	},
	"keep flash": func(x *walk) {
		x.session.KeepFlash()
		x.kept = x.kept || !x.committed
	},
	"clear flash": func(x *walk) {
		if x.session.ClearFlash(); !x.committed {
			x.forgetFlash()
		}
	},
	"delete flash": func(x *walk) {
		if x.wrote(x.session.Delete("f")) {
			delete(x.in, "f")
		}
	},
	"look":          func(x *walk) { x.sees("value", x.session.Value("k"), x.value) },
	"look at flash": func(x *walk) { x.sees("flash", x.session.Flashes(), x.in) },
	"look for a flash": func(x *walk) {
		_, has := x.in["f"]
		x.sees("presence of f", x.session.Has("f"), has)
	},
	"103":          func(x *walk) { x.w.WriteHeader(103) },
	"200":          func(x *walk) { x.answer(200) },
	"204":          func(x *walk) { x.answer(204) },
	"303":          func(x *walk) { x.answer(303) },
	"500":          func(x *walk) { x.answer(500) },
	"write":        func(x *walk) { x.leave(200); io.WriteString(x.w, "x") },
	"flush":        func(x *walk) { x.leave(200); x.w.(http.Flusher).Flush() },
	"copy":         func(x *walk) { x.leave(200); io.Copy(x.w, plainReader{strings.NewReader(page[:3000])}) },
	"copy nothing": func(x *walk) { io.Copy(x.w, plainReader{strings.NewReader("")}) },
	"panic":        func(x *walk) { x.leave(500); panic("oops") },
}

// TestRandomWalksEndWhereTheModelEnds has handlers do what they may do in random
// order, in many requests of one browser. Every look and every error is compared
// with a model of the rules.
func TestRandomWalksEndWhereTheModelEnds(t *testing.T) {
	names := slices.Sorted(maps.Keys(walkSteps))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	browser := new(browserModel)
	walks := make(chan *walk, 1) // the client may have its answer before the handler has returned
	build := func(s *roadSite) http.Handler {
		return recovers(s.handler(func(w http.ResponseWriter, _ *http.Request, session *cookiesession.Session) {
			x := &walk{w: w, session: session, browser: browser, random: random, value: browser.value}
			defer func() { walks <- x }()
			x.forgetFlash()
			maps.Copy(x.in, browser.flash)
			for range 1 + random.IntN(7) {
				step := names[random.IntN(len(names))]
				if random.IntN(4) == 0 {
					step = "flash" // it has the most rules
				}
				x.steps = append(x.steps, step)
				walkSteps[step](x)
			}
			x.leave(http.StatusOK)
		}))
	}
	eachProtocol(t, build, func(t *testing.T, site *roadSite) {
		*browser = browserModel{"<nil>", nil}
		for range 400 {
			site.get(t, "/road")
			x := <-walks
			if random.IntN(2) == 0 {
				x.sees("flash of the next request", site.get(t, "/flashes").body, browser.flash)
				x.sees("value of the next request", site.now(t), browser.value)
				browser.flash = nil // the two looks were pages, which drop flash
			}
			if len(x.wrong) != 0 {
				t.Fatal(strings.Join(x.wrong, "\n"))
			}
		}
	})
}
