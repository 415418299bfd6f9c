package singleloop

import (
	"net"
	"sync/atomic"

	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// A client is a connection of the loop.
//
// What it waits for follows from its state, and only [client.watch] tells the
// poller:
//
//	state     reads  because
//	–         yes
//	held      no     of CLIENT PAUSE: what it sent waits in its input
//	stalled   no     more output is pending than the ceiling: likewise
//	waiting   yes    of a command that blocks: likewise; but its end must be noticed
//	ending    no     it is closed when its output is written
//	blocked   –      the socket is full: it waits for room beside all the above
type client struct {
	threading.Session
	loop *loop
	conn *netpoll.Conn

	remote, local string

	sent    int  // bytes of the output that the socket has taken
	queued  bool // on loop.outputs
	held    bool // on loop.held
	stalled bool // on loop.resumable as soon as its output is written
	waiting bool // for the reply to a command that blocks
	sated   bool // while waiting: has sent so much that no more is read
	ending  bool
	blocked bool
	closed  bool

	activeNanos int64 // engine's time when it was last read from or written to
	overSoft    bool  // its output is above the soft limit
	overSince   int64 // engine's time since when, if so

	in, out int64 // bytes read and written: the loop's own count

	// What CLIENT LIST shows, published by the loop for whoever asks.
	published struct {
		in, out              atomic.Int64
		query, room, pending atomic.Int64
	}
}

// watch tells the poller what the client waits for.
func (c *client) watch() {
	var want netpoll.Ready
	if !c.held && !c.stalled && !c.ending && !(c.waiting && c.sated) {
		want = netpoll.Readable
	}
	if c.blocked {
		want |= netpoll.Writable
	}
	c.conn.Want(want)
}

// makeRoom moves the output that waits to where the written part was, when that is
// the larger part: replies to come follow it there.
func (c *client) makeRoom() {
	if c.sent > 0 && c.sent >= c.pendingOutput() {
		b := c.Client.Out.Bytes()
		n := copy(b, b[c.sent:])
		c.Client.Out.Truncate(n)
		c.sent = 0
	}
}

// giveBack gives memory back when most of a big output is written: a slow reader
// should cost what it has still to read.
func (c *client) giveBack() {
	const big = 1 << 20
	if n := c.pendingOutput(); c.sent > big && c.sent > 3*n {
		c.Client.Out.Attach(append(make([]byte, 0, n), c.Client.Out.Bytes()[c.sent:]...))
		c.sent = 0
	}
}

// publish lets others see what has changed since the last time.
func (c *client) publish() {
	p := &c.published
	p.in.Store(c.in)
	p.out.Store(c.out)
	set(&p.query, int64(c.Pending()))
	set(&p.room, int64(c.InputRoom()))
	set(&p.pending, int64(c.pendingOutput()))
}

// set stores v unless it is there: a load costs a tenth of a store.
func set(a *atomic.Int64, v int64) {
	if a.Load() != v {
		a.Store(v)
	}
}

// pendingOutput is what the socket has not taken.
func (c *client) pendingOutput() int { return c.Client.Out.Len() - c.sent }

// RemoteAddr returns the client's address, or the path and ":0" for a unix socket.
func (c *client) RemoteAddr() string { return c.remote }

// LocalAddr returns the address connected to.
func (c *client) LocalAddr() string { return c.local }

// FD returns the descriptor, -1 when there is none.
func (c *client) FD() int { return c.conn.FD() }

// QueryBuffer returns the bytes read and not executed, and the free room.
func (c *client) QueryBuffer() (used, free int) {
	used = int(c.published.query.Load())
	return used, int(c.published.room.Load()) - used
}

// Output returns the bytes not written yet.
func (c *client) Output() int { return int(c.published.pending.Load()) }

// NetBytes returns the bytes read and written.
func (c *client) NetBytes() (in, out int64) { return c.published.in.Load(), c.published.out.Load() }

// addrText renders an address as CLIENT LIST does.
func addrText(a net.Addr) (text string, unix, local bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.String(), false, a.IP.IsLoopback()
	case *net.UnixAddr:
		return a.Name + ":0", true, true
	case nil:
		return "", false, false
	}
	return a.String() + ":0", false, true
}
