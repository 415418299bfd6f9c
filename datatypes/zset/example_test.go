package zset_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	limits := zset.DefaultLimits()
	slot := datatypes.NewMemSlot(arena, datatypes.ListPack, nil)

	z := zset.Init(slot, 3, 3, &limits)
	z.Add([]byte("ada"), 36, zset.Flags{}, &limits)
	z.Add([]byte("bob"), 17, zset.Flags{}, &limits)
	z.Add([]byte("eve"), 17.5, zset.Flags{}, &limits)
	z.Add([]byte("bob"), 2, zset.Flags{Incr: true}, &limits)

	z.ForEach(func(m zset.Value, score float64) bool {
		fmt.Printf("%s %s\n", m, zset.AppendScore(nil, score))
		return true
	})
	r, _ := zset.ParseScoreRange([]byte("(17.5"), []byte("+inf"))
	fmt.Println(z.CountByScore(r), "older than eve;", slot.Encoding())
	// Output:
	// eve 17.5
	// bob 19
	// ada 36
	// 2 older than eve; listpack
}
