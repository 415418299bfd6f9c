package dict

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/slab"
)

var large = flag.Bool("large", false, "also fill a table of 20 million elements")

var benchSizes = []int{1e3, 1e4, 1e5, 1e6}

// filled returns a table of n elements, and their keys in random order. The keys
// lie one after the other, so that reading them costs a benchmark next to nothing.
func filled(n int) (a *slab.Arena, t *Table, keys [][]byte, refs []slab.Ref) {
	a = slab.New(slab.Options{})
	t = New(a, 0, maphash.MakeSeed())
	keys, refs = make([][]byte, n), make([]slab.Ref, n)
	for i := range keys {
		keys[i] = key15(i)
		refs[i] = put(a, 0, keys[i])
		t.Insert(t.Hash(keys[i]), refs[i])
	}
	rand.Shuffle(n, func(i, j int) {
		keys[i], keys[j] = keys[j], keys[i]
		refs[i], refs[j] = refs[j], refs[i]
	})
	var all []byte
	for i, k := range keys {
		all = append(all, k...)
		keys[i] = all[len(all)-len(k):]
	}
	return a, t, keys, refs
}

// mapOf returns a map of the same keys, whose bytes lie in the order of the
// dict's elements.
func mapOf(n int) map[string]slab.Ref {
	m := map[string]slab.Ref{}
	for i := range n {
		m[string(key15(i))] = slab.Ref(i)
	}
	return m
}

func BenchmarkHash(b *testing.B) {
	t := New(slab.New(slab.Options{}), 0, maphash.MakeSeed())
	k := key15(1)
	for b.Loop() {
		t.Hash(k)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range benchSizes {
		_, t, keys, _ := filled(n)
		b.Run(fmt.Sprintf("impl=dict/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
				}
				k := keys[i]
				if t.Find(t.Hash(k), k) == slab.Nil {
					b.Fatal("lost")
				}
			}
		})
		b.Run(fmt.Sprintf("impl=dict-absent/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			k := key15(0)
			k[0] = 'x'
			for i := 0; b.Loop(); i++ {
				k[1], k[2], k[3] = byte(i), byte(i>>8), byte(i>>16)
				if t.Find(t.Hash(k), k) != slab.Nil {
					b.Fatal("found")
				}
			}
		})
		m := mapOf(n)
		b.Run(fmt.Sprintf("impl=map/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
				}
				if _, ok := m[string(keys[i])]; !ok {
					b.Fatal("lost")
				}
			}
		})
		b.Run(fmt.Sprintf("impl=mutexmap/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			var mu sync.RWMutex
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
				}
				mu.RLock()
				_, ok := m[string(keys[i])]
				mu.RUnlock()
				if !ok {
					b.Fatal("lost")
				}
			}
		})
	}
}

// BenchmarkInsert fills a table of that size from nothing, element by element;
// an operation is one element.
func BenchmarkInsert(b *testing.B) {
	for _, n := range benchSizes {
		_, _, keys, _ := filled(n)
		b.Run(fmt.Sprintf("impl=dict/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			a := slab.New(slab.Options{})
			defer a.Close()
			t := New(a, 0, maphash.MakeSeed())
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
					a.Close()
					t = New(a, 0, maphash.MakeSeed())
				}
				h := t.Hash(keys[i])
				if t.Find(h, keys[i]) == slab.Nil {
					t.Insert(h, put(a, 0, keys[i]))
				}
			}
		})
		b.Run(fmt.Sprintf("impl=map/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			m := map[string]struct{}{}
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
					m = map[string]struct{}{}
				}
				m[string(keys[i])] = struct{}{}
			}
		})
	}
}

// BenchmarkRemove removes and inserts an element in turn, at constant size.
func BenchmarkRemove(b *testing.B) {
	for _, n := range benchSizes {
		_, t, keys, refs := filled(n)
		b.Run(fmt.Sprintf("impl=dict/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
				}
				h := t.Hash(keys[i])
				t.Remove(h, refs[i])
				t.Insert(h, refs[i])
			}
		})
		m := mapOf(n)
		b.Run(fmt.Sprintf("impl=map/size=%.0e", float64(n)), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == n {
					i = 0
				}
				delete(m, string(keys[i]))
				m[string(keys[i])] = refs[i]
			}
		})
	}
}

// BenchmarkRandom draws fairly.
func BenchmarkRandom(b *testing.B) {
	for _, n := range benchSizes {
		_, t, _, _ := filled(n)
		rnd := rand.New(rand.NewPCG(1, 2))
		b.Run(fmt.Sprintf("size=%.0e", float64(n)), func(b *testing.B) {
			for b.Loop() {
				t.Random(rnd)
			}
		})
	}
}

// BenchmarkFill inserts 20 million elements (run with -large) and reports the
// slowest insertion, the most elements that one has moved, and how the index's
// cost a key goes up and down on the way.
func BenchmarkFill(b *testing.B) {
	n := 200_000
	if *large {
		n = 20_000_000
	}
	for b.Loop() {
		a := slab.New(slab.Options{})
		t := New(a, 0, maphash.MakeSeed())
		var key [15]byte
		var slowest time.Duration
		lowest, highest, sum, samples := 99.0, 0.0, 0.0, 0
		start := time.Now()
		for i := range n {
			copy(key[:], "key:")
			for j, v := 14, i; j > 3; j, v = j-1, v/10 {
				key[j] = byte('0' + v%10)
			}
			h := t.Hash(key[:])
			r := put(a, 0, key[:])
			before := time.Now()
			t.Insert(h, r)
			slowest = max(slowest, time.Since(before))
			if i >= 1000 && i%(i/64) == 0 {
				c := float64(t.Bytes()) / float64(i+1)
				lowest, highest, sum, samples = min(lowest, c), max(highest, c), sum+c, samples+1
			}
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/insert")
		b.ReportMetric(float64(slowest.Microseconds()), "µs-slowest")
		b.ReportMetric(float64(t.maxMoved), "moved-at-most")
		b.ReportMetric(lowest, "min-B/key")
		b.ReportMetric(sum/float64(samples), "mean-B/key")
		b.ReportMetric(highest, "max-B/key")
		a.Close()
	}
}
