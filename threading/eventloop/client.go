package eventloop

import (
	"net"
	"sync/atomic"

	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// A socket is given writeChunk bytes at a time, as a longer call would keep the
// garbage collector waiting, and writeMost before it is another client's turn: writeFair
// where there is another.
const (
	writeChunk = 1 << 20
	writeMost  = 4 << 20
	writeFair  = 64 << 10
)

// A Client is a connection of a loop.
//
// What it waits for follows from its state, and only [Client.watch] tells the
// poller:
//
//	state     reads  because
//	–         yes
//	held      no     of CLIENT PAUSE: what it sent waits in its input
//	stalled   no     more output is pending than the ceiling: likewise
//	waiting   yes    of a command that blocks: likewise; but its end must be noticed
//	ending    no     it is closed when its output is written
//	away      yes    until something comes: then it is muted, for nobody can read it now
//	blocked   –      the socket is full: it waits for room beside all the above
type Client struct {
	// The holder of the token has these.
	threading.Session
	conn *netpoll.Conn

	sent    int   // bytes of the output that the socket has taken
	in, out int64 // bytes read and written

	// The outcome of the last Take or Give.
	got   int             // bytes read
	gave  bool            // the socket took something
	err   error           // what failed
	state threading.State // after bytes without a complete command
	added bool            // there was one

	// The loop has these, always.
	queued  bool // on loop.outputs
	held    bool // on loop.held
	stalled bool // on loop.resumable as soon as its output is written
	waiting bool // for the reply to a command that blocks
	sated   bool // while waiting: has sent so much that no more is read
	ending  bool
	busy    bool // in a batch
	away    bool // its token is
	muted   bool // while away: nothing is asked of the poller
	unheard bool // while away: nor does the poller know it
	doomed  bool // while busy: to be closed when it is not any more
	blocked bool
	closed  bool

	activeNanos int64 // engine's time when it was last read from or written to
	overSoft    bool  // its output is above the soft limit
	overSince   int64 // engine's time since when, if so
	weighed     int64 // bytes in and out, when it was weighed
	heft        int64 // how many more they were than the time before

	loop atomic.Pointer[Loop] // whose it is: only that one changes it, by Move

	// Never changed.
	fd            int
	remote, local string
	isUnix, near  bool

	// What CLIENT LIST shows, published for whoever asks.
	published struct {
		query, room, pending atomic.Int64
	}
}

// newClient makes a client of a connection. lp will be its loop.
func newClient(conn *netpoll.Conn, lp *Loop) *Client {
	c := &Client{conn: conn, fd: conn.FD()}
	c.loop.Store(lp)
	c.remote, c.isUnix, c.near = addrText(conn.RemoteAddr())
	c.local, _, _ = addrText(conn.LocalAddr())
	if c.isUnix {
		c.remote = c.local
	}
	c.Client.Conn = c
	c.Client.Connected(c.isUnix, c.near)
	conn.Data = c
	return c
}

// of returns the client that a session is part of.
func of(s *threading.Session) *Client { return s.Client.Conn.(*Client) }

// Loop returns the loop that has the client, or to which it is on its way. Anybody may ask.
func (c *Client) Loop() *Loop { return c.loop.Load() }

// watch tells the poller what the client waits for.
func (c *Client) watch() {
	var want netpoll.Ready
	if !c.held && !c.stalled && !c.ending && !(c.waiting && c.sated) {
		want = netpoll.Readable
	}
	if c.blocked {
		want |= netpoll.Writable
	}
	if c.muted {
		want = 0
	}
	c.conn.Want(want)
}

// Take reads what the client sent and parses it into b, and counts that in t. What
// follows from it is the loop's to do: see [Loop.Took]. The caller has the token.
func (c *Client) Take(b *threading.Batch, l *threading.Limits, t *threading.ThreadStats) {
	c.makeRoom()
	var room []byte
	if c.Loop().crowded {
		room = b.FairRoom(&c.Session)
	} else {
		room = b.Room(&c.Session)
	}
	c.got, c.err = c.conn.Read(room)
	if c.added = false; c.got == 0 {
		return
	}
	c.in += int64(c.got)
	t.Reads++
	t.BytesIn += int64(c.got)
	c.state, c.added = b.Add(&c.Session, c.got, l)
}

// Leave is Take without reading, when there is no room to read into: what the client
// sent is left in the socket, and the poller will tell of it again.
func (c *Client) Leave() { c.got, c.err, c.added = 0, nil, false }

// Give writes pending output, as much as the socket takes but no more than is one
// client's share, and counts that in t. What follows from it is the loop's to do: see
// [Loop.Gave]. The caller has the token.
func (c *Client) Give(t *threading.ThreadStats) {
	c.gave, c.err = false, nil
	share := writeMost
	if c.Loop().crowded {
		share = writeFair
	}
	for share > 0 {
		rest := c.Client.Out.Bytes()[c.sent:]
		if len(rest) == 0 {
			return
		}
		chunk := rest[:min(len(rest), writeChunk, share)]
		share -= len(chunk)
		n, err := c.conn.Write(chunk)
		if err != nil {
			c.err = err
			return
		}
		t.Writes++
		t.BytesOut += int64(n)
		c.out += int64(n)
		c.sent += n
		c.gave = c.gave || n > 0
		if n < len(chunk) {
			return
		}
	}
}

// makeRoom moves the output that waits to where the written part was, when that is
// the larger part: replies to come follow it there.
func (c *Client) makeRoom() {
	if c.sent > 0 && c.sent >= c.pendingOutput() {
		b := c.Client.Out.Bytes()
		n := copy(b, b[c.sent:])
		c.Client.Out.Truncate(n)
		c.sent = 0
	}
}

// giveBack gives memory back when most of a big output is written: a slow reader
// should cost what it has still to read.
func (c *Client) giveBack() {
	const big = 1 << 20
	if n := c.pendingOutput(); c.sent > big && c.sent > 3*n {
		c.Client.Out.Attach(append(make([]byte, 0, n), c.Client.Out.Bytes()[c.sent:]...))
		c.sent = 0
	}
}

// publish lets others see what has changed since the last time.
func (c *Client) publish() {
	p := &c.published
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
func (c *Client) pendingOutput() int { return c.Client.Out.Len() - c.sent }

// RemoteAddr returns the client's address, or the path and ":0" for a unix socket.
func (c *Client) RemoteAddr() string { return c.remote }

// LocalAddr returns the address connected to.
func (c *Client) LocalAddr() string { return c.local }

// FD returns the descriptor, -1 when there is none.
func (c *Client) FD() int { return c.fd }

// QueryBuffer returns the bytes read and not executed, and the free room.
func (c *Client) QueryBuffer() (used, free int) {
	used = int(c.published.query.Load())
	return used, max(int(c.published.room.Load())-used, 0)
}

// Output returns the bytes not written yet.
func (c *Client) Output() int { return int(c.published.pending.Load()) }

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
