package command

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// What the commands reply is in the transcripts, geo/*.txt.

// TestAppendDecimals: the short way gives what the long way does.
func TestAppendDecimals(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	try := func(f float64, places int) {
		t.Helper()
		if got, want := string(appendDecimals(nil, f, places)), strconv.FormatFloat(f, 'f', places, 64); got != want {
			t.Fatalf("%v with %d places: %s, want %s", f, places, got, want)
		}
	}
	for _, f := range []float64{0, 0.5, 1, 0.00005, 0.00015, 0.03125, 0.00001, 179.99999999999997, 180, 1e-300, math.MaxFloat64, 1 << 53, 184.5} {
		for _, places := range []int{4, 17} {
			try(f, places)
			try(-f, places)
		}
	}
	for range 200_000 {
		f := (rnd.Float64()*2 - 1) * 180 * math.Pow(2, -float64(rnd.IntN(80)*rnd.IntN(2)))
		try(f, 17)
		try(f*1e5, 4)
		try(math.Ldexp(float64(rnd.IntN(1<<20)), -rnd.IntN(12)), 4) // ties
	}
}

// TestGeoSearchAgainstAllPairs compares searches with distances as GEODIST tells them.
func TestGeoSearchAgainstAllPairs(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	const n = 120
	for i := range n {
		b.do(fmt.Sprintf("GEOADD g %v %v m%d", 10+rnd.NormFloat64(), 50+rnd.NormFloat64(), i))
	}
	for i := 0; i < n; i += 7 {
		radius := math.Round(rnd.Float64() * 150_000)
		reply := b.do(fmt.Sprintf("GEOSEARCH g FROMMEMBER m%d BYRADIUS %v m", i, radius))
		for j := range n {
			text := string(bulk(t, b.do(fmt.Sprintf("GEODIST g m%d m%d", i, j))))
			d, _ := strconv.ParseFloat(text, 64)
			if found := strings.Contains(reply, fmt.Sprintf("\r\nm%d\r\n", j)); found != (d <= radius) {
				t.Errorf("m%d, %v m from m%d, is in %v m: %v", j, d, i, radius, found)
			}
		}
	}
}

func TestGeoDoesNotAllocate(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		b.do(fmt.Sprintf("GEOADD g %v %v m%d", 10+float64(i)/100, 50, i))
	}
	args := func(line string) (list [][]byte) {
		for _, f := range strings.Fields(line) {
			list = append(list, []byte(f))
		}
		return list
	}
	for _, line := range []string{
		"GEOADD g XX 10 50 m1", "GEODIST g m1 m2", "GEOPOS g m1 m2 m3",
		"GEOSEARCH g FROMLONLAT 10 50 BYRADIUS 50 km ASC WITHCOORD WITHDIST WITHHASH", "GEOSEARCH g FROMLONLAT 10 50 BYBOX 80 80 km COUNT 5",
	} {
		a := args(line)
		run := func() {
			b.x.Begin()
			b.cl.Out.Reset()
			b.x.Do(b.cl, a)
		}
		run()
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

func BenchmarkGeoSearch(b *testing.B) {
	x := newBench(b)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range 100_000 {
		x.do(fmt.Sprintf("GEOADD g %v %v m%d", rnd.Float64()*20, 40+rnd.Float64()*20, i))
	}
	for _, line := range []string{
		"GEOSEARCH g FROMLONLAT 10 50 BYRADIUS 50 km ASC COUNT 10",
		"GEOSEARCH g FROMLONLAT 10 50 BYRADIUS 100 km WITHDIST WITHCOORD",
		"GEOSEARCH g FROMLONLAT 10 50 BYBOX 200 200 km",
	} {
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.do(line)
			}
		})
	}
}
