package cookiesession

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// This file turns payloads into msgpack and into sealed text and back. It is
// the hot path, and nothing else. Single values are encoded and decoded by
// internal/value. The pools live here, there and in internal/seal alone; no
// pooled memory is handed to whoever may keep it.

// payloadVersion is the first element of every payload. A payload of a later
// version is refused and left in the browser: an older instance must not
// destroy what a newer one wrote.
const payloadVersion = 1

var errVersion = fmt.Errorf("%w: written by a later version", ErrInvalid)

// payload is what one compartment holds.
type payload interface {
	pack(b []byte) []byte
	entries() wire.Pairs // for who asks what made it too large
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

// unpack reads a data payload; its values stay where they are, encoded.
func (r *record) unpack(plain []byte) error {
	in, err := readPayload(plain, 6)
	if err != nil {
		return err
	}
	okID := r.id.set(in.Bytes())
	r.created, r.modified = in.Int(), in.Int()
	expiry, okExpiry := parseExpiry(in.Value())
	r.expiry, r.values = expiry, in.Pairs()
	if !in.Done() || !okID || !okExpiry {
		return ErrInvalid
	}
	return nil
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

func (r *flashRecord) unpack(plain []byte) error {
	in, err := readPayload(plain, 3)
	if err != nil {
		return err
	}
	r.expires, r.values = in.Int(), in.Pairs()
	if !in.Done() {
		return ErrInvalid
	}
	return nil
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

// sealScratch is what sealing one compartment needs and nobody keeps.
type sealScratch struct{ plain, line []byte }

var sealScratches = sync.Pool{New: func() any { return new(sealScratch) }}

// sealed is the size of a payload that was sealed.
type sealed struct{ plainLen, cookies, bytes int }

// seal packs p, seals it under key and appends the Set-Cookie lines to lines.
func (c *compartment) seal(lines []string, p payload, key *keys.Key, maxAge int) (_ []string, size sealed, err error) {
	s := sealScratches.Get().(*sealScratch)
	defer sealScratches.Put(s)
	s.plain = p.pack(s.plain[:0])
	s.line = c.appendStart(s.line[:0], key.ID())
	start := len(s.line)
	s.line, err = key.Sealer().Seal(s.line, c.name, s.plain) // where one cookie has it: nothing to copy
	if err != nil {
		return lines, sealed{}, fmt.Errorf("cookiesession: sealing %s: %w", c.name, err)
	}
	size.plainLen = len(s.plain)
	size.cookies, size.bytes = c.cost(len(s.line) - start)
	if size.cookies > 1 {
		s.line = slices.Grow(s.line, maxLine)
		return c.appendPieces(lines, s.line[start:], size.cookies, key.ID(), maxAge), size, nil
	}
	s.line = c.appendAttributes(s.line, c.before, maxAge)
	return append(lines, string(s.line)), size, nil
}
