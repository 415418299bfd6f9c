package skiplist_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/skiplist"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()

	l := skiplist.New(arena, 1)
	l.Insert(36, []byte("ada"))
	bob := l.Insert(17, []byte("bob"))
	l.Insert(17, []byte("eve"))
	l.UpdateScore(bob, 19)

	// From the first score above 17 on.
	r, rank := l.SeekScore(17, true)
	for ; r != slab.Nil; r = l.Next(r) {
		m, score := l.At(r)
		fmt.Printf("%d: %s %v\n", rank, m, score)
		rank++
	}
	// Output:
	// 1: bob 19
	// 2: ada 36
}
