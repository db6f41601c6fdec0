package house_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cookiesession/cookiesession/internal/house"
)

func TestPrint(t *testing.T) {
	h, err := house.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	u := h.Uses()
	for _, f := range slices.Sorted(maps.Keys(u)) {
		fmt.Println(f)
		for _, to := range slices.Sorted(maps.Keys(u[f])) {
			fmt.Println("    ", to, strings.Join(u[f][to], " "))
		}
	}
	for _, c := range u.Cycles() {
		fmt.Println("cycle", c)
	}
	for _, p := range h.Packages {
		l := p.Lines()
		fmt.Printf("%-30s %5d code %5d comments %.1f %% %v\n", p.Name, l.Code, l.Comments, l.Share(), p.Imports)
		tl, _ := h.TestLines(p)
		for f, n := range tl {
			if n > 800 {
				fmt.Println("   TEST", f, n)
			}
		}
		if p.Name == "." {
			for _, f := range p.Files {
				l := f.Lines()
				fmt.Printf("    %-30s %5d code %5d comments %.1f %%\n", f.Name, l.Code, l.Comments, l.Share())
			}
		}
		for _, f := range h.Functions(p) {
			if f.Lines > 40 || f.Complexity > 15 {
				fmt.Println("   FUNC", f)
			}
		}
	}
	fmt.Println(len(h.Flags()), h.Flags())
}
