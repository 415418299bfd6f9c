package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// A bitmap is a string, looked at bit by bit. The loops over its bytes are in
// bitops.go, BITFIELD is in bitfield.go.

var bitmapHandlers = handlers{
	"bitcount": cmdBitCount, "bitfield": cmdBitField, "bitfield_ro": cmdBitFieldRO,
	"bitop": cmdBitOp, "bitpos": cmdBitPos, "getbit": cmdGetBit, "setbit": cmdSetBit,
}

const (
	errBitOffset resp.Error = "ERR bit offset is not an integer or out of range"
	errBit       resp.Error = "ERR bit is not an integer or out of range"
	errBitArg    resp.Error = "ERR The bit argument must be 1 or 0."
	errBitNot    resp.Error = "ERR BITOP NOT must be called with a single source key."
)

// bitOffset reads argument i as the place of a bit in a string. With width given,
// a number after a # counts fields of so many bits.
func (c *Ctx) bitOffset(i int, width int64) (uint64, bool) {
	arg, unit := c.Args[i], int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, unit = arg[1:], width
	}
	n, ok := keyspace.ParseInt(arg)
	n *= unit // may wrap around, as it does in Redis
	if !ok || n < 0 || n>>3 >= c.maxBulk {
		c.Fail(errBitOffset)
		return 0, false
	}
	return uint64(n), true
}

// bitString finds the string at key for writing and makes it long enough for bit
// last: new bits are zero. longer reports that it was not. ok is false when the key
// holds something else.
func (c *Ctx) bitString(key []byte, last uint64) (e *keyspace.Entry, b []byte, longer, ok bool) {
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return e, nil, false, false
	}
	size := int(last>>3) + 1
	if found && e.Encoding() == datatypes.Raw {
		if b = e.View(); size <= len(b) {
			return e, b, false, true
		}
	}
	have := 0
	if found {
		have = len(c.stringOf(e))
	}
	b = c.growString(e, found, key, max(size-have, 0))
	size = max(size, have)
	clear(b[have:size])
	e.SetBytes(datatypes.Raw, b[:size])
	return e, b[:size], size > have, true
}

func cmdSetBit(c *Ctx) {
	off, ok := c.bitOffset(2, 0)
	if !ok {
		return
	}
	bit, ok := c.intBetween(3, 0, 1, errBit)
	if !ok {
		return
	}
	key := c.Args[1]
	_, b, longer, ok := c.bitString(key, off)
	if !ok {
		return
	}
	at, shift := off>>3, 7-off&7
	old := int64(b[at] >> shift & 1)
	if longer || old != bit {
		b[at] = b[at]&^(1<<shift) | byte(bit)<<shift
		c.modified(key, keyspace.EventString, "setbit")
	}
	c.Out.Int(old)
}

func cmdGetBit(c *Ctx) {
	off, ok := c.bitOffset(2, 0)
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	bit := int64(0)
	if found {
		if b := c.stringOf(e); off>>3 < uint64(len(b)) {
			bit = int64(b[off>>3] >> (7 - off&7) & 1)
		}
	}
	c.Out.Int(bit)
}

// bitRange is the part of a string that BITCOUNT and BITPOS look at, as given.
type bitRange struct {
	start, end int64
	hasEnd     bool
	bits       bool // they count bits, not bytes
}

// rangeUnit reads the BYTE or BIT in argument i.
func (c *Ctx) rangeUnit(i int) (bits, ok bool) {
	switch {
	case c.is(i, "BIT"):
		return true, true
	case c.is(i, "BYTE"):
		return false, true
	}
	c.Fail(errSyntax)
	return false, false
}

// of returns the first and last bit of the range in a string of n bytes. It is empty
// when first comes after last.
func (r bitRange) of(n int) (first, last int64) {
	size := int64(n)
	if r.bits {
		size <<= 3
	}
	first, last = r.start, r.end
	if !r.hasEnd {
		last = size - 1
	}
	if first < 0 {
		first = max(first+size, 0)
	}
	if last < 0 {
		last = max(last+size, 0)
	}
	last = min(last, size-1)
	if r.bits || first > last {
		return first, last
	}
	return first << 3, last<<3 + 7
}

func cmdBitCount(c *Ctx) {
	var r bitRange
	switch n := len(c.Args); {
	case n == 4 || n == 5:
		var ok bool
		if r.start, ok = c.int(2); !ok {
			return
		}
		if r.end, ok = c.int(3); !ok {
			return
		}
		r.hasEnd = true
		if n == 5 {
			if r.bits, ok = c.rangeUnit(4); !ok {
				return
			}
		}
	case n != 2:
		c.Fail(errSyntax)
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found || r.start < 0 && r.end < 0 && r.start > r.end {
		c.Out.Int(0)
		return
	}
	b := c.stringOf(e)
	first, last := r.of(len(b))
	c.Out.Int(onesIn(b, first, last))
}

func cmdBitPos(c *Ctx) {
	bit, ok := c.int(2)
	if !ok {
		return
	}
	if bit != 0 && bit != 1 {
		c.Fail(errBitArg)
		return
	}
	r, ok := c.bitPosRange()
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Int(-bit) // it is zeros without end
		return
	}
	b := c.stringOf(e)
	first, last := r.of(len(b))
	if first > last {
		c.Out.Int(-1)
		return
	}
	pos := firstBit(b, bit == 1, first, last)
	if pos < 0 && bit == 0 && !r.hasEnd {
		pos = last + 1 // without an end, zeros follow the string
	}
	c.Out.Int(pos)
}

// bitPosRange reads the range of BITPOS: nothing, a start, or start, end and unit.
func (c *Ctx) bitPosRange() (r bitRange, ok bool) {
	n := len(c.Args)
	if n == 3 {
		return r, true
	}
	if n > 6 {
		c.Fail(errSyntax)
		return r, false
	}
	if r.start, ok = c.int(3); !ok {
		return r, false
	}
	if n == 6 {
		if r.bits, ok = c.rangeUnit(5); !ok {
			return r, false
		}
	}
	if n >= 5 {
		if r.end, ok = c.int(4); !ok {
			return r, false
		}
		r.hasEnd = true
	}
	return r, true
}

// bitOperation reads the operation of BITOP and checks that it gets as many sources
// as it wants.
func (c *Ctx) bitOperation() (op bitOp, ok bool) {
	sources := len(c.Args) - 3
	switch {
	case c.is(1, "AND"):
		return bitAnd, true
	case c.is(1, "OR"):
		return bitOr, true
	case c.is(1, "XOR"):
		return bitXor, true
	case c.is(1, "NOT"):
		if sources != 1 {
			c.Fail(errBitNot)
			return 0, false
		}
		return bitNot, true
	case c.is(1, "ONE"):
		return bitOne, true
	case c.is(1, "DIFF"):
		op = bitDiff
	case c.is(1, "DIFF1"):
		op = bitDiff1
	case c.is(1, "ANDOR"):
		op = bitAndOr
	default:
		c.Fail(errSyntax)
		return 0, false
	}
	if sources < 2 {
		c.Fail(resp.Error("ERR BITOP " + upper(string(c.Args[1])) + " must be called with at least two source keys."))
		return 0, false
	}
	return op, true
}

func cmdBitOp(c *Ctx) {
	op, ok := c.bitOperation()
	if !ok {
		return
	}
	key, keys := c.Args[2], c.Args[3:]
	e, size := c.entry(), 0
	for _, k := range keys {
		if !c.lookupInto(e, k, keyspace.Read) {
			continue
		}
		if e.Type() != datatypes.String {
			c.Fail(ErrWrongType)
			return
		}
		size = max(size, len(c.stringOf(e)))
	}
	dst, found := c.lookup(key, keyspace.Write)
	if size == 0 {
		if found {
			c.db(key).Delete(dst, lazyfree.ServerDel)
			c.modified(key, keyspace.EventGeneric, "del")
		}
		c.Out.Int(0)
		return
	}
	had, b := c.bitOpTarget(dst, found, key, size)
	// Only now: the sources may be in the block that has just moved, but no more.
	var few [8][]byte
	srcs := few[:0]
	for _, k := range keys {
		srcs = append(srcs, c.bitSource(e, k, key, b[:had]))
	}
	combine(b[:size], op, srcs)
	dst.SetBytes(datatypes.Raw, b[:size])
	c.modified(key, keyspace.EventString, "set")
	c.Out.Int(int64(size))
}

// bitOpTarget makes key a string with room for size bytes, and no TTL. The bytes it
// had, if it was a string before, are still there: it may be a source as well.
func (c *Ctx) bitOpTarget(e *keyspace.Entry, found bool, key []byte, size int) (had int, b []byte) {
	db := c.db(key)
	switch {
	case !found:
		db.Create(e, key, datatypes.String, datatypes.Raw, nil, size)
		db.Event(keyspace.EventNew, "new", key)
	case e.Type() != datatypes.String:
		db.SetString(e, key, keyspace.String{Enc: datatypes.Raw}, 0)
	case e.Encoding() == datatypes.Int:
		e.SetBytes(datatypes.Raw, c.stringOf(e))
	}
	if _, has := e.ExpireAt(); has {
		db.SetExpire(e, 0)
	}
	had = len(e.View())
	return had, e.Grow(max(size-had, 0))[:max(size, had)]
}

// bitSource returns the bytes of a source of BITOP, old being those of the target.
func (c *Ctx) bitSource(e *keyspace.Entry, key, target, old []byte) []byte {
	switch {
	case string(key) == string(target):
		return old
	case !c.lookupInto(e, key, keyspace.Peek):
		return nil
	case e.Encoding() == datatypes.Int:
		return keyspace.AppendInt(nil, e.Int()) // there may be several
	}
	return e.View()
}
