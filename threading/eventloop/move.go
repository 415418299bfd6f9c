package eventloop

import "time"

// # Moving house
//
// A client can be given to another loop while it waits for nothing but input, at the end
// of a turn:
//
//	old loop   poller.Remove ──> c.loop = new ──> Post ─┐
//	new loop                                            └─> adopt: poller.Add
//
// From the moment c.loop says so the client is the new loop's, and the old one does not
// look at it any more. A kill or mail that was on its way to the old loop is sent after
// it; what overtakes the client finds it not adopted yet, and is dealt with all the same.
// What the client sends meanwhile stays in its socket.

// Movable reports whether a client may be given to another loop now. It is asked between
// Flush and EndTurn.
func (lp *Loop) Movable(c *Client) bool {
	return !c.closed && !c.busy && !c.away && !c.queued && !c.held && !c.stalled && !c.waiting && !c.ending &&
		!c.blocked && !c.muted && len(lp.resumable) == 0 && !lp.draining
}

// Move gives a client that is [Loop.Movable] to another loop.
func (lp *Loop) Move(c *Client, to *Loop) {
	lp.poller.Remove(c.conn)
	delete(lp.clients, c)
	lp.reclaimOutput(c)
	lp.load.Add(-1)
	to.load.Add(1)
	c.loop.Store(to)
	to.Post(func() { to.adopt(c) }, func() { to.dismiss(c) })
}

// Clients returns the loop's clients. The set is not to be changed.
func (lp *Loop) Clients() map[*Client]struct{} { return lp.clients }

// Load returns how many clients the loop has, or will have when they are here. Anybody
// may ask.
func (lp *Loop) Load() int { return int(lp.load.Load()) }

// Now returns the loop's time, which is real, at the end of its last turn.
func (lp *Loop) Now() time.Duration { return lp.now }

// Draining reports whether Shutdown has begun.
func (lp *Loop) Draining() bool { return lp.draining }

// Weigh notes, and returns, how many bytes a client has sent and been sent since it was
// weighed last: what its loop has had to do for it.
func (c *Client) Weigh() int64 {
	c.heft = c.in + c.out - c.weighed
	c.weighed += c.heft
	return c.heft
}

// Heft returns what Weigh did.
func (c *Client) Heft() int64 { return c.heft }
