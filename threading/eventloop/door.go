package eventloop

import (
	"time"

	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// # How a client comes in and goes
//
//	listener ──accept──> admit: one more of maxclients? identity     the accepting loop
//	                       │
//	                       └──place──> adopt: poller, clients          the client's loop
//	                                     …
//	                                   close: socket, registry

// listen makes the loop accept from l.
func (lp *Loop) listen(l *netpoll.Listener) error {
	if lp.draining {
		l.Close()
		return threading.ErrClosed
	}
	if err := lp.poller.AddListener(l); err != nil {
		l.Close()
		return err
	}
	lp.listeners = append(lp.listeners, l)
	return nil
}

// accept lets new clients in, a few at a time so that the present ones do not
// wait for a crowd at the door.
func (lp *Loop) accept(l *netpoll.Listener) {
	l.KeepAlive = lp.limits.keepAlive
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
func (lp *Loop) acceptFailed(l *netpoll.Listener, err error) {
	if lp.acceptErr == 0 || lp.now-lp.acceptErr > time.Second {
		lp.acceptErr = lp.now
		lp.group.Log().Warn("accepting a client connection failed", "error", err)
	}
	if l.Want(0) == nil {
		lp.deaf = append(lp.deaf, l)
	}
}

// listenAgain is the end of what acceptFailed began.
func (lp *Loop) listenAgain() {
	for _, l := range lp.deaf {
		l.Want(netpoll.Readable)
	}
	lp.deaf = nil
}

// admit makes a connection a client of some loop, or sends it away with a reason.
func (lp *Loop) admit(conn *netpoll.Conn) {
	if lp.draining {
		conn.Close()
		return
	}
	g := lp.group
	home := g.place(lp)
	c := newClient(conn, home)
	l := g.limits.Load() // those of this turn may be older than the client
	if reason := l.refuse(g.clients.Add(1), c.near); reason != "" {
		g.clients.Add(-1)
		lp.refuse(conn, reason)
		return
	}
	g.connections.Add(1)
	home.load.Add(1)
	if x := g.OwnFor(&c.Client); x != nil {
		x.Register(&c.Client)
		c.activeNanos = x.Nanos()
		g.ReleaseSet(x)
	}
	if home == lp {
		lp.adopt(c)
		return
	}
	lp.Tally.HandOvers++
	home.Post(func() { home.adopt(c) }, func() { home.dismiss(c) })
}

// refuse sends a connection away.
func (lp *Loop) refuse(conn *netpoll.Conn, reason string) {
	lp.group.rejected.Add(1)
	if lp.poller.Add(conn) == nil {
		conn.Write([]byte(reason)) // a few bytes: the new connection has room
	}
	conn.Close()
}

// adopt makes the loop serve a client that was admitted.
func (lp *Loop) adopt(c *Client) {
	if c.closed { // killed on its way
		return
	}
	if lp.draining || lp.poller.Add(c.conn) != nil {
		lp.close(c)
		return
	}
	lp.clients[c] = struct{}{}
	c.watch()                    // it may have had mail, and its socket no room, before it was here
	if c.Client.Mail.Waiting() { // a broadcast was faster
		lp.takeMail(c)
	}
}

// close ends a client's connection, at once or when the batch that it is in is finished:
// until then its session is in use, if not elsewhere, then by a script that this loop runs
// (see [Loop.Interlude]). It may be called twice.
func (lp *Loop) close(c *Client) {
	switch {
	case c.closed:
		return
	case c.busy:
		c.doomed = true
		return
	}
	delete(lp.clients, c)
	lp.dismiss(c)
	lp.reclaimOutput(c)
}

// dismiss ends the connection of a client that no loop has, but lp was to have. It is for
// whoever has the client's token.
func (lp *Loop) dismiss(c *Client) {
	if c.closed {
		return
	}
	c.closed = true
	lp.load.Add(-1)
	lp.group.clients.Add(-1)
	if x := lp.group.OwnFor(&c.Client); x != nil {
		x.Unregister(&c.Client)
		lp.group.ReleaseSet(x)
	}
	c.conn.Close() // who sees the end finds that he is not counted any more
}
