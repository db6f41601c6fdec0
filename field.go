package cookiesession

import "github.com/cookiesession/cookiesession/internal/value"

// Field is one entry of a session, with its key and its type. Declare it once in
// a program, as a variable of a package, and neither can be mistyped later:
//
//	var visits = cookiesession.NewField[int]("visits")
//	…
//	n, err := visits.Add(s, 1)
//
// Its methods are those of the session and the functions of this package, for
// its key. A Field has no state. It is safe for concurrent use, and its use costs
// no more than that of those functions.
type Field[T any] struct{ key string }

// NewField returns the field with that key. Two fields of one key are one entry,
// so a package that is used by many applications puts its name in front of the
// key.
func NewField[T any](key string) Field[T] { return Field[T]{key} }

// Key returns the key, for [Session.Has], [Session.Delete] and [TooLargeError].
func (f Field[T]) Key() string { return f.key }

// Get returns the value. It is false where there is none that is a T: see [Get].
func (f Field[T]) Get(s *Session) (T, bool) { return Get[T](s, f.key) }

// Or returns the value, or def where Get is false.
func (f Field[T]) Or(s *Session, def T) T { return GetOr(s, f.key, def) }

// Set stores v. Errors are those of [Session.Set].
func (f Field[T]) Set(s *Session, v T) error { return s.Set(f.key, v) }

// Pop returns the value and removes it: see [Pop].
func (f Field[T]) Pop(s *Session) (T, bool) { return Pop[T](s, f.key) }

// Edit changes the value in place: see [Edit]. change must not use s.
func (f Field[T]) Edit(s *Session, change func(*T) error) error { return Edit(s, f.key, change) }

// Add adds delta to an integer, a missing one counting as 0, and returns the sum.
// It fails as [Session.Add] does, and also where the sum is no T: where it does
// not fit in one, or T is no type for integers. The old value stays then.
func (f Field[T]) Add(s *Session, delta int64) (sum T, err error) {
	err = s.add(f.key, delta, func(raw []byte) (fits bool) {
		sum, fits = value.Decode[T](raw)
		return fits
	})
	if err != nil {
		return *new(T), err
	}
	return sum, nil
}
