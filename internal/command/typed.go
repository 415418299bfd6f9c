package command

import (
	"math"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// The typed calls do what the command of the same name does, for a caller in
// this process that wants neither an argument vector nor a reply. They are not
// counted as commands.

// typed returns the context of a typed call on database db.
func (x *Exec) typed(db int) *Ctx {
	c := &x.ctx
	c.Client, c.used = &x.nobody, 0
	x.nobody.DB = db
	return c
}

// roomForWrite evicts what must go before a write, or reports that it may not be.
func (x *Exec) roomForWrite() error {
	if x.maxMemory == 0 {
		return nil
	}
	p := x.evict()
	if x.divided && x.othersEvict(p) {
		// An owner of all will have them make room; until then this shard does.
		x.wanting = true
		for _, s := range x.owned {
			p = s.EvictAny()
		}
	}
	if p == keyspace.Full {
		return errOOM
	}
	return nil
}

// Wanting reports whether MakeRoom should be called by an owner of all.
func (x *Exec) Wanting() bool { return x.wanting }

// MakeRoom has all shards evict what is above the limit. Its owner owns them all.
func (x *Exec) MakeRoom() {
	for _, y := range x.execs {
		y.wanting = false
	}
	x.evict()
}

// CheckSet returns what SET replies to options of [Exec.Set] that it refuses.
func CheckSet(ttl time.Duration, keepTTL, nx, xx bool) error {
	switch {
	case nx && xx, keepTTL && ttl != 0:
		return errSyntax
	case ttl < 0:
		return invalidExpire("set")
	}
	return nil
}

// Set is SET with its options, such as CheckSet lets pass. It reports whether the value
// was stored.
func (x *Exec) Set(db int, key, value []byte, ttl time.Duration, keepTTL, nx, xx bool) (bool, error) {
	if err := x.roomForWrite(); err != nil {
		return false, err
	}
	c := x.typed(db)
	e, found := c.lookup(key, keyspace.Write)
	if nx && found || xx && !found {
		return false, nil
	}
	var expireAt int64
	switch {
	case ttl > 0:
		expireAt = x.now() + max(ttl.Milliseconds(), 1)
	case keepTTL && found:
		expireAt, _ = e.ExpireAt()
	}
	c.set(e, found, key, value, expireAt)
	x.serveIfAny()
	return true, nil
}

// Delete is DEL of one key. It reports whether it was there.
func (x *Exec) Delete(db int, key []byte) bool {
	c := x.typed(db)
	e, found := c.lookup(key, keyspace.Peek)
	if found {
		c.db(key).Delete(e, lazyfree.UserDel)
		c.modified(key, keyspace.EventGeneric, "del")
		x.serveIfAny()
	}
	return found
}

// Exists is EXISTS of one key.
func (x *Exec) Exists(db int, key []byte) bool {
	_, found := x.typed(db).lookup(key, keyspace.NoTouch)
	return found
}

// Expire makes key expire after ttl, at once when that is not positive.
func (x *Exec) Expire(db int, key []byte, ttl time.Duration) bool {
	c := x.typed(db)
	e, found := c.lookup(key, keyspace.Write)
	if !found {
		return false
	}
	if ttl <= 0 {
		c.db(key).Delete(e, lazyfree.Expire)
		c.modified(key, keyspace.EventGeneric, "del")
		x.serveIfAny()
		return true
	}
	c.db(key).SetExpire(e, x.now()+max(ttl.Milliseconds(), 1))
	c.modified(key, keyspace.EventGeneric, "expire")
	return true
}

// TTL returns the time key still lives, negative when it does not expire.
func (x *Exec) TTL(db int, key []byte) (time.Duration, bool) {
	e, found := x.typed(db).lookup(key, keyspace.NoTouch)
	if !found {
		return 0, false
	}
	at, has := e.ExpireAt()
	if !has {
		return -1, true
	}
	return time.Duration(max(at-x.now(), 0)) * time.Millisecond, true
}

// Incr adds by to the integer at key.
func (x *Exec) Incr(db int, key []byte, by int64) (int64, error) {
	if err := x.roomForWrite(); err != nil {
		return 0, err
	}
	c := x.typed(db)
	e, found := c.lookup(key, keyspace.Write)
	if found && e.Type() != datatypes.String {
		return 0, ErrWrongType
	}
	n, fault := c.addTo(e, found, key, by)
	if fault != "" {
		return 0, fault
	}
	return n, nil
}

// addTo adds by to the integer at key, found or not, and tells of it. fault is
// empty, or why nothing was changed.
func (c *Ctx) addTo(e *keyspace.Entry, found bool, key []byte, by int64) (n int64, fault resp.Error) {
	isInt := found && e.Encoding() == datatypes.Int
	if isInt {
		n = e.Int()
	} else if found {
		var ok bool
		if n, ok = keyspace.ParseInt(e.View()); !ok {
			return 0, errNotInteger
		}
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		return 0, errOverflow
	}
	n += by
	db := c.db(key)
	if isInt {
		e.SetInt(n)
	} else {
		var expireAt int64
		if found {
			expireAt, _ = e.ExpireAt()
		} else {
			db.Event(keyspace.EventNew, "new", key)
		}
		db.SetString(e, key, keyspace.String{Enc: datatypes.Int, Int: n}, expireAt)
	}
	c.modified(key, keyspace.EventString, "incrby")
	return n, ""
}
