package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckFindsWhatMissesItsBound(t *testing.T) {
	for _, tt := range []struct {
		name  string
		goal  goal
		slack float64
		want  int
	}{
		{"at least, held", goal{got: [2]float64{7, 7}, bound: [2]float64{6, 7}, least: true}, 0, 0},
		{"at least, missed by one format", goal{got: [2]float64{7, 6.9}, bound: [2]float64{6, 7}, least: true}, 0, 1},
		{"at most, missed by both", goal{got: [2]float64{3, 3}, bound: [2]float64{2, 2.9}}, 0, 2},
		{"missed within the slack", goal{got: [2]float64{3, 3}, bound: [2]float64{2.8, 2.9}}, 0.1, 0},
		{"no slack for a count", goal{got: [2]float64{20, 20}, bound: [2]float64{19, 20}, exact: true}, 0.1, 1},
		{"left to a full run", goal{got: [2]float64{1, 1}, bound: [2]float64{2, 2}, least: true, idle: true}, 0, 0},
		{"no bound", goal{got: [2]float64{20, 20}}, 0, 0},
	} {
		if got := check(io.Discard, []goal{tt.goal}, tt.slack, true); got != tt.want {
			t.Errorf("%s: %d missed, want %d", tt.name, got, tt.want)
		}
	}
}

func TestTheBestWindowCountsWhatAllDidInIt(t *testing.T) {
	a := []time.Duration{1, 2, 30, 31, 32}
	b := []time.Duration{10, 33, 34, 60}
	if got := most([][]time.Duration{a, b}, 5); got != 5 { // 30 to 34
		t.Errorf("%d, want 5", got)
	}
}

func TestThePageHasAPlaceForEachPart(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{wholeRun, inPairs, serversOnly, instructionsOnly} {
		if err := renewPart(dir, part, []byte("figures of "+part+"\n")); err != nil {
			t.Error(err)
		}
	}
	renewed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{wholeRun, inPairs, serversOnly, instructionsOnly} {
		if want := "<!-- " + part + " -->\nfigures of " + part + "\n<!-- end -->\n"; strings.Count(string(renewed), want) != 1 {
			t.Errorf("the page does not have %q once", want)
		}
	}
	if err := renewPart(dir, "no such command", nil); err == nil {
		t.Error("a part without a place was renewed")
	}
}

func TestTheChartsAreWellFormed(t *testing.T) {
	curves := map[string][]point{}
	var rows []measured
	for i, c := range contenders() {
		rows = append(rows, measured{name: c.name(), ns: 1000 * float64(i+1)})
		curves[c.name()] = []point{{2, 1500, 1}, {4, 2500, 2}}
	}
	r := report{scenarios: []scenario{{readOne, 7, rows}}}
	servers := []servedAct{{readOne, nil}}
	for i, c := range contenders() {
		servers[0].rows = append(servers[0].rows, served{c.name(), 1000 * float64(i+1), time.Millisecond, time.Second})
	}
	for _, chart := range []string{r.bars(), serverBars(servers), lines("Cost", "keys", []int{2, 4}, curves)} {
		d := xml.NewDecoder(strings.NewReader(chart))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, chart)
			}
		}
		for _, c := range contenders() {
			if !strings.Contains(chart, c.name()) {
				t.Errorf("the chart does not show %s", c.name())
			}
		}
	}
}
