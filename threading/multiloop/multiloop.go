// Package multiloop is the model of KeyDB: several complete event loops, and one lock
// around the keyspace.
//
//	          ┌──────────────────────── loop 0 ────────────────────────┐
//	sockets ──┼─> wait ──> read, parse ─┐                   ┌─> write ─┼──> sockets
//	          └─────────────────────────┼───────────────────┼──────────┘
//	                                    ├─> own, execute ───┤
//	          ┌─────────────────────────┼───────────────────┼──────────┐
//	sockets ──┼─> wait ──> read, parse ─┘    one at a time  └─> write ─┼──> sockets
//	          └──────────────────────── loop 1 ────────────────────────┘
//	                                          ▲
//	Do, Get, Set ────────────────── own, execute, release      callers of this process
//
// # The way of a command
//
// A client belongs to the loop with the fewest clients when it came, for good. Its loop
// reads what it sent and parses it, with nothing owned, into a batch that gathers what
// all clients of the loop sent ([Engine.run]). Then the loop takes ownership once,
// executes the batch, and gives it back ([Engine.execute]); it writes the replies with
// nothing owned. While one loop executes, the others read, parse and write. So what can
// be done at once is all but the execution, which is a third of the work of a small
// command in a pipeline and a tenth without one; what does not scale is the lock.
//
// No command changes threads, so no wake-up is paid for one, unless it has to wait for
// the lock: the waits and the time lost in them are in the loops' statistics, and they
// are this model's lesson.
//
// # Doors
//
// Listeners are dealt to the loops. Where several listeners share a port (SO_REUSEPORT)
// each loop has its own door, and the kernel spreads those who come; a loop that gets
// more than its share passes clients on before they are served.
//
// # In process
//
// A call of this process owns the keyspace for the length of one command, like a loop
// for its batch.
package multiloop

import (
	"fmt"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "multi-loop"

// An Engine runs a keyspace under several loops. See [threading.Engine].
type Engine struct {
	eventloop.Group
	threads int
}

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// New opens an engine. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{}
	core := threading.NewCore(o, e)
	e.threads = threading.Threads(core.Config().ServerThreads, core.Config().IOThreads)
	names := make([]string, e.threads)
	for i := range names {
		names[i] = fmt.Sprint("loop-", i)
	}
	e.Init(core, eventloop.Plan{Threads: names, Run: e.run, Doors: true})
	return e
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, e.threads }

// run is one of the loops.
func (e *Engine) run(lp *eventloop.Loop) {
	b := threading.NewParcel()
	b.Limit(e.Stress().Batch)
	for lp.Wait() {
		for _, ev := range lp.Events {
			if c := lp.Greet(ev); c != nil {
				lp.Read(c, b)
			}
			if b.Full() {
				e.execute(lp, b)
			}
		}
		for _, c := range lp.Resumable() {
			lp.Resume(c, b)
		}
		e.execute(lp, b)
		lp.Flush()
		lp.EndTurn()
	}
	lp.End()
}

// execute runs what the loop's clients sent, all of it at once.
func (e *Engine) execute(lp *eventloop.Loop, b *threading.Batch) {
	if b.Len() == 0 {
		return
	}
	x := lp.Own()
	if x == nil {
		b.Reset()
		return
	}
	b.Execute(x, lp.Limits())
	lp.Release(x)
	lp.Finish(b)
}
