package views

// Shrink drops the oldest views until fits allows the packed length, and no
// view more. It reports whether that was possible; without any history it may
// not be, and then the record stays as it was.
//
// A try takes linear time, and there are about twice the logarithm of the
// number of views that go. To drop one view after the other is quadratic: it
// took a second where a long history was full and one path was 100 KB long.
func (r *Record) Shrink(fits func(packedLen int) bool) bool {
	if fits(r.PackedLen()) {
		return true
	}
	enough := func(views int) bool {
		shorter := *r // drop changes no memory that r has too
		shorter.drop(views)
		return fits(shorter.PackedLen())
	}
	low, high := 0, 1 // low views are too few; usually one is enough
	for high < r.kept && !enough(high) {
		low, high = high, min(2*high, r.kept)
	}
	if high >= r.kept && !enough(r.kept) {
		return false
	}
	for low+1 < high {
		if middle := (low + high) / 2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	r.drop(high)
	return true
}
