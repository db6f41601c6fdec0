package keys_test

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cookiesession/cookiesession/internal/keys"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestTheKeyThatSealsFollowsFromTheDates(t *testing.T) {
	old := keys.Material{Secret: keys.NewSecret(), OpenUntil: now.Add(10 * time.Hour)}
	next := keys.Material{Secret: keys.NewSecret(), SealFrom: now.Add(time.Hour)}
	twin := keys.Material{Secret: keys.NewSecret(), SealFrom: now.Add(time.Hour), Format: keys.Compact}
	set, err := keys.NewSet([]keys.Material{old, next, twin}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		at      time.Duration
		sealing keys.Material
		states  []keys.State
	}{
		{"at first the old one", 0, old, []keys.State{keys.Sealing, keys.Pending, keys.Pending}},
		{"a nanosecond before the change too", time.Hour - 1, old, []keys.State{keys.Sealing, keys.Pending, keys.Pending}},
		{"then the first in the list of two", time.Hour, next, []keys.State{keys.Opening, keys.Sealing, keys.Opening}},
		{"at its end the old one is retired", 10 * time.Hour, next, []keys.State{keys.Retired, keys.Sealing, keys.Opening}},
	} {
		at := now.Add(c.at)
		if got := set.Sealing(at).ID(); got != c.sealing.ID() {
			t.Errorf("%s: want %s to seal, got %s", c.name, c.sealing.ID(), got)
		}
		var states []keys.State
		for _, st := range set.Status(at) {
			states = append(states, st.State)
		}
		if !slices.Equal(states, c.states) {
			t.Errorf("%s: want the states %v, got %v", c.name, c.states, states)
		}
		if got := set.ByID(old.ID()).Retired(at); got != (c.states[0] == keys.Retired) {
			t.Errorf("%s: Retired is %v", c.name, got)
		}
	}
	st := set.Status(now)
	if st[0].ID != old.ID() || !st[0].OpenUntil.Equal(old.OpenUntil) || !st[1].SealFrom.Equal(next.SealFrom) || st[0].Format != keys.Securecookie || st[2].Format != keys.Compact {
		t.Errorf("the status does not give what went in: %+v", st)
	}
	if got := set.IDs(); !slices.Equal(got, []string{old.ID(), next.ID(), twin.ID()}) {
		t.Errorf("the ids are not in the order of the list: %v", got)
	}
}

func TestAKeySealsNothingFromItsEndOn(t *testing.T) {
	guest, lasting := keys.Material{Secret: keys.NewSecret(), OpenUntil: now.Add(time.Hour)}, keys.Material{Secret: keys.NewSecret()}
	set, err := keys.NewSet([]keys.Material{guest, lasting}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]keys.Material{0: guest, time.Hour - 1: guest, time.Hour: lasting} {
		if got := set.Sealing(now.Add(at)).ID(); got != want.ID() {
			t.Errorf("after %v: want %s to seal, got %s", at, want.ID(), got)
		}
	}
}

// TestNoKeySealsWhenTheClockWasSetBack: the check saw a later time.
func TestNoKeySealsWhenTheClockWasSetBack(t *testing.T) {
	set, err := keys.NewSet([]keys.Material{{Secret: keys.NewSecret(), SealFrom: now}}, nil, now)
	if err != nil || set.Sealing(now.Add(-1)) != nil || set.Sealing(now) == nil {
		t.Error("a key seals before its date, or not from it on", err)
	}
}

func TestANilSetHasNoKeys(t *testing.T) {
	var set *keys.Set
	if set.Sealing(now) != nil || set.ByID("") != nil || set.IDs() != nil || set.Status(now) != nil {
		t.Error("it has")
	}
}

func TestAKeyThatStaysKeepsItsCount(t *testing.T) {
	stays, goes, comes := keys.Material{Secret: keys.NewSecret()}, keys.Material{Secret: keys.NewSecret()}, keys.Material{Secret: keys.NewSecret()}
	before := ring(t, stays, goes)
	text := sealed(t, before.ByID(stays.ID()).Sealer())
	open := func(set *keys.Set) {
		t.Helper()
		if _, err := set.ByID(stays.ID()).Open("name", text); err != nil {
			t.Fatal(err)
		}
	}
	open(before)
	after, err := keys.NewSet([]keys.Material{comes, stays}, before, now)
	if err != nil {
		t.Fatal(err)
	}
	open(after)
	open(before) // a request that began before the exchange
	if st := after.Status(now); st[0].Opened != 0 || st[1].Opened != 3 {
		t.Errorf("want 0 and 3 opened, got %d and %d", st[0].Opened, st[1].Opened)
	}
	if after.ByID(goes.ID()) != nil {
		t.Error("a key that is not in the list is there")
	}
}

func TestARingIsRefusedWithEveryReason(t *testing.T) {
	a, b, c := keys.NewSecret(), keys.NewSecret(), keys.NewSecret()
	id := func(s keys.Secret) string { return keys.Material{Secret: s}.ID() }
	of := func(n int) keys.Secret { return parsed(t, base64.RawURLEncoding.EncodeToString(random(n))) }
	at := func(d time.Duration) time.Time { return now.Add(d) }
	many := make([]keys.Material, 17)
	for i := range many {
		many[i].Secret = keys.NewSecret()
	}
	for _, tc := range []struct {
		name    string
		list    []keys.Material
		reasons []string // none: accepted
	}{
		{"no keys", nil, []string{"needs a key"}},
		{"16 keys", many[:16], nil},
		{"17 keys", many, []string{"17 keys; a keyring holds at most 16"}},
		{"no secret", []keys.Material{{Secret: a}, {}}, []string{"key number 2: it has no secret"}},
		{"the same key twice", []keys.Material{{Secret: a}, {Secret: a}}, []string{id(a) + `" is there twice`}},
		{"two keys twice", []keys.Material{{Secret: a}, {Secret: a}, {Secret: b}, {Secret: b}}, []string{id(a) + `" is there twice`, id(b) + `" is there twice`}},
		{"the same key in hex", []keys.Material{{Secret: a}, {Secret: parsed(t, hex.EncodeToString(raw(a)))}}, []string{"there twice"}},
		{"a pair", []keys.Material{{HashKey: a, BlockKey: b}}, nil},
		{"a hash key of 64 bytes", []keys.Material{{HashKey: of(64), BlockKey: b}}, nil},
		{"a hash key of 33 bytes", []keys.Material{{HashKey: of(33), BlockKey: b}}, []string{"32 or 64"}},
		{"a block key of 64 bytes", []keys.Material{{HashKey: a, BlockKey: of(64)}}, []string{"block_key must be 32"}},
		{"a hash key alone", []keys.Material{{HashKey: a}}, []string{"one is missing"}},
		{"a block key alone", []keys.Material{{BlockKey: a}}, []string{"one is missing"}},
		{"a secret beside a pair", []keys.Material{{Secret: a, HashKey: b, BlockKey: c}}, []string{"one or the other"}},
		{"a hash key twice", []keys.Material{{HashKey: a, BlockKey: b}, {HashKey: a, BlockKey: c}}, []string{"shares a secret"}},
		{"a pair of equal keys", []keys.Material{{HashKey: a, BlockKey: a}}, []string{"shares a secret"}},
		{"a hash key that is a secret", []keys.Material{{Secret: a}, {HashKey: a, BlockKey: c}}, []string{"shares a secret with key \"" + id(a)}},
		{"an unknown format", []keys.Material{{Secret: a, Format: "jwt"}}, []string{"key \"" + id(a) + "\": unknown format \"jwt\""}},
		{"two problems", []keys.Material{{Secret: a, Format: "jwt"}, {}}, []string{id(a), "key number 2"}},

		{"only a pending key", []keys.Material{{Secret: a, SealFrom: at(time.Hour)}}, []string{"no key would seal now and until 2026-11-27T13:00:00Z", id(a)}},
		{"only a key that ends", []keys.Material{{Secret: a, OpenUntil: at(time.Hour)}}, []string{"from 2026-11-27T13:00:00Z and ever after"}},
		{"only a key that ends now", []keys.Material{{Secret: a, OpenUntil: now}}, []string{"no key would seal now"}},
		{"a gap of a second", []keys.Material{{Secret: a, OpenUntil: at(time.Hour)}, {Secret: b, SealFrom: at(time.Hour + time.Second)}}, []string{"from 2026-11-27T13:00:00Z and until 2026-11-27T13:00:01Z", id(a), id(b)}},
		{"a seamless change", []keys.Material{{Secret: a, OpenUntil: at(time.Hour)}, {Secret: b, SealFrom: at(time.Hour)}}, nil},
		{"a gap behind three keys", []keys.Material{{Secret: a, OpenUntil: at(3)}, {Secret: b, SealFrom: at(2), OpenUntil: at(9)}, {Secret: c, SealFrom: at(9), OpenUntil: at(time.Minute)}}, []string{"from 2026-11-27T12:01:00Z and ever after"}},
		{"a key that ends before it would seal fills no gap", []keys.Material{{Secret: a, OpenUntil: at(time.Hour)}, {Secret: b, SealFrom: at(time.Hour), OpenUntil: at(time.Minute)}}, []string{"from 2026-11-27T13:00:00Z and ever after"}},
		{"nor does one that never seals", []keys.Material{{Secret: a, OpenUntil: at(time.Hour)}, {Secret: b, SealFrom: at(2 * time.Hour), OpenUntil: at(2 * time.Hour)}, {Secret: c, SealFrom: at(3 * time.Hour)}}, []string{"from 2026-11-27T13:00:00Z and until 2026-11-27T15:00:00Z"}},
		{"a retired key beside a good one", []keys.Material{{Secret: a, OpenUntil: at(-time.Hour)}, {Secret: b}}, nil},
		{"dates that 64 bits do not hold", []keys.Material{{Secret: a, SealFrom: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), OpenUntil: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}}, nil},
	} {
		set, err := keys.NewSet(tc.list, nil, now)
		if (err != nil) != (tc.reasons != nil) || (set != nil) != (tc.reasons == nil) {
			t.Errorf("%s: got the error %v", tc.name, err)
			continue
		}
		for _, reason := range tc.reasons {
			if !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: the error should say %q: %v", tc.name, reason, err)
			}
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "cookiesession: ") {
					t.Errorf("%s: a line without its origin: %s", tc.name, line)
				}
			}
		}
	}
}

func parsed(t *testing.T, text string) keys.Secret {
	t.Helper()
	s, err := keys.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
