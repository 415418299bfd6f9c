package command

import (
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// HGETDEL, HGETEX and HSETEX, which Redis 8.0 brought: they read or write fields of a
// hash, and in the same step delete them or say how long they live. A time that has
// passed deletes them too.

var hashGetExHandlers = handlers{"hgetdel": cmdHGetDel, "hgetex": cmdHGetEx, "hsetex": cmdHSetEx}

const (
	errHGetExTimes   resp.Error = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"
	errHSetExTimes   resp.Error = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
	errHSetExFields  resp.Error = "ERR Only one of FXX or FNX arguments can be specified"
	errBadFieldCount resp.Error = "ERR invalid number of fields"
	errUnknownArg    resp.Error = "ERR unknown argument"
)

func cmdHGetDel(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	fields, ok := c.fieldArgs(2, errNumFieldsRead)
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(fields))
	if !found {
		c.nulls(len(fields))
		return
	}
	h, now, gone := hash.Open(e), c.now(), false
	for i, field := range fields {
		if h.Len() == 0 {
			c.nulls(len(fields) - i)
			break
		}
		c.replyField(h, field)
		gone = h.Delete(field, now) || gone
	}
	c.fieldsGone(e, h, key, gone)
}

func (c *Ctx) nulls(n int) {
	for range n {
		c.Out.Null()
	}
}

// fieldsGone tells that fields of the hash at key were deleted, if any was, and
// deletes the key when none is left.
func (c *Ctx) fieldsGone(e *keyspace.Entry, h hash.Hash, key []byte, any bool) {
	settleFields(e, h)
	if any {
		c.modified(key, keyspace.EventHash, "hdel")
	}
	if h.Len() == 0 {
		c.deleted(e, key)
	}
}

// hashExOptions are what HGETEX and HSETEX are asked for.
type hashExOptions struct {
	fnx, fxx  bool     // HSETEX
	keep      bool     // KEEPTTL of HSETEX, PERSIST of HGETEX
	expiryArg int      // the argument that says when the fields expire, 0 if none does
	at        int64    // that time, in Unix milliseconds
	fields    [][]byte // HSETEX: field, value, …
}

// hashExOptions reads them, in any order. step is how many arguments a field has,
// keep the word for that option.
func (c *Ctx) hashExOptions(step int, keep string, twoTimes resp.Error) (o hashExOptions, ok bool) {
	for i := 2; i < len(c.Args); i++ {
		unit, isTime := c.expiryWord(i)
		switch {
		case isTime && i+1 < len(c.Args):
			if o.expiryArg != 0 || o.keep {
				c.Fail(twoTimes)
				return o, false
			}
			i++
			o.expiryArg = i
			if o.at, ok = c.fieldDeadline(i, unit); !ok {
				return o, false
			}
		case c.is(i, keep):
			if o.expiryArg != 0 || o.keep {
				c.Fail(twoTimes)
				return o, false
			}
			o.keep = true
		case step == 2 && (c.is(i, "FNX") || c.is(i, "FXX")):
			if o.fnx || o.fxx {
				c.Fail(errHSetExFields)
				return o, false
			}
			o.fnx = c.is(i, "FNX")
			o.fxx = !o.fnx
		case c.is(i, "FIELDS") && o.fields == nil && i+1 < len(c.Args):
			n, isInt := keyspace.ParseInt(c.Args[i+1])
			if !isInt || n < 1 {
				c.Fail(errBadFieldCount)
				return o, false
			}
			i += 2
			if n > int64(len(c.Args)-i)/int64(step) {
				c.Fail(errFieldsMismatch)
				return o, false
			}
			o.fields = c.Args[i : i+int(n)*step]
			i += len(o.fields) - 1
		default:
			c.Fail(errUnknownArg)
			return o, false
		}
	}
	if o.fields == nil {
		c.Fail(errNoFields)
		return o, false
	}
	return o, true
}

func cmdHGetEx(c *Ctx) {
	o, ok := c.hashExOptions(1, "PERSIST", errHGetExTimes)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(o.fields))
	if !found {
		c.nulls(len(o.fields))
		return
	}
	h, now := hash.Open(e), c.now()
	persisted, set, gone := false, false, false
	for i, field := range o.fields {
		if h.Len() == 0 {
			c.nulls(len(o.fields) - i)
			break
		}
		c.replyField(h, field)
		switch {
		case o.keep:
			persisted = h.Persist(field, now) == hash.Done || persisted
		case o.expiryArg != 0:
			answer := h.Expire(field, o.at, hash.Always, now)
			set = set || answer == hash.Done
			gone = gone || answer == hash.DeletedAtOnce
		}
	}
	switch {
	case persisted:
		settleFields(e, h)
		c.modified(key, keyspace.EventHash, "hpersist")
	case set:
		e.DB().TrackFields(e, true)
		c.modified(key, keyspace.EventHash, "hexpire")
	case gone:
		c.fieldsGone(e, h, key, true)
	}
}

func cmdHSetEx(c *Ctx) {
	o, ok := c.hashExOptions(2, "KEEPTTL", errHSetExTimes)
	if !ok {
		return
	}
	key, now := c.Args[1], c.now()
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	if !c.fieldsAllow(e, found, &o) {
		c.Out.Int(0)
		return
	}
	c.Out.Int(1)
	if o.expiryArg != 0 && o.at <= now {
		if found {
			c.dropFields(e, key, o.fields)
		}
		return
	}
	pairs := o.fields
	if !found {
		pairs = pairs[2*c.newHash(e, key, pairs):]
	}
	h := hash.Open(e)
	for i := 0; i < len(pairs); i += 2 {
		if o.keep {
			h.SetKeepTTL(pairs[i], pairs[i+1], &c.limits.hash, now)
		} else {
			h.Set(pairs[i], pairs[i+1], &c.limits.hash, now)
		}
	}
	if o.expiryArg == 0 {
		settleFields(e, h)
		c.modified(key, keyspace.EventHash, "hset")
		return
	}
	for i := 0; i < len(o.fields); i += 2 {
		h.Expire(o.fields[i], o.at, hash.Always, now)
	}
	e.DB().TrackFields(e, true)
	c.modified(key, keyspace.EventHash, "hset")
	e.DB().Event(keyspace.EventHash, "hexpire", key)
}

// fieldsAllow reports whether FNX or FXX let HSETEX go on: none of the fields, or all
// of them, are there.
func (c *Ctx) fieldsAllow(e *keyspace.Entry, found bool, o *hashExOptions) bool {
	if !o.fnx && !o.fxx {
		return true
	}
	if !found {
		return o.fnx
	}
	h, now := hash.Open(e), c.now()
	for i := 0; i < len(o.fields); i += 2 {
		if h.Exists(o.fields[i], now) != o.fxx {
			return false
		}
	}
	return true
}

// dropFields is HSETEX with a time that has passed: the fields go at once.
func (c *Ctx) dropFields(e *keyspace.Entry, key []byte, pairs [][]byte) {
	h, now, gone := hash.Open(e), c.now(), false
	for i := 0; i < len(pairs) && h.Len() > 0; i += 2 {
		gone = h.Delete(pairs[i], now) || gone
	}
	c.fieldsGone(e, h, key, gone)
}
