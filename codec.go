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

// payloadVersion is the first element of every payload. A payload of a later
// version is refused and left in the browser, because an older instance must
// not destroy what a newer one wrote.
const payloadVersion = 1

var errVersion = fmt.Errorf("%w: written by a later version", ErrInvalid)

// payload is what one compartment holds.
type payload interface {
	pack(b []byte) []byte
	entries() wire.Pairs // for the error that names what is too large
}

// record is the data payload: [1, id, created, modified, expiry, {key: value}].
type record struct {
	id                sessionID
	created, modified int64 // Unix time, seconds
	expiry            Expiry
	values            wire.Pairs
}

func (r *record) pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendArray(b, 6), payloadVersion)
	b = wire.AppendBytes(b, r.id[:])
	b = wire.AppendInt(wire.AppendInt(b, r.created), r.modified)
	b = r.expiry.append(b)
	return r.values.Append(b)
}

func (r *record) entries() wire.Pairs { return r.values }

// packedLen is len(r.pack(nil)).
func (r *record) packedLen() int {
	const array, version, id = 1, 1, 2 + len(r.id)
	return array + version + id + wire.SizeInt(r.created) + wire.SizeInt(r.modified) + r.expiry.packedLen() + r.values.Size()
}

// accept reads a data payload and refuses times that no clock of ours can have
// made. Its values stay where they are, encoded.
func (r *record) accept(plain []byte, now time.Time, _ *policy) (latest int64, err error) {
	in, err := readPayload(plain, 6)
	if err != nil {
		return 0, err
	}
	okID := r.id.set(in.Bytes())
	r.created, r.modified = in.Int(), in.Int()
	expiry, okExpiry := parseExpiry(in.Value())
	r.expiry, r.values = expiry, in.Pairs()
	soon := now.Unix() + maxSkew
	if !in.Done() || !okID || !okExpiry || r.created > soon || r.modified > soon {
		return 0, ErrInvalid
	}
	return r.modified, nil
}

// flashRecord is the flash payload: [1, expires, {key: value}].
type flashRecord struct {
	expires int64 // Unix time, seconds
	values  wire.Pairs
}

func (r *flashRecord) pack(b []byte) []byte {
	b = wire.AppendInt(wire.AppendArray(b, 3), payloadVersion)
	b = wire.AppendInt(b, r.expires)
	return r.values.Append(b)
}

func (r *flashRecord) entries() wire.Pairs { return r.values }

// packedLen is len(r.pack(nil)).
func (r *flashRecord) packedLen() int {
	const array, version = 1, 1
	return array + version + wire.SizeInt(r.expires) + r.values.Size()
}

// accept is record.accept for flash.
func (r *flashRecord) accept(plain []byte, now time.Time, rules *policy) (latest int64, err error) {
	in, err := readPayload(plain, 3)
	if err != nil {
		return 0, err
	}
	r.expires, r.values = in.Int(), in.Pairs()
	if !in.Done() || r.expires > now.Add(rules.flashLifetime).Unix()+maxSkew+1 {
		return 0, ErrInvalid
	}
	return r.expires, nil
}

// viewRecord is the views payload.
type viewRecord struct{ views.Record }

func (r *viewRecord) pack(b []byte) []byte { return r.Pack(b) }

// entries has none: a history that is too large is shortened, which is no error.
func (r *viewRecord) entries() wire.Pairs { return wire.Pairs{} }

// accept is record.accept for views.
func (r *viewRecord) accept(plain []byte, now time.Time, _ *policy) (latest int64, err error) {
	in, err := readPayload(plain, views.Elements)
	if err != nil {
		return 0, err
	}
	soon := now.Unix() + maxSkew
	if !r.Unpack(&in) || r.Created > soon || r.Last > soon {
		return 0, ErrInvalid
	}
	return r.Last, nil
}

// readPayload begins to read a payload of n elements, behind its version.
func readPayload(plain []byte, n int) (wire.Reader, error) {
	in := wire.NewReader(plain)
	count, version := in.Array(), in.Int()
	switch {
	case in.Failed() || version < payloadVersion:
		return in, ErrInvalid
	case version > payloadVersion:
		return in, errVersion
	case count != n:
		return in, ErrInvalid
	}
	return in, nil
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
