package main

import (
	"fmt"
	"io"
)

// compared is what a session costs one contender, all of them in one run.
type compared struct {
	name        string
	read, count measured
	bytes       int // of the cookies, 7 keys
}

// everyone is the peers, ours and what else Go programs use.
func everyone() []contender { return append(contenders(), others()...) }

// bareOf is what a contender costs without its session.
func bareOf(c contender) contender {
	if f, ok := c.(framed); ok {
		return f.bare()
	}
	return harness{}
}

// bares are the harness and the frameworks, each once.
func bares() []contender { return []contender{harness{}, bareGin{}, bareEcho{}, bareFiber{}} }

// compare measures everyone's reading and counting. All take turns with ours,
// so that a ratio compares what was measured in one run.
func (t turns) compare(all []contender) []compared {
	rows := make([]compared, len(all))
	read, count := t.aboveBare(all, readOne), t.aboveBare(all, readCountWrite)
	for i, c := range all {
		cookies, err := start(c, session(0))
		if err != nil {
			panic(c.name() + ": " + err.Error())
		}
		rows[i] = compared{c.name(), read[i], count[i], cookieBytes(cookies)}
	}
	return rows
}

// aboveBare measures one act, for each contender beyond its framework.
func (t turns) aboveBare(all []contender, a act) []measured {
	var ops []func()
	index := map[string]int{}
	for i, b := range bares() {
		index[b.name()] = i
		ops = append(ops, oneRequest(serve(b, a), request(nil)))
	}
	for _, c := range all {
		ops = append(ops, requestOf(c, a, session(0)))
	}
	ns := t.time(ops...)
	rows := make([]measured, len(all))
	for i, c := range all {
		bare, own := index[bareOf(c).name()], len(bares())+i
		without, _ := allocs(ops[bare])
		with, _ := allocs(ops[own])
		rows[i] = measured{name: c.name(), ns: max(0, ns[own]-ns[bare]), allocs: max(0, with-without)}
	}
	return rows
}

// writeCompared prints them, with what each takes for every nanosecond of ours.
func writeCompared(w io.Writer, rows []compared) {
	of := map[string]compared{}
	for _, r := range rows {
		of[r.name] = r
	}
	times := func(cost func(compared) measured, r compared) string {
		ns := cost(r).ns
		return fmt.Sprintf("%.1f / %.1f", ns/cost(of[ourName(0)]).ns, ns/cost(of[ourName(1)]).ns)
	}
	read := func(r compared) measured { return r.read }
	count := func(r compared) measured { return r.count }
	fmt.Fprint(w, "\n| who | read one key, µs | × ours | read, count, write, µs | × ours | allocations | bytes of cookies |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %.1f | %s | %.1f | %s | %.0f, %.0f | %d |\n", r.name,
			r.read.ns/1000, times(read, r), r.count.ns/1000, times(count, r), r.read.allocs, r.count.allocs, r.bytes)
	}
}
