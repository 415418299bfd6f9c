package eventloop

// Output buffers are lent to clients with replies and kept for the next when they
// are written: up to spareBytes together, none larger than outputRoom. A client
// whose output passes outputSoon is written at once, while its replies are still in
// the cache, rather than when all clients have been served.
const (
	spareBytes  = 8 << 20
	outputFirst = 4 << 10
	outputSoon  = 32 << 10
	outputRoom  = 256 << 10
)

// Flush writes the outputs gathered in this turn.
func (lp *Loop) Flush() {
	for _, c := range lp.outputs {
		c.queued = false
		if !c.closed && !c.away {
			lp.write(c)
		}
	}
	clear(lp.outputs)
	lp.outputs = lp.outputs[:0]
}

// Outputs returns the clients whose output Flush would write, for a model that has
// them written by others: with [Client.Give], and then [Loop.Gave] for each. They
// must all have been written when the turn ends.
func (lp *Loop) Outputs() []*Client {
	list := lp.outputs[:0]
	for _, c := range lp.outputs {
		c.queued = false
		if !c.closed && !c.away {
			list = append(list, c)
		}
	}
	lp.outputs = lp.outputs[:0]
	return list
}

// write gives a client's output to its socket.
func (lp *Loop) write(c *Client) {
	c.Give(&lp.Tally.ThreadStats)
	lp.Gave(c)
}

// Gave does what follows from the client's [Client.Give]: where the socket did not
// take everything, the client waits for room.
func (lp *Loop) Gave(c *Client) {
	if c.err != nil {
		lp.close(c)
		return
	}
	if c.gave {
		c.activeNanos = max(c.activeNanos, lp.nanos)
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
func (lp *Loop) waitForRoom(c *Client) {
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
func (lp *Loop) closeForOutput(c *Client) {
	lp.group.outputCloses.Add(1)
	lp.group.Log().Warn("closing client that reached its output buffer limit", "client", c.remote)
	lp.close(c)
}

// lendOutput gives a client a buffer to gather its replies in.
func (lp *Loop) lendOutput(c *Client) {
	if c.Client.Out.Bytes() != nil {
		return
	}
	if n := len(lp.spare); n > 0 {
		b := lp.spare[n-1]
		lp.spare[n-1], lp.spare = nil, lp.spare[:n-1]
		lp.spareBytes -= cap(b)
		c.Client.Out.Attach(b)
		return
	}
	c.Client.Out.Attach(make([]byte, 0, outputFirst))
}

// reclaimOutput takes an output buffer that is written out: idle clients hold
// none.
func (lp *Loop) reclaimOutput(c *Client) {
	c.sent = 0
	b := c.Client.Out.Detach()
	if n := cap(b); n > 0 && n <= outputRoom && lp.spareBytes+n <= spareBytes {
		lp.spare = append(lp.spare, b[:0])
		lp.spareBytes += n
	}
}
