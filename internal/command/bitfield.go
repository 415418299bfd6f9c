package command

import (
	"bytes"
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// BITFIELD: integers of any width at any place in a string, read, set and incremented,
// several in one command. Nothing is written before all operations have been read.

const (
	errBitFieldType resp.Error = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
	errBitOverflow  resp.Error = "ERR Invalid OVERFLOW type specified"
	errBitFieldRO   resp.Error = "ERR BITFIELD_RO only supports the GET subcommand"
)

// overflow says what becomes of a number that its field has no room for.
type overflow uint8

const (
	overflowWrap overflow = iota
	overflowSat
	overflowFail
)

// A fieldOp is one operation of BITFIELD.
type fieldOp struct {
	kind     fieldKind
	overflow overflow
	signed   bool
	bits     int
	off      uint64
	value    int64 // of SET and INCRBY
}

type fieldKind uint8

const (
	fieldGet fieldKind = iota
	fieldSet
	fieldIncr
)

func cmdBitField(c *Ctx)   { c.bitField(false) }
func cmdBitFieldRO(c *Ctx) { c.bitField(true) }

func (c *Ctx) bitField(readOnly bool) {
	var few [8]fieldOp
	ops, ok := c.fieldOps(few[:0])
	if !ok {
		return
	}
	writes, last := false, uint64(0)
	for i := range ops {
		if op := &ops[i]; op.kind != fieldGet {
			writes = true
			last = max(last, op.off+uint64(op.bits)-1)
		}
	}
	switch {
	case !writes:
		c.readFields(ops)
	case readOnly:
		c.Fail(errBitFieldRO)
	default:
		c.changeFields(ops, last)
	}
}

// fieldOps reads the operations and appends them to ops.
func (c *Ctx) fieldOps(ops []fieldOp) (list []fieldOp, ok bool) {
	how := overflowWrap
	for i := 2; i < len(c.Args); {
		left := len(c.Args) - i - 1
		op := fieldOp{overflow: how}
		switch {
		case c.is(i, "GET") && left >= 2:
			op.kind = fieldGet
		case c.is(i, "SET") && left >= 3:
			op.kind = fieldSet
		case c.is(i, "INCRBY") && left >= 3:
			op.kind = fieldIncr
		case c.is(i, "OVERFLOW") && left >= 1:
			if how, ok = c.overflow(i + 1); !ok {
				return nil, false
			}
			i += 2
			continue
		default:
			c.Fail(errSyntax)
			return nil, false
		}
		if op.signed, op.bits, ok = c.fieldType(i + 1); !ok {
			return nil, false
		}
		if op.off, ok = c.bitOffset(i+2, int64(op.bits)); !ok {
			return nil, false
		}
		i += 3
		if op.kind != fieldGet {
			if op.value, ok = c.int(i); !ok {
				return nil, false
			}
			i++
		}
		ops = append(ops, op)
	}
	return ops, true
}

func (c *Ctx) overflow(i int) (overflow, bool) {
	switch {
	case c.is(i, "WRAP"):
		return overflowWrap, true
	case c.is(i, "SAT"):
		return overflowSat, true
	case c.is(i, "FAIL"):
		return overflowFail, true
	}
	c.Fail(errBitOverflow)
	return 0, false
}

// fieldType reads argument i as i1 to i64 or u1 to u63.
func (c *Ctx) fieldType(i int) (signed bool, bits int, ok bool) {
	arg, _, _ := bytes.Cut(c.Args[i], []byte{0}) // C takes a zero byte for its end
	if len(arg) > 1 && (arg[0] == 'i' || arg[0] == 'u') {
		signed = arg[0] == 'i'
		n, isInt := keyspace.ParseInt(arg[1:])
		if isInt && n >= 1 && (n <= 63 || signed && n == 64) {
			return signed, int(n), true
		}
	}
	c.Fail(errBitFieldType)
	return false, 0, false
}

func (c *Ctx) readFields(ops []fieldOp) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	var b []byte
	if found {
		b = c.stringOf(e)
	}
	c.Out.ArrayHeader(len(ops))
	for i := range ops {
		c.Out.Int(ops[i].get(b))
	}
}

func (c *Ctx) changeFields(ops []fieldOp, last uint64) {
	key := c.Args[1]
	_, b, longer, ok := c.bitString(key, last)
	if !ok {
		return
	}
	changed := false
	c.Out.ArrayHeader(len(ops))
	for i := range ops {
		op := &ops[i]
		old := op.get(b)
		if op.kind == fieldGet {
			c.Out.Int(old)
			continue
		}
		v, fits := op.next(old)
		if !fits {
			c.Out.Null()
			continue
		}
		setBitField(b, op.off, op.bits, uint64(v))
		changed = changed || longer || v != old
		if op.kind == fieldSet {
			v = old
		}
		c.Out.Int(v)
	}
	if changed {
		c.modified(key, keyspace.EventString, "setbit")
	}
}

// get reads the field.
func (op *fieldOp) get(b []byte) int64 {
	v := bitField(b, op.off, op.bits)
	if op.signed {
		return int64(v) << (64 - op.bits) >> (64 - op.bits)
	}
	return int64(v)
}

// next returns what SET or INCRBY make of a field that holds old. fits is false when
// that is nothing, for it would overflow.
func (op *fieldOp) next(old int64) (v int64, fits bool) {
	a, by := old, op.value
	if op.kind == fieldSet {
		a, by = op.value, 0
	}
	lo, hi := int64(0), int64(1)<<op.bits-1
	if op.signed {
		lo, hi = math.MinInt64>>(64-op.bits), math.MaxInt64>>(64-op.bits)
	}
	over := a > hi || by > 0 && a > hi-by
	under := !over && (a < lo || by < 0 && (a < lo-by || lo-by < lo)) // lo-by may overflow
	if !op.signed && op.kind == fieldSet && a < 0 {
		over, under = true, false // it is read as an unsigned number: a large one
	}
	switch {
	case !over && !under:
		return a + by, true
	case op.overflow == overflowFail:
		return 0, false
	case op.overflow == overflowWrap:
		wrapped := fieldOp{signed: op.signed, bits: op.bits}
		var b [8]byte
		setBitField(b[:], 0, op.bits, uint64(a+by))
		return wrapped.get(b[:]), true
	case over:
		return hi, true
	}
	return lo, true
}
