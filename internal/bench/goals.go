package main

import (
	"fmt"
	"io"
)

// A goal is one row of what this package promises of its speed: what was
// measured in both formats, and the bound that -check holds it to. A bound of 0
// promises nothing.
type goal struct {
	what  string
	got   [2]float64 // securecookie, compact
	bound [2]float64
	least bool   // at least the bound; otherwise at most
	exact bool   // a count, which no busy machine changes: -check gives it no slack
	unit  string // of the figures: "x", " ns", …
	idle  bool   // needs all cores at once, which a busy machine does not give: only a full run judges it
}

func (g goal) held(format int, slack float64) bool {
	if g.exact {
		slack = 0
	}
	switch {
	case g.bound[format] == 0:
		return true
	case g.least:
		return g.got[format] >= g.bound[format]*(1-slack)
	default:
		return g.got[format] <= g.bound[format]*(1+slack)
	}
}

func (g goal) show(format int) string {
	if g.bound[format] == 0 {
		return g.number(g.got[format])
	}
	sign := "≤"
	if g.least {
		sign = "≥"
	}
	return fmt.Sprintf("%s (%s %s)", g.number(g.got[format]), sign, g.number(g.bound[format]))
}

func (g goal) number(v float64) string {
	if g.unit == "x" && v < 20 {
		return fmt.Sprintf("%.2fx", v)
	}
	return thousands(v) + g.unit
}

// check reports the goals that are not held and returns how many.
func check(w io.Writer, goals []goal, slack float64, quick bool) int {
	missed := 0
	for _, g := range goals {
		if g.idle && quick {
			continue
		}
		for f, format := range formats {
			if !g.held(f, slack) {
				missed++
				fmt.Fprintf(w, "missed: %s, %s: %s\n", g.what, format, g.show(f))
			}
		}
	}
	return missed
}
