package decide

import (
	"reflect"
	"slices"
	"testing"
)

// This file runs every combination of facts through the decisions, and holds
// each one against the rules. It is inside the package, because the decisions
// are: everything else tests from outside.

var standings = []Standing{Unopened, Absent, Invalid, Unreadable, Expired, Revoked, Withheld, Alive}

// everyCombination calls f with every value that a struct of facts can have.
// The standings are all eight, the extents all three, and so on.
func everyCombination[F any](t *testing.T, f func(F)) (n int) {
	t.Helper()
	var facts F
	v := reflect.ValueOf(&facts).Elem()
	values := make([][]reflect.Value, v.NumField())
	for i := range values {
		values[i] = valuesOf(t, v.Type().Field(i).Type)
	}
	// reflect cannot set unexported fields, so a mutable copy is built by position.
	var fill func(i int, set []reflect.Value)
	fill = func(i int, set []reflect.Value) {
		if i == len(values) {
			f(fromFields[F](set))
			n++
			return
		}
		for _, value := range values[i] {
			fill(i+1, append(set, value))
		}
	}
	fill(0, nil)
	return n
}

func valuesOf(t *testing.T, typ reflect.Type) (all []reflect.Value) {
	switch typ {
	case reflect.TypeFor[bool]():
		return []reflect.Value{reflect.ValueOf(false), reflect.ValueOf(true)}
	case reflect.TypeFor[Standing]():
		for _, s := range standings {
			all = append(all, reflect.ValueOf(s))
		}
	case reflect.TypeFor[Extent]():
		for _, e := range []Extent{Untouched, Written, Cleared} {
			all = append(all, reflect.ValueOf(e))
		}
	case reflect.TypeFor[TestAction]():
		for _, a := range []TestAction{TestUntouched, TestSet, TestDeleted} {
			all = append(all, reflect.ValueOf(a))
		}
	default:
		t.Fatalf("a fact of type %v: say here which values it has", typ)
	}
	return all
}

// fromFields makes a struct of facts from the values of its fields.
func fromFields[F any](set []reflect.Value) F {
	var facts F
	p := reflect.ValueOf(&facts).Elem()
	for i, value := range set {
		field := reflect.NewAt(p.Field(i).Type(), p.Field(i).Addr().UnsafePointer()).Elem()
		field.Set(value)
	}
	return facts
}

// rule is one sentence and a case that breaks it.
type rule[F, A any] struct {
	sentence string
	broken   func(F, A) bool
}

func holdRules[F, A any](t *testing.T, reachable func(F) bool, decide func(F) A, rules []rule[F, A]) {
	t.Helper()
	broken, applied := map[string]F{}, 0
	everyCombination(t, func(f F) {
		if !reachable(f) {
			return
		}
		applied++
		a := decide(f)
		for _, r := range rules {
			if _, told := broken[r.sentence]; !told && r.broken(f, a) {
				broken[r.sentence] = f
				t.Errorf("%s\nbroken by %+v: %v", r.sentence, f, a)
			}
		}
	})
	t.Logf("%d combinations, %d rules", applied, len(rules))
	if applied == 0 {
		t.Fatal("no combination is reachable")
	}
}

func dataReachable(f Data) bool {
	switch {
	case f.Standing == Unopened && !f.Denied: // with permission it has been opened
		return false
	case f.Worth && f.Extent == Untouched: // only asked about what was written
		return false
	case (f.Due || f.OldKey) && f.Standing != Alive:
		return false
	}
	return true
}

// gone says it again in the test's own words: what has ended, has ended.
func gone(f Data) bool {
	return f.Destroyed || f.Standing == Expired || f.Standing == Revoked
}

func TestTheDataObeysTheRulesInEveryState(t *testing.T) {
	automatic := []Action{Renew, Rekey}
	everyCombination(t, func(f Data) {
		if f.Gone() != gone(f) {
			t.Fatalf("Gone is %t of %+v", f.Gone(), f)
		}
	})
	write := func(f Data) bool { return f.Extent != Untouched && !f.Failed }
	holdRules(t, dataReachable, Data.Decide, []rule[Data, Action]{
		{"Without permission existing cookies are deleted, whatever else happened.", func(f Data, a Action) bool {
			return f.Denied && a != Remove
		}},
		{"A failed request issues nothing.", func(f Data, a Action) bool {
			return f.Failed && (a == Issue || slices.Contains(automatic, a))
		}},
		{"A write that leaves something to remember is issued.", func(f Data, a Action) bool {
			return !f.Denied && write(f) && f.Worth && a != Issue
		}},
		{"Nothing is issued as the handler's write without one.", func(f Data, a Action) bool {
			return a == Issue && !(write(f) && f.Worth)
		}},
		{"A write that leaves nothing deletes the session that was shown.", func(f Data, a Action) bool {
			return !f.Denied && write(f) && !f.Worth && f.Standing == Alive && a != Remove
		}},
		{"A session that was not shown is not deleted by marking it or by changing its id.", func(f Data, a Action) bool {
			return a == Remove && !f.Denied && !gone(f) && f.Standing != Alive && f.Extent != Cleared
		}},
		{"What has ended is removed at any status, unless something takes its place.", func(f Data, a Action) bool {
			return gone(f) && a != Remove && a != Issue
		}},
		{"What has ended is never issued again by itself.", func(f Data, a Action) bool {
			return gone(f) && slices.Contains(automatic, a)
		}},
		{"Nothing automatic touches what others may read, or what a failing Validate hides.", func(f Data, a Action) bool {
			hidden := f.Standing == Unreadable || f.Standing == Withheld
			return hidden && !f.Denied && !f.Destroyed && !write(f) && a != Leave
		}},
		{"Cookies that no key of ours sealed are left alone until a write replaces them.", func(f Data, a Action) bool {
			return f.Standing == Invalid && !f.Denied && !f.Destroyed && !write(f) && a != Leave
		}},
		{"Nothing changed: nothing is set.", func(f Data, a Action) bool {
			return !f.Denied && !gone(f) && f.Extent == Untouched && !f.Due && !f.OldKey && a != Leave
		}},
		{"A session that is read when it is due is renewed.", func(f Data, a Action) bool {
			return !f.Denied && !gone(f) && !write(f) && !f.Failed && f.Due && a != Renew
		}},
		{"A session under an older key is issued under the newer one.", func(f Data, a Action) bool {
			return !f.Denied && !gone(f) && !write(f) && !f.Failed && f.OldKey && a != Renew && a != Rekey
		}},
		{"Renewal comes before a new key: it brings one along.", func(f Data, a Action) bool {
			return f.Due && f.OldKey && a == Rekey
		}},
	})
}

func flashReachable(f Flash) bool {
	switch {
	case f.Page && !f.Shows, f.Failed && f.Shows:
		return false
	case f.Session == Unopened && !f.Denied:
		return false
	case f.Standing == Revoked || f.Standing == Withheld: // Validate is asked about the data alone
		return false
	case f.Read && f.Standing != Alive, f.Taken && f.Standing != Alive && f.Standing != Unopened:
		return false
	case f.Moved && f.Failed: // a failed request changes no id
		return false
	case f.hidden() && f.Standing != Alive && f.Read:
		return false
	}
	return true
}

func TestFlashObeysTheRulesInEveryState(t *testing.T) {
	drops := []FlashAction{FlashRemove, FlashMade}
	holdRules(t, flashReachable, Flash.Decide, []rule[Flash, FlashAction]{
		{"Without permission flash is deleted and none is set.", func(f Flash, a FlashAction) bool {
			return f.Denied && a != FlashRemove
		}},
		{"A failed request sends nothing that was flashed in it.", func(f Flash, a FlashAction) bool {
			return f.Failed && (a == FlashMade || a == FlashSift)
		}},
		{"A failed request keeps the flash that came.", func(f Flash, a FlashAction) bool {
			return f.Failed && !f.hidden() && f.Standing == Alive && a != FlashLeave
		}},
		{"Flash goes with a session that was destroyed or has ended.", func(f Flash, a FlashAction) bool {
			return (f.Destroyed || f.Session.Ended()) && !slices.Contains(drops, a)
		}},
		{"Flash that a failing Validate hides is left alone, but for the handler's own word.", func(f Flash, a FlashAction) bool {
			own := f.Destroyed || !f.Failed && (f.Clear || f.Made)
			return f.Session == Withheld && !f.Denied && !own && a != FlashLeave
		}},
		{"A page drops what nobody kept, without opening it.", func(f Flash, a FlashAction) bool {
			return f.Page && !f.Kept && !f.hidden() && f.Standing != Absent && !slices.Contains(drops, a)
		}},
		{"ClearFlash drops what came.", func(f Flash, a FlashAction) bool {
			return f.Clear && !f.Failed && f.Standing != Absent && !slices.Contains(drops, a)
		}},
		{"What was flashed is sent, unless the request failed.", func(f Flash, a FlashAction) bool {
			return f.Made && !f.Failed && !f.Denied && a != FlashMade && a != FlashSift && a != FlashOpen
		}},
		{"What survives a redirect is not touched when nobody wrote.", func(f Flash, a FlashAction) bool {
			wrote := f.Made || f.Kept || f.Taken || f.Clear
			return !f.Shows && !wrote && !f.Moved && !f.hidden() && f.Standing == Alive && a != FlashLeave
		}},
		{"A 200 that was no page leaves what it did not read.", func(f Flash, a FlashAction) bool {
			wrote := f.Made || f.Kept || f.Taken || f.Clear
			return f.Shows && !f.Page && !f.Read && !wrote && !f.Moved && !f.hidden() && f.Standing == Alive && a != FlashLeave
		}},
		{"Flash that others may read is not replaced by itself.", func(f Flash, a FlashAction) bool {
			own := f.Made || f.Clear
			return f.Standing == Unreadable && !f.hidden() && !own && !f.Page && a != FlashLeave
		}},
		{"Flash past its lifetime is deleted as soon as it has been seen.", func(f Flash, a FlashAction) bool {
			return f.Standing == Expired && !f.hidden() && a == FlashLeave
		}},
		{"Flash that goes on follows its session to a new id.", func(f Flash, a FlashAction) bool {
			return f.Moved && !f.hidden() && f.Standing == Alive && a == FlashLeave
		}},
		{"Nothing is opened twice.", func(f Flash, a FlashAction) bool {
			return a == FlashOpen && f.Standing != Unopened
		}},
		{"Nothing is sifted before it has been opened.", func(f Flash, a FlashAction) bool {
			return a == FlashSift && f.Standing == Unopened
		}},
	})
}

// sifting is what flashFacts.sifted is asked.
type sifting struct {
	facts     Flash
	any, lost bool
}

func TestWhatIsLeftOfFlashObeysTheRules(t *testing.T) {
	n := 0
	everyCombination(t, func(f Flash) {
		if !flashReachable(f) || f.Decide() != FlashSift {
			return
		}
		for _, s := range []sifting{{f, false, false}, {f, false, true}, {f, true, false}, {f, true, true}} {
			if (s.any || s.lost) && f.Standing != Alive {
				continue // only what is alive has anything to keep or to lose
			}
			n++
			a := f.Sifted(s.any, s.lost)
			for sentence, broken := range map[string]bool{
				"What is left goes on.":                                           s.any && a == Remove,
				"What was made is sent.":                                          f.Made && a != Issue,
				"All of it, untouched, is not sent again.":                        s.any && !s.lost && !f.Made && !f.Kept && !f.Moved && a != Leave,
				"What goes on follows its session to a new id.":                   s.any && f.Moved && a != Issue,
				"What is kept has its lifetime renewed.":                          s.any && f.Kept && a != Issue,
				"Where nothing is left and something was lost, it is deleted.":    !s.any && s.lost && !f.Made && a != Remove,
				"What a page leaves nothing of is deleted.":                       !s.any && f.Page && f.Standing != Absent && !f.Made && a != Remove,
				"What is past its lifetime is deleted, unless something is sent.": !s.any && f.Standing == Expired && !f.Made && a != Remove,
				"What was never there is not deleted.":                            f.Standing == Absent && a == Remove,
				"What does not open is ignored outside of pages.":                 f.Standing == Invalid && !f.Page && !f.Made && a != Leave,
			} {
				if broken {
					t.Errorf("%s\nbroken by %+v: %v", sentence, s, a)
				}
			}
		}
	})
	if t.Logf("%d combinations", n); n == 0 {
		t.Fatal("nothing is ever sifted")
	}
}

func viewsReachable(f Views) bool {
	switch {
	case f.Session == Unopened && !f.Denied:
		return false
	case f.Standing == Revoked || f.Standing == Withheld:
		return false
	case f.Tracked && f.Standing == Unopened && !f.Denied: // they are opened with the data
		return false
	case f.Foreign && f.Standing != Absent && f.Standing != Unopened: // no cookie came
		return false
	}
	return true
}

func TestViewsObeyTheRulesInEveryState(t *testing.T) {
	holdRules(t, viewsReachable, Views.Decide, []rule[Views, Action]{
		{"Without permission views are deleted.", func(f Views, a Action) bool {
			return f.Denied && a != Remove
		}},
		{"A destroyed or revoked session leaves no views behind.", func(f Views, a Action) bool {
			return (f.Destroyed || f.Session == Revoked) && a != Remove
		}},
		{"Nothing is counted where views are not tracked.", func(f Views, a Action) bool {
			return !f.Tracked && a == Issue
		}},
		{"A request that panicked is not counted.", func(f Views, a Action) bool {
			return f.Panicked && a == Issue
		}},
		{"While Validate fails the views are neither shown nor touched.", func(f Views, a Action) bool {
			return f.Session == Withheld && !f.Denied && !f.Destroyed && a != Leave
		}},
		{"Views write nothing while data or views are for others to read.", func(f Views, a Action) bool {
			unread := f.Session == Unreadable || f.Standing == Unreadable
			return unread && !f.Replaced && a == Issue
		}},
		{"A request from another site that brought no cookies writes no views.", func(f Views, a Action) bool {
			return f.Foreign && a == Issue
		}},
		{"Every other request is counted.", func(f Views, a Action) bool {
			unread := f.Session == Unreadable || f.Standing == Unreadable
			ordinary := !f.Denied && !f.Destroyed && f.Session != Revoked && f.Tracked && !f.Panicked && f.Session != Withheld
			return ordinary && (!unread || f.Replaced) && !f.Foreign && a != Issue
		}},
		{"An expired session takes its views along, even where views are no longer tracked.", func(f Views, a Action) bool {
			return f.Session == Expired && f.Standing == Alive && a == Leave && !f.Foreign
		}},
	})
}

func TestTheCompanionCookieObeysTheRulesInEveryState(t *testing.T) {
	everything := func(Companion) bool { return true }
	holdRules(t, everything, Companion.Decide, []rule[Companion, Action]{
		{"It goes where its session goes.", func(f Companion, a Action) bool {
			return (f.Denied || f.Destroyed || f.Session == Expired || f.Session == Revoked) && a != Remove
		}},
		{"Else it is never touched, and above all not while Validate fails.", func(f Companion, a Action) bool {
			return !f.Denied && !f.Destroyed && f.Session != Expired && f.Session != Revoked && a != Leave
		}},
	})
}

func TestTheTestCookieObeysTheRulesInEveryState(t *testing.T) {
	everything := func(Test) bool { return true }
	holdRules(t, everything, Test.Decide, []rule[Test, Action]{
		{"It is not set without permission or on a failed request.", func(f Test, a Action) bool {
			return a == Issue && (f.Denied || f.Failed || f.Asked != TestSet)
		}},
		{"It is set where the handler asks for it.", func(f Test, a Action) bool {
			return f.Asked == TestSet && !f.Denied && !f.Failed && a != Issue
		}},
		{"Only one that came is deleted.", func(f Test, a Action) bool {
			return a == Remove && !f.Came
		}},
		{"Deny and Destroy delete it, at any status.", func(f Test, a Action) bool {
			return f.Came && (f.Denied || f.Destroyed) && a == Leave
		}},
		{"Nothing happens to it by itself.", func(f Test, a Action) bool {
			return f.Asked == TestUntouched && !f.Denied && !f.Destroyed && a != Leave
		}},
	})
}

// The numbers print as names where a rule is broken.
func (st Standing) String() string {
	return [...]string{"unopened", "absent", "invalid", "unreadable", "expired", "revoked", "withheld", "alive"}[st]
}

func (a Action) String() string {
	return [...]string{"leave", "issue", "renew", "rekey", "remove"}[a]
}

func (a FlashAction) String() string {
	return [...]string{"leave", "remove", "made", "open", "sift"}[a]
}

func TestOnlyWhatNobodyCouldReadIsBlank(t *testing.T) {
	for _, st := range standings {
		if want := st == Absent || st == Invalid; st.Blank() != want {
			t.Errorf("Blank is %t of %v", st.Blank(), st)
		}
	}
}
