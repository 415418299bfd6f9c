// Package pipeline is the model of Tair: the main loop accepts, I/O loops own the sockets, a
// worker executes, and lock-free queues lie in between.
//
//	         ┌── main ──┐          ┌──────── io-1 ────────┐           ┌───── worker ─────┐
//	door ────┼─ accept ─┼──deal──> │ wait, read, parse ───┼──┐        │                  │
//	         └──────────┘   │      │ write <── collect <──┼──┼─ SPSC ─┤ own              │
//	                        │      └──────────────────────┘  ├─ MPSC ─>│ execute all there│
//	                        │      ┌──────── io-2 ────────┐  │        │ release          │
//	                        └────> │ wait, read, parse ───┼──┘        │ give back        │
//	                               │ write <── collect <──┼──── SPSC ─┤                  │
//	                               └──────────────────────┘           └──────────────────┘
//
// # The way of a command
//
// A client is dealt to the I/O loop with the fewest when it comes, and stays there. Its
// loop reads and parses what it sent into a parcel, which it shares with other clients of
// the loop ([thread.run], [eventloop.Courier]), and pushes that to the worker's queue, the
// same for all loops: an array of slots, each with a turn that says whose move it is
// ([ring.MPSC]). The worker takes what is there, owns the keyspace once for all of it, executes,
// and returns each parcel through the queue of its loop ([worker.serve]), which writes
// the replies.
//
// # What is different from async I/O
//
// The one who executes does nothing else. He has no socket, no door, no clock: the main loop
// accepts, and does the cron, beside him. So he never waits in a poller, and waking him is
// to make a goroutine runnable, not to interrupt a system call. He sees one queue, in the
// order in which commands came from all loops: nobody's go first because of whose loop he
// asked first. What is paid for that is where the loops meet: all of them push to the same end
// of the queue, and its cache line goes from one to the next with every parcel, where
// async I/O has a ring for each loop. With parcels of many clients that is little.
//
// And there is no adaptation. All I/O loops serve clients from the first one on, a
// command changes threads twice even when it is alone, and with little to do that is what
// this model costs.
//
// # Nobody waits for a queue
//
// A loop that finds the queue full keeps its parcels, in order, and goes on. It says so, and
// the worker wakes those who said so when he has made room ([thread.send]). The worker
// keeps what a loop's queue has no room for, and is woken by a loop that emptied a full one.
//
// # In process
//
// A call of this process owns the keyspace for the length of one command, on its own
// stack, between two takes of the worker.
package pipeline

import (
	"fmt"
	"sync/atomic"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/ring"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "pipeline"

// An Engine runs a keyspace under I/O loops and a worker. See [threading.Engine].
type Engine struct {
	eventloop.Group
	threads []*thread
	worker  worker
	quiet   atomic.Int32 // I/O loops that have ended and have nothing out
	ending  atomic.Bool  // at least one has been told to
}

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// queueLen is how many parcels the worker's queue has room for.
const queueLen = 256

// New opens an engine. Of the threads that it is given, one is the worker; the main loop,
// which has nearly nothing to do, is not counted. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{}
	core := threading.NewCore(o, e)
	n := threading.Threads(core.Config().IOThreads)
	p := eventloop.Plan{Threads: []string{"main"}, Run: e.run, Homes: 1}
	for i := range max(n-1, 1) {
		p.Threads = append(p.Threads, fmt.Sprint("io-", i+1))
		e.threads = append(e.threads, &thread{Courier: eventloop.NewCourier(n, core.Stress()), e: e})
	}
	e.Init(core, p)
	e.worker = worker{
		e: e, spins: eventloop.Spins(n), wake: make(chan struct{}, 1),
		queue: ring.NewMPSC[*eventloop.Parcel](core.Stress().QueueLen(queueLen)),
	}
	e.worker.Name = "worker"
	e.worker.Tally.Publish()
	e.Watch(&e.worker.Tally)
	return e
}

// Model names the model and its number of threads: the I/O loops and the worker.
func (e *Engine) Model() (name string, threads int) { return Name, len(e.threads) + 1 }

// run is every loop's goroutine.
func (e *Engine) run(lp *eventloop.Loop) {
	if i := lp.Index(); i > 0 {
		e.threads[i-1].run(lp)
		return
	}
	e.Go(e.worker.run)
	for lp.Wait() {
		for _, ev := range lp.Events {
			lp.Greet(ev) // doors only: it has no clients
		}
		lp.EndTurn()
	}
	lp.End()
}

// A thread is an I/O loop.
type thread struct {
	*eventloop.Courier
	e       *Engine
	backlog []*eventloop.Parcel // for which there was no room
	stuck   atomic.Bool         // it is to be woken when there is
}

// run is an I/O loop.
func (t *thread) run(lp *eventloop.Loop) {
	t.Loop = lp
	for t.Wait() {
		if t.Collect() {
			t.e.worker.rouse() // he may have more
		}
		t.send(nil)
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
		t.EndTurn()
		t.Linger()
	}
	t.e.ending.Store(true)
	for len(t.backlog) > 0 {
		t.Recall(t.backlog[0])
		t.backlog = t.backlog[1:]
	}
	t.Quit(t.e.worker.rouse) // he may sleep with something for which there was no room
	t.e.quiet.Add(1)
	t.e.worker.rouse()
	t.End()
}

// send sends what there was no room for before, and p, if there is one. What there is no
// room for now is kept; the thread has said then that it is to be woken, and has looked
// once more.
func (t *thread) send(p *eventloop.Parcel) {
	if p != nil {
		t.backlog = append(t.backlog, p)
	}
	if len(t.backlog) == 0 {
		return
	}
	sent := t.push()
	if len(t.backlog) > 0 {
		t.stuck.Store(true)
		sent = t.push() || sent
	}
	if sent {
		t.e.Stress().Hesitate()
		t.e.worker.rouse()
	}
}

// push pushes as much of the backlog as there is room for.
func (t *thread) push() (any bool) {
	n := 0
	for n < len(t.backlog) && t.e.worker.queue.Push(t.backlog[n]) {
		n++
	}
	if n > 0 {
		rest := copy(t.backlog, t.backlog[n:])
		clear(t.backlog[rest:])
		t.backlog = t.backlog[:rest]
	}
	return n > 0
}
