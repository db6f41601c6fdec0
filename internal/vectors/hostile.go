package vectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/cookiesession/cookiesession"
)

// oddValues are well-formed msgpack that no Set has made.
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

func IVNamed(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

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

type Payload struct {
	Name, Why, Compartment string
	Bytes                  []byte
}

// hostilePayloads differ from sound ones in the one thing that they name.
func HostilePayloads() (all []Payload) {
	id := append([]byte{0xc4, 16}, IVNamed("id")...)
	now := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(Time.Unix()))
	later := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(Time.Unix()+301))
	none, empty := []byte{0xc0}, []byte{0x80}
	value := func(v ...byte) []byte { return append([]byte{0x81, 0xa1, 'k'}, v...) }
	data := func(name, why string, parts ...[]byte) {
		all = append(all, Payload{"data: " + name, why, "data", bytes.Join(parts, nil)})
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

	expires := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(Time.Unix()+60))
	tooLate := binary.BigEndian.AppendUint32([]byte{0xce}, uint32(Time.Unix()+60+302))
	flash := func(name string, parts ...[]byte) {
		all = append(all, Payload{"flash: " + name, "", "flash", bytes.Join(parts, nil)})
	}
	three := []byte{0x93, 1}
	flash("a later version", []byte{0x93, 2}, expires, empty)
	flash("two elements", []byte{0x92, 1}, expires)
	flash("too far ahead", three, tooLate, empty)
	flash("doubled keys", three, expires, []byte{0x82, 0xa1, 'k', 1, 0xa1, 'k', 2})
	flash("a byte behind the end", three, expires, empty, none)

	views := func(name, why string, requests, pages, unique byte, set, paths, log []byte) {
		p := slices.Concat([]byte{0x9a, 1}, id, now, now, []byte{requests, pages, unique}, bin(set), bin(paths), bin(log))
		all = append(all, Payload{"views: " + name, why, "views", p})
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
	all = append(all, Payload{"views: a bitmap of 1023 bytes", "beyond 256 unique paths the set is a bitmap of 1024 bytes", "views", big})
	future := slices.Concat([]byte{0x9a, 1}, id, now, later, []byte{1, 1, 1}, bin(nil), bin(nil), bin(nil))
	all = append(all, Payload{"views: last seen in the future", "", "views", future})
	return all
}

func bin(b []byte) []byte {
	if len(b) < 256 {
		return append([]byte{0xc4, byte(len(b))}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0xc5}, uint16(len(b))), b...)
}
