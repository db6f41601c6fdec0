package cookiesession_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
)

// vectorTime is when the first vectors were sealed.
var vectorTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var (
	vectorSecret  = vectorKey{Secret: "sha256:cookiesession vector key 1"}
	vectorOther   = vectorKey{Secret: "sha256:cookiesession vector key 2"}
	vectorPair    = vectorKey{HashKey: "sha256:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	vectorLonger  = vectorKey{HashKey: "sha512:cookiesession vector hash key", BlockKey: "sha256:cookiesession vector block key"}
	vectorDefault = vectorSetup{Name: "session", IdleTimeout: 14 * 86400, FlashLifetime: 60}
)

// newVectors makes every vector that there is, positive ones by the package,
// damaged and hostile ones by the naive implementation beside it.
func newVectors(t *testing.T) (all []vector) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(vectorTime))
		for _, format := range []cookiesession.Format{cookiesession.FormatSecurecookie, cookiesession.FormatCompact} {
			f := vectorMaker{t: t, format: format}
			f.positive()
			f.moved()
			f.timed()
			f.damaged()
			f.cut()
			f.hostile()
			all = append(all, f.made...)
		}
	})
	return all
}

type vectorMaker struct {
	t      *testing.T
	format cookiesession.Format
	made   []vector
}

// issue has the package seal what prepare puts into a session.
func (f *vectorMaker) issue(name, why string, key vectorKey, setup vectorSetup, prepare func(*cookiesession.Session)) vector {
	v := vector{
		Name: string(f.format) + ": " + name, Why: why, Keys: []vectorKey{key}, Config: setup,
		Now: time.Now().Unix(), Compartment: "data",
	}
	m := v.managerSealing(f.t, f.format, nil)
	s := m.Open(f.t.Context())
	prepare(s)
	v.Cookie = f.commit(m, s)
	v.Want = &opened{ID: s.ID(), Created: s.Created().Unix(), Modified: time.Now().Unix(), Values: tagAll(s.All())}
	v.readPayload(f.t)
	return v
}

func (f *vectorMaker) commit(m *cookiesession.Manager, s *cookiesession.Session) string {
	h := http.Header{}
	mustWork(f.t, m.Commit(h, s, 200))
	var pairs []string
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; ")
}

func (v *vector) readPayload(t testing.TB) {
	t.Helper()
	name := v.cookieName()
	plain, err := v.Keys[0].naive().open(name, joinNaively(v.Cookie, name, cookiesOf(v.Cookie)[name][0]))
	mustWork2(t, err)
	v.Payload = plain
}

func (f *vectorMaker) add(v vector) { f.made = append(f.made, v) }

// simple is the session that most damage is done to.
func (f *vectorMaker) simple() vector {
	return f.issue("a name", "", vectorSecret, vectorDefault, func(s *cookiesession.Session) { mustWork(f.t, s.Set("user", "alice")) })
}

func (f *vectorMaker) positive() {
	f.add(f.simple())
	every := f.issue("every type", "", vectorSecret, vectorDefault, func(s *cookiesession.Session) {
		for key, value := range map[string]any{
			"nothing": nil, "yes": true, "no": false, "zero": 0, "negative": -33, "large": int64(math.MinInt64), "largest": uint64(math.MaxUint64),
			"float": 1.5, "single": float32(0.25), "bytes": []byte{0, 255}, "text": "Zoë 🍪", "": "an empty key", "007": "007", "empty": "",
			"list": []any{1, "a", []any{}, nil}, "map": map[string]any{"a": map[string]any{"b": 2}, "__proto__": true},
			"instant": time.Date(2026, 11, 20, 11, 59, 59, 123456789, time.UTC), "long ago": time.Date(1066, 10, 14, 0, 0, 0, 0, time.UTC),
			"second": time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), "long text": strings.Repeat("ä", 300), "many": slices.Repeat([]any{7}, 20),
		} {
			mustWork(f.t, s.Set(key, value))
		}
	})
	f.add(every)
	at := time.Date(2026, 12, 24, 18, 0, 0, 5e8, time.UTC)
	for _, c := range []struct {
		name string
		e    cookiesession.Expiry
		want map[string]any
	}{
		{"ends with the browser", cookiesession.BrowserClose(), map[string]any{"browser": true}},
		{"ends after 90 idle seconds", cookiesession.Idle(90 * time.Second), map[string]any{"idle": 90}},
		{"ends at an instant", cookiesession.At(at), map[string]any{"at": at.Format(time.RFC3339Nano)}},
	} {
		v := f.issue(c.name, "", vectorSecret, vectorDefault, func(s *cookiesession.Session) {
			mustWork(f.t, s.Set("user", "alice"))
			s.SetExpiry(c.e)
		})
		v.Want.Expiry = c.want
		f.add(v)
	}
	set := func(s *cookiesession.Session) { mustWork(f.t, s.Set("user", "alice")) }
	f.add(f.issue("keys of another securecookie program", "hash_key and block_key are used as they are in securecookie, expanded in compact", vectorPair, vectorDefault, set))
	f.add(f.issue("a hash_key of 64 bytes", "", vectorLonger, vectorDefault, set))
	f.add(f.issue("__Host- and a name of its own", "", vectorSecret, vectorSetup{Name: "Shop-2_b", HostPrefix: true, IdleTimeout: 3600, FlashLifetime: 60}, set))
	f.add(f.flash())
	f.add(f.views("views", 3))
	f.add(f.views("views with a bitmap of paths", 270))
	f.add(f.paused())
}

func (f *vectorMaker) flash() vector {
	v := vector{
		Name: string(f.format) + ": flash", Keys: []vectorKey{vectorSecret}, Config: vectorDefault,
		Now: time.Now().Unix(), Compartment: "flash",
	}
	m := v.managerSealing(f.t, f.format, nil)
	s := m.Open(f.t.Context())
	mustWork(f.t, s.Flash("notice", "saved"))
	mustWork(f.t, s.Flash("count", 3))
	v.Cookie = f.commit(m, s)
	v.Want = &opened{Expires: v.Now + 60, Values: map[string]any{"count": tag(int64(3)), "notice": tag("saved")}}
	v.readPayload(f.t)
	return v
}

// views visits n pages and one that is missing.
func (f *vectorMaker) views(name string, n int) vector {
	v := vector{Name: string(f.format) + ": " + name, Keys: []vectorKey{vectorSecret}, Config: vectorDefault, Compartment: "views"}
	m := v.managerSealing(f.t, f.format, nil)
	jar := ""
	var id string
	site := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id = m.FromContext(r.Context()).ID()
		if r.URL.Path == "/missing" {
			w.WriteHeader(404)
		}
	}))
	want := &opened{Created: time.Now().Unix(), Requests: n + 2, Pages: n + 1}
	paths := []string{"/"}
	for i := range n {
		paths = append(paths, fmt.Sprintf("/page/%d", i))
	}
	for _, path := range append(paths, "/missing") {
		time.Sleep(7 * time.Second)
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Cookie", jar)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		jar = replaceCookies(jar, w.Header()["Set-Cookie"])
		want.History = append(want.History, vectorView{path, time.Now().Unix(), w.Code})
	}
	want.Created += 7 // the first request
	want.History = want.History[max(0, len(want.History)-vectorHistory):]
	v.Now, v.Cookie = time.Now().Unix(), jar
	seen := m.Open(f.t.Context(), jar).Views()
	want.ID, want.Last, want.Unique = id, v.Now, seen.UniquePages
	if n < 256 && seen.UniquePages != n+1 || len(seen.History) != len(want.History) {
		f.t.Fatalf("%d unique pages, %d views", seen.UniquePages, len(seen.History))
	}
	v.Want = want
	v.readPayload(f.t)
	return v
}

// paused has a request between two pages that records no path.
func (f *vectorMaker) paused() vector {
	v := f.views("views with a pause", 1)
	m := v.managerSealing(f.t, f.format, nil)
	for _, path := range []string{"", "", "/last"} {
		time.Sleep(11 * time.Second)
		s := m.Open(f.t.Context(), v.Cookie)
		if path != "" {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Cookie", v.Cookie)
			s = m.OpenRequest(r)
			v.Want.History = append(v.Want.History, vectorView{path, time.Now().Unix(), 200})
		}
		h := http.Header{}
		mustWork(f.t, m.Commit(h, s, 200))
		v.Cookie = replaceCookies(v.Cookie, h["Set-Cookie"])
		v.Want.Requests++
		v.Want.Pages++
	}
	v.Now, v.Want.Last = time.Now().Unix(), time.Now().Unix()
	v.Want.Unique++
	v.readPayload(f.t)
	return v
}

// replaceCookies is the little of a browser that a vector needs.
func replaceCookies(jar string, lines []string) string {
	names, values := []string{}, map[string]string{}
	keep := func(pair string) {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && values[name] == "" {
			names = append(names, name)
		}
		values[name] = value
	}
	for pair := range strings.SplitSeq(jar, ";") {
		keep(pair)
	}
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		keep(pair)
	}
	var out []string
	for _, name := range names {
		if values[name] != "" {
			out = append(out, name+"="+values[name])
		}
	}
	return strings.Join(out, "; ")
}

// refuse is v under a new name, refused.
func (f *vectorMaker) refuse(v vector, name, why, refused string, change func(*vector)) {
	v.Name, v.Why, v.Refused, v.Want, v.Payload = string(f.format)+": "+name, why, refused, nil, nil
	v.Keys = slices.Clone(v.Keys)
	change(&v)
	f.add(v)
}

// moved takes authentic cookies to where they do not belong.
func (f *vectorMaker) moved() {
	v := f.simple()
	f.refuse(v, "another ring", "none of the ring's keys has this id", "unknown key", func(v *vector) { v.Keys = []vectorKey{vectorOther} })
	f.refuse(v, "the id of another key", "the id picks the key, it proves nothing", "invalid", func(v *vector) {
		v.Keys = append(v.Keys, vectorOther)
		v.Cookie = strings.Replace(v.Cookie, v.Keys[0].naive().id, v.Keys[1].naive().id, 1)
	})
	f.refuse(v, "data as flash", "the seal covers the cookie's name", "invalid", func(v *vector) {
		v.Compartment, v.Cookie = "flash", strings.Replace(v.Cookie, "s_session", "s_session_flash", 1)
	})
	f.refuse(f.flash(), "flash as data", "", "invalid", func(v *vector) {
		v.Compartment, v.Cookie = "data", strings.Replace(v.Cookie, "s_session_flash", "s_session", 1)
	})
	f.refuse(f.views("", 1), "views as data", "", "invalid", func(v *vector) {
		v.Compartment, v.Cookie = "data", strings.Replace(v.Cookie, "s_session_views", "s_session", 1)
	})
	f.refuse(v, "another manager's", "", "invalid", func(v *vector) {
		v.Config.Name, v.Cookie = "session2", strings.Replace(v.Cookie, "s_session", "s_session2", 1)
	})
	f.refuse(v, "without the __Host- that is wanted", "", "invalid", func(v *vector) {
		v.Config.HostPrefix, v.Cookie = true, "__Host-"+v.Cookie
	})
	v = f.simple()
	v.Name = string(f.format) + ": spaces, quotes and other cookies around it"
	name, value, _ := strings.Cut(v.Cookie, "=")
	v.Cookie = "other=1;\t" + name + "=\"" + value + "\" ; s_session2=x; s_session.x=y; S_SESSION=z"
	f.add(v)
	v = f.simple()
	v.Name, v.Why = string(f.format)+": a forged one beside it", "of several cookies of one name the authentic one that was modified last is the session"
	v.Cookie = name + "=" + v.Keys[0].naive().id + ".forged; " + v.Cookie
	f.add(v)
	older := f.simple()
	time.Sleep(time.Second)
	v = f.simple()
	v.Name = string(f.format) + ": an older copy before it"
	v.Cookie = older.Cookie + "; " + v.Cookie
	f.add(v)
}

func (f *vectorMaker) timed() {
	v := f.simple()
	at := func(seconds int64) func(*vector) { return func(v *vector) { v.Now += seconds } }
	week := v.Config.IdleTimeout
	f.refuse(v, "at the deadline", "at the deadline is expired", "expired", at(week))
	last := v
	last.Name, last.Now = string(f.format)+": the last second", last.Now+week-1
	f.add(last)
	early := v
	early.Name, early.Why, early.Now = string(f.format)+": a clock 5 minutes behind", "clocks of instances may be that far apart", v.Now-300
	f.add(early)
	f.refuse(v, "from the future", "", "invalid", at(-301))
	f.refuse(v, "past the absolute timeout", "counted from creation", "expired", func(v *vector) { v.Config.AbsoluteTimeout, v.Now = 3600, v.Now+3600 })
	idle := f.issue("", "", vectorSecret, vectorDefault, func(s *cookiesession.Session) {
		mustWork(f.t, s.Set("user", "alice"))
		s.SetExpiry(cookiesession.Idle(90 * time.Second))
	})
	f.refuse(idle, "past its own idle seconds", "", "expired", at(90))
	instant := f.issue("", "", vectorSecret, vectorDefault, func(s *cookiesession.Session) {
		mustWork(f.t, s.Set("user", "alice"))
		s.SetExpiry(cookiesession.At(time.Now().Add(time.Hour)))
	})
	f.refuse(instant, "past its own instant", "", "expired", at(3600))
	f.refuse(f.flash(), "flash past its lifetime", "", "expired", at(60))
	f.refuse(f.flash(), "flash with more lifetime than there is", "further ahead than the lifetime, 5 minutes of skew and a second of rounding", "invalid", at(-302))
}

// damaged spoils one thing of a cookie at a time.
func (f *vectorMaker) damaged() {
	v := f.simple()
	name, value, _ := strings.Cut(v.Cookie, "=")
	id, text, _ := strings.Cut(value, ".")
	use := func(what, why, refused, value string) {
		f.refuse(v, what, why, refused, func(v *vector) { v.Cookie = name + "=" + value })
	}
	use("no key id", "", "invalid", text)
	use("an empty text", "", "invalid", id+".")
	use("an empty value", "", "invalid", "")
	use("the last character gone", "", "invalid", value[:len(value)-1])
	use("one character more", "", "invalid", value+"A")
	use("the first character gone", "", "invalid", id+"."+text[1:])
	use("a key id of 5 characters", "", "invalid", id+"A."+text)
	use("padding that does not belong", "", "invalid", value+"=")
	enc := base64.URLEncoding
	if f.format == cookiesession.FormatCompact {
		enc = base64.RawURLEncoding
	}
	raw, err := enc.DecodeString(text)
	mustWork(f.t, err)
	use("a count of 1 before a whole text", "one cookie has no count", "invalid", id+".1.tttt."+text)
	flips := map[string]int{"version": 0, "iv": 1, "ciphertext": 17, "mac": len(raw) - 1}
	if f.format == cookiesession.FormatSecurecookie {
		flips = map[string]int{"date": 0, "separator": 10, "iv": 12, "ciphertext": 40, "mac": len(raw) - 1}
	}
	for _, part := range slices.Sorted(mapKeys(flips)) {
		flipped := bytes.Clone(raw)
		flipped[flips[part]] ^= 4
		use("one bit of the "+part, "", "invalid", id+"."+enc.EncodeToString(flipped))
	}
	if f.format == cookiesession.FormatSecurecookie {
		return
	}
	use("standard base64", "", "invalid", id+"."+strings.NewReplacer("-", "+", "_", "/").Replace(f.withBoth(text)))
	use("a MAC of 15 bytes", "", "invalid", id+"."+enc.EncodeToString(raw[:len(raw)-1]))
	unused := text[:len(text)-1] + string(nextInAlphabet(text[len(text)-1]))
	if again, err := enc.DecodeString(unused); err == nil && bytes.Equal(again, raw) {
		use("bits that no byte needs", "the last character's unused bits must be zero", "invalid", id+"."+unused)
	}
	k, iv := v.Keys[0].naive(), ivNamed("bare")
	second := append(append([]byte{2}, iv...), ctr(k.compactBk, iv, v.Payload)...)
	second = append(second, hmacOf(k.compactHash, []byte{0, byte(len(name))}, []byte(name), second)[:16]...)
	use("authentic, of another version", "there is only version 1", "invalid", id+"."+enc.EncodeToString(second))
	bare := append(append([]byte{1}, iv...), ctr(k.compactBk, iv, v.Payload)...)
	bare = append(bare, hmacOf(k.compactHash, []byte(name), bare)[:16]...)
	use("a MAC over a name without its length", "", "invalid", id+"."+enc.EncodeToString(bare))
}

// withBoth is text with both characters that the alphabets differ in.
func (f *vectorMaker) withBoth(text string) string { return text[:20] + "-_" + text[22:] }

func nextInAlphabet(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[(strings.IndexByte(alphabet, c)+1)%64]
}

func mapKeys[K cmp.Ordered, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// cut are sessions of several cookies.
func (f *vectorMaker) cut() {
	long := func(name, text string) vector {
		return f.issue(name, "", vectorSecret, vectorDefault, func(s *cookiesession.Session) {
			mustWork(f.t, s.Set("text", strings.Repeat(text, 3050)))
		})
	}
	v, another := long("cut into cookies", "ab"), long("", "cd")
	f.add(v)
	pieces, others := strings.Split(v.Cookie, "; "), strings.Split(another.Cookie, "; ")
	if len(pieces) < 3 || len(pieces) != len(others) {
		f.t.Fatalf("%d and %d cookies, want at least 3", len(pieces), len(others))
	}
	good := v
	good.Name, good.Why = string(f.format)+": pieces out of order, with leftovers of another issue", "the tag tells issues apart"
	backwards := slices.Clone(pieces)
	slices.Reverse(backwards)
	good.Cookie = strings.Join(append(slices.Clone(others[1:]), backwards...), "; ") + "; s_session.9=zzzz.left"
	f.add(good)
	use := func(name, why string, pieces ...string) {
		f.refuse(v, name, why, "invalid", func(v *vector) { v.Cookie = strings.Join(pieces, "; ") })
	}
	rest := func(first string) []string { return append([]string{first}, pieces[1:]...) }
	use("a piece missing", "", pieces[:len(pieces)-1]...)
	use("only the first piece", "", pieces[0])
	use("two pieces exchanged", "", slices.Concat(pieces[:1], []string{
		strings.Replace(pieces[2], "session.2", "session.1", 1), strings.Replace(pieces[1], "session.1", "session.2", 1),
	}, pieces[3:])...)
	use("a piece of another issue", "its tag differs", slices.Concat(pieces[:1], others[1:2], pieces[2:])...)
	tag, foreignTag := tagOf(pieces[1]), tagOf(others[1])
	use("a piece of another issue under this tag", "the tag proves nothing, the seal does",
		slices.Concat(pieces[:1], []string{strings.Replace(others[1], foreignTag, tag, 1)}, pieces[2:])...)
	if f.format != cookiesession.FormatCompact { // cookies know nothing of formats: once is enough
		return
	}
	n := fmt.Sprintf(".%d.%s.", len(pieces), tag)
	for what, head := range map[string]string{
		"a count of 1": ".1." + tag + ".", "a count of 65": ".65." + tag + ".", "a count one too high": fmt.Sprintf(".%d.%s.", len(pieces)+1, tag),
		"a count one too low": fmt.Sprintf(".%d.%s.", len(pieces)-1, tag), "a count with a zero before it": fmt.Sprintf(".0%d.%s.", len(pieces), tag),
		"a count with a sign": fmt.Sprintf(".+%d.%s.", len(pieces), tag), "a tag of 3 characters": fmt.Sprintf(".%d.%s.", len(pieces), tag[:3]),
		"no tag": fmt.Sprintf(".%d.", len(pieces)), "no count": "." + tag + ".",
	} {
		use(what, "", rest(strings.Replace(pieces[0], n, head, 1))...)
	}
}

func tagOf(piece string) string {
	_, value, _ := strings.Cut(piece, "=")
	return value[:4]
}

func ivNamed(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

// sealed is an authentic cookie of any payload.
func (f *vectorMaker) sealed(compartment string, payload []byte) vector {
	return sealedVector(f.format, compartment, payload)
}

func sealedVector(format cookiesession.Format, compartment string, payload []byte) vector {
	v := vector{Keys: []vectorKey{vectorSecret}, Config: vectorDefault, Now: vectorTime.Unix(), Compartment: compartment}
	k, iv := v.Keys[0].naive(), ivNamed(string(payload))
	text := k.sealSecurecookie(v.cookieName(), iv, payload, v.Now)
	if format == cookiesession.FormatCompact {
		text = k.sealCompact(v.cookieName(), iv, payload)
	}
	v.Cookie = v.cookieName() + "=" + k.id + "." + text
	return v
}

// hostile are authentic cookies with payloads that no version has written.
func (f *vectorMaker) hostile() {
	for _, c := range hostilePayloads() {
		f.refuse(f.sealed(c.compartment, c.payload), "authentic, "+c.name, c.why, "invalid", func(*vector) {})
	}
}

type hostilePayload struct {
	name, why, compartment string
	payload                []byte
}

// hostilePayloads differ from sound ones in the one thing that they name.
func hostilePayloads() (all []hostilePayload) {
	id := append([]byte{0xc4, 16}, ivNamed("id")...)
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectorTime.Unix()))
	later := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectorTime.Unix()+301))
	none, empty := []byte{0xc0}, []byte{0x80}
	value := func(v ...byte) []byte { return append([]byte{0x81, 0xa1, 'k'}, v...) }
	data := func(name, why string, parts ...[]byte) {
		all = append(all, hostilePayload{"data: " + name, why, "data", bytes.Join(parts, nil)})
	}
	six := []byte{0x96, 1}
	data("a later version", "refused, and left in the browser: an older instance must not destroy what a newer one wrote", []byte{0x96, 2}, id, now, now, none, empty)
	data("a later version of another shape", "only the version is looked at", []byte{0x93, 2, 0xa1, 'x', 0xc0})
	data("version 0", "", []byte{0x96, 0}, id, now, now, none, empty)
	data("a negative version", "", []byte{0x96, 0xff}, id, now, now, none, empty)
	data("a version that is text", "", []byte{0x96, 0xa1, '1'}, id, now, now, none, empty)
	data("no array", "", empty)
	data("nothing at all but one byte", "", []byte{0xc0})
	data("five elements", "", []byte{0x95, 1}, id, now, now, none)
	data("seven elements", "", []byte{0x97, 1}, id, now, now, none, empty, none)
	data("a byte behind the end", "", six, id, now, now, none, empty, none)
	data("cut short", "", six, id, now, now, none)
	data("an id of 15 bytes", "", six, append([]byte{0xc4, 15}, id[2:17]...), now, now, none, empty)
	data("an id of 17 bytes", "", six, append([]byte{0xc4, 17}, append(id[2:18:18], 0)...), now, now, none, empty)
	data("an id that is text", "", six, append([]byte{0xb0}, id[2:]...), now, now, none, empty)
	data("created in the future", "", six, id, later, now, none, empty)
	data("modified in the future", "", six, id, now, later, none, empty)
	data("created as a float", "", six, id, []byte{0xcb, 0x41, 0xda, 0, 0, 0, 0, 0, 0}, now, none, empty)
	data("created as text", "", six, id, []byte{0xa1, '1'}, now, none, empty)
	data("modified beyond 63 bits", "", six, id, now, append([]byte{0xcf}, bytes.Repeat([]byte{255}, 8)...), none, empty)
	data("negative idle seconds", "", six, id, now, now, []byte{0xff}, empty)
	data("idle seconds beyond the end of time", "more than 9223372036 seconds are more than 64 bits of nanoseconds", six, id, now, now, append([]byte{0xcf}, 0, 0, 0, 2, 0x25, 0xc1, 0x7d, 5), empty)
	data("an expiry that is text", "", six, id, now, now, []byte{0xa1, '1'}, empty)
	data("an expiry with 1e9 nanoseconds", "", six, id, now, now, append([]byte{0xc7, 12, 0xff}, 0x3b, 0x9a, 0xca, 0, 0, 0, 0, 0, 0x70, 0, 0, 0), empty)
	data("an expiry of another extension type", "", six, id, now, now, []byte{0xd6, 1, 0, 0, 0, 0}, empty)
	data("values that are a list", "", six, id, now, now, none, []byte{0x90})
	data("a key that is a number", "", six, id, now, now, none, []byte{0x81, 1, 1})
	data("a key that is bytes", "", six, id, now, now, none, []byte{0x81, 0xc4, 1, 'k', 1})
	data("a doubled key", "readers would differ about which counts", six, id, now, now, none, []byte{0x82, 0xa1, 'k', 1, 0xa1, 'k', 2})
	data("keys out of order", "", six, id, now, now, none, []byte{0x82, 0xa1, 'k', 1, 0xa1, 'j', 2})
	data("a shorter key behind a longer one that it begins", "order is that of bytes", six, id, now, now, none, []byte{0x82, 0xa2, 'k', 'k', 1, 0xa1, 'k', 2})
	data("a byte that msgpack does not use", "", six, id, now, now, none, value(0xc1))
	for _, c := range []struct {
		name string
		head byte
	}{{"text", 0xdb}, {"bytes", 0xc6}, {"a list", 0xdd}, {"a map", 0xdf}, {"an extension", 0xc9}} {
		data(c.name+" of 2^32-1", "no length is believed before as many bytes are there", six, id, now, now, none, value(c.head, 255, 255, 255, 255))
		data(c.name+" of 2^31", "", six, id, now, now, none, value(c.head, 128, 0, 0, 0))
	}
	data("an array header of 2^32-1", "", []byte{0xdd, 255, 255, 255, 255, 1}, id, now, now, none, empty)
	data("values of 2^32-1 pairs", "", six, id, now, now, none, []byte{0xdf, 255, 255, 255, 255})
	data("nested 33 deep", "32 is the most", six, id, now, now, none, value(append(bytes.Repeat([]byte{0x91}, 33), 1)...))
	data("maps nested 33 deep", "", six, id, now, now, none, value(append(bytes.Repeat([]byte{0x81, 1}, 33), 1)...))

	expires := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectorTime.Unix()+60))
	tooLate := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(vectorTime.Unix()+60+302))
	flash := func(name string, parts ...[]byte) {
		all = append(all, hostilePayload{"flash: " + name, "", "flash", bytes.Join(parts, nil)})
	}
	three := []byte{0x93, 1}
	flash("a later version", []byte{0x93, 2}, expires, empty)
	flash("two elements", []byte{0x92, 1}, expires)
	flash("too far ahead", three, tooLate, empty)
	flash("doubled keys", three, expires, []byte{0x82, 0xa1, 'k', 1, 0xa1, 'k', 2})
	flash("a byte behind the end", three, expires, empty, none)

	views := func(name, why string, requests, pages, unique byte, set, paths, log []byte) {
		p := slices.Concat([]byte{0x9a, 1}, id, now, now, []byte{requests, pages, unique}, bin(set), bin(paths), bin(log))
		all = append(all, hostilePayload{"views: " + name, why, "views", p})
	}
	root := []byte{3, '/'}
	views("more pages than requests", "", 1, 2, 0, nil, nil, nil)
	views("more unique pages than pages", "", 3, 1, 2, nil, nil, nil)
	views("a negative count", "", 0xff, 0xff, 0xff, nil, nil, nil)
	views("a set that is no multiple of 4", "", 3, 3, 3, []byte{1, 2, 3}, nil, nil)
	views("a path longer than what is there", "", 1, 1, 1, nil, []byte{5, '/'}, nil)
	views("a view of a path that is not there", "", 1, 1, 1, nil, root, []byte{0, 2})
	views("a pause at another path than the first", "", 1, 1, 1, nil, root, []byte{0, 3, 0})
	views("a view cut short", "", 1, 1, 1, nil, root, []byte{0})
	views("a status of 99", "", 1, 0, 0, nil, []byte{2, '/'}, []byte{0, 1, 99})
	views("a status of 1000", "", 1, 0, 0, nil, []byte{2, '/'}, []byte{0, 1, 0xe8, 7})
	views("a number of more than 53 bits", "", 1, 1, 1, nil, root, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 16, 0})
	views("a number without an end", "", 1, 1, 1, nil, root, bytes.Repeat([]byte{0x80}, 12))
	big := slices.Concat([]byte{0x9a, 1}, id, now, now, []byte{0xcd, 2, 0, 0xcd, 2, 0, 0xcd, 1, 1}, bin(make([]byte, 1023)), bin(nil), bin(nil))
	all = append(all, hostilePayload{"views: a bitmap of 1023 bytes", "beyond 256 unique paths the set is a bitmap of 1024 bytes", "views", big})
	future := slices.Concat([]byte{0x9a, 1}, id, now, later, []byte{1, 1, 1}, bin(nil), bin(nil), bin(nil))
	all = append(all, hostilePayload{"views: last seen in the future", "", "views", future})
	return all
}

func bin(b []byte) []byte {
	if len(b) < 256 {
		return append([]byte{0xc4, byte(len(b))}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0xc5}, uint16(len(b))), b...)
}
