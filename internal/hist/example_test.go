package hist_test

import (
	"fmt"
	"time"

	"github.com/redweave/redweave/internal/hist"
)

func Example() {
	var h hist.Histogram
	for i := range 100 {
		h.Record(time.Duration(i+1) * time.Microsecond)
	}
	fmt.Println(h.Count(), h.Percentile(50), h.Percentile(99))
	for usec, n := range h.Buckets() {
		fmt.Print(usec, ":", n, " ")
	}
	// Output:
	// 100 50.175µs 99.327µs
	// 1:1 2:2 4:4 8:8 16:16 33:33 66:66 132:100
}
