package cookiesession

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/wire"
	"github.com/vmihailenco/msgpack/v5"
)

// This file turns payloads into msgpack and into sealed text and back, and
// single values into msgpack and back. It is the hot path, and nothing else.
// The pools live here and in internal/seal alone; no pooled memory is handed
// to whoever may keep it.

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

// maxEncoding is where encoding one value ends, in bytes: nothing near it fits
// into cookies, and a type that encodes itself without an end is stopped.
const maxEncoding = 1 << 20

// encoder encodes one value after another.
type encoder struct {
	msgpack *msgpack.Encoder
	out     bounded
}

// bounded is a buffer that fails beyond maxEncoding.
type bounded struct{ b []byte }

var errEndless = fmt.Errorf("larger than %d bytes", maxEncoding)

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.b)+len(p) > maxEncoding {
		return 0, errEndless
	}
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *bounded) WriteByte(c byte) error {
	if len(w.b) == maxEncoding {
		return errEndless
	}
	w.b = append(w.b, c)
	return nil
}

var encoders = sync.Pool{New: func() any { return &encoder{msgpack: msgpack.NewEncoder(nil)} }}

// encode hands the encoding of value to use, which must not keep it.
func encode(value any, use func(raw []byte, err error) error) error {
	e := encoders.Get().(*encoder)
	raw, err := e.encode(value)
	if err != nil {
		err = fmt.Errorf("cookiesession: a %T cannot be stored: %w", value, err)
	}
	err = use(raw, err)
	if cap(e.out.b) <= 64<<10 {
		encoders.Put(e)
	}
	return err
}

var errPanicked = errors.New("its encoder panicked")

func (e *encoder) encode(value any) (raw []byte, err error) {
	defer func() { // the library has no encoder for uintptr, and calls it; a type's own may panic too
		if recover() != nil {
			raw, err = nil, errPanicked // not what it panicked with: that may be the value
		}
	}()
	if err := wire.Finite(value); err != nil {
		return nil, err
	}
	e.out.b = e.out.b[:0]
	e.msgpack.Reset(&e.out)
	e.msgpack.UseCompactInts(true)
	if err := e.msgpack.Encode(value); err != nil {
		return nil, err
	}
	// A type that encodes itself may write anything.
	if n, ok := wire.Skip(e.out.b); !ok || n != len(e.out.b) {
		return nil, fmt.Errorf("its encoding is not one msgpack value at most %d deep", wire.MaxDepth)
	}
	return e.out.b, nil
}

// decoder decodes one value after another.
type decoder struct {
	msgpack *msgpack.Decoder
	in      bytes.Reader
}

var decoders = sync.Pool{New: func() any { return &decoder{msgpack: msgpack.NewDecoder(nil)} }}

// decode returns raw as a T; false when it is none, or one that does not fit.
func decode[T any](raw []byte) (v T, ok bool) {
	// Scalars without the library: 1 allocation less and a third of the time.
	switch p := any(&v).(type) {
	case *string:
		text, ok := wire.Text(raw)
		*p = string(text)
		return v, ok
	case *int64:
		*p, ok = wire.Int64(raw)
		return v, ok
	case *int:
		i, ok := wire.Int64(raw)
		*p = int(i)
		if !ok || int64(*p) != i {
			*p = 0
			return v, false
		}
		return v, true
	}
	return decodeAny[T](raw)
}

// decodeAny is apart from decode so that a scalar's v need not be on the heap.
func decodeAny[T any](raw []byte) (v T, ok bool) {
	if !wire.Fits(raw, reflect.TypeFor[T]()) {
		return v, false
	}
	// A type's own decoder may panic on bytes that it did not write. That would
	// be an error of every request for as long as the cookie lives.
	defer func() {
		if !ok && recover() != nil {
			v = *new(T)
		}
	}()
	d := decoders.Get().(*decoder)
	d.in.Reset(raw)
	d.msgpack.Reset(&d.in)
	d.msgpack.SetMapDecoder(wire.DecodeMap)
	if err := d.msgpack.Decode(&v); err != nil {
		return *new(T), false // and this decoder is in an unknown state: dropped
	}
	decoders.Put(d)
	wire.Normalize(reflect.ValueOf(&v))
	return v, true
}

// decodeValue returns raw as Value does; nil if the library knows it not.
func decodeValue(raw []byte) any {
	v, _ := decode[any](raw)
	return v
}
