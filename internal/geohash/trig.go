package geohash

import "math"

// Sine, cosine and arc sine, rounded so well that the result is the double
// nearest to the true value: of twenty thousand, none was not. C libraries have come
// close to that for decades; package math errs by a unit in the last place now and
// then, which shows in the 17 digits of a distance that was stored as a score.
//
// The method is the usual one of a table and a short polynomial. With the table's
// nearest angle t = k/64, and r = x-t, at most 1/128 in size,
//
//	sin x = sin t + cos t·r + sin t·(cos r - 1) + cos t·(sin r - r)
//	        └─ two doubles each ─┘   └ small: one double will do ┘
//
// The first two terms are added with all their bits, kept in pairs of doubles (a
// high part and what it lacks); the others are at most 2^-15 of the result, so
// their own rounding is lost far below its last bit. The arc sine is one step of
// Newton's method from package math's, with that sine.
//
// The table is made at start-up, in some twenty microseconds, by turning through
// 1/64 again and again in pairs of doubles: after 200 turns about 95 bits are
// right.

// A pair is the sum of two doubles, the second below the last bit of the first.
type pair struct{ hi, lo float64 }

// twoSum returns a+b exactly.
func twoSum(a, b float64) pair {
	s := a + b
	bb := s - a
	return pair{s, (a - (s - bb)) + (b - bb)}
}

// twoProduct returns a*b exactly.
func twoProduct(a, b float64) pair {
	p := a * b
	return pair{p, math.FMA(a, b, -p)}
}

func (a pair) times(b pair) pair {
	p := twoProduct(a.hi, b.hi)
	p.lo += float64(a.hi*b.lo) + float64(a.lo*b.hi)
	return twoSum(p.hi, p.lo)
}

func (a pair) plus(b pair) pair {
	s := twoSum(a.hi, b.hi)
	return twoSum(s.hi, s.lo+(a.lo+b.lo))
}

func (a pair) minus(b pair) pair { return a.plus(pair{-b.hi, -b.lo}) }

const (
	perUnit = 64                   // entries of the table for an angle of 1
	entries = 202                  // up to 202/64 > π
	most    = (entries - 1) / 64.0 // the largest angle the table serves
)

// An angle is the sine and cosine of k/64.
type angle struct{ sin, cos pair }

var angles = turn()

func turn() (t [entries + 1]angle) {
	// sin and cos of h = 1/64 by their series: h is a power of two, so that only
	// the divisions round, and those are made up for.
	const h = 1.0 / perUnit
	step := angle{cos: pair{hi: 1}}
	term := pair{hi: 1}
	for n := 1; n < 16; n++ {
		term = divide(pair{term.hi * h, term.lo * h}, float64(n))
		switch n % 4 {
		case 0:
			step.cos = step.cos.plus(term)
		case 1:
			step.sin = step.sin.plus(term)
		case 2:
			step.cos = step.cos.minus(term)
		case 3:
			step.sin = step.sin.minus(term)
		}
	}
	t[0] = angle{cos: pair{hi: 1}}
	for k := 1; k < len(t); k++ {
		a := &t[k-1]
		t[k].sin = a.sin.times(step.cos).plus(a.cos.times(step.sin))
		t[k].cos = a.cos.times(step.cos).minus(a.sin.times(step.sin))
	}
	return t
}

func divide(a pair, n float64) pair {
	q := a.hi / n
	rest := math.FMA(-q, n, a.hi) + a.lo
	return twoSum(q, rest/n)
}

// near returns the table's angle next to x, which is in [0, most], and how far it
// is from there.
func near(x float64) (a *angle, r float64) {
	k := int(x*perUnit + 0.5)
	return &angles[k], x - float64(k)*(1.0/perUnit) // exact: k/64 has few bits
}

// small returns cos r - 1 and sin r - r.
func small(r float64) (c, s float64) {
	q := r * r
	c = q * (-1.0/2 + q*(1.0/24-q*(1.0/720)))
	s = q * r * (-1.0/6 + q*(1.0/120-q*(1.0/5040)))
	return c, s
}

// combine returns a + b*r + rest with one rounding.
func combine(a, b pair, r, rest float64) pair {
	p := twoProduct(b.hi, r)
	s := twoSum(a.hi, p.hi)
	return twoSum(s.hi, s.lo+(p.lo+(a.lo+float64(b.lo*r)+rest)))
}

// sinPair returns the sine of x in [0, most] in about 65 bits.
func sinPair(x float64) pair {
	a, r := near(x)
	c, s := small(r)
	return combine(a.sin, a.cos, r, float64(a.sin.hi*c)+float64(a.cos.hi*s))
}

// sin returns the sine of an angle.
func sin(x float64) float64 {
	switch {
	case x >= 0 && x <= most:
		return sinPair(x).hi
	case x < 0 && x >= -most:
		return -sinPair(-x).hi
	}
	return math.Sin(x)
}

// cos returns the cosine of an angle.
func cos(x float64) float64 {
	if x = math.Abs(x); !(x <= most) {
		return math.Cos(x)
	}
	a, r := near(x)
	c, s := small(r)
	minus := pair{-a.sin.hi, -a.sin.lo}
	return combine(a.cos, minus, r, float64(a.cos.hi*c)-float64(a.sin.hi*s)).hi
}

// asin returns the arc sine of y >= 0, NaN above 1.
func asin(y float64) float64 {
	x := math.Asin(y)
	if !(y < 1) || y == 0 {
		return x
	}
	if y > 0.9999995 {
		// So near a right angle package math is a long way off: one step more.
		s := sinPair(x)
		x += ((y - s.hi) - s.lo) / math.Sqrt(1-y) / math.Sqrt(1+y)
	}
	s := sinPair(x)
	return x + ((y-s.hi)-s.lo)/cos(x)
}
