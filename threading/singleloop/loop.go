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

// A loop is the goroutine that has the sockets. Its fields belong to it, except
// where they say otherwise.
type loop struct {
	e      *Engine
	poller *netpoll.Poller
	buf    []byte // what clients are read into
	batch  threading.Batch
	spare  [][]byte

	listeners []*netpoll.Listener
	clients   map[*client]struct{}
	outputs   []*client // with output to write
	held      []*client // waiting for the end of CLIENT PAUSE
	limits    limits
	nextCron  time.Time
	drained   chan struct{} // Shutdown waits for it; nil while not draining

	reads, writes, bytesIn, bytesOut int64 // not published yet

	stale    atomic.Bool // limits must be read again
	stopping atomic.Bool

	mu    sync.Mutex
	inbox []func()  // from other goroutines
	kills []*client // to be disconnected
}

func newLoop(e *Engine) *loop {
	lp := &loop{
		e: e, poller: netpoll.New(), buf: make([]byte, sharedBuffer),
		clients: map[*client]struct{}{},
	}
	lp.stale.Store(true)
	return lp
}

// post has f run by the loop. Any goroutine may call it.
func (lp *loop) post(f func()) {
	lp.mu.Lock()
	lp.inbox = append(lp.inbox, f)
	lp.mu.Unlock()
	lp.poller.Wake()
}

// kill has a client disconnected by the loop. Any goroutine may call it.
func (lp *loop) kill(c *client) {
	lp.mu.Lock()
	lp.kills = append(lp.kills, c)
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
	lp.nextCron = time.Now()
	for !lp.stopping.Load() {
		events, err := lp.poller.Wait(lp.patience())
		if err != nil {
			lp.e.Log().Error("waiting for sockets failed", "error", err)
			break
		}
		lp.takeMessages()
		for _, ev := range events {
			switch {
			case ev.Listener != nil:
				lp.accept(ev.Listener)
			case ev.Ready&netpoll.Writable != 0:
				lp.writable(ev.Conn.Data.(*client))
			default:
				lp.read(ev.Conn.Data.(*client))
			}
		}
		lp.resumeHeld()
		lp.flush()
		lp.cron()
		lp.publish()
		lp.checkDrained()
	}
	lp.end()
}

// patience is how long the loop may sleep: until the next cron.
func (lp *loop) patience() time.Duration { return max(time.Until(lp.nextCron), 0) }

// takeMessages does what other goroutines asked for.
func (lp *loop) takeMessages() {
	lp.mu.Lock()
	inbox, kills := lp.inbox, lp.kills
	lp.inbox, lp.kills = nil, nil
	lp.mu.Unlock()
	for _, f := range inbox {
		f()
	}
	for _, c := range kills {
		lp.close(c)
	}
	if lp.stale.Load() {
		lp.stale.Store(false)
		lp.readLimits()
	}
}

// read takes what a client sent and runs what is complete.
func (lp *loop) read(c *client) {
	if c.closed {
		return
	}
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
	lp.lendOutput(c)
	x := lp.e.Own()
	if x == nil {
		return
	}
	state := c.Fed(x, buf, n, lp.limits.session, &lp.batch)
	lp.e.Release()
	lp.after(c, state)
}

// lost closes a connection that can no longer be read.
func (lp *loop) lost(c *client, err error) {
	if !errors.Is(err, io.EOF) {
		lp.e.Log().Debug("reading from client failed", "client", c.remote, "error", err)
	}
	lp.close(c)
}

// after does what the state of a session that ran asks for.
func (lp *loop) after(c *client, state threading.State) {
	switch state {
	case threading.Held:
		c.held = true
		lp.held = append(lp.held, c)
		c.conn.Want(0)
	case threading.Stalled:
		c.stalled = true
	case threading.Ending:
		c.ending = true
	case threading.TooLarge:
		lp.e.stats.queryCloses.Add(1)
		lp.e.Log().Warn("closing client that reached max query buffer length", "client", c.remote)
		lp.close(c)
		return
	}
	switch {
	case c.queued:
	case c.pendingOutput() > outputSoon:
		lp.write(c)
	case c.pendingOutput() > 0 || c.ending:
		c.queued = true
		lp.outputs = append(lp.outputs, c)
	default:
		lp.reclaimOutput(c)
	}
}

// resume runs what a client sent while it had to wait.
func (lp *loop) resume(c *client) {
	lp.lendOutput(c)
	x := lp.e.Own()
	if x == nil {
		return
	}
	state := c.Resume(x, lp.limits.session, &lp.batch)
	lp.e.Release()
	if state != threading.Held && state != threading.Stalled {
		c.conn.Want(netpoll.Readable)
	}
	lp.after(c, state)
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
		if t := time.Now().Add(time.Duration(left)); t.Before(lp.nextCron) {
			lp.nextCron = t
		}
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

// flush writes every output gathered since the last time.
func (lp *loop) flush() {
	for len(lp.outputs) > 0 {
		outputs := lp.outputs
		lp.outputs = lp.outputs[len(lp.outputs):]
		for _, c := range outputs {
			c.queued = false
			if !c.closed {
				lp.write(c)
			}
		}
		if len(lp.outputs) == 0 {
			lp.outputs = outputs[:0]
		}
	}
}

// write gives a client's output to its socket, and waits for room when the
// socket does not take it all.
func (lp *loop) write(c *client) {
	for c.pendingOutput() > 0 {
		n, err := c.conn.Write(c.Client.Out.Bytes()[c.sent:])
		if err != nil {
			lp.close(c)
			return
		}
		lp.writes++
		lp.bytesOut += int64(n)
		c.out += int64(n)
		c.sent += n
		if c.pendingOutput() > 0 && n < maxWrite {
			lp.waitForRoom(c)
			return
		}
	}
	if c.ending {
		lp.close(c)
		return
	}
	lp.reclaimOutput(c)
	c.softSince = 0
	c.publish()
	switch {
	case c.stalled:
		c.stalled = false
		lp.resume(c)
	case c.conn.Wants() == netpoll.Writable && !c.held:
		c.conn.Want(netpoll.Readable)
	}
}

// maxWrite is the most that a socket is expected to take at once; a write of
// more says nothing about room.
const maxWrite = 1 << 20

// waitForRoom leaves the rest of the output for when the socket has room, and
// sees to the limits on it.
func (lp *loop) waitForRoom(c *client) {
	if c.sent > outputRoom && c.sent > c.Client.Out.Len()/2 {
		rest := append([]byte(nil), c.Client.Out.Bytes()[c.sent:]...)
		c.Client.Out.Attach(rest)
		c.sent = 0
	}
	c.publish()
	if lp.overLimit(c) {
		lp.e.stats.outputClose.Add(1)
		lp.e.Log().Warn("closing client that reached its output buffer limit", "client", c.remote)
		lp.close(c)
		return
	}
	want := netpoll.Writable
	if !c.ending && !c.stalled && !c.held {
		want |= netpoll.Readable
	}
	c.conn.Want(want)
}

// writable goes on writing to a client whose socket has room again.
func (lp *loop) writable(c *client) {
	if c.closed {
		return
	}
	if c.conn.Wants()&netpoll.Readable != 0 {
		defer lp.read(c)
	}
	lp.write(c)
	if !c.closed && c.pendingOutput() == 0 && !c.held && !c.stalled {
		c.conn.Want(netpoll.Readable)
	}
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
	if cap(b) <= outputRoom && len(lp.spare) < spareOutputs {
		lp.spare = append(lp.spare, b[:0])
	}
}

// listen makes the loop accept from l.
func (lp *loop) listen(l *netpoll.Listener) error {
	lp.readLimits()
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
			lp.e.Log().Warn("accepting a client connection failed", "error", err)
			return
		}
		if conn == nil {
			return
		}
		lp.admit(conn)
	}
}

const maxClientsReply = "-ERR max number of clients reached\r\n"

// admit makes a connection a client, or sends it away with a reason.
func (lp *loop) admit(conn *netpoll.Conn) {
	stats := &lp.e.stats
	refuse := func(reply string) {
		stats.rejected.Add(1)
		lp.poller.Add(conn) // so that what was written is also sent over a bridge
		conn.Write([]byte(reply))
		conn.Close()
	}
	if lp.drained != nil {
		conn.Close()
		return
	}
	if lp.stale.Load() {
		lp.stale.Store(false)
		lp.readLimits()
	}
	if len(lp.clients) >= lp.limits.maxClients {
		refuse(maxClientsReply)
		return
	}
	c := &client{loop: lp, conn: conn}
	remote, unix, local := addrText(conn.RemoteAddr())
	c.remote = remote
	c.local, _, _ = addrText(conn.LocalAddr())
	if unix {
		c.remote = c.local
	}
	if lp.limits.protected && !local {
		refuse(deniedReply)
		return
	}
	conn.Data = c
	if err := lp.poller.Add(conn); err != nil {
		conn.Close()
		return
	}
	c.Client.Conn = c
	c.Client.Connected(unix, local)
	lp.clients[c] = struct{}{}
	stats.connections.Add(1)
	stats.clients.Store(int64(len(lp.clients)))
	if x := lp.e.Own(); x != nil {
		x.Register(&c.Client)
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
	if b := c.Client.Out.Detach(); cap(b) > 0 && cap(b) <= outputRoom && len(lp.spare) < spareOutputs {
		lp.spare = append(lp.spare, b[:0])
	}
}

// cron does the periodic work when it is time, and the fast expire cycle else.
func (lp *loop) cron() {
	now := time.Now()
	if now.Before(lp.nextCron) {
		if x := lp.e.Own(); x != nil {
			x.BeforeSleep()
			lp.e.Release()
		}
		return
	}
	hz := lp.limits.hz
	if x := lp.e.Own(); x != nil {
		lp.e.Cron()
		lp.e.Release()
	}
	lp.nextCron = now.Add(time.Second / time.Duration(hz))
	lp.sweep(now)
}

// publish adds what the loop counted to the counters others read.
func (lp *loop) publish() {
	s := &lp.e.stats
	if lp.reads != 0 {
		s.reads.Add(lp.reads)
		s.bytesIn.Add(lp.bytesIn)
		lp.reads, lp.bytesIn = 0, 0
	}
	if lp.writes != 0 {
		s.writes.Add(lp.writes)
		s.bytesOut.Add(lp.bytesOut)
		lp.writes, lp.bytesOut = 0, 0
	}
	s.cycles.Add(1)
}

// drain begins the end: no new clients, and those there are go when their
// replies are out.
func (lp *loop) drain(drained chan struct{}) {
	lp.drained = drained
	for _, l := range lp.listeners {
		l.Close()
	}
	lp.listeners = nil
	for c := range lp.clients {
		c.ending = true
		if c.pendingOutput() == 0 {
			lp.close(c)
		}
	}
	lp.checkDrained()
}

func (lp *loop) checkDrained() {
	if lp.drained != nil && len(lp.clients) == 0 {
		select {
		case <-lp.drained:
		default:
			close(lp.drained)
		}
	}
}

// end closes everything the loop has.
func (lp *loop) end() {
	for _, l := range lp.listeners {
		l.Close()
	}
	for c := range lp.clients {
		lp.close(c)
	}
	lp.poller.Close()
}

var _ command.Host = (*Engine)(nil)
var _ threading.Engine = (*Engine)(nil)
var _ threading.Typed = (*Engine)(nil)
