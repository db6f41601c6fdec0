package cookiesession

import (
	"reflect"
	"slices"
	"testing"
)

// This file runs every combination of facts through the decisions, and holds
// each one against the rules. It is inside the package, because the decisions
// are: everything else tests from outside.

var standings = []standing{unopened, absent, invalid, unreadable, expired, revoked, withheld, alive}

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
	case reflect.TypeFor[standing]():
		for _, s := range standings {
			all = append(all, reflect.ValueOf(s))
		}
	case reflect.TypeFor[extent]():
		for _, e := range []extent{untouched, written, cleared} {
			all = append(all, reflect.ValueOf(e))
		}
	case reflect.TypeFor[testAction]():
		for _, a := range []testAction{testUntouched, testSet, testDeleted} {
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

func dataReachable(f dataFacts) bool {
	switch {
	case f.standing == unopened && !f.denied: // with permission it has been opened
		return false
	case f.worth && f.extent == untouched: // only asked about what was written
		return false
	case (f.due || f.oldKey) && f.standing != alive:
		return false
	}
	return true
}

func TestTheDataObeysTheRulesInEveryState(t *testing.T) {
	automatic := []action{renew, rekey}
	write := func(f dataFacts) bool { return f.extent != untouched && !f.failed }
	holdRules(t, dataReachable, dataFacts.decide, []rule[dataFacts, action]{
		{"Without permission existing cookies are deleted, whatever else happened.", func(f dataFacts, a action) bool {
			return f.denied && a != remove
		}},
		{"A failed request issues nothing.", func(f dataFacts, a action) bool {
			return f.failed && (a == issue || slices.Contains(automatic, a))
		}},
		{"A write that leaves something to remember is issued.", func(f dataFacts, a action) bool {
			return !f.denied && write(f) && f.worth && a != issue
		}},
		{"Nothing is issued as the handler's write without one.", func(f dataFacts, a action) bool {
			return a == issue && !(write(f) && f.worth)
		}},
		{"A write that leaves nothing deletes the session that was shown.", func(f dataFacts, a action) bool {
			return !f.denied && write(f) && !f.worth && f.standing == alive && a != remove
		}},
		{"A session that was not shown is not deleted by marking it or by changing its id.", func(f dataFacts, a action) bool {
			return a == remove && !f.denied && !f.gone() && f.standing != alive && f.extent != cleared
		}},
		{"What has ended is removed at any status, unless something takes its place.", func(f dataFacts, a action) bool {
			return f.gone() && a != remove && a != issue
		}},
		{"What has ended is never issued again by itself.", func(f dataFacts, a action) bool {
			return f.gone() && slices.Contains(automatic, a)
		}},
		{"Nothing automatic touches what others may read, or what a failing Validate hides.", func(f dataFacts, a action) bool {
			hidden := f.standing == unreadable || f.standing == withheld
			return hidden && !f.denied && !f.destroyed && !write(f) && a != leave
		}},
		{"Cookies that no key of ours sealed are left alone until a write replaces them.", func(f dataFacts, a action) bool {
			return f.standing == invalid && !f.denied && !f.destroyed && !write(f) && a != leave
		}},
		{"Nothing changed: nothing is set.", func(f dataFacts, a action) bool {
			return !f.denied && !f.gone() && f.extent == untouched && !f.due && !f.oldKey && a != leave
		}},
		{"A session that is read when it is due is renewed.", func(f dataFacts, a action) bool {
			return !f.denied && !f.gone() && !write(f) && !f.failed && f.due && a != renew
		}},
		{"A session under an older key is issued under the newer one.", func(f dataFacts, a action) bool {
			return !f.denied && !f.gone() && !write(f) && !f.failed && f.oldKey && a != renew && a != rekey
		}},
		{"Renewal comes before a new key: it brings one along.", func(f dataFacts, a action) bool {
			return f.due && f.oldKey && a == rekey
		}},
	})
}

func flashReachable(f flashFacts) bool {
	switch {
	case f.page && !f.shows, f.failed && f.shows:
		return false
	case f.session == unopened && !f.denied:
		return false
	case f.standing == revoked || f.standing == withheld: // Validate is asked about the data alone
		return false
	case f.read && f.standing != alive, f.taken && f.standing != alive && f.standing != unopened:
		return false
	case f.moved && f.failed: // a failed request changes no id
		return false
	case f.hidden() && f.standing != alive && f.read:
		return false
	}
	return true
}

func TestFlashObeysTheRulesInEveryState(t *testing.T) {
	drops := []flashAction{flashRemove, flashMade}
	holdRules(t, flashReachable, flashFacts.decide, []rule[flashFacts, flashAction]{
		{"Without permission flash is deleted and none is set.", func(f flashFacts, a flashAction) bool {
			return f.denied && a != flashRemove
		}},
		{"A failed request sends nothing that was flashed in it.", func(f flashFacts, a flashAction) bool {
			return f.failed && (a == flashMade || a == flashSift)
		}},
		{"A failed request keeps the flash that came.", func(f flashFacts, a flashAction) bool {
			return f.failed && !f.hidden() && f.standing == alive && a != flashLeave
		}},
		{"Flash goes with a session that was destroyed or has ended.", func(f flashFacts, a flashAction) bool {
			return (f.destroyed || f.session.ended()) && !slices.Contains(drops, a)
		}},
		{"Flash that a failing Validate hides is left alone, but for the handler's own word.", func(f flashFacts, a flashAction) bool {
			own := f.destroyed || !f.failed && (f.clear || f.made)
			return f.session == withheld && !f.denied && !own && a != flashLeave
		}},
		{"A page drops what nobody kept, without opening it.", func(f flashFacts, a flashAction) bool {
			return f.page && !f.kept && !f.hidden() && f.standing != absent && !slices.Contains(drops, a)
		}},
		{"ClearFlash drops what came.", func(f flashFacts, a flashAction) bool {
			return f.clear && !f.failed && f.standing != absent && !slices.Contains(drops, a)
		}},
		{"What was flashed is sent, unless the request failed.", func(f flashFacts, a flashAction) bool {
			return f.made && !f.failed && !f.denied && a != flashMade && a != flashSift && a != flashOpen
		}},
		{"What survives a redirect is not touched when nobody wrote.", func(f flashFacts, a flashAction) bool {
			wrote := f.made || f.kept || f.taken || f.clear
			return !f.shows && !wrote && !f.moved && !f.hidden() && f.standing == alive && a != flashLeave
		}},
		{"A 200 that was no page leaves what it did not read.", func(f flashFacts, a flashAction) bool {
			wrote := f.made || f.kept || f.taken || f.clear
			return f.shows && !f.page && !f.read && !wrote && !f.moved && !f.hidden() && f.standing == alive && a != flashLeave
		}},
		{"Flash that others may read is not replaced by itself.", func(f flashFacts, a flashAction) bool {
			own := f.made || f.clear
			return f.standing == unreadable && !f.hidden() && !own && !f.page && a != flashLeave
		}},
		{"Flash past its lifetime is deleted as soon as it has been seen.", func(f flashFacts, a flashAction) bool {
			return f.standing == expired && !f.hidden() && a == flashLeave
		}},
		{"Flash that goes on follows its session to a new id.", func(f flashFacts, a flashAction) bool {
			return f.moved && !f.hidden() && f.standing == alive && a == flashLeave
		}},
		{"Nothing is opened twice.", func(f flashFacts, a flashAction) bool {
			return a == flashOpen && f.standing != unopened
		}},
		{"Nothing is sifted before it has been opened.", func(f flashFacts, a flashAction) bool {
			return a == flashSift && f.standing == unopened
		}},
	})
}

// sifting is what flashFacts.sifted is asked.
type sifting struct {
	facts     flashFacts
	any, lost bool
}

func TestWhatIsLeftOfFlashObeysTheRules(t *testing.T) {
	n := 0
	everyCombination(t, func(f flashFacts) {
		if !flashReachable(f) || f.decide() != flashSift {
			return
		}
		for _, s := range []sifting{{f, false, false}, {f, false, true}, {f, true, false}, {f, true, true}} {
			if (s.any || s.lost) && f.standing != alive {
				continue // only what is alive has anything to keep or to lose
			}
			n++
			a := f.sifted(s.any, s.lost)
			for sentence, broken := range map[string]bool{
				"What is left goes on.":                                        s.any && a == remove,
				"What was made is sent.":                                       f.made && a != issue,
				"All of it, untouched, is not sent again.":                     s.any && !s.lost && !f.made && !f.kept && !f.moved && a != leave,
				"What goes on follows its session to a new id.":                s.any && f.moved && a != issue,
				"What is kept has its lifetime renewed.":                       s.any && f.kept && a != issue,
				"Where nothing is left and something was lost, it is deleted.": !s.any && s.lost && !f.made && a != remove,
				"What was never there is not deleted.":                         f.standing == absent && a == remove,
				"What does not open is ignored outside of pages.":              f.standing == invalid && !f.page && !f.made && a != leave,
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

func viewsReachable(f viewsFacts) bool {
	switch {
	case f.session == unopened && !f.denied:
		return false
	case f.standing == revoked || f.standing == withheld:
		return false
	case f.tracked && f.standing == unopened && !f.denied: // they are opened with the data
		return false
	case f.foreign && f.standing != absent && f.standing != unopened: // no cookie came
		return false
	}
	return true
}

func TestViewsObeyTheRulesInEveryState(t *testing.T) {
	holdRules(t, viewsReachable, viewsFacts.decide, []rule[viewsFacts, action]{
		{"Without permission views are deleted.", func(f viewsFacts, a action) bool {
			return f.denied && a != remove
		}},
		{"A destroyed or revoked session leaves no views behind.", func(f viewsFacts, a action) bool {
			return (f.destroyed || f.session == revoked) && a != remove
		}},
		{"Nothing is counted where views are not tracked.", func(f viewsFacts, a action) bool {
			return !f.tracked && a == issue
		}},
		{"A request that panicked is not counted.", func(f viewsFacts, a action) bool {
			return f.panicked && a == issue
		}},
		{"While Validate fails the views are neither shown nor touched.", func(f viewsFacts, a action) bool {
			return f.session == withheld && !f.denied && !f.destroyed && a != leave
		}},
		{"Views write nothing while data or views are for others to read.", func(f viewsFacts, a action) bool {
			unread := f.session == unreadable || f.standing == unreadable
			return unread && !f.replaced && a == issue
		}},
		{"A request from another site that brought no cookies writes no views.", func(f viewsFacts, a action) bool {
			return f.foreign && a == issue
		}},
		{"Every other request is counted.", func(f viewsFacts, a action) bool {
			unread := f.session == unreadable || f.standing == unreadable
			ordinary := !f.denied && !f.destroyed && f.session != revoked && f.tracked && !f.panicked && f.session != withheld
			return ordinary && (!unread || f.replaced) && !f.foreign && a != issue
		}},
		{"An expired session takes its views along, even where views are no longer tracked.", func(f viewsFacts, a action) bool {
			return f.session == expired && f.standing == alive && a == leave && !f.foreign
		}},
	})
}

func TestTheCompanionCookieObeysTheRulesInEveryState(t *testing.T) {
	everything := func(companionFacts) bool { return true }
	holdRules(t, everything, companionFacts.decide, []rule[companionFacts, action]{
		{"It goes where its session goes.", func(f companionFacts, a action) bool {
			return (f.denied || f.destroyed || f.session == expired || f.session == revoked) && a != remove
		}},
		{"Else it is never touched, and above all not while Validate fails.", func(f companionFacts, a action) bool {
			return !f.denied && !f.destroyed && f.session != expired && f.session != revoked && a != leave
		}},
	})
}

func TestTheTestCookieObeysTheRulesInEveryState(t *testing.T) {
	everything := func(testFacts) bool { return true }
	holdRules(t, everything, testFacts.decide, []rule[testFacts, action]{
		{"It is not set without permission or on a failed request.", func(f testFacts, a action) bool {
			return a == issue && (f.denied || f.failed || f.asked != testSet)
		}},
		{"It is set where the handler asks for it.", func(f testFacts, a action) bool {
			return f.asked == testSet && !f.denied && !f.failed && a != issue
		}},
		{"Only one that came is deleted.", func(f testFacts, a action) bool {
			return a == remove && !f.came
		}},
		{"Deny and Destroy delete it, at any status.", func(f testFacts, a action) bool {
			return f.came && (f.denied || f.destroyed) && a == leave
		}},
		{"Nothing happens to it by itself.", func(f testFacts, a action) bool {
			return f.asked == testUntouched && !f.denied && !f.destroyed && a != leave
		}},
	})
}

// The numbers print as names where a rule is broken.
func (st standing) String() string {
	return [...]string{"unopened", "absent", "invalid", "unreadable", "expired", "revoked", "withheld", "alive"}[st]
}

func (a action) String() string {
	return [...]string{"leave", "issue", "renew", "rekey", "remove"}[a]
}

func (a flashAction) String() string {
	return [...]string{"leave", "remove", "made", "open", "sift"}[a]
}
