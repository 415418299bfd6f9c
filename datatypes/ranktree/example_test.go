package ranktree_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes/ranktree"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()

	t := ranktree.New(arena, 1)
	t.Insert(36, []byte("ada"))
	bob := t.Insert(17, []byte("bob"))
	t.Insert(17, []byte("eve"))
	t.UpdateScore(bob, 19)

	// From the first score above 17 on.
	at := t.SeekScore(17, true)
	rank := at.Rank
	var refs [8]slab.Ref
	for _, r := range refs[:t.Fill(&at, refs[:])] {
		m, score := t.At(r)
		fmt.Printf("%d: %s %v\n", rank, m, score)
		rank++
	}
	// Output:
	// 1: bob 19
	// 2: ada 36
}
