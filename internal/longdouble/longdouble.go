// Package longdouble adds decimal numbers with the precision of C's 80-bit long
// double, which INCRBYFLOAT and HINCRBYFLOAT promise: 0.1 + 0.2 is 0.3.
//
// A long double has a 64-bit significand. math/big.Float at precision 64 with
// rounding to nearest even computes the same sums.
package longdouble

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/redweave/redweave/datatypes/zset"
)

// The ways a sum can fail.
var (
	// ErrSyntax: an operand is not a number.
	ErrSyntax = errors.New("longdouble: not a number")
	// ErrNaN: the sum is infinite or not a number.
	ErrNaN = errors.New("longdouble: sum is NaN or infinite")
)

const precision = 64

// maxExponent is the largest binary exponent of a finite long double.
const maxExponent = 16384

// Add returns a + b as Redis prints it: at most 17 decimals, no trailing zeros,
// no exponent. A nil a counts as 0.
func Add(a, b []byte) ([]byte, error) {
	x, y := new(big.Float).SetPrec(precision), new(big.Float).SetPrec(precision)
	if a != nil && !parse(x, a) || !parse(y, b) {
		return nil, ErrSyntax
	}
	if x.IsInf() || y.IsInf() {
		return nil, ErrNaN
	}
	x.Add(x, y)
	if x.MantExp(nil) > maxExponent {
		return nil, ErrNaN
	}
	return Format(x), nil
}

// parse reads what strtold reads, less NaN, with nothing before or after.
func parse(x *big.Float, b []byte) bool {
	f, ok := zset.ParseScore(b)
	if !ok || f != f {
		// A finite number may still be beyond a double.
		if !decimal(b) {
			return false
		}
	} else if f > 1e308 || f < -1e308 {
		if !decimal(b) {
			x.SetInf(f < 0)
			return true
		}
	}
	_, _, err := x.Parse(string(bytes.TrimPrefix(b, []byte("+"))), 0)
	return err == nil && x.MantExp(nil) <= maxExponent
}

// decimal reports whether b is spelt with digits, sign, point and exponent only.
func decimal(b []byte) bool {
	digits := false
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			digits = true
		case c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-':
		default:
			return false
		}
	}
	return digits
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
