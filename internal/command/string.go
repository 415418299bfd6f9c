package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/longdouble"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// Strings. This is the family to begin with: a handler reads its arguments, looks the key
// up, works, tells of the change and replies. What Redis 8 added is in stringcond.go and
// increx.go; bit by bit strings are looked at in bitmap.go.

var stringHandlers = handlers{
	"append": cmdAppend, "decr": cmdDecr, "decrby": cmdDecrBy, "get": cmdGet,
	"getdel": cmdGetDel, "getex": cmdGetEx, "getrange": cmdGetRange, "getset": cmdGetSet,
	"incr": cmdIncr, "incrby": cmdIncrBy, "incrbyfloat": cmdIncrByFloat,
	"mget": cmdMGet, "mset": cmdMSet, "msetnx": cmdMSetNX, "psetex": cmdPSetEx,
	"set": cmdSet, "setex": cmdSetEx, "setnx": cmdSetNX, "setrange": cmdSetRange,
	"strlen": cmdStrLen, "substr": cmdGetRange,
}

const (
	errDecrOverflow resp.Error = "ERR decrement would overflow"
	errOffset       resp.Error = "ERR offset is out of range"
)

// replyString replies a string value.
func (c *Ctx) replyString(e *keyspace.Entry) {
	if e.Encoding() == datatypes.Int {
		c.Out.BulkInt(e.Int())
		return
	}
	c.Out.BulkBytes(e.View())
}

func cmdGet(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	c.replyString(e)
}

func cmdMGet(c *Ctx) {
	c.Out.ArrayHeader(len(c.Args) - 1)
	c.Warm(c.Client, c.Args[1:])
	e := c.entry()
	for _, key := range c.Args[1:] {
		if !c.lookupInto(e, key, keyspace.Read) || e.Type() != datatypes.String {
			c.Out.Null()
			continue
		}
		c.replyString(e)
	}
}

// setOptions are what SET, MSETEX and GETEX may ask for beside the value.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expiryArg                     int // the argument that says when it expires, 0 if none does
	unit                          expiryUnit
	cond                          comparison
}

// A setForm is a command that takes some of the options of SET, and which.
type setForm uint8

const (
	setOne   setForm = iota // SET: all but PERSIST
	setMany                 // MSETEX: those about whether and how long
	setGetEx                // GETEX: how long, and PERSIST
)

// parseSetOptions reads the options of f from argument i on. The expiry is left to
// be read: GETEX looks for the key first.
func (c *Ctx) parseSetOptions(i int, f setForm) (o setOptions, ok bool) {
	for ; i < len(c.Args); i++ {
		next := i+1 < len(c.Args)
		switch {
		case f != setGetEx && c.is(i, "NX") && !o.xx && o.cond.arg == 0:
			o.nx = true
		case f != setGetEx && c.is(i, "XX") && !o.nx && o.cond.arg == 0:
			o.xx = true
		case f == setOne && c.is(i, "GET"):
			o.get = true
		case f != setGetEx && c.is(i, "KEEPTTL") && o.expiryArg == 0:
			o.keepTTL = true
		case f == setGetEx && c.is(i, "PERSIST") && o.expiryArg == 0:
			o.persist = true
		default:
			if f == setOne && !o.nx && !o.xx && o.cond.arg == 0 {
				if cond, is := c.comparison(i); is {
					o.cond = cond
					i++
					continue
				}
			}
			u, is := c.expiryWord(i)
			if !is || !next || o.expiryArg != 0 && u != o.unit || o.keepTTL || o.persist {
				c.Fail(errSyntax)
				return o, false
			}
			i++
			o.expiryArg, o.unit = i, u
		}
	}
	return o, true
}

func cmdSet(c *Ctx) {
	key, val := c.Args[1], c.Args[2]
	if len(c.Args) == 3 {
		e, found := c.lookup(key, keyspace.Write)
		c.set(e, found, key, val, 0)
		c.OK()
		return
	}
	o, ok := c.parseSetOptions(3, setOne)
	if !ok {
		return
	}
	var expireAt int64
	if o.expiryArg != 0 {
		if expireAt, ok = c.expiry(o.expiryArg, o.unit); !ok {
			return
		}
	}
	mode := keyspace.Write
	if o.get {
		mode = keyspace.Read
	}
	e, found := c.lookup(key, mode)
	if (o.get || o.cond.arg != 0) && found && e.Type() != datatypes.String {
		c.Fail(ErrWrongType)
		return
	}
	stop := o.nx && found || o.xx && !found
	if o.cond.arg != 0 {
		holds := o.cond.negate // nothing differs from everything
		if found {
			if holds, ok = o.cond.holds(c, e); !ok {
				return
			}
		}
		stop = !holds
	}
	if o.get {
		if found {
			c.replyString(e)
		} else {
			c.Out.Null()
		}
	}
	if stop {
		if !o.get {
			c.Out.Null()
		}
		return
	}
	if o.keepTTL && found {
		expireAt, _ = e.ExpireAt()
	}
	if !o.get {
		c.OK()
	}
	c.set(e, found, key, val, expireAt)
	if o.expiryArg != 0 {
		c.db(key).Event(keyspace.EventGeneric, "expire", key)
	}
}

// set stores val under key and tells of it.
func (c *Ctx) set(e *keyspace.Entry, found bool, key, val []byte, expireAt int64) {
	db := c.db(key)
	db.SetString(e, key, keyspace.StringOf(val), expireAt)
	db.Modified(key)
	if !found {
		db.Event(keyspace.EventNew, "new", key)
	}
	db.Event(keyspace.EventString, "set", key)
}

func cmdSetNX(c *Ctx) {
	e, found := c.lookup(c.Args[1], keyspace.Write)
	if found {
		c.Out.Int(0)
		return
	}
	c.set(e, false, c.Args[1], c.Args[2], 0)
	c.Out.Int(1)
}

func cmdSetEx(c *Ctx)  { c.setExpiring(expiryUnit{seconds: true}) }
func cmdPSetEx(c *Ctx) { c.setExpiring(expiryUnit{}) }

func (c *Ctx) setExpiring(u expiryUnit) {
	at, ok := c.expiry(2, u)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found := c.lookup(key, keyspace.Write)
	c.set(e, found, key, c.Args[3], at)
	c.db(key).Event(keyspace.EventGeneric, "expire", key)
	c.OK()
}

func cmdMSet(c *Ctx) {
	if len(c.Args)%2 == 0 {
		c.Fail(arityError("mset"))
		return
	}
	c.setAll()
	c.OK()
}

func cmdMSetNX(c *Ctx) {
	if len(c.Args)%2 == 0 {
		c.Fail(arityError("msetnx"))
		return
	}
	e := c.entry()
	for i := 1; i < len(c.Args); i += 2 {
		if c.lookupInto(e, c.Args[i], keyspace.Write) {
			c.Out.Int(0)
			return
		}
	}
	c.setAll()
	c.Out.Int(1)
}

func (c *Ctx) setAll() {
	e := c.entry()
	for i := 1; i < len(c.Args); i += 2 {
		key := c.Args[i]
		found := c.lookupInto(e, key, keyspace.Write)
		c.set(e, found, key, c.Args[i+1], 0)
	}
}

func cmdGetSet(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if found {
		c.replyString(e)
	} else {
		c.Out.Null()
	}
	c.set(e, found, key, c.Args[2], 0)
}

func cmdGetDel(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	c.replyString(e)
	c.db(key).Delete(e, lazyfree.Sync)
	c.modified(key, keyspace.EventGeneric, "del")
}

func cmdGetEx(c *Ctx) {
	key := c.Args[1]
	o, ok := c.parseSetOptions(2, setGetEx)
	if !ok {
		return
	}
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	var expireAt int64
	if o.expiryArg != 0 {
		if expireAt, ok = c.expiry(o.expiryArg, o.unit); !ok {
			return
		}
	}
	c.replyString(e)
	db := c.db(key)
	switch {
	case o.expiryArg != 0 && expireAt <= c.now():
		db.Delete(e, lazyfree.Expire)
		c.modified(key, keyspace.EventGeneric, "del")
	case o.expiryArg != 0:
		db.SetExpire(e, expireAt)
		c.modified(key, keyspace.EventGeneric, "expire")
	case o.persist:
		if _, has := e.ExpireAt(); has {
			db.SetExpire(e, 0)
			c.modified(key, keyspace.EventGeneric, "persist")
		}
	}
}

func cmdStrLen(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Int(0)
		return
	}
	c.Out.Int(int64(len(c.stringOf(e))))
}

func cmdGetRange(c *Ctx) {
	start, end, ok := c.span(2)
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.BulkString("")
		return
	}
	s := c.stringOf(e)
	n := int64(len(s))
	if start < 0 && end < 0 && start > end {
		c.Out.BulkString("")
		return
	}
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0) // before the start of the string stands for its first byte
	}
	end = min(end, n-1)
	if start > end {
		c.Out.BulkString("")
		return
	}
	c.Out.BulkBytes(s[start : end+1])
}

// fitsString reports whether a string may be n bytes long, or replies that it
// may not.
func (c *Ctx) fitsString(have, more int64) bool {
	if more > c.maxBulk-have || more > math.MaxInt64-have {
		c.Fail(errStringTooLong)
		return false
	}
	return true
}

func cmdSetRange(c *Ctx) {
	key, val := c.Args[1], c.Args[3]
	offset, ok := c.int(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.Fail(errOffset)
		return
	}
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	var have int64
	if found {
		have = int64(len(c.stringOf(e)))
	}
	if len(val) == 0 {
		c.Out.Int(have)
		return
	}
	if !c.fitsString(offset, int64(len(val))) {
		return
	}
	b := c.growString(e, found, key, max(int(offset)+len(val)-int(have), 0))
	n := max(len(b), int(offset)+len(val))
	clear(b[len(b):max(n, len(b))])
	b = b[:n]
	copy(b[offset:], val)
	e.SetBytes(datatypes.Raw, b)
	c.modified(key, keyspace.EventString, "setrange")
	c.Out.Int(int64(n))
}

// growString returns the bytes of key's string with room for n more, making the
// key when it is not there and turning an int into its digits.
func (c *Ctx) growString(e *keyspace.Entry, found bool, key []byte, n int) []byte {
	if !found {
		c.db(key).Create(e, key, datatypes.String, datatypes.Raw, nil, n)
		c.db(key).Event(keyspace.EventNew, "new", key)
	} else if e.Encoding() == datatypes.Int {
		e.SetBytes(datatypes.Raw, c.stringOf(e))
	}
	return e.Grow(n)
}

func cmdAppend(c *Ctx) {
	key, val := c.Args[1], c.Args[2]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		db := c.db(key)
		db.SetString(e, key, keyspace.StringOf(val), 0)
		db.Event(keyspace.EventNew, "new", key)
		c.modified(key, keyspace.EventString, "append")
		c.Out.Int(int64(len(val)))
		return
	}
	if !c.fitsString(int64(len(c.stringOf(e))), int64(len(val))) {
		return
	}
	b := c.growString(e, true, key, len(val))
	b = append(b, val...)
	e.SetBytes(datatypes.Raw, b)
	c.modified(key, keyspace.EventString, "append")
	c.Out.Int(int64(len(b)))
}

func cmdIncr(c *Ctx) { c.incrBy(1) }
func cmdDecr(c *Ctx) { c.incrBy(-1) }

func cmdIncrBy(c *Ctx) {
	if n, ok := c.int(2); ok {
		c.incrBy(n)
	}
}

func cmdDecrBy(c *Ctx) {
	n, ok := c.int(2)
	if !ok {
		return
	}
	if n == math.MinInt64 {
		c.Fail(errDecrOverflow)
		return
	}
	c.incrBy(-n)
}

func (c *Ctx) incrBy(by int64) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	n, fault := c.addTo(e, found, key, by)
	if fault != "" {
		c.Fail(fault)
		return
	}
	c.Out.Int(n)
}

func cmdIncrByFloat(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.String, keyspace.Write)
	if !ok {
		return
	}
	var cur []byte
	var expireAt int64
	if found {
		cur = c.stringOf(e)
		expireAt, _ = e.ExpireAt()
	}
	text, err := longdouble.Add(cur, c.Args[2])
	if err != nil {
		c.failFloat(err)
		return
	}
	db := c.db(key)
	db.SetString(e, key, keyspace.String{Enc: stringEncoding(text), Bytes: text}, expireAt)
	if !found {
		db.Event(keyspace.EventNew, "new", key)
	}
	c.modified(key, keyspace.EventString, "incrbyfloat")
	c.Out.BulkBytes(text)
}

// stringEncoding is how a string that is not tried as an integer is kept.
func stringEncoding(b []byte) datatypes.Encoding {
	if len(b) <= 44 {
		return datatypes.EmbStr
	}
	return datatypes.Raw
}

// failFloat replies what longdouble.Add found wrong.
func (c *Ctx) failFloat(err error) {
	if err == longdouble.ErrNaN {
		c.Fail(errNaN)
		return
	}
	c.Fail(errNotFloat)
}
