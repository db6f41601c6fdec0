// Package firstbyte has a [http.ResponseWriter] that calls back once, just
// before the final header leaves: the last moment at which it can be changed.
// It buffers nothing, and what the wrapped writer can do it can do.
package firstbyte

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Hook is told once, before the final header leaves. It gets the header map
// that is about to be sent, still open to change, and its status.
// [http.StatusSwitchingProtocols] stands for a connection that is about to be
// hijacked: whoever hijacks it sends what is in the map, or not.
type Hook interface {
	BeforeHeader(h http.Header, status int)
}

// Writer holds what one response needs. It is made to be embedded by value in
// a larger object of the same lifetime, so that it allocates nothing of its
// own. Its zero value waits for [Writer.Wrap]. Like every ResponseWriter it is
// for one goroutine at a time.
type Writer struct{ core core }

// core carries the methods of every wrapped writer. It is apart from Writer
// so that a handler that looks for methods finds neither Wrap nor Finish.
type core struct {
	inner  http.ResponseWriter
	hook   Hook
	called bool
}

// Wrap starts w around inner and returns the ResponseWriter to hand on.
//
// That one is a [http.Flusher] or a [http.Hijacker] exactly when a
// [http.ResponseController] would find such a method in inner or in what it
// unwraps to. So code that asks by type assertion gets a true answer, as servers
// of events and of WebSockets do. It is an [io.ReaderFrom] only when inner itself
// is one. Between the two may stand a writer that compresses, and reaching past it
// would send the body around its Write.
//
// [http.CloseNotifier], which gin's Stream asserts, is kept for the two writers
// of net/http, HTTP/1.1's and HTTP/2's. [http.Pusher] is left out: no browser
// supports push any longer.
//
// One method cannot be passed on, because its name is not exported. By it
// [http.MaxBytesReader] tells net/http to close a connection whose body was too
// long. Inside of a wrapper MaxBytesReader still ends the body with its error. Who
// needs the rest puts [http.MaxBytesHandler] outside.
func (w *Writer) Wrap(inner http.ResponseWriter, hook Hook) http.ResponseWriter {
	w.core = core{inner: inner, hook: hook}
	c := &w.core
	does := reached(inner)
	if _, ok := inner.(io.ReaderFrom); ok {
		does |= reads
	}
	if _, ok := inner.(closeNotifier); ok {
		switch does {
		case flushes | hijacks | reads:
			return http1{flushHijackRead{flushHijack{flush{c}}}}
		case flushes:
			return http2{flush{c}}
		}
	}
	switch does {
	case flushes | hijacks | reads:
		return flushHijackRead{flushHijack{flush{c}}}
	case flushes | hijacks:
		return flushHijack{flush{c}}
	case flushes | reads:
		return flushRead{flush{c}}
	case hijacks | reads:
		return hijackRead{hijack{c}}
	case flushes:
		return flush{c}
	case hijacks:
		return hijack{c}
	case reads:
		return read{c}
	}
	return c
}

// ability is what a writer can do besides writing.
type ability uint8

const (
	flushes ability = 1 << iota
	hijacks
	reads
)

// Finish is for a handler that has returned: if its header has not left yet,
// it does now, after the hook, as an explicit 200. net/http would send one by
// itself, but by then nobody could add to it, and the writers of serverless
// adapters do not. A hijacked connection has had its hook and is left alone.
func (w *Writer) Finish() {
	if !w.core.called {
		w.core.WriteHeader(http.StatusOK)
	}
}

// Sent reports whether the hook has been called.
func (w *Writer) Sent() bool { return w.core.called }

// before calls the hook unless that was done. It counts as done before it
// runs: a hook that panics is not tried again by whoever recovers.
func (c *core) before(status int) {
	if c.called {
		return
	}
	c.called = true
	c.hook.BeforeHeader(c.inner.Header(), status)
}

func (c *core) Header() http.Header { return c.inner.Header() }

// Unwrap lets [http.ResponseController] set deadlines and enable full duplex.
// It cannot flush or hijack around the hook: where those methods exist further
// in, c has been given them too, and is asked first.
func (c *core) Unwrap() http.ResponseWriter { return c.inner }

// WriteHeader calls the hook before a final header. After an informational one
// (103 Early Hints) another header follows, so it is passed on. 101 is final. What
// is no status at all is left to inner, which panics. A second header is left to
// inner too, which complains.
func (c *core) WriteHeader(status int) {
	informational := status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
	if !informational && status >= 100 && status <= 999 {
		c.before(status)
	}
	c.inner.WriteHeader(status)
}

// Write calls the hook even for no bytes: the header leaves all the same.
func (c *core) Write(p []byte) (int, error) {
	c.before(http.StatusOK)
	return c.inner.Write(p)
}

func (c *core) WriteString(s string) (int, error) {
	c.before(http.StatusOK)
	return io.WriteString(c.inner, s)
}

func (c *core) flushError() error {
	c.before(http.StatusOK)
	return http.NewResponseController(c.inner).Flush()
}

// hijack leaves the response committed even when it fails: cookies may be in
// the header by then, and a second call of the hook would double them.
func (c *core) hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.before(http.StatusSwitchingProtocols)
	return http.NewResponseController(c.inner).Hijack()
}

// sniffLen is how much net/http's own ReadFrom copies before it hands the
// source to the kernel.
const sniffLen = 512

// readFrom copies the beginning through Write, so that a source that fails or
// ends before its first byte still leaves the status open: the handler may
// answer 502. The rest goes to inner with the source as it came: a wrapped one
// would cost sendfile.
func (c *core) readFrom(src io.Reader) (n int64, err error) {
	if !c.called {
		n, err = io.CopyN(onlyWriter{c}, src, sniffLen)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	rest, err := c.inner.(io.ReaderFrom).ReadFrom(src)
	return n + rest, err
}

// onlyWriter hides ReadFrom and WriteString from io.Copy.
type onlyWriter struct{ io.Writer }

// The optional methods, in every combination. Each type is nothing but one
// pointer, so that putting it into an interface allocates nothing. With two
// embedded halves it would be two words.
type (
	flush           struct{ *core }
	flushHijack     struct{ flush }
	flushHijackRead struct{ flushHijack }
	flushRead       struct{ flush }
	hijack          struct{ *core }
	hijackRead      struct{ hijack }
	read            struct{ *core }

	http1 struct{ flushHijackRead }
	http2 struct{ flush }
)

// closeNotifier is http.CloseNotifier, which is deprecated and still asserted.
type closeNotifier interface{ CloseNotify() <-chan bool }

func (w http1) CloseNotify() <-chan bool { return w.inner.(closeNotifier).CloseNotify() }
func (w http2) CloseNotify() <-chan bool { return w.inner.(closeNotifier).CloseNotify() }

func (w flush) Flush()            { _ = w.flushError() }
func (w flush) FlushError() error { return w.flushError() }

func (w hijack) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w flushHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w read) ReadFrom(src io.Reader) (int64, error)            { return w.readFrom(src) }
func (w flushRead) ReadFrom(src io.Reader) (int64, error)       { return w.readFrom(src) }
func (w hijackRead) ReadFrom(src io.Reader) (int64, error)      { return w.readFrom(src) }
func (w flushHijackRead) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

// reached looks for methods where [http.ResponseController] looks for them.
func reached(rw http.ResponseWriter) (does ability) {
	for {
		switch rw.(type) {
		case interface{ FlushError() error }, http.Flusher:
			does |= flushes
		}
		if _, ok := rw.(http.Hijacker); ok {
			does |= hijacks
		}
		outer, ok := rw.(interface{ Unwrap() http.ResponseWriter })
		if !ok || does == flushes|hijacks {
			return does
		}
		rw = outer.Unwrap()
	}
}
