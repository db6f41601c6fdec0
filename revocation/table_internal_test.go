package revocation

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

func randomKey(r *rand.Rand) (k Key) {
	binary.BigEndian.PutUint64(k[:], r.Uint64())
	binary.BigEndian.PutUint16(k[8:], uint16(r.Uint32()))
	return k
}

func BenchmarkFind(b *testing.B) {
	t := newTable()
	r := rand.New(rand.NewPCG(1, 2))
	now := MomentOf(time.Now())
	for range 1_000_000 {
		t.put(Mark{randomKey(r), now})
	}
	b.Logf("%d bytes a mark", t.size()/1_000_000)
	keys := make([]Key, 3<<16)
	for i := range keys {
		keys[i] = randomKey(r)
	}
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			t.find(keys[0])
			t.find(keys[1])
			t.find(keys[2])
		}
	})
	b.Run("others", func(b *testing.B) {
		i := 0
		for b.Loop() {
			t.find(keys[i])
			t.find(keys[i+1])
			t.find(keys[i+2])
			if i += 3; i == len(keys) {
				i = 0
			}
		}
	})
}
