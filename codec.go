package cookiesession

import (
	"fmt"
	"sync"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// This file packs payloads, seals them, and unpacks what was opened. It is the
// hot path, and nothing else. Pooled memory stays here, in internal/seal and in
// internal/value: none of it is handed to anybody who may keep it.

var errVersion = fmt.Errorf("%w: written by a later version", ErrInvalid)

// packer is what one compartment seals.
type packer interface {
	Pack(b []byte) []byte
	Entries() wire.Pairs // for the error that names what is too large
}

// scratch is what sealing one payload needs and nobody keeps.
type scratch struct{ plain, line []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// sealed is the size of a payload that was sealed.
type sealed struct{ plainLen, cookies, bytes int }

// seal packs p, seals it under key and appends the Set-Cookie lines to lines.
// The text is sealed where one cookie line has it, so nothing is copied.
func seal(lines []string, c *cookie.Cookie, p packer, key *keys.Key, maxAge int) (_ []string, size sealed, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.plain = p.Pack(s.plain[:0])
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
