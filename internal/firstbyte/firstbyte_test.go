package firstbyte_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/firstbyte"
)

// journal is what happened, in order: the hook, and each call on the inner writer.
type journal struct {
	lines  []string
	header http.Header
	fail   error // of Flush and Hijack
}

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) BeforeHeader(h http.Header, status int) {
	j.add("hook %d", status)
	h.Set("Hook", "ran")
}

// plain is an inner writer without any optional method.
type plain struct{ *journal }

func (w plain) Header() http.Header         { return w.header }
func (w plain) WriteHeader(status int)      { w.add("header %d", status) }
func (w plain) Write(p []byte) (int, error) { w.add("write %d", len(p)); return len(p), nil }

type flusher struct{ *journal }

func (w flusher) Flush() { w.add("flush") }

type flushErrorer struct{ *journal }

func (w flushErrorer) FlushError() error { w.add("flush error"); return w.fail }

type hijacker struct{ *journal }

func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.add("hijack")
	return nil, nil, w.fail
}

type readerFrom struct{ *journal }

func (w readerFrom) ReadFrom(src io.Reader) (int64, error) {
	w.add("read from %T", src)
	return io.Copy(io.Discard, src)
}

type stringWriter struct{ *journal }

func (w stringWriter) WriteString(s string) (int, error) {
	w.add("string %d", len(s))
	return len(s), nil
}

// unwraps and hides are two writers in the middle: one that says what it
// wraps, and one that does not.
type unwraps struct {
	http.ResponseWriter
	outer http.ResponseWriter
}

func (w unwraps) Unwrap() http.ResponseWriter { return w.outer }

type hides struct{ http.ResponseWriter }

func newJournal() *journal { return &journal{header: http.Header{}} }

// full is an inner writer with every optional method, like net/http's for HTTP/1.1.
func full(j *journal) http.ResponseWriter {
	return struct {
		plain
		flushErrorer
		hijacker
		readerFrom
		stringWriter
	}{plain{j}, flushErrorer{j}, hijacker{j}, readerFrom{j}, stringWriter{j}}
}

func TestTheHookIsCalledOnceBeforeTheHeaderOnEveryRoad(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, tc := range []struct {
		name string
		road func(w http.ResponseWriter)
		want string
	}{
		{"a header", func(w http.ResponseWriter) { w.WriteHeader(404) },
			"hook 404, header 404"},
		{"a header twice: the second is for inner to complain about", func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(500) },
			"hook 404, header 404, header 500"},
		{"an early hint alone", func(w http.ResponseWriter) { w.WriteHeader(103) },
			"header 103, hook 200, header 200"},
		{"early hints, then a header", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(103); w.WriteHeader(201) },
			"header 103, header 103, hook 201, header 201"},
		{"continue and early hints, then a body", func(w http.ResponseWriter) {
			w.WriteHeader(100)
			w.WriteHeader(199)
			io.WriteString(w, "x")
		}, "header 100, header 199, hook 200, string 1"},
		{"switching protocols is final", func(w http.ResponseWriter) { w.WriteHeader(101) },
			"hook 101, header 101"},
		{"an early hint after the header", func(w http.ResponseWriter) { w.WriteHeader(200); w.WriteHeader(103) },
			"hook 200, header 200, header 103"},
		{"what is no status is left to inner", func(w http.ResponseWriter) {
			for _, status := range []int{-1, 0, 99, 1000} {
				w.WriteHeader(status)
			}
		}, "header -1, header 0, header 99, header 1000, hook 200, header 200"},
		{"the smallest and the largest final status", func(w http.ResponseWriter) { w.WriteHeader(999) },
			"hook 999, header 999"},
		{"a body", func(w http.ResponseWriter) { w.Write([]byte("ab")); w.Write([]byte("c")) },
			"hook 200, write 2, write 1"},
		{"a header, then a body", func(w http.ResponseWriter) { w.WriteHeader(201); w.Write([]byte("ab")) },
			"hook 201, header 201, write 2"},
		{"a body of no bytes", func(w http.ResponseWriter) { w.Write(nil) },
			"hook 200, write 0"},
		{"a string", func(w http.ResponseWriter) { io.WriteString(w, "abc"); io.WriteString(w, "") },
			"hook 200, string 3, string 0"},
		{"a flush before anything else", func(w http.ResponseWriter) { w.(http.Flusher).Flush(); w.Write([]byte("a")) },
			"hook 200, flush error, write 1"},
		{"a flush that returns an error", func(w http.ResponseWriter) { w.(interface{ FlushError() error }).FlushError() },
			"hook 200, flush error"},
		{"a flush through a ResponseController", func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
			"hook 200, flush error"},
		{"a flush after a header", func(w http.ResponseWriter) { w.WriteHeader(500); w.(http.Flusher).Flush() },
			"hook 500, header 500, flush error"},
		{"a hijack", func(w http.ResponseWriter) { w.(http.Hijacker).Hijack() },
			"hook 101, hijack"},
		{"a hijack through a ResponseController", func(w http.ResponseWriter) { http.NewResponseController(w).Hijack() },
			"hook 101, hijack"},
		{"a copy of a long source", func(w http.ResponseWriter) { io.Copy(w, onlyReader{strings.NewReader(long)}) },
			"hook 200, write 512, read from firstbyte_test.onlyReader"},
		{"a copy after a header gets the source whole", func(w http.ResponseWriter) {
			w.WriteHeader(206)
			io.Copy(w, onlyReader{strings.NewReader(long)})
		}, "hook 206, header 206, read from firstbyte_test.onlyReader"},
		{"a copy of a short source", func(w http.ResponseWriter) { io.Copy(w, onlyReader{strings.NewReader("short")}) },
			"hook 200, write 5"},
		{"a copy of an empty source leaves the status open", func(w http.ResponseWriter) {
			io.Copy(w, onlyReader{strings.NewReader("")})
			w.WriteHeader(404)
		}, "hook 404, header 404"},
		{"a copy of a source that fails at once leaves the status open", func(w http.ResponseWriter) {
			if _, err := io.Copy(w, onlyReader{failing{}}); err != nil {
				w.WriteHeader(502)
			}
		}, "hook 502, header 502"},
		{"nothing at all", func(w http.ResponseWriter) {},
			"hook 200, header 200"},
		{"only looking at the header", func(w http.ResponseWriter) { w.Header().Set("A", "b") },
			"hook 200, header 200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, fw := newJournal(), new(firstbyte.Writer)
			w := fw.Wrap(full(j), j)
			if fw.Sent() {
				t.Error("Sent before anything was")
			}
			tc.road(w)
			fw.Finish()
			fw.Finish()
			if !fw.Sent() {
				t.Error("not Sent at the end")
			}
			if got := strings.Join(j.lines, ", "); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if j.header.Get("Hook") != "ran" {
				t.Error("the hook got another header than the handler's")
			}
		})
	}
}

// onlyReader hides WriteTo, so that io.Copy asks the writer.
type onlyReader struct{ io.Reader }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no upstream") }

func TestACopyReportsEveryByteAndTheSourcesError(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 5000} {
		j, fw := newJournal(), new(firstbyte.Writer)
		w := fw.Wrap(full(j), j)
		n, err := w.(io.ReaderFrom).ReadFrom(onlyReader{bytes.NewReader(make([]byte, size))})
		if n != int64(size) || err != nil {
			t.Errorf("%d bytes: got %d, %v", size, n, err)
		}
		if fw.Sent() != (size > 0) {
			t.Errorf("%d bytes: Sent is %t", size, fw.Sent())
		}
	}
	for _, size := range []int{3, 700} {
		j, fw := newJournal(), new(firstbyte.Writer)
		w := fw.Wrap(full(j), j)
		n, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(bytes.NewReader(make([]byte, size)), failing{}))
		if n != int64(size) || err == nil {
			t.Errorf("%d bytes and an error: got %d, %v", size, n, err)
		}
	}
}

type notifier struct{ gone chan bool }

func (n notifier) CloseNotify() <-chan bool { return n.gone }

// TestOnlyTheWritersOfNetHTTPKeepCloseNotify: one with a CloseNotify and all
// other methods is HTTP/1.1's, one with Flush alone beside it HTTP/2's.
func TestOnlyTheWritersOfNetHTTPKeepCloseNotify(t *testing.T) {
	for can, inner := range inners(newJournal()) {
		gone := make(chan bool, 1)
		gone <- true
		j, fw := newJournal(), new(firstbyte.Writer)
		w := fw.Wrap(withNotifier(inner, notifier{gone}), j)
		if got := methods(w); got != can {
			t.Errorf("methods %q, want %q", got, can)
		}
		n, ok := w.(interface{ CloseNotify() <-chan bool })
		if want := can == "FHR" || can == "F"; ok != want {
			t.Errorf("beside %q, CloseNotify is there: %t", can, ok)
		}
		if ok && !<-n.CloseNotify() {
			t.Errorf("beside %q, CloseNotify is not inner's", can)
		}
		if fw.Sent() {
			t.Errorf("beside %q, asking sent the header", can)
		}
		if _, ok := new(firstbyte.Writer).Wrap(inner, j).(interface{ CloseNotify() <-chan bool }); ok {
			t.Errorf("%q got a CloseNotify that inner has not", can)
		}
	}
}

// withNotifier adds CloseNotify to what w can do.
func withNotifier(w http.ResponseWriter, n notifier) http.ResponseWriter {
	f, _ := w.(http.Flusher)
	h, _ := w.(http.Hijacker)
	r, _ := w.(io.ReaderFrom)
	p := hides{w}
	switch methodsOf(w) {
	case "F":
		return struct {
			hides
			http.Flusher
			notifier
		}{p, f, n}
	case "H":
		return struct {
			hides
			http.Hijacker
			notifier
		}{p, h, n}
	case "R":
		return struct {
			hides
			io.ReaderFrom
			notifier
		}{p, r, n}
	case "FH":
		return struct {
			hides
			http.Flusher
			http.Hijacker
			notifier
		}{p, f, h, n}
	case "FR":
		return struct {
			hides
			http.Flusher
			io.ReaderFrom
			notifier
		}{p, f, r, n}
	case "HR":
		return struct {
			hides
			http.Hijacker
			io.ReaderFrom
			notifier
		}{p, h, r, n}
	case "FHR":
		return struct {
			hides
			http.Flusher
			http.Hijacker
			io.ReaderFrom
			notifier
		}{p, f, h, r, n}
	}
	return struct {
		hides
		notifier
	}{p, n}
}

// inners are writers with each combination of the optional methods.
func inners(j *journal) map[string]http.ResponseWriter {
	p, f, h, r := plain{j}, flusher{j}, hijacker{j}, readerFrom{j}
	return map[string]http.ResponseWriter{
		"": p,
		"F": struct {
			plain
			flusher
		}{p, f},
		"H": struct {
			plain
			hijacker
		}{p, h},
		"R": struct {
			plain
			readerFrom
		}{p, r},
		"FH": struct {
			plain
			flusher
			hijacker
		}{p, f, h},
		"FR": struct {
			plain
			flusher
			readerFrom
		}{p, f, r},
		"HR": struct {
			plain
			hijacker
			readerFrom
		}{p, h, r},
		"FHR": struct {
			plain
			flusher
			hijacker
			readerFrom
		}{p, f, h, r},
	}
}

// methods names the optional methods of a wrapped w: Flush, Hijack, ReadFrom.
func methods(w http.ResponseWriter) string {
	_, flush := w.(http.Flusher)
	_, flushError := w.(interface{ FlushError() error })
	if flush != flushError {
		return "Flush and FlushError do not come together"
	}
	return methodsOf(w)
}

func methodsOf(w http.ResponseWriter) string {
	var s string
	if _, ok := w.(http.Flusher); ok {
		s += "F"
	}
	if _, ok := w.(http.Hijacker); ok {
		s += "H"
	}
	if _, ok := w.(io.ReaderFrom); ok {
		s += "R"
	}
	return s
}

func TestTheWriterCanDoWhatInnerCanDo(t *testing.T) {
	for can := range inners(newJournal()) {
		for _, middle := range []struct {
			name  string
			wrap  func(http.ResponseWriter) http.ResponseWriter
			leave func(string) string
		}{
			{"directly", func(w http.ResponseWriter) http.ResponseWriter { return w }, strings.Clone},
			{"through a writer that unwraps", func(w http.ResponseWriter) http.ResponseWriter { return unwraps{hides{w}, w} },
				func(s string) string { return strings.TrimSuffix(s, "R") }},
			{"through two writers that unwrap", func(w http.ResponseWriter) http.ResponseWriter {
				middle := unwraps{hides{w}, w}
				return unwraps{hides{middle}, middle}
			}, func(s string) string { return strings.TrimSuffix(s, "R") }},
			{"through a writer that unwraps to nothing", func(w http.ResponseWriter) http.ResponseWriter { return unwraps{hides{w}, nil} },
				func(string) string { return "" }},
			{"through a writer that hides", func(w http.ResponseWriter) http.ResponseWriter { return hides{w} },
				func(string) string { return "" }},
		} {
			t.Run(can+" "+middle.name, func(t *testing.T) {
				j, fw := newJournal(), new(firstbyte.Writer)
				w := fw.Wrap(middle.wrap(inners(j)[can]), j)
				want := middle.leave(can)
				if got := methods(w); got != want {
					t.Errorf("methods %q, want %q", got, want)
				}
				checkController(t, w, j, fw, want)
				checkReadFrom(t, w, j)
			})
		}
	}
}

// flushesAndUnwraps can flush, and leads to a writer that can do other things.
type flushesAndUnwraps struct {
	plain
	flusher
	inner http.ResponseWriter
}

func (w flushesAndUnwraps) Unwrap() http.ResponseWriter { return w.inner }

func TestMethodsAreFoundAtDifferentDepths(t *testing.T) {
	j := newJournal()
	w := new(firstbyte.Writer).Wrap(flushesAndUnwraps{plain{j}, flusher{j}, inners(j)["H"]}, j)
	if got := methods(w); got != "FH" {
		t.Errorf("methods %q, want FH", got)
	}
}

// checkController checks that what w has works through a ResponseController,
// after the hook, and that what it has not cannot go around the hook.
func checkController(t *testing.T, w http.ResponseWriter, j *journal, fw *firstbyte.Writer, can string) {
	t.Helper()
	rc := http.NewResponseController(w)
	if err := rc.Flush(); strings.Contains(can, "F") == errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Flush: %v", err)
	}
	if strings.Contains(can, "F") != fw.Sent() {
		t.Errorf("after Flush, Sent is %t", fw.Sent())
	}
	if _, _, err := rc.Hijack(); strings.Contains(can, "H") == errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Hijack: %v", err)
	}
	if (strings.Contains(can, "F") || strings.Contains(can, "H")) != fw.Sent() {
		t.Errorf("after Hijack, Sent is %t", fw.Sent())
	}
	if len(j.lines) > 0 && !strings.HasPrefix(j.lines[0], "hook") {
		t.Errorf("the hook came late: %q", j.lines)
	}
}

// checkReadFrom checks that a copy arrives whole, and by which way.
func checkReadFrom(t *testing.T, w http.ResponseWriter, j *journal) {
	t.Helper()
	j.lines = nil
	if n, err := io.Copy(w, onlyReader{bytes.NewReader(make([]byte, 900))}); n != 900 || err != nil {
		t.Errorf("copied %d bytes, %v", n, err)
	}
	_, reads := w.(io.ReaderFrom)
	if got := strings.Contains(strings.Join(j.lines, ","), "read from"); got != reads {
		t.Errorf("inner's ReadFrom was reached: %t, by %q", got, j.lines)
	}
}

func TestAnErrorOfFlushOrHijackReachesTheHandler(t *testing.T) {
	j, fw := newJournal(), new(firstbyte.Writer)
	j.fail = errors.New("broken pipe")
	w := fw.Wrap(full(j), j)
	if err := http.NewResponseController(w).Flush(); err != j.fail {
		t.Errorf("Flush: %v", err)
	}
	if _, _, err := w.(http.Hijacker).Hijack(); err != j.fail {
		t.Errorf("Hijack: %v", err)
	}
}

func TestAResponseIsStillPossibleAfterAFailedHijack(t *testing.T) {
	j, fw := newJournal(), new(firstbyte.Writer)
	j.fail = errors.New("cannot")
	w := fw.Wrap(full(j), j)
	w.(http.Hijacker).Hijack()
	w.WriteHeader(500)
	w.Write([]byte("sorry"))
	fw.Finish()
	want := []string{"hook 101", "hijack", "header 500", "write 5"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("got  %q\nwant %q", j.lines, want)
	}
}

func TestAStringGoesThroughWriteWhereInnerHasNoWriteString(t *testing.T) {
	j, fw := newJournal(), new(firstbyte.Writer)
	io.WriteString(fw.Wrap(plain{j}, j), "abc")
	if want := []string{"hook 200", "write 3"}; !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}

type panicking struct{ calls int }

func (p *panicking) BeforeHeader(http.Header, int) { p.calls++; panic("hook") }

func TestAHookThatPanicsIsNotCalledAgain(t *testing.T) {
	j, fw, hook := newJournal(), new(firstbyte.Writer), new(panicking)
	w := fw.Wrap(full(j), hook)
	for i, road := range []func(){
		func() { w.Write([]byte("a")) },
		func() { w.WriteHeader(500) },
		func() { w.(http.Flusher).Flush() },
		fw.Finish,
	} {
		func() {
			defer func() {
				if r := recover(); (r != nil) != (i == 0) {
					t.Errorf("call %d recovered %v", i, r)
				}
			}()
			road()
		}()
	}
	if hook.calls != 1 {
		t.Errorf("the hook was called %d times", hook.calls)
	}
	if !fw.Sent() {
		t.Error("not Sent after the hook panicked")
	}
	if want := []string{"header 500", "flush error"}; !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}

func TestAWriterMayBeWrappedAgain(t *testing.T) {
	first, second, fw := newJournal(), newJournal(), new(firstbyte.Writer)
	fw.Wrap(full(first), first).WriteHeader(200)
	fw.Wrap(full(second), second)
	fw.Finish()
	if len(first.lines) != 2 || len(second.lines) != 2 {
		t.Errorf("first %q, second %q", first.lines, second.lines)
	}
}

type silent struct{ header http.Header }

func (s silent) Header() http.Header             { return s.header }
func (silent) WriteHeader(int)                   {}
func (silent) Write(p []byte) (int, error)       { return len(p), nil }
func (silent) Flush()                            {}
func (silent) ReadFrom(io.Reader) (int64, error) { return 0, nil }
func (silent) BeforeHeader(http.Header, int)     {}
func (silent) WriteString(s string) (int, error) { return len(s), nil }
func (silent) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, nil
}

func TestAResponseAllocatesNothing(t *testing.T) {
	body := []byte("body")
	all := &silent{http.Header{}}
	for name, inner := range map[string]http.ResponseWriter{
		"everything": all,
		"nothing":    &struct{ hides }{hides{all}},
		"flush alone": &struct {
			hides
			http.Flusher
		}{hides{all}, all},
		"through Unwrap": &unwraps{hides{all}, all},
	} {
		var fw firstbyte.Writer
		if n := testing.AllocsPerRun(100, func() {
			fw.Wrap(inner, all).WriteHeader(200)
			fw.Finish()
		}); n != 0 {
			t.Errorf("%s: %v allocations for a header", name, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			w := fw.Wrap(inner, all)
			w.Write(body)
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			fw.Finish()
		}); n != 0 {
			t.Errorf("%s: %v allocations for a body and a flush", name, n)
		}
	}
}
