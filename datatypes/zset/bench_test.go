package zset

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/slab"
)

// filled returns a sorted set of n members of eleven bytes with random scores
// below 1e6, the members in order of insertion, and the bytes it takes.
func filled(n int, lim *Limits) (*slab.Arena, ZSet, [][]byte, int64) {
	a := slab.New(slab.Options{})
	slot := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
	z := Init(slot, 1, 1, lim)
	rnd := rand.New(rand.NewPCG(1, 2))
	members := make([][]byte, n)
	for i := range members {
		members[i] = fmt.Appendf(nil, "m:%09d", i)
		z.Add(members[i], float64(rnd.IntN(1e6)), Flags{}, lim)
	}
	return a, z, members, a.Used() + int64(len(slot.Bytes()))
}

// each runs f on sorted sets of all sizes and encodings.
func each(b *testing.B, f func(z ZSet, m []byte, rnd *rand.Rand)) {
	for _, c := range []struct {
		n   int
		lim Limits
	}{{100, Limits{128, 64}}, {100, Limits{}}, {1e5, Limits{}}, {1e6, Limits{}}} {
		a, z, members, used := filled(c.n, &c.lim)
		rnd := rand.New(rand.NewPCG(3, 4))
		b.Run(fmt.Sprintf("size=%.0e/enc=%v", float64(c.n), z.Encoding()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(z, members[rnd.IntN(c.n)], rnd)
			}
			b.ReportMetric(float64(used)/float64(c.n)-11, "overhead-B/member")
		})
		a.Close()
	}
}

func BenchmarkAdd(b *testing.B) {
	lim := Limits{128, 64}
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) { z.Add(m, float64(rnd.IntN(1e6)), Flags{}, &lim) })
}

func BenchmarkRemoveAdd(b *testing.B) {
	lim := Limits{128, 64}
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) {
		z.Remove(m)
		z.Add(m, float64(rnd.IntN(1e6)), Flags{}, &lim)
	})
}

func BenchmarkScore(b *testing.B) {
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) { z.Score(m) })
}

func BenchmarkRank(b *testing.B) {
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) { z.Rank(m, false) })
}

var sink int

func count(m Value, score float64) bool {
	sink += len(m.Str)
	return true
}

func BenchmarkRange10(b *testing.B) {
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) { z.Range(rnd.IntN(z.Len()-9), 10, false, count) })
}

func BenchmarkRangeByScore10(b *testing.B) {
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) {
		z.RangeByScore(ScoreRange{Min: float64(rnd.IntN(1e6)), Max: 1e6}, Window{0, 10, false}, count)
	})
}

func BenchmarkCountByScore(b *testing.B) {
	each(b, func(z ZSet, m []byte, rnd *rand.Rand) {
		min := float64(rnd.IntN(1e6))
		z.CountByScore(ScoreRange{Min: min, Max: min + 1000})
	})
}

// The baseline: a Go map that knows scores and nothing of order.
func BenchmarkMapAdd(b *testing.B) {
	for _, n := range []int{1e2, 1e5, 1e6} {
		m := make(map[string]float64, n)
		keys := make([][]byte, n)
		for i := range keys {
			keys[i] = fmt.Appendf(nil, "m:%09d", i)
			m[string(keys[i])] = 1
		}
		rnd := rand.New(rand.NewPCG(3, 4))
		b.Run(fmt.Sprintf("size=%.0e", float64(n)), func(b *testing.B) {
			for b.Loop() {
				m[string(keys[rnd.IntN(n)])] = float64(rnd.IntN(1e6))
			}
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for _, n := range []int{1e2, 1e5} {
		lim := DefaultLimits()
		rnd := rand.New(rand.NewPCG(3, 4))
		pairs := make([]Pair, n)
		b.Run(fmt.Sprintf("size=%.0e", float64(n)), func(b *testing.B) {
			for b.Loop() {
				for i := range pairs {
					pairs[i] = Pair{fmt.Appendf(nil, "m:%09d", i), float64(rnd.IntN(1e6))}
				}
				a := slab.New(slab.Options{})
				Store(datatypes.NewMemSlot(a, datatypes.ListPack, nil), pairs, &lim)
				a.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
