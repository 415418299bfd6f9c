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
// The loop waits for sockets ([loop.run]). It reads what a client sent into a
// buffer that all clients share, and with the keyspace owned runs every complete
// command in it ([loop.read]): a pipeline of a hundred commands costs one read, one
// taking of ownership and one write. Replies gather in the client's output. When
// every socket that had something to say has been served, the loop writes all
// outputs ([loop.flush]), owning nothing. Only then does it sleep again. What a
// socket does not take stays, and the loop waits for room in it.
//
// # In process
//
// A call of this process does not go through the loop: it owns the keyspace for
// the length of one command, on its own stack ([threading.Core.Do]). "The loop" is
// just the owner that has sockets. An engine that nobody connects to has no loop,
// and no goroutine.
package singleloop

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// Name is the model's name, as the parameter threading-model has it.
const Name = "single-loop"

// An Engine runs a keyspace under the single loop. See [threading.Engine].
type Engine struct {
	*threading.Core

	mu      sync.Mutex
	loop    *loop // nil until somebody connects
	closed  bool
	stopped sync.WaitGroup // the loop's goroutine

	stats    netStats
	tcpPort  atomic.Int32
	shutdown atomic.Bool
}

// New opens an engine. It listens nowhere and starts no goroutine.
func New(o threading.Options) *Engine {
	e := &Engine{}
	e.Core = threading.NewCore(o, e)
	return e
}

// Name returns the model's name.
func (e *Engine) Name() string { return Name }

// theLoop returns the loop, and starts it when there is none yet.
func (e *Engine) theLoop() (*loop, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, threading.ErrClosed
	}
	if e.loop == nil {
		e.loop = newLoop(e)
		e.LoopStarted()
		e.stopped.Go(e.loop.run)
	}
	return e.loop, nil
}

// Serve accepts connections from nl until the engine is closed.
func (e *Engine) Serve(nl net.Listener) error {
	lp, err := e.theLoop()
	if err != nil {
		nl.Close()
		return err
	}
	if a, ok := nl.Addr().(*net.TCPAddr); ok {
		e.tcpPort.CompareAndSwap(0, int32(a.Port))
	}
	l, err := netpoll.NewListener(nl)
	if err != nil {
		nl.Close()
		return err
	}
	failed := make(chan error, 1)
	lp.post(message{
		do: func() {
			if err := lp.listen(l); err != nil {
				failed <- err
			}
		},
		giveUp: func() {
			l.Close()
			failed <- threading.ErrClosed
		},
	})
	select {
	case err := <-failed:
		return err
	case <-e.Done():
		return threading.ErrClosed
	}
}

// Dial connects to the engine in memory.
func (e *Engine) Dial() (net.Conn, error) {
	lp, err := e.theLoop()
	if err != nil {
		return nil, err
	}
	client, server := netpoll.Pipe()
	lp.post(message{
		do:     func() { lp.admit(server) },
		giveUp: func() { server.Close() },
	})
	return client, nil
}

// Shutdown stops accepting, lets the replies of what has been read go out, and
// closes.
func (e *Engine) Shutdown(ctx context.Context) error {
	var err error
	if lp := e.started(); lp != nil {
		drained := make(chan struct{})
		lp.post(message{do: func() { lp.drain(drained) }, giveUp: func() { close(drained) }})
		select {
		case <-drained:
		case <-e.Done():
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	e.Close()
	return err
}

// started returns the loop, nil when there is none.
func (e *Engine) started() *loop {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.loop
}

// Close ends the loop, its connections and the keyspace. When it returns all that
// is done, whoever began it.
func (e *Engine) Close() error {
	e.mu.Lock()
	lp := e.loop
	e.closed = true
	e.mu.Unlock()
	if lp != nil {
		lp.stop()
		e.stopped.Wait()
	}
	e.CloseCore()
	return nil
}

// Disconnect ends a client's connection: the loop will see to it. The caller
// owns the keyspace.
func (e *Engine) Disconnect(cl *command.Client) {
	c := cl.Conn.(*client)
	c.loop.kill(c)
}

// Notify has the loop take a client's mail.
func (e *Engine) Notify(cl *command.Client) {
	if cl.Conn == nil {
		e.Core.Notify(cl)
		return
	}
	c := cl.Conn.(*client)
	c.loop.notify(c)
}

// Unpaused lets the clients that CLIENT PAUSE held go on.
func (e *Engine) Unpaused() {
	e.Core.Unpaused()
	if lp := e.started(); lp != nil {
		lp.poller.Wake()
	}
}

// Stepped has the loop do what became due when a test moved the clock, and waits
// for it.
func (e *Engine) Stepped() {
	if lp := e.started(); lp != nil {
		done := make(chan struct{})
		lp.post(message{do: func() { lp.step(done) }, giveUp: func() { close(done) }})
		<-done
	}
}

// Terminate ends the engine once the present command is done (SHUTDOWN).
func (e *Engine) Terminate() {
	if e.shutdown.CompareAndSwap(false, true) {
		go e.Close()
	}
}

// Applied is told after CONFIG SET: limits are read anew.
func (e *Engine) Applied() {
	if lp := e.started(); lp != nil {
		lp.stale.Store(true)
		lp.poller.Wake()
	}
}

// Model names the model and its number of threads.
func (e *Engine) Model() (name string, threads int) { return Name, 1 }

// TCPPort returns the port listened on, 0 when there is none.
func (e *Engine) TCPPort() int { return int(e.tcpPort.Load()) }

// Multiplexer names what waits for sockets.
func (e *Engine) Multiplexer() string { return netpoll.Multiplexer }

// Net returns the counters of the network side, to the command that runs. The
// caller owns the keyspace.
func (e *Engine) Net() command.NetStats {
	e.CountShared() // whoever shows counters shows the shard's as well
	if lp := e.started(); lp != nil && lp.executing {
		lp.publishTraffic()
	}
	return e.stats.snapshot()
}

// Threads returns the loop's counters, as of its last turn.
func (e *Engine) Threads() []threading.ThreadStats {
	s := e.stats.snapshot()
	return []threading.ThreadStats{{
		Name: "main", Clients: e.stats.clients.Load(), Reads: s.Reads, Writes: s.Writes,
		Commands: e.stats.commands.Load(), Turns: s.Cycles,
	}}
}

// netStats are the network's counters. The loop advances them; anybody reads.
type netStats struct {
	clients                           atomic.Int64
	connections, rejected             atomic.Int64
	bytesIn, bytesOut                 atomic.Int64
	reads, writes, commands, cycles   atomic.Int64
	evicted, queryCloses, outputClose atomic.Int64
}

func (s *netStats) snapshot() command.NetStats {
	return command.NetStats{
		Connections: s.connections.Load(), Rejected: s.rejected.Load(),
		BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(),
		Reads: s.reads.Load(), Writes: s.writes.Load(), Cycles: s.cycles.Load(),
		EvictedClients: s.evicted.Load(), QueryLimitCloses: s.queryCloses.Load(),
		OutputLimitCloses: s.outputClose.Load(),
	}
}
