package lazyfree

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/slab"
)

// What UNLINK of a large value costs the owner, 64 at a time, the start of the
// goroutine included.
func BenchmarkSubmit(b *testing.B) {
	r := New()
	defer r.Close()
	a := slab.New(slab.Options{})
	defer a.Close()
	h := r.Home(a)
	c := newChain(a, 0, 24)
	var spent time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		for range 64 {
			h.Submit(c, 1)
		}
		spent += time.Since(start)
		_ = r.Wait(context.Background())
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/64, "ns/Submit")
}

func BenchmarkCollectNothing(b *testing.B) {
	r := New()
	defer r.Close()
	a := slab.New(slab.Options{})
	h := r.Home(a)
	for b.Loop() {
		h.Collect()
	}
}

// A value of a million blocks: freed block by block, at once through a Batch,
// and in the background while the owner goes on. The wait is the longest between
// two of the owner's turns, the median of the runs.
func BenchmarkFree(b *testing.B) {
	const blocks = 1_000_000
	run := func(name string, procs int, free func(h *Home, a *slab.Arena, c *chain) time.Duration) {
		b.Run(name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			r := New()
			defer r.Close()
			a := slab.New(slab.Options{})
			defer a.Close()
			h := r.Home(a)
			var waits []time.Duration
			for b.Loop() {
				b.StopTimer()
				c := newChain(a, blocks, 40)
				b.StartTimer()
				waits = append(waits, free(h, a, c))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blocks, "ns/block")
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "µs-wait")
		})
	}
	run("one-by-one", 1, func(_ *Home, a *slab.Arena, c *chain) time.Duration {
		start := time.Now()
		for c.head != slab.Nil {
			r := c.head
			c.head = *(*slab.Ref)(a.Ptr(r))
			a.Free(r)
		}
		return time.Since(start)
	})
	run("at-once", 1, func(h *Home, _ *slab.Arena, c *chain) time.Duration {
		start := time.Now()
		h.Free(c, false)
		return time.Since(start)
	})
	background := func(h *Home, a *slab.Arena, c *chain) (longest time.Duration) {
		last := time.Now()
		for h.Free(c, true); h.rec.Pending() > 0 || h.Ready(); {
			h.Collect()
			runtime.Gosched()
			now := time.Now()
			longest = max(longest, now.Sub(last))
			last = now
		}
		return longest
	}
	run("background/procs=1", 1, background)
	run("background/procs=2", 2, background)
}
