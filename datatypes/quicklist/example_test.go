package quicklist_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/quicklist"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()

	l := quicklist.New(arena, 4, 0) // nodes of up to four elements
	for i := range 10 {
		l.PushTail(fmt.Append(nil, i))
	}
	l.Insert([]byte("5"), []byte("five and a half"), true) // splits a full node
	l.DropHead(3)

	c := l.Seek(0)
	for v, ok := c.Next(); ok; v, ok = c.Next() {
		fmt.Println(v)
	}
	fmt.Println(l.Len(), "elements in", l.Nodes(), "nodes")
	// Output:
	// 3
	// 4
	// 5
	// five and a half
	// 6
	// 7
	// 8
	// 9
	// 8 elements in 4 nodes
}
