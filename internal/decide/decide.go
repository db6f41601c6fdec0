package decide

// This file decides what a response does to each compartment. It is pure:
// facts about what came, what the handler did and how the request ended go in,
// an action comes out. It knows no clock, no header, no key and no session.
// decide_test.go runs every combination of facts against the rules.

// Standing is what became of the cookies that came in one compartment.
type Standing uint8

const (
	Unopened   Standing = iota // nothing has looked at them yet
	Absent                     // none came
	Invalid                    // no key of ours sealed them: anything may overwrite them
	Unreadable                 // unknown key or later version: others may read them, so only the handler's own write replaces them
	Expired                    // authentic, but past the deadline: deleted unseen
	Revoked                    // the same, by the word of Validate
	Withheld                   // Validate failed: hidden for this request, and left alone
	Alive                      // authentic, and shown
)

// ended reports whether what came is over: it is removed at any status.
func (st Standing) Ended() bool { return st == Expired || st == Revoked }

// blank reports whether nothing came that anybody could read.
func (st Standing) Blank() bool { return st == Absent || st == Invalid }

// Action is what a response does to one compartment.
type Action uint8

const (
	Leave  Action = iota // what came stays in the browser as it is
	Issue                // set it: the handler's own write
	Renew                // set it again: the same values with a later deadline
	Rekey                // set it again: the same values and times under a newer key
	Remove               // delete what came
)

// Extent is how far the handler has written to the data.
type Extent uint8

const (
	Untouched Extent = iota
	Written          // something was stored, deleted or marked
	Cleared          // Clear was among it: what came is meant to go, even if it was not shown
)

// Data is all that the fate of the data compartment depends on.
type Data struct {
	Standing  Standing
	Denied    bool   // the visitor may not be remembered
	Destroyed bool   // by the handler
	Extent    Extent // of what the handler wrote, after a Destroy if there was one
	Failed    bool   // the response is a 5xx, or the handler panicked
	Worth     bool   // there is something to remember, and for some time
	Due       bool   // reading it has become activity
	OldKey    bool   // a newer key seals than the one that opened it
}

// gone reports whether what came has ended.
func (f Data) Gone() bool { return f.Destroyed || f.Standing.Ended() }

func (f Data) Decide() Action {
	write := f.Extent != Untouched && !f.Failed
	shown := f.Standing == Alive
	switch {
	case f.Denied:
		return Remove
	case write && f.Worth:
		return Issue
	case f.Gone(), write && (shown || f.Extent == Cleared):
		// A session that was not shown has not been emptied by marking it or by
		// changing its id. Clear says so on purpose.
		return Remove
	case !shown || f.Failed:
		return Leave
	case f.Due:
		return Renew
	case f.OldKey:
		return Rekey
	}
	return Leave
}

// FlashAction is what a response does to the flash compartment. What came and
// what the handler made for the next request are two things there.
type FlashAction uint8

const (
	FlashLeave  FlashAction = iota // what came stays, nothing is set
	FlashRemove                    // delete what came
	FlashMade                      // set what was made, in the place of what came
	FlashOpen                      // open what came, then decide again
	FlashSift                      // see what is left of what came, then ask Flash.Sifted
)

// Flash is all that the fate of the flash compartment depends on.
type Flash struct {
	Standing  Standing // of flash
	Session   Standing // of the data: flash goes with its session
	Denied    bool     // the visitor may not be remembered
	Destroyed bool     // the session, by the handler
	Clear     bool     // ClearFlash
	Failed    bool     // the response is a 5xx, or the handler panicked
	Shows     bool     // somebody sees what this response shows: not a redirect, 204, 304, a 5xx, HEAD, a prefetch
	Page      bool     // the status is 200, and the response is a page that somebody sees
	Kept      bool     // KeepFlash named something
	Read      bool     // some of what came was read
	Taken     bool     // Delete or Pop took some of what came
	Made      bool     // there is flash for the next request
	Moved     bool     // the session that it belongs to has another id after the response, or none
}

// hidden reports whether flash that came is not shown in this request.
func (f Flash) hidden() bool {
	return f.Denied || f.Destroyed || f.Session.Ended() || f.Session == Withheld
}

func (f Flash) Decide() FlashAction {
	made, clear := f.Made && !f.Failed, f.Clear && !f.Failed
	switch {
	case f.hidden():
		return f.whileHidden(made, clear)
	case f.Failed && f.Standing == Expired:
		return FlashRemove
	case f.Failed:
		return FlashLeave
	case clear, f.Page && !f.Kept: // nothing of what came is needed, so it need not be opened
		return f.instead()
	case !f.changes():
		return FlashLeave
	case f.Standing == Unopened:
		return FlashOpen
	case f.Standing == Unreadable && !made:
		return FlashLeave
	}
	return FlashSift
}

// whileHidden decides about flash that is not shown in this request.
func (f Flash) whileHidden(made, clear bool) FlashAction {
	switch {
	case f.Denied:
		return FlashRemove
	case made:
		return FlashMade
	case f.Session == Withheld && !f.Destroyed && !clear:
		return FlashLeave
	}
	return FlashRemove
}

// changes reports whether there is a reason to look at what is left of the
// flash that came.
func (f Flash) changes() bool {
	return f.Made || f.Kept || f.Taken || f.Moved || f.Standing == Expired || f.Shows && f.Read
}

// instead is for flash whose turn is over: what was made takes its place.
func (f Flash) instead() FlashAction {
	switch {
	case f.Made:
		return FlashMade
	case f.Standing == Absent:
		return FlashLeave
	}
	return FlashRemove
}

// sifted decides when it is known what goes on of the flash that came: any of
// it, and whether some of it was lost on the way.
func (f Flash) Sifted(any, lost bool) Action {
	switch {
	case any && !lost && !f.Made && !f.Kept && !f.Moved:
		return Leave // all of it goes on as it is
	case any || f.Made:
		return Issue
	case f.Standing != Absent && (f.Page || f.Standing == Expired || lost):
		return Remove
	}
	return Leave
}

// Views is all that the fate of the views compartment depends on.
type Views struct {
	Standing  Standing // of the views
	Session   Standing // of the data: views go with their session
	Denied    bool     // the visitor may not be remembered
	Destroyed bool     // the session, by the handler
	Tracked   bool     // the manager counts views
	Panicked  bool     // the handler did
	Replaced  bool     // the handler's own write has replaced the data that came
	Foreign   bool     // another site's request brought no cookies: the browser has them all the same
}

func (f Views) Decide() Action {
	switch {
	case f.Denied, f.Destroyed, f.Session == Revoked:
		return Remove
	case !f.Tracked, f.Panicked, f.Session == Withheld:
		if f.Session == Expired && f.Standing != Absent {
			return Remove
		}
		return Leave
	case (f.Session == Unreadable || f.Standing == Unreadable) && !f.Replaced:
		return Leave
	case f.Foreign:
		return Leave
	}
	return Issue
}

// Companion is all that the fate of the companion cookie depends on.
type Companion struct {
	Session   Standing // of the data: the companion goes with its session
	Denied    bool     // the visitor may not be remembered
	Destroyed bool     // the session, by the handler
}

func (f Companion) Decide() Action {
	if f.Denied || f.Destroyed || f.Session.Ended() {
		return Remove
	}
	return Leave
}

// Test is all that the fate of the test cookie depends on.
type Test struct {
	Came      bool
	Denied    bool // the visitor may not be remembered
	Destroyed bool // the session, by the handler
	Asked     TestAction
	Failed    bool // the response is a 5xx, or the handler panicked
}

// TestAction is what the handler wants of the test cookie.
type TestAction uint8

const (
	TestUntouched TestAction = iota
	TestSet
	TestDeleted
)

func (f Test) Decide() Action {
	switch {
	case !f.Denied && f.Asked == TestSet && !f.Failed:
		return Issue
	case f.Came && (f.Denied || f.Destroyed || f.Asked == TestDeleted && !f.Failed):
		return Remove
	}
	return Leave
}
