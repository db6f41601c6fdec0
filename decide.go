package cookiesession

// This file decides what a response does to each compartment. It is pure:
// facts about what came, what the handler did and how the request ended go in,
// an action comes out. It knows no clock, no header, no key and no session.
// decide_test.go runs every combination of facts against the rules.

// standing is what became of the cookies that came in one compartment.
type standing uint8

const (
	unopened   standing = iota // nothing has looked at them yet
	absent                     // none came
	invalid                    // no key of ours sealed them: anything may overwrite them
	unreadable                 // unknown key or later version: others may read them, so only the handler's own write replaces them
	expired                    // authentic, but past the deadline: deleted unseen
	revoked                    // the same, by the word of Validate
	withheld                   // Validate failed: hidden for this request, and left alone
	alive                      // authentic, and shown
)

// ended reports whether what came is over: it is removed at any status.
func (st standing) ended() bool { return st == expired || st == revoked }

// blank reports whether nothing came that anybody could read.
func (st standing) blank() bool { return st == absent || st == invalid }

// action is what a response does to one compartment.
type action uint8

const (
	leave  action = iota // what came stays in the browser as it is
	issue                // set it: the handler's own write
	renew                // set it again: the same values with a later deadline
	rekey                // set it again: the same values and times under a newer key
	remove               // delete what came
)

// extent is how far the handler has written to the data.
type extent uint8

const (
	untouched extent = iota
	written          // something was stored, deleted or marked
	cleared          // Clear was among it: what came is meant to go, even if it was not shown
)

// dataFacts is all that the fate of the data compartment depends on.
type dataFacts struct {
	standing  standing
	denied    bool   // the visitor may not be remembered
	destroyed bool   // by the handler
	extent    extent // of what the handler wrote, after a Destroy if there was one
	failed    bool   // the response is a 5xx, or the handler panicked
	worth     bool   // there is something to remember, and for some time
	due       bool   // reading it has become activity
	oldKey    bool   // a newer key seals than the one that opened it
}

// gone reports whether what came has ended.
func (f dataFacts) gone() bool { return f.destroyed || f.standing.ended() }

func (f dataFacts) decide() action {
	write := f.extent != untouched && !f.failed
	shown := f.standing == alive
	switch {
	case f.denied:
		return remove
	case write && f.worth:
		return issue
	case f.gone(), write && (shown || f.extent == cleared):
		// A session that was not shown has not been emptied by marking it or by
		// changing its id. Clear says so on purpose.
		return remove
	case !shown || f.failed:
		return leave
	case f.due:
		return renew
	case f.oldKey:
		return rekey
	}
	return leave
}

// flashAction is what a response does to the flash compartment. What came and
// what the handler made for the next request are two things there.
type flashAction uint8

const (
	flashLeave  flashAction = iota // what came stays, nothing is set
	flashRemove                    // delete what came
	flashMade                      // set what was made, in the place of what came
	flashOpen                      // open what came, then decide again
	flashSift                      // see what is left of what came, then ask flashFacts.sifted
)

// flashFacts is all that the fate of the flash compartment depends on.
type flashFacts struct {
	standing  standing // of flash
	session   standing // of the data: flash goes with its session
	denied    bool     // the visitor may not be remembered
	destroyed bool     // the session, by the handler
	clear     bool     // ClearFlash
	failed    bool     // the response is a 5xx, or the handler panicked
	shows     bool     // somebody sees what this response shows: not a redirect, 204, 304, a 5xx, HEAD, a prefetch
	page      bool     // the status is 200, and the response is a page that somebody sees
	kept      bool     // KeepFlash named something
	read      bool     // some of what came was read
	taken     bool     // Delete or Pop took some of what came
	made      bool     // there is flash for the next request
	moved     bool     // the session that it belongs to has another id after the response, or none
}

// hidden reports whether flash that came is not shown in this request.
func (f flashFacts) hidden() bool {
	return f.denied || f.destroyed || f.session.ended() || f.session == withheld
}

func (f flashFacts) decide() flashAction {
	made, clear := f.made && !f.failed, f.clear && !f.failed
	switch {
	case f.denied:
		return flashRemove
	case f.hidden() && made:
		return flashMade
	case f.hidden() && f.session == withheld && !f.destroyed && !clear:
		return flashLeave
	case f.hidden():
		return flashRemove
	case f.failed && f.standing == expired:
		return flashRemove
	case f.failed:
		return flashLeave
	case clear, f.page && !f.kept: // nothing of what came is needed, so it need not be opened
		return f.instead()
	case !f.changes():
		return flashLeave
	case f.standing == unopened:
		return flashOpen
	case f.standing == unreadable && !made:
		return flashLeave
	}
	return flashSift
}

// changes reports whether there is a reason to look at what is left of the
// flash that came.
func (f flashFacts) changes() bool {
	return f.made || f.kept || f.taken || f.moved || f.standing == expired || f.shows && f.read
}

// instead is for flash whose turn is over: what was made takes its place.
func (f flashFacts) instead() flashAction {
	switch {
	case f.made:
		return flashMade
	case f.standing == absent:
		return flashLeave
	}
	return flashRemove
}

// sifted decides when it is known what goes on of the flash that came: any of
// it, and whether some of it was lost on the way.
func (f flashFacts) sifted(any, lost bool) action {
	switch {
	case any && !lost && !f.made && !f.kept && !f.moved:
		return leave // all of it goes on as it is
	case any || f.made:
		return issue
	case f.standing != absent && (f.page || f.standing == expired || lost):
		return remove
	}
	return leave
}

// viewsFacts is all that the fate of the views compartment depends on.
type viewsFacts struct {
	standing  standing // of the views
	session   standing // of the data: views go with their session
	denied    bool     // the visitor may not be remembered
	destroyed bool     // the session, by the handler
	tracked   bool     // the manager counts views
	panicked  bool     // the handler did
	replaced  bool     // the handler's own write has replaced the data that came
	foreign   bool     // another site's request brought no cookies: the browser has them all the same
}

func (f viewsFacts) decide() action {
	switch {
	case f.denied, f.destroyed, f.session == revoked:
		return remove
	case !f.tracked, f.panicked, f.session == withheld:
		if f.session == expired && f.standing != absent {
			return remove
		}
		return leave
	case (f.session == unreadable || f.standing == unreadable) && !f.replaced:
		return leave
	case f.foreign:
		return leave
	}
	return issue
}

// companionFacts is all that the fate of the companion cookie depends on.
type companionFacts struct {
	session   standing // of the data: the companion goes with its session
	denied    bool     // the visitor may not be remembered
	destroyed bool     // the session, by the handler
}

func (f companionFacts) decide() action {
	if f.denied || f.destroyed || f.session.ended() {
		return remove
	}
	return leave
}

// testFacts is all that the fate of the test cookie depends on.
type testFacts struct {
	came      bool
	denied    bool // the visitor may not be remembered
	destroyed bool // the session, by the handler
	asked     testAction
	failed    bool // the response is a 5xx, or the handler panicked
}

// testAction is what the handler wants of the test cookie.
type testAction uint8

const (
	testUntouched testAction = iota
	testSet
	testDeleted
)

func (f testFacts) decide() action {
	switch {
	case !f.denied && f.asked == testSet && !f.failed:
		return issue
	case f.came && (f.denied || f.destroyed || f.asked == testDeleted && !f.failed):
		return remove
	}
	return leave
}
