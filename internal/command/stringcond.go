package command

import (
	"bytes"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/xxh3"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// What Redis 8.4 brought for strings: SET and DELEX that look at the present value
// first, by itself or by its digest; DIGEST; MSETEX.

var stringCondHandlers = handlers{"delex": cmdDelEx, "digest": cmdDigest, "msetex": cmdMSetEx}

const (
	errDigest        resp.Error = "ERR must be exactly 16 hexadecimal characters"
	errCondition     resp.Error = "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"
	errConditionType resp.Error = "ERR Key should be of string type if conditions are specified"
	errInvalidKeys   resp.Error = "ERR invalid numkeys value"
)

// A comparison is one of IFEQ, IFNE, IFDEQ and IFDNE with what to compare with.
type comparison struct {
	arg    int // where that is, 0 if nothing is compared
	negate bool
	digest bool
}

// comparison reads argument i and the one after it. ok tells whether it was the word
// for a comparison with something after it.
func (c *Ctx) comparison(i int) (o comparison, ok bool) {
	o.arg = i + 1
	switch {
	case i+1 >= len(c.Args):
		return comparison{}, false
	case c.is(i, "IFEQ"):
	case c.is(i, "IFNE"):
		o.negate = true
	case c.is(i, "IFDEQ"):
		o.digest = true
	case c.is(i, "IFDNE"):
		o.negate, o.digest = true, true
	default:
		return comparison{}, false
	}
	return o, true
}

// digestLen is the length of a digest as it is written.
const digestLen = 16

// holds compares the string e with what the command names. ok is false if that is no
// digest, which is found out, by its length, when there is something to compare it
// with: the error has been replied.
func (o comparison) holds(c *Ctx, e *keyspace.Entry) (holds, ok bool) {
	s, with := c.stringOf(e), c.Args[o.arg]
	var same bool
	if o.digest {
		if len(with) != digestLen {
			c.Fail(errDigest)
			return false, false
		}
		var sum [digestLen]byte
		same = bytes.EqualFold(appendDigest(sum[:0], s), with)
	} else {
		same = bytes.Equal(s, with)
	}
	return same != o.negate, true
}

// appendDigest appends the digest of s: 16 hexadecimal digits.
func appendDigest(dst, s []byte) []byte {
	const digits = "0123456789abcdef"
	h := xxh3.Sum64(s)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[h>>shift&15])
	}
	return dst
}

func cmdDigest(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.String, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	var sum [digestLen]byte
	c.Out.BulkBytes(appendDigest(sum[:0], c.stringOf(e)))
}

func cmdDelEx(c *Ctx) {
	key := c.Args[1]
	if len(c.Args) != 2 && len(c.Args) != 4 {
		c.Fail(arityError("delex"))
		return
	}
	e, found := c.lookup(key, keyspace.Write)
	if found && len(c.Args) == 4 {
		if e.Type() != datatypes.String {
			c.Fail(errConditionType)
			return
		}
		cond, ok := c.comparison(2)
		if !ok {
			c.Fail(errCondition)
			return
		}
		if found, ok = cond.holds(c, e); !ok {
			return
		}
	}
	if !found {
		c.Out.Int(0)
		return
	}
	c.db(key).Delete(e, lazyfree.UserDel)
	c.modified(key, keyspace.EventGeneric, "del")
	c.Out.Int(1)
}

func cmdMSetEx(c *Ctx) {
	n, ok := c.intBetween(1, 1, 1<<31, errInvalidKeys)
	if !ok {
		return
	}
	if int64(len(c.Args)-2)/2 < n {
		c.Fail(arityError("msetex"))
		return
	}
	pairs := c.Args[2 : 2+2*n]
	o, ok := c.parseSetOptions(int(2+2*n), setMany)
	if !ok {
		return
	}
	var expireAt int64
	if o.expiryArg != 0 {
		if expireAt, ok = c.expiry(o.expiryArg, o.unit); !ok {
			return
		}
	}
	e := c.entry()
	if o.nx || o.xx {
		for i := 0; i < len(pairs); i += 2 {
			if c.lookupInto(e, pairs[i], keyspace.Write) == o.nx {
				c.Out.Int(0)
				return
			}
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		key, at := pairs[i], expireAt
		found := c.lookupInto(e, key, keyspace.Write)
		if o.keepTTL && found {
			at, _ = e.ExpireAt()
		}
		c.set(e, found, key, pairs[i+1], at)
		if o.expiryArg != 0 {
			c.db(key).Event(keyspace.EventGeneric, "expire", key)
		}
	}
	c.Out.Int(1)
}
