package geohash

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func wide(f float64) *big.Float { return new(big.Float).SetPrec(160).SetFloat64(f) }

// exactSin returns the sine of x, |x| <= 4, to some 140 bits, by its series.
func exactSin(x *big.Float) *big.Float {
	sum, term, square := wide(0).Set(x), wide(0).Set(x), wide(0).Mul(x, x)
	for n := 2.0; n < 70; n += 2 {
		term.Mul(term, square)
		term.Quo(term, wide(-n*(n+1)))
		sum.Add(sum, term)
	}
	return sum
}

// TestTrigonometryRoundsWell counts results that are not the double nearest to
// the true value. Package math misses one in ten.
func TestTrigonometryRoundsWell(t *testing.T) {
	const n = 5000
	rnd := rand.New(rand.NewPCG(1, 2))
	sines, arcs := 0, 0
	for range n {
		x := rnd.Float64() * math.Pi
		if rnd.IntN(2) == 0 {
			x *= math.Pow(10, -rnd.Float64()*8)
		}
		want, _ := exactSin(wide(x)).Float64()
		if got := sin(x); got != want {
			sines++
			if got != math.Nextafter(want, got) {
				t.Fatalf("sin(%v) = %v, want %v", x, got, want)
			}
		}
		if sin(-x) != -sin(x) {
			t.Fatalf("sin(%v) is not minus sin(%v)", -x, x)
		}
		// The arc sine of y rounds to a when y is between the sines half way to
		// a's neighbours.
		y := rnd.Float64()
		a := asin(y)
		below, above := exactSin(middle(a, 0)), exactSin(middle(a, 2))
		if below.Cmp(wide(y)) > 0 || above.Cmp(wide(y)) < 0 {
			arcs++
		}
	}
	t.Logf("of %d: %d sines, %d arc sines", n, sines, arcs)
	if sines > n/2000 || arcs > n/2000 {
		t.Errorf("of %d, %d sines and %d arc sines are not rounded correctly", n, sines, arcs)
	}
	for _, x := range []float64{0, 1, -1, 1.5, -3.1, 4, 1e9} {
		if got, want := cos(x), math.Cos(x); math.Abs(got-want) > 2e-16 {
			t.Errorf("cos(%v) = %v, want %v", x, got, want)
		}
	}
	if !math.IsNaN(asin(1.0000000001)) || asin(1) != math.Pi/2 || asin(0) != 0 {
		t.Error("asin at its ends")
	}
}

// middle returns what is half way from a to its neighbour towards the other.
func middle(a, towards float64) *big.Float {
	m := wide(a)
	m.Add(m, wide(math.Nextafter(a, towards)))
	return m.Quo(m, wide(2))
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		p     Point
		score uint64
		text  string
	}{
		{Point{13.361389, 38.115556}, 3479099956230698, "sqc8b49rny0"},
		{Point{15.087269, 37.502669}, 3479447370796909, "sqdtr74hyu0"},
		{Point{180, MaxLat}, 13510798882111488, ""},
		{Point{-180, MinLat}, 0, ""},
	} {
		if got := Encode(c.p); got != c.score {
			t.Errorf("Encode(%v) = %d, want %d", c.p, got, c.score)
		}
		if got := string(AppendText(nil, Decode(c.score))); c.text != "" && got != c.text {
			t.Errorf("text of %v is %s, want %s", c.p, got, c.text)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		p := Point{rnd.Float64()*360 - 180, (rnd.Float64()*2 - 1) * MaxLat}
		bits := Encode(p)
		if got := Encode(Decode(bits)); got != bits {
			t.Fatalf("%v: %d is the cell of %v, whose cell is %d", p, bits, Decode(bits), got)
		}
		if d := Distance(p, Decode(bits)); d > 1 {
			t.Fatalf("%v is %v m from the middle of its cell", p, d)
		}
	}
}

func TestFromScore(t *testing.T) {
	for score, want := range map[float64]uint64{
		0: 0, 3.7: 3, -5: math.MaxUint64 - 4, 1 << 53: 1 << 53, 1 << 63: 1 << 63,
		math.Inf(1): 0, math.Inf(-1): 1 << 63, 1e30: 0, -1e30: 1 << 63,
	} {
		if got := FromScore(score); got != want {
			t.Errorf("FromScore(%v) = %#x, want %#x", score, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	palermo, catania := Decode(3479099956230698), Decode(3479447370796909)
	if d := Distance(palermo, catania); d != 166274.15156960033 {
		t.Errorf("Palermo to Catania is %v m", d)
	}
}

// checkSearch compares a search with the definition: of random points those are
// found that are near enough, each in one range.
func checkSearch(t *testing.T, s Shape, rnd *rand.Rand) {
	t.Helper()
	f := NewFinder(&s)
	var buf [cells]Range
	ranges := s.Ranges(&buf)
	reach := max(s.Radius, s.Width, s.Height) * s.Unit / 111_000 * 2
	for range 300 {
		p := Point{s.Center.Lon + rnd.NormFloat64()*reach, s.Center.Lat + rnd.NormFloat64()*reach}
		if !p.Valid() {
			continue
		}
		bits := Encode(p)
		p = Decode(bits)
		d := Distance(s.Center, p)
		want := !(d > s.Radius*s.Unit)
		if s.Box {
			side := Distance(p, Point{s.Center.Lon, p.Lat})
			up := Distance(p, Point{p.Lon, s.Center.Lat})
			want = !(side > s.Width*s.Unit/2) && !(up > s.Height*s.Unit/2)
		}
		h, got := f.Contains(p)
		if got != want {
			t.Fatalf("%+v contains %v, %v m off: %v", s, p, d, got)
		}
		if got && f.Metres(h) != d {
			t.Fatalf("%+v: %v is %v m off, not %v", s, p, f.Metres(h), d)
		}
		in := 0
		for _, r := range ranges {
			if r.Min <= bits && bits < r.Max {
				in++
			}
		}
		if in > 1 {
			t.Fatalf("%+v: %v is in %d of the ranges %v", s, p, in, ranges)
		}
		// Near the edges of the map Redis misses some.
		if far := math.Abs(s.Center.Lat) > 60 || math.Abs(s.Center.Lon) > 150 || reach > 10; want && in == 0 && !far {
			t.Fatalf("%+v: %v, %v m off, is in no range of %v", s, p, d, ranges)
		}
	}
}

func TestSearch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		s := Shape{
			Center: Point{rnd.Float64()*360 - 180, (rnd.Float64()*2 - 1) * MaxLat},
			Radius: math.Pow(10, rnd.Float64()*8), Unit: []float64{1, 1000, 0.3048, 1609.34}[rnd.IntN(4)],
		}
		if s.Box = rnd.IntN(2) == 0; s.Box {
			s.Width, s.Height = s.Radius, s.Radius*math.Pow(10, rnd.NormFloat64())
			s.Radius = 0
		}
		checkSearch(t, s, rnd)
	}
}

func FuzzSearch(f *testing.F) {
	f.Add(uint64(1), 13.0, 38.0, 100.0, 50.0, false)
	f.Fuzz(func(t *testing.T, seed uint64, lon, lat, a, b float64, box bool) {
		p := Point{lon, lat}
		if !p.Valid() || !(a >= 0) || !(b >= 0) || a > 1e12 || b > 1e12 {
			return
		}
		s := Shape{Center: p, Box: box, Unit: 1, Radius: a}
		if box {
			s.Radius, s.Width, s.Height = 0, a, b
		}
		checkSearch(t, s, rand.New(rand.NewPCG(seed, 0)))
	})
}

func BenchmarkDistance(b *testing.B) {
	p := Point{13, 38}
	for i := 0; b.Loop(); i++ {
		Distance(p, Point{float64(i & 127), 30})
	}
}

func BenchmarkContains(b *testing.B) {
	s := Shape{Center: Point{13, 38}, Radius: 1000, Unit: 1000}
	f := NewFinder(&s)
	for i := 0; b.Loop(); i++ {
		f.Contains(Point{float64(i & 31), 30 + float64(i&15)})
	}
}
