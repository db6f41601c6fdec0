package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestEveryServerCountsAndStops(t *testing.T) {
	for _, c := range hosted() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stop := host(c, readCountWrite, l)
		r, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/account", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.features() != (features{}) {
			for _, sent := range started(t, c) {
				r.AddCookie(&http.Cookie{Name: sent.Name, Value: sent.Value})
			}
		}
		answer, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatalf("%s: %v", c.name(), err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want := strconv.FormatInt(visits+1, 10); err != nil || string(body) != want {
			t.Errorf("%s: answered %q and %v, want %s", c.name(), body, err, want)
		}
		stop()
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			conn.Close()
			t.Errorf("%s: the server still takes connections", c.name())
		}
	}
}

func TestALoadIsBoundedByItsNumberOfRequests(t *testing.T) {
	l := load{clients: 2, turn: time.Minute, turns: 1, requests: 20}
	all, err := l.measure()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if len(s.rows) != len(hosted()) {
			t.Fatalf("%s: %d servers, want %d", s.act, len(s.rows), len(hosted()))
		}
		for _, r := range s.rows {
			if r.perSecond <= 0 || r.p50 <= 0 || r.p99 < r.p50 {
				t.Errorf("%s, %s: %.0f a second, p50 %s, p99 %s", s.act, r.name, r.perSecond, r.p50, r.p99)
			}
		}
	}
}

func TestALoadIsBoundedByItsTime(t *testing.T) {
	l := load{clients: 1, turn: 20 * time.Millisecond, turns: 1, requests: 1 << 40}
	s, err := l.server(harness{}, untouched)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	best := served{p50: time.Hour, p99: time.Hour}
	begin := time.Now()
	if err := l.take(s, &best); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < l.turn || took > l.turn+4*time.Second {
		t.Errorf("a turn of %s took %s", l.turn, took)
	}
}

// A server that answers something else must not look like a fast one.
func TestALoadRefusesAnAnswerThatIsNo200(t *testing.T) {
	l := load{clients: 1, turn: time.Second, turns: 1, requests: 1}
	s, err := l.server(refusing{}, untouched)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := l.take(s, new(served)); err == nil {
		t.Error("a load took an answer of 500 for one of 200")
	}
}

type refusing struct{ harness }

func (refusing) wrap(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
}
