package command

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What SORT replies is in the transcript generic/sort.txt.

// checkPartialSort compares a partial sort with a whole one.
func checkPartialSort(t *testing.T, s []int, first, last int) {
	t.Helper()
	want := slices.Sorted(slices.Values(s))
	got := slices.Clone(s)
	partialSort(got, first, last, cmp.Compare[int])
	for i := first; i <= last; i++ {
		if got[i] != want[i] {
			t.Fatalf("%v\nfrom %d to %d is %v, want %v", s, first, last, got[first:last+1], want[first:last+1])
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Fatalf("%v became %v", s, got)
	}
	for i := range got {
		if i < first && got[i] > got[first] || i > last && got[i] < got[last] {
			t.Fatalf("%v: place %d of %v is on the wrong side", s, i, got)
		}
	}
}

func FuzzPartialSort(f *testing.F) {
	f.Add([]byte("the quick brown fox jumps over the lazy dog, and then over the next one"), 3, 9)
	f.Add([]byte(strings.Repeat("a", 50)), 0, 0)
	f.Fuzz(func(t *testing.T, b []byte, first, last int) {
		if len(b) == 0 || first < 0 || first > last || last >= len(b) {
			return
		}
		s := make([]int, len(b))
		for i := range b {
			s[i] = int(b[i])
		}
		checkPartialSort(t, s, first, last)
	})
}

func TestPartialSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		s := make([]int, 1+rnd.IntN(200))
		for i := range s {
			s[i] = rnd.IntN(1 + rnd.IntN(300))
		}
		first := rnd.IntN(len(s))
		checkPartialSort(t, s, first, first+rnd.IntN(len(s)-first))
	}
}

// TestSortableKeepsOrder: words are in the order of the numbers.
func TestSortableKeepsOrder(t *testing.T) {
	rising := []float64{math.Inf(-1), -math.MaxFloat64, -1, -5e-324, 0, 5e-324, 1, 1.5, math.MaxFloat64, math.Inf(1)}
	for i := range rising[1:] {
		if sortable(rising[i]) >= sortable(rising[i+1]) {
			t.Errorf("%v is not below %v", rising[i], rising[i+1])
		}
	}
	if sortable(math.Copysign(0, -1)) != sortable(0) {
		t.Error("the zeros differ")
	}
}

// TestSortOfMany: byte by byte comes to the same as comparing.
func TestSortOfMany(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(7, 8))
	numbers := []func() string{
		func() string { return strconv.Itoa(rnd.IntN(2000) - 1000) },
		func() string { return strconv.FormatFloat(rnd.NormFloat64()*1e6, 'g', 3+rnd.IntN(5), 64) },
		func() string {
			return []string{"0", "-0", "0.0", "1", "1.0", "01", "-inf", "inf", "1e300"}[rnd.IntN(9)]
		},
	}
	for _, draw := range numbers {
		b.do("DEL l")
		var want []string
		for range 3 * manyWeights {
			want = append(want, draw())
			b.do("RPUSH l " + want[len(want)-1])
		}
		slices.SortFunc(want, func(x, y string) int {
			f, _ := strconv.ParseFloat(x, 64)
			g, _ := strconv.ParseFloat(y, 64)
			return cmp.Or(cmp.Compare(f, g), strings.Compare(x, y))
		})
		for _, line := range []string{"SORT l", "SORT l DESC"} {
			reply := fmt.Sprintf("*%d\r\n", len(want))
			for _, e := range want {
				reply += fmt.Sprintf("$%d\r\n%s\r\n", len(e), e)
			}
			b.want(line, reply)
			slices.Reverse(want)
		}
	}
}

// TestSortOfCompressedLists: the elements of a compressed node were those of the next
// one when it came to sorting them.
func TestSortOfCompressedLists(t *testing.T) {
	b := newBench(t)
	b.do("CONFIG SET list-compress-depth 1 list-max-listpack-size 20")
	var want []string
	for i := range 500 {
		e := fmt.Sprintf("element%03d%s", (i*7)%500, strings.Repeat("x", 30))
		b.do("RPUSH l " + e)
		want = append(want, e)
	}
	slices.Sort(want)
	reply := "*500\r\n"
	for _, e := range want {
		reply += "$" + strconv.Itoa(len(e)) + "\r\n" + e + "\r\n"
	}
	b.want("SORT l ALPHA", reply)
	b.want("SORT l ALPHA STORE l", ":500\r\n")
	b.want("LRANGE l 0 -1", reply)
}

func TestSmallSortDoesNotAllocate(t *testing.T) {
	b := newBench(t)
	for i := range 50 {
		b.do(fmt.Sprintf("RPUSH l %d", i*31%50))
		b.do(fmt.Sprintf("SET w_%d %d", i, i*7%50))
	}
	for _, line := range []string{"SORT l", "SORT l ALPHA DESC", "SORT l BY w_* GET # GET w_*", "SORT l LIMIT 0 5"} {
		var args [][]byte
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		run := func() {
			b.x.Begin()
			b.cl.Out.Reset()
			b.x.Do(b.cl, args)
		}
		run()
		if n := testing.AllocsPerRun(50, run); n > 4 { // the comparisons
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	x := newBench(b)
	for i := range 10_000 {
		x.do(fmt.Sprintf("RPUSH l %d", i*7919%10_007))
		x.do(fmt.Sprintf("SET w_%d %d", i*7919%10_007, i))
	}
	for _, line := range []string{"SORT l", "SORT l ALPHA", "SORT l LIMIT 0 10", "SORT l BY w_* LIMIT 0 10"} {
		b.Run(strings.ReplaceAll(line, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.do(line)
			}
		})
	}
}
