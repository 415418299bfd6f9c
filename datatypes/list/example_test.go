package list_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/internal/slab"
)

func Example() {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	slot := datatypes.NewMemSlot(arena, datatypes.Raw, nil)
	lim := list.Limits{MaxListpackSize: 3}

	l := list.Create(slot, 0)
	l.PushTail([][]byte{[]byte("b"), []byte("42")}, &lim)
	l.PushHead([][]byte{[]byte("a")}, &lim)
	fmt.Println(l.Len(), slot.Encoding())

	l.InsertAfter([]byte("a"), []byte("between"), &lim)
	fmt.Println(l.Len(), slot.Encoding())

	l = list.Open(slot)
	l.Range(0, -1, func(v list.Value) bool {
		fmt.Println(v, v.IsInt)
		return true
	})
	// Output:
	// 3 listpack
	// 4 quicklist
	// a false
	// between false
	// b false
	// 42 true
}
