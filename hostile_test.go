package cookiesession_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// What a hostile payload may cost. Without the walk before decoding,
// github.com/vmihailenco/msgpack v5.4.1 allocates 512 MiB for 5 bytes (its
// issue 401).
const (
	hostileBytes = 1 << 20
	hostileTime  = time.Millisecond
)

// largeHostilePayloads are as long as a header can make them: net/http takes
// 1 MB of header, of which base64, once or twice, is a part.
func largeHostilePayloads() (all []hostilePayload) {
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectorTime.Unix()))
	head := slices.Concat([]byte{0x96, 1, 0xc4, 16}, ivNamed("id"), now, now, []byte{0xc0})
	value := func(name string, v []byte) {
		all = append(all, hostilePayload{name, "", "data", slices.Concat(head, []byte{0x81, 0xa1, 'k'}, v)})
	}
	value("lists nested 100,000 deep", bytes.Repeat([]byte{0x91}, 100_000))
	value("maps nested 50,000 deep", bytes.Repeat([]byte{0x81, 0xa0}, 50_000))
	value("100,000 elements and one byte that msgpack does not use", slices.Concat([]byte{0xdc, 0xff, 0xff}, bytes.Repeat([]byte{0x90}, 65534), []byte{0xc1}))
	value("a list of lists that each promise all the rest", bytes.Repeat([]byte{0xdd, 0, 0, 0xf0, 0}, 20_000))
	all = append(all,
		hostilePayload{"25,000 doubled keys", "", "data", slices.Concat(head, []byte{0xde, 0x61, 0xa8}, bytes.Repeat([]byte{0xa1, 'k', 1}, 25_000))},
		hostilePayload{"text instead of everything", "", "data", bytes.Repeat([]byte{0xa1, 'x'}, 50_000)},
		hostilePayload{"flash nested 100,000 deep", "", "flash", slices.Concat([]byte{0x93, 1}, now, []byte{0x81, 0xa1, 'k'}, bytes.Repeat([]byte{0x91}, 100_000))},
	)
	return all
}

func TestHostilePayloadsCostLittle(t *testing.T) {
	for _, format := range bothFormats {
		for _, c := range append(hostilePayloads(), largeHostilePayloads()...) {
			t.Run(string(format)+" "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(time.Until(vectorTime))
					v := sealedVector(format, c.compartment, c.payload)
					v.Refused = "invalid"
					v.check(t)
				})
			})
			// The clock of synctest stands still while work is done: once more in
			// real time, where the payload is from another time or refused as before.
			v := sealedVector(format, c.compartment, c.payload)
			m := safe(t, cookiesession.Config{Keyring: v.ring(t), TrackViews: c.compartment == "views"}, format)
			open := func() {
				s := m.Open(t.Context(), v.Cookie)
				s.Len()
				s.Flashes()
			}
			open() // what is made once
			took, allocated := cost(open)
			if allocated > hostileBytes {
				t.Errorf("%s, %s: %d bytes allocated", format, c.name, allocated)
			}
			if took > hostileTime*raceFactor {
				t.Errorf("%s, %s: took %v", format, c.name, took)
			}
		}
	}
}

func (v *vector) ring(t testing.TB) *cookiesession.Keyring {
	t.Helper()
	ring, err := cookiesession.NewKeyring(v.Keys[0].key(t, ""))
	mustWork2(t, err)
	return ring
}

// cost is the least that f took of several runs: others use the machine too.
func cost(f func()) (took time.Duration, allocated uint64) {
	took, allocated = time.Hour, 1<<62
	var before, after runtime.MemStats
	for range 5 {
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
	}
	return took, allocated
}

// oddValues are well-formed msgpack that no Set has made.
var oddValues = map[string][]byte{
	"an extension that nobody knows":   {0xc7, 3, 42, 1, 2, 3},
	"an instant of 5 bytes":            {0xc7, 5, 0xff, 1, 2, 3, 4, 5},
	"an instant of no bytes":           {0xc7, 0, 0xff},
	"an instant with 2^30 nanoseconds": {0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	"an instant at the end of time":    {0xc7, 12, 0xff, 0, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255},
	"an instant as another's ext":      {0xd6, 13, 0, 0, 0, 0},
	"a map with numbers as keys":       {0x82, 1, 1, 2, 2},
	"a map with a list as a key":       {0x81, 0x91, 1, 1},
	"a map with a map as a key":        {0x81, 0x80, 1},
	"a map with bytes as a key":        {0x81, 0xc4, 1, 'k', 1},
	"a map with nil as a key":          {0x81, 0xc0, 1},
	"a map with NaN as a key":          {0x82, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1, 1, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1, 2},
	"a map with a doubled key":         {0x82, 0xa1, 'k', 1, 0xa1, 'k', 2},
	"a map with every kind of key":     {0x84, 1, 1, 0xa1, '1', 2, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 3, 0xcc, 1, 4},
	"text that is no UTF-8":            {0xa2, 0xff, 0xfe},
	"NaN":                              {0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1},
	"an integer in too many bytes":     {0xd3, 0, 0, 0, 0, 0, 0, 0, 1},
	"nested 32 deep":                   append(bytes.Repeat([]byte{0x91}, 32), 1),
}

func TestAHistoryOfPathsThatAreNotThereIsRefused(t *testing.T) {
	for _, index := range []uint64{1, 1 << 31, 1<<31 + 1, 1 << 32, 1 << 51} { // as an int of 32 bits some are negative, some 0
		now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
		log := binary.AppendUvarint([]byte{0}, index<<1)
		payload := slices.Concat([]byte{0x9a, 1, 0xc4, 16}, ivNamed("id"), now, now, []byte{1, 1, 1, 0xc4, 0, 0xc4, 3, 2<<1 | 1, '/', 'a', 0xc4, byte(len(log))}, log)
		v := sealedVector(cookiesession.FormatCompact, "views", payload)
		m := safe(t, cookiesession.Config{Keyring: v.ring(t), TrackViews: true}, cookiesession.FormatCompact)
		if views := m.Open(t.Context(), v.Cookie).Views(); views.Requests != 1 {
			t.Errorf("path %d of 1: %+v", index, views)
		}
	}
}

// TestOddValuesAreShownOrNotButNeverPanic: another version, or another
// program with the same keys, may have written them.
func TestOddValuesAreShownOrNotButNeverPanic(t *testing.T) {
	for name, value := range oddValues {
		for _, format := range bothFormats {
			now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
			payload := slices.Concat([]byte{0x96, 1, 0xc4, 16}, ivNamed("id"), now, now, []byte{0xc0, 0x81, 0xa1, 'k'}, value)
			v := sealedVector(format, "data", payload)
			m := safe(t, cookiesession.Config{Keyring: v.ring(t)}, format)
			s := m.Open(t.Context(), v.Cookie)
			if s.Rejected() != nil || !s.Has("k") {
				t.Errorf("%s: refused: %v", name, s.Rejected())
				continue
			}
			if took, allocated := cost(func() { readEverything(t, m.Open(t.Context(), v.Cookie)) }); allocated > hostileBytes || took > 2*hostileTime*raceFactor {
				t.Errorf("%s: reading it in every way took %v and %d bytes", name, took, allocated)
			}
			if i, ok := cookiesession.Get[uint8](s, "k"); ok && name != "an integer in too many bytes" {
				t.Errorf("%s is the uint8 %d", name, i)
			}
			if _, ok := cookiesession.Get[struct {
				K any `msgpack:"k"`
			}](s, "k"); ok && strings.Contains(name, "doubled") {
				t.Errorf("%s is a struct of which nobody knows what it holds", name)
			}
			// Untouched values go into the next cookie as they came.
			again := commitAfter(t, m, v.Cookie, func(s *cookiesession.Session) { mustWork(t, s.Set("other", 1)) })
			k := v.Keys[0].naive()
			plain, err := k.open("s_session", cookiesOf(again)["s_session"][0])
			if err != nil || !bytes.Contains(plain, append([]byte{0xa1, 'k'}, value...)) {
				t.Errorf("%s: after a write of another key it is gone: %v %x", name, err, plain)
			}
		}
	}
}

// readEverything reads the session in every way there is. A panic is the
// caller's failure.
func readEverything(t testing.TB, s *cookiesession.Session) {
	t.Helper()
	for _, key := range append(s.Keys(), "k") {
		s.Value(key)
		s.Has(key)
		cookiesession.Get[string](s, key)
		cookiesession.Get[int8](s, key)
		cookiesession.Get[uint64](s, key)
		cookiesession.Get[float32](s, key)
		cookiesession.Get[bool](s, key)
		cookiesession.Get[[]byte](s, key)
		cookiesession.Get[time.Time](s, key)
		cookiesession.Get[[]any](s, key)
		cookiesession.Get[[3]int](s, key)
		cookiesession.Get[map[string]any](s, key)
		cookiesession.Get[map[int]string](s, key)
		cookiesession.Get[*struct {
			K []time.Duration
			X any `msgpack:"k"`
		}](s, key)
	}
	s.All()
	s.Flashes()
	s.Views()
	s.ExpiresAt()
	s.Expiry()
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("it has no JSON: %v", err)
	}
	_ = fmt.Sprintf("%v %+v %#v", s, s, s)
}

// writeEverything changes the session in many ways.
func writeEverything(t testing.TB, m *cookiesession.Manager, s *cookiesession.Session) {
	t.Helper()
	for _, key := range s.Keys() {
		_, _ = s.Add(key, 1)
		_ = cookiesession.Edit(s, key, func(v *any) error { return nil })
	}
	_, _ = s.SetDefault("k", 1)
	_ = s.Update(map[string]any{"a": 1, "z": "z"})
	_ = s.Flash("f", 1)
	s.KeepFlash()
	for i, key := range s.Keys() {
		switch i % 3 {
		case 0:
			_ = s.Delete(key)
		case 1:
			cookiesession.Pop[string](s, key)
		}
	}
	if err := m.Commit(http.Header{}, s, 200); err != nil {
		t.Logf("commit: %v", err)
	}
}

// TestTimesThatNoClockMadeHaveJSON: a year before 0 is an error of
// time.Time.MarshalJSON, and would be one of the whole session.
func TestTimesThatNoClockMadeHaveJSON(t *testing.T) {
	m := fuzzManager(t, cookiesession.Config{MaxBytes: 60000})
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
	ancient := []byte{0xd3, 0x80, 0, 0, 1, 0, 0, 0, 0}
	id := slices.Concat([]byte{1, 0xc4, 16}, ivNamed("id"))
	counters, paths := []byte{2, 2, 1, 0xc4, 0}, []byte{0xc4, 3, 2<<1 | 1, '/', 'a'}
	view := binary.AppendUvarint(nil, 1<<53-1)
	view = append(view, 0)
	log := bytes.Repeat(view, 2000) // more seconds than an int64 holds
	log = slices.Concat([]byte{0xc5}, binary.BigEndian.AppendUint16(nil, uint16(len(log))), log)
	for _, tc := range []struct {
		name, compartment string
		payload           []byte
	}{
		{"created", "data", slices.Concat([]byte{0x96}, id, ancient, now, []byte{0xc0, 0x81, 0xa1, 'k', 1})},
		{"views created", "views", slices.Concat([]byte{0x9a}, id, ancient, now, counters, paths, []byte{0xc4, 2, 0, 0})},
		{"views of all time", "views", slices.Concat([]byte{0x9a}, id, now, now, counters, paths, log)},
	} {
		s := m.Open(t.Context(), sealedVector(cookiesession.FormatCompact, tc.compartment, tc.payload).Cookie)
		if s.Rejected() != nil || s.Len()+len(s.Views().History) == 0 {
			t.Fatalf("%s: %v; this test would show nothing", tc.name, s.Rejected())
		}
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
