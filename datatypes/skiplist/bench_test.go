package skiplist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redweave/redweave/internal/ranking"
	"github.com/redweave/redweave/internal/slab"
)

// filled returns a list of n members with random scores below 1e6, and its
// nodes in order of insertion, which is a random order by score.
func filled(n int) (*slab.Arena, *List, []slab.Ref) {
	a := slab.New(slab.Options{})
	l := New(a, 1)
	rnd := rand.New(rand.NewPCG(1, 2))
	refs := make([]slab.Ref, n)
	for i := range refs {
		refs[i] = l.Insert(float64(rnd.IntN(1e6)), fmt.Appendf(nil, "m:%09d", i))
	}
	return a, l, refs
}

var sink int

func bench(b *testing.B, f func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand)) {
	for _, n := range []int{1e2, 1e5, 1e6} {
		a, l, refs := filled(n)
		rnd := rand.New(rand.NewPCG(3, 4))
		b.Run(fmt.Sprintf("impl=skiplist/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			f(b, l, refs, rnd)
			b.ReportMetric(float64(a.Used())/float64(n)-11, "overhead-B/member")
		})
		a.Close()
	}
}

func BenchmarkUpdateScore(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		for b.Loop() {
			l.UpdateScore(refs[rnd.IntN(len(refs))], float64(rnd.IntN(1e6)))
		}
	})
}

func BenchmarkDeleteInsert(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		m := []byte("m:000000000")
		for b.Loop() {
			r := &refs[rnd.IntN(len(refs))]
			copy(m, l.Member(*r))
			l.Delete(*r)
			*r = l.Insert(float64(rnd.IntN(1e6)), m)
		}
	})
}

func BenchmarkRank(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		for b.Loop() {
			l.Rank(refs[rnd.IntN(len(refs))])
		}
	})
}

func BenchmarkByRank(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		for b.Loop() {
			l.ByRank(rnd.IntN(len(refs)))
		}
	})
}

func BenchmarkSeekScore(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		for b.Loop() {
			l.SeekScore(float64(rnd.IntN(1e6)), false)
		}
	})
}

func BenchmarkRange10(b *testing.B) {
	bench(b, func(b *testing.B, l *List, refs []slab.Ref, rnd *rand.Rand) {
		n := 0
		for b.Loop() {
			r := l.ByRank(rnd.IntN(len(refs) - 10))
			for range 10 {
				m, _ := l.At(r)
				n += len(m)
				r = l.Next(r)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1e2, 1e5} {
		b.Run(fmt.Sprintf("impl=skiplist/size=%.0e", float64(n)), func(b *testing.B) {
			m := []byte("m:000000000")
			for b.Loop() {
				a := slab.New(slab.Options{})
				l := New(a, 1)
				w := l.Loader()
				for i := range n {
					w.Append(float64(i), m)
				}
				a.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}

// The baseline: a sorted slice, moved on every change.
func BenchmarkSortedSlice(b *testing.B) {
	for _, n := range []int{1e2, 1e5} {
		rnd := rand.New(rand.NewPCG(1, 2))
		s := make([]ranking.Pair, n)
		for i := range s {
			s[i] = ranking.Pair{Member: fmt.Sprintf("m:%09d", i), Score: float64(rnd.IntN(1e6))}
		}
		slices.SortFunc(s, ranking.Compare)
		size := fmt.Sprintf("impl=slice/size=%.0e", float64(n))
		b.Run("op=update/"+size, func(b *testing.B) {
			for b.Loop() {
				i := rnd.IntN(n)
				p := s[i]
				s = slices.Delete(s, i, i+1)
				p.Score = float64(rnd.IntN(1e6))
				j, _ := slices.BinarySearchFunc(s, p, ranking.Compare)
				s = slices.Insert(s, j, p)
			}
		})
		b.Run("op=seek/"+size, func(b *testing.B) {
			for b.Loop() {
				sink, _ = slices.BinarySearchFunc(s, ranking.Pair{Score: float64(rnd.IntN(1e6))}, ranking.Compare)
			}
		})
	}
}
