package command

import (
	"math"
	"strconv"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/glob"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// KEYS, SCAN, and what SSCAN, HSCAN and ZSCAN have in common with it: cursors, options,
// and replies whose head is known last.

const errInvalidCursor resp.Error = "ERR invalid cursor"

func cmdKeys(c *Ctx) {
	pattern := c.Args[1]
	all := len(pattern) == 1 && pattern[0] == '*'
	n, e := 0, c.entry()
	mark := c.Out.ReserveArray(64)
	for _, s := range c.shards {
		s.DB(c.Client.DB).ForEach(e, func(e *keyspace.Entry) bool {
			if key := e.Key(); (all || glob.Match(pattern, key, false)) && !e.Due() {
				c.Out.BulkBytes(key)
				n++
			}
			return true
		})
	}
	c.Out.SetLen(mark, n)
}

func cmdScan(c *Ctx) {
	o, ok := c.parseScan(1)
	if !ok {
		return
	}
	at, cursor := c.scanShard(o.cursor)
	e, side := c.entry(), c.beginSide()
	n, seen := 0, int64(0)
	for range min(o.count, math.MaxInt64/10) * 10 {
		cursor = c.shards[at].DB(c.Client.DB).Scan(cursor, e, func(e *keyspace.Entry) {
			seen++
			key := e.Key()
			if !o.matches(key) || e.Due() || o.typeName != nil && !equalFold(o.typeName, upper(e.Type().String())) {
				return
			}
			side.BulkBytes(key)
			n++
		})
		if cursor == 0 {
			if at++; at == len(c.shards) {
				at = 0
				break
			}
		}
		if seen >= o.count {
			break
		}
	}
	c.scanReply(cursor*uint64(len(c.shards))+uint64(at), n)
}

// scanShard takes a cursor of SCAN apart: shards are scanned one after the other, and
// the cursor says which, and how far.
func (c *Ctx) scanShard(cursor uint64) (at int, inside uint64) {
	n := uint64(len(c.shards))
	return int(cursor % n), cursor / n
}

// scanOptions are MATCH, COUNT, TYPE and NOVALUES of the SCAN family.
type scanOptions struct {
	cursor   uint64
	count    int64
	pattern  []byte // nil matches everything
	typeName []byte // SCAN only
	noValues bool   // HSCAN only
}

// parseScan reads the cursor at argument i and the options behind it.
func (c *Ctx) parseScan(i int) (o scanOptions, ok bool) {
	o.count = 10
	if o.cursor, ok = c.cursor(i); !ok {
		return o, false
	}
	for i++; i < len(c.Args); i++ {
		next := i+1 < len(c.Args)
		switch {
		case next && c.is(i, "COUNT"):
			if o.count, ok = c.int(i + 1); !ok {
				return o, false
			}
			if o.count < 1 {
				c.Fail(errSyntax)
				return o, false
			}
			i++
		case next && c.is(i, "MATCH"):
			i++
			if o.pattern = c.Args[i]; len(o.pattern) == 1 && o.pattern[0] == '*' {
				o.pattern = nil
			}
		case next && c.cmd.Name == "scan" && c.is(i, "TYPE"):
			i++
			o.typeName = c.Args[i]
		case c.cmd.Name == "hscan" && c.is(i, "NOVALUES"):
			o.noValues = true
		default:
			c.Fail(errSyntax)
			return o, false
		}
	}
	return o, true
}

// cursor reads argument i as C's strtoul would: an unsigned number with nothing
// behind it.
func (c *Ctx) cursor(i int) (uint64, bool) {
	b := c.Args[i]
	if len(b) == 0 {
		return 0, true
	}
	n, neg := uint64(0), false
	if b[0] == '+' || b[0] == '-' {
		neg, b = b[0] == '-', b[1:]
	}
	ok := len(b) > 0
	for _, d := range b {
		d -= '0'
		if d > 9 || n > (math.MaxUint64-uint64(d))/10 {
			ok = false
			break
		}
		n = n*10 + uint64(d)
	}
	if !ok {
		c.Fail(errInvalidCursor)
		return 0, false
	}
	if neg {
		n = -n
	}
	return n, true
}

func (o *scanOptions) matches(b []byte) bool {
	return o.pattern == nil || glob.Match(o.pattern, b, false)
}

// enough reports whether a command of the SCAN family has done its part: at most
// ten steps for each element asked for, as in Redis.
func (o *scanOptions) enough(cursor uint64, seen, steps int64) bool {
	return cursor == 0 || seen >= o.count || steps/10 >= o.count
}

// matchesValue reports whether an element's text matches the pattern.
func (c *Ctx) matchesValue(o *scanOptions, v *listpack.Value) bool {
	if !v.IsInt {
		return o.matches(v.Str)
	}
	c.scratch = keyspace.AppendInt(c.scratch[:0], v.Int)
	return o.matches(c.scratch)
}

// beginScan reads the arguments of SSCAN, HSCAN or ZSCAN and finds its key. ok is
// false when the reply has been given. As in Redis, options are read only for a
// key that exists.
func (c *Ctx) beginScan(t datatypes.Type) (e *keyspace.Entry, o scanOptions, ok bool) {
	if _, ok = c.cursor(2); !ok {
		return nil, o, false
	}
	e, found, ok := c.lookupType(c.Args[1], t, keyspace.Read)
	if !ok {
		return nil, o, false
	}
	if found && t == datatypes.Hash {
		found = c.dropDueFields(e)
	}
	if !found {
		c.beginSide()
		c.scanReply(0, 0)
		return nil, o, false
	}
	o, ok = c.parseScan(2)
	return e, o, ok
}

// scanReply replies a cursor and the n elements in the side writer.
func (c *Ctx) scanReply(cursor uint64, n int) {
	c.scratch = strconv.AppendUint(c.scratch[:0], cursor, 10)
	c.Out.ArrayHeader(2)
	c.Out.BulkBytes(c.scratch)
	c.Out.ArrayHeader(n)
	c.endSide()
}
