package netpoll

import (
	"context"
	"errors"
	"net"
	"time"
)

// ListenOptions are for [Listen].
type ListenOptions struct {
	ReusePort bool // let several listeners share a TCP port, and the kernel spread the clients over them; an error where it cannot
}

// Listen is net.Listen with options.
func Listen(network, address string, o ListenOptions) (net.Listener, error) {
	var lc net.ListenConfig
	if o.ReusePort {
		lc.Control = reusePort
	}
	lc.KeepAlive = -1         // Accept sets it
	lc.SetMultipathTCP(false) // one path is what clients of a cache have, and the plain socket is the faster one
	return lc.Listen(context.Background(), network, address)
}

// Bindable tells why nobody could listen at address without ReusePort: those that share a port
// do not notice who else does. It does not listen itself, not even for a moment: a client that
// came in that moment would be cut off.
func Bindable(network, address string) error {
	at, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return err
	}
	return bindable(network, at)
}

// defaultKeepAlive is Redis's tcp-keepalive.
const defaultKeepAlive = 300 * time.Second

// A Listener hands out clients without waiting for them.
type Listener struct {
	source
	Data any // the loop's own

	// KeepAlive is after how long a silence the kernel asks whether a TCP client is still
	// there; it may change at any time and is for later clients. Zero is 300 s, negative is
	// never.
	KeepAlive time.Duration

	fd     int // -1: bridged
	nl     net.Listener
	deaf   bool // nobody wants to hear of clients
	closed bool

	conns chan net.Conn // bridged: accepted by the goroutine
	stop  chan struct{} // bridged: closed by Close
}

// acceptAhead is how many clients a bridge accepts before the loop takes them.
const acceptAhead = 128

// NewListener makes a Listener of nl and owns it from now on: to stop it, close the Listener,
// as closing nl alone does not where the Listener has a descriptor of its own. A TCP or unix
// listener is watched by descriptor where that is possible; for anything else a goroutine
// accepts, from when it is added to a Poller until it is closed.
func NewListener(nl net.Listener) (*Listener, error) {
	l := &Listener{fd: -1, nl: nl}
	l.ln = l
	fd, ok, err := dupFD(nl)
	if err != nil {
		return nil, err
	}
	if ok {
		l.fd = fd
	}
	return l, nil
}

// startPump starts the goroutine that accepts for a bridged listener.
func (l *Listener) startPump(p *Poller) {
	conns, stop, nl := make(chan net.Conn, acceptAhead), make(chan struct{}), l.nl
	l.conns, l.stop = conns, stop
	p.pumps.Go(func() {
		defer close(conns)
		for pause := 5 * time.Millisecond; ; {
			nc, err := nl.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // too many files, or whatever this listener says when it is closed
				select {
				case <-time.After(pause):
					pause = min(2*pause, time.Second)
					continue
				case <-stop:
					return
				}
			}
			pause = 5 * time.Millisecond
			select {
			case conns <- nc:
				l.notify()
			case <-stop:
				nc.Close()
				return
			}
		}
	})
}

// Want says whether clients that wait interest the loop from now on, Readable or not: when it
// cannot take them it would be told of them again and again.
func (l *Listener) Want(r Ready) error {
	if l.closed {
		return net.ErrClosed
	}
	deaf := r&Readable == 0
	if deaf == l.deaf {
		return nil
	}
	l.deaf = deaf
	p := l.home.Load()
	switch {
	case p == nil:
		return nil
	case l.fd >= 0:
		return p.kernel.modify(p, &l.source, l.fd, r)
	}
	l.notify()
	return nil
}

// level says whether a bridged listener has clients.
func (l *Listener) level() Ready {
	if l.closed || l.deaf || len(l.conns) == 0 {
		return 0
	}
	return Readable
}

// Accept returns the next client, nil when there is none now. Its small writes are sent at
// once. An error does not mean that the listener is broken: the process may have too many files
// open.
func (l *Listener) Accept() (*Conn, error) {
	switch {
	case l.closed:
		return nil, net.ErrClosed
	case l.fd >= 0:
		return acceptFD(l.fd, l.keepAlive())
	}
	select {
	case nc, ok := <-l.conns:
		if !ok {
			return nil, net.ErrClosed
		}
		if tc, ok := nc.(*net.TCPConn); ok {
			tc.SetKeepAlivePeriod(l.keepAlive())
			tc.SetKeepAlive(l.keepAlive() > 0)
		}
		return NewConn(nc)
	default:
		return nil, nil
	}
}

func (l *Listener) keepAlive() time.Duration {
	if l.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return max(l.KeepAlive, 0)
}

// Addr returns the address it listens at.
func (l *Listener) Addr() net.Addr { return l.nl.Addr() }

// Close stops listening, and its Poller forgets the Listener. Clients that wait are refused.
// Close may be called twice.
func (l *Listener) Close() error {
	if l.closed {
		return nil
	}
	l.closed = true
	if p := l.home.Load(); p != nil {
		if l.fd >= 0 {
			p.kernel.remove(l.fd)
		}
		p.leave(&l.source)
	}
	if l.fd >= 0 {
		closeFD(l.fd)
		l.fd = -1
	}
	err := l.nl.Close()
	if l.stop != nil {
		close(l.stop)
		for nc := range l.conns {
			nc.Close()
		}
	}
	return err
}
