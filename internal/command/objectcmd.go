package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// OBJECT looks at a key without leaving a trace: it is not a use of it.

var objectHandlers = handlers{
	"object|encoding": cmdObjectEncoding, "object|freq": cmdObjectFreq, "object|help": cmdHelp,
	"object|idletime": cmdObjectIdleTime, "object|refcount": cmdObjectRefCount,
}

const (
	errNotLFU resp.Error = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	errIsLFU  resp.Error = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)

// object finds the key an OBJECT subcommand asks about, without a trace, or
// replies null.
func (c *Ctx) object() (*keyspace.Entry, bool) {
	e, found := c.lookup(c.Args[2], keyspace.Peek)
	if !found {
		c.Out.Null()
	}
	return e, found
}

func cmdObjectEncoding(c *Ctx) {
	if e, ok := c.object(); ok {
		c.Out.BulkString(e.Encoding().String())
	}
}

func cmdObjectFreq(c *Ctx) {
	e, ok := c.object()
	if !ok {
		return
	}
	if !c.settings.Policy.LFU() {
		c.Fail(errNotLFU)
		return
	}
	c.Out.Int(int64(e.Freq()))
}

func cmdObjectIdleTime(c *Ctx) {
	e, ok := c.object()
	if !ok {
		return
	}
	if c.settings.Policy.LFU() {
		c.Fail(errIsLFU)
		return
	}
	c.Out.Int(e.IdleMs() / 1000)
}

// cmdObjectRefCount answers 1, except for the small integers that Redis shares
// between keys: those have the count it gives shared objects.
func cmdObjectRefCount(c *Ctx) {
	if e, ok := c.object(); ok {
		c.Out.Int(c.refCount(e))
	}
}

func (c *Ctx) refCount(e *keyspace.Entry) int64 {
	const sharedIntegers = 10000
	if e.Type() == datatypes.String && e.Encoding() == datatypes.Int &&
		e.Int() >= 0 && e.Int() < sharedIntegers && c.maxMemory == 0 {
		return math.MaxInt32
	}
	return 1
}
