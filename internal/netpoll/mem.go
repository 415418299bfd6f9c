package netpoll

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// # Design
//
// Pipe connects a client to a loop inside the process, by two buffers:
//
//	client (net.Conn)                                    loop (*Conn)
//	Write ── waits for room ──► | · · r unread |  ──► tryRead        in
//	Read  ◄── waits for bytes ──  | unread · · |  ◄── tryWrite       out
//
// One side of each buffer waits on a condition, the other never waits and is told through its
// source. Nothing runs in between: no goroutine, no system call.
//
// A buffer begins small, doubles up to pipeLimit, and gives large memory back when it runs
// empty. A full buffer holds the writer back.
//
// # Invariants, verified by check
//
//   - 0 <= r <= len(buf), and the unread bytes, len(buf)-r, are at most pipeLimit
//   - r == len(buf) only with both 0
const (
	pipeLimit = 256 << 10 // unread bytes of one direction
	pipeKeep  = 64 << 10  // an empty buffer larger than this is given up
	pipeFirst = 512       // room of a new buffer
)

// pipe is one direction.
type pipe struct {
	loop *source // the loop's side, told of each change; constant

	mu       sync.Mutex // guards what follows
	cond     sync.Cond  // the client's side waits: for bytes of out, for room of in
	buf      []byte
	r        int         // buf[r:] is unread
	noWriter bool        // the end of the stream comes after what is unread
	noReader bool        // nobody will read: writing fails
	gone     bool        // the client's end closed: its calls fail
	busy     bool        // a client's Write is between two of its parts
	expired  bool        // the client's deadline has passed
	timer    *time.Timer // sets expired
}

// memConn is the client's end of two pipes.
type memConn struct {
	in, out *pipe // in: from the loop; out: to the loop
}

// Pipe returns the two ends of a connection in memory: the client's, a net.Conn with deadlines
// that is safe for all goroutines, and the loop's. It takes no system resource and no
// goroutine.
func Pipe() (client net.Conn, server *Conn) {
	server = &Conn{fd: -1, local: memAddr{}, remote: memAddr{}}
	server.conn = server
	server.in, server.out = newPipe(&server.source), newPipe(&server.source)
	return &memConn{in: server.out, out: server.in}, server
}

func newPipe(loop *source) *pipe {
	p := &pipe{loop: loop}
	p.cond.L = &p.mu
	return p
}

// put appends as much of b as there is room for.
func (p *pipe) put(b []byte) int {
	n := min(len(b), pipeLimit-(len(p.buf)-p.r))
	if need := len(p.buf) + n; need > cap(p.buf) {
		unread := p.buf[p.r:]
		if need-p.r <= cap(p.buf) && p.r >= len(unread) { // moving costs less than has been read
			p.buf = append(p.buf[:0], unread...)
		} else {
			p.buf = append(make([]byte, 0, max(pipeFirst, 2*cap(p.buf), need-p.r)), unread...)
		}
		p.r = 0
	}
	p.buf = append(p.buf, b[:n]...)
	return n
}

// get moves unread bytes to b.
func (p *pipe) get(b []byte) int {
	n := copy(b, p.buf[p.r:])
	if p.r += n; p.r == len(p.buf) {
		p.buf, p.r = p.buf[:0], 0
		if cap(p.buf) > pipeKeep {
			p.buf = nil
		}
	}
	return n
}

// tryRead is the loop's reading.
func (p *pipe) tryRead(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.buf) > 0:
		n = p.get(b)
		p.cond.Broadcast()
		return n, nil
	case p.noWriter:
		return 0, io.EOF
	}
	return 0, nil
}

// tryWrite is the loop's writing.
func (p *pipe) tryWrite(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noReader {
		return 0, io.ErrClosedPipe
	}
	n = p.put(b)
	p.cond.Broadcast()
	return n, nil
}

// readable and writable tell the loop whether tryRead, tryWrite would do something.
func (p *pipe) readable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.buf) > 0 || p.noWriter
}

func (p *pipe) writable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noReader || len(p.buf)-p.r < pipeLimit
}

// closeWriter ends the stream, closeReader says that nobody reads it.
func (p *pipe) closeWriter() { p.end(&p.noWriter) }
func (p *pipe) closeReader() { p.end(&p.noReader) }

func (p *pipe) end(flag *bool) {
	p.mu.Lock()
	*flag = true
	p.cond.Broadcast()
	p.mu.Unlock()
	p.loop.notify()
}

// stopped returns why the client's side must not go on waiting.
func (p *pipe) stopped() error {
	switch {
	case p.gone:
		return net.ErrClosed
	case p.expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// await waits until there is something unread, and returns io.EOF when there never will be.
func (p *pipe) await() error {
	for {
		switch err := p.stopped(); {
		case err != nil:
			return err
		case len(p.buf) > 0:
			return nil
		case p.noWriter:
			return io.EOF
		}
		p.cond.Wait()
	}
}

// take is the client's reading without a copy: it takes the whole buffer, and leaves spare in its place.
func (p *pipe) take(spare []byte) ([]byte, error) {
	p.mu.Lock()
	if err := p.await(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	data := p.buf[p.r:]
	if cap(spare) > pipeKeep {
		spare = nil
	}
	p.buf, p.r = spare[:0], 0
	p.mu.Unlock()
	p.loop.notify()
	return data, nil
}

// Read waits for bytes.
func (c *memConn) Read(b []byte) (int, error) {
	p := c.in
	p.mu.Lock()
	if err := p.await(); err != nil {
		p.mu.Unlock()
		return 0, err
	}
	full := len(p.buf)-p.r == pipeLimit
	n := p.get(b)
	p.mu.Unlock()
	if full { // the loop may wait for room
		p.loop.notify()
	}
	return n, nil
}

// Write waits until there was room for all of b. The writes of several goroutines do not mix.
func (c *memConn) Write(b []byte) (n int, err error) {
	p := c.out
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.busy && p.stopped() == nil && !p.noReader && !p.noWriter {
		p.cond.Wait()
	}
	mine := false
	for {
		switch err := p.stopped(); {
		case err != nil:
			p.rest(mine)
			return n, err
		case p.noReader, p.noWriter:
			p.rest(mine)
			return n, io.ErrClosedPipe
		}
		if k := p.put(b[n:]); k > 0 {
			n += k
			p.loop.notify() // takes the Poller's lock inside ours; never the other way round
		}
		if n == len(b) {
			p.rest(mine)
			return n, nil
		}
		p.busy, mine = true, true
		p.cond.Wait()
	}
}

// rest lets the next writer begin.
func (p *pipe) rest(mine bool) {
	if mine {
		p.busy = false
		p.cond.Broadcast()
	}
}

// Close ends both directions. What was written is still read by the loop.
func (c *memConn) Close() error {
	for _, p := range []*pipe{c.in, c.out} {
		p.mu.Lock()
		p.gone = true
		if p.timer != nil {
			p.timer.Stop()
		}
		p.mu.Unlock()
	}
	c.out.closeWriter()
	c.in.closeReader()
	return nil
}

// SetDeadline sets both deadlines.
func (c *memConn) SetDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return c.out.setDeadline(t)
}

// SetReadDeadline limits the wait of Read.
func (c *memConn) SetReadDeadline(t time.Time) error { return c.in.setDeadline(t) }

// SetWriteDeadline limits the wait of Write.
func (c *memConn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(t) }

// setDeadline makes the client's calls fail from t on; the zero time is never.
func (p *pipe) setDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return net.ErrClosed
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.expired = false
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		p.expired = true
	default:
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.timer == timer { // not stopped too late, by a newer deadline
				p.expired = true
				p.cond.Broadcast()
			}
		})
		p.timer = timer
	}
	p.cond.Broadcast()
	return nil
}

// LocalAddr and RemoteAddr say that this is memory.
func (c *memConn) LocalAddr() net.Addr  { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr { return memAddr{} }

// memAddr is the address of either end.
type memAddr struct{}

func (memAddr) Network() string { return "pipe" }
func (memAddr) String() string  { return "pipe" }
