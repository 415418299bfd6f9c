package resp

import (
	"math"
	"strconv"
)

// ParseInt reads a decimal int64 in its one canonical spelling: an optional '-', then digits
// without a leading zero ("0" itself excepted, "-0" not), nothing before, between or after.
// This is what Redis takes for an integer everywhere: lengths on the wire, arguments of
// commands, values that may be stored as integers.
func ParseInt(b []byte) (v int64, ok bool) {
	if len(b) == 1 { // the commonest: one digit
		d := b[0] - '0'
		return int64(d), d <= 9
	}
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	if b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	// 19 digits cannot overflow a uint64, and there are at most 20: 20 without a sign must be
	// more than an int64 holds.
	if len(b) > 19 {
		return 0, false
	}
	var u uint64
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// AppendDouble appends f as replies show doubles (Redis 7.2 and later): "inf", "-inf" and "nan"
// by name; whole numbers of up to 2^62 as integers; anything else by the fewest digits that
// read back as f, in scientific notation ("1.5e-9") only where plain notation would need seven
// more places.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case f != f:
		return append(dst, "nan"...)
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case f == 0:
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, '0')
	case f >= -(1<<62) && f <= 1<<62 && f == math.Trunc(f):
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return appendShortest(dst, f)
}

// appendShortest lays out the shortest digits of f, which is finite and not zero. With digits
// d1 d2 … dn and the value 0.d1…dn × 10^point, k = point-n is the power of ten of the last
// digit and x = point-1 that of the first:
//
//	k >= 0 and x < n+7            digits, then zeros      1e19      10000000000000000000 has x = 19 > 1+7, so: 1e+19
//	k <  0 and (k > -7 or x < 4)  a point among digits    0.000012  k = -6
//	else                          d1.d2…dn e ±x           1.2e-7
//
// where x is taken without its sign.
func appendShortest(dst []byte, f float64) []byte {
	var scratch [32]byte
	s := strconv.AppendFloat(scratch[:0], f, 'e', -1, 64) // [-]d[.ddd]e±dd
	if s[0] == '-' {
		dst, s = append(dst, '-'), s[1:]
	}
	// Collect the digits in place and read the exponent.
	digits, i := s[:1], 1
	if s[i] == '.' {
		for i++; s[i] != 'e'; i++ {
			digits = append(digits, s[i])
		}
	}
	exp, _ := strconv.Atoi(string(s[i+1:]))
	n := len(digits)
	k, x := exp-n+1, exp
	if x < 0 {
		x = -x
	}
	switch {
	case k >= 0 && x < n+7:
		dst = append(dst, digits...)
		for ; k > 0; k-- {
			dst = append(dst, '0')
		}
		return dst
	case k < 0 && (k > -7 || x < 4):
		whole := n + k // digits before the point
		if whole > 0 {
			dst = append(dst, digits[:whole]...)
			dst = append(dst, '.')
			return append(dst, digits[whole:]...)
		}
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if n > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'e')
	if exp < 0 {
		dst = append(dst, '-')
	} else {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(x), 10)
}
