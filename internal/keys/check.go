package keys

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// maxKeys is more than any rotation needs: one key seals, one or two are still
// needed to open, one waits. The bound keeps a search among the keys short,
// and a text that is no ring from costing time.
const maxKeys = 16

// check gives every reason why no ring can be made from the materials. It gives
// them all at once, because a person will correct a file by them.
func check(materials []Material, now time.Time) error {
	if err := CheckCount(len(materials)); err != nil {
		return err
	}
	var problems []error
	for i, m := range materials {
		if reason := m.problem(); reason != "" {
			problems = append(problems, fmt.Errorf("cookiesession: %s: %s", m.Name(i), reason))
		}
	}
	if problems == nil { // the other checks need proper keys
		problems = append(sharedSecrets(materials), sealGap(materials, now))
	}
	return errors.Join(problems...)
}

// CheckCount says why a ring cannot have n keys, nil if it can. Whoever reads
// keys calls it before reading n of them.
func CheckCount(n int) error {
	switch {
	case n == 0:
		return errors.New("cookiesession: a keyring needs a key; make a secret with \"cookiesession keys new\"")
	case n > maxKeys:
		return fmt.Errorf("cookiesession: %d keys; a keyring holds at most %d: drop those past their open_until", n, maxKeys)
	}
	return nil
}

// Name is what an error calls key number i of a list: its id, or its place when
// it has no secret to derive an id from.
func (m Material) Name(i int) string {
	if id := m.ID(); id != "" {
		return fmt.Sprintf("key %q", id)
	}
	return fmt.Sprintf("key number %d", i+1)
}

// sharedSecrets finds two keys with the same id, and any secret that is used
// twice. Two keys with one secret would open each other's cookies, so that the
// end of the one would not be the end of what it has sealed. Bytes are compared,
// because one secret can be written in hex and in base64.
func sharedSecrets(materials []Material) (problems []error) {
	ids := map[string]bool{}
	owners := map[string]string{} // the id of the key that has the secret's bytes
	for _, m := range materials {
		id := m.ID()
		if ids[id] {
			problems = append(problems, fmt.Errorf("cookiesession: key %q is there twice", id))
			continue
		}
		ids[id] = true
		for _, s := range m.secrets() {
			if s.IsZero() {
				continue
			}
			raw := string(s.bytes())
			if owner, shared := owners[raw]; shared {
				problems = append(problems, fmt.Errorf("cookiesession: key %q: shares a secret with key %q", id, owner))
			}
			owners[raw] = id
		}
	}
	return problems
}

// sealGap finds the first instant from now on at which no key would seal. It
// goes from instant to instant: at t some keys seal, the last of them ends at
// end, and the question is the same for end.
func sealGap(materials []Material, now time.Time) error {
	t := now.UnixNano()
	for t != math.MaxInt64 {
		end, next := t, int64(math.MaxInt64)
		for _, m := range materials {
			if from, until := m.from(), m.until(); from <= t {
				end = max(end, until)
			} else if until > from {
				next = min(next, from)
			}
		}
		if end == t {
			return gapError(materials, time.Unix(0, t), next, now)
		}
		t = end
	}
	return nil
}

// gapError names the keys: a person has to find their dates in a file.
func gapError(materials []Material, from time.Time, next int64, now time.Time) error {
	when := "now"
	if from.After(now) {
		when = "from " + from.UTC().Format(time.RFC3339)
	}
	until := "ever after"
	if next != math.MaxInt64 {
		until = "until " + time.Unix(0, next).UTC().Format(time.RFC3339)
	}
	ids := make([]string, len(materials))
	for i, m := range materials {
		ids[i] = m.ID()
	}
	return fmt.Errorf("cookiesession: no key would seal %s and %s: move a seal_from or open_until of keys %s, or add a key",
		when, until, strings.Join(ids, ", "))
}
