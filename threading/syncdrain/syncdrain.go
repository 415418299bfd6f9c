// Package syncdrain is the model of Redis 6 and 7: one thread executes, and I/O threads
// help it to read and to write, in phases that all of them end together.
//
//	        │ wait │   read phase    │ barrier │   execute    │   write phase   │ barrier │
//	main    │ ···· │ read, parse 0   │ ░░░░    │ own, execute │ write 0         │ ░░      │
//	io-1    │      │ read, parse 1   │ ░░      │              │ write 1         │ ░░░     │
//	io-2    │      │ read, parse 2, a long one │              │ write 2, a long one       │
//	io-3    │      │ read, parse 3   │ ░░░     │              │ write 3         │ ░░      │
//	                                      ░ waits for the slowest
//
// # The way of a command
//
// One loop has all sockets ([Engine.run]). When many clients have sent something, they
// are dealt out, one after the other to each thread, the main thread included; each
// reads and parses its share into a batch of its own ([Engine.read]). The main thread
// waits for all: that is the barrier. Then it owns the keyspace once and executes all
// batches ([Engine.execute]). Those who have replies are dealt out again, each thread
// writes its share, and the main thread waits again ([Engine.write]).
//
// Between two barriers a client belongs to the thread it was dealt to, and to nobody
// else; outside of the phases everything belongs to the main thread. So there is no
// lock, and nothing is ever in two hands. What is paid for that: no thread executes
// while others read or write, everybody waits for the slowest, and a client meets
// another thread, with its cold caches, each time. The time lost at the barriers is in
// the main thread's statistics (Waits, Waited): it is this model's lesson.
//
// # When they help
//
// The I/O threads are asked to write when at least two clients for each thread have
// output, as in Redis, and to read when they were asked to write last and as many
// clients can be read, if io-threads-do-reads says so. Otherwise they are parked.
//
// # Waiting
//
// Redis's threads look a million times whether there is something to do before they
// sleep, and its main thread never stops looking: on a machine with fewer processors than
// threads, or with a limit on their use, they look while the one they wait for cannot
// run. Here whoever waits looks a few times, and only where the process may use more
// processors than the model has threads; then he lets others run once, and then he
// sleeps.
//
// # In process
//
// A call of this process owns the keyspace for the length of one command, on its own
// stack, between two executions of the main thread.
package syncdrain

import (
	"fmt"
	"sync/atomic"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "sync-drain"

// An Engine runs a keyspace under one loop with helpers. See [threading.Engine].
type Engine struct {
	eventloop.Group
	threads int
	reads   bool // io-threads-do-reads

	// The main thread's.
	mine    *threading.Batch
	share   []*eventloop.Client // of the phase
	helpers []*helper
	helping bool // the helpers were asked to write in the last turn
	barrier barrier

	active atomic.Bool // helping, for others
}

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// New opens an engine. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{mine: threading.NewParcel()}
	core := threading.NewCore(o, e)
	c := core.Config()
	e.threads, e.reads = threading.Threads(c.IOThreads), c.IOThreadsDoReads
	e.Init(core, eventloop.Plan{Threads: []string{"main"}, Run: e.run, Gather: true})
	spins := spins(e.threads)
	e.barrier = barrier{spins: spins, done: make(chan struct{}, 1)}
	e.mine.Limit(core.Stress().Batch)
	for i := 1; i < e.threads; i++ {
		h := newHelper(fmt.Sprint("io-", i), spins, core.Stress(), &e.barrier)
		e.helpers = append(e.helpers, h)
		e.Watch(&h.Tally)
	}
	return e
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, e.threads }

// IOActive reports whether the I/O threads help at present.
func (e *Engine) IOActive() bool { return e.active.Load() }

// many reports whether so many clients are worth the helpers' while.
func (e *Engine) many(clients int) bool {
	if e.Stress().Yield {
		return len(e.helpers) > 0 && clients > 0
	}
	return len(e.helpers) > 0 && clients >= 2*e.threads
}

// run is the main thread.
func (e *Engine) run(lp *eventloop.Loop) {
	for _, h := range e.helpers {
		e.Go(h.run)
	}
	var readers []*eventloop.Client
	for lp.Wait() {
		for _, ev := range lp.Events {
			if c := lp.Greet(ev); c != nil {
				readers = append(readers, c)
			}
		}
		e.read(lp, readers)
		for _, c := range lp.Resumable() {
			lp.Resume(c, e.mine)
		}
		e.execute(lp)
		e.write(lp)
		lp.EndTurn()
		clear(readers)
		readers = readers[:0]
	}
	for _, h := range e.helpers {
		h.ask(stop)
	}
	lp.End()
}

// read is the read phase: what the clients sent is in the threads' batches when it ends.
func (e *Engine) read(lp *eventloop.Loop, clients []*eventloop.Client) {
	if !e.reads || !e.helping || !e.many(len(clients)) {
		for _, c := range clients {
			if e.mine.Full() {
				e.execute(lp)
			}
			lp.Read(c, e.mine)
		}
		return
	}
	take(e.deal(lp, reading, clients), e.mine, lp.Limits(), &lp.Tally.ThreadStats)
	e.await(lp)
	for _, c := range clients {
		lp.Took(c)
	}
}

// execute runs what is in the batches.
func (e *Engine) execute(lp *eventloop.Loop) {
	work := e.mine.Len()
	for _, h := range e.helpers {
		work += h.batch.Len()
	}
	if work == 0 {
		return
	}
	if x := lp.Own(); x != nil {
		e.mine.Execute(x, lp.Limits())
		for _, h := range e.helpers {
			h.batch.Execute(x, lp.Limits())
		}
		lp.Release(x)
	}
	lp.Finish(e.mine)
	for _, h := range e.helpers {
		lp.Finish(h.batch)
	}
}

// write is the write phase: the sockets have all they take when it ends.
func (e *Engine) write(lp *eventloop.Loop) {
	clients := lp.Outputs()
	if len(clients) == 0 {
		return // which says nothing of whether help is needed
	}
	if helping := e.many(len(clients)); helping != e.helping {
		e.helping = helping
		e.active.Store(helping)
	}
	if !e.helping {
		for _, c := range clients {
			c.Give(&lp.Tally.ThreadStats)
			lp.Gave(c)
		}
		return
	}
	give(e.deal(lp, writing, clients), &lp.Tally.ThreadStats)
	e.await(lp)
	for _, c := range clients {
		lp.Gave(c)
	}
}

// deal begins a phase: it deals the clients to the threads, one to each in turn, and
// returns the main thread's share.
func (e *Engine) deal(lp *eventloop.Loop, t task, clients []*eventloop.Client) []*eventloop.Client {
	mine := e.share[:0]
	for i, c := range clients {
		if to := i % e.threads; to == 0 {
			mine = append(mine, c)
		} else {
			h := e.helpers[to-1]
			h.share = append(h.share, c)
		}
	}
	e.share = mine
	lp.Tally.HandOvers += int64(len(clients) - len(mine))
	e.barrier.begin(len(e.helpers))
	for _, h := range e.helpers {
		h.limits = lp.Limits()
		h.ask(t)
	}
	return mine
}

// await ends a phase: it waits for the helpers.
func (e *Engine) await(lp *eventloop.Loop) {
	if waited := e.barrier.wait(); waited > 0 {
		lp.Tally.Waits++
		lp.Tally.Waited += waited
	}
	for _, h := range e.helpers {
		clear(h.share)
		h.share = h.share[:0]
	}
}
