// Package sharded is the model of Dragonfly, and of a Redis Cluster in one process:
// shared nothing. Each loop owns its share of the keyspace, one shard or several, and has
// connections of its own.
//
//	            loop 0                              loop 1
//	         ┌──────────┐   GET b, INCR d …      ┌──────────┐
//	clients ─┤ read     ├──────── message ──────>│ execute  │ its own: b, d, …
//	         │ parse    │                        │          │
//	         │ execute  │<─────── replies ───────┤          │
//	its own: │ in order │                        │          ├─ clients
//	a, c, …  │ write    │                        │          │
//	         └──────────┘                        └──────────┘
//
// # The way of a command
//
// A loop reads what its clients sent and parses it into a parcel ([Engine.run]). A key's
// hash slot, which goes by the {tag} if it has one, says which shard has it, and so whose
// it is. Commands on the loop's own keys run on the spot ([keeper.dispatch]). Those on a
// foreign key travel: all that go to the same loop at the same time, whatever clients they are of,
// are squashed into one message ([message]), which its loop runs in one go
// ([message.run]) and sends back with the replies. The clients are away
// meanwhile, and the loop goes on with others. When the last message of a parcel is back
// ([keeper.collect]) the replies are put together in the order of the commands.
//
// Commands on several shards, or on everything, do not travel. Their loop takes the
// ownership of all shards that they need, in ascending order, and runs them on its own
// stack: they are atomic, and strictly serializable with all others. So are
// transactions, scripts and commands that block. A client's commands before such a one
// are done before it begins.
//
// # What is different for a client
//
// Commands that a client sends without waiting for replies, on keys of different shards,
// may take effect in another order than they were sent in. Their replies are in order,
// commands on one key are, and so is what is sent after a reply was read. Who needs more
// sends MULTI, or gives the keys a common {tag}.
//
// # Nobody waits for a queue
//
// Between any two loops there is a queue each way, of bounded length. A loop that finds
// no room keeps the message and goes on; the return of an earlier one makes room
// ([keeper.post]). A message is returned through the opposite queue, which has room for
// all that can be out. A loop is woken only when it sleeps, and a loop that sleeps is not
// even woken if its shards are free: then the sender owns them for a moment and runs
// the message itself, as a call of this process would ([keeper.lend]).
//
// # In process
//
// A call of this process owns the shards it needs and runs on its own stack, as in
// every model ([threading.Core]). An engine that nobody connects to has no loop, and no
// goroutine.
//
// Two callers meet on one shard of n with a probability of 1/n, and wait. Loops hardly
// ever meet, and one shard for each would do for them. So a loop has several:
//
//	shards  0 1 2 3 4 5 6 7 8 9 …      shard s is kept by loop s modulo their number
//	loop 0  ×   ×   ×   ×   ×          and owned, with all its others, for a batch at a time
//	loop 1    ×   ×   ×   ×   ×
//
// With two callers and two shards at most 4/3 of the work of one gets done, as the other
// half of the time one of them waits; with sixteen 32/17 (closed queueing network, two
// customers).
package sharded

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "sharded"

// options are those of the model, beside an engine's.
type options struct {
	// Loops is how many loops share the shards out; 0 leaves it to the parameters:
	// see [New].
	Loops int

	// QueueLength is how many messages may be on their way from one loop to
	// another; 0 means 64.
	QueueLength int

	// MessageCommands is how many commands a message takes at most; 0 means 256.
	MessageCommands int

	// NoLending has a loop woken even if its shards could be had without it.
	NoLending bool

	// Yield gives up the processor at random at every hand-over, so that a test
	// meets what is rare.
	Yield bool
}

// An Engine runs a keyspace shared out to several loops. See [threading.Engine].
type Engine struct {
	eventloop.Group
	options options
	keepers []*keeper
	quiet   atomic.Int32 // loops that have ended and have nothing out
}

var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
var _ command.Host = (*Engine)(nil)

// How many shards there are if nobody says so: see the package's comment. Each costs a
// loop a lock for every batch. A lone loop has one, as nobody runs beside it.
const (
	fewestShards  = 16
	shardsPerLoop = 2
)

// New opens an engine of o.Shards shards and as many loops as the parameter server-threads
// says. Without the loops there are as many as shards. Without the shards there are two
// for each loop, or sixteen if that is more. Without either there are as many loops as Go
// uses processors. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine { return newWith(o, options{}) }

// sizes returns how many shards and loops there are.
func sizes(shards, loops int) (int, int) {
	switch {
	case shards > 0 && loops == 0:
		loops = shards
	case loops == 0:
		loops = runtime.GOMAXPROCS(0)
	}
	loops = min(loops, command.MaxShards)
	switch {
	case shards == 0 && loops == 1:
		shards = 1
	case shards == 0:
		shards = max(fewestShards, shardsPerLoop*loops)
	}
	shards = min(shards, command.MaxShards)
	return shards, min(loops, shards)
}

// newWith is New with options of the model's own.
func newWith(o threading.Options, own options) *Engine {
	if own.Loops == 0 && o.Config != nil {
		own.Loops = o.Config.ServerThreads
	}
	o.Shards, own.Loops = sizes(o.Shards, own.Loops)
	if own.QueueLength == 0 {
		own.QueueLength = 64
	}
	if own.MessageCommands == 0 {
		own.MessageCommands = 256
	}
	e := &Engine{options: own}
	p := eventloop.Plan{Run: e.run, Doors: true, Keeps: func(loop int) command.ShardSet { return e.keepers[loop].set }}
	for i := range own.Loops {
		p.Threads = append(p.Threads, fmt.Sprint("shard-", i))
		e.keepers = append(e.keepers, newKeeper(e, i, own.Loops, o.Shards))
	}
	for _, k := range e.keepers {
		for j := range k.peers {
			k.peers[j].in = e.keepers[j].peers[k.at].out
		}
	}
	e.Init(threading.NewCore(o, e), p)
	return e
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, len(e.keepers) }

// run is a loop.
func (e *Engine) run(lp *eventloop.Loop) {
	k := e.keepers[lp.Index()]
	k.lp = lp
	for k.wait() {
		k.receive()
		p := k.take()
		for _, ev := range lp.Events {
			if c := lp.Greet(ev); c != nil && lp.Read(c, p.Batch) {
				p = k.added(p)
			}
		}
		for _, c := range lp.Resumable() {
			if lp.Resume(c, p.Batch) {
				p = k.added(p)
			}
		}
		k.sent(k.begin(p))
		k.receive() // some may be back already
		lp.Flush()
		lp.Tally.Depth = k.depth()
		lp.EndTurn()
	}
	k.quit()
	lp.End()
}

// wait is [eventloop.Loop.Wait]. While the loop is in it, its shards may be lent.
func (k *keeper) wait() bool {
	k.asleep.Store(true)
	ok := k.lp.Wait()
	k.asleep.Store(false)
	return ok
}

// depth returns how many messages wait for the loop.
func (k *keeper) depth() (n int64) {
	for i := range k.peers {
		if i != k.at {
			n += int64(k.peers[i].in.len())
		}
	}
	return n
}

// quit serves others until all loops have ended, and have back what they sent: nobody
// else has a client of the loop's then.
func (k *keeper) quit() {
	told := false
	for int(k.e.quiet.Load()) < len(k.e.keepers) {
		k.receive()
		if k.away == 0 && !told {
			told = true
			k.e.quiet.Add(1)
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// Interlude implements [threading.Interlude].
func (e *Engine) Interlude() (meanwhile, after func()) {
	for _, k := range e.keepers {
		if k.alone {
			return k.interlude, nil
		}
	}
	return nil, nil
}

// loopOf returns which loop has a shard.
func (e *Engine) loopOf(shard int) int { return shard % len(e.keepers) }

// wake wakes loop i, if it sleeps.
func (e *Engine) wake(i int) { e.Loops()[i].Wake() }

// yield is for tests: see [options].
func (e *Engine) yield() {
	if e.options.Yield {
		for range rand.IntN(3) {
			runtime.Gosched()
		}
	}
}
