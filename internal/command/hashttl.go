package command

import (
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// The commands about the TTLs of hash fields. Each ends in
//
//	FIELDS numfields field [field …]
//
// and replies an array with a number for each field. The type of the key is
// looked at before the other arguments, as Redis does here.

var hashTTLHandlers = handlers{
	"hexpire": cmdHExpire, "hexpireat": cmdHExpireAt, "hexpiretime": cmdHExpireTime,
	"hpersist": cmdHPersist, "hpexpire": cmdHPExpire, "hpexpireat": cmdHPExpireAt,
	"hpexpiretime": cmdHPExpireTime, "hpttl": cmdHPTTL, "httl": cmdHTTL,
}

const (
	errNumFields      resp.Error = "ERR Parameter `numFields` should be greater than 0" // of those that write
	errNegativeExpiry resp.Error = "ERR invalid expire time, must be >= 0"
)

// maxFieldExpiry is the latest time a field may expire, in Unix milliseconds:
// Redis has 46 bits for it, which last until the year 4199.
const maxFieldExpiry = 1<<46 - 1

func cmdHExpire(c *Ctx)    { c.expireFields(expiryUnit{seconds: true}) }
func cmdHPExpire(c *Ctx)   { c.expireFields(expiryUnit{}) }
func cmdHExpireAt(c *Ctx)  { c.expireFields(expiryUnit{seconds: true, absolute: true}) }
func cmdHPExpireAt(c *Ctx) { c.expireFields(expiryUnit{absolute: true}) }

func (c *Ctx) expireFields(u expiryUnit) {
	key := c.Args[1]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	at, ok := c.fieldDeadline(2, u)
	if !ok {
		return
	}
	i := 3
	cond := c.fieldCondition(i)
	if cond != hash.Always {
		i++
	}
	fields, ok := c.fieldArgs(i, errNumFields)
	if !ok {
		return
	}
	if !found {
		c.noSuchFields(len(fields))
		return
	}
	h, now := hash.Open(e), c.now()
	set, gone := false, false
	c.Out.ArrayHeader(len(fields))
	for _, field := range fields {
		answer := h.Expire(field, at, cond, now)
		set = set || answer == hash.Done
		gone = gone || answer == hash.DeletedAtOnce
		c.Out.Int(int64(answer))
	}
	switch {
	case set:
		e.DB().TrackFields(e, true)
		c.modified(key, keyspace.EventHash, "hexpire")
	case gone:
		settleFields(e, h)
		c.modified(key, keyspace.EventHash, "hdel")
		if h.Len() == 0 {
			c.deleted(e, key)
		}
	}
}

// fieldCondition reads argument i as NX, XX, GT or LT; anything else is no
// condition.
func (c *Ctx) fieldCondition(i int) hash.Condition {
	switch {
	case c.is(i, "NX"):
		return hash.NX
	case c.is(i, "XX"):
		return hash.XX
	case c.is(i, "GT"):
		return hash.GT
	case c.is(i, "LT"):
		return hash.LT
	}
	return hash.Always
}

// fieldDeadline reads argument i as the time a field expires, in Unix
// milliseconds. It may be past.
func (c *Ctx) fieldDeadline(i int, u expiryUnit) (int64, bool) {
	n, ok := c.int(i)
	if !ok {
		return 0, false
	}
	if n < 0 {
		c.Fail(errNegativeExpiry)
		return 0, false
	}
	unit, base := int64(1), int64(0)
	if u.seconds {
		unit = 1000
	}
	if !u.absolute {
		base = c.now()
	}
	if n > maxFieldExpiry/unit || n*unit > maxFieldExpiry-base {
		c.Fail(invalidExpire(c.cmd.Name))
		return 0, false
	}
	return n*unit + base, true
}

// fieldArgs reads FIELDS, the number of fields and the fields themselves from
// argument i on. badCount is the reply to a number that is not positive.
func (c *Ctx) fieldArgs(i int, badCount resp.Error) (fields [][]byte, ok bool) {
	if !c.is(i, "FIELDS") {
		c.Fail(errNoFields)
		return nil, false
	}
	n, isInt := keyspace.ParseInt(c.Args[i+1])
	if !isInt || n < 1 {
		c.Fail(badCount)
		return nil, false
	}
	fields = c.Args[i+2:]
	if n != int64(len(fields)) {
		c.Fail(errFieldsMismatch)
		return nil, false
	}
	return fields, true
}

// noSuchFields replies that none of n fields exists, because the key does not.
func (c *Ctx) noSuchFields(n int) {
	c.Out.ArrayHeader(n)
	for range n {
		c.Out.Int(hash.NoField)
	}
}

func cmdHPersist(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupHash(key, keyspace.Write)
	if !ok {
		return
	}
	fields, ok := c.fieldArgs(2, errNumFieldsRead)
	if !ok {
		return
	}
	if !found {
		c.noSuchFields(len(fields))
		return
	}
	h, now, changed := hash.Open(e), c.now(), false
	c.Out.ArrayHeader(len(fields))
	for _, field := range fields {
		answer := h.Persist(field, now)
		changed = changed || answer == hash.Done
		c.Out.Int(int64(answer))
	}
	if changed {
		settleFields(e, h)
		c.modified(key, keyspace.EventHash, "hpersist")
	}
}

func cmdHTTL(c *Ctx)         { c.fieldTTLs(expiryUnit{seconds: true}) }
func cmdHPTTL(c *Ctx)        { c.fieldTTLs(expiryUnit{}) }
func cmdHExpireTime(c *Ctx)  { c.fieldTTLs(expiryUnit{seconds: true, absolute: true}) }
func cmdHPExpireTime(c *Ctx) { c.fieldTTLs(expiryUnit{absolute: true}) }

// fieldTTLs replies when fields expire. Unlike those of TTL, seconds are rounded
// up.
func (c *Ctx) fieldTTLs(u expiryUnit) {
	e, found, ok := c.lookupHash(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	fields, ok := c.fieldArgs(2, errNumFieldsRead)
	if !ok {
		return
	}
	if !found {
		c.noSuchFields(len(fields))
		return
	}
	h, now := hash.Open(e), c.now()
	c.Out.ArrayHeader(len(fields))
	for _, field := range fields {
		at := h.ExpireTime(field, now)
		if at >= 0 {
			if !u.absolute {
				at -= now
			}
			if u.seconds {
				at = (at + 999) / 1000
			}
		}
		c.Out.Int(at)
	}
}
