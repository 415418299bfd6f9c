package command

import (
	"encoding/binary"
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hyperloglog"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// A HyperLogLog is a string like any other: GET shows its bytes, SET brings it back.
// PFCOUNT of one key notes the count in the string and so writes to it, although
// Redis lists it among the commands that only read.

var hyperLogLogHandlers = handlers{
	"pfadd": cmdPFAdd, "pfcount": cmdPFCount, "pfdebug": cmdPFDebug, "pfmerge": cmdPFMerge,
	"pfselftest": cmdPFSelfTest,
}

const (
	errNotHLL         resp.Error = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errCorruptHLL     resp.Error = "INVALIDOBJ Corrupted HLL object detected"
	errHLLNoKey       resp.Error = "ERR The specified key does not exist"
	errHLLDense       resp.Error = "ERR HLL encoding is not sparse"
	errHLLSelfTestSet resp.Error = "ERR TESTFAILED Register is not what was stored in it"
	errHLLSelfTestErr resp.Error = "ERR TESTFAILED Too big error"
)

// lookupHLL is lookupType for a HyperLogLog, into a handle of the caller's.
func (c *Ctx) lookupHLL(e *keyspace.Entry, key []byte, m keyspace.Mode) (found, ok bool) {
	if !c.lookupInto(e, key, m) {
		return false, true
	}
	switch {
	case e.Type() != datatypes.String:
		c.Fail(ErrWrongType)
	case e.Encoding() == datatypes.Int || !hyperloglog.Check(e.View()):
		c.Fail(errNotHLL)
	default:
		return true, true
	}
	return true, false
}

// newHLL makes key an empty HyperLogLog with room to grow.
func (c *Ctx) newHLL(e *keyspace.Entry, key []byte, room int) {
	c.scratch = hyperloglog.Append(c.scratch[:0])
	c.db(key).Create(e, key, datatypes.String, datatypes.Raw, c.scratch, room)
	c.db(key).Event(keyspace.EventNew, "new", key)
}

func cmdPFAdd(c *Ctx) {
	key, elems := c.Args[1], c.Args[2:]
	e, sparseMax := c.entry(), c.config.HLLSparseMaxBytes
	found, ok := c.lookupHLL(e, key, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.newHLL(e, key, min(len(elems)*hyperloglog.GrowAdd, 256))
	}
	changed := !found
	b := e.Bytes()
	for _, elem := range elems {
		if cap(b)-len(b) < hyperloglog.GrowAdd && !hyperloglog.Dense(b) {
			e.SetBytes(datatypes.Raw, b)
			b = e.Grow(hyperloglog.GrowAdd)
		}
		var higher bool
		var err error
		if b, higher, err = hyperloglog.Add(b, elem, sparseMax); err != nil {
			e.SetBytes(datatypes.Raw, b)
			c.Fail(errCorruptHLL)
			return
		}
		changed = changed || higher
	}
	if changed {
		hyperloglog.Invalidate(b)
	}
	e.SetBytes(datatypes.Raw, b)
	if !changed {
		c.Out.Int(0)
		return
	}
	c.modified(key, keyspace.EventString, "pfadd")
	c.Out.Int(1)
}

func cmdPFCount(c *Ctx) {
	if len(c.Args) > 2 {
		c.countUnion()
		return
	}
	key, e := c.Args[1], c.entry()
	found, ok := c.lookupHLL(e, key, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Int(0)
		return
	}
	b := e.Bytes()
	if e.Encoding() != datatypes.Raw {
		e.SetBytes(datatypes.Raw, b)
	}
	n, known := hyperloglog.Cached(b)
	if !known {
		var err error
		if n, err = hyperloglog.Count(b); err != nil {
			c.Fail(errCorruptHLL)
			return
		}
		hyperloglog.SetCached(b, n)
		c.db(key).Modified(key)
	}
	c.Out.Int(int64(n))
}

// countUnion is PFCOUNT of several keys: the count of what any of them has seen.
func (c *Ctx) countUnion() {
	var all hyperloglog.Registers
	e := c.entry()
	for _, key := range c.Args[1:] {
		if _, ok := c.mergeHLL(&all, e, key); !ok {
			return
		}
	}
	c.Out.Int(int64(all.Count()))
}

// mergeHLL merges the HyperLogLog at key, if there is one, into all.
func (c *Ctx) mergeHLL(all *hyperloglog.Registers, e *keyspace.Entry, key []byte) (dense, ok bool) {
	found, ok := c.lookupHLL(e, key, keyspace.Read)
	if !found || !ok {
		return false, ok
	}
	b := e.View()
	if all.Merge(b) != nil {
		c.Fail(errCorruptHLL)
		return false, false
	}
	return hyperloglog.Dense(b), true
}

func cmdPFMerge(c *Ctx) {
	var all hyperloglog.Registers
	e, dense := c.entry(), false
	for _, key := range c.Args[1:] {
		d, ok := c.mergeHLL(&all, e, key)
		if !ok {
			return
		}
		dense = dense || d
	}
	key := c.Args[1]
	if !c.lookupInto(e, key, keyspace.Write) {
		c.newHLL(e, key, 0)
	}
	b := e.Bytes()
	var err error
	if dense {
		b, err = hyperloglog.ToDense(b)
	} else {
		c.scratch = append(c.scratch[:0], b...) // it grows while it stays sparse
		b = c.scratch
	}
	if err == nil {
		b, err = all.Store(b, c.config.HLLSparseMaxBytes)
	}
	if err != nil {
		c.Fail(errCorruptHLL) // not after the merge above, which read the same bytes
		return
	}
	hyperloglog.Invalidate(b)
	e.SetBytes(datatypes.Raw, b)
	c.modified(key, keyspace.EventString, "pfadd")
	c.OK()
}

func cmdPFDebug(c *Ctx) {
	key, e := c.Args[2], c.entry()
	found, ok := c.lookupHLL(e, key, keyspace.Write)
	switch {
	case !ok:
		return
	case !found:
		c.Fail(errHLLNoKey)
		return
	}
	if e.Encoding() != datatypes.Raw {
		e.SetBytes(datatypes.Raw, e.Bytes())
	}
	switch {
	case c.is(1, "GETREG"):
		if _, ok := c.makeDense(e); ok {
			c.replyRegisters(e.View())
		}
	case c.is(1, "DECODE"):
		c.decodeHLL(e.View())
	case c.is(1, "ENCODING"):
		if hyperloglog.Dense(e.View()) {
			c.Out.SimpleString("dense")
		} else {
			c.Out.SimpleString("sparse")
		}
	case c.is(1, "TODENSE"):
		if was, ok := c.makeDense(e); ok && was {
			c.Out.Int(0)
		} else if ok {
			c.Out.Int(1)
		}
	default:
		c.Fail(resp.Error("ERR Unknown PFDEBUG subcommand '" + asText(c.Args[1]) + "'"))
	}
}

// makeDense turns a HyperLogLog dense, and reports whether it was. That counts as a
// change, but nobody is told.
func (c *Ctx) makeDense(e *keyspace.Entry) (was, ok bool) {
	b := e.View()
	if hyperloglog.Dense(b) {
		return true, true
	}
	d, err := hyperloglog.ToDense(b)
	if err != nil {
		c.Fail(errCorruptHLL)
		return false, false
	}
	e.SetBytes(datatypes.Raw, d)
	e.DB().Shard().Stats.Dirty++
	return false, true
}

func (c *Ctx) replyRegisters(b []byte) {
	c.Out.ArrayHeader(hyperloglog.Size)
	for i := range hyperloglog.Size {
		c.Out.Int(int64(hyperloglog.Get(b, i)))
	}
}

func (c *Ctx) decodeHLL(b []byte) {
	if hyperloglog.Dense(b) {
		c.Fail(errHLLDense)
		return
	}
	words, err := hyperloglog.Decode(c.scratch[:0], b)
	c.scratch = words
	if err != nil {
		c.Fail(errCorruptHLL)
		return
	}
	c.Out.BulkBytes(words)
}

// cmdPFSelfTest checks the two encodings against each other, and the estimate
// against the truth, on the way to a hundred thousand elements.
func cmdPFSelfTest(c *Ctx) {
	dense, err := hyperloglog.ToDense(hyperloglog.Append(nil))
	sparse := hyperloglog.Append(nil)
	var elem [8]byte
	for n := 1; n <= 100_000 && err == nil; n++ {
		binary.LittleEndian.PutUint64(elem[:], uint64(n)*0x9e3779b97f4a7c15)
		dense, _, _ = hyperloglog.Add(dense, elem[:], 0)
		sparse, _, err = hyperloglog.Add(sparse, elem[:], 3000)
		if n&(n-1) != 0 {
			continue
		}
		got, _ := hyperloglog.Count(dense)
		other, _ := hyperloglog.Count(sparse)
		if got != other {
			c.Fail(errHLLSelfTestSet)
			return
		}
		if off := math.Abs(float64(got) - float64(n)); off > max(1, 4*1.04/128*float64(n)) {
			c.Fail(errHLLSelfTestErr)
			return
		}
	}
	if err != nil {
		c.Fail(errHLLSelfTestSet)
		return
	}
	c.OK()
}
