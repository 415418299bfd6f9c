package command

import (
	"math"
	"math/big"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/longdouble"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// INCREX, which Redis 8.8 brought: INCRBY or INCRBYFLOAT within bounds, that also says
// how long the key lives. A sum out of bounds leaves everything as it is, unless
// SATURATE makes it the bound. It replies the number and what was added to it.

var incrExHandlers = handlers{"increx": cmdIncrEx}

const (
	errEnxAlone resp.Error = "ERR ENX flag requires an expiration"
	errBounds   resp.Error = "ERR LBOUND can't be greater than UBOUND"
)

// incrExOptions are the arguments of INCREX, where they stand: 0 if they do not.
type incrExOptions struct {
	byInt, byFloat, lower, upper int
	saturate, persist, enx       bool
	expiryArg                    int
	unit                         expiryUnit
}

func cmdIncrEx(c *Ctx) {
	o, ok := c.incrExOptions()
	if !ok {
		return
	}
	var expireAt int64
	if o.expiryArg != 0 {
		if expireAt, ok = c.expiry(o.expiryArg, o.unit); !ok {
			return
		}
	}
	if o.byFloat != 0 {
		c.incrExFloat(&o, expireAt)
	} else {
		c.incrExInt(&o, expireAt)
	}
}

func (c *Ctx) incrExOptions() (o incrExOptions, ok bool) {
	for i := 2; i < len(c.Args); i++ {
		next := i+1 < len(c.Args)
		unit, isTime := c.expiryWord(i)
		switch {
		case isTime && next && o.expiryArg == 0 && !o.persist:
			i++
			o.expiryArg, o.unit = i, unit
		case c.is(i, "BYINT") && next && o.byInt == 0 && o.byFloat == 0:
			i++
			o.byInt = i
		case c.is(i, "BYFLOAT") && next && o.byInt == 0 && o.byFloat == 0:
			i++
			o.byFloat = i
		case c.is(i, "LBOUND") && next && o.lower == 0:
			i++
			o.lower = i
		case c.is(i, "UBOUND") && next && o.upper == 0:
			i++
			o.upper = i
		case c.is(i, "SATURATE"):
			o.saturate = true
		case c.is(i, "PERSIST") && o.expiryArg == 0 && !o.enx:
			o.persist = true
		case c.is(i, "ENX") && !o.persist:
			o.enx = true
		default:
			c.Fail(errSyntax)
			return o, false
		}
	}
	if o.enx && o.expiryArg == 0 {
		c.Fail(errEnxAlone)
		return o, false
	}
	return o, true
}

// intArg reads argument i as an integer; 0 stands for one that is not given.
func (c *Ctx) intArg(i int, missing int64) (int64, bool) {
	if i == 0 {
		return missing, true
	}
	return c.int(i)
}

func (c *Ctx) incrExInt(o *incrExOptions, expireAt int64) {
	by, ok := c.intArg(o.byInt, 1)
	if !ok {
		return
	}
	lo, ok := c.intArg(o.lower, math.MinInt64)
	if !ok {
		return
	}
	hi, ok := c.intArg(o.upper, math.MaxInt64)
	if !ok {
		return
	}
	if lo > hi {
		c.Fail(errBounds)
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	old := int64(0)
	if found {
		if old, ok = keyspace.ParseInt(c.stringOf(e)); !ok {
			c.Fail(errNotInteger)
			return
		}
	}
	over := by > 0 && old > math.MaxInt64-by
	under := by < 0 && old < math.MinInt64-by
	sum := old + by
	over = over || !under && sum > hi
	under = under || !over && sum < lo
	switch {
	case !over && !under:
	case !o.saturate:
		c.Out.ArrayHeader(2)
		c.Out.Int(old)
		c.Out.Int(0)
		return
	case over:
		sum = hi
	default:
		sum = lo
	}
	delta := sum - old
	if (sum > old) != (delta > 0) && sum != old {
		c.Fail(errOverflow)
		return
	}
	c.storeIncrEx(e, found, o, expireAt, keyspace.String{Enc: datatypes.Int, Int: sum}, "incrby")
	c.Out.ArrayHeader(2)
	c.Out.Int(sum)
	c.Out.Int(delta)
}

// floatArg reads argument i as a long double; nil stands for one that is not given.
func (c *Ctx) floatArg(i int) (*big.Float, bool) {
	if i == 0 {
		return nil, true
	}
	x, err := longdouble.Parse(c.Args[i])
	if err != nil {
		c.Fail(errNotFloat)
		return nil, false
	}
	return x, true
}

func (c *Ctx) incrExFloat(o *incrExOptions, expireAt int64) {
	by, ok := c.floatArg(o.byFloat)
	if !ok {
		return
	}
	lo, ok := c.floatArg(o.lower)
	if !ok {
		return
	}
	hi, ok := c.floatArg(o.upper)
	if !ok {
		return
	}
	if lo != nil && hi != nil && lo.Cmp(hi) > 0 {
		c.Fail(errBounds)
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	text := []byte("0")
	if found {
		text = c.stringOf(e)
	}
	old, err := longdouble.Parse(text)
	if err != nil {
		c.Fail(errNotFloat)
		return
	}
	sum, err := longdouble.Sum(old, by)
	if err != nil {
		c.Fail(errNaN)
		return
	}
	delta := by
	over, under := hi != nil && sum.Cmp(hi) > 0, lo != nil && sum.Cmp(lo) < 0
	if over || under {
		if !o.saturate {
			c.replyFloats(old, new(big.Float))
			return
		}
		if sum = lo; over {
			sum = hi
		}
		if delta, err = longdouble.Sum(sum, new(big.Float).Neg(old)); err != nil {
			c.Fail(errNaN)
			return
		}
	}
	text = longdouble.Format(sum)
	c.storeIncrEx(e, found, o, expireAt, keyspace.String{Enc: stringEncoding(text), Bytes: text}, "incrbyfloat")
	c.replyFloats(sum, delta)
}

// replyFloats replies two numbers: as doubles where the protocol has them.
func (c *Ctx) replyFloats(a, b *big.Float) {
	c.Out.ArrayHeader(2)
	for _, x := range [2]*big.Float{a, b} {
		if c.Out.Proto == 3 {
			f, _ := x.Float64()
			c.Out.Double(f)
		} else {
			c.Out.BulkBytes(longdouble.Format(x))
		}
	}
}

// storeIncrEx stores the sum, with the TTL that the options ask for or the key has.
func (c *Ctx) storeIncrEx(e *keyspace.Entry, found bool, o *incrExOptions, expireAt int64, v keyspace.String, event string) {
	key := c.Args[1]
	db, had := c.db(key), int64(0)
	if found {
		had, _ = e.ExpireAt()
	}
	at, expires := had, false
	switch {
	case o.persist:
		at = 0
	case o.expiryArg != 0 && !(o.enx && had != 0):
		at, expires = expireAt, true
	}
	db.SetString(e, key, v, at)
	if !found {
		db.Event(keyspace.EventNew, "new", key)
	}
	c.modified(key, keyspace.EventString, event)
	switch {
	case expires && at <= c.now():
		db.Delete(e, lazyfree.Expire)
		c.modified(key, keyspace.EventGeneric, "del")
	case expires:
		db.Event(keyspace.EventGeneric, "expire", key)
	case o.persist && had != 0:
		db.Event(keyspace.EventGeneric, "persist", key)
	}
}
