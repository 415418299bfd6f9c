// Package ring is how threads hand things to each other without a lock: bounded queues
// with one consumer, and one producer (SPSC) or any number (MPSC).
//
//	q := ring.NewSPSC[*Batch](64)
//	q.Put(b); q.Put(c)        // producer: as many as it has
//	q.Publish()               // … then all of them at once
//	for b, ok := q.Pop(); ok; b, ok = q.Pop() { … }      // consumer
//
// # Guarantees
//
// Things come out in the order they went in, of each producer. What the producer did
// before it published happens before the consumer gets it. No call waits, spins or
// allocates, but that a queue's backlog grows.
//
// # A full queue is not waited for
//
// A producer that waited for a consumer that waits for the producer would wait for
// ever. So an SPSC keeps what does not fit in a backlog of the producer's, and MPSC
// says no. A backlog moves on with the next Put or Publish: a producer that goes to
// sleep with a backlog must be woken by the consumer, which mostly has something for
// him anyway.
//
// # Waking
//
// is not done here. The rule that loses nothing: the producer publishes, then wakes;
// the consumer says that it goes to sleep, then looks once more.
package ring

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// apart keeps what different threads write on different cache lines, in pairs of which
// processors fetch them.
type apart [128]byte

// capacity returns the least power of two that is at least n, and 2.
func capacity(n int) uint64 {
	if n <= 2 {
		return 2
	}
	return 1 << bits.Len64(uint64(n-1))
}

// An SPSC is a queue of one producer and one consumer.
//
//	slots  | · | · | c | d | e | f | · | · |      slot of n: n & mask
//	              ^head       ^tail   ^put
//	               consumer's  published
//	                           └── put, and not yet published: the producer's alone
//
// Both sides keep what they saw of the other's index last, and look again only when it
// says that the queue is empty, or full: so a queue that is neither costs no transfer of
// a cache line beside that of the things themselves.
//
// Invariants, verified by check when both sides rest:
//   - head <= tail <= put <= head + len(slots), all of which only grow
//   - the backlog is empty unless the queue was full when it was last looked at
//   - slots outside [head, put) are zero, so that what was taken is not kept alive
type SPSC[T any] struct {
	slots []T
	mask  uint64

	_        apart
	head     atomic.Uint64 // the consumer's
	tailSeen uint64

	_        apart
	tail     atomic.Uint64 // the producer's
	put      uint64
	headSeen uint64
	backlog  []T
	moved    int // backlog[:moved] has moved on
	_        apart
}

// NewSPSC returns a queue for at least n things.
func NewSPSC[T any](n int) *SPSC[T] {
	c := capacity(n)
	return &SPSC[T]{slots: make([]T, c), mask: c - 1}
}

// Put appends v. The consumer sees it after [SPSC.Publish].
func (q *SPSC[T]) Put(v T) {
	if len(q.backlog) > 0 {
		q.moveBacklog()
	}
	if len(q.backlog) > 0 || !q.fits() {
		q.backlog = append(q.backlog, v)
		return
	}
	q.slots[q.put&q.mask] = v
	q.put++
}

// fits reports whether there is a free slot.
func (q *SPSC[T]) fits() bool {
	if q.put-q.headSeen <= q.mask {
		return true
	}
	q.headSeen = q.head.Load()
	return q.put-q.headSeen <= q.mask
}

// moveBacklog puts as much of the backlog as fits.
func (q *SPSC[T]) moveBacklog() {
	var none T
	for q.moved < len(q.backlog) && q.fits() {
		q.slots[q.put&q.mask] = q.backlog[q.moved]
		q.put++
		q.backlog[q.moved] = none
		q.moved++
	}
	if q.moved*2 >= len(q.backlog) { // so that each is copied once or twice
		rest := copy(q.backlog, q.backlog[q.moved:])
		clear(q.backlog[rest:])
		q.backlog, q.moved = q.backlog[:rest], 0
	}
}

// Publish lets the consumer see what was put. It reports whether there was anything
// new, for which the consumer may have to be woken.
func (q *SPSC[T]) Publish() bool {
	if len(q.backlog) > 0 {
		q.moveBacklog()
	}
	if q.tail.Load() == q.put {
		return false
	}
	q.tail.Store(q.put)
	return true
}

// Backlog returns how many things wait for a slot. The producer asks.
func (q *SPSC[T]) Backlog() int { return len(q.backlog) - q.moved }

// Relieved reports whether things wait for a slot although there is one. The producer asks,
// before he sleeps.
func (q *SPSC[T]) Relieved() bool { return q.Backlog() > 0 && q.fits() }

// Pop takes the oldest thing.
func (q *SPSC[T]) Pop() (v T, ok bool) {
	h := q.head.Load()
	if h == q.tailSeen {
		if q.tailSeen = q.tail.Load(); h == q.tailSeen {
			return v, false
		}
	}
	s := &q.slots[h&q.mask]
	v = *s
	var none T
	*s = none
	q.head.Store(h + 1)
	return v, true
}

// Len returns how many things there are to pop. Anybody may ask; for anybody but the
// consumer it is how many there were a moment ago.
func (q *SPSC[T]) Len() int {
	h := q.head.Load() // first: tail is never behind it then
	return int(q.tail.Load() - h)
}

// check verifies the invariants, and isZero that a slot is.
func (q *SPSC[T]) check(isZero func(T) bool) error {
	head, tail := q.head.Load(), q.tail.Load()
	if head > tail || tail > q.put || q.put > head+uint64(len(q.slots)) {
		return fmt.Errorf("ring: head %d, tail %d, put %d, %d slots", head, tail, q.put, len(q.slots))
	}
	for n := q.put; n < head+uint64(len(q.slots)); n++ {
		if !isZero(q.slots[n&q.mask]) {
			return fmt.Errorf("ring: slot of %d is not empty, with things from %d to %d", n, head, q.put)
		}
	}
	return nil
}

// An MPSC is a queue of any number of producers and one consumer. It is Dmitry Vyukov's
// bounded queue: each slot has a turn, which says whose move it is.
//
//	slots  turn | 8 | 9 | 3 | 4 | 12| 6 | 7 |       slot of n: n & mask, here with 8 slots
//	                      ^head                     turn == n      free for the n-th thing
//	                                                turn == n + 1  the n-th thing is in it
//	                                                after Pop: n + len(slots)
//
// A producer claims n by moving tail, fills its slot, and lets go of it by its turn. One
// who stops in between holds up those behind it, not those who still want to push.
type MPSC[T any] struct {
	slots []cell[T]
	mask  uint64

	_    apart
	head uint64        // the consumer's
	seen atomic.Uint64 // head, for others

	_    apart
	tail atomic.Uint64
	_    apart
}

type cell[T any] struct {
	turn atomic.Uint64
	v    T
}

// NewMPSC returns a queue for at least n things.
func NewMPSC[T any](n int) *MPSC[T] {
	c := capacity(n)
	q := &MPSC[T]{slots: make([]cell[T], c), mask: c - 1}
	for i := range q.slots {
		q.slots[i].turn.Store(uint64(i))
	}
	return q
}

// Push appends v, unless the queue is full. Any goroutine may call it.
func (q *MPSC[T]) Push(v T) bool {
	for {
		n := q.tail.Load()
		c := &q.slots[n&q.mask]
		switch turn := c.turn.Load(); {
		case turn == n:
			if q.tail.CompareAndSwap(n, n+1) {
				c.v = v
				c.turn.Store(n + 1)
				return true
			}
		case turn < n:
			return false
		}
		// Else somebody was faster: tail has moved.
	}
}

// Pop takes the oldest thing. Only the consumer may call it.
func (q *MPSC[T]) Pop() (v T, ok bool) {
	c := &q.slots[q.head&q.mask]
	if c.turn.Load() != q.head+1 {
		return v, false
	}
	v = c.v
	var none T
	c.v = none
	c.turn.Store(q.head + uint64(len(q.slots)))
	q.head++
	q.seen.Store(q.head)
	return v, true
}

// Len returns how many things were there a moment ago, or are being pushed. Anybody
// may ask.
func (q *MPSC[T]) Len() int {
	h := q.seen.Load()
	return int(q.tail.Load() - h)
}
