package main

import (
	"fmt"
	"math"
	"strings"
)

// The charts are SVG by hand: a few kilobytes each, and colours that follow the
// reader's light or dark page.
const (
	chartStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#24292f}.dim{fill:#57606a}.axis{stroke:#d0d7de;fill:none}
.c0{fill:#8c959f;stroke:#8c959f}.c1{fill:#bf8700;stroke:#bf8700}.c2{fill:#8250df;stroke:#8250df}.c3{fill:#0969da;stroke:#0969da}.c4{fill:#1a7f37;stroke:#1a7f37}
.line{fill:none;stroke-width:2}.dot{stroke:none}.bar{stroke:none}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.axis{stroke:#3d444d}
.c0{fill:#9198a1;stroke:#9198a1}.c1{fill:#d29922;stroke:#d29922}.c2{fill:#ab7df8;stroke:#ab7df8}.c3{fill:#4493f8;stroke:#4493f8}.c4{fill:#3fb950;stroke:#3fb950}}
</style>
`
	chartWidth = 720
)

func svg(height int, title, body string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">
%s<text x="12" y="22" font-weight="600">%s</text>
%s</svg>
`, chartWidth, height, title, chartStyle, title, body)
}

// bars draws what a request costs each contender, one group for each scenario.
func (r report) bars() string {
	const left, top, bar, gap = 195, 40, 15, 22
	longest := 0.0
	for _, s := range r.shown() {
		for _, c := range contenders() {
			longest = max(longest, s.of(c.name()).ns)
		}
	}
	scale := (chartWidth - left - 90) / longest
	var b strings.Builder
	y := top
	for _, s := range r.shown() {
		fmt.Fprintf(&b, "<text x=\"12\" y=\"%d\">%s, %d keys</text>\n", y+12, s.act, s.keys)
		y += 18
		for i, c := range contenders() {
			ns := s.of(c.name()).ns
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" class=\"dim\">%s</text><rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"bar c%d\"/><text x=\"%.1f\" y=\"%d\" class=\"dim\">%.1f µs</text>\n",
				left-6, y+11, c.name(), left, y, ns*scale, bar-3, i, left+ns*scale+6, y+11, ns/1000)
			y += bar
		}
		y += gap
	}
	return svg(y, "One request, µs above the harness: shorter is better", b.String())
}

// serverBars draws how many requests a whole server answers, with p50 and p99.
// Servers without a session are grey, ours have their own colours.
func serverBars(all []servedAct) string {
	const left, top, bar, gap = 195, 40, 15, 22
	colours := map[string]int{ourName(0): 3, ourName(1): 4}
	most := 0.0
	for _, s := range all {
		for _, r := range s.rows {
			most = max(most, r.perSecond)
		}
	}
	scale := (chartWidth - left - 235) / most
	var b strings.Builder
	y := top
	for _, s := range all {
		fmt.Fprintf(&b, "<text x=\"12\" y=\"%d\">%s, 7 keys</text>\n", y+12, s.act)
		y += 18
		for _, r := range s.rows {
			colour, ok := colours[r.name]
			if !ok && !strings.HasPrefix(r.name, "no session") {
				colour = 1
			}
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" class=\"dim\">%s</text><rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" class=\"bar c%d\"/><text x=\"%.1f\" y=\"%d\" class=\"dim\">%s, p50 %.0f µs, p99 %.0f µs</text>\n",
				left-6, y+11, r.name, left, y, r.perSecond*scale, bar-3, colour, left+r.perSecond*scale+6, y+11, thousands(math.Round(r.perSecond/100)*100), micro(r.p50), micro(r.p99))
			y += bar
		}
		y += gap
	}
	return svg(y, "A whole server, requests per second: longer is better", b.String())
}

func (r report) shown() []scenario {
	var shown []scenario
	for _, s := range r.scenarios {
		if s.act != untouched {
			shown = append(shown, s)
		}
	}
	return shown
}

// lines draws curves over x. A ring around a point says that from there on the
// session travels in one cookie more.
func lines(title, unit string, xs []int, curves map[string][]point) string {
	const left, right, top, bottom, height = 48, 215, 40, 44, 380
	names := []string{}
	tallest := 0.0
	for _, c := range contenders() {
		names = append(names, c.name())
		for _, p := range curves[c.name()] {
			tallest = max(tallest, p.ns/1000)
		}
	}
	step := niceStep(tallest)
	tallest = math.Ceil(tallest/step) * step
	px := func(x int) float64 { return left + float64(x)/float64(xs[len(xs)-1])*(chartWidth-left-right) }
	py := func(µs float64) float64 { return height - bottom - µs/tallest*(height-bottom-top) }

	var b strings.Builder
	for v := 0.0; v <= tallest; v += step {
		fmt.Fprintf(&b, "<path d=\"M%d %.0fH%d\" class=\"axis\"/><text x=\"%d\" y=\"%.0f\" text-anchor=\"end\" class=\"dim\">%g</text>\n", left, py(v), chartWidth-right, left-6, py(v)+4, v)
	}
	labelled := -chartWidth * 1.0
	for _, x := range xs {
		if px(x)-labelled > 32 {
			labelled = px(x)
			fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\" class=\"dim\">%d</text>\n", px(x), height-bottom+18, x)
		}
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" class=\"dim\">%s</text>\n", left, height-8, unit)
	for i, name := range names {
		points := curves[name]
		if len(points) == 0 {
			continue
		}
		var path strings.Builder
		cookies := 1
		for j, p := range points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], px(p.x), py(p.ns/1000))
			radius := 2.5
			if p.cookies > cookies {
				cookies, radius = p.cookies, 5
			}
			fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%g\" class=\"dot c%d\"/>\n", px(p.x), py(p.ns/1000), radius, i)
		}
		fmt.Fprintf(&b, "<path d=\"%s\" class=\"line c%d\" style=\"fill:none\"/>\n", path.String(), i)
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" class=\"bar c%d\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
			chartWidth-right+14, top+i*20, i, chartWidth-right+30, top+i*20+10, name)
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" class=\"dim\">large dot: one cookie more</text>\n", chartWidth-right+14, top+len(names)*20+10)
	return svg(height, title, b.String())
}

// niceStep is the distance of about five grid lines: 1, 2 or 5 times a power of ten.
func niceStep(tallest float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(tallest/5)))
	for _, m := range []float64{1, 2, 5} {
		if tallest/5 <= m*power {
			return m * power
		}
	}
	return 10 * power
}
