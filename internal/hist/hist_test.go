package hist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSlots walks all values near the borders of slots.
func TestSlots(t *testing.T) {
	next := int64(0)
	for k := range chunks {
		for s := range slots {
			low, high := bounds(k, s)
			if low != next || high < low {
				t.Fatalf("slot %d.%d is %d … %d, want it to begin at %d", k, s, low, high, next)
			}
			for _, v := range []int64{low, high, (low + high) / 2} {
				if ck, cs := place(uint64(v)); int(ck) != k || int(cs) != s {
					t.Fatalf("place(%d) = %d.%d, want %d.%d", v, ck, cs, k, s)
				}
			}
			if low > 0 && float64(high-low)/float64(low) > 1.0/slots {
				t.Fatalf("slot %d … %d is too wide", low, high)
			}
			next = high + 1
		}
	}
	if next != 1<<30 {
		t.Errorf("slots end at %d, want 2^30", next)
	}
}

func TestClamps(t *testing.T) {
	var h Histogram
	h.Record(-5)
	h.Record(0)
	h.Record(time.Hour)
	if got := h.Percentile(50); got != 1 {
		t.Errorf("p50 = %d, want 1", got)
	}
	// What redis-server 7.0 says of anything beyond a second.
	if got := h.Percentile(100); got != 1002438655 {
		t.Errorf("p100 = %d, want 1002438655", got)
	}
}

// TestAsRedisPrints holds the answers of redis-server 7.0.15 to LATENCY
// HISTOGRAM and INFO LATENCYSTATS after DEBUG SLEEP of these times.
func TestAsRedisPrints(t *testing.T) {
	var h Histogram
	for _, usec := range []int64{700114, 540099, 1100098, 609499, 170, 2100, 2110} {
		h.Record(time.Duration(usec) * time.Microsecond)
	}
	want := [][2]int64{{264, 1}, {2113, 3}, {541065, 4}, {1073741, 7}}
	if d := cmp.Diff(want, buckets(&h)); d != "" {
		t.Errorf("buckets (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		p    float64
		want string
	}{{0, "169.984"}, {1, "171.007"}, {50, "541065.215"}, {99, "1002438.655"}, {100, "1002438.655"}} {
		got := fmt.Sprintf("%.3f", float64(h.Percentile(c.p))/1000)
		if got != c.want {
			t.Errorf("p%v = %s, want %s", c.p, got, c.want)
		}
	}
}

func buckets(h *Histogram) (got [][2]int64) {
	for usec, n := range h.Buckets() {
		got = append(got, [2]int64{usec, int64(n)})
	}
	return got
}

func TestBucketBounds(t *testing.T) {
	var h Histogram
	want := [][2]int64{}
	n := int64(0)
	for v := int64(1024); v < 1<<30; v *= 2 {
		_, high := bounds(func() (int, int) { k, s := place(uint64(v)); return int(k), int(s) }())
		h.Record(time.Duration(high)) // the last value that counts below this bound
		n++
		want = append(want, [2]int64{high / 1000, n})
	}
	got := buckets(&h)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("buckets (-want +got):\n%s", d)
	}
	var usec []int64
	for _, b := range got[:12] {
		usec = append(usec, b[0])
	}
	if d := cmp.Diff([]int64{1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113}, usec); d != "" {
		t.Errorf("bounds (-want +got):\n%s", d)
	}
	for range h.Buckets() {
		break // an early stop is no fault
	}
}

// model records what data encodes and compares with the sorted latencies.
func model(t *testing.T, data []byte) {
	var h, part Histogram
	var exact []int64
	for len(data) >= 3 {
		v := (int64(data[0])<<8 | int64(data[1])) << (data[2] % 20)
		if data[2]&64 != 0 {
			part.Record(time.Duration(v))
		} else {
			h.Record(time.Duration(v))
		}
		exact = append(exact, min(max(v, 1), int64(Max)))
		data = data[3:]
	}
	h.Merge(&part)
	if err := h.check(); err != nil {
		t.Fatal(err)
	}
	if h.Count() != uint64(len(exact)) {
		t.Fatalf("Count = %d, want %d", h.Count(), len(exact))
	}
	if len(exact) == 0 {
		if h.Percentile(50) != 0 || buckets(&h) != nil {
			t.Fatal("an empty histogram has values")
		}
		return
	}
	slices.Sort(exact)
	for _, p := range []float64{0, 0.1, 1, 25, 50, 75, 90, 99, 99.9, 100} {
		rank := max(int(p/100*float64(len(exact))+0.5), 1)
		want := exact[rank-1]
		got := int64(h.Percentile(p))
		if p == 0 {
			if got > want || float64(want-got) > float64(want)/slots {
				t.Fatalf("p0 = %d, exactly %d", got, want)
			}
		} else if got < want || float64(got-want) > float64(want)/slots {
			t.Fatalf("p%v = %d, exactly %d", p, got, want)
		}
	}
	// Each bound counts the latencies up to the end of its slot.
	var got, want [][2]int64
	told := int64(0)
	for v := int64(1024); v <= 1<<30; v *= 2 {
		high := v + v/slots - 1
		if v == 1<<30 {
			high = v - 1
		}
		n, _ := slices.BinarySearch(exact, high+1)
		if int64(n) > told {
			told = int64(n)
			want = append(want, [2]int64{high / 1000, told})
		}
	}
	if got = buckets(&h); !slices.Equal(got, want) {
		t.Fatalf("buckets %v, want %v", got, want)
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		data := make([]byte, 3*(seed*seed%500))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { model(t, data) }) {
			return
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("0a1b2c3d4e5f"))
	f.Fuzz(model)
}

func TestMemory(t *testing.T) {
	var h Histogram
	empty := h.Bytes()
	for i := range 1000 {
		h.Record(time.Duration(1000 + 10*i))
	}
	if got := h.Bytes() - empty; got > 5*1024 {
		t.Errorf("%d bytes for latencies of 1 to 11 µs", got)
	}
	if n := testing.AllocsPerRun(100, func() { h.Record(3 * time.Microsecond) }); n != 0 {
		t.Errorf("%v allocations a Record", n)
	}
	h.Reset()
	if h.Bytes() != empty || h.Count() != 0 {
		t.Errorf("%d bytes, %d counted after Reset", h.Bytes(), h.Count())
	}
}

func BenchmarkRecord(b *testing.B) {
	b.ReportAllocs()
	var h Histogram
	d := time.Duration(1)
	for b.Loop() {
		h.Record(d)
		d = (d*5 + 1) & (1<<20 - 1)
	}
}

func BenchmarkPercentile(b *testing.B) {
	var h Histogram
	for i := range 100000 {
		h.Record(time.Duration(i))
	}
	for b.Loop() {
		h.Percentile(99)
	}
}
