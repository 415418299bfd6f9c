package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/keyspace"
)

// The commands of lists that wait when there is nothing to take: see blocked.go.

var listBlockHandlers = handlers{
	"blmove": cmdBLMove, "blmpop": cmdBLMPop, "blpop": cmdBLPop, "brpop": cmdBRPop, "brpoplpush": cmdBRPopLPush,
}

func cmdBLPop(c *Ctx) { c.blockingPop(listHead) }
func cmdBRPop(c *Ctx) { c.blockingPop(listTail) }

// blockingPop takes an element of the first list there is.
func (c *Ctx) blockingPop(w listEnd) {
	last := len(c.Args) - 1
	timeout, ok := c.timeout(last)
	if !ok {
		return
	}
	keys := c.Args[1:last]
	e, key, found, ok := c.firstOf(c.toTry(keys), datatypes.List)
	switch {
	case !ok:
	case found:
		l := list.Open(e)
		v := w.peek(&l)
		c.Out.ArrayHeader(2)
		c.Out.BulkBytes(key)
		bulkValue(c.Out, &v)
		w.drop(&l, 1, &c.limits.list)
		c.popped(e, &l, key, w.popEvent())
	case c.mayNotBlock():
		c.Out.NullArray()
	default:
		c.block(wait{on: datatypes.List, keys: keys, timeout: timeout})
	}
}

// firstOf finds the first key that holds something, which must be a t: else ok is false,
// and the error has been replied.
func (c *Ctx) firstOf(keys [][]byte, t datatypes.Type) (e *keyspace.Entry, key []byte, found, ok bool) {
	e = c.entry()
	for _, key := range keys {
		if !c.lookupInto(e, key, keyspace.Write) {
			continue
		}
		if e.Type() != t {
			c.Fail(ErrWrongType)
			return e, key, true, false
		}
		return e, key, true, true
	}
	return e, nil, false, true
}

func cmdBLMove(c *Ctx) {
	take, ok := c.listEnd(3)
	if !ok {
		return
	}
	put, ok := c.listEnd(4)
	if !ok {
		return
	}
	c.blockingMove(take, put, 5)
}

func cmdBRPopLPush(c *Ctx) { c.blockingMove(listTail, listHead, 3) }

// blockingMove is moveElement with a time to wait in the argument given.
func (c *Ctx) blockingMove(take, put listEnd, timeoutAt int) {
	timeout, ok := c.timeout(timeoutAt)
	if !ok {
		return
	}
	switch e, found := c.lookup(c.Args[1], keyspace.Write); {
	case found && e.Type() != datatypes.List:
		c.Fail(ErrWrongType)
	case found:
		c.moveElement(take, put)
	case c.mayNotBlock():
		c.Out.Null()
	default:
		c.block(wait{on: datatypes.List, keys: c.Args[1:2], timeout: timeout})
	}
}

func cmdBLMPop(c *Ctx) {
	keys, w, count, ok := c.parseLMPop(2)
	if !ok {
		return
	}
	timeout, ok := c.timeout(1)
	if !ok {
		return
	}
	switch done := c.popFirst(c.toTry(keys), w, count); {
	case done:
	case c.mayNotBlock():
		c.Out.NullArray()
	default:
		c.block(wait{on: datatypes.List, keys: keys, timeout: timeout})
	}
}
