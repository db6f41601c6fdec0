package main

import (
	"strings"
	"testing"
	"time"
)

func TestNoCookieIsRejectedFromTheSumOn(t *testing.T) {
	for seed := range uint64(10) {
		f := fleet{instances: 300, visitors: 2000, propagation: 40 * time.Second, interval: 5 * time.Second, skew: 2 * time.Second, pause: 3 * time.Second, seed: seed}
		for _, delay := range []time.Duration{f.safe(), f.safe() * 11 / 10} {
			for _, early := range []bool{true, false} {
				if o := f.rotate(delay, early); o.rejected != 0 || o.requests < 10000 {
					t.Errorf("seed %d, delay %v: %d of %d rejected", seed, delay, o.rejected, o.requests)
				}
			}
		}
		last := 1 << 30
		for percent := range 10 {
			o := f.rotate(f.safe()*time.Duration(10*percent)/100, false)
			if percent < 8 && o.rejected == 0 {
				t.Errorf("seed %d: nothing was rejected at %d %% of the sum", seed, 10*percent)
			}
			if o.rejected > last {
				t.Errorf("seed %d: a longer delay, %d %%, rejected more: %d after %d", seed, 10*percent, o.rejected, last)
			}
			last = o.rejected
		}
	}
}

func TestTheTableMarksTheSum(t *testing.T) {
	var out strings.Builder
	fleet{instances: 20, visitors: 50, propagation: 20 * time.Second, interval: 5 * time.Second, skew: time.Second, pause: 3 * time.Second}.print(&out)
	if !strings.Contains(out.String(), "= 26s") || !strings.Contains(out.String(), "<- the sum") {
		t.Error(out.String())
	}
}
