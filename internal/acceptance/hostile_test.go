package acceptance_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

// This is what a hostile payload may cost. Lengths are checked before anything is
// decoded, because github.com/vmihailenco/msgpack v5.4.1 allocates 512 MiB for 5
// bytes (its issue 401).
const (
	hostileBytes = 1 << 20
	hostileTime  = time.Millisecond
)

// largeHostilePayloads are about as long as a header can make them. net/http
// takes 1 MB of header, and base64 makes a payload longer.
func largeHostilePayloads() (all []vectors.Payload) {
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectors.Time.Unix()))
	head := slices.Concat([]byte{0x96, 1, 0xc4, 16}, vectors.IVNamed("id"), now, now, []byte{0xc0})
	value := func(name string, v []byte) {
		all = append(all, vectors.Payload{Name: name, Compartment: "data", Bytes: slices.Concat(head, []byte{0x81, 0xa1, 'k'}, v)})
	}
	value("lists nested 100,000 deep", bytes.Repeat([]byte{0x91}, 100_000))
	value("maps nested 50,000 deep", bytes.Repeat([]byte{0x81, 0xa0}, 50_000))
	value("100,000 elements and one byte that msgpack does not use", slices.Concat([]byte{0xdc, 0xff, 0xff}, bytes.Repeat([]byte{0x90}, 65534), []byte{0xc1}))
	value("a list of lists that each promise all the rest", bytes.Repeat([]byte{0xdd, 0, 0, 0xf0, 0}, 20_000))
	all = append(all,
		vectors.Payload{Name: "25,000 doubled keys", Compartment: "data", Bytes: slices.Concat(head, []byte{0xde, 0x61, 0xa8}, bytes.Repeat([]byte{0xa1, 'k', 1}, 25_000))},
		vectors.Payload{Name: "text instead of everything", Compartment: "data", Bytes: bytes.Repeat([]byte{0xa1, 'x'}, 50_000)},
		vectors.Payload{Name: "flash nested 100,000 deep", Compartment: "flash", Bytes: slices.Concat([]byte{0x93, 1}, now, []byte{0x81, 0xa1, 'k'}, bytes.Repeat([]byte{0x91}, 100_000))},
	)
	return all
}

func TestHostilePayloadsCostLittle(t *testing.T) {
	for _, format := range testkit.Formats {
		for _, c := range append(vectors.HostilePayloads(), largeHostilePayloads()...) {
			t.Run(string(format)+" "+c.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(time.Until(vectors.Time))
					v := vectors.Sealed(format, c.Compartment, c.Bytes)
					v.Refused = "invalid"
					v.Check(t)
				})
			})
			// In a bubble of synctest the clock stands still while work is done. So the
			// cost is measured outside. Its time is another one there, but the payload
			// is refused as before.
			v := vectors.Sealed(format, c.Compartment, c.Bytes)
			m := testkit.QuietManager(t, cookiesession.Config{Keyring: v.Ring(t), TrackViews: c.Compartment == "views"}, format)
			open := func() {
				s := m.Open(t.Context(), v.Cookie)
				s.Len()
				s.Flashes()
			}
			open() // so that what is made only once is not measured
			took, allocated := costWithin(hostileTime*testkit.RaceFactor, open)
			if allocated > hostileBytes {
				t.Errorf("%s, %s: %d bytes allocated", format, c.Name, allocated)
			}
			if took > hostileTime*testkit.RaceFactor {
				t.Errorf("%s, %s: took %v", format, c.Name, took)
			}
		}
	}
}

// cost is the least of several runs of f, because others use the machine too.
func cost(f func()) (took time.Duration, allocated uint64) { return costWithin(0, f) }

// costWithin is cost, with more runs while f takes longer than limit: on a busy
// machine all of the first ones may be interrupted.
func costWithin(limit time.Duration, f func()) (took time.Duration, allocated uint64) {
	took, allocated = time.Hour, 1<<62
	var before, after runtime.MemStats
	for run := 0; run < 5 || limit > 0 && took > limit && run < 50; run++ {
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
	}
	return took, allocated
}

func TestAHistoryOfPathsThatAreNotThereIsRefused(t *testing.T) {
	for _, index := range []uint64{1, 1 << 31, 1<<31 + 1, 1 << 32, 1 << 51} { // where int has 32 bits, some of these are negative, and some are 0
		now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
		log := binary.AppendUvarint([]byte{0}, index<<1)
		payload := slices.Concat([]byte{0x9a, 1, 0xc4, 16}, vectors.IVNamed("id"), now, now, []byte{1, 1, 1, 0xc4, 0, 0xc4, 3, 2<<1 | 1, '/', 'a', 0xc4, byte(len(log))}, log)
		v := vectors.Sealed(cookiesession.FormatCompact, "views", payload)
		m := testkit.QuietManager(t, cookiesession.Config{Keyring: v.Ring(t), TrackViews: true}, cookiesession.FormatCompact)
		if views := m.Open(t.Context(), v.Cookie).Views(); views.Requests != 1 {
			t.Errorf("path %d of 1: %+v", index, views)
		}
	}
}

// TestOddValuesAreShownOrNotButNeverPanic: another version may have written them,
// or another program with the same keys.
func TestOddValuesAreShownOrNotButNeverPanic(t *testing.T) {
	for name, value := range vectors.OddValues {
		for _, format := range testkit.Formats {
			now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
			payload := slices.Concat([]byte{0x96, 1, 0xc4, 16}, vectors.IVNamed("id"), now, now, []byte{0xc0, 0x81, 0xa1, 'k'}, value)
			v := vectors.Sealed(format, "data", payload)
			m := testkit.QuietManager(t, cookiesession.Config{Keyring: v.Ring(t)}, format)
			s := m.Open(t.Context(), v.Cookie)
			if s.Rejected() != nil || !s.Has("k") {
				t.Errorf("%s: refused: %v", name, s.Rejected())
				continue
			}
			if took, allocated := costWithin(2*hostileTime*testkit.RaceFactor, func() { testkit.ReadEverything(t, m.Open(t.Context(), v.Cookie)) }); allocated > hostileBytes || took > 2*hostileTime*testkit.RaceFactor {
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
			// A value that nobody touches goes into the next cookie byte by byte.
			again := testkit.CommitAfter(t, m, v.Cookie, func(s *cookiesession.Session) { testkit.NoError(t, s.Set("other", 1)) })
			k := v.Keys[0].Naive()
			plain, err := k.Open("s_session", testkit.CookiesOf(again)["s_session"][0])
			if err != nil || !bytes.Contains(plain, append([]byte{0xa1, 'k'}, value...)) {
				t.Errorf("%s: after a write of another key it is gone: %v %x", name, err, plain)
			}
		}
	}
}

// TestTimesThatNoClockMadeHaveJSON: time.Time.MarshalJSON fails for a year before
// 0. The JSON of the whole session must not fail with it.
func TestTimesThatNoClockMadeHaveJSON(t *testing.T) {
	m := vectors.Opener(t, cookiesession.Config{MaxBytes: 60000})
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(time.Now().Unix()))
	ancient := []byte{0xd3, 0x80, 0, 0, 1, 0, 0, 0, 0}
	id := slices.Concat([]byte{1, 0xc4, 16}, vectors.IVNamed("id"))
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
		s := m.Open(t.Context(), vectors.Sealed(cookiesession.FormatCompact, tc.compartment, tc.payload).Cookie)
		if s.Rejected() != nil || s.Len()+len(s.Views().History) == 0 {
			t.Fatalf("%s: %v; this test would show nothing", tc.name, s.Rejected())
		}
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
