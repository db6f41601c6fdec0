package vectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/cookiesession/cookiesession"
)

// OddValues are well-formed msgpack that no Set has made.
var OddValues = map[string][]byte{
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

// IVNamed is a different IV, or id, for each name.
func IVNamed(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

// Sealed is an authentic cookie with any payload in it.
func Sealed(format cookiesession.Format, compartment string, payload []byte) Vector {
	v := Vector{Keys: []Key{OneKey}, Config: Default, Now: Time.Unix(), Compartment: compartment}
	k, iv := v.Keys[0].Naive(), IVNamed(string(payload))
	text := k.SealSecurecookie(v.CookieName(), iv, payload, v.Now)
	if format == cookiesession.FormatCompact {
		text = k.SealCompact(v.CookieName(), iv, payload)
	}
	v.Cookie = v.CookieName() + "=" + k.ID + "." + text
	return v
}

// Payload is what is sealed in an authentic cookie, though no version writes it.
type Payload struct {
	Name, Why, Compartment string
	Bytes                  []byte
}

// HostilePayloads differ from sound ones in the one thing that they name.
func HostilePayloads() (all []Payload) {
	for _, p := range slices.Concat(hostileData, promisesTooMuch()) {
		all = append(all, Payload{"data: " + p.name, p.why, "data", bytes.Join(p.parts, nil)})
	}
	for _, p := range hostileFlash {
		all = append(all, Payload{"flash: " + p.name, p.why, "flash", bytes.Join(p.parts, nil)})
	}
	for _, p := range hostileViews {
		parts := slices.Concat([]byte{0x9a, 1}, anID, sealedAt, p.lastSeen, p.counters, bin(p.set), bin(p.paths), bin(p.log))
		all = append(all, Payload{"views: " + p.name, p.why, "views", parts})
	}
	return all
}

type hostile struct {
	name, why string
	parts     [][]byte
}

// These are parts of payloads: see FORMAT.md.
var (
	anID           = append([]byte{0xc4, 16}, IVNamed("id")...)
	sealedAt       = seconds(0)
	inFuture       = seconds(301)
	msgNil         = []byte{0xc0}
	noPairs        = []byte{0x80}
	dataHead       = []byte{0x96, 1}
	flashHead      = []byte{0x93, 1}
	expiresAt      = seconds(60)
	expiresTooLate = seconds(60 + 302)
	rootPath       = []byte{3, '/'}
)

// seconds is the instant that is so long after Time.
func seconds(after int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{0xce}, uint32(Time.Unix()+after))
}

// pairK is a map with one value under the key k.
func pairK(value ...byte) []byte { return append([]byte{0x81, 0xa1, 'k'}, value...) }

var hostileData = []hostile{
	{"a later version", "refused, and left in the browser: an older instance must not destroy what a newer one wrote", [][]byte{{0x96, 2}, anID, sealedAt, sealedAt, msgNil, noPairs}},
	{"a later version of another shape", "only the version is looked at", [][]byte{{0x93, 2, 0xa1, 'x', 0xc0}}},
	{"version 0", "", [][]byte{{0x96, 0}, anID, sealedAt, sealedAt, msgNil, noPairs}},
	{"a negative version", "", [][]byte{{0x96, 0xff}, anID, sealedAt, sealedAt, msgNil, noPairs}},
	{"a version that is text", "", [][]byte{{0x96, 0xa1, '1'}, anID, sealedAt, sealedAt, msgNil, noPairs}},
	{"version 3", "refused, and left in the browser", [][]byte{{0x97, 3}, anID, sealedAt, sealedAt, msgNil, noPairs, noPairs}},
	{"version 2 with eight elements", "", [][]byte{{0x98, 2}, anID, sealedAt, sealedAt, msgNil, noPairs, noPairs, msgNil}},
	{"metadata out of order", "", [][]byte{{0x97, 2}, anID, sealedAt, sealedAt, msgNil, noPairs, {0x82, 0xa1, 'k', 0xc4, 0, 0xa1, 'j', 0xc4, 0}}},
	{"metadata that is a list", "", [][]byte{{0x97, 2}, anID, sealedAt, sealedAt, msgNil, noPairs, {0x90}}},
	{"no array", "", [][]byte{noPairs}},
	{"nothing at all but one byte", "", [][]byte{{0xc0}}},
	{"five elements", "", [][]byte{{0x95, 1}, anID, sealedAt, sealedAt, msgNil}},
	{"seven elements", "", [][]byte{{0x97, 1}, anID, sealedAt, sealedAt, msgNil, noPairs, msgNil}},
	{"a byte behind the end", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, noPairs, msgNil}},
	{"cut short", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil}},
	{"an id of 15 bytes", "", [][]byte{dataHead, append([]byte{0xc4, 15}, anID[2:17]...), sealedAt, sealedAt, msgNil, noPairs}},
	{"an id of 17 bytes", "", [][]byte{dataHead, append([]byte{0xc4, 17}, append(anID[2:18:18], 0)...), sealedAt, sealedAt, msgNil, noPairs}},
	{"an id that is text", "", [][]byte{dataHead, append([]byte{0xb0}, anID[2:]...), sealedAt, sealedAt, msgNil, noPairs}},
	{"created in the future", "", [][]byte{dataHead, anID, inFuture, sealedAt, msgNil, noPairs}},
	{"modified in the future", "", [][]byte{dataHead, anID, sealedAt, inFuture, msgNil, noPairs}},
	{"created as a float", "", [][]byte{dataHead, anID, {0xcb, 0x41, 0xda, 0, 0, 0, 0, 0, 0}, sealedAt, msgNil, noPairs}},
	{"created as text", "", [][]byte{dataHead, anID, {0xa1, '1'}, sealedAt, msgNil, noPairs}},
	{"modified beyond 63 bits", "", [][]byte{dataHead, anID, sealedAt, append([]byte{0xcf}, bytes.Repeat([]byte{255}, 8)...), msgNil, noPairs}},
	{"negative idle seconds", "", [][]byte{dataHead, anID, sealedAt, sealedAt, {0xff}, noPairs}},
	{"idle seconds beyond the end of time", "more than 9223372036 seconds are more than 64 bits of nanoseconds", [][]byte{dataHead, anID, sealedAt, sealedAt, append([]byte{0xcf}, 0, 0, 0, 2, 0x25, 0xc1, 0x7d, 5), noPairs}},
	{"an expiry that is text", "", [][]byte{dataHead, anID, sealedAt, sealedAt, {0xa1, '1'}, noPairs}},
	{"an expiry with 1e9 nanoseconds", "", [][]byte{dataHead, anID, sealedAt, sealedAt, append([]byte{0xc7, 12, 0xff}, 0x3b, 0x9a, 0xca, 0, 0, 0, 0, 0, 0x70, 0, 0, 0), noPairs}},
	{"an expiry of another extension type", "", [][]byte{dataHead, anID, sealedAt, sealedAt, {0xd6, 1, 0, 0, 0, 0}, noPairs}},
	{"values that are a list", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x90}}},
	{"a key that is a number", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x81, 1, 1}}},
	{"a key that is bytes", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x81, 0xc4, 1, 'k', 1}}},
	{"a doubled key", "readers would differ about which counts", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x82, 0xa1, 'k', 1, 0xa1, 'k', 2}}},
	{"keys out of order", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x82, 0xa1, 'k', 1, 0xa1, 'j', 2}}},
	{"a shorter key behind a longer one that it begins", "order is that of bytes", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0x82, 0xa2, 'k', 'k', 1, 0xa1, 'k', 2}}},
	{"a byte that msgpack does not use", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, pairK(0xc1)}},
	{"an array header of 2^32-1", "", [][]byte{{0xdd, 255, 255, 255, 255, 1}, anID, sealedAt, sealedAt, msgNil, noPairs}},
	{"values of 2^32-1 pairs", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, {0xdf, 255, 255, 255, 255}}},
	{"nested 33 deep", "32 is the most", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, pairK(append(bytes.Repeat([]byte{0x91}, 33), 1)...)}},
	{"maps nested 33 deep", "", [][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, pairK(append(bytes.Repeat([]byte{0x81, 1}, 33), 1)...)}},
}

// promisesTooMuch are values that say to be longer than all memory.
func promisesTooMuch() (all []hostile) {
	for _, c := range []struct {
		name string
		head byte
	}{{"text", 0xdb}, {"bytes", 0xc6}, {"a list", 0xdd}, {"a map", 0xdf}, {"an extension", 0xc9}} {
		for what, length := range map[string]byte{"2^32-1": 255, "2^31": 128} {
			rest := byte(255)
			if length == 128 {
				rest = 0
			}
			all = append(all, hostile{c.name + " of " + what, "no length is believed before as many bytes are there",
				[][]byte{dataHead, anID, sealedAt, sealedAt, msgNil, pairK(c.head, length, rest, rest, rest)}})
		}
	}
	return all
}

var hostileFlash = []hostile{
	{"a later version", "", [][]byte{{0x93, 2}, expiresAt, noPairs}},
	{"version 3", "", [][]byte{{0x94, 3}, expiresAt, noPairs, anID}},
	{"version 2 with an id of 15 bytes", "", [][]byte{{0x94, 2}, expiresAt, noPairs, append([]byte{0xc4, 15}, anID[2:17]...)}},
	{"version 2 with an id that is text", "", [][]byte{{0x94, 2}, expiresAt, noPairs, append([]byte{0xb0}, anID[2:]...)}},
	{"two elements", "", [][]byte{{0x92, 1}, expiresAt}},
	{"too far ahead", "", [][]byte{flashHead, expiresTooLate, noPairs}},
	{"doubled keys", "", [][]byte{flashHead, expiresAt, {0x82, 0xa1, 'k', 1, 0xa1, 'k', 2}}},
	{"a byte behind the end", "", [][]byte{flashHead, expiresAt, noPairs, msgNil}},
}

var hostileViews = []struct {
	name, why                           string
	lastSeen, counters, set, paths, log []byte
}{
	{"more pages than requests", "", sealedAt, []byte{1, 2, 0}, nil, nil, nil},
	{"more unique pages than pages", "", sealedAt, []byte{3, 1, 2}, nil, nil, nil},
	{"a negative count", "", sealedAt, []byte{0xff, 0xff, 0xff}, nil, nil, nil},
	{"a set that is no multiple of 4", "", sealedAt, []byte{3, 3, 3}, []byte{1, 2, 3}, nil, nil},
	{"a path longer than what is there", "", sealedAt, []byte{1, 1, 1}, nil, []byte{5, '/'}, nil},
	{"a view of a path that is not there", "", sealedAt, []byte{1, 1, 1}, nil, rootPath, []byte{0, 2}},
	{"a pause at another path than the first", "", sealedAt, []byte{1, 1, 1}, nil, rootPath, []byte{0, 3, 0}},
	{"a view cut short", "", sealedAt, []byte{1, 1, 1}, nil, rootPath, []byte{0}},
	{"a status of 99", "", sealedAt, []byte{1, 0, 0}, nil, []byte{2, '/'}, []byte{0, 1, 99}},
	{"a status of 1000", "", sealedAt, []byte{1, 0, 0}, nil, []byte{2, '/'}, []byte{0, 1, 0xe8, 7}},
	{"a number of more than 53 bits", "", sealedAt, []byte{1, 1, 1}, nil, rootPath, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 16, 0}},
	{"a number without an end", "", sealedAt, []byte{1, 1, 1}, nil, rootPath, bytes.Repeat([]byte{0x80}, 12)},
	{"a bitmap of 1023 bytes", "beyond 256 unique paths the set is a bitmap of 1024 bytes", sealedAt, []byte{0xcd, 2, 0, 0xcd, 2, 0, 0xcd, 1, 1}, make([]byte, 1023), nil, nil},
	{"last seen in the future", "", inFuture, []byte{1, 1, 1}, nil, nil, nil},
}

// bin writes b as msgpack does.
func bin(b []byte) []byte {
	if len(b) < 256 {
		return append([]byte{0xc4, byte(len(b))}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0xc5}, uint16(len(b))), b...)
}
