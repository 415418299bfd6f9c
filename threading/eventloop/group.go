package eventloop

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// A Group is the loops of an engine. An engine embeds it and has with it all methods
// of [threading.Engine] and [command.Host] but Name and Model.
//
// Loops start when somebody connects: an engine that nobody connects to has no
// goroutine.
type Group struct {
	*threading.Core
	plan Plan

	serverCPUs string // server-cpulist
	tight      bool   // there are no more processors than threads

	mu      sync.Mutex
	closed  bool
	doors   int            // listeners so far
	stopped sync.WaitGroup // the loops' goroutines
	others  []*threading.Tally
	loops   atomic.Pointer[[]*Loop]
	homes   atomic.Pointer[[]*Loop] // where new clients go, if not where the plan says

	limits   atomic.Pointer[limits]
	tcpPort  atomic.Int32
	shutdown atomic.Bool

	// Counters of what is rare.
	clients                            atomic.Int64
	connections, rejected              atomic.Int64
	evicted, queryCloses, outputCloses atomic.Int64
}

// A Plan says how an engine's loops work together.
type Plan struct {
	// Threads are the loops' names; the first does the engine's cron.
	Threads []string

	// Run goes round with a loop until Wait returns false, then calls End. It is
	// the loop's goroutine.
	Run func(lp *Loop)

	// Homes are the loops that have clients, from this index on: a new one goes to
	// the one with the fewest. Listeners are dealt to all loops that have clients
	// if Doors says so, else the first loop accepts.
	Homes int
	Doors bool

	// Gather says that all outputs wait for the end of the turn, however large.
	Gather bool

	// Keeps says which shards of the keyspace a loop has, whose cron it does. Without
	// it the first has all.
	Keeps func(loop int) command.ShardSet
}

// Limits returns the limits for sessions as they are now, which never change. Anybody may
// ask.
func (g *Group) Limits() *threading.Limits { return &g.limits.Load().session }

// Init readies a Group for an engine's Core.
func (g *Group) Init(core *threading.Core, p Plan) {
	g.Core, g.plan, g.serverCPUs = core, p, core.Config().ServerCPUList
	g.tight = runtime.GOMAXPROCS(0) <= len(p.Threads)
	g.limits.Store(limitsOf(core.Config()))
}

// Loops returns the loops there are: none until somebody connects. The list is not to
// be changed. Anybody may ask.
func (g *Group) Loops() []*Loop {
	if list := g.loops.Load(); list != nil {
		return *list
	}
	return nil
}

// start returns the loops, and starts them when there are none yet.
func (g *Group) start() ([]*Loop, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, threading.ErrClosed
	}
	if list := g.Loops(); list != nil {
		return list, nil
	}
	var list []*Loop
	for i, name := range g.plan.Threads {
		list = append(list, newLoop(g, i, name))
	}
	g.loops.Store(&list)
	g.LoopStarted()
	for _, lp := range list {
		g.Go(func() { g.plan.Run(lp) })
	}
	return list, nil
}

// Grow adds a loop, which can have clients, to those that run.
func (g *Group) Grow(name string) (*Loop, error) {
	if _, err := g.start(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, threading.ErrClosed
	}
	list := slices.Clone(g.Loops())
	lp := newLoop(g, len(list), name)
	list = append(list, lp)
	g.loops.Store(&list)
	g.Go(func() { g.plan.Run(lp) })
	return lp, nil
}

// Homes returns the loops that new clients go to. The list is not to be changed. Anybody
// may ask.
func (g *Group) Homes() []*Loop {
	if list := g.homes.Load(); list != nil {
		return *list
	}
	list := g.Loops()
	if g.plan.Homes < len(list) {
		return list[g.plan.Homes:]
	}
	return list
}

// SetHomes has new clients go to some of the loops. Those that have clients keep them, but
// see [Loop.Move].
func (g *Group) SetHomes(list []*Loop) { g.homes.Store(&list) }

// place chooses the loop of a new client that lp accepted: lp itself if it has no more
// to do than others, else the one with the fewest clients.
func (g *Group) place(lp *Loop) *Loop {
	list := g.Homes()
	best := list[0]
	if slices.Contains(list, lp) {
		best = lp
	}
	for _, other := range list {
		if other.load.Load() < best.load.Load() {
			best = other
		}
	}
	return best
}

// Doors returns how many listeners can be of use at one address: see [Plan].
func (g *Group) Doors() int {
	if !g.plan.Doors {
		return 1
	}
	return len(g.plan.Threads) - g.plan.Homes
}

// door chooses the loop that accepts from one more listener.
func (g *Group) door(list []*Loop) *Loop {
	if !g.plan.Doors {
		return list[0]
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	list = g.Homes()
	g.doors++
	return list[(g.doors-1)%len(list)]
}

// Serve accepts connections from nl until the engine is closed.
func (g *Group) Serve(nl net.Listener) error {
	list, err := g.start()
	if err != nil {
		nl.Close()
		return err
	}
	if a, ok := nl.Addr().(*net.TCPAddr); ok {
		g.tcpPort.CompareAndSwap(0, int32(a.Port))
	}
	l, err := netpoll.NewListener(nl)
	if err != nil {
		nl.Close()
		return err
	}
	failed := make(chan error, 1)
	lp := g.door(list)
	lp.Post(
		func() {
			if err := lp.listen(l); err != nil {
				failed <- err
			}
		},
		func() {
			l.Close()
			failed <- threading.ErrClosed
		})
	select {
	case err := <-failed:
		return err
	case <-g.Done():
		return threading.ErrClosed
	}
}

// Dial connects to the engine in memory.
func (g *Group) Dial() (net.Conn, error) {
	list, err := g.start()
	if err != nil {
		return nil, err
	}
	client, server := netpoll.Pipe()
	lp := list[0]
	lp.Post(func() { lp.admit(server) }, func() { server.Close() })
	return client, nil
}

// Shutdown stops accepting, lets the replies of what has been read go out, and
// closes.
func (g *Group) Shutdown(ctx context.Context) error {
	var waiting []chan struct{}
	for _, lp := range g.Loops() {
		drained := make(chan struct{})
		lp.Post(func() { lp.drain(drained) }, func() { close(drained) })
		waiting = append(waiting, drained)
	}
	var err error
	for _, drained := range waiting {
		select {
		case <-drained:
		case <-g.Done():
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	g.Close()
	return err
}

// Go runs a goroutine of the engine's, on the processors of server-cpulist if that says
// anything. Close waits for it.
func (g *Group) Go(f func()) {
	g.stopped.Go(func() {
		g.PinThread(g.serverCPUs)
		f()
	})
}

// Close ends the loops, their connections and the keyspace. When it returns all that
// is done, whoever began it.
func (g *Group) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	for _, lp := range g.Loops() {
		lp.stop()
	}
	g.stopped.Wait()
	g.CloseCore()
	return nil
}

// Terminate ends the engine once the present command is done (SHUTDOWN).
func (g *Group) Terminate() {
	if g.shutdown.CompareAndSwap(false, true) {
		go g.Close()
	}
}

// Disconnect ends a client's connection: its loop will see to it. The caller owns the
// keyspace.
func (g *Group) Disconnect(cl *command.Client) {
	c := cl.Conn.(*Client)
	c.Loop().kill(c)
}

// Notify has a client's loop take its mail. Anybody may call it.
func (g *Group) Notify(cl *command.Client) {
	if cl.Conn == nil {
		g.Core.Notify(cl)
		return
	}
	c := cl.Conn.(*Client)
	c.Loop().notify(c)
}

// Unpaused lets the clients that CLIENT PAUSE held go on.
func (g *Group) Unpaused() {
	g.Core.Unpaused()
	g.wake()
}

// Applied is told after CONFIG SET, by the owner: limits are read anew.
func (g *Group) Applied() {
	g.limits.Store(limitsOf(g.Config()))
	g.wake()
}

func (g *Group) wake() {
	for _, lp := range g.Loops() {
		lp.Wake()
	}
}

// Stepped has the loops do what became due when a test moved the clock, and waits
// for it.
func (g *Group) Stepped() {
	var waiting []chan struct{}
	for _, lp := range g.Loops() {
		done := make(chan struct{})
		lp.Post(func() { lp.step(done) }, func() { close(done) })
		waiting = append(waiting, done)
	}
	for _, done := range waiting {
		<-done
	}
}

// IOActive reports whether several threads are at work on connections.
func (g *Group) IOActive() bool { return len(g.plan.Threads) > 1 }

// TCPPort returns the port listened on, 0 when there is none.
func (g *Group) TCPPort() int { return int(g.tcpPort.Load()) }

// Multiplexer names what waits for sockets.
func (g *Group) Multiplexer() string { return netpoll.Multiplexer }

// Watch adds the counters of a thread that is no loop to those of the engine.
func (g *Group) Watch(t *threading.Tally) {
	g.mu.Lock()
	g.others = append(g.others, t)
	g.mu.Unlock()
}

// Net returns the counters of the network side, to the command that runs. The
// caller owns the keyspace.
func (g *Group) Net() command.NetStats {
	for _, lp := range g.Loops() {
		if lp.executing { // it is the one that asks
			lp.Tally.Publish()
		}
	}
	n := command.NetStats{
		Connections: g.connections.Load(), Rejected: g.rejected.Load(), EvictedClients: g.evicted.Load(),
		QueryLimitCloses: g.queryCloses.Load(), OutputLimitCloses: g.outputCloses.Load(),
	}
	for i, t := range g.Threads() {
		n.Reads += t.Reads
		n.Writes += t.Writes
		n.BytesIn += t.BytesIn
		n.BytesOut += t.BytesOut
		n.Cycles += t.Turns
		if i > 0 {
			n.IOThreadReads += t.Reads
			n.IOThreadWrites += t.Writes
		}
	}
	return n
}

// Threads returns the counters of the engine's threads, each as of its last turn. An
// engine without connections has counters all the same.
func (g *Group) Threads() (all []threading.ThreadStats) {
	list := g.Loops()
	for i, name := range g.plan.Threads {
		if i >= len(list) {
			all = append(all, threading.ThreadStats{Name: name})
		}
	}
	for _, lp := range list {
		all = append(all, lp.Tally.Stats())
	}
	g.mu.Lock()
	others := g.others
	g.mu.Unlock()
	for _, t := range others {
		all = append(all, t.Stats())
	}
	return all
}
