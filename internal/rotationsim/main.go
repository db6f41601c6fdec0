// Command rotationsim rotates a key in a fleet larger than any machine here
// and prints how many cookies are rejected, by the delay after which the new
// key seals.
//
//	go run ./internal/rotationsim
//	go run ./internal/rotationsim -propagation 3m -skew 5s
//
// It models what the package does: an instance has the new file at a moment of
// its own; on a request it looks at the file when its last look is an interval
// ago, and on an unknown key id when it is half a second ago; it seals with
// the new key once it has it and its own clock has passed the date. Visitors
// come to a random instance each time, and bring the cookie of the last.
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// fleet is what the draw is from.
type fleet struct {
	instances, visitors int
	propagation         time.Duration // until the last instance has the file
	interval            time.Duration // between two looks at it
	skew                time.Duration // between two clocks, at most
	pause               time.Duration // of a visitor, on average
	seed                uint64
}

const early = 500 * time.Millisecond // between two looks for an unknown key

func main() {
	var f fleet
	flag.IntVar(&f.instances, "instances", 1000, "`number` of processes")
	flag.IntVar(&f.visitors, "visitors", 20000, "`number` of visitors")
	flag.DurationVar(&f.propagation, "propagation", 2*time.Minute, "`time` until the last instance has the file")
	flag.DurationVar(&f.interval, "interval", 5*time.Second, "`time` between two looks at the file")
	flag.DurationVar(&f.skew, "skew", 2*time.Second, "greatest `difference` between two clocks")
	flag.DurationVar(&f.pause, "pause", 10*time.Second, "`time` between two requests of a visitor, on average")
	flag.Uint64Var(&f.seed, "seed", 1, "`number` to draw from")
	flag.Parse()
	if f.instances < 2 || f.visitors < 1 || f.propagation <= 0 || f.interval <= 0 || f.skew < 0 || f.pause <= 0 {
		fmt.Fprintln(os.Stderr, "rotationsim: two instances, a visitor and positive times are needed; -h shows the flags")
		os.Exit(2)
	}
	f.print(os.Stdout)
}

// safe is the delay that the documents tell to choose.
func (f fleet) safe() time.Duration { return f.propagation + f.interval + f.skew }

func (f fleet) print(out io.Writer) {
	fmt.Fprintf(out, "%d instances, %d visitors. propagation %v + interval %v + skew %v = %v\n\n", f.instances, f.visitors, f.propagation, f.interval, f.skew, f.safe())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "delay\trejected\tshare\twithout early looks\tshare\t")
	for percent := 0; percent <= 110; percent += 10 {
		delay := f.safe() * time.Duration(percent) / 100
		with, without := f.rotate(delay, true), f.rotate(delay, false)
		mark := ""
		if percent == 100 {
			mark = " <- the sum"
		}
		fmt.Fprintf(w, "%v\t%d\t%.4f %%\t%d\t%.4f %%\t%s\n", delay.Round(100*time.Millisecond), with.rejected, with.share(), without.rejected, without.share(), mark)
	}
	w.Flush()
}

// outcome is one rotation.
type outcome struct{ requests, rejected int }

func (o outcome) share() float64 { return 100 * float64(o.rejected) / float64(o.requests) }

// instance is one process; times count from the moment the file was written.
type instance struct {
	has, ahead, looked time.Duration // when it has the file; its clock; its last look
	loaded             bool
}

func (i *instance) look(now time.Duration) {
	i.looked = now
	i.loaded = i.loaded || now >= i.has
}

// rotate plays one rotation with the same draw for every delay.
func (f fleet) rotate(delay time.Duration, earlyLooks bool) (o outcome) {
	rnd := rand.New(rand.NewPCG(f.seed, 0))
	fleet := f.draw(rnd)
	newKey := make([]bool, f.visitors) // whether the visitor's cookie is under it
	for _, r := range f.requests(rnd) {
		i := &fleet[rnd.IntN(len(fleet))]
		if r.at-i.looked >= f.interval {
			i.look(r.at)
		}
		o.requests++
		if newKey[r.visitor] && !i.loaded {
			if earlyLooks && r.at-i.looked >= early {
				i.look(r.at)
			}
			if !i.loaded {
				o.rejected++ // and the visitor begins anew, under the old key
			}
		}
		newKey[r.visitor] = i.loaded && (newKey[r.visitor] || r.at+i.ahead >= delay)
	}
	return o
}

func (f fleet) draw(rnd *rand.Rand) []instance {
	fleet := make([]instance, f.instances)
	for i := range fleet {
		fleet[i] = instance{
			has:    upTo(rnd, f.propagation),
			ahead:  upTo(rnd, f.skew), // of the clock that dated the key: the dangerous side
			looked: -upTo(rnd, f.interval),
		}
	}
	// The worst of each kind is in every fleet.
	fleet[0].has, fleet[1].ahead, fleet[1].has = f.propagation, f.skew, 0
	return fleet
}

type request struct {
	at      time.Duration
	visitor int
}

// requests are every visitor's, in order, until well after every delay.
func (f fleet) requests(rnd *rand.Rand) []request {
	var list []request
	for v := range f.visitors {
		for at := upTo(rnd, f.pause); at < f.safe()*5/4; at += time.Duration(rnd.ExpFloat64() * float64(f.pause)) {
			list = append(list, request{at, v})
		}
	}
	slices.SortFunc(list, func(a, b request) int { return int(a.at - b.at) })
	return list
}

func upTo(rnd *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(most) + 1))
}
