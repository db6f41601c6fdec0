package vectors_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

// newVectors makes every vector that there is. The package makes those that open.
// The naive implementation makes those that are damaged or hostile.
func newVectors(t *testing.T) (all []vectors.Vector) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(vectors.Time))
		for _, format := range testkit.Formats {
			f := vectorMaker{t: t, format: format}
			f.positive()
			f.moved()
			f.timed()
			f.damaged()
			f.cut()
			f.hostile()
			f.secondVersions()
			f.texts()
			all = append(all, f.made...)
		}
	})
	return all
}

type vectorMaker struct {
	t      *testing.T
	format cookiesession.Format
	made   []vectors.Vector
}

// issue is a vector that the package seals: what prepare puts into a session.
func (f *vectorMaker) issue(name, why string, key vectors.Key, setup vectors.Setup, prepare func(*cookiesession.Session)) vectors.Vector {
	v := vectors.Vector{
		Name: string(f.format) + ": " + name, Why: why, Keys: []vectors.Key{key}, Config: setup,
		Now: time.Now().Unix(), Compartment: "data",
	}
	m := v.ManagerSealing(f.t, f.format, nil)
	s := m.Open(f.t.Context())
	prepare(s)
	v.Cookie = f.commit(m, s)
	v.Want = &vectors.Opened{ID: s.ID(), Created: s.Created().Unix(), Modified: time.Now().Unix(), Values: vectors.TagAll(s.All())}
	v.ReadPayload(f.t)
	return v
}

func (f *vectorMaker) commit(m *cookiesession.Manager, s *cookiesession.Session) string {
	h := http.Header{}
	testkit.NoError(f.t, m.Commit(h, s, 200))
	var pairs []string
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; ")
}

func (f *vectorMaker) add(v vectors.Vector) { f.made = append(f.made, v) }

// simple is the session that most damaged vectors are made of.
func (f *vectorMaker) simple() vectors.Vector {
	return f.issue("a name", "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) { testkit.NoError(f.t, s.Set("user", "alice")) })
}

func (f *vectorMaker) positive() {
	f.add(f.simple())
	every := f.issue("every type", "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
		for key, value := range map[string]any{
			"nothing": nil, "yes": true, "no": false, "zero": 0, "negative": -33, "large": int64(math.MinInt64), "largest": uint64(math.MaxUint64),
			"float": 1.5, "single": float32(0.25), "bytes": []byte{0, 255}, "text": "Zoë 🍪", "": "an empty key", "007": "007", "empty": "",
			"list": []any{1, "a", []any{}, nil}, "map": map[string]any{"a": map[string]any{"b": 2}, "__proto__": true},
			"instant": time.Date(2026, 11, 20, 11, 59, 59, 123456789, time.UTC), "long ago": time.Date(1066, 10, 14, 0, 0, 0, 0, time.UTC),
			"second": time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), "long text": strings.Repeat("ä", 300), "many": slices.Repeat([]any{7}, 20),
		} {
			testkit.NoError(f.t, s.Set(key, value))
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
		v := f.issue(c.name, "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
			testkit.NoError(f.t, s.Set("user", "alice"))
			s.SetExpiry(c.e)
		})
		v.Want.Expiry = c.want
		f.add(v)
	}
	set := func(s *cookiesession.Session) { testkit.NoError(f.t, s.Set("user", "alice")) }
	f.add(f.issue("keys of another securecookie program", "hash_key and block_key are used as they are in securecookie, expanded in compact", vectors.PairKey, vectors.Default, set))
	f.add(f.issue("a hash_key of 64 bytes", "", vectors.LongerKey, vectors.Default, set))
	f.add(f.issue("__Host- and a name of its own", "", vectors.OneKey, vectors.Setup{Name: "Shop-2_b", HostPrefix: true, IdleTimeout: 3600, FlashLifetime: 60}, set))
	f.add(f.flash())
	f.add(f.views("views", 3))
	f.add(f.views("views with a bitmap of paths", 270))
	f.add(f.paused())
}

func (f *vectorMaker) flash() vectors.Vector {
	v := vectors.Vector{
		Name: string(f.format) + ": flash", Keys: []vectors.Key{vectors.OneKey}, Config: vectors.Default,
		Now: time.Now().Unix(), Compartment: "flash",
	}
	m := v.ManagerSealing(f.t, f.format, nil)
	s := m.Open(f.t.Context())
	testkit.NoError(f.t, s.Flash("notice", "saved"))
	testkit.NoError(f.t, s.Flash("count", 3))
	v.Cookie = f.commit(m, s)
	v.Want = &vectors.Opened{Expires: v.Now + 60, Values: map[string]any{"count": vectors.Tag(int64(3)), "notice": vectors.Tag("saved")}}
	v.ReadPayload(f.t)
	return v
}

// views is a vector of views, after visits to n pages and to one that is missing.
func (f *vectorMaker) views(name string, n int) vectors.Vector {
	v := vectors.Vector{Name: string(f.format) + ": " + name, Keys: []vectors.Key{vectors.OneKey}, Config: vectors.Default, Compartment: "views"}
	m := v.ManagerSealing(f.t, f.format, nil)
	jar := ""
	var id string
	site := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id = m.FromContext(r.Context()).ID()
		if r.URL.Path == "/missing" {
			w.WriteHeader(404)
		}
	}))
	want := &vectors.Opened{Created: time.Now().Unix(), Requests: n + 2, Pages: n + 1}
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
		jar = testkit.KeepLines(jar, w.Header()["Set-Cookie"])
		want.History = append(want.History, vectors.View{path, time.Now().Unix(), w.Code})
	}
	want.Created += 7 // the first request
	want.History = want.History[max(0, len(want.History)-vectors.History):]
	v.Now, v.Cookie = time.Now().Unix(), jar
	seen := m.Open(f.t.Context(), jar).Views()
	want.ID, want.Last, want.Unique = id, v.Now, seen.UniquePages
	if n < 256 && seen.UniquePages != n+1 || len(seen.History) != len(want.History) {
		f.t.Fatalf("%d unique pages, %d views", seen.UniquePages, len(seen.History))
	}
	v.Want = want
	v.ReadPayload(f.t)
	return v
}

// paused has a request between two pages that records no path.
func (f *vectorMaker) paused() vectors.Vector {
	v := f.views("views with a pause", 1)
	m := v.ManagerSealing(f.t, f.format, nil)
	for _, path := range []string{"", "", "/last"} {
		time.Sleep(11 * time.Second)
		s := m.Open(f.t.Context(), v.Cookie)
		if path != "" {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Cookie", v.Cookie)
			s = m.OpenRequest(r)
			v.Want.History = append(v.Want.History, vectors.View{path, time.Now().Unix(), 200})
		}
		h := http.Header{}
		testkit.NoError(f.t, m.Commit(h, s, 200))
		v.Cookie = testkit.KeepLines(v.Cookie, h["Set-Cookie"])
		v.Want.Requests++
		v.Want.Pages++
	}
	v.Now, v.Want.Last = time.Now().Unix(), time.Now().Unix()
	v.Want.Unique++
	v.ReadPayload(f.t)
	return v
}

// refuse adds a vector that is refused: v after a change, under another name.
func (f *vectorMaker) refuse(v vectors.Vector, name, why, refused string, change func(*vectors.Vector)) {
	v.Name, v.Why, v.Refused, v.Want, v.Payload = string(f.format)+": "+name, why, refused, nil, nil
	v.Keys = slices.Clone(v.Keys)
	change(&v)
	f.add(v)
}

// moved has authentic cookies that stand where they do not belong.
func (f *vectorMaker) moved() {
	v := f.simple()
	f.refuse(v, "another ring", "none of the ring's keys has this id", "unknown key", func(v *vectors.Vector) { v.Keys = []vectors.Key{vectors.OtherKey} })
	f.refuse(v, "the id of another key", "the id picks the key, it proves nothing", "invalid", func(v *vectors.Vector) {
		v.Keys = append(v.Keys, vectors.OtherKey)
		v.Cookie = strings.Replace(v.Cookie, v.Keys[0].Naive().ID, v.Keys[1].Naive().ID, 1)
	})
	f.refuse(v, "data as flash", "the seal covers the cookie's name", "invalid", func(v *vectors.Vector) {
		v.Compartment, v.Cookie = "flash", strings.Replace(v.Cookie, "s_session", "s_session_flash", 1)
	})
	f.refuse(f.flash(), "flash as data", "", "invalid", func(v *vectors.Vector) {
		v.Compartment, v.Cookie = "data", strings.Replace(v.Cookie, "s_session_flash", "s_session", 1)
	})
	f.refuse(f.views("", 1), "views as data", "", "invalid", func(v *vectors.Vector) {
		v.Compartment, v.Cookie = "data", strings.Replace(v.Cookie, "s_session_views", "s_session", 1)
	})
	f.refuse(v, "another manager's", "", "invalid", func(v *vectors.Vector) {
		v.Config.Name, v.Cookie = "session2", strings.Replace(v.Cookie, "s_session", "s_session2", 1)
	})
	f.refuse(v, "without the __Host- that is wanted", "", "invalid", func(v *vectors.Vector) {
		v.Config.HostPrefix, v.Cookie = true, "__Host-"+v.Cookie
	})
	v = f.simple()
	v.Name = string(f.format) + ": spaces, quotes and other cookies around it"
	name, value, _ := strings.Cut(v.Cookie, "=")
	v.Cookie = "other=1;\t" + name + "=\"" + value + "\" ; s_session2=x; s_session.x=y; S_SESSION=z"
	f.add(v)
	v = f.simple()
	v.Name, v.Why = string(f.format)+": a forged one beside it", "of several cookies of one name the authentic one that was modified last is the session"
	v.Cookie = name + "=" + v.Keys[0].Naive().ID + ".forged; " + v.Cookie
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
	at := func(seconds int64) func(*vectors.Vector) { return func(v *vectors.Vector) { v.Now += seconds } }
	week := v.Config.IdleTimeout
	f.refuse(v, "at the deadline", "at the deadline is expired", "expired", at(week))
	last := v
	last.Name, last.Now = string(f.format)+": the last second", last.Now+week-1
	f.add(last)
	early := v
	early.Name, early.Why, early.Now = string(f.format)+": a clock 5 minutes behind", "clocks of instances may be that far apart", v.Now-300
	f.add(early)
	f.refuse(v, "from the future", "", "invalid", at(-301))
	f.refuse(v, "past the absolute timeout", "counted from creation", "expired", func(v *vectors.Vector) { v.Config.AbsoluteTimeout, v.Now = 3600, v.Now+3600 })
	idle := f.issue("", "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
		testkit.NoError(f.t, s.Set("user", "alice"))
		s.SetExpiry(cookiesession.Idle(90 * time.Second))
	})
	f.refuse(idle, "past its own idle seconds", "", "expired", at(90))
	instant := f.issue("", "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
		testkit.NoError(f.t, s.Set("user", "alice"))
		s.SetExpiry(cookiesession.At(time.Now().Add(time.Hour)))
	})
	f.refuse(instant, "past its own instant", "", "expired", at(3600))
	f.refuse(f.flash(), "flash past its lifetime", "", "expired", at(60))
	f.refuse(f.flash(), "flash with more lifetime than there is", "further ahead than the lifetime, 5 minutes of skew and a second of rounding", "invalid", at(-302))
}

// damaged has cookies in which one thing is wrong.
func (f *vectorMaker) damaged() {
	v := f.simple()
	name, value, _ := strings.Cut(v.Cookie, "=")
	id, text, _ := strings.Cut(value, ".")
	use := func(what, why, refused, value string) {
		f.refuse(v, what, why, refused, func(v *vectors.Vector) { v.Cookie = name + "=" + value })
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
	testkit.NoError(f.t, err)
	use("a count of 1 before a whole text", "one cookie has no count", "invalid", id+".1.tttt."+text)
	flips := map[string]int{"version": 0, "iv": 1, "ciphertext": 17, "mac": len(raw) - 1}
	if f.format == cookiesession.FormatSecurecookie {
		flips = map[string]int{"date": 0, "separator": 10, "iv": 12, "ciphertext": 40, "mac": len(raw) - 1}
	}
	for _, part := range slices.Sorted(maps.Keys(flips)) {
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
	k, iv := v.Keys[0].Naive(), vectors.IVNamed("bare")
	second := append(append([]byte{2}, iv...), vectors.CTR(k.CompactBlock, iv, v.Payload)...)
	second = append(second, vectors.HMAC(k.CompactHash, []byte{0, byte(len(name))}, []byte(name), second)[:16]...)
	use("authentic, of another version", "there is only version 1", "invalid", id+"."+enc.EncodeToString(second))
	bare := append(append([]byte{1}, iv...), vectors.CTR(k.CompactBlock, iv, v.Payload)...)
	bare = append(bare, vectors.HMAC(k.CompactHash, []byte(name), bare)[:16]...)
	use("a MAC over a name without its length", "", "invalid", id+"."+enc.EncodeToString(bare))
}

// withBoth is text with both characters in which the two alphabets differ.
func (f *vectorMaker) withBoth(text string) string { return text[:20] + "-_" + text[22:] }

func nextInAlphabet(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[(strings.IndexByte(alphabet, c)+1)%64]
}

// cut has sessions of several cookies.
func (f *vectorMaker) cut() {
	long := func(name, text string) vectors.Vector {
		return f.issue(name, "", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
			testkit.NoError(f.t, s.Set("text", strings.Repeat(text, 3050)))
		})
	}
	v, another := long("cut into cookies", "ab"), long("", "cd")
	f.add(v)
	chunks, others := strings.Split(v.Cookie, "; "), strings.Split(another.Cookie, "; ")
	if len(chunks) < 3 || len(chunks) != len(others) {
		f.t.Fatalf("%d and %d cookies, want at least 3", len(chunks), len(others))
	}
	good := v
	good.Name, good.Why = string(f.format)+": pieces out of order, with leftovers of another issue", "the tag tells issues apart"
	backwards := slices.Clone(chunks)
	slices.Reverse(backwards)
	good.Cookie = strings.Join(append(slices.Clone(others[1:]), backwards...), "; ") + "; s_session.9=zzzz.left"
	f.add(good)
	use := func(name, why string, chunks ...string) {
		f.refuse(v, name, why, "invalid", func(v *vectors.Vector) { v.Cookie = strings.Join(chunks, "; ") })
	}
	rest := func(first string) []string { return append([]string{first}, chunks[1:]...) }
	use("a piece missing", "", chunks[:len(chunks)-1]...)
	use("only the first piece", "", chunks[0])
	use("two pieces exchanged", "", slices.Concat(chunks[:1], []string{
		strings.Replace(chunks[2], "session.2", "session.1", 1), strings.Replace(chunks[1], "session.1", "session.2", 1),
	}, chunks[3:])...)
	use("a piece of another issue", "its tag differs", slices.Concat(chunks[:1], others[1:2], chunks[2:])...)
	tag, otherTag := tagOf(chunks[1]), tagOf(others[1])
	use("a piece of another issue under this tag", "the tag proves nothing, the seal does",
		slices.Concat(chunks[:1], []string{strings.Replace(others[1], otherTag, tag, 1)}, chunks[2:])...)
	if f.format != cookiesession.FormatCompact { // cutting knows nothing of formats, so one format is enough
		return
	}
	n := fmt.Sprintf(".%d.%s.", len(chunks), tag)
	for what, head := range map[string]string{
		"a count of 1": ".1." + tag + ".", "a count of 65": ".65." + tag + ".", "a count one too high": fmt.Sprintf(".%d.%s.", len(chunks)+1, tag),
		"a count one too low": fmt.Sprintf(".%d.%s.", len(chunks)-1, tag), "a count with a zero before it": fmt.Sprintf(".0%d.%s.", len(chunks), tag),
		"a count with a sign": fmt.Sprintf(".+%d.%s.", len(chunks), tag), "a tag of 3 characters": fmt.Sprintf(".%d.%s.", len(chunks), tag[:3]),
		"no tag": fmt.Sprintf(".%d.", len(chunks)), "no count": "." + tag + ".",
	} {
		use(what, "", rest(strings.Replace(chunks[0], n, head, 1))...)
	}
}

func tagOf(chunk string) string {
	_, value, _ := strings.Cut(chunk, "=")
	return value[:4]
}

// sealed is an authentic cookie with any payload in it.
func (f *vectorMaker) sealed(compartment string, payload []byte) vectors.Vector {
	return vectors.Sealed(f.format, compartment, payload)
}

// hostile has authentic cookies with payloads that no version has written.
func (f *vectorMaker) hostile() {
	for _, c := range vectors.HostilePayloads() {
		f.refuse(f.sealed(c.Compartment, c.Bytes), "authentic, "+c.Name, c.Why, "invalid", func(*vectors.Vector) {})
	}
}

// secondVersions are payloads of version 2: data with metadata, and flash that
// names its session.
func (f *vectorMaker) secondVersions() {
	v := f.issue("metadata beside the values", "written in version 2, where there is any", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
		testkit.NoError(f.t, s.Set("user", "alice"))
		testkit.NoError(f.t, s.SetMetadata("a package", []byte{0, 255}))
		testkit.NoError(f.t, s.SetMetadata("another", []byte{}))
	})
	v.Want.Metadata = map[string][]byte{"a package": {0, 255}, "another": {}}
	f.add(v)
	f.add(f.boundSession())
	m := v.ManagerSealing(f.t, f.format, nil)
	s := m.Open(f.t.Context())
	testkit.NoError(f.t, s.Set("user", "alice"))
	testkit.NoError(f.t, s.Flash("notice", "saved"))
	flash := vectors.Vector{
		Name: string(f.format) + ": flash beside its session", Keys: []vectors.Key{vectors.OneKey}, Config: vectors.Default,
		Now: time.Now().Unix(), Compartment: "flash", Cookie: f.commit(m, s),
		Want: &vectors.Opened{ID: s.ID(), Made: time.Now().Unix(), Values: map[string]any{"notice": vectors.Tag("saved")}},
	}
	flash.ReadPayload(f.t)
	f.add(flash)
	alone := f.flash()
	alone.Want.Made, alone.Want.Expires = alone.Now, 0
	alone.Name, alone.Why = string(f.format)+": flash beside no session", "its id is empty"
	f.add(alone)
}

// boundSession is one that is bound to a device, with its bound cookie. It is
// made by hand: the core does not know what is in these texts.
func (f *vectorMaker) boundSession() vectors.Vector {
	thumb := bytes.Repeat([]byte{0xd5}, 16)
	var mark []byte
	v := f.issue("bound to a device", "the metadata is 2, the first 4 bytes of the id, and the thumbprint", vectors.OneKey, vectors.Default, func(s *cookiesession.Session) {
		id := s.IDBytes()
		mark = append(append([]byte{2}, id[:4]...), thumb...)
		testkit.NoError(f.t, s.Set("user", "alice"))
		testkit.NoError(f.t, s.SetMetadata("dbsc", mark))
	})
	v.Want.Metadata = map[string][]byte{"dbsc": mark}
	id, err := base64.RawURLEncoding.DecodeString(v.Want.ID)
	testkit.NoError(f.t, err)
	ends := time.Now().Add(10 * time.Minute)
	plain := slices.Concat(id, thumb, binary.BigEndian.AppendUint32(nil, uint32(v.Now)), binary.BigEndian.AppendUint32(nil, uint32(ends.Unix())))
	text, err := v.ManagerSealing(f.t, f.format, nil).Seal("dbsc cookie", plain, ends.Add(30*time.Second))
	testkit.NoError(f.t, err)
	v.Cookie += "; s_session_bound=" + text
	return v
}

// texts are sealed for a purpose.
func (f *vectorMaker) texts() {
	id, thumb := bytes.Repeat([]byte{0x1d}, 16), bytes.Repeat([]byte{0xd5}, 16)
	now := binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix()))
	later := binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix()+600))
	key, err := hex.DecodeString("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5") // the generator of P-256
	testkit.NoError(f.t, err)
	for _, c := range []struct {
		name, purpose string
		plain         []byte
		lasts         int64
	}{
		{"a sealed text", "reset password", []byte("user 7"), 60},
		{"a sealed text of nothing", "a.b-c_d e", nil, 60},
		{"a bound cookie", "dbsc cookie", slices.Concat(id, thumb, now, later), 630},
		{"a challenge to register", "dbsc register", slices.Concat(id, now), 720},
		{"a challenge to refresh", "dbsc refresh", slices.Concat(id, thumb, now), 720},
		{"the public key in the address of a refresh", "dbsc key", slices.Concat(id, key), 400 * 86400},
		{"the sign that a session has ended", "dbsc end", id, 400 * 86400},
	} {
		f.add(f.text(c.name, c.purpose, c.plain, c.lasts))
	}
	v := f.text("", "reset password", []byte("user 7"), 60)
	f.refuse(v, "a text for another purpose", "the seal covers the purpose", "invalid", func(v *vectors.Vector) { v.Purpose = "confirm" })
	f.refuse(v, "another manager's text", "", "invalid", func(v *vectors.Vector) { v.Config.Name = "session2" })
	f.refuse(v, "a text at its end", "", "expired", func(v *vectors.Vector) { v.Now += 60 })
	f.refuse(v, "a text of another ring", "", "unknown key", func(v *vectors.Vector) { v.Keys = []vectors.Key{vectors.OtherKey} })
	f.refuse(v, "a text with a character less", "", "invalid", func(v *vectors.Vector) { v.Cookie = v.Cookie[:len(v.Cookie)-1] })
	for name, payload := range map[string][]byte{
		"a text of a later version": slices.Concat([]byte{0x93, 2}, v.Payload[2:]), "a text with a byte behind it": append(bytes.Clone(v.Payload), 0xc0),
		"a text that is no binary": slices.Concat(v.Payload[:7], []byte{0xa6}, v.Payload[9:]),
	} {
		f.refuse(v, name, "", "invalid", func(v *vectors.Vector) { v.Cookie = f.sealedText(v.CookieName(), payload) })
	}
	f.refuse(v, "a session as a text", "", "invalid", func(v *vectors.Vector) {
		_, v.Cookie, _ = strings.Cut(f.simple().Cookie, "=")
	})
}

// sealedText is an authentic text of any payload.
func (f *vectorMaker) sealedText(name string, payload []byte) string {
	k, iv := vectors.OneKey.Naive(), vectors.IVNamed(string(payload))
	if f.format == cookiesession.FormatCompact {
		return k.ID + "." + k.SealCompact(name, iv, payload)
	}
	return k.ID + "." + k.SealSecurecookie(name, iv, payload, time.Now().Unix())
}

func (f *vectorMaker) text(name, purpose string, plain []byte, lasts int64) vectors.Vector {
	v := vectors.Vector{
		Name: string(f.format) + ": " + name, Keys: []vectors.Key{vectors.OneKey}, Config: vectors.Default,
		Now: time.Now().Unix(), Compartment: "text", Purpose: purpose,
		Want: &vectors.Opened{Until: time.Now().Unix() + lasts, Text: plain},
	}
	var err error
	v.Cookie, err = v.ManagerSealing(f.t, f.format, nil).Seal(purpose, plain, time.Now().Add(time.Duration(lasts)*time.Second))
	testkit.NoError(f.t, err)
	v.ReadPayload(f.t)
	return v
}
