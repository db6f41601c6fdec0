package revocation

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// table holds the marks: key to moment. Readers take no lock: they load a
// shard through one pointer, and a shard that grows is built aside and
// exchanged whole. Writers take turns.
//
// A place is 17 bytes: 80 bits of key, 48 of moment, and a tag of 8 bits.
// Between 72 and 84 of 100 places are taken, so that a mark costs 20 to 24
// bytes. Doubling would cost up to 40. The tags of 8 places are one word, and
// that word is all that a look at an absent key reads, but for 1 in 40: the
// words of a million marks are 1.5 MB, which a processor's cache can hold.
type table struct {
	seed   uint64 // of where a key stands: who chooses keys must not choose their places
	shards [shardCount]atomic.Pointer[shard]
	count  atomic.Int64

	mu     sync.Mutex   // of writers
	base   atomic.Int64 // moments are counted from here; set by the first mark
	oldest Moment       // older marks go when their shard is built anew
}

const (
	shardBits  = 4
	shardCount = 1 << shardBits
	bucketSize = 8
	placeBytes = 17

	fullAbove = 84 // taken places of 100: a shard grows
	fullAfter = 72 // when it has grown

	// momentBits of microseconds are 8.9 years.
	momentBits = 48
	momentMask = 1<<momentBits - 1
	// spread is how much older than the first mark others may be.
	spread = Moment(4 * 365 * 24 * 3600 * 1e6)
)

type shard struct {
	tags    []atomic.Uint64 // of each bucket: a byte for each place, 0 where it is free
	buckets []bucket
	taken   int // writers alone know it
}

// bucket fills from its beginning, so a free place ends a search. A tag is
// written last: who reads it sees the place.
type bucket struct {
	keys [bucketSize]atomic.Uint64
	rest [bucketSize]atomic.Uint64 // 16 bits of key, 48 of moment
}

func newTable() *table { return &table{seed: rand.Uint64() | 1} }

// find returns the latest moment marked for k.
func (t *table) find(k Key) (Moment, bool) { return t.lookup(k.words()) }

// has tells whether there is any mark for the key in b.
func (t *table) has(b []byte) bool {
	_, ok := t.lookup(words(b))
	return ok
}

// A key is looked up in its two parts, as they stand in a place: 64 bits and
// 16.
func (t *table) lookup(high uint64, low uint16) (Moment, bool) {
	hash := t.hash(high)
	if s := t.shards[hash>>(64-shardBits)].Load(); s != nil {
		if rest := s.find(hash, high, low); rest != nil {
			return t.moment(rest.Load()), true
		}
	}
	return 0, false
}

// hash spreads keys over shards and buckets.
func (t *table) hash(high uint64) uint64 {
	// A multiplication by a large odd constant mixes the bits. The seed is of
	// this process, so nobody can choose keys that meet in one bucket.
	hi, lo := bits.Mul64(high^t.seed, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func (t *table) moment(rest uint64) Moment {
	if rest &= momentMask; rest != momentMask {
		return Moment(t.base.Load()) + Moment(rest)
	}
	return math.MaxInt64 // beyond what 48 bits hold: after every login, the safe side
}

// first is the bucket at which the search for a key begins.
func (s *shard) first(hash uint64) int {
	// The bits that chose the shard are shifted away first, or a shard would use
	// only a part of its buckets. The product maps the hash to a bucket without
	// a division.
	i, _ := bits.Mul64(hash<<shardBits, uint64(len(s.tags)))
	return int(i)
}

// tag is not 0.
func tag(hash uint64) uint64 { return hash%255 + 1 }

const (
	eachByte = 0x0101010101010101
	highBits = 0x8080808080808080
)

// zeroBytes has a high bit where x has a zero byte, and perhaps one behind a
// zero byte where x has a 1: who looks closer loses nothing.
func zeroBytes(x uint64) uint64 { return (x - eachByte) &^ x & highBits }

func (s *shard) find(hash, high uint64, low uint16) *atomic.Uint64 {
	// The tag is repeated in each byte, so that one comparison of words asks all
	// 8 places of a bucket.
	wanted := tag(hash) * eachByte
	i := s.first(hash)
	for range s.tags {
		tags := s.tags[i].Load()
		for m := zeroBytes(tags ^ wanted); m != 0; m &= m - 1 {
			j := bits.TrailingZeros64(m) / 8
			// Another key may have the same tag: 1 of 255 has. So the key itself
			// decides.
			if b := &s.buckets[i]; b.keys[j].Load() == high && b.rest[j].Load()>>momentBits == uint64(low) {
				return &b.rest[j]
			}
		}
		// A bucket with a free place has never been full, so no key was put behind
		// it.
		if zeroBytes(tags) != 0 {
			return nil
		}
		if i++; i == len(s.tags) {
			i = 0
		}
	}
	return nil
}

// put adds marks, in any order and as often as they come: the latest moment of
// a key stays.
func (t *table) put(marks ...Mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range marks {
		if m.At < t.oldest {
			continue
		}
		// 48 bits of microseconds are 8.9 years. They are counted from 4 years
		// before the first mark, because marks from the source may be older than
		// it.
		if t.base.Load() == 0 {
			t.base.Store(int64(m.At - spread))
		}
		t.add(m)
	}
}

func (t *table) add(m Mark) {
	high, low := m.Key.words()
	hash := t.hash(high)
	i := int(hash >> (64 - shardBits))
	s := t.shards[i].Load()
	if s != nil {
		// A mark of a known key changes its moment in place. A reader sees the old
		// one or the new one, never a mix: it is one word.
		if rest := s.find(hash, high, low); rest != nil {
			rest.Store(max(rest.Load(), t.rest(low, m.At))) // the key's bits are equal
			return
		}
	}
	// A shard grows before it is quite full. Searches become slow in a full one,
	// and an absent key would need to look at all of it.
	if s == nil || (s.taken+1)*100 > fullAbove*bucketSize*len(s.tags) {
		s = t.rebuild(i, 1)
	}
	s.insert(hash, high, t.rest(low, m.At))
	t.count.Add(1)
}

// rest is what stands beside the high bits of a key.
func (t *table) rest(low uint16, at Moment) uint64 {
	// What is too early or too late for 48 bits becomes the nearest that fits.
	// Too late is read as after every login, so the session ends.
	since := min(max(at-Moment(t.base.Load()), 0), momentMask)
	return uint64(low)<<momentBits | uint64(since)
}

// insert puts a key that is not there into the first free place.
func (s *shard) insert(hash, high, rest uint64) {
	s.taken++
	i := s.first(hash)
	for zeroBytes(s.tags[i].Load()) == 0 {
		i = (i + 1) % len(s.tags)
	}
	tags := s.tags[i].Load()
	j := bits.TrailingZeros64(zeroBytes(tags)) / 8 // the lowest is exact
	// The order matters: a reader that sees the tag must find the key and the
	// moment in their place.
	s.buckets[i].rest[j].Store(rest)
	s.buckets[i].keys[j].Store(high)
	s.tags[i].Store(tags | tag(hash)<<(8*j))
}

// rebuild copies what is young enough of a shard into one with room for more.
func (t *table) rebuild(i, more int) *shard {
	old, live := t.shards[i].Load(), 0
	t.each(old, func(Key, Moment) { live++ })
	const share = fullAfter * bucketSize
	n := max(((live+more)*100+share-1)/share, 1)
	// Readers go on with the old shard until the new one is complete. The memory
	// of both is needed for that moment: one sixteenth of the table.
	next := &shard{tags: make([]atomic.Uint64, n), buckets: make([]bucket, n)}
	t.each(old, func(k Key, at Moment) {
		high, low := k.words()
		next.insert(t.hash(high), high, t.rest(low, at))
	})
	if old != nil {
		t.count.Add(int64(next.taken - old.taken))
	}
	t.shards[i].Store(next)
	return next
}

// each calls f for what is young enough in s. It needs the writers' lock.
func (t *table) each(s *shard, f func(Key, Moment)) {
	if s == nil {
		return
	}
	for b := range s.buckets {
		for j := range s.buckets[b].keys {
			high, rest := s.buckets[b].keys[j].Load(), s.buckets[b].rest[j].Load()
			// A free place has no key. Old marks are passed over, so a shard loses
			// them whenever it is built anew.
			if at := t.moment(rest); high != 0 && at >= t.oldest {
				f(keyOfWords(high, uint16(rest>>momentBits)), at)
			}
		}
	}
}

// drop forgets marks older than oldest, and gives their memory back.
func (t *table) drop(oldest Moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.oldest = max(t.oldest, oldest)
	for i := range t.shards {
		s, live := t.shards[i].Load(), 0
		if s == nil {
			continue
		}
		// A shard in which nothing is old stays as it is: copying it would gain
		// nothing.
		if t.each(s, func(Key, Moment) { live++ }); live < s.taken {
			t.rebuild(i, 0)
		}
	}
}

// missing gives what t has and other has not, or has with an earlier moment.
func (t *table) missing(other *table) (marks []Mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.shards {
		// An earlier moment there is as bad as none: logins between the two would
		// live.
		t.each(t.shards[i].Load(), func(k Key, at Moment) {
			if theirs, ok := other.find(k); !ok || theirs < at {
				marks = append(marks, Mark{k, at})
			}
		})
	}
	return marks
}

// size is the memory of the places, in bytes.
func (t *table) size() (n int) {
	for i := range t.shards {
		if s := t.shards[i].Load(); s != nil {
			n += len(s.tags) * bucketSize * placeBytes
		}
	}
	return n
}
