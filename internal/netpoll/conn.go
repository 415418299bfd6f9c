package netpoll

import (
	"net"
	"time"
)

// A Conn is one client's connection, as its loop sees it: nothing it does waits. Get one from
// [Listener.Accept], [NewConn] or [Pipe].
type Conn struct {
	source
	Data any // the loop's own

	fd     int // -1: in memory
	want   Ready
	closed bool

	// With a descriptor: what the kernel told since Add.
	seen  Ready // and no call has found to be over
	ended bool  // the client's stream has: reading will say so
	urges bool  // the client sends urgent bytes, where reads end short of what there is
	broke bool  // of this the loop hears whatever it wants
	place int   // on the Poller's live, from 1; 0: not there

	in, out *pipe    // in memory: what the client sends, what it gets
	outer   net.Conn // bridged: where the client really is
	inner   *memConn // bridged: the client's end of in and out; nil once its goroutines run

	local, remote net.Addr
}

// Read reads what is there, up to len(b) bytes. It returns 0 and no error when nothing is there
// now, io.EOF at the end of the stream.
func (c *Conn) Read(b []byte) (n int, err error) {
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.fd >= 0:
		if n, err = readFD(c.fd, b); n < len(b) && err == nil && !c.ended && (n == 0 || !c.urges) {
			c.seen &^= Readable
		}
		return n, err
	}
	return c.in.tryRead(b)
}

// Write writes as much of b as there is room for. Fewer bytes than len(b) without an error say
// that the rest must wait until the connection is Writable.
func (c *Conn) Write(b []byte) (n int, err error) {
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.fd >= 0:
		if n, err = writeFD(c.fd, b); n < len(b) {
			c.seen &^= Writable
		}
		return n, err
	}
	return c.out.tryWrite(b)
}

// Want says which conditions interest the loop from now on. It is Readable after [Poller.Add].
// Events of a connection that broke say Readable whatever the loop wants: reading tells why.
func (c *Conn) Want(r Ready) error {
	if c.closed {
		return net.ErrClosed
	}
	if r == c.want {
		return nil
	}
	room := (r^c.want)&Writable != 0
	c.want = r
	p := c.home.Load()
	switch {
	case p == nil:
		return nil
	case c.fd < 0:
		c.notify() // it may be ready for that already
		return nil
	}
	var err error
	if room {
		c.seen &^= Writable
		err = p.kernel.modify(p, &c.source, c.fd, r) // tells of what there is
	}
	p.enlist(c)
	return err
}

// Broke reports whether the connection is known to be broken. Who wants to read need not ask:
// reading says so.
func (c *Conn) Broke() bool { return c.broke }

// level returns what a connection is ready for: as far as is known, if it has a descriptor.
func (c *Conn) level() (r Ready) {
	switch {
	case c.closed:
		return 0
	case c.fd >= 0:
		if r = c.seen & c.want; c.broke {
			r |= Readable
		}
		return r
	}
	if c.want&Readable != 0 && c.in.readable() {
		r |= Readable
	}
	if c.want&Writable != 0 && c.out.writable() {
		r |= Writable
	}
	return r
}

// lingerTime is how long a bridged connection may take after Close to send what was written before.
const lingerTime = time.Second

// Close closes the connection, and its Poller forgets it. What was written still reaches the
// client, if it reads. Close may be called twice.
func (c *Conn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	if p := c.home.Load(); p != nil {
		p.leave(&c.source)
	}
	if c.fd >= 0 {
		fd := c.fd
		c.fd = -1
		return closeFD(fd)
	}
	if c.inner != nil { // its goroutines never started
		return c.outer.Close()
	}
	if c.outer != nil {
		c.outer.SetWriteDeadline(time.Now().Add(lingerTime))
	}
	c.out.closeWriter()
	c.in.closeReader()
	return nil
}

// FD returns the descriptor, -1 when there is none.
func (c *Conn) FD() int { return c.fd }

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr returns the address the client connected to. A descriptor is asked once, and must
// not be closed by then.
func (c *Conn) LocalAddr() net.Addr {
	if c.local == nil && c.fd >= 0 {
		c.local = localAddrFD(c.fd)
	}
	return c.local
}

// NewConn makes a Conn of nc and owns it from now on. A TCP or unix socket becomes a descriptor
// where that is possible; anything else is bridged: once the Conn is added to a Poller, two
// goroutines copy between nc and memory, until it is closed.
func NewConn(nc net.Conn) (*Conn, error) {
	if fd, ok, err := dupFD(nc); err != nil {
		return nil, err
	} else if ok {
		c := newFDConn(fd, nc.RemoteAddr())
		c.local = nc.LocalAddr()
		return c, nc.Close()
	}
	client, c := Pipe()
	c.outer, c.inner = nc, client.(*memConn)
	c.local, c.remote = nc.LocalAddr(), nc.RemoteAddr()
	return c, nil
}

// newFDConn makes a Conn of a descriptor that does not block.
func newFDConn(fd int, remote net.Addr) *Conn {
	c := &Conn{fd: fd, remote: remote}
	c.conn = c
	return c
}

// startPumps starts the goroutines of a bridged connection, as p's.
//
//	outer ── pumpIn ──► in  ──► Conn.Read
//	outer ◄── pumpOut ── out ◄── Conn.Write
//
// pumpOut ends when the Conn is closed and everything is sent, or when sending fails; it closes
// outer, which ends pumpIn, which ends the stream that Conn reads. When the client ends its
// stream, pumpIn ends, and pumpOut goes on until the loop closes the Conn.
func (c *Conn) startPumps(p *Poller) {
	if c.inner == nil {
		return
	}
	inner, outer := c.inner, c.outer
	c.inner = nil
	p.pumps.Go(func() {
		buf := make([]byte, 16<<10)
		for {
			n, err := outer.Read(buf)
			if _, werr := inner.Write(buf[:n]); err != nil || werr != nil {
				inner.out.closeWriter()
				return
			}
		}
	})
	p.pumps.Go(func() {
		defer outer.Close()
		var spare []byte
		for {
			data, err := inner.in.take(spare)
			if err != nil {
				return
			}
			if _, err := outer.Write(data); err != nil {
				inner.in.closeReader()
				return
			}
			spare = data
		}
	})
}
