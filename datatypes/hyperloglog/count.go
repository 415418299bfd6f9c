package hyperloglog

import (
	"encoding/binary"
	"math"
)

// A histogram counts registers by value. The estimator wants nothing else.
type histogram [64]int32

// Count estimates how many different elements b has seen.
func Count(b []byte) (uint64, error) {
	var h histogram
	if Dense(b) {
		h.addDense(b[headSize:DenseBytes])
		return h.estimate(), nil
	}
	i := 0
	for p := headSize; p < len(b); {
		val, run, size := op(b, p)
		if size == 0 || i+run > Size {
			return 0, ErrCorrupt
		}
		h[val] += int32(run)
		i, p = i+run, p+size
	}
	if i != Size {
		return 0, ErrCorrupt
	}
	return h.estimate(), nil
}

// Count estimates how many different elements all that were merged have seen.
func (r *Registers) Count() uint64 {
	var h histogram
	for _, val := range r {
		h[val&63]++
	}
	return h.estimate()
}

// addDense counts packed registers. Neighbours are often equal, and an increment
// waits for the one before it of the same place: so they take turns in two tables.
func (h *histogram) addDense(regs []byte) {
	var other histogram
	n := 0
	for ; len(regs) >= 8; regs = regs[6:] {
		w := binary.LittleEndian.Uint64(regs)
		h[w&63]++
		other[w>>6&63]++
		h[w>>12&63]++
		other[w>>18&63]++
		h[w>>24&63]++
		other[w>>30&63]++
		h[w>>36&63]++
		other[w>>42&63]++
		n += 8
	}
	for i := range Size - n {
		h[register(regs, i)]++
	}
	for v := range h {
		h[v] += other[v]
	}
}

// estimate is Ertl's improved raw estimator: correct from an empty set to the end
// of the range, where the classic one needs other methods at both ends.
//
// Explicit conversions keep compilers from fusing a multiplication with an addition,
// which would round differently: the number must be the same on every machine, as it
// is stored in the string.
func (h *histogram) estimate() uint64 {
	const (
		m     = float64(Size)
		alpha = 0.721347520444481703680 // 1 / (2 ln 2)
	)
	z := m * tau((m-float64(h[runBits+1]))/m)
	for v := runBits; v >= 1; v-- {
		z = float64((z + float64(h[v])) * 0.5)
	}
	z += float64(m * sigma(float64(h[0])/m))
	if e := math.Round(alpha * m * m / z); e < 1<<63 {
		return uint64(e)
	}
	return 1 << 63 // registers higher than any run: bytes from outside
}

// tau accounts for the registers at the highest value, sigma for those at zero.

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x = float64(x * x)
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}
