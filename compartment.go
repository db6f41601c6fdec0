package cookiesession

import (
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/internal/cookie"
	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/keyring"
	"github.com/cookiesession/cookiesession/internal/keys"
	"github.com/cookiesession/cookiesession/internal/payload"
)

// This file has the one mechanism for everything that is sealed into a cookie
// of its own. The data, the flash and the views are users of it. user in
// state.go says what a user brings along.

// Suffixes of the cookie names, behind "s_<Name>". The order is that of
// settings.users. The test cookie is not sealed.
const (
	flashSuffix     = "_flash"
	viewsSuffix     = "_views"
	companionSuffix = "_bound"
	testSuffix      = "_test"
)

// Indexes into settings.users and into the cookies that came.
const (
	dataAt = iota
	flashAt
	viewsAt
	companionAt
	compartments
)

// opened is a compartment that came, after the attempt to open it. It is
// filled in its final place: returning it by value takes 30 ns more.
type opened[P any] struct {
	standing decide.Standing
	keyID    [cookie.KeyIDLen]byte // the key that the cookie names; zero where it has not the form of an id
	payload  P                     // zero unless the seal was opened
	key      *keys.Key             // the key that opened the seal; nil where none did
	plainLen int                   // length of the plaintext in bytes
	err      error                 // why it is not alive
}

// unpack reads a plaintext into p. latest is its most recent time.
type unpack[P any] func(p *P, plain []byte, limits payload.Limits) (latest int64, err error)

// open tries the cookies that came under one name. Of the authentic ones the
// one with the latest time wins, and the first sent on a tie. Another path or
// a parent domain may hold an older copy, and the order in which browsers send
// them says nothing. All tries together read no more than what came.
func (o *opened[P]) open(ring *keyring.Ring, limits payload.Limits, name string, in *cookie.Incoming, unpack unpack[P]) {
	if in.First == "" {
		o.standing = decide.Absent
		return
	}
	budget := min(in.Size, cookie.MaxChunks*cookie.MaxLine) // nothing that we issue is longer
	latest := o.try(ring, limits, name, in, in.First, &budget, unpack)
	for _, first := range in.Others() {
		var other opened[P]
		t := other.try(ring, limits, name, in, first, &budget, unpack)
		switch {
		case other.standing == decide.Alive && (o.standing != decide.Alive || t > latest):
			*o, latest = other, t
		case other.standing == decide.Unreadable && o.standing == decide.Invalid:
			*o = other
		}
	}
}

// try opens one cookie with its continuation cookies.
func (o *opened[P]) try(ring *keyring.Ring, limits payload.Limits, name string, in *cookie.Incoming, first string, budget *int, unpack unpack[P]) (latest int64) {
	o.standing, o.err = decide.Invalid, ErrInvalid
	if *budget -= len(first); *budget < 0 {
		return 0
	}
	keyID, rest, ok := cookie.SplitKeyID(first)
	if !ok {
		return 0
	}
	copy(o.keyID[:], keyID)
	key := ring.Find(keyID, limits.Now)
	if key == nil {
		o.standing, o.err = decide.Unreadable, ErrUnknownKey
		return 0
	}
	text, ok := in.Join(rest, budget)
	if !ok {
		return 0
	}
	plain, err := key.Open(name, text)
	if err != nil {
		return 0
	}
	latest, err = unpack(&o.payload, plain, limits)
	switch err {
	case nil:
	case payload.ErrVersion:
		o.standing, o.err = decide.Unreadable, errVersion
		fallthrough
	default:
		o.payload = *new(P)
		return 0
	}
	o.err = nil
	o.standing, o.key, o.plainLen = decide.Alive, key, len(plain)
	return latest
}

// end gives what was alive another standing, for a reason.
func (o *opened[P]) end(as decide.Standing, why error) { o.standing, o.err = as, why }

// held is how many bytes of cookies the browser holds of what is alive, as it
// was issued. Leftovers and further cookies of the same name do not count:
// whoever can plant them would leave no room for anything else.
func (o *opened[P]) held(c *cookie.Cookie) int {
	if o.standing != decide.Alive && o.standing != decide.Withheld {
		return 0
	}
	return sealedSize(c, o.key, o.plainLen)
}

// refusal is the event that tells why what came was refused.
func (o *opened[P]) refusal(name string, size int) Event {
	keyID := strings.TrimRight(string(o.keyID[:]), "\x00")
	return Event{Kind: EventRefused, CookieName: name, KeyID: keyID, Bytes: size, Err: o.err}
}

// ending is how a request ended, and what all compartments of its response
// share. Key and time are chosen once.
type ending struct {
	status   int
	elapsed  time.Duration // since somebody looked first: see Session.now
	key      *keys.Key     // seals; nil where no key of the ring seals now
	left     int32         // bytes of MaxBytes that no compartment has taken yet
	panicked bool
}

// failed reports whether changes are not saved.
func (e *ending) failed() bool { return e.panicked || e.status >= 500 }

// outcome is what the response has done to the data, which comes first.
type outcome struct {
	data    decide.Action
	refused bool // it was to be set, and could not be
}

// step is what a response does to one compartment: what decide.go decided, and
// what is needed to carry it out. It has seven words at most: with more, carryOut
// would take it through memory.
type step struct {
	action    decide.Action
	otherwise decide.Action // what is done where the payload does not fit
	payload   packer        // for issue, renew and rekey
	maxAge    int           // of the cookies, in seconds, or cookie.NoMaxAge
	cameLen   int           // a payload that is not longer than this may exceed MaxBytes
	own       bool          // it is the handler's own word, not done by itself
}
