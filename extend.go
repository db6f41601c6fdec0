package cookiesession

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession/internal/decide"
	"github.com/cookiesession/cookiesession/internal/lifetime"
	"github.com/cookiesession/cookiesession/internal/payload"
	"github.com/cookiesession/cookiesession/internal/sealedtext"
	"github.com/cookiesession/cookiesession/internal/wire"
)

// This file has what packages need that add something to every session.
// Revocation and device binding are two of them.

// Metadata returns what [Session.SetMetadata] stored under name, nil if there
// is nothing. The bytes are shared: do not change them.
func (s *Session) Metadata(name string) []byte {
	s.enter()
	defer s.exit()
	raw, _ := s.work.Metadata.Get(name)
	value, _ := wire.Bytes(raw)
	return value
}

// SetMetadata seals value into the data of the session, under a name that is
// no key of the application. It is not in Keys, All, Len and MarshalJSON.
// [Session.Clear] and [Session.CycleID] keep it, [Session.Destroy] drops it. A
// nil value removes it. It is meant for packages that add something to every
// session. Use the import path of the package as its name, or something as
// unlikely to be chosen twice. Errors are those of [Session.Set]. It counts as
// a change of the session.
func (s *Session) SetMetadata(name string, value []byte) error {
	var raw []byte
	if value != nil {
		raw = wire.AppendBytes(nil, value)
	}
	return s.change(func() error { return s.write(change{kind: changeMetadata, key: name, raw: raw}) })
}

// IDBytes is what [Session.ID] encodes. It allocates nothing.
func (s *Session) IDBytes() [16]byte {
	s.enter()
	defer s.exit()
	return s.id()
}

// Identity is IDBytes and Metadata in one look, for a check that is made at
// every request: it saves 15 ns of 45.
func (s *Session) Identity(name string) (id [16]byte, metadata []byte) {
	s.enter()
	defer s.exit()
	raw, _ := s.work.Metadata.Get(name)
	metadata, _ = wire.Bytes(raw)
	return s.id(), metadata
}

var errLookedAt = errors.New("cookiesession: AddCheck: something has looked at the session already; add checks before the handler runs")

// AddCheck adds a check to this session alone. It has to be called before
// anything looks at the session, and returns an error after that. A session
// that nobody looks at is not checked.
func (s *Session) AddCheck(check Check) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != unseen || s.stage != writable {
		return errLookedAt
	}
	s.check = inTurn(s.check, check)
	return nil
}

// inTurn asks first, if there is one, and then second, unless first had an error.
// What first wants to repair is noted at once, because second may panic.
func inTurn(first, second Check) Check {
	if first == nil {
		return second
	}
	return func(ctx context.Context, s *Session) (func(*Session), error) {
		repair, err := first(ctx, s)
		if s.repair = both(s.repair, repair); err != nil {
			return nil, err
		}
		return second(ctx, s)
	}
}

// CompanionCookie returns a cookie named s_<Name>_bound with the attributes of
// this manager's other cookies. It is for a package that keeps one more cookie
// beside each session, such as device binding, and that seals its value with
// [Manager.Seal]. It is not counted in MaxBytes. What ends a session deletes this
// cookie too: Destroy, Deny, revocation and expiry. maxAge is rounded up to whole
// seconds.
func (m *Manager) CompanionCookie(value string, maxAge time.Duration) *http.Cookie {
	return m.attributes.Cookie(m.users[companionAt].Name, value, int(lifetime.RoundUp(maxAge)))
}

var errPurpose = errors.New("cookiesession: a purpose has 1 to 64 letters, digits, spaces and the characters - _ . only")

// Seal encrypts and signs a short text for a purpose, until a time. The keys
// and their rotation are those of the manager's cookies, and so is the Name: what
// another manager or another purpose sealed does not open. plain may have 4096
// bytes. purpose may have 64 letters, digits, "-", "_", "." and spaces. The
// result has letters, digits, "-", "_", "." and "=" only. It can be opened any
// number of times: nothing without a store can tell the first time from the second.
func (m *Manager) Seal(purpose string, plain []byte, until time.Time) (string, error) {
	if !payload.IsPurpose(purpose) {
		return "", errPurpose
	}
	return sealedtext.Seal(m.ring, m.base, purpose, plain, until)
}

// Unseal opens what [Manager.Seal] sealed for the same purpose. The error is
// [ErrInvalid], [ErrUnknownKey] or [ErrExpired]. With ErrExpired, and only
// then, the text is returned beside the error: it is authentic.
func (m *Manager) Unseal(purpose, text string) ([]byte, error) {
	if !payload.IsPurpose(purpose) {
		return nil, errPurpose
	}
	plain, standing := sealedtext.Open(m.ring, m.base, purpose, text)
	return plain, textErrors[standing]
}

// textErrors say why a sealed text is not alive.
var textErrors = [...]error{
	decide.Alive: nil, decide.Invalid: ErrInvalid, decide.Unreadable: ErrUnknownKey, decide.Expired: ErrExpired,
}
