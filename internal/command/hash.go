package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/longdouble"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Hashes. The TTLs of fields are in hashttl.go, with HEXPIRE and its kin; HGETEX and what
// else reads or writes and expires in one step in hashgetex.go.

var hashHandlers = handlers{
	"hdel": cmdHDel, "hexists": cmdHExists, "hget": cmdHGet, "hgetall": cmdHGetAll,
	"hincrby": cmdHIncrBy, "hincrbyfloat": cmdHIncrByFloat, "hkeys": cmdHKeys, "hlen": cmdHLen,
	"hmget": cmdHMGet, "hmset": cmdHMSet, "hrandfield": cmdHRandField, "hscan": cmdHScan,
	"hset": cmdHSet, "hsetnx": cmdHSetNX, "hstrlen": cmdHStrLen, "hvals": cmdHVals,
}

const (
	errHashNotInteger resp.Error = "ERR hash value is not an integer"
	errHashNotFloat   resp.Error = "ERR hash value is not a float"
	errOperandNaN     resp.Error = "ERR value is NaN or Infinity"
)

// dueFieldsPerCommand is how many fields whose time has passed a command
// removes from the hash it meets, so that none takes long. The rest is hidden
// until the next command or the active cycle comes by.
const dueFieldsPerCommand = 64

// lookupHash is lookupType for a hash. Fields whose time has passed are removed,
// and a hash that had no others is not found.
func (c *Ctx) lookupHash(key []byte, m keyspace.Mode) (e *keyspace.Entry, found, ok bool) {
	e, found, ok = c.lookupType(key, datatypes.Hash, m)
	if found && ok {
		found = c.dropDueFields(e)
	}
	return e, found, ok
}

// dropDueFields removes fields of the hash e whose time has passed, a bounded
// number of them, and reports whether the key is still there.
func (c *Ctx) dropDueFields(e *keyspace.Entry) (left bool) {
	if e.DB().FieldVolatile() == 0 {
		return true
	}
	_, left = e.DB().ExpireFields(e, dueFieldsPerCommand)
	return left
}

// settleFields notes whether the hash still has fields that expire. Commands
// that may have removed the last of them call it; those that cannot add one.
func settleFields(e *keyspace.Entry, h hash.Hash) {
	if db := e.DB(); db.FieldVolatile() > 0 {
		db.TrackFields(e, h.HasTTL())
	}
}

func cmdHGet(c *Ctx) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	c.replyField(hash.Open(e), c.Args[2])
}

// replyField replies the value of a field, or null.
func (c *Ctx) replyField(h hash.Hash, field []byte) {
	v, ok := h.Get(field, c.now())
	if !ok {
		c.Out.Null()
		return
	}
	bulkValue(c.Out, &v)
}

func cmdHMGet(c *Ctx) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		if found {
			c.replyField(hash.Open(e), field)
		} else {
			c.Out.Null()
		}
	}
}

func cmdHStrLen(c *Ctx) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	n := 0
	if found {
		n = hash.Open(e).StrLen(c.Args[2], c.now())
	}
	c.Out.Int(int64(n))
}

func cmdHExists(c *Ctx) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	if found && hash.Open(e).Exists(c.Args[2], c.now()) {
		c.Out.Int(1)
		return
	}
	c.Out.Int(0)
}

func cmdHLen(c *Ctx) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	n := 0
	if found {
		n = hash.Open(e).Live(c.now())
	}
	c.Out.Int(int64(n))
}

func cmdHSet(c *Ctx) {
	if n, ok := c.setFields(); ok {
		c.Out.Int(int64(n))
	}
}

func cmdHMSet(c *Ctx) {
	if _, ok := c.setFields(); ok {
		c.OK()
	}
}

// setFields does the work of HSET and returns how many fields are new; if it
// cannot, it replies why.
func (c *Ctx) setFields() (created int, ok bool) {
	if len(c.Args)%2 != 0 {
		c.Fail(arityError(c.cmd.Name))
		return 0, false
	}
	key, pairs := c.Args[1], c.Args[2:]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return 0, false
	}
	if !found {
		created = c.newHash(e, key, pairs)
		pairs = pairs[2*created:]
	}
	h, now := hash.Open(e), c.now()
	for i := 0; i+1 < len(pairs); i += 2 {
		if h.Set(pairs[i], pairs[i+1], &c.limits.hash, now) {
			created++
		}
	}
	settleFields(e, h)
	c.modified(key, keyspace.EventHash, "hset")
	return created, true
}

// newHashDraft is about how large the listpack of a new hash becomes before it
// goes to the keyspace: smaller ones have one block of the right size from the
// start.
const newHashDraft = 4096

// newHash makes key a hash of the first of pairs and as many after it as a
// listpack may hold, up to one whose field was there before. It returns how many
// pairs it took: the fields made.
func (c *Ctx) newHash(e *keyspace.Entry, key []byte, pairs [][]byte) (n int) {
	db, lim := c.db(key), &c.limits.hash
	lp := listpack.AppendEmpty(c.draft[:0])
	for ; 2*n < len(pairs) && n < lim.ListPackEntries && len(lp) < newHashDraft; n++ {
		field, value := pairs[2*n], pairs[2*n+1]
		if len(field) > lim.ListPackValue || len(value) > lim.ListPackValue {
			break
		}
		if n > 0 && listpack.Find(lp, listpack.First(lp), field, 1) >= 0 {
			break
		}
		lp = listpack.Append(listpack.Append(lp, field), value)
	}
	c.draft = lp
	db.Create(e, key, datatypes.Hash, datatypes.ListPack, lp, 0)
	db.Event(keyspace.EventNew, "new", key)
	return n
}

func cmdHSetNX(c *Ctx) {
	key, field := c.Args[1], c.Args[2]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	if found && hash.Open(e).Exists(field, c.now()) {
		c.Out.Int(0)
		return
	}
	c.storeField(e, found, key, field, c.Args[3], "hset")
	c.Out.Int(1)
}

// storeField gives a field of the hash at key, which is made when none was
// found, a value other than by replacing it: its TTL stays.
func (c *Ctx) storeField(e *keyspace.Entry, found bool, key, field, value []byte, event string) {
	if found || c.newHash(e, key, [][]byte{field, value}) == 0 {
		h := hash.Open(e)
		h.SetKeepTTL(field, value, &c.limits.hash, c.now())
		settleFields(e, h)
	}
	c.modified(key, keyspace.EventHash, event)
}

func cmdHIncrBy(c *Ctx) {
	by, ok := c.int(3)
	if !ok {
		return
	}
	key, field := c.Args[1], c.Args[2]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	n := int64(0)
	if found {
		if v, has := hash.Open(e).Get(field, c.now()); v.IsInt {
			n = v.Int
		} else if has {
			if n, ok = keyspace.ParseInt(v.Str); !ok {
				c.Fail(errHashNotInteger)
				return
			}
		}
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		c.Fail(errOverflow)
		return
	}
	n += by
	c.scratch = keyspace.AppendInt(c.scratch[:0], n)
	c.storeField(e, found, key, field, c.scratch, "hincrby")
	c.Out.Int(n)
}

func cmdHIncrByFloat(c *Ctx) {
	key, field, by := c.Args[1], c.Args[2], c.Args[3]
	if _, err := longdouble.Add(nil, by); err != nil {
		c.failOperand(err)
		return
	}
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	var cur []byte
	if found {
		if v, has := hash.Open(e).Get(field, c.now()); has {
			c.scratch = v.Append(c.scratch[:0])
			cur = c.scratch
		}
	}
	sum, err := longdouble.Add(cur, by)
	switch err {
	case nil:
	case longdouble.ErrNaN:
		c.Fail(errNaN)
		return
	default:
		c.Fail(errHashNotFloat)
		return
	}
	c.storeField(e, found, key, field, sum, "hincrbyfloat")
	c.Out.BulkBytes(sum)
}

// failOperand replies what is wrong with an increment by itself.
func (c *Ctx) failOperand(err error) {
	if err == longdouble.ErrNaN {
		c.Fail(errOperandNaN)
		return
	}
	c.Fail(errNotFloat)
}

func cmdHDel(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	n := 0
	if found {
		n = c.deleteFields(e, key, c.Args[2:])
	}
	c.Out.Int(int64(n))
}

func (c *Ctx) deleteFields(e *keyspace.Entry, key []byte, fields [][]byte) (n int) {
	h, now := hash.Open(e), c.now()
	for _, field := range fields {
		if h.Delete(field, now) {
			n++
		}
		if h.Len() == 0 {
			break
		}
	}
	settleFields(e, h)
	if n > 0 {
		c.modified(key, keyspace.EventHash, "hdel")
	}
	if h.Len() == 0 {
		c.deleted(e, key)
	}
	return n
}

// hashPart says which halves of the pairs a reply holds.
type hashPart uint8

const (
	hashFields hashPart = 1 << iota
	hashValues
)

func cmdHGetAll(c *Ctx) { c.replyHash(hashFields | hashValues) }
func cmdHKeys(c *Ctx)   { c.replyHash(hashFields) }
func cmdHVals(c *Ctx)   { c.replyHash(hashValues) }

func (c *Ctx) replyHash(part hashPart) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	out, n, now := c.Out, 0, c.now()
	if found {
		n = hash.Open(e).Live(now)
	}
	if part == hashFields|hashValues {
		out.MapHeader(n)
	} else {
		out.ArrayHeader(n)
	}
	if n == 0 {
		return
	}
	hash.Open(e).ForEach(now, func(field, value listpack.Value, _ int64) bool {
		if part&hashFields != 0 {
			bulkValue(out, &field)
		}
		if part&hashValues != 0 {
			bulkValue(out, &value)
		}
		return true
	})
}

func cmdHRandField(c *Ctx) {
	if len(c.Args) > 2 {
		c.randomFields()
		return
	}
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	if found {
		if field, _, ok := hash.Open(e).Random(e.DB().Shard().Rand(), c.now()); ok {
			bulkValue(c.Out, &field)
			return
		}
	}
	c.Out.Null()
}

// randomFields is HRANDFIELD with a count: positive for so many different
// fields, negative for exactly so many drawn with repetition.
func (c *Ctx) randomFields() {
	count, withValues, ok := c.randomArgs("WITHVALUES")
	if !ok {
		return
	}
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	n, now := int64(0), c.now()
	if found {
		n = int64(hash.Open(e).Live(now))
	}
	repeat := count < 0
	switch {
	case n == 0:
	case repeat:
		n = -count
	default:
		n = min(n, count)
	}
	out := c.Out
	start, nested := out.Len(), withValues && out.Proto == 3
	if withValues && !nested {
		out.ArrayHeader(int(2 * n))
	} else {
		out.ArrayHeader(int(n))
	}
	if n == 0 {
		return
	}
	h, rnd := hash.Open(e), e.DB().Shard().Rand()
	each := func(field, value listpack.Value) {
		if nested {
			out.ArrayHeader(2)
		}
		bulkValue(out, &field)
		if withValues {
			bulkValue(out, &value)
		}
	}
	if repeat {
		c.repeated(n, start, func(n int) { h.RandomN(rnd, n, true, now, each) })
		return
	}
	h.RandomN(rnd, int(n), false, now, each)
}

func cmdHScan(c *Ctx) {
	e, o, ok := c.beginScan(datatypes.Hash)
	if !ok {
		return
	}
	cursor, side, n := o.cursor, c.beginSide(), 0
	h, now, seen := hash.Open(e), c.now(), int64(0)
	for steps := int64(1); ; steps++ {
		cursor = h.Scan(cursor, now, func(field, value listpack.Value, _ int64) {
			seen++
			if o.pattern != nil && !c.matchesValue(&o, &field) {
				return
			}
			bulkValue(side, &field)
			if n++; !o.noValues {
				bulkValue(side, &value)
				n++
			}
		})
		if o.enough(cursor, seen, steps) {
			break
		}
	}
	c.scanReply(cursor, n)
}
