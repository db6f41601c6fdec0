// Package payload packs and unpacks what is sealed into cookies: the data of a
// session, its flash, its views, and short texts for a purpose. Each payload
// is a msgpack array that begins with a version. It knows nothing of seals,
// cookies and requests.
package payload

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/cookiesession/cookiesession/internal/views"
	"github.com/cookiesession/cookiesession/internal/wire"
)

var (
	// ErrInvalid is the answer about bytes that no version of this package packed.
	ErrInvalid = errors.New("payload: not one that was packed here")
	// ErrVersion is the answer about a payload of a later version. It must stay in
	// the browser: an older instance must not destroy what a newer one wrote.
	ErrVersion = errors.New("payload: written by a later version")
)

// MaxSkew is how far the clocks of two instances may be apart, in seconds.
const MaxSkew = 5 * 60

// Limits is what a payload is judged by when it is read.
type Limits struct {
	Now           time.Time
	FlashLifetime int64 // seconds
}

// soon is the latest time that a clock of ours can have written.
func (l Limits) soon() int64 { return l.Now.Unix() + MaxSkew }

// ID identifies a visitor's session. All zero is none.
type ID [16]byte

// NewID makes an ID of 128 random bits.
func NewID() (id ID) {
	rand.Read(id[:]) // never fails
	return id
}

// String is base64url, 22 characters.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func (id *ID) set(b []byte) bool { return copy(id[:], b) == len(id) && len(b) == len(id) }

// Data is what a session holds:
//
//	[1, id, created, modified, expiry, {key: value}]
//	[2, id, created, modified, expiry, {key: value}, {name: metadata}]
//
// The second version is written only where there is metadata. So an older
// instance reads every session that does not need the newer one.
type Data struct {
	ID                ID
	Created, Modified int64 // Unix time, seconds
	Expiry            Expiry
	Values            wire.Pairs
	Metadata          wire.Pairs // of byte strings
}

// Pack appends the payload to b.
func (d *Data) Pack(b []byte) []byte {
	if d.Metadata.Len() > 0 {
		return d.Metadata.Append(d.packCommon(b, 7, 2))
	}
	return d.packCommon(b, 6, 1)
}

// packCommon packs what both versions have.
func (d *Data) packCommon(b []byte, elements int, version int64) []byte {
	b = wire.AppendInt(wire.AppendArray(b, elements), version)
	b = wire.AppendBytes(b, d.ID[:])
	b = wire.AppendInt(wire.AppendInt(b, d.Created), d.Modified)
	return d.Values.Append(d.Expiry.pack(b))
}

// Entries are the values, for an error that names what is too large.
func (d *Data) Entries() wire.Pairs { return d.Values }

// PackedLen is len(d.Pack(nil)).
func (d *Data) PackedLen() (n int) {
	const array, version, id = 1, 1, 2 + len(d.ID)
	if d.Metadata.Len() > 0 {
		n = d.Metadata.Size()
	}
	return n + array + version + id + wire.SizeInt(d.Created) + wire.SizeInt(d.Modified) + d.Expiry.packedLen() + d.Values.Size()
}

// Unpack reads a payload and refuses times that no clock of ours can have
// written. Its values stay where they are, encoded. latest is when it was modified.
func (d *Data) Unpack(plain []byte, limits Limits) (latest int64, err error) {
	in, version, err := begin(plain, 6, 7)
	if err != nil {
		return 0, err
	}
	okID := d.ID.set(in.Bytes())
	d.Created, d.Modified = in.Int(), in.Int()
	expiry, okExpiry := unpackExpiry(in.Value())
	d.Expiry, d.Values = expiry, in.Pairs()
	if version == 2 {
		d.Metadata = in.Pairs()
	}
	if !in.Done() || !okID || !okExpiry || d.Created > limits.soon() || d.Modified > limits.soon() {
		return 0, ErrInvalid
	}
	return d.Modified, nil
}

// Flash is what is kept for the next page:
//
//	[1, expires, {key: value}]
//	[2, made, {key: value}, id]
//
// The second version says when the flash was made, because the lifetime in
// force is the one that is configured now. It names the session that the flash
// was made beside. An empty id stands for a visitor without one. The first version
// is only read.
type Flash struct {
	Made   int64 // Unix time, seconds
	Values wire.Pairs
	ID     ID   // all zero: made beside no session
	Free   bool // of version 1: made beside nobody knows what
}

// Pack appends the payload to b.
func (f *Flash) Pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendInt(wire.AppendArray(b, 4), 2), f.Made)
	return wire.AppendBytes(f.Values.Append(b), f.owner())
}

func (f *Flash) owner() []byte {
	if f.ID == (ID{}) {
		return nil
	}
	return f.ID[:]
}

// Entries are the values, for an error that names what is too large.
func (f *Flash) Entries() wire.Pairs { return f.Values }

// PackedLen is len(f.Pack(nil)).
func (f *Flash) PackedLen() int {
	const array, version = 1, 1
	return array + version + wire.SizeInt(f.Made) + f.Values.Size() + wire.SizeBytes(len(f.owner()))
}

// Unpack reads a payload as [Data.Unpack] does. latest is when it was made.
func (f *Flash) Unpack(plain []byte, limits Limits) (latest int64, err error) {
	in, version, err := begin(plain, 3, 4)
	if err != nil {
		return 0, err
	}
	f.Made, f.Values = in.Int(), in.Pairs()
	okID := true
	if f.Free = version == 1; f.Free {
		f.Made -= limits.FlashLifetime // what stands there is when it ends
	} else {
		id := in.Bytes()
		okID = len(id) == 0 || f.ID.set(id)
	}
	if !in.Done() || !okID || f.Made > limits.soon()+1 {
		return 0, ErrInvalid
	}
	return f.Made, nil
}

// Views is the record of a visitor's requests.
type Views struct{ views.Record }

// Entries has none: a history that is too large is shortened, which is no error.
func (v *Views) Entries() wire.Pairs { return wire.Pairs{} }

// Unpack reads a payload as [Data.Unpack] does. latest is the last request.
func (v *Views) Unpack(plain []byte, limits Limits) (latest int64, err error) {
	in, _, err := begin(plain, views.Elements)
	if err != nil {
		return 0, err
	}
	if !v.Record.Unpack(&in) || v.Created > limits.soon() || v.Last > limits.soon() {
		return 0, ErrInvalid
	}
	return v.Last, nil
}

// Text is a short text that is sealed for a purpose: [1, until, text].
type Text struct {
	Until int64 // Unix time, seconds
	Text  []byte
}

// IsPurpose reports whether purpose may stand for what texts are sealed for: 1
// to 64 letters, digits, spaces and the characters "-", "_" and ".".
func IsPurpose(purpose string) bool {
	for _, c := range []byte(purpose) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == ' ') {
			return false
		}
	}
	return purpose != "" && len(purpose) <= 64
}

// Pack appends the payload to b.
func (t *Text) Pack(b []byte) []byte {
	return wire.AppendBytes(wire.AppendInt(wire.AppendInt(wire.AppendArray(b, 3), 1), t.Until), t.Text)
}

// Unpack reads a payload.
func (t *Text) Unpack(plain []byte) error {
	in, _, err := begin(plain, 3)
	if err != nil {
		return err
	}
	if t.Until, t.Text = in.Int(), in.Bytes(); !in.Done() {
		*t = Text{}
		return ErrInvalid
	}
	return nil
}

// begin begins to read a payload, behind its version. The payload has
// elements[0] elements in version 1, elements[1] in version 2, and so on.
func begin(plain []byte, elements ...int) (in wire.Reader, version int64, err error) {
	in = wire.NewReader(plain)
	n := in.Array()
	switch version = in.Int(); {
	case in.Failed() || version < 1:
		err = ErrInvalid
	case version > int64(len(elements)):
		err = ErrVersion
	case n != elements[version-1]:
		err = ErrInvalid
	}
	return in, version, err
}
