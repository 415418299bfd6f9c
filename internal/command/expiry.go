package command

import "math"

// Times at which something expires, as arguments: those of a key (EXPIRE, SET), and by
// way of hashttl.go those of a hash's fields.

// An expiryUnit says how such an argument counts: in seconds or milliseconds,
// from now or from 1970.
type expiryUnit struct{ seconds, absolute bool }

// expiryWord reads argument i as one of the words for a unit.
func (c *Ctx) expiryWord(i int) (expiryUnit, bool) {
	switch {
	case c.is(i, "EX"):
		return expiryUnit{seconds: true}, true
	case c.is(i, "PX"):
		return expiryUnit{}, true
	case c.is(i, "EXAT"):
		return expiryUnit{seconds: true, absolute: true}, true
	case c.is(i, "PXAT"):
		return expiryUnit{absolute: true}, true
	}
	return expiryUnit{}, false
}

// expiry reads argument i as the time a value expires, in Unix milliseconds. It
// must be positive and not overflow.
func (c *Ctx) expiry(i int, u expiryUnit) (int64, bool) {
	n, ok := c.int(i)
	if !ok {
		return 0, false
	}
	if n <= 0 {
		c.Fail(invalidExpire(c.cmd.Name))
		return 0, false
	}
	return c.unixMilli(n, u)
}

// deadline reads argument i as a time in Unix milliseconds, which may be past.
func (c *Ctx) deadline(i int, u expiryUnit) (int64, bool) {
	n, ok := c.int(i)
	if !ok {
		return 0, false
	}
	return c.unixMilli(n, u)
}

// unixMilli returns the time that n stands for, or replies that it overflows.
func (c *Ctx) unixMilli(n int64, u expiryUnit) (int64, bool) {
	if u.seconds {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			c.Fail(invalidExpire(c.cmd.Name))
			return 0, false
		}
		n *= 1000
	}
	if !u.absolute {
		if n > math.MaxInt64-c.now() {
			c.Fail(invalidExpire(c.cmd.Name))
			return 0, false
		}
		n += c.now()
	}
	return n, true
}
