package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
)

// The commands of sorted sets that wait when there is nothing to take: see blocked.go.

var zsetBlockHandlers = handlers{
	"bzmpop": cmdBZMPop, "bzpopmax": cmdBZPopMax, "bzpopmin": cmdBZPopMin,
}

func cmdBZPopMin(c *Ctx) { c.blockingZPop(false) }
func cmdBZPopMax(c *Ctx) { c.blockingZPop(true) }

// blockingZPop takes a member of the first sorted set there is.
func (c *Ctx) blockingZPop(max bool) {
	last := len(c.Args) - 1
	timeout, ok := c.timeout(last)
	if !ok {
		return
	}
	keys := c.Args[1:last]
	e, key, found, ok := c.firstOf(c.toTry(keys), datatypes.ZSet)
	switch {
	case !ok:
	case found:
		z := zset.Open(e)
		c.Out.ArrayHeader(3)
		c.Out.BulkBytes(key)
		c.replyEnd(z, max, 1, flatScores)
		c.zpopped(e, z, key, max, 1)
	case c.mayNotBlock():
		c.Out.NullArray()
	default:
		c.block(wait{on: datatypes.ZSet, keys: keys, timeout: timeout})
	}
}

func cmdBZMPop(c *Ctx) {
	keys, max, count, ok := c.parseZMPop(2)
	if !ok {
		return
	}
	timeout, ok := c.timeout(1)
	if !ok {
		return
	}
	switch done := c.zpopFirst(c.toTry(keys), max, count); {
	case done:
	case c.mayNotBlock():
		c.Out.NullArray()
	default:
		c.block(wait{on: datatypes.ZSet, keys: keys, timeout: timeout})
	}
}
