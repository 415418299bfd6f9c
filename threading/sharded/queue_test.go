package sharded

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
)

func (q *queue) check() error {
	head, tail, n := q.head.Load(), q.tail.Load(), uint64(len(q.slots))
	if n&(n-1) != 0 || tail-head > n {
		return fmt.Errorf("queue: %d to %d of %d", head, tail, n)
	}
	used := map[uint64]bool{}
	for i := head; i != tail; i++ {
		used[i&(n-1)] = true
	}
	for i, m := range q.slots {
		if used[uint64(i)] != (m != nil) {
			return fmt.Errorf("queue: slot %d of %d to %d is %v", i, head, tail, m)
		}
	}
	return nil
}

// What goes in comes out, in order, also where the positions begin anew.
func TestQueue(t *testing.T) {
	for _, size := range []int{1, 2, 3, 8} {
		q := newQueue(size)
		q.head.Store(math.MaxUint64 - 5)
		q.tail.Store(math.MaxUint64 - 5)
		q.seen = math.MaxUint64 - 5
		var in, out int64
		for step := range 200 {
			for range step % (size + 1) {
				if q.len() < size {
					q.push(&message{nanos: in})
					in++
				}
			}
			if err := q.check(); err != nil {
				t.Fatal(err)
			}
			for range (step + 1) % (size + 1) {
				if m := q.pop(); m != nil {
					if m.nanos != out {
						t.Fatalf("message %d came out, want %d", m.nanos, out)
					}
					out++
				}
			}
		}
		if in-out != int64(q.len()) || in < 50 {
			t.Errorf("%d in, %d out, %d there", in, out, q.len())
		}
	}
}

// Producer and consumer on goroutines of their own.
func TestQueueConcurrent(t *testing.T) {
	const n = 50_000
	q := newQueue(4)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := int64(0); i < n; {
			if q.len() == 4 {
				runtime.Gosched()
				continue
			}
			q.push(&message{nanos: i})
			i++
		}
	})
	for i := int64(0); i < n; {
		m := q.pop()
		if m == nil {
			runtime.Gosched()
			continue
		}
		if m.nanos != i {
			t.Fatalf("message %d, want %d", m.nanos, i)
		}
		i++
	}
	wg.Wait()
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(64)
	m := &message{}
	b.ReportAllocs()
	for b.Loop() {
		q.push(m)
		q.pop()
	}
}
