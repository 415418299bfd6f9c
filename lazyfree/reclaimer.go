package lazyfree

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/slab"
)

// ErrClosed is what Wait returns when the reclaimer is closed first.
var ErrClosed = errors.New("lazyfree: closed")

// A Reclaimer frees values in the background, for all shards of a keyspace, in
// the order they were submitted. Its methods may be called by any goroutine.
//
// Its goroutine is started by a job and ends when none is left.
type Reclaimer struct {
	pending atomic.Int64
	freed   atomic.Int64
	closing atomic.Bool // read between two pieces
	onStart func()      // immutable once there are jobs

	mu    sync.Mutex
	queue []job         // not begun yet
	done  chan struct{} // closed when the goroutine has ended; nil while none runs
	ended chan struct{} // closed by Close
}

// A job is an object to free, an arena to close, or a function to call.
type job struct {
	home   *Home
	view   slab.View // of home's arena, when the object was let go
	object datatypes.Object
	call   func()
	count  int64
}

// New returns a Reclaimer. Close it after use.
func New() *Reclaimer { return &Reclaimer{ended: make(chan struct{})} }

// OnStart has f called by each of the reclaimer's goroutines as it begins: they are one
// at a time, and each ends when there is nothing left to do. It is to be called before
// there is.
func (r *Reclaimer) OnStart(f func()) { r.onStart = f }

// Home returns a new place for the shard whose memory is a.
func (r *Reclaimer) Home(a *slab.Arena) *Home {
	h := &Home{rec: r, arena: a}
	h.shelf.signal = make(chan struct{}, 1)
	return h
}

// Pending returns how many objects wait to be freed.
func (r *Reclaimer) Pending() int64 { return r.pending.Load() }

// Freed returns how many objects were freed since ResetFreed.
func (r *Reclaimer) Freed() int64 { return r.freed.Load() }

// ResetFreed sets what Freed returns to 0, as CONFIG RESETSTAT does.
func (r *Reclaimer) ResetFreed() { r.freed.Store(0) }

// After has f called once all that was submitted before is freed, on the
// reclaimer's goroutine: f should only pass the news on. What was freed is then
// ready for the owners' [Home.CollectAll]. f is not called if the reclaimer is
// closed first; After reports false if it is closed already.
func (r *Reclaimer) After(f func()) bool { return r.put(job{call: f}) }

// Wait returns when all that was submitted before is freed, and ready for the
// owners to collect.
func (r *Reclaimer) Wait(ctx context.Context) error {
	freed := make(chan struct{})
	r.After(func() { close(freed) })
	select {
	case <-freed:
		return nil
	case <-r.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops the work where it is, soon, and waits for the goroutine to end.
// What it did not free stays in use in the arenas, which are to be closed next.
// Close may be called more than once.
func (r *Reclaimer) Close() {
	r.mu.Lock()
	if !r.closing.Swap(true) {
		close(r.ended)
	}
	r.queue = nil
	done := r.done
	r.mu.Unlock()
	if done != nil {
		<-done
	}
	r.pending.Store(0)
}

// put queues j and sees that the goroutine runs. It reports false if r is
// closed.
func (r *Reclaimer) put(j job) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing.Load() {
		return false
	}
	r.pending.Add(j.count)
	r.queue = append(r.queue, j)
	if r.done == nil {
		r.done = make(chan struct{})
		go r.run()
	}
	return true
}

// take exchanges the queue for used, a slice to fill next. It returns none, and
// the goroutine is to end, when there are no jobs or r is closed.
func (r *Reclaimer) take(used []job) []job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		close(r.done)
		r.done = nil
		return nil
	}
	const large = 1 << 12
	if clear(used); cap(used) > large {
		used = nil
	}
	jobs := r.queue
	r.queue = used[:0]
	return jobs
}

// run is the goroutine.
func (r *Reclaimer) run() {
	if r.onStart != nil {
		r.onStart()
	}
	w := worker{rec: r, piece: 8 * minPiece}
	var jobs []job
	for {
		if jobs = r.take(jobs); jobs == nil {
			return
		}
		for i := range jobs {
			if !w.do(&jobs[i]) {
				break
			}
		}
		w.handOver()
	}
}

// A worker is the state of one run of the goroutine.
type worker struct {
	rec   *Reclaimer
	home  *Home       // whose blocks are in batch
	batch *slab.Batch // nil when home is
	piece int         // blocks to free before the next yield
	count int64       // objects freed, but not counted yet

	worked time.Duration // since the last rest
}

// do does one job. It reports false when the reclaimer is closed.
func (w *worker) do(j *job) bool {
	if w.rec.closing.Load() {
		return false
	}
	if w.home != j.home {
		w.handOver()
		w.home = j.home
	}
	switch {
	case j.call != nil:
		w.settle()
		j.call()
	case !w.release(j):
		return false
	}
	w.count += j.count
	return true
}

// release frees j's object piece by piece.
func (w *worker) release(j *job) bool {
	shelf := &w.home.shelf
	if w.batch == nil {
		w.batch = shelf.begin(j.view)
	}
	for done := false; !done; {
		w.batch.SetView(j.view)
		start := time.Now()
		done = j.object.Release(w.batch, w.piece)
		took := time.Since(start)
		w.adapt(took, done)
		if isFull(w.batch) && shelf.offer(w.batch) {
			w.settle()
			w.batch = shelf.fresh(j.view)
		}
		w.rest(took)
		if w.rec.closing.Load() {
			return false
		}
	}
	return true
}

// rest sleeps for as long as the pieces since the last rest took together, up to
// longestRest: a piece that took longer lost the processor meanwhile.
//
// runtime.Gosched would not do: a loop that waits for sockets is runnable only
// once somebody has asked the kernel, and Go's scheduler asks when it runs out of
// goroutines to run. With one processor and a goroutine that merely yields it asks
// every ten milliseconds.
func (w *worker) rest(took time.Duration) {
	if w.worked += took; w.worked >= pieceTime {
		time.Sleep(min(w.worked, longestRest))
		w.worked = 0
	}
}

// adapt brings the next piece closer to pieceTime. The last piece of an object
// is cut short and says little.
func (w *worker) adapt(took time.Duration, last bool) {
	switch {
	case took > 2*pieceTime:
		w.piece = max(w.piece/2, minPiece)
	case took < pieceTime && !last:
		w.piece = min(w.piece*2, maxPiece)
	}
}

// handOver passes the batch to its home, whatever its size.
func (w *worker) handOver() {
	if w.batch != nil {
		w.home.shelf.put(w.batch)
	}
	w.batch, w.home = nil, nil
	w.settle()
}

// settle counts the objects whose blocks have all been handed over. So when
// nothing is pending, all is ready to be collected.
func (w *worker) settle() {
	w.rec.freed.Add(w.count)
	w.rec.pending.Add(-w.count)
	w.count = 0
}

// A shelf is where the reclaimer puts full Batches and the owner empty ones.
//
//	full   | the owner takes here | the reclaimer puts, and takes back, here |
type shelf struct {
	ready  atomic.Bool   // len(full) > 0
	signal chan struct{} // a token may lie here when ready was set

	mu    sync.Mutex
	full  []*slab.Batch // at most two, see begin and offer
	empty *slab.Batch
}

func isFull(b *slab.Batch) bool { return b.Len() >= batchBlocks || b.Bytes() >= batchBytes }

// begin returns a Batch to fill for a worker that comes to this home: the one
// that another run put last, if there is room in it, or there would be three.
func (s *shelf) begin(v slab.View) *slab.Batch {
	s.mu.Lock()
	if n := len(s.full); n == 2 || n == 1 && !isFull(s.full[0]) {
		b := s.full[n-1]
		s.full[n-1] = nil
		s.full = s.full[:n-1]
		s.ready.Store(n > 1)
		s.mu.Unlock()
		return b
	}
	s.mu.Unlock()
	return s.fresh(v)
}

// fresh returns an empty Batch.
func (s *shelf) fresh(v slab.View) *slab.Batch {
	s.mu.Lock()
	b := s.empty
	s.empty = nil
	s.mu.Unlock()
	if b == nil {
		b = slab.NewBatch(v)
	}
	return b
}

// offer puts b if the owner has nothing else to take.
func (s *shelf) offer(b *slab.Batch) bool {
	if s.ready.Load() {
		return false
	}
	s.put(b)
	return true
}

func (s *shelf) put(b *slab.Batch) {
	s.mu.Lock()
	s.full = append(s.full, b)
	s.ready.Store(true)
	s.mu.Unlock()
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// take returns the Batch put first, nil if there is none.
func (s *shelf) take() *slab.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.full)
	if n == 0 {
		return nil
	}
	b := s.full[0]
	copy(s.full, s.full[1:])
	s.full[n-1] = nil
	s.full = s.full[:n-1]
	s.ready.Store(n > 1)
	return b
}

func (s *shelf) giveBack(b *slab.Batch) {
	s.mu.Lock()
	s.empty = b
	s.mu.Unlock()
}

// wait returns when something is ready, or after limit.
func (s *shelf) wait(limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	for !s.ready.Load() {
		select {
		case <-s.signal: // perhaps one left from before
		case <-t.C:
			return
		}
	}
}
