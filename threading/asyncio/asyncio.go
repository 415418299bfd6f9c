// Package asyncio is the model of Redis 8 and Valkey 8: I/O threads that are complete
// event loops over their own clients, and one thread that executes. Parsed commands of many
// clients travel in one hand-over, as in AWS's enhanced I/O multiplexing.
//
//	          ┌───────────── io-1 ─────────────┐
//	sockets ──┼─> wait ──> read, parse ──┐     │            ┌────────── main ──────────┐
//	          │              parcel      ├─────┼── ring ───>│                          │
//	          │         write <── collect│<────┼── ring ────│  own                     │
//	          └──────────────────────────┘     │            │  warm  A, B, C           │
//	          ┌───────────── io-2 ─────────────┐            │  execute A, execute B, … │
//	sockets ──┼─> wait ──> read, parse ──┐     │            │  release                 │
//	          │              parcel      ├─────┼── ring ───>│  give back               │
//	          │         write <── collect│<────┼── ring ────│                          │
//	          └──────────────────────────┘     │            └──▲───────────────────────┘
//	                                                           │ accepts, and deals out
//
// # The way of a command
//
// A client belongs to one I/O loop. Its loop reads whatever it sent and parses all of it, with
// nothing owned, into a parcel that it shares with other clients of the loop
// ([thread.run], [eventloop.Courier]). The parcel goes through the loop's ring to
// the main loop, which is woken only if it sleeps. There [Engine.serve] takes what lies in
// all rings, owns the keyspace once for all of it, prepares the lookups of several clients
// together, so that they wait for memory at the same time, and executes parcel after
// parcel. When the ownership is given back the parcels are returned, each through the ring
// of its loop, which is woken once, and only if it sleeps. It writes the replies.
//
// The tokens of the clients travel in the parcel, by one ring operation each way. So a
// client is never in two hands, its commands run in order, and nobody is stopped to be
// looked at: who is killed while away is closed when it is back. Subscribers, clients that
// block and monitors stay on their loops like all others. What others have to say to them is
// posted to their mailboxes ([eventloop.Group.Notify]).
//
// # Nobody waits for a ring
//
// A ring has a fixed length. What does not fit is kept by its producer, and moves on
// when the consumer has made room and has something for the producer anyway; where it may
// have not, whoever emptied a full ring wakes the other side. A loop that waits for two
// parcels fills the third for as long as they are out.
//
// # How many loops
//
// With little to do the main loop does all by itself, and is then the single loop of Redis
// 5: a hand-over pays for itself only when there are several clients at once whose
// sockets can be served while others' commands run, and a processor to do it. The I/O
// loops are called in one after the other, and sent away likewise ([policy]). A loop
// that is sent away keeps its goroutine, and gives its clients away whenever they wait for
// nothing but input; so does one that has more than its share of clients, or of work
// ([thread.balance]). CONFIG SET io-threads takes effect in the same way.
//
// # Waiting
//
// Who waits looks a few times, if the process may use more processors than there are
// threads, lets others run once, and sleeps in his poller.
//
// # In process
//
// A call of this process owns the keyspace for the length of one command, on its own
// stack, between two sets of parcels.
package asyncio

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/ring"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "async-io"

// An Engine runs a keyspace under one loop that executes, with others that read and write.
// See [threading.Engine].
type Engine struct {
	eventloop.Group
	always bool // io-threads-always-active
	procs  int  // processors that Go uses

	wanted atomic.Int32  // io-threads, the main one included
	active atomic.Int32  // I/O loops that new clients go to
	quiet  atomic.Int32  // I/O loops that have ended and have nothing out
	deals  atomic.Uint64 // counts what may have given a loop more than its share of clients

	// Guarded by the ownership of the keyspace.
	configured int // io-threads as it was set last

	// The main loop's, but for the threads themselves, which are there before their loop.
	threads [maxThreads]*thread
	started int // threads[:started] run
	policy  policy
	meter   meter
	mover   mover
	spins   int
	own     *threading.Batch // for clients of the main loop
	pile    eventloop.Pile
	aside   eventloop.Pile // while a script runs too long that is in the other
	served  int64          // clients in parcels that were executed
}

// maxThreads is the most I/O threads there may be beside the main one.
const maxThreads = 127

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// New opens an engine. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{procs: runtime.GOMAXPROCS(0), own: threading.NewBatch()}
	core := threading.NewCore(o, e)
	c := core.Config()
	e.configured, e.always = c.IOThreads, c.IOThreadsAlwaysActive
	e.wanted.Store(int32(threading.Threads(c.IOThreads)))
	e.Init(core, eventloop.Plan{Threads: []string{"main"}, Run: e.run})
	return e
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, int(e.wanted.Load()) }

// Active returns how many I/O loops serve clients at present.
func (e *Engine) Active() int { return int(e.active.Load()) }

// IOActive reports whether any does.
func (e *Engine) IOActive() bool { return e.Active() > 0 }

// Applied is told after CONFIG SET. The main loop sees to the number of threads in its
// next turn.
func (e *Engine) Applied() {
	if n := e.Config().IOThreads; n != e.configured {
		e.configured = n
		e.wanted.Store(int32(n))
	}
	e.Group.Applied()
}

// Threads returns the counters of all threads, also of those that were not needed yet.
func (e *Engine) Threads() []threading.ThreadStats {
	all := e.Group.Threads()
	for i := len(all); i < int(e.wanted.Load()); i++ {
		all = append(all, threading.ThreadStats{Name: threadName(i)})
	}
	return all
}

func threadName(i int) string { return fmt.Sprint("io-", i) }

// run is every loop's goroutine.
func (e *Engine) run(lp *eventloop.Loop) {
	if i := lp.Index(); i > 0 {
		e.threads[i-1].run(lp)
		return
	}
	e.main(lp)
}

// main is the main loop: it accepts and executes, and is an event loop for the clients
// that no I/O loop has.
func (e *Engine) main(lp *eventloop.Loop) {
	e.retune(lp)
	for lp.Wait() {
		for _, ev := range lp.Events {
			if c := lp.Greet(ev); c != nil && lp.Read(c, e.own) {
				e.serveOwn(lp)
			}
		}
		for _, c := range lp.Resumable() {
			if lp.Resume(c, e.own) {
				e.serveOwn(lp)
			}
		}
		for sets := 0; e.serve(lp, &e.pile); {
			if sets++; sets == setsPerTurn {
				lp.Wake() // there may be more, whose waking is over
				break
			}
		}
		lp.Flush()
		e.retune(lp)
		lp.Tally.Depth = int64(e.depth())
		lp.EndTurn()
		e.linger()
	}
	for int(e.quiet.Load()) < e.started {
		e.take(&e.pile)
		e.pile.GiveBack() // not executed
		time.Sleep(20 * time.Microsecond)
	}
	lp.End()
}

const (
	// setsPerTurn is how often the main loop serves the rings before it looks at the
	// door and the clock.
	setsPerTurn = 8

	// setParcels is how many parcels of one loop are executed in one ownership: callers
	// in process wait for it.
	setParcels = 4
)

// serveOwn executes what a client of the main loop sent: the single loop's way.
func (e *Engine) serveOwn(lp *eventloop.Loop) {
	x := lp.Own()
	if x == nil {
		e.own.Reset()
		return
	}
	e.own.Execute(x, lp.Limits())
	lp.Release(x)
	lp.Finish(e.own)
}

// serve executes what lies in the rings, all of it in one ownership, and reports whether
// there was anything. What is on the pile already is executed first.
func (e *Engine) serve(lp *eventloop.Loop, pile *eventloop.Pile) bool {
	e.take(pile)
	if pile.Len() == 0 {
		return false
	}
	if x := lp.Own(); x != nil {
		e.served += int64(pile.Execute(x, lp.Limits()))
		lp.Release(x)
	}
	pile.GiveBack()
	return true
}

// take takes parcels out of the rings. Who has got something back for which there was no
// room has it now.
func (e *Engine) take(pile *eventloop.Pile) {
	for _, t := range e.threads[:e.started] {
		if t.Returning() {
			t.Publish()
		}
		for range setParcels {
			p, ok := t.ring.Pop()
			if !ok {
				break
			}
			pile.Add(p)
		}
	}
}

// Interlude implements [threading.Interlude]: while a script that runs too long owns
// nothing, clients of the I/O loops are told so, as those of the main loop are.
func (e *Engine) Interlude() (meanwhile, after func()) {
	own, after := e.Group.Interlude()
	if own == nil {
		return nil, nil
	}
	return func() {
		own()
		main := e.Loops()[0]
		e.pile.Overtake(&e.aside)
		main.Aside(func() { e.serve(main, &e.aside) })
	}, after
}

// depth returns how many parcels wait for the main loop.
func (e *Engine) depth() (n int) {
	for _, t := range e.threads[:e.started] {
		n += t.ring.Len()
	}
	return n
}

// linger looks a little longer for parcels before the main loop goes to sleep.
func (e *Engine) linger() {
	if e.spins == 0 {
		return
	}
	for range e.spins {
		if e.depth() > 0 {
			return
		}
	}
	runtime.Gosched()
}

// A thread is an I/O loop.
type thread struct {
	*eventloop.Courier
	e    *Engine
	ring *ring.SPSC[*eventloop.Parcel]
	scale
}

// run is an I/O loop.
func (t *thread) run(lp *eventloop.Loop) {
	t.Loop = lp
	for t.Wait() {
		crowded := t.Collect()
		if t.ring.Publish() || crowded {
			t.e.wake()
		}
		for _, ev := range t.Events {
			if c := t.Greet(ev); c != nil && t.Read(c, t.Open()) {
				t.send(t.Filled())
			}
		}
		for _, c := range t.Resumable() {
			if t.Resume(c, t.Open()) {
				t.send(t.Filled())
			}
		}
		t.send(t.Rest())
		t.Flush()
		t.balance()
		t.EndTurn()
		t.worked.Store(int64(t.Now() - t.Tally.Idle))
		t.Linger()
	}
	t.Quit(func() {
		if t.ring.Publish() { // there is room for what was not
			t.e.wake()
		}
	})
	t.e.quiet.Add(1)
	t.End()
}

// send sends a parcel, if there is one.
func (t *thread) send(p *eventloop.Parcel) {
	if p == nil {
		return
	}
	t.ring.Put(p)
	if t.ring.Publish() {
		t.e.Stress().Hesitate()
		t.e.wake()
	}
}

// wake wakes the main loop, if it sleeps.
func (e *Engine) wake() { e.Loops()[0].Wake() }
