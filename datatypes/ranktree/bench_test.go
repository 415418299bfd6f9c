package ranktree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/datatypes/skiplist"
	"github.com/redweave/redweave/internal/slab"
)

// The baseline is a skip list of the same members: what Redis has.

// each runs f on trees and g on skip lists of n members with random scores below
// 1e6. refs are their members in order of insertion, a random order by score.
func each(b *testing.B, f func(t *Tree, refs []slab.Ref, rnd *rand.Rand), g func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand)) {
	for _, n := range []int{1e2, 1e5, 1e6} {
		a := slab.New(slab.Options{})
		t := New(a, 1)
		l := skiplist.New(a, 1)
		for _, impl := range []string{"ranktree", "skiplist"} {
			rnd := rand.New(rand.NewPCG(1, 2))
			refs := make([]slab.Ref, n)
			before := a.Used()
			for i := range refs {
				s, m := float64(rnd.IntN(1e6)), fmt.Appendf(nil, "m:%09d", i)
				if impl == "ranktree" {
					refs[i] = t.Insert(s, m)
				} else {
					refs[i] = l.Insert(s, m)
				}
			}
			size := float64(a.Used()-before)/float64(n) - 11
			b.Run(fmt.Sprintf("impl=%s/size=%.0e", impl, float64(n)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if impl == "ranktree" {
						f(t, refs, rnd)
					} else {
						g(l, refs, rnd)
					}
				}
				b.ReportMetric(size, "overhead-B/member")
			})
		}
		a.Close()
	}
}

func BenchmarkUpdate(b *testing.B) {
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) {
		t.UpdateScore(refs[rnd.IntN(len(refs))], float64(rnd.IntN(1e6)))
	}, func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) {
		l.UpdateScore(refs[rnd.IntN(len(refs))], float64(rnd.IntN(1e6)))
	})
}

func BenchmarkNudge(b *testing.B) { // a score that changes little, as counters' do
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) {
		r := refs[rnd.IntN(len(refs))]
		t.UpdateScore(r, t.Score(r)+float64(rnd.IntN(3)-1))
	}, func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) {
		r := refs[rnd.IntN(len(refs))]
		l.UpdateScore(r, l.Score(r)+float64(rnd.IntN(3)-1))
	})
}

func BenchmarkDeleteInsert(b *testing.B) {
	var m [11]byte
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) {
		r := &refs[rnd.IntN(len(refs))]
		copy(m[:], t.Member(*r))
		t.Delete(*r)
		*r = t.Insert(float64(rnd.IntN(1e6)), m[:])
	}, func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) {
		r := &refs[rnd.IntN(len(refs))]
		copy(m[:], l.Member(*r))
		l.Delete(*r)
		*r = l.Insert(float64(rnd.IntN(1e6)), m[:])
	})
}

func BenchmarkRank(b *testing.B) {
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) { t.Rank(refs[rnd.IntN(len(refs))]) },
		func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) { l.Rank(refs[rnd.IntN(len(refs))]) })
}

func BenchmarkByRank(b *testing.B) {
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) { t.ByRank(rnd.IntN(len(refs))) },
		func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) { l.ByRank(rnd.IntN(len(refs))) })
}

func BenchmarkSeekScore(b *testing.B) {
	each(b, func(t *Tree, _ []slab.Ref, rnd *rand.Rand) { t.SeekScore(float64(rnd.IntN(1e6)), false) },
		func(l *skiplist.List, _ []slab.Ref, rnd *rand.Rand) { l.SeekScore(float64(rnd.IntN(1e6)), false) })
}

var sink int

func BenchmarkRange10(b *testing.B) {
	each(b, func(t *Tree, refs []slab.Ref, rnd *rand.Rand) {
		var buf [10]slab.Ref
		at := t.Seek(rnd.IntN(len(refs) - 10))
		for _, r := range buf[:t.Fill(&at, buf[:])] {
			m, _ := t.At(r)
			sink += len(m)
		}
	}, func(l *skiplist.List, refs []slab.Ref, rnd *rand.Rand) {
		r := l.ByRank(rnd.IntN(len(refs) - 10))
		for range 10 {
			m, _ := l.At(r)
			sink += len(m)
			r = l.Next(r)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1e2, 1e5} {
		b.Run(fmt.Sprintf("size=%.0e", float64(n)), func(b *testing.B) {
			m := []byte("m:000000000")
			for b.Loop() {
				a := slab.New(slab.Options{})
				t := New(a, 1)
				for i := range n {
					t.Append(float64(i), m)
				}
				a.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
