package shape

// A pathError says where in a value something cannot be stored.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// Within puts a step, as ".Field" or "[3]", in front of the path of an error.
func Within(step string, err error) error {
	// The steps are joined, so that an error has one path and not a path for
	// each level.
	if inner, ok := err.(*pathError); ok {
		return &pathError{step + inner.path, inner.err}
	}
	return &pathError{step, err}
}
