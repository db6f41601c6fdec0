package cookiesession

import (
	"fmt"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/views"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// This file packs payloads, seals them, and unpacks what was opened. It is the
// hot path, and nothing else. Pooled memory stays here, in internal/seal and in
// internal/value: none of it is handed to anybody who may keep it.

// The first element of every payload is its version. A payload of a later
// version is refused and left in the browser, because an older instance must
// not destroy what a newer one wrote. All earlier versions are read.
var errVersion = fmt.Errorf("%w: written by a later version", ErrInvalid)

// payload is what one compartment holds.
type payload interface {
	pack(b []byte) []byte
	entries() wire.Pairs // for the error that names what is too large
}

// record is the data payload:
//
//	[1, id, created, modified, expiry, {key: value}]
//	[2, id, created, modified, expiry, {key: value}, {name: metadata}]
//
// The second version is written only where there is metadata. So an older
// instance reads every session that does not need the newer one.
type record struct {
	id                sessionID
	created, modified int64 // Unix time, seconds
	expiry            Expiry
	values            wire.Pairs
	metadata          wire.Pairs // of byte strings; see Session.SetMetadata
}

func (r *record) pack(b []byte) []byte {
	if r.metadata.Len() > 0 {
		return r.metadata.Append(r.packCommon(b, 7, 2))
	}
	return r.packCommon(b, 6, 1)
}

// packCommon packs what both versions have.
func (r *record) packCommon(b []byte, elements int, version int64) []byte {
	b = wire.AppendInt(wire.AppendArray(b, elements), version)
	b = wire.AppendBytes(b, r.id[:])
	b = wire.AppendInt(wire.AppendInt(b, r.created), r.modified)
	b = r.expiry.append(b)
	return r.values.Append(b)
}

func (r *record) entries() wire.Pairs { return r.values }

// packedLen is len(r.pack(nil)).
func (r *record) packedLen() (n int) {
	const array, version, id = 1, 1, 2 + len(r.id)
	if r.metadata.Len() > 0 {
		n = r.metadata.Size()
	}
	return n + array + version + id + wire.SizeInt(r.created) + wire.SizeInt(r.modified) + r.expiry.packedLen() + r.values.Size()
}

// accept reads a data payload and refuses times that no clock of ours can have
// made. Its values stay where they are, encoded.
func (r *record) accept(plain []byte, now time.Time, _ *policy) (latest int64, err error) {
	in, version, err := readPayload(plain, 6, 7)
	if err != nil {
		return 0, err
	}
	okID := r.id.set(in.Bytes())
	r.created, r.modified = in.Int(), in.Int()
	expiry, okExpiry := parseExpiry(in.Value())
	r.expiry, r.values = expiry, in.Pairs()
	if version == 2 {
		r.metadata = in.Pairs()
	}
	soon := now.Unix() + maxSkew
	if !in.Done() || !okID || !okExpiry || r.created > soon || r.modified > soon {
		return 0, ErrInvalid
	}
	return r.modified, nil
}

// flashRecord is the flash payload:
//
//	[1, expires, {key: value}]
//	[2, made, {key: value}, id]
//
// The second version says when the flash was made, because the lifetime in
// force is that of the current Config. It names the session that the flash was
// made beside; an empty id stands for a visitor without one. The first version is
// only read.
type flashRecord struct {
	made   int64 // Unix time, seconds
	values wire.Pairs
	id     sessionID // all zero: made beside no session
	free   bool      // of version 1: made beside nobody knows what
}

func (r *flashRecord) pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendInt(wire.AppendArray(b, 4), 2), r.made)
	return wire.AppendBytes(r.values.Append(b), r.owner())
}

func (r *flashRecord) owner() []byte {
	if r.id == (sessionID{}) {
		return nil
	}
	return r.id[:]
}

func (r *flashRecord) entries() wire.Pairs { return r.values }

// packedLen is len(r.pack(nil)).
func (r *flashRecord) packedLen() int {
	const array, version = 1, 1
	return array + version + wire.SizeInt(r.made) + r.values.Size() + wire.SizeBytes(len(r.owner()))
}

// accept is record.accept for flash.
func (r *flashRecord) accept(plain []byte, now time.Time, rules *policy) (latest int64, err error) {
	in, version, err := readPayload(plain, 3, 4)
	if err != nil {
		return 0, err
	}
	r.made, r.values = in.Int(), in.Pairs()
	okID := true
	if r.free = version == 1; r.free {
		r.made -= rules.flashSeconds() // what stands there is when it ends
	} else {
		id := in.Bytes()
		okID = len(id) == 0 || r.id.set(id)
	}
	if !in.Done() || !okID || r.made > now.Unix()+maxSkew+1 {
		return 0, ErrInvalid
	}
	return r.made, nil
}

// viewRecord is the views payload.
type viewRecord struct{ views.Record }

func (r *viewRecord) pack(b []byte) []byte { return r.Pack(b) }

// entries has none: a history that is too large is shortened, which is no error.
func (r *viewRecord) entries() wire.Pairs { return wire.Pairs{} }

// accept is record.accept for views.
func (r *viewRecord) accept(plain []byte, now time.Time, _ *policy) (latest int64, err error) {
	in, _, err := readPayload(plain, views.Elements)
	if err != nil {
		return 0, err
	}
	soon := now.Unix() + maxSkew
	if !r.Unpack(&in) || r.Created > soon || r.Last > soon {
		return 0, ErrInvalid
	}
	return r.Last, nil
}

// token is the payload of a text that is sealed for a purpose: [1, until, text].
type token struct {
	until int64 // Unix time, seconds
	plain []byte
}

// sealToken returns "<key id>.<sealed text>".
func sealToken(name string, t token, key *keys.Key) (string, error) {
	plain := wire.AppendBytes(wire.AppendInt(wire.AppendInt(wire.AppendArray(nil, 3), 1), t.until), t.plain)
	text, err := key.Sealer().Seal(append([]byte(key.ID()), '.'), name, plain)
	return string(text), err
}

// openToken opens what stands behind the key id.
func openToken(name, text string, key *keys.Key) (t token, err error) {
	plain, err := key.Open(name, text)
	if err != nil {
		return t, ErrInvalid
	}
	in, _, err := readPayload(plain, 3)
	if err != nil {
		return t, err
	}
	t.until, t.plain = in.Int(), in.Bytes()
	if !in.Done() {
		return token{}, ErrInvalid
	}
	return t, nil
}

// readPayload begins to read a payload, behind its version. The payload has
// elements[0] elements in version 1, elements[1] in version 2, and so on.
func readPayload(plain []byte, elements ...int) (in wire.Reader, version int64, err error) {
	in = wire.NewReader(plain)
	n := in.Array()
	switch version = in.Int(); {
	case in.Failed() || version < 1:
		err = ErrInvalid
	case version > int64(len(elements)):
		err = errVersion
	case n != elements[version-1]:
		err = ErrInvalid
	}
	return in, version, err
}

// scratch is what sealing one payload needs and nobody keeps.
type scratch struct{ plain, line []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// sealed is the size of a payload that was sealed.
type sealed struct{ plainLen, cookies, bytes int }

// seal packs p, seals it under key and appends the Set-Cookie lines to lines.
// The text is sealed where one cookie line has it, so nothing is copied.
func seal(lines []string, c *cookie.Cookie, p payload, key *keys.Key, maxAge int) (_ []string, size sealed, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.plain = p.pack(s.plain[:0])
	s.line = c.AppendStart(s.line[:0], key.ID())
	start := len(s.line)
	s.line, err = key.Sealer().Seal(s.line, c.Name, s.plain)
	if err != nil {
		return lines, sealed{}, fmt.Errorf("cookiesession: sealing %s: %w", c.Name, err)
	}
	size.plainLen = len(s.plain)
	size.cookies, size.bytes = c.Cost(len(s.line) - start)
	lines, s.line = c.AppendLines(lines, s.line, start, size.cookies, key.ID(), maxAge)
	return lines, size, nil
}

// sealedSize is what a payload of n bytes, sealed under key, takes as cookies.
func sealedSize(c *cookie.Cookie, key *keys.Key, n int) int {
	cookies, bytes := c.Cost(key.Sealer().Len(n))
	if cookies > cookie.MaxChunks {
		return max(bytes, cookie.MaxChunks*cookie.MaxLine+1) // beyond every MaxBytes
	}
	return bytes
}
