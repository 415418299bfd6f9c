package listpack_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/listpack"
)

func Example() {
	lp := listpack.New()
	for _, e := range []string{"name", "Ada", "born", "1815"} {
		lp = listpack.Append(lp, []byte(e))
	}
	p := listpack.Find(lp, listpack.First(lp), []byte("born"), 1)
	v := listpack.Get(lp, listpack.Next(lp, p))
	fmt.Println(v, v.IsInt, listpack.Len(lp), len(lp))
	// Output: 1815 true 4 27
}

func ExampleInsertBefore() {
	lp := listpack.New()
	lp = listpack.Append(lp, []byte("b"))
	lp = listpack.InsertBefore(lp, listpack.First(lp), []byte("a"))
	lp = listpack.InsertBefore(lp, listpack.End(lp), []byte("c"))
	for p, v := range listpack.All(lp) {
		fmt.Println(p, v)
	}
	fmt.Printf("% x\n", lp)
	// Output:
	// 6 a
	// 9 b
	// 12 c
	// 10 00 00 00 03 00 81 61 02 81 62 02 81 63 02 ff
}
