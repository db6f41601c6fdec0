package cookiesession

// permission is what this request decided about remembering the visitor.
type permission uint8

const (
	asConfigured permission = iota // Consent decides
	granted
	denied
)

// permitted needs the lock.
func (s *Session) permitted() bool {
	switch s.permission {
	case granted:
		return true
	case denied:
		return false
	}
	return s.m.cfg.Consent == nil || s.consented
}

// Allowed reports whether this visitor may be remembered: what Consent said,
// unless Allow or Deny decided otherwise in this request. Without permission
// no cookie of any kind is set, existing ones are deleted, and the stored data
// is invisible; Set and Value still work within the request.
func (s *Session) Allowed() bool {
	s.enter()
	defer s.exit()
	return s.permitted()
}

// Allow permits remembering the visitor from now on in this request: the
// stored data is there again, with what this request wrote on top. Remembering
// the permission itself is the application's part, through Consent. After the
// header left it is refused, and reported as [EventWriteRefused].
func (s *Session) Allow() {
	s.write(func() error {
		was := s.permitted()
		s.permission = granted
		if was {
			return nil
		}
		if s.state == opened {
			s.settle()
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
	s.write(func() error {
		s.permission = denied
		s.forget()
		return nil
	})
}

// testCookie is what this request does to the test cookie.
type testCookie uint8

const (
	testUntouched testCookie = iota
	testSet
	testDeleted
)

const testMaxAge = 600 // seconds

// SetTestCookie sets a cookie of its own that tells on a later request, by
// [Session.TestCookieWorked], whether the browser keeps cookies. It is kept for
// 10 minutes, holds nothing and touches no session. It is not set on a 5xx
// response. After the header left it is refused, and reported as
// [EventWriteRefused].
func (s *Session) SetTestCookie() {
	s.write(func() error {
		s.testCookie = testSet
		return nil
	})
}

// TestCookieWorked reports whether the test cookie came with this request. It
// is false in the request that sets it.
func (s *Session) TestCookieWorked() bool {
	s.enter()
	defer s.exit()
	return s.in.test
}

// DeleteTestCookie deletes the test cookie if it came. After the header left
// it is refused, and reported as [EventWriteRefused].
func (s *Session) DeleteTestCookie() {
	s.write(func() error {
		s.testCookie = testDeleted
		return nil
	})
}
