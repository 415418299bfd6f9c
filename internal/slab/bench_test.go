package slab

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

var sink []byte

var start = time.Now()

func now() int64 { return int64(time.Since(start)) }

// Alloc and Free of one block again and again: the path in cache.
func BenchmarkAllocFree(b *testing.B) {
	for _, n := range []int{8, 56, 200, 1000, 16 << 10, 256 << 10, 4 << 20, 16 << 20} {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			a := New(Options{})
			defer a.Close()
			b.ReportAllocs()
			for b.Loop() {
				a.Free(a.Alloc(n))
			}
		})
	}
}

// The baseline: the same bytes from Go's heap, left to the collector.
func BenchmarkMake(b *testing.B) {
	for _, n := range []int{8, 56, 200, 1000, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = make([]byte, n)
			}
		})
	}
}

// Blocks are replaced at random places among many, as in a full cache.
func BenchmarkChurn(b *testing.B) {
	for _, live := range []int{1e3, 1e6} {
		b.Run(fmt.Sprintf("live=%.0e", float64(live)), func(b *testing.B) {
			a := New(Options{})
			defer a.Close()
			refs := make([]Ref, live)
			for i := range refs {
				refs[i] = a.Alloc(56)
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				i := rnd.IntN(live)
				a.Free(refs[i])
				r := a.Alloc(56)
				*(*uint64)(a.Ptr(r)) = uint64(i)
				refs[i] = r
			}
		})
	}
}

// Fresh memory, touched: what loading keys costs at least.
func BenchmarkLoad(b *testing.B) {
	const count = 1 << 20
	for _, o := range []Options{{}, {NoHugePages: true}} {
		b.Run(fmt.Sprintf("blocks=%d/hugepages=%v", count, !o.NoHugePages), func(b *testing.B) {
			for b.Loop() {
				a := New(o)
				for range count {
					*(*uint64)(a.Ptr(a.Alloc(56))) = 1
				}
				a.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/block")
		})
	}
}

func BenchmarkPtr(b *testing.B) {
	for _, live := range []int{1e3, 1e6} {
		b.Run(fmt.Sprintf("live=%.0e", float64(live)), func(b *testing.B) {
			a := New(Options{})
			defer a.Close()
			refs := make([]Ref, live)
			for i := range refs {
				refs[i] = a.Alloc(56)
			}
			rand.Shuffle(live, func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
			var p unsafe.Pointer
			i := 0
			for b.Loop() {
				p = a.Ptr(refs[i])
				if i++; i == live {
					i = 0
				}
			}
			_ = p
		})
	}
}

// What opening one more keyspace costs.
func BenchmarkNewClose(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		a := New(Options{})
		for range 5 {
			a.Alloc(56)
			a.Alloc(1024)
			a.Alloc(24)
		}
		a.Close()
	}
}

// The owner's part of freeing blocks that another goroutine collected in random
// order, per block.
func BenchmarkBatch(b *testing.B) {
	const live = 1 << 20
	for _, size := range []int{1 << 10, 1 << 14, 1 << 17} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			a := New(Options{})
			defer a.Close()
			refs := make([]Ref, live)
			for i := range refs {
				refs[i] = a.Alloc(24)
			}
			rand.Shuffle(live, func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
			batch := NewBatch(a.Snapshot())
			var freeing, splicing int64
			n := 0
			for b.Loop() {
				t0 := now()
				part := refs[n%live:][:size]
				for _, r := range part {
					batch.Free(r)
				}
				t1 := now()
				a.Splice(batch)
				splicing += now() - t1
				freeing += t1 - t0
				for i := range part {
					part[i] = a.Alloc(24)
				}
				n += size
			}
			b.ReportMetric(float64(freeing)/float64(n), "ns/Free")
			b.ReportMetric(float64(splicing)/float64(n), "ns/Splice")
		})
	}
}
