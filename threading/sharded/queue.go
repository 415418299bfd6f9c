package sharded

import "sync/atomic"

// A queue takes messages from one loop to another: a ring with one producer and one
// consumer, who write to it at different ends and wait for each other nowhere.
//
//	slots  | · | · | c | d | e | · | · | · |     len(slots) = 8
//	              ^head       ^tail            they only grow; slot = n & (len(slots)-1)
//
// Each of the two keeps a copy of the other's position and looks at the original only
// when the copy says that there is nothing to do, so that a cache line changes hands
// once for a batch of messages, not for each.
//
// Who pushes sees to it that there is room: see [peer.room].
//
// Invariants:
//   - len(slots) is a power of two, and 0 <= tail-head <= len(slots)
//   - slots outside [head, tail) are nil, so that they keep nothing alive
type queue struct {
	slots []*message

	_    [128]byte // what the producer writes stays off the consumer's lines
	tail atomic.Uint64

	_    [128]byte
	head atomic.Uint64
	seen uint64 // of tail: the consumer's
	_    [128]byte
}

func newQueue(size int) *queue {
	n := 1
	for n < size {
		n *= 2
	}
	return &queue{slots: make([]*message, n)}
}

// push adds m. There is room for it.
func (q *queue) push(m *message) {
	t := q.tail.Load()
	if t-q.head.Load() == uint64(len(q.slots)) {
		panic("sharded: a queue is full that should have room")
	}
	q.slots[t&uint64(len(q.slots)-1)] = m
	q.tail.Store(t + 1)
}

// pop takes the oldest message off, nil when there is none.
func (q *queue) pop() *message {
	h := q.head.Load()
	if h == q.seen {
		if q.seen = q.tail.Load(); h == q.seen {
			return nil
		}
	}
	slot := &q.slots[h&uint64(len(q.slots)-1)]
	m := *slot
	*slot = nil
	q.head.Store(h + 1)
	return m
}

// len returns how many messages wait. Anybody may ask.
func (q *queue) len() int { return int(q.tail.Load() - q.head.Load()) }
