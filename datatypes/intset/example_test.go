package intset_test

import (
	"fmt"
	"slices"

	"github.com/redweave/redweave/datatypes/intset"
)

func Example() {
	s := intset.New()
	for _, v := range []int64{300, -1, 5, 300} {
		var added bool
		s, added = intset.Add(s, v)
		fmt.Println(v, added, intset.Width(s), len(s))
	}
	s, _ = intset.Add(s, 70000)
	fmt.Println(slices.Collect(intset.All(s)), intset.Width(s), len(s))
	// Output:
	// 300 true 2 10
	// -1 true 2 12
	// 5 true 2 14
	// 300 false 2 14
	// [-1 5 300 70000] 4 24
}
