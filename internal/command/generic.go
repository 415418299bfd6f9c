package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// Keys, whatever they hold: deleting, renaming, copying and expiring them. KEYS and SCAN
// are in scan.go, times to expire in expiry.go; DUMP, OBJECT and SORT have files of
// their own.

var genericHandlers = handlers{
	"copy": cmdCopy, "del": cmdDel, "exists": cmdExists, "expire": cmdExpire, "expireat": cmdExpireAt,
	"expiretime": cmdExpireTime, "keys": cmdKeys, "move": cmdMove, "persist": cmdPersist,
	"pexpire": cmdPExpire, "pexpireat": cmdPExpireAt, "pexpiretime": cmdPExpireTime,
	"pttl": cmdPTTL, "randomkey": cmdRandomKey, "rename": cmdRename, "renamenx": cmdRenameNX,
	"scan": cmdScan, "touch": cmdTouch, "ttl": cmdTTL, "type": cmdType, "unlink": cmdUnlink,
}

const (
	errSameObject     resp.Error = "ERR source and destination objects are the same"
	errExpireNXWithXX resp.Error = "ERR NX and XX, GT or LT options at the same time are not compatible"
	errExpireGTWithLT resp.Error = "ERR GT and LT options at the same time are not compatible"
)

func cmdDel(c *Ctx)    { c.remove(lazyfree.UserDel) }
func cmdUnlink(c *Ctx) { c.remove(lazyfree.Async) }

func (c *Ctx) remove(cause lazyfree.Cause) {
	n, e := int64(0), c.entry()
	for _, key := range c.Args[1:] {
		if !c.lookupInto(e, key, keyspace.Peek) {
			continue
		}
		c.db(key).Delete(e, cause)
		c.modified(key, keyspace.EventGeneric, "del")
		n++
	}
	c.Out.Int(n)
}

func cmdExists(c *Ctx) { c.countKeys(keyspace.NoTouch) }
func cmdTouch(c *Ctx)  { c.countKeys(keyspace.Read) }

func (c *Ctx) countKeys(m keyspace.Mode) {
	n, e := int64(0), c.entry()
	for _, key := range c.Args[1:] {
		if c.db(key).Lookup(e, key, m) {
			n++
		}
	}
	c.Out.Int(n)
}

func cmdType(c *Ctx) {
	e, found := c.lookup(c.Args[1], keyspace.NoTouch)
	if !found {
		c.Out.SimpleString(datatypes.None.String())
		return
	}
	c.Out.SimpleString(e.Type().String())
}

func cmdExpire(c *Ctx)    { c.expire(expiryUnit{seconds: true}) }
func cmdPExpire(c *Ctx)   { c.expire(expiryUnit{}) }
func cmdExpireAt(c *Ctx)  { c.expire(expiryUnit{seconds: true, absolute: true}) }
func cmdPExpireAt(c *Ctx) { c.expire(expiryUnit{absolute: true}) }

// expireCondition is NX, XX, GT and LT of the EXPIRE family.
type expireCondition struct{ nx, xx, gt, lt bool }

func (c *Ctx) parseExpireCondition(i int) (o expireCondition, ok bool) {
	for ; i < len(c.Args); i++ {
		switch {
		case c.is(i, "NX"):
			o.nx = true
		case c.is(i, "XX"):
			o.xx = true
		case c.is(i, "GT"):
			o.gt = true
		case c.is(i, "LT"):
			o.lt = true
		default:
			c.Fail(resp.Error("ERR Unsupported option " + asText(c.Args[i])))
			return o, false
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		c.Fail(errExpireNXWithXX)
		return o, false
	}
	if o.gt && o.lt {
		c.Fail(errExpireGTWithLT)
		return o, false
	}
	return o, true
}

// met reports whether a key that expires at old (0: never) may be made to
// expire at atMs.
func (o expireCondition) met(old, atMs int64) bool {
	switch {
	case o.nx && old != 0, o.xx && old == 0:
		return false
	case o.gt && (old == 0 || atMs <= old):
		return false
	case o.lt && old != 0 && atMs >= old:
		return false
	}
	return true
}

func (c *Ctx) expire(u expiryUnit) {
	o, ok := c.parseExpireCondition(3)
	if !ok {
		return
	}
	at, ok := c.deadline(2, u)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found := c.lookup(key, keyspace.Write)
	if !found {
		c.Out.Int(0)
		return
	}
	old, _ := e.ExpireAt()
	if !o.met(old, at) {
		c.Out.Int(0)
		return
	}
	db := c.db(key)
	if at <= c.now() {
		db.Delete(e, lazyfree.Expire)
		c.modified(key, keyspace.EventGeneric, "del")
	} else {
		db.SetExpire(e, at)
		c.modified(key, keyspace.EventGeneric, "expire")
	}
	c.Out.Int(1)
}

func cmdTTL(c *Ctx)         { c.ttl(expiryUnit{seconds: true}) }
func cmdPTTL(c *Ctx)        { c.ttl(expiryUnit{}) }
func cmdExpireTime(c *Ctx)  { c.ttl(expiryUnit{seconds: true, absolute: true}) }
func cmdPExpireTime(c *Ctx) { c.ttl(expiryUnit{absolute: true}) }

func (c *Ctx) ttl(u expiryUnit) {
	e, found := c.lookup(c.Args[1], keyspace.NoTouch)
	if !found {
		c.Out.Int(-2)
		return
	}
	at, has := e.ExpireAt()
	if !has {
		c.Out.Int(-1)
		return
	}
	if !u.absolute {
		at = max(at-c.now(), 0)
	}
	if u.seconds {
		at = at/1000 + at%1000/500 // rounded, and no overflow at the end of time
	}
	c.Out.Int(at)
}

func cmdPersist(c *Ctx) {
	key := c.Args[1]
	e, found := c.lookup(key, keyspace.Write)
	if found {
		if _, has := e.ExpireAt(); has {
			c.db(key).SetExpire(e, 0)
			c.modified(key, keyspace.EventGeneric, "persist")
			c.Out.Int(1)
			return
		}
	}
	c.Out.Int(0)
}

func cmdRename(c *Ctx) {
	if c.rename(false) {
		c.OK()
	}
}

func cmdRenameNX(c *Ctx) { c.rename(true) }

// rename moves a key. With nx it replies 0 or 1, else only errors.
func (c *Ctx) rename(nx bool) bool {
	from, to := c.Args[1], c.Args[2]
	src, found := c.lookup(from, keyspace.Write)
	if !found {
		c.Fail(errNoSuchKey)
		return false
	}
	if string(from) == string(to) {
		if nx {
			c.Out.Int(0)
		}
		return true
	}
	dst, taken := c.lookup(to, keyspace.Write)
	if taken {
		if nx {
			c.Out.Int(0)
			return false
		}
		c.db(to).Delete(dst, lazyfree.ServerDel)
	}
	c.db(from).Transfer(src, dst, c.db(to), to, copyObject)
	c.db(to).Event(keyspace.EventNew, "new", to)
	c.modified(from, keyspace.EventGeneric, "rename_from")
	c.modified(to, keyspace.EventGeneric, "rename_to")
	if nx {
		c.Out.Int(1)
	}
	return true
}

// dbArg reads argument i as the number of a database, or replies what Redis
// says when there is no such one.
func (c *Ctx) dbArg(i int) (int, bool) {
	n, ok := c.int32(i)
	if !ok {
		return 0, false
	}
	if n < 0 || n >= int64(c.shards[0].Databases()) {
		c.Fail(errDBRange)
		return 0, false
	}
	return int(n), true
}

func cmdMove(c *Ctx) {
	if c.cluster != nil {
		c.Fail(notInCluster("MOVE is"))
		return
	}
	key := c.Args[1]
	to, ok := c.dbArg(2)
	if !ok {
		return
	}
	if to == c.Client.DB {
		c.Fail(errSameObject)
		return
	}
	src, found := c.lookup(key, keyspace.Write)
	target := c.shardOf(key).DB(to)
	dst := c.entry()
	if !found || target.Lookup(dst, key, keyspace.Write) {
		c.Out.Int(0)
		return
	}
	c.db(key).Rename(src, dst, target, key)
	target.Event(keyspace.EventNew, "new", key)
	c.modified(key, keyspace.EventGeneric, "move_from")
	target.Modified(key)
	target.Event(keyspace.EventGeneric, "move_to", key)
	c.Out.Int(1)
}

func cmdRandomKey(c *Ctx) {
	e := c.entry()
	for {
		s := c.randomShard()
		if s == nil {
			c.Out.Null()
			return
		}
		if s.DB(c.Client.DB).RandomKey(e) {
			c.Out.BulkBytes(e.Key())
			return
		} // it had none but keys whose time had passed, and has none now
	}
}

// randomShard draws a shard by the keys it has in the client's database. It returns
// nil when there are none.
func (c *Ctx) randomShard() *keyspace.Shard {
	total := 0
	for _, s := range c.shards {
		total += s.DB(c.Client.DB).Len()
	}
	if total == 0 {
		return nil
	}
	n := c.shards[0].Rand().IntN(total)
	for _, s := range c.shards {
		if n -= s.DB(c.Client.DB).Len(); n < 0 {
			return s
		}
	}
	panic("command: more keys than there are")
}

func cmdCopy(c *Ctx) {
	from, to := c.Args[1], c.Args[2]
	toDB, replace := c.Client.DB, false
	for i := 3; i < len(c.Args); i++ {
		switch {
		case c.is(i, "REPLACE"):
			replace = true
		case c.is(i, "DB") && i+1 < len(c.Args):
			var ok bool
			if toDB, ok = c.dbArg(i + 1); !ok {
				return
			}
			i++
		default:
			c.Fail(errSyntax)
			return
		}
	}
	if c.cluster != nil && toDB != 0 {
		c.Fail(notInCluster("Copying to another database is"))
		return
	}
	if toDB == c.Client.DB && string(from) == string(to) {
		c.Fail(errSameObject)
		return
	}
	src, found := c.lookup(from, keyspace.Read)
	if !found {
		c.Out.Int(0)
		return
	}
	target := c.shardOf(to).DB(toDB)
	dst := c.entry()
	if target.Lookup(dst, to, keyspace.Write) {
		if !replace {
			c.Out.Int(0)
			return
		}
		target.Delete(dst, lazyfree.ServerDel)
	}
	target.Copy(src, dst, to, copyObject)
	target.Event(keyspace.EventNew, "new", to)
	target.Modified(to)
	target.Event(keyspace.EventGeneric, "copy_to", to)
	c.Out.Int(1)
}

// copyObject copies a large value into an empty slot.
func copyObject(from, to *keyspace.Entry) {
	switch from.Type() {
	case datatypes.List:
		list.Open(from).Copy(to)
	case datatypes.Set:
		set.Open(from).CopyTo(to)
	case datatypes.ZSet:
		zset.Open(from).CopyTo(to)
	case datatypes.Hash:
		hash.Open(from).CopyTo(to)
	case datatypes.Stream:
		to.SetObject(datatypes.StreamTree, streamOf(from).Clone(to.Arena()))
	}
}
