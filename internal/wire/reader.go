package wire

// Reader is for what has a fixed form: the payload of a cookie. It takes values
// off the front of an encoded text, one after another. After the first that is
// not what was asked for it only returns zero values, and Done is false: check
// once, at the end.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader returns a Reader of b, which is not copied.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Done reports whether everything was what was asked for and nothing is left.
func (r *Reader) Done() bool { return !r.bad && len(r.b) == 0 }

// Failed reports whether something was not what was asked for.
func (r *Reader) Failed() bool { return r.bad }

// Array takes the header of an array and returns its number of elements.
func (r *Reader) Array() int {
	kind, header, n := head(r.b)
	// The number is no larger than the bytes that are left: see head.
	if kind != Array {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	r.b = r.b[header:]
	return n
}

// Value takes one value, whatever it is, checked as [Skip] does.
func (r *Reader) Value() []byte {
	n, ok := Skip(r.b)
	return r.advance(n, ok)
}

// Pairs takes a map whose keys are strings in ascending order, none twice.
func (r *Reader) Pairs() Pairs {
	// The values inside stay encoded. Only their lengths and their depth are
	// checked.
	p, n, ok := parsePairs(r.b)
	r.advance(n, ok)
	return p
}

// Int takes an integer.
func (r *Reader) Int() int64 {
	i, size := takeInt64(r.b)
	// A cookie may hold a number of any width, and a later version may write a
	// wider one.
	if r.advance(size, size > 0) == nil {
		return 0
	}
	return i
}

// Bytes takes a byte string, not copied.
func (r *Reader) Bytes() []byte {
	b, ok := Bytes(r.Value())
	r.bad = r.bad || !ok
	return b
}

// advance takes n bytes, or makes the reader fail for good.
func (r *Reader) advance(n int, ok bool) []byte {
	if !ok {
		r.bad = true
	}
	if r.bad {
		return nil
	}
	// Nothing is copied. The caller owns the bytes for as long as the session
	// lives.
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}
