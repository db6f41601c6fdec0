package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is how whole servers are measured: a few clients of this process, each
// with one connection that is kept alive, send one request after another. Only
// loopback is used, and a turn ends at its time or its number of requests,
// whichever comes first. The servers take turns, and each one's best turn
// counts, for the same reason as in turns.
type load struct {
	clients  int
	turn     time.Duration
	turns    int // of each server
	requests int // of each client, in a turn at most
}

// served is what one server did in its best turn.
type served struct {
	name      string
	perSecond float64
	p50, p99  time.Duration // the lowest of its turns, each by itself
}

// servedAct is the same for everybody who does one thing.
type servedAct struct {
	act  act
	rows []served
}

// hosted is who everybody is compared with, and everybody.
func hosted() []contender { return append(bares(), everyone()...) }

func hostedName(c contender) string {
	if c == (harness{}) {
		return "no session, net/http"
	}
	return c.name()
}

// An ownServer is a contender that net/http's server cannot run as it is.
type ownServer interface {
	serveOn(l net.Listener, next http.Handler) (stop func())
}

// measure measures everybody, in a program that holds 64 MB as throughput does.
func (l load) measure() (all []servedAct, err error) {
	held := bytes.Repeat([]byte("held"), 16<<20)
	defer runtime.KeepAlive(held)
	for _, a := range []act{readOne, readCountWrite} {
		rows, err := l.measureAct(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		all = append(all, servedAct{a, rows})
	}
	return all, nil
}

func (l load) measureAct(a act) (rows []served, err error) {
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	for _, c := range hosted() {
		s, err := l.server(c, a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(), err)
		}
		servers = append(servers, s)
		rows = append(rows, served{name: hostedName(c), p50: math.MaxInt64, p99: math.MaxInt64})
	}
	for range l.turns {
		for i, s := range servers {
			if err := l.take(s, &rows[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", rows[i].name, err)
			}
		}
	}
	return rows, nil
}

// server is a server and the clients that are connected to it.
type server struct {
	clients []*client
	stop    func()
}

// server starts c's server on a free port of loopback and connects the clients.
func (l load) server(c contender, a act) (*server, error) {
	text, err := requestText(c)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{stop: host(c, a, listener)}
	for range l.clients {
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
		if err != nil {
			s.close()
			return nil, err
		}
		s.clients = append(s.clients, &client{conn: conn, answers: bufio.NewReader(conn), request: text})
	}
	return s, nil
}

// host serves a of c on l until stop is called.
func host(c contender, a act, l net.Listener) (stop func()) {
	if own, ok := c.(ownServer); ok {
		return own.serveOn(l, answer(c, a, nil))
	}
	server := &http.Server{Handler: c.wrap(answer(c, a, nil)), ReadHeaderTimeout: time.Minute} // a client waits for its first turn
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	return func() {
		server.Close()
		<-done
	}
}

func (s *server) close() {
	for _, c := range s.clients {
		c.conn.Close()
	}
	s.stop()
}

// requestText is the request of a browser that has c's session of 7 keys.
func requestText(c contender) ([]byte, error) {
	var cookies []*http.Cookie
	if c.features() != (features{}) { // the bare servers have no session
		var err error
		if cookies, err = start(c, session(0)); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	err := request(cookies).Write(&text)
	return text.Bytes(), err
}

// take is one turn of a server: all of its clients at once.
func (l load) take(s *server, best *served) error {
	var done sync.WaitGroup
	begin := time.Now()
	errs := make([]error, len(s.clients))
	for i, c := range s.clients {
		done.Go(func() { errs[i] = c.send(begin.Add(l.turn), l.requests) })
	}
	done.Wait()
	took := time.Since(begin)
	var all []time.Duration
	for _, c := range s.clients {
		all = append(all, c.latencies...)
	}
	if len(all) == 0 {
		return errors.Join(append(errs, errors.New("no request was answered"))...)
	}
	slices.Sort(all)
	best.perSecond = max(best.perSecond, float64(len(all))/took.Seconds())
	best.p50 = min(best.p50, all[len(all)/2])
	best.p99 = min(best.p99, all[len(all)*99/100])
	return errors.Join(errs...)
}

// client is a connection that is kept alive. It is not an http.Client, because
// that one would use more of the processor than the servers.
type client struct {
	conn      net.Conn
	answers   *bufio.Reader
	request   []byte
	latencies []time.Duration // of the last turn
}

// send sends requests one after another until end, and at most n.
func (c *client) send(end time.Time, n int) error {
	c.latencies = c.latencies[:0]
	c.conn.SetDeadline(end.Add(5 * time.Second))
	for at := time.Now(); at.Before(end) && len(c.latencies) < n; {
		if _, err := c.conn.Write(c.request); err != nil {
			return err
		}
		if err := c.answer(); err != nil {
			return err
		}
		now := time.Now()
		c.latencies = append(c.latencies, now.Sub(at))
		at = now
	}
	return nil
}

// answer reads one answer to its end.
func (c *client) answer() error {
	status, err := c.answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", status)
	}
	length := -1
	for {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = textproto.TrimBytes(line)
		if len(line) == 0 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(textproto.TrimBytes(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the answer does not say its length")
	}
	_, err = c.answers.Discard(length)
	return err
}

// writeServed prints what the servers did.
func (l load) writeServed(w io.Writer, all []servedAct) {
	fmt.Fprintf(w, "%d connections that are kept alive, clients and server in one process, %d turns of %s each.\n", l.clients, l.turns, l.turn)
	for _, s := range all {
		fmt.Fprintf(w, "\n| %s, 7 keys | requests per second | of no session | p50, µs | p99, µs |\n|---|---|---|---|---|\n", s.act)
		bare := map[string]float64{}
		for _, r := range s.rows {
			bare[r.name] = r.perSecond
		}
		for i, c := range hosted() {
			r := s.rows[i]
			without := bareOf(c)
			if c.features() == (features{}) {
				without = c
			}
			fmt.Fprintf(w, "| %s | %s | %.0f %% | %.0f | %.0f |\n", r.name, thousands(math.Round(r.perSecond/100)*100),
				100*r.perSecond/bare[hostedName(without)], micro(r.p50), micro(r.p99))
		}
	}
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
