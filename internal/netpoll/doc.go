// Package netpoll is what lies between an event loop and its clients: which of them have
// something to say, reading without waiting, writing without waiting.
//
//	p, _ := netpoll.New()
//	p.AddListener(ln)
//	for !stopped {
//		events, _ := p.Wait(timeout)          // sleeps until there is something to do
//		for _, ev := range events {
//			if ev.Listener != nil {
//				c, _ := ev.Listener.Accept()  // nil: nobody left
//				p.Add(c)
//				continue
//			}
//			n, err := ev.Conn.Read(shared)    // 0, nil: nothing there now
//			…                                 // parse, execute, gather replies
//		}
//		…                                     // whatever other goroutines left for the loop
//		for each connection with replies {
//			n, err := c.Write(replies)        // fewer than all: c.Want(Readable|Writable), the rest later
//		}
//	}
//
// # Three ways to be connected, one interface
//
//	on Linux, TCP and unix sockets:     kernel ◄── epoll ── Poller           a Conn is a file descriptor
//	in memory, by Pipe:                 client's goroutine ──► ready list ── Poller      a Conn is two buffers
//	any other net.Conn (TLS, other systems):
//	                                    net.Conn ◄─ two goroutines ─► Pipe ── Poller     the memory way, with a bridge
//
// A loop is written once and does not see the difference. Without any descriptor a Poller makes
// no system call and sleeps on a channel, so that servers and clients in memory run inside a
// testing/synctest bubble.
//
// # Guarantees
//
//   - Readiness is a level, not an edge: a connection is in every Wait's events for as long as
//     there is something to read or room to write, whichever it wants. Errors and the end of a
//     stream count as something to read.
//   - An event names a connection that was not closed before Wait was called. Between two
//     events of the same Wait the loop may close connections: [Conn.Read] of a closed one says
//     net.ErrClosed and touches no descriptor that was opened since.
//   - After [Poller.Wake], a Wait in progress returns, or the next one does not sleep. What a
//     goroutine wrote before it called Wake is visible to the loop after that.
//
// # Concurrency
//
// A Poller, its listeners and connections belong to one goroutine, the loop. Wake alone may be
// called by any. A connection's Read and Write may be lent to another goroutine, one at a time,
// with a hand-over that orders memory, and not during a Wait; its other methods may not. The
// client's end of a Pipe is a net.Conn and safe for all. A connection moves from one loop to
// another by Remove, a hand-over, and Add.
//
// # What it does not do
//
// It keeps no buffers for the loop, sets no limits on clients, has no timers, and does not
// sleep for longer than it is told. Descriptors that a client passes over a unix socket are
// closed unseen; of what it sends right behind one the loop hears with what it sends next.
package netpoll
