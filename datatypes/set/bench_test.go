package set

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/redweave/redweave/datatypes"
)

func benchMembers(enc datatypes.Encoding, n int) (m [][]byte) {
	for i := range n {
		text := strconv.Itoa(1000 + i*37)
		if enc != datatypes.IntSet {
			text = "member:" + text
		}
		m = append(m, []byte(text))
	}
	return m
}

var benchSets = []struct {
	enc datatypes.Encoding
	n   int
}{
	{datatypes.IntSet, 128}, {datatypes.IntSet, 512}, {datatypes.ListPack, 16}, {datatypes.ListPack, 128},
	{datatypes.HashTable, 1000}, {datatypes.HashTable, 100_000},
}

// BenchmarkContains looks up members that are there, beside a mutexed map.
func BenchmarkContains(b *testing.B) {
	lim := DefaultLimits()
	for _, c := range benchSets {
		s, m := Init(newSlot(b), c.enc), benchMembers(c.enc, c.n)
		plain := map[string]struct{}{}
		for _, x := range m {
			s.Add(x, &lim)
			plain[string(x)] = struct{}{}
		}
		b.Run(fmt.Sprintf("impl=set/size=%d/enc=%v", c.n, s.Encoding()), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == c.n {
					i = 0
				}
				if !Open(s.slot).Contains(m[i]) {
					b.Fatal("lost")
				}
			}
		})
		b.Run(fmt.Sprintf("impl=mutexmap/size=%d", c.n), func(b *testing.B) {
			b.ReportAllocs()
			var mu sync.Mutex
			for i := 0; b.Loop(); i++ {
				if i == c.n {
					i = 0
				}
				mu.Lock()
				_, ok := plain[string(m[i])]
				mu.Unlock()
				if !ok {
					b.Fatal("lost")
				}
			}
		})
	}
}

// BenchmarkAddRemove removes a member and adds it again.
func BenchmarkAddRemove(b *testing.B) {
	lim := DefaultLimits()
	for _, c := range benchSets {
		s, m := Init(newSlot(b), c.enc), benchMembers(c.enc, c.n)
		for _, x := range m {
			s.Add(x, &lim)
		}
		b.Run(fmt.Sprintf("size=%d/enc=%v", c.n, s.Encoding()), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == c.n {
					i = 0
				}
				s.Remove(m[i])
				s.Add(m[i], &lim)
			}
		})
	}
}

// BenchmarkUnion makes a set of two that share half their members.
func BenchmarkUnion(b *testing.B) {
	lim := DefaultLimits()
	x, y := of(b, datatypes.HashTable, ints(0, 10_000)...), of(b, datatypes.HashTable, ints(5000, 15_000)...)
	for b.Loop() {
		Union(newSlotOf(x), []Set{x, y}, &lim).Free()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/member")
}

func newSlotOf(s Set) datatypes.Slot {
	return datatypes.NewMemSlot(s.slot.Arena(), datatypes.IntSet, nil)
}
