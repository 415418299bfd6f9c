// Package longdouble adds decimal numbers with the precision of C's 80-bit long
// double, which INCRBYFLOAT and HINCRBYFLOAT promise: 0.1 + 0.2 is 0.3.
//
//	sum, err := longdouble.Add([]byte("10.50"), []byte("0.1"))   // "10.6"
//
// A long double of x87 has a 64-bit significand and exponents up to 2^16384.
// math/big.Float at precision 64 with rounding to nearest even computes the same
// sums; where a long double would overflow, or become zero without being zero,
// this package says so, as strtold does.
//
// Functions keep nothing and may be called by any goroutine.
package longdouble

import (
	"bytes"
	"errors"
	"math/big"
)

// The ways a sum can fail.
var (
	// ErrSyntax: an operand is not a number, or none that a long double can hold.
	ErrSyntax = errors.New("longdouble: not a number")
	// ErrNaN: the sum is infinite or not a number.
	ErrNaN = errors.New("longdouble: sum is NaN or infinite")
)

const (
	precision = 64

	// The binary exponents, with significands in [1/2, 1), between which numbers
	// are finite and not zero.
	maxExponent = 16384
	minExponent = -16445

	// maxLen is the longest text Redis takes for a number.
	maxLen = 5*1024 - 1

	// farExponent is one no text of maxLen can make up for with digits.
	farExponent = 50_000
)

// Add returns a + b as Redis prints it: at most 17 decimals, no trailing zeros,
// no exponent. A nil a counts as 0.
func Add(a, b []byte) ([]byte, error) {
	x, y := new(big.Float).SetPrec(precision), new(big.Float).SetPrec(precision)
	if a != nil && !parse(x, a) || !parse(y, b) {
		return nil, ErrSyntax
	}
	if err := add(x, x, y); err != nil {
		return nil, err
	}
	return Format(x), nil
}

// add makes sum, which may be one of them, x + y.
func add(sum, x, y *big.Float) error {
	if x.IsInf() || y.IsInf() {
		return ErrNaN
	}
	if sum.Add(x, y); sum.MantExp(nil) > maxExponent {
		return ErrNaN
	}
	return nil
}

// Parse returns the number that b spells.
func Parse(b []byte) (*big.Float, error) {
	x := new(big.Float).SetPrec(precision)
	if !parse(x, b) {
		return nil, ErrSyntax
	}
	return x, nil
}

// Sum returns x + y in a number of its own.
func Sum(x, y *big.Float) (*big.Float, error) {
	sum := new(big.Float).SetPrec(precision)
	return sum, add(sum, x, y)
}

// parse reads all of b as strtold does, less NaN and leading space:
//
//	3  +1.5e3  -.5  5.  0x1F  0x1.8p3  inf  -Infinity          yes
//	nan  1_000  1e  0x  +-1  " 1"  "1 "  ""  1e5000  1e-5000   no
func parse(x *big.Float, b []byte) bool {
	if len(b) == 0 || len(b) > maxLen {
		return false
	}
	neg, rest := b[0] == '-', b
	if neg || b[0] == '+' {
		rest = b[1:]
	}
	if bytes.EqualFold(rest, []byte("inf")) || bytes.EqualFold(rest, []byte("infinity")) {
		x.SetInf(neg)
		return true
	}
	n, ok := scan(rest)
	if !ok {
		return false
	}
	switch {
	case n.zero:
		x.SetInt64(0)
	case n.exp > farExponent || n.exp < -farExponent:
		return false
	default:
		if _, _, err := x.Parse(string(rest), n.base); err != nil {
			return false
		}
		if e := x.MantExp(nil); e > maxExponent || e < minExponent {
			return false
		}
	}
	if neg {
		x.Neg(x)
	}
	return true
}

// number is what scan finds out about a number.
type number struct {
	base int  // for big.Float.Parse: 10, or 0 for hexadecimal
	zero bool // all digits are 0
	exp  int  // as written, not beyond farExponent by much
}

// scan checks an unsigned number: digits with at most one point among them,
// and an exponent.
func scan(b []byte) (n number, ok bool) {
	n = number{base: 10, zero: true}
	mark := byte('e')
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		n.base, mark, b = 0, 'p', b[2:]
	}
	digits, point := 0, false
	for len(b) > 0 {
		c := b[0] | 0x20
		switch {
		case '0' <= b[0] && b[0] <= '9' || n.base == 0 && 'a' <= c && c <= 'f':
			n.zero = n.zero && b[0] == '0'
			digits++
		case b[0] == '.' && !point:
			point = true
		case c == mark && digits > 0:
			n.exp, ok = exponent(b[1:])
			return n, ok
		default:
			return n, false
		}
		b = b[1:]
	}
	return n, digits > 0
}

func exponent(b []byte) (exp int, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if exp <= farExponent {
			exp = exp*10 + int(c-'0')
		}
	}
	if neg {
		exp = -exp
	}
	return exp, len(b) > 0
}

// Format prints x with at most 17 decimals and no trailing zeros.
func Format(x *big.Float) []byte {
	b := x.Append(nil, 'f', 17)
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(b, "0")
		b = bytes.TrimSuffix(b, []byte("."))
	}
	if string(b) == "-0" {
		return b[1:]
	}
	return b
}
