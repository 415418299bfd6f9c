// Package singleloop is the model of Redis up to version 5: one event loop does
// everything.
//
//	          ┌────────────────────────── one goroutine ───────────────────────────┐
//	sockets ──┼─> wait ──> read ──> parse ──> own, execute, release ──> write ─────┼──> sockets
//	          │    ▲                          (all that was pipelined)    │        │
//	          │    └───────── cron, fast expire ◄─────────────────────────┘        │
//	          └────────────────────────────────────────────────────────────────────┘
//	                                     ▲
//	Do, Get, Set ──────────────────── own, execute, release     callers of this process
//
// # The way of a command
//
// The loop waits for sockets ([Engine.run]). It reads what a client sent into a
// buffer that all clients share, parses it, and with the keyspace owned runs every
// complete command in it (execute): a pipeline of a hundred commands costs
// one read, one taking of ownership and one write. Clients without a pipeline are read
// until there is enough to do ([threading.Batch.Ripe]). Replies gather in the client's
// output. When every socket that had something to say has been served, the loop
// writes all outputs, owning nothing. Only then does it sleep again. What a socket
// does not take stays, and the loop waits for room in it.
//
// # In process
//
// A call of this process does not go through the loop: it owns the keyspace for
// the length of one command, on its own stack ([threading.Core.Do]). "The loop" is
// just the owner that has sockets. An engine that nobody connects to has no loop,
// and no goroutine.
package singleloop

import (
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "single-loop"

// An Engine runs a keyspace under the single loop. See [threading.Engine].
type Engine struct{ eventloop.Group }

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// New opens an engine. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{}
	e.Init(threading.NewCore(o, e), eventloop.Plan{Threads: []string{"main"}, Run: e.run})
	return e
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, 1 }

// run is the loop.
func (e *Engine) run(lp *eventloop.Loop) {
	b := threading.NewBatch()
	for lp.Wait() {
		for _, ev := range lp.Events {
			if c := lp.Greet(ev); c != nil && lp.Read(c, b) && b.Ripe() {
				execute(lp, b)
			}
		}
		for _, c := range lp.Resumable() {
			if lp.Resume(c, b) && b.Ripe() {
				execute(lp, b)
			}
		}
		execute(lp, b)
		lp.Flush()
		lp.EndTurn()
	}
	lp.End()
}

// execute runs what has been read: of one client who sent a pipeline, or of several, so
// many that their lookups wait for memory together. The next clients' commands are not
// even read by then, so that they find their input, and the clients their replies, in
// the cache.
func execute(lp *eventloop.Loop, b *threading.Batch) {
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
