package keyspace

import (
	"math"
	"strconv"
)

// ParseInt reads b as Redis reads integers: decimal digits with an optional
// minus, no plus, no leading zeros, no spaces, within 64 bits. So every integer
// has one spelling, and a string that parses can be kept as a number.
func ParseInt(b []byte) (int64, bool) {
	n := len(b)
	if n == 0 || n > 20 {
		return 0, false
	}
	if n == 1 {
		if d := b[0] - '0'; d <= 9 {
			return int64(d), true
		}
		return 0, false
	}
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	if b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	u := uint64(b[0] - '0')
	for _, c := range b[1:] {
		d := c - '0'
		if d > 9 || u > (math.MaxUint64-9)/10 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u <= math.MaxInt64:
		return int64(u), true
	}
	return 0, false
}

// AppendInt appends n in decimal.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
