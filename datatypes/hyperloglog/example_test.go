package hyperloglog_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/hyperloglog"
)

func Example() {
	const sparseMax = 3000
	h := hyperloglog.Append(nil)
	for i := range 1000 {
		h, _, _ = hyperloglog.Add(h, fmt.Appendf(nil, "visitor %d", i%700), sparseMax)
	}
	n, err := hyperloglog.Count(h)
	fmt.Println(n > 680 && n < 720, err, len(h) < 2000, hyperloglog.Dense(h))
	// Output:
	// true <nil> true false
}
