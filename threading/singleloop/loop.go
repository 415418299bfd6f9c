package singleloop

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// sharedBuffer is the size of the buffer every client is read into: Linux hands
// over no more than a socket's receive buffer, which rarely holds more.
const sharedBuffer = 64 << 10

// Output buffers are lent to clients with replies and kept for the next when they
// are written: spareOutputs of them at most, none larger than outputRoom. A client
// whose output passes outputSoon is written at once, while its replies are still in
// the cache, rather than when all clients have been served.
const (
	spareOutputs = 64
	outputFirst  = 4 << 10
	outputSoon   = 32 << 10
	outputRoom   = 256 << 10
)

// A socket is given writeChunk bytes at a time, as a longer call would keep the
// garbage collector waiting, and writesAtOnce such chunks before it is another
// client's turn.
const (
	writeChunk   = 1 << 20
	writesAtOnce = 4
)

// A loop is the goroutine that has the sockets. Its fields belong to it, except
// where they say otherwise.
type loop struct {
	e      *Engine
	poller *netpoll.Poller
	buf    []byte // what clients are read into
	batch  threading.Batch
	spare  [][]byte

	listeners []*netpoll.Listener
	deaf      []*netpoll.Listener // not accepted from until the next cron
	clients   map[*client]struct{}
	outputs   []*client // with output to write
	held      []*client // waiting for the end of CLIENT PAUSE
	resumable []*client // stalled until now: their output is written
	limits    limits
	drained   chan struct{}   // Shutdown waits for it; nil while not draining
	stepped   []chan struct{} // closed at the end of this turn

	start     time.Time     // of the loop's time, which is real, whatever the engine's clock
	now       time.Duration // at the end of the last turn
	nextCron  time.Duration
	acceptErr time.Duration // when a failure to accept was last told
	nanos     int64         // engine's time, as of the last ownership

	restless   bool // expiry has not kept up
	collecting bool // freed memory is left to take back

	reads, writes, bytesIn, bytesOut int64 // not published yet

	// Guarded by the ownership of the keyspace.
	executing bool // the owner is the loop, running a client's commands

	stale    atomic.Bool // limits must be read again
	stopping atomic.Bool

	mu    sync.Mutex
	over  bool      // nobody reads the inbox any more
	inbox []message // from other goroutines
	kills []*client // to be disconnected
	mail  []*client // with something in the mailbox
}

// A message is something for the loop to do, or for whoever finds that the loop
// has ended to give up.
type message struct{ do, giveUp func() }

func newLoop(e *Engine) *loop {
	lp := &loop{
		e: e, poller: netpoll.New(), buf: make([]byte, sharedBuffer),
		clients: map[*client]struct{}{}, start: time.Now(),
	}
	lp.stale.Store(true)
	return lp
}

// post has m done by the loop. Any goroutine may call it.
func (lp *loop) post(m message) {
	lp.mu.Lock()
	over := lp.over
	if !over {
		lp.inbox = append(lp.inbox, m)
	}
	lp.mu.Unlock()
	if over {
		m.giveUp()
		return
	}
	lp.poller.Wake()
}

// kill has a client disconnected by the loop. Any goroutine may call it.
func (lp *loop) kill(c *client) {
	lp.mu.Lock()
	lp.kills = append(lp.kills, c)
	lp.mu.Unlock()
	lp.poller.Wake()
}

// notify has a client's mail taken by the loop. Any goroutine may call it.
func (lp *loop) notify(c *client) {
	lp.mu.Lock()
	lp.mail = append(lp.mail, c)
	lp.mu.Unlock()
	lp.poller.Wake()
}

// stop ends the loop. Any goroutine may call it.
func (lp *loop) stop() {
	lp.stopping.Store(true)
	lp.poller.Wake()
}

// run is the loop.
func (lp *loop) run() {
	for !lp.stopping.Load() {
		events, err := lp.poller.Wait(lp.patience())
		if err != nil {
			lp.e.Log().Error("waiting for sockets failed", "error", err)
			lp.e.Terminate()
			break
		}
		lp.takeMessages()
		for _, ev := range events {
			if ev.Listener != nil {
				lp.accept(ev.Listener)
			} else {
				lp.serve(ev.Conn.Data.(*client), ev.Ready)
			}
		}
		lp.resumeStalled()
		lp.resumeHeld()
		lp.flush()
		lp.cron()
		lp.publish()
		lp.finishTurn()
	}
	lp.end()
}

// patience is how long the loop may sleep: until the next cron.
func (lp *loop) patience() time.Duration {
	switch {
	case len(lp.resumable) > 0:
		return 0
	case lp.collecting:
		return threading.CollectInterval
	}
	return max(lp.nextCron-lp.now, 0)
}

// takeMessages does what other goroutines asked for.
func (lp *loop) takeMessages() {
	lp.mu.Lock()
	inbox, kills, mail := lp.inbox, lp.kills, lp.mail
	lp.inbox, lp.kills, lp.mail = nil, nil, nil
	lp.mu.Unlock()
	lp.refreshLimits()
	for _, m := range inbox {
		m.do()
	}
	for _, c := range mail {
		if !c.closed {
			lp.takeMail(c)
		}
	}
	for _, c := range kills {
		lp.close(c)
	}
}

// serve does what a connection's event asks for.
func (lp *loop) serve(c *client, ready netpoll.Ready) {
	if ready&netpoll.Writable != 0 && !c.closed {
		lp.write(c)
	}
	if ready&netpoll.Readable == 0 || c.closed {
		return
	}
	switch {
	case c.ending:
		lp.discard(c)
	case c.held || c.stalled || c.waiting && c.sated:
		lp.close(c) // nobody wanted to read: the connection is broken
	default:
		lp.read(c)
	}
}

// read takes what a client sent and runs what is complete.
func (lp *loop) read(c *client) {
	c.makeRoom()
	buf := c.Buffer(lp.buf)
	n, err := c.conn.Read(buf)
	if n == 0 {
		if err != nil {
			lp.lost(c, err)
		}
		return
	}
	c.in += int64(n)
	lp.reads++
	lp.bytesIn += int64(n)
	if c.waiting {
		c.sated = !c.Stash(lp.buf, n)
		c.publish()
		c.watch()
		return
	}
	lp.lendOutput(c)
	x := lp.e.Own()
	if x == nil {
		return
	}
	lp.nanos = x.Nanos()
	c.activeNanos = lp.nanos
	lp.executing = true
	state := c.Fed(x, lp.buf, n, &lp.limits.session, &lp.batch)
	lp.executing = false
	lp.e.Release()
	lp.after(c, state)
}

// lost ends a connection that has nothing more to read. Who ended only his side
// of it still gets his replies.
func (lp *loop) lost(c *client, err error) {
	if errors.Is(err, io.EOF) && c.pendingOutput() > 0 && !c.waiting {
		c.ending = true
		c.watch()
		return
	}
	if !errors.Is(err, io.EOF) {
		lp.e.Log().Debug("reading from client failed", "client", c.remote, "error", err)
	}
	lp.close(c)
}

// discard reads what a client sends that is on its way out. Nobody asked to read:
// mostly it has broken off, and writing will tell.
func (lp *loop) discard(c *client) {
	switch n, err := c.conn.Read(lp.buf); {
	case err == nil:
		lp.bytesIn += int64(n)
	case errors.Is(err, io.EOF):
		lp.write(c)
	default:
		lp.close(c)
	}
}

// after does what the state of a session that ran asks for.
func (lp *loop) after(c *client, state threading.State) {
	switch state {
	case threading.Held:
		c.held = true
		lp.held = append(lp.held, c)
	case threading.Stalled:
		c.stalled = true
	case threading.Blocked:
		c.waiting = true
	case threading.Ending:
		c.ending = true
	case threading.TooLarge:
		lp.e.stats.queryCloses.Add(1)
		lp.e.Log().Warn("closing client that reached max query buffer length", "client", c.remote)
		lp.close(c)
		return
	}
	switch pending := c.pendingOutput(); {
	case lp.overHardLimit(pending):
		lp.closeForOutput(c)
		return
	case pending == 0 && !c.ending && !c.stalled:
		lp.reclaimOutput(c)
		c.publish()
	case c.queued || c.blocked:
	case pending > outputSoon:
		lp.write(c)
		return
	default:
		c.queued = true
		lp.outputs = append(lp.outputs, c)
	}
	c.watch()
}

// takeMail moves what others posted to a client to its output, and lets it go on
// when that answers the command it was blocked in.
func (lp *loop) takeMail(c *client) {
	lp.lendOutput(c)
	c.makeRoom()
	if unblocked := c.TakeMail(); unblocked {
		c.waiting, c.sated = false, false
		lp.resume(c)
		return
	}
	lp.after(c, threading.WantInput)
}

// resume runs what a client sent while it had to wait.
func (lp *loop) resume(c *client) {
	lp.lendOutput(c)
	x := lp.e.Own()
	if x == nil {
		return
	}
	lp.executing = true
	state := c.Resume(x, &lp.limits.session, &lp.batch)
	lp.executing = false
	lp.e.Release()
	lp.after(c, state)
}

// resumeStalled lets clients go on whose output is written. Each has a turn of
// the loop: those whose output piles up again wait for the next.
func (lp *loop) resumeStalled() {
	if len(lp.resumable) == 0 {
		return
	}
	resumable := lp.resumable
	lp.resumable = nil
	for _, c := range resumable {
		if !c.closed {
			c.stalled = false
			lp.resume(c)
		}
	}
}

// resumeHeld lets clients go on when they are no longer paused.
func (lp *loop) resumeHeld() {
	if len(lp.held) == 0 {
		return
	}
	x := lp.e.Own()
	if x == nil {
		return
	}
	left := x.PausedFor()
	lp.e.Release()
	if left > 0 {
		// On a stepped clock this may come too early; then it is asked again.
		lp.nextCron = min(lp.nextCron, lp.now+max(time.Duration(left), time.Millisecond))
		return
	}
	held := lp.held
	lp.held = nil
	for _, c := range held {
		if !c.closed {
			c.held = false
			lp.resume(c)
		}
	}
}

// flush writes the outputs gathered in this turn.
func (lp *loop) flush() {
	for _, c := range lp.outputs {
		c.queued = false
		if !c.closed {
			lp.write(c)
		}
	}
	clear(lp.outputs)
	lp.outputs = lp.outputs[:0]
}

// write gives a client's output to its socket, and waits for room when the
// socket does not take it all.
func (lp *loop) write(c *client) {
	for range writesAtOnce {
		rest := c.Client.Out.Bytes()[c.sent:]
		if len(rest) == 0 {
			break
		}
		chunk := rest[:min(len(rest), writeChunk)]
		n, err := c.conn.Write(chunk)
		if err != nil {
			lp.close(c)
			return
		}
		lp.writes++
		lp.bytesOut += int64(n)
		c.out += int64(n)
		c.sent += n
		if n > 0 {
			c.activeNanos = lp.nanos
		}
		if n < len(chunk) {
			break
		}
	}
	if c.pendingOutput() > 0 {
		lp.waitForRoom(c)
		return
	}
	if c.ending {
		lp.close(c)
		return
	}
	lp.reclaimOutput(c)
	c.blocked, c.overSoft = false, false
	if c.stalled {
		lp.resumable = append(lp.resumable, c)
	}
	c.publish()
	c.watch()
}

// waitForRoom leaves the rest of the output for when the socket has room, and
// sees to the limits on it.
func (lp *loop) waitForRoom(c *client) {
	c.blocked = true
	c.giveBack()
	c.publish()
	if lp.overSoftLimit(c) {
		lp.closeForOutput(c)
		return
	}
	c.watch()
}

// closeForOutput closes a client whose output is over its limits.
func (lp *loop) closeForOutput(c *client) {
	lp.e.stats.outputClose.Add(1)
	lp.e.Log().Warn("closing client that reached its output buffer limit", "client", c.remote)
	lp.close(c)
}

// lendOutput gives a client a buffer to gather its replies in.
func (lp *loop) lendOutput(c *client) {
	if c.Client.Out.Bytes() != nil {
		return
	}
	if n := len(lp.spare); n > 0 {
		c.Client.Out.Attach(lp.spare[n-1])
		lp.spare = lp.spare[:n-1]
		return
	}
	c.Client.Out.Attach(make([]byte, 0, outputFirst))
}

// reclaimOutput takes an output buffer that is written out: idle clients hold
// none.
func (lp *loop) reclaimOutput(c *client) {
	c.sent = 0
	b := c.Client.Out.Detach()
	if cap(b) > 0 && cap(b) <= outputRoom && len(lp.spare) < spareOutputs {
		lp.spare = append(lp.spare, b[:0])
	}
}

// listen makes the loop accept from l.
func (lp *loop) listen(l *netpoll.Listener) error {
	if lp.drained != nil {
		l.Close()
		return threading.ErrClosed
	}
	l.KeepAlive = lp.limits.keepAlive
	if err := lp.poller.AddListener(l); err != nil {
		l.Close()
		return err
	}
	lp.listeners = append(lp.listeners, l)
	return nil
}

// accept lets new clients in, a few at a time so that the present ones do not
// wait for a crowd at the door.
func (lp *loop) accept(l *netpoll.Listener) {
	for range lp.limits.acceptsPerCycle {
		conn, err := l.Accept()
		if err != nil {
			lp.acceptFailed(l, err)
			return
		}
		if conn == nil {
			return
		}
		lp.admit(conn)
	}
}

// acceptFailed tells of a client that could not be let in, once a second. He stands
// at the door until there is a descriptor for him: somebody must go first, so until
// the next cron nobody looks.
func (lp *loop) acceptFailed(l *netpoll.Listener, err error) {
	if lp.acceptErr == 0 || lp.now-lp.acceptErr > time.Second {
		lp.acceptErr = lp.now
		lp.e.Log().Warn("accepting a client connection failed", "error", err)
	}
	if l.Want(0) == nil {
		lp.deaf = append(lp.deaf, l)
	}
}

// listenAgain is the end of what acceptFailed began.
func (lp *loop) listenAgain() {
	for _, l := range lp.deaf {
		l.Want(netpoll.Readable)
	}
	lp.deaf = nil
}

// admit makes a connection a client, or sends it away with a reason.
func (lp *loop) admit(conn *netpoll.Conn) {
	if lp.drained != nil {
		conn.Close()
		return
	}
	lp.refreshLimits()
	c := &client{loop: lp, conn: conn}
	remote, unix, local := addrText(conn.RemoteAddr())
	c.remote = remote
	c.local, _, _ = addrText(conn.LocalAddr())
	if unix {
		c.remote = c.local
	}
	conn.Data = c
	if err := lp.poller.Add(conn); err != nil {
		conn.Close()
		return
	}
	if reason := lp.limits.refuse(len(lp.clients), local); reason != "" {
		lp.e.stats.rejected.Add(1)
		conn.Write([]byte(reason)) // a few bytes: the new connection has room
		conn.Close()
		return
	}
	c.Client.Conn = c
	c.Client.Connected(unix, local)
	lp.clients[c] = struct{}{}
	lp.e.stats.connections.Add(1)
	lp.e.stats.clients.Store(int64(len(lp.clients)))
	if x := lp.e.Own(); x != nil {
		x.Register(&c.Client)
		c.activeNanos = x.Nanos()
		lp.e.Release()
	}
}

// close ends a client's connection. It may be called twice.
func (lp *loop) close(c *client) {
	if c.closed {
		return
	}
	c.closed = true
	c.conn.Close()
	delete(lp.clients, c)
	lp.e.stats.clients.Store(int64(len(lp.clients)))
	if x := lp.e.Own(); x != nil {
		x.Unregister(&c.Client)
		lp.e.Release()
	}
	lp.reclaimOutput(c)
}

// cron does the periodic work when it is time. Between two crons it goes on with
// what the last one left undone.
func (lp *loop) cron() {
	lp.now = time.Since(lp.start)
	if lp.now < lp.nextCron {
		if lp.restless || lp.collecting || lp.e.Reclaiming() {
			if x := lp.e.Own(); x != nil {
				x.BeforeSleep()
				lp.collecting = x.Collectable()
				lp.e.Release()
			}
		}
		return
	}
	if x := lp.e.Own(); x != nil {
		lp.nanos = x.Nanos()
		lp.restless = lp.e.Cron()
		lp.collecting = x.Collectable()
		lp.e.Release()
	}
	lp.nextCron = lp.now + time.Second/time.Duration(max(lp.limits.hz, 1))
	lp.listenAgain()
	lp.sweep()
}

// publish adds what the loop counted to the counters others read.
func (lp *loop) publish() {
	lp.publishTraffic()
	lp.e.stats.cycles.Add(1)
}

// publishTraffic is publish in the middle of a turn, by a command that shows the
// counters.
func (lp *loop) publishTraffic() {
	s := &lp.e.stats
	if lp.reads != 0 {
		s.reads.Add(lp.reads)
		s.bytesIn.Add(lp.bytesIn)
		s.commands.Store(lp.batch.Executed)
		lp.reads, lp.bytesIn = 0, 0
	}
	if lp.writes != 0 {
		s.writes.Add(lp.writes)
		s.bytesOut.Add(lp.bytesOut)
		lp.writes, lp.bytesOut = 0, 0
	}
}

// finishTurn tells those who wait for the end of a turn.
func (lp *loop) finishTurn() {
	if len(lp.resumable) == 0 {
		for _, done := range lp.stepped {
			close(done)
		}
		lp.stepped = lp.stepped[:0]
	}
	if lp.drained != nil && len(lp.clients) == 0 {
		close(lp.drained)
		lp.drained = nil
		lp.stopping.Store(true)
	}
}

// step makes this turn one with a cron, as the engine's clock was moved, and has
// done closed when it is over.
func (lp *loop) step(done chan struct{}) {
	lp.nextCron = 0
	lp.stepped = append(lp.stepped, done)
}

// drain begins the end: no new clients, and those there are go when their
// replies are out. The loop ends when they are gone.
func (lp *loop) drain(drained chan struct{}) {
	if lp.drained != nil { // begun already; whoever waits sees the engine's end
		return
	}
	lp.drained = drained
	for _, l := range lp.listeners {
		l.Close()
	}
	lp.listeners = nil
	for c := range lp.clients {
		c.ending = true
		if c.pendingOutput() == 0 {
			lp.close(c)
		} else {
			c.watch()
		}
	}
}

// end closes everything the loop has, and whatever is still on its way to it.
func (lp *loop) end() {
	lp.mu.Lock()
	lp.over = true
	inbox := lp.inbox
	lp.inbox, lp.kills = nil, nil
	lp.mu.Unlock()
	for _, m := range inbox {
		m.giveUp()
	}
	for _, l := range lp.listeners {
		l.Close()
	}
	for c := range lp.clients {
		lp.close(c)
	}
	for _, done := range lp.stepped {
		close(done)
	}
	lp.publish()
	lp.poller.Close()
}

var _ command.Host = (*Engine)(nil)
var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
