package lazyfree

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// chain is the simplest large value: each block begins with the next one's Ref.
type chain struct {
	head     slab.Ref
	n        int
	released func() // called after the last block
}

var _ datatypes.Object = (*chain)(nil)

func newChain(a *slab.Arena, n, size int) *chain {
	c := &chain{n: n}
	for range n {
		r := a.Alloc(size)
		*(*slab.Ref)(a.Ptr(r)) = c.head
		c.head = r
	}
	return c
}

func (c *chain) Effort() int { return c.n }

func (c *chain) Release(b *slab.Batch, budget int) bool {
	for ; budget > 0 && c.head != slab.Nil; budget-- {
		r := c.head
		c.head = *(*slab.Ref)(b.View().Ptr(r))
		b.Free(r)
		c.n--
	}
	if c.head == slab.Nil && c.released != nil {
		c.released()
	}
	return c.head == slab.Nil
}

type shard struct {
	t testing.TB
	a *slab.Arena
	h *Home
}

func newShard(t testing.TB, r *Reclaimer) *shard {
	a := slab.New(slab.Options{})
	return &shard{t, a, r.Home(a)}
}

// empty collects everything and expects nothing to be left.
func (s *shard) empty() {
	s.t.Helper()
	s.h.CollectAll()
	if s.a.Used() != 0 {
		s.t.Errorf("%d bytes still in use", s.a.Used())
	}
	if err := s.a.Check(); err != nil {
		s.t.Error(err)
	}
}

func wait(t testing.TB, r *Reclaimer) {
	t.Helper()
	if err := r.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	all := Settings{true, true, true, true, true, true}
	tests := []struct {
		cause         Cause
		only          Settings
		byNone, byAll bool
	}{
		{Sync, Settings{}, false, false},
		{Async, Settings{}, true, true},
		{UserDel, Settings{UserDel: true}, false, true},
		{UserFlush, Settings{UserFlush: true}, false, true},
		{ServerDel, Settings{ServerDel: true}, false, true},
		{Expire, Settings{Expire: true}, false, true},
		{Eviction, Settings{Eviction: true}, false, true},
		{ReplicaFlush, Settings{ReplicaFlush: true}, false, true},
	}
	for _, tt := range tests {
		if got := (&Settings{}).Lazy(tt.cause); got != tt.byNone {
			t.Errorf("cause %d, nothing set: %v", tt.cause, got)
		}
		if got := all.Lazy(tt.cause); got != tt.byAll {
			t.Errorf("cause %d, all set: %v", tt.cause, got)
		}
		for _, other := range tests {
			want := tt.byNone || tt.byAll && tt.cause == other.cause
			if got := other.only.Lazy(tt.cause); got != want {
				t.Errorf("cause %d, only the setting for %d: %v", tt.cause, other.cause, got)
			}
		}
	}
}

func TestOnlyAboveThreshold(t *testing.T) {
	for _, tt := range []struct {
		n          int
		lazy       bool
		background int64
	}{{1, true, 0}, {64, true, 0}, {65, true, 1}, {65, false, 0}, {5000, false, 0}} {
		r := New()
		s := newShard(t, r)
		s.h.Free(newChain(s.a, tt.n, 24), tt.lazy)
		if tt.background == 0 {
			s.empty()
		}
		wait(t, r)
		if r.Freed() != tt.background || r.Pending() != 0 {
			t.Errorf("effort %d, lazy %v: freed %d, pending %d, want %d, 0", tt.n, tt.lazy, r.Freed(), r.Pending(), tt.background)
		}
		s.empty()
		if r.ResetFreed(); r.Freed() != 0 {
			t.Error("ResetFreed did not")
		}
		r.Close()
	}
}

func TestInOrderAcrossShards(t *testing.T) {
	r := New()
	defer r.Close()
	shards := []*shard{newShard(t, r), newShard(t, r)}
	var got, want []int // got is the reclaimer's until Wait returns
	for i := range 100 {
		s := shards[i*7%3%2]
		c := newChain(s.a, 1+i*13%400, 24)
		c.released = func() { got = append(got, i) }
		s.h.Submit(c, 1)
		want = append(want, i)
		if i%10 == 0 {
			r.After(func() { got = append(got, -i) })
			want = append(want, -i)
		}
	}
	wait(t, r)
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if r.Freed() != 100 {
		t.Errorf("freed %d", r.Freed())
	}
	for _, s := range shards {
		s.empty()
	}
}

// When a callback comes, all that was freed before it can be collected.
func TestAfterMeansReady(t *testing.T) {
	r := New()
	defer r.Close()
	s := newShard(t, r)
	for i := range 20 {
		s.h.Submit(newChain(s.a, 70, 24), 1000)
		done := make(chan int64)
		r.After(func() { done <- r.Pending() })
		if n := <-done; n != 0 {
			t.Errorf("round %d: %d pending", i, n)
		}
		s.empty()
	}
	if r.Freed() != 20_000 {
		t.Errorf("freed %d", r.Freed())
	}
}

// The owner allocates, frees, submits and collects while the reclaimer works.
func TestOwnerGoesOn(t *testing.T) {
	rounds := 3000
	if testing.Short() || invariants.Enabled {
		rounds = 600
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			r := New()
			defer r.Close()
			shards := []*shard{newShard(t, r), newShard(t, r), newShard(t, r)}
			type owned struct {
				s *shard
				c *chain
			}
			var live []owned
			var freed int64
			for range rounds {
				s := shards[rnd.IntN(len(shards))]
				switch rnd.IntN(8) {
				case 0, 1, 2:
					n, size := 1+rnd.IntN(200), 8+rnd.IntN(300)
					if rnd.IntN(30) == 0 {
						n, size = 1+rnd.IntN(3), 1<<20+rnd.IntN(1<<22)
					}
					live = append(live, owned{s, newChain(s.a, n, size)})
				case 3, 4, 5:
					if len(live) == 0 {
						continue
					}
					i := rnd.IntN(len(live))
					o := live[i]
					live = slices.Delete(live, i, i+1)
					lazy := rnd.IntN(4) != 0
					if lazy && o.c.Effort() > Threshold {
						freed++
					}
					o.s.h.Free(o.c, lazy)
				case 6:
					s.h.Collect()
				case 7:
					s.a.Purge(1 << 20)
				}
			}
			wait(t, r)
			if r.Freed() != freed || r.Pending() != 0 {
				t.Errorf("freed %d, pending %d, want %d, 0", r.Freed(), r.Pending(), freed)
			}
			for _, o := range live {
				o.s.h.Free(o.c, false)
			}
			for _, s := range shards {
				s.empty()
				s.a.Close()
			}
		})
	}
}

// An owner that does not collect makes no Batches pile up.
func TestIdleOwner(t *testing.T) {
	r := New()
	defer r.Close()
	s := newShard(t, r)
	rounds := 10
	if invariants.Enabled {
		rounds = 3
	}
	for range rounds {
		s.h.Submit(newChain(s.a, 2*batchBlocks+5, 8), 1)
		wait(t, r)
		if n := len(s.h.shelf.full); n > 2 {
			t.Fatalf("%d Batches wait", n)
		}
	}
	for range rounds { // and when it collects a little now and then
		s.h.Submit(newChain(s.a, 2*batchBlocks+5, 8), 1)
		wait(t, r)
		s.h.Collect()
		if n := len(s.h.shelf.full); n > 2 {
			t.Fatalf("%d Batches wait", n)
		}
	}
	s.empty()
}

// slow is an object that takes one tick of the clock for each piece.
type slow struct {
	pieces int
	begun  atomic.Bool
}

func (o *slow) Effort() int { return 1 << 20 }
func (o *slow) Release(b *slab.Batch, _ int) bool {
	o.begun.Store(true)
	time.Sleep(time.Second)
	o.pieces--
	return o.pieces == 0
}

func TestCloseStopsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine remains
		r := New()
		s := newShard(t, r)
		defer s.a.Close()
		start := time.Now()
		s.h.Submit(&slow{pieces: 1 << 20}, 1)
		s.h.Submit(newChain(s.a, 100, 24), 1)
		waited := make(chan error)
		go func() { waited <- r.Wait(context.Background()) }()
		time.Sleep(1500 * time.Millisecond)
		if r.Pending() != 2 {
			t.Errorf("pending %d", r.Pending())
		}
		r.Close()
		if err := <-waited; !errors.Is(err, ErrClosed) {
			t.Errorf("Wait: %v", err)
		}
		if d := time.Since(start); d.Truncate(10*time.Millisecond) != 2*time.Second {
			t.Errorf("closed after %v, want the end of the piece and a rest", d)
		}
		r.Close()
		if r.Pending() != 0 || r.After(func() { t.Error("called") }) {
			t.Error("not closed")
		}
		if err := r.Wait(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Wait: %v", err)
		}
		used := s.a.Used()
		if s.h.Submit(newChain(s.a, 100, 24), 1); s.a.Used() != used {
			t.Error("an object submitted after Close was not freed")
		}
	})
}

func TestWaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		s := newShard(t, r)
		s.h.Submit(&slow{pieces: 10}, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		if err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		wait(t, r)
		r.Close()
	})
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		s := newShard(t, r)
		start := time.Now()
		if s.h.Await(time.Hour) || time.Since(start) != 0 {
			t.Errorf("with nothing pending, Await took %v", time.Since(start))
		}
		s.h.Submit(&slow{pieces: 5}, 1)
		if s.h.Await(3 * time.Second); time.Since(start) != 3*time.Second {
			t.Errorf("Await took %v", time.Since(start))
		}
		s.h.Submit(newChain(s.a, 100, 24), 1)
		// Five pieces of a second, and the rests between them.
		if !s.h.Await(time.Hour) || time.Since(start).Truncate(100*time.Millisecond) != 5*time.Second {
			t.Errorf("Await took %v in all", time.Since(start))
		}
		s.empty()
		r.Close()
	})
}

// The goroutine lives only while there is work.
func TestNothingRunsAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		s := newShard(t, r)
		for range 3 {
			s.h.Submit(newChain(s.a, 1000, 24), 1)
			wait(t, r)
			synctest.Wait()
			if r.done != nil {
				t.Error("a goroutine is at rest")
			}
		}
		s.empty()
		// No Close: the bubble ends anyway.
	})
}

func TestCollectAllocatesNothing(t *testing.T) {
	r := New()
	defer r.Close()
	s := newShard(t, r)
	if n := testing.AllocsPerRun(100, s.h.Collect); n != 0 {
		t.Errorf("Collect with nothing ready: %v allocations", n)
	}
}

// With one processor the owner still gets its turns.
func TestOneProcessor(t *testing.T) {
	if testing.Short() || invariants.Enabled {
		t.Skip("times")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := New()
	defer r.Close()
	s := newShard(t, r)
	s.h.Submit(newChain(s.a, 1_000_000, 24), 1)
	var turns int
	var longest time.Duration
	for last := time.Now(); r.Pending() > 0; turns++ {
		s.h.Collect()
		runtime.Gosched()
		now := time.Now()
		longest = max(longest, now.Sub(last))
		last = now
	}
	t.Logf("%d turns, longest wait %v", turns, longest)
	if turns < 100 {
		t.Errorf("the owner had %d turns only", turns)
	}
	s.empty()
}
