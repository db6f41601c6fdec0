package cookiesession

import "github.com/cookiesession/cookiesession/internal/decide"

// Allowed reports whether this visitor may be remembered: what Consent said,
// unless Allow or Deny decided otherwise in this request. Without permission
// no cookie of any kind is set, existing ones are deleted, and the stored data
// is invisible. Set and Value still work within the request.
func (s *Session) Allowed() bool {
	s.enter()
	defer s.exit()
	return s.permitted
}

// Allow permits remembering the visitor from now on in this request: the
// stored data is there again, with what this request wrote on top. Remembering
// the permission itself is the application's part, through Consent. After the
// header left it is refused, and reported as [EventWriteRefused].
func (s *Session) Allow() {
	s.change(func() error {
		if s.permitted {
			return nil
		}
		s.permitted = true
		if s.phase == shown {
			s.merge()
		}
		s.open()
		return nil
	})
}

// Deny forbids remembering the visitor, whatever Consent says: every cookie of
// ours is deleted at any status, and what this request wrote is forgotten. A
// Destroy before it stands. After the header left it is refused, and reported
// as [EventWriteRefused].
func (s *Session) Deny() {
	s.change(func() error {
		s.permitted = false
		s.forget()
		return nil
	})
}

// SetTestCookie sets a cookie of its own that tells on a later request, by
// [Session.TestCookieWorked], whether the browser keeps cookies. It is kept for
// 10 minutes, holds nothing and touches no session. It is not set on a 5xx
// response. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) SetTestCookie() { s.setTest(decide.TestSet) }

// TestCookieWorked reports whether the test cookie came with this request. It
// is false in the request that sets it.
func (s *Session) TestCookieWorked() bool {
	s.enter()
	defer s.exit()
	return s.testCame()
}

// DeleteTestCookie deletes the test cookie if it came. After the header left
// it is refused, and reported as [EventWriteRefused].
func (s *Session) DeleteTestCookie() { s.setTest(decide.TestDeleted) }

func (s *Session) setTest(action decide.TestAction) {
	s.change(func() error {
		s.test = action
		return nil
	})
}
