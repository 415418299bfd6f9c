package syncdrain

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// A task is what a helper is asked to do with its share.
type task int32

const (
	nothing task = iota
	reading
	writing
	stop
)

// # The hand-over
//
// of a share and its tokens is one atomic store each way:
//
//	main    share, limits ──> h.task = reading      … await: left == 0 ──> batch, clients
//	helper                     task ──> share        … done: left - 1
//
// Whoever has to wait for the other's store goes to sleep in three steps, so that no
// waking is lost: he says that he sleeps, looks once more, sleeps. Whoever stores looks
// after that whether the other sleeps, and wakes him if he can take back that he does.
//
// Invariants:
//   - a helper's share, limits and batch are the main thread's while task is nothing, and
//     its own otherwise
//   - a token is left in a wake-up channel only by him who took the sleeper's flag away,
//     and only the sleeper takes it out: so it is there exactly once
//
// A token may be late: who stored something may look for the sleeper only when that has
// long been dealt with, and meet him in his next sleep. So who wakes looks whether he was
// meant, and else sleeps on.

// A helper is an I/O thread.
type helper struct {
	threading.Tally
	spins   int
	stress  *threading.Stress
	barrier *barrier
	wake    chan struct{}

	// Whose these are, task says.
	share  []*eventloop.Client
	limits *threading.Limits
	batch  *threading.Batch

	_      [128]byte // what others poll stays off the cache lines of the rest
	task   atomic.Int32
	asleep atomic.Bool
	_      [128]byte
}

func newHelper(name string, spins int, stress *threading.Stress, b *barrier) *helper {
	h := &helper{spins: spins, stress: stress, barrier: b, wake: make(chan struct{}, 1), batch: threading.NewParcel()}
	h.batch.Limit(stress.Batch)
	h.Name = name
	h.Publish()
	return h
}

// ask hands over the helper's share, to be dealt with.
func (h *helper) ask(t task) {
	h.task.Store(int32(t))
	if h.asleep.Load() && h.asleep.Swap(false) {
		h.wake <- struct{}{}
	}
}

// run is the helper's goroutine.
func (h *helper) run() {
	for {
		switch h.await() {
		case stop:
			h.Publish()
			return
		case reading:
			take(h.share, h.batch, h.limits, &h.ThreadStats)
		case writing:
			give(h.share, &h.ThreadStats)
		}
		h.stress.Hesitate()
		h.Turns++
		h.Publish()
		h.task.Store(int32(nothing))
		h.barrier.arrive()
	}
}

// take is a thread's part of the read phase.
func take(share []*eventloop.Client, b *threading.Batch, l *threading.Limits, t *threading.ThreadStats) {
	for _, c := range share {
		if b.Full() {
			c.Leave() // to the next turn
		} else {
			c.Take(b, l, t)
		}
	}
}

// give is a thread's part of the write phase.
func give(share []*eventloop.Client, t *threading.ThreadStats) {
	for _, c := range share {
		c.Give(t)
	}
}

// await waits for a task.
func (h *helper) await() task {
	for range h.spins {
		if t := task(h.task.Load()); t != nothing {
			return t
		}
	}
	if h.spins > 0 {
		runtime.Gosched()
	}
	if t := task(h.task.Load()); t != nothing {
		return t
	}
	start := time.Now()
	for {
		h.asleep.Store(true)
		h.stress.Hesitate()
		if task(h.task.Load()) == nothing || !h.asleep.Swap(false) {
			<-h.wake
			h.WakeUps++
		}
		if t := task(h.task.Load()); t != nothing {
			h.Idle += time.Since(start)
			return t
		}
	}
}

// A barrier is where the main thread waits for the helpers.
type barrier struct {
	spins int
	done  chan struct{}

	_      [128]byte
	left   atomic.Int32 // helpers that are not done
	asleep atomic.Bool
	_      [128]byte
}

// begin says how many helpers must arrive.
func (b *barrier) begin(helpers int) { b.left.Store(int32(helpers)) }

// arrive says that one is done.
func (b *barrier) arrive() {
	if b.left.Add(-1) == 0 && b.asleep.Load() && b.asleep.Swap(false) {
		b.done <- struct{}{}
	}
}

// wait waits until all have arrived, and returns how long that took: 0 if they had.
func (b *barrier) wait() time.Duration {
	if b.left.Load() == 0 {
		return 0
	}
	start := time.Now()
	b.reach()
	return max(time.Since(start), 1)
}

func (b *barrier) reach() {
	for range b.spins {
		if b.left.Load() == 0 {
			return
		}
	}
	runtime.Gosched()
	if b.left.Load() == 0 {
		return
	}
	for b.left.Load() > 0 {
		b.asleep.Store(true)
		if b.left.Load() > 0 || !b.asleep.Swap(false) {
			<-b.done
		}
	}
}

// spins is how often a thread looks before it lets others run: not at all where those
// it waits for may need its processor.
func spins(threads int) int {
	if runtime.GOMAXPROCS(0) <= threads {
		return 0
	}
	return 50
}
