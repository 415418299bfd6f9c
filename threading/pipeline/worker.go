package pipeline

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/ring"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// # Sleeping
//
// The worker goes to sleep in three steps, so that no waking is lost: he says that he sleeps,
// looks once more, sleeps. Whoever pushes looks after that whether he sleeps, and wakes
// him if it is he who takes the flag away:
//
//	worker   asleep = true ──> anything there? no ──> <-wake
//	loop     push ──> asleep? ──> swap(false) was true ──> wake <-
//
// Anything is a parcel in his queue, or room in that of a loop which has not got all that
// was returned to it: the loop that empties a full queue rouses him, as who pushes does.
//
// Invariants:
//   - a token is in wake only if somebody has taken the flag away, and only the worker
//     takes it out: so it is there once at most, and nobody waits to leave it

// A worker is the goroutine that executes.
type worker struct {
	threading.Tally
	e     *Engine
	queue *ring.MPSC[*eventloop.Parcel]
	pile  eventloop.Pile
	aside eventloop.Pile // while a script runs too long that is in the other
	spins int
	wake  chan struct{}

	_      [128]byte // what others look at stays off the cache lines of the rest
	asleep atomic.Bool
	owning atomic.Bool // it has the ownership of the keyspace
	_      [128]byte
}

// pileParcels is how many parcels are executed in one ownership: callers in process wait
// for it.
const pileParcels = 16

// run is the worker's goroutine. It ends when no I/O loop has anything out.
func (w *worker) run() {
	for int(w.e.quiet.Load()) < len(w.e.threads) {
		w.await()
		w.take(&w.pile)
		if w.e.ending.Load() {
			w.pile.GiveBack() // not executed
			continue
		}
		w.serve(&w.pile)
		w.Turns++
		w.Depth = int64(w.queue.Len())
		w.Tally.Publish()
	}
}

// take takes parcels from the queue. Those who wait for room in it are woken, and who has
// something back for which there was no room has it now.
func (w *worker) take(pile *eventloop.Pile) {
	for pile.Len() < pileParcels {
		p, ok := w.queue.Pop()
		if !ok {
			break
		}
		pile.Add(p)
	}
	for _, t := range w.e.threads {
		if t.stuck.Load() && t.stuck.Swap(false) {
			t.Wake()
		}
		if t.Returning() {
			t.Courier.Publish()
		}
	}
}

// serve executes a pile in one ownership, and gives it back.
func (w *worker) serve(pile *eventloop.Pile) {
	if pile.Len() == 0 {
		return
	}
	x := w.e.TryOwnSet(w.e.All())
	if x == nil {
		start := time.Now()
		x = w.e.Own()
		w.Waits++
		w.Waited += time.Since(start)
	}
	if x != nil {
		began := x.Nanos()
		w.owning.Store(true)
		pile.Execute(x, w.e.Limits())
		w.owning.Store(false)
		w.Batches++
		w.Owning += time.Duration(x.Nanos() - began)
		w.e.Release()
	}
	pile.GiveBack()
}

// await waits until there may be something to take.
func (w *worker) await() {
	if w.queue.Len() > 0 {
		return
	}
	for range w.spins {
		if w.queue.Len() > 0 {
			return
		}
	}
	if w.spins > 0 {
		runtime.Gosched()
		if w.queue.Len() > 0 {
			return
		}
	}
	start := time.Now()
	w.asleep.Store(true)
	w.e.Stress().Hesitate()
	if !w.idle() && w.asleep.Swap(false) {
		return
	}
	<-w.wake
	w.WakeUps++
	w.Idle += time.Since(start)
}

// idle reports whether there is nothing to do, nor to wait for.
func (w *worker) idle() bool {
	for _, t := range w.e.threads {
		if t.Relieved() {
			return false
		}
	}
	return w.queue.Len() == 0 && int(w.e.quiet.Load()) < len(w.e.threads)
}

// rouse wakes the worker, if it sleeps. Any goroutine may call it.
func (w *worker) rouse() {
	if w.asleep.Load() && w.asleep.Swap(false) {
		w.wake <- struct{}{}
	}
}

// Interlude implements [threading.Interlude]: while a script that runs too long keeps the
// worker, it is the worker's affair to tell others so. The caller owns everything.
func (e *Engine) Interlude() (meanwhile, after func()) {
	w := &e.worker
	if !w.owning.Load() {
		return nil, nil
	}
	return func() {
		w.pile.Overtake(&w.aside)
		w.take(&w.aside)
		w.serve(&w.aside)
	}, func() { w.owning.Store(true) }
}
