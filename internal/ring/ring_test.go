package ring

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// A model of a queue is a slice. A program is bytes: each says who does what next.
func runSPSC(t testing.TB, size int, program []byte) {
	t.Helper()
	q := NewSPSC[int](size)
	q.head.Store(^uint64(0) - 3) // counters that are about to wrap
	q.tail.Store(^uint64(0) - 3)
	q.put, q.headSeen, q.tailSeen = ^uint64(0)-3, ^uint64(0)-3, ^uint64(0)-3
	var published, put []int // put is not published, or in the backlog
	next := 1
	for at, op := range program {
		switch op % 4 {
		case 0, 1:
			q.Put(next)
			put = append(put, next)
			next++
		case 2:
			room := len(q.slots) - len(published)
			n := min(room, len(put))
			got := q.Publish()
			if got != (n > 0) {
				t.Fatalf("op %d: Publish %v with %d to publish", at, got, n)
			}
			published = append(published, put[:n]...)
			put = put[n:]
			if q.Backlog() != len(put) {
				t.Fatalf("op %d: a backlog of %d, want %d", at, q.Backlog(), len(put))
			}
		case 3:
			v, ok := q.Pop()
			if ok != (len(published) > 0) || ok && v != published[0] {
				t.Fatalf("op %d: popped %d, %v; want of %v", at, v, ok, published)
			}
			if ok {
				published = published[1:]
			}
		}
		if q.Len() != len(published) {
			t.Fatalf("op %d: %d things, want %d", at, q.Len(), len(published))
		}
	}
}

func TestSPSC(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		program := make([]byte, rnd.IntN(400))
		for i := range program {
			program[i] = byte(rnd.IntN(256))
		}
		runSPSC(t, 1+rnd.IntN(20), program)
	}
}

func FuzzSPSC(f *testing.F) {
	f.Add(uint8(2), []byte{0, 0, 0, 2, 3, 2, 3, 3, 3})
	f.Fuzz(func(t *testing.T, size uint8, program []byte) { runSPSC(t, int(size), program) })
}

func TestInvariants(t *testing.T) {
	q := NewSPSC[*int](4)
	isNil := func(p *int) bool { return p == nil }
	for i := range 1000 {
		switch i % 7 {
		case 0, 1, 4:
			q.Put(new(int))
		case 2:
			q.Publish()
		default:
			q.Pop()
		}
		if err := q.check(isNil); err != nil {
			t.Fatal(err)
		}
	}
	q.slots[q.put&q.mask] = new(int)
	if q.check(isNil) == nil && q.put-q.head.Load() < 4 {
		t.Error("a slot that is kept alive is not noticed")
	}
	q.put += 100
	if q.check(isNil) == nil {
		t.Error("more things than slots are not noticed")
	}
}

// One produces, one consumes, at once: everything comes, in order.
func TestSPSCAtOnce(t *testing.T) {
	for _, size := range []int{2, 64} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			const n = 30_000
			q := NewSPSC[[2]int](size)
			var both sync.WaitGroup
			both.Go(func() {
				for i := range n {
					q.Put([2]int{i, -i})
					if i%3 == 0 {
						q.Publish()
					}
					if q.Backlog() > 100 {
						runtime.Gosched()
					}
				}
				for q.Publish(); q.Backlog() > 0; q.Publish() {
					runtime.Gosched()
				}
			})
			both.Go(func() {
				for i := 0; i < n; {
					v, ok := q.Pop()
					if !ok {
						runtime.Gosched()
						continue
					}
					if v != [2]int{i, -i} {
						t.Errorf("popped %v, want %d", v, i)
						return
					}
					i++
				}
			})
			both.Wait()
			if q.Len() != 0 {
				t.Errorf("%d left", q.Len())
			}
		})
	}
}

func TestMPSC(t *testing.T) {
	q := NewMPSC[int](3) // of 4 slots
	for round := range 10 {
		for i := range 4 {
			if !q.Push(round*4 + i) {
				t.Fatalf("no room for thing %d", i)
			}
		}
		if q.Push(0) || q.Len() != 4 {
			t.Fatalf("a fifth thing in four slots; Len %d", q.Len())
		}
		for i := range 4 {
			if v, ok := q.Pop(); !ok || v != round*4+i {
				t.Fatalf("popped %d, %v, want %d", v, ok, round*4+i)
			}
		}
		if v, ok := q.Pop(); ok {
			t.Fatalf("popped %d of an empty queue", v)
		}
	}
}

// Many push at once: everything comes once, in each one's order.
func TestMPSCAtOnce(t *testing.T) {
	const producers, n = 4, 20_000
	for _, size := range []int{2, 128} {
		q := NewMPSC[[2]int](size)
		var all sync.WaitGroup
		for p := range producers {
			all.Go(func() {
				for i := 0; i < n; {
					if q.Push([2]int{p, i}) {
						i++
					} else {
						runtime.Gosched()
					}
				}
			})
		}
		var got [producers]int
		for k := 0; k < producers*n; {
			v, ok := q.Pop()
			if !ok {
				runtime.Gosched()
				continue
			}
			if got[v[0]] != v[1] {
				t.Fatalf("popped %v after %v", v, got)
			}
			got[v[0]]++
			k++
		}
		all.Wait()
		if !slices.Equal(got[:], []int{n, n, n, n}) || q.Len() != 0 {
			t.Errorf("popped %v, %d left", got, q.Len())
		}
	}
}

func TestAllocations(t *testing.T) {
	q, m := NewSPSC[*int](8), NewMPSC[*int](8)
	v := new(int)
	if n := testing.AllocsPerRun(100, func() {
		q.Put(v)
		q.Publish()
		q.Pop()
		m.Push(v)
		m.Pop()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSPSC(b *testing.B) {
	q := NewSPSC[*int](64)
	v := new(int)
	for b.Loop() {
		q.Put(v)
		q.Publish()
		q.Pop()
	}
}

func BenchmarkMPSC(b *testing.B) {
	q := NewMPSC[*int](64)
	v := new(int)
	for b.Loop() {
		q.Push(v)
		q.Pop()
	}
}

func BenchmarkChannel(b *testing.B) {
	q := make(chan *int, 64)
	v := new(int)
	for b.Loop() {
		q <- v
		<-q
	}
}
