package views

// Shrink drops the oldest views until fits allows the packed length, and no
// view more. It reports whether that was possible. Where even a record without
// any history does not fit, it is not, and the record stays as it was.
func (r *Record) Shrink(fits func(packedLen int) bool) bool {
	if fits(r.PackedLen()) {
		return true
	}
	shorter := r.last(r.kept - 1) // mostly one view takes the place of another
	if !fits(shorter.PackedLen()) {
		shorter = r.last(r.most(fits))
	}
	if !fits(shorter.PackedLen()) {
		return false
	}
	*r = shorter
	return true
}

// last returns the record with that many of its last views. r stays as it is.
func (r *Record) last(views int) Record {
	shorter := *r // drop writes into memory of its own
	shorter.drop(r.kept - views)
	return shorter
}

// most searches for the number of views that may stay. It looks from one upward,
// so that what is put together for a try is hardly larger than what fits. To drop
// one view after the other is quadratic: it took a second where a long history
// was full and one path was 100 KB long.
func (r *Record) most(fits func(packedLen int) bool) int {
	fit := func(views int) bool {
		shorter := r.last(views)
		return fits(shorter.PackedLen())
	}
	low, high := 0, 1 // low views may stay, or none; high views may not
	for high < r.kept && fit(high) {
		low, high = high, 2*high
	}
	high = min(high, r.kept)
	for low+1 < high {
		if middle := (low + high) / 2; fit(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}
